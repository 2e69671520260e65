"""The gradient of a training's objective against finite differences."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.flatten_util import ravel_pytree

from hone.analysis.observables import ObservableSettings
from hone.errors import InputError
from hone.observable import Observable, create_observable
from hone.running.files import finite_or_none
from hone.training.batches import Data
from hone.training.documents import Differences
from hone.training.step import Problem

__all__ = ["STEPS", "check_gradient", "in_double_precision"]

STEPS = tuple(float(h) for h in 10.0 ** -np.arange(1, 8.5, 0.5))


def check_gradient(
    problem: Problem,
    observable: Observable,
    batch: Data,
    rng: np.random.Generator,
    directions: int = 4,
    steps: Sequence[float] = STEPS,
) -> Differences:
    """Derivatives of the objective of a batch in random directions, by JAX and by differences.

    The objective is that at the end of training. Directions are unit vectors in the space of all
    trained parameters; differences are central, (f(x + h v) - f(x - h v)) / 2h.

    Args:
        problem: what is trained on.
        observable: at its parameters; in double precision, for accurate differences.
        batch: events.
        rng: of the directions.
        directions: how many.
        steps: h.

    Raises:
        InputError: the objective or its gradient is not finite at the parameters themselves.
    """
    trainable, frozen = eqx.partition(observable, observable.trainable())
    centre, unravel = ravel_pytree(trainable)
    if not centre.size:
        raise InputError("the observable has no parameter that is trained")

    def loss(x: Any) -> Any:
        return problem.loss(eqx.combine(unravel(x), frozen), batch, 1.0)

    # One program for everything: it takes longer to compile than to run.
    evaluate = jax.jit(jax.value_and_grad(loss))
    value, gradient = evaluate(centre)
    gradient = np.asarray(gradient, dtype=float)
    norm = float(np.linalg.norm(gradient))
    if not (np.isfinite(value) and np.isfinite(norm)):
        raise InputError("the objective of the batch, or its gradient, is not finite")
    vectors = rng.normal(size=(directions, centre.size))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    shifts = np.array(
        [side * h * v for v in vectors for h in steps for side in (1, -1)], dtype=centre.dtype
    )
    # By NumPy: an operation of JAX is a program, too.
    found = [float(evaluate(np.asarray(centre) + shift)[0]) for shift in shifts]
    values = np.reshape(found, (directions, len(steps), 2))
    differences = (values[..., 0] - values[..., 1]) / (2 * np.asarray(steps))
    autodiff = vectors @ gradient
    size = np.maximum(abs(autodiff), norm / np.sqrt(centre.size))
    relative = abs(differences - autodiff[:, None]) / np.where(size > 0, size, 1.0)[:, None]
    return {
        "objective": float(value),
        "parameters": int(centre.size),
        "gradient_norm": norm,
        "steps": list(map(float, steps)),
        "autodiff": autodiff.tolist(),
        "differences": [finite_or_none(row) for row in differences],
        "relative": [finite_or_none(row) for row in relative],
    }


def in_double_precision(observable: Observable, settings: ObservableSettings) -> Observable:
    """The same observable with a float64 network.

    Args:
        observable: the trained one.
        settings: that it was made from, as :func:`~hone.observable.load_observable` returns them.
    """
    if getattr(settings, "precision", "float64") == "float64":
        return observable
    features = observable.features
    blank = eqx.filter_eval_shape(
        lambda: create_observable(
            settings.model_copy(update={"precision": "float64"}),
            features,
            np.ones((2, len(features))),
            jax.random.key(0),
        )
    )
    wanted, structure = jax.tree.flatten(blank)
    cast = [
        jax.device_put(np.asarray(leaf, like.dtype)) if eqx.is_array(leaf) else leaf
        for leaf, like in zip(jax.tree.leaves(observable), wanted, strict=True)
    ]
    found: Observable = jax.tree.unflatten(structure, cast)
    return found
