"""Safeguards: what a bin must have so that its expectation can be trusted."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hone.training.settings import Settings

__all__ = ["effective_events", "penalty"]

_STRENGTH = 10.0
"""So stiff that a limit gives way by a few per cent to an objective of order one."""


def penalty(
    settings: Settings, background: Float[Array, " B"], variance: Float[Array, " B"]
) -> Float[Array, ""]:
    """Zero while every bin has enough background, known well enough; rises quadratically beyond.

    Args:
        settings: the limits.
        background: expected background per bin, in events.
        variance: of that expectation, from the statistics of the simulation.
    """
    total = jnp.zeros(())
    if settings.minimum_background > 0:
        missing = jax.nn.relu(1 - background / settings.minimum_background)
        total += (missing**2).sum()
    if settings.maximum_mc_error > 0:
        enough = settings.maximum_mc_error**2 * effective_events(background, variance)
        total += (jax.nn.relu(1 - enough) ** 2).sum()
    return _STRENGTH * total


def effective_events(
    background: Float[Array, " B"], variance: Float[Array, " B"]
) -> Float[Array, " B"]:
    """Simulated events of weight one that would be known as well; negative for negative yields."""
    known = variance > 0
    return jnp.where(known, background * jnp.abs(background) / jnp.where(known, variance, 1.0), 0.0)
