"""Roots of falling functions within bounds."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["falling_roots"]

_MAX_ITERATIONS = 60
_TOLERANCE = 1e-12


def falling_roots(
    function: Callable[[Float[Array, ""], Array], tuple[Float[Array, ""], Float[Array, ""]]],
    labels: Array,
    lower: Float[Array, ""],
    upper: Float[Array, ""],
) -> Float[Array, " K"]:
    """Where ``function(x, label)`` falls through zero, for each of ``labels``.

    Newton steps kept inside a bracket that shrinks from [lower, upper]; steps that leave it, or
    meet a slope that does not fall, are replaced by bisections. All roots are found in one batch,
    and nothing is differentiated through the iterations: the caller supplies the derivative.

    Args:
        function: gives value and slope in ``x``; positive at ``lower``, then falling.
        labels: passed on to the function, one per root (K,).
        lower: where the function is positive.
        upper: where the function must not be positive.

    Returns:
        The roots; NaN where there is none.
    """

    def body(state: Any) -> Any:
        x, low, high, done, iteration = state
        value, slope = jax.vmap(function)(x, labels)
        low = jnp.where(value > 0, x, low)
        high = jnp.where(value > 0, high, x)
        newton = x - value / slope
        usable = (slope < 0) & (newton > low) & (newton < high)
        new = jnp.where(usable, newton, 0.5 * (low + high))
        # The first turn only looks whether there is a root below the upper bound.
        first = iteration == 0
        new = jnp.where(first, start, new)
        missing = (first & (value > 0)) | jnp.isnan(value) | jnp.isnan(x)
        settled = jnp.abs(new - x) <= _TOLERANCE * jnp.abs(new)
        settled |= high - low <= _TOLERANCE * jnp.abs(high)
        new = jnp.where(missing, jnp.nan, jnp.where(done, x, new))
        return new, low, high, done | settled | missing, iteration + 1

    def going_on(state: Any) -> Array:
        return ~state[3].all() & (state[4] < _MAX_ITERATIONS)

    full = jnp.ones(labels.shape)
    start = jnp.clip(1.0, lower, lower + 0.5 * (upper - lower)) * full
    begin = (upper * full, lower * full, upper * full, full < 0, jnp.array(0))
    x, _, _, done, _ = jax.lax.while_loop(going_on, body, begin)
    return jnp.where(done, x, jnp.nan)
