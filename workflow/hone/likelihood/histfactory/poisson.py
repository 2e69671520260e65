"""The Poisson density of a bin, for real counts, its deviance, and what empty bins need."""

import numpy as np
from jaxtyping import Array, Float

from hone.likelihood.arrays import namespace, scipy_of

__all__ = [
    "BARRIER", "EMPTY", "poisson_derivatives", "poisson_deviance", "poisson_logpdf", "with_barrier",
]  # fmt: skip

BARRIER = 1e-10
"""Events added to empty bins in the search for a minimum; -ln L changes by about this."""
EMPTY = 1e-6
"""A bin with fewer events counts as empty, e.g. in Asimov data of a fit at a rate of zero."""
_LARGE = 30.0
"""Events above which Stirling's series is exact to machine precision."""


def poisson_logpdf(n: Float[Array, "*shape"], rate: Float[Array, "*shape"]) -> Array:
    """ln of the Poisson density continued to real n, as pyhf's ``poisson_logpdf``.

    For large n the terms of n ln(rate) - rate - ln(n!) cancel (three digits are left for 1e11
    events): there it is ln Pois(n | n), by Stirling's series, minus the deviance.
    """
    xp = namespace(n, rate)
    possible, n_log_rate = _xlogy(n, rate)
    large = n > _LARGE
    direct = n_log_rate - rate - scipy_of(xp).special.gammaln(xp.where(large, 0.0, n) + 1.0)
    inverse = 1 / xp.where(large, n, 1.0)
    series = xp.polyval(np.array([-1 / 1680, 1 / 1260, -1 / 360, 1 / 12]), inverse**2) * inverse
    saturated = 0.5 * xp.log(inverse / (2 * np.pi)) - series
    value = xp.where(large, saturated - poisson_deviance(n, rate), direct)
    return xp.where(possible, value, 0 * rate - xp.inf)


def poisson_deviance(n: Float[Array, "*shape"], rate: Float[Array, "*shape"]) -> Array:
    """ln Pois(n | n) - ln Pois(n | rate), in a form that is accurate near rate = n.

    Below one event there is no useful saturated model: the terms that depend on the rate are left.
    """
    xp = namespace(n, rate)
    possible, n_log_rate = _xlogy(n, rate)
    positive = possible & (n > 0)
    ratio = xp.where(positive, rate, 1.0) / xp.where(positive, n, 1.0)
    excess = xp.where(positive, rate - n, 0.0) / xp.where(positive, n, 1.0)
    # excess - ln(ratio), by its series where the difference would cancel
    near = xp.abs(excess) < 0.01
    series = xp.polyval(np.array([1 / 8, -1 / 7, 1 / 6, -1 / 5, 1 / 4, -1 / 3, 1 / 2]), excess)
    term = xp.where(near, excess**2 * series, excess - xp.log(ratio))
    value = xp.where(positive, n * term, rate - n_log_rate)
    # Infinite where a rate is negative, NaN where it is NaN.
    return xp.where(possible, value, 0 * rate + xp.inf)


def with_barrier(
    n: Float[Array, "*L B"], rate: Float[Array, "*L B"], barrier: Float[Array, "*L"] | float
) -> Float[Array, "*L B"]:
    """Data with ``barrier`` events added to empty bins, unless their rate is zero too."""
    xp = namespace(n, rate)
    return n + xp.where((n < EMPTY) & (rate != 0), xp.asarray(barrier)[..., None], 0.0)


def poisson_derivatives(
    n: Float[Array, "*shape"], rate: Float[Array, "*shape"]
) -> tuple[Array, Array]:
    """First and second derivative of the deviance with respect to the rate."""
    xp = namespace(n, rate)
    per_rate = xp.where(n != 0, n, 0.0) / xp.where(rate != 0, rate, 1.0)
    return 1 - per_rate, per_rate / xp.where(rate != 0, rate, 1.0)


def _xlogy(n: Float[Array, "*shape"], rate: Float[Array, "*shape"]) -> tuple[Array, Array]:
    """Where the density is not zero, and n ln(rate), with finite derivatives everywhere."""
    xp = namespace(n, rate)
    possible = (rate > 0) | ((rate == 0) & (n == 0))
    return possible, n * xp.log(xp.where(rate > 0, rate, 1.0))
