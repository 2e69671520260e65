"""Optimisers of optax, their schedules, and averages of weights."""

from collections.abc import Callable
from inspect import signature
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from hone.training.settings import Settings

__all__ = ["averaged", "learning_rate", "make_optimiser"]


def learning_rate(settings: Settings) -> Callable[[Any], Any]:
    """The learning rate as a function of the step."""
    steps, highest = settings.steps - settings.warmup, settings.learning_rate
    if settings.schedule == "cosine":
        rate: Any = optax.cosine_decay_schedule(highest, steps)
    elif settings.schedule == "exponential":
        rate = optax.exponential_decay(highest, steps, 0.01)
    else:
        rate = optax.constant_schedule(highest)
    if not settings.warmup:
        return rate
    rise = optax.linear_schedule(0.0, highest, settings.warmup)
    return optax.join_schedules([rise, rate], [settings.warmup])


def make_optimiser(settings: Settings) -> optax.GradientTransformationExtraArgs:
    """An optimiser on a schedule, with clipped gradients; updates take the loss as ``value``."""
    make = getattr(optax, settings.optimiser)
    arguments = dict(settings.optimiser_arguments)
    masks = {"mask", "weight_decay_mask"} & {*signature(make).parameters}
    chain = [
        optax.clip_by_global_norm(settings.gradient_clip),
        make(learning_rate(settings), **arguments, **dict.fromkeys(masks, _matrices)),
    ]
    if settings.schedule == "plateau":
        chain.append(
            optax.contrib.reduce_on_plateau(
                factor=0.5, patience=5, accumulation_size=settings.validate_every
            )
        )
    return optax.with_extra_args_support(optax.chain(*chain))


def _matrices(trainable: Any) -> Any:
    """Which leaves are matrices, whose weights decay."""
    return jax.tree.map(lambda x: x.ndim > 1, trainable)


def averaged(settings: Settings, before: Any, now: Any, number: Int[Array, ""]) -> Any:
    """The exponential average of what is trained after a step; without one, what is trained.

    Early averages are of fewer steps, with decay (1 + n) / (10 + n), to forget the start.
    """
    if not settings.average:
        return now
    decay: Float[Array, ""] = jnp.minimum(settings.average, (1.0 + number) / (10.0 + number))
    return jax.tree.map(lambda a, b: (decay * a + (1 - decay) * b).astype(b.dtype), before, now)
