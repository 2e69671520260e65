"""Penalties for bins with too little background or too large an MC error, and for large weights."""

from collections.abc import Sequence
from typing import Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hone.training.settings import Settings

__all__ = ["Safeguards", "effective_events", "penalty", "regularisation"]

_STRENGTH = 10.0
"""Large enough that the limits are exceeded by a few per cent at most."""


class Safeguards(Protocol):
    """Limits of what bins may have."""

    @property
    def minimum_background(self) -> float:
        """Background that each bin should have, in events."""

    @property
    def maximum_mc_error(self) -> float:
        """Relative error of the background that no bin should exceed; 0 for no limit."""


def penalty(
    settings: Safeguards, background: Float[Array, " B"], variance: Float[Array, " B"]
) -> Float[Array, ""]:
    """Zero if every bin has enough background with a small enough error, else quadratic.

    Args:
        settings: the limits.
        background: expected background per bin, in events.
        variance: of the background, from the statistics of the simulation.
    """
    total = jnp.zeros(())
    if settings.minimum_background > 0:
        missing = jax.nn.relu(1 - background / settings.minimum_background)
        total += (missing**2).sum()
    if settings.maximum_mc_error > 0:
        enough = settings.maximum_mc_error**2 * effective_events(background, variance)
        total += (jax.nn.relu(1 - enough) ** 2).sum()
    return _STRENGTH * total


def regularisation(settings: Settings, matrices: Sequence[Array]) -> Float[Array, ""]:
    """``l1`` sum abs(w) + ``l2`` sum w^2 over the weights w of matrices of any shapes."""
    total = jnp.zeros(())
    for weights in (matrix.astype(total.dtype) for matrix in matrices):
        if settings.l1:
            total += settings.l1 * jnp.abs(weights).sum()
        if settings.l2:
            total += settings.l2 * (weights**2).sum()
    return total


def effective_events(
    background: Float[Array, " B"], variance: Float[Array, " B"]
) -> Float[Array, " B"]:
    """Effective number of simulated events, sum(w)^2 / sum(w^2); negative for negative yields."""
    known = variance > 0
    return jnp.where(known, background * jnp.abs(background) / jnp.where(known, variance, 1.0), 0.0)
