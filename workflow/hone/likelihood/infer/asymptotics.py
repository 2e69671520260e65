"""Asymptotic distributions of the test statistics (arXiv:1007.1727), in log space.

Conventions of ``pyhf/infer/calculators.py`` and ``test_statistics.py`` (pyhf 0.7.6): test
statistics in units of -mu-hat/sigma, distributed as unit normals around -sqrt(q_A) for signal plus
background and around 0 for background only.
"""

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Array, Float

from hone.likelihood.arrays import namespace, scipy_of

__all__ = [
    "N_SIGMA",
    "LogPValues",
    "TestStatistic",
    "log_pvalues",
    "normal_quantiles",
    "quantile_slopes",
    "safe_sqrt",
]

TestStatistic = Literal["q", "qtilde", "q0"]
N_SIGMA = (2.0, 1.0, 0.0, -1.0, -2.0)
"""Order of pyhf's expected set: fluctuations of -mu-hat, so that CLs and limits increase."""


class LogPValues(NamedTuple):
    """Natural logarithms of p-values, observed () and expected (5,) in the order of N_SIGMA."""

    clsb: Float[Array, ""]
    clb: Float[Array, ""]
    clsb_expected: Float[Array, " 5"]
    clb_expected: Float[Array, " 5"]

    @property
    def cls(self) -> Float[Array, ""]:
        return self.clsb - self.clb

    @property
    def cls_expected(self) -> Float[Array, " 5"]:
        return self.clsb_expected - self.clb_expected


def log_pvalues(
    q: Float[Array, ""],
    q_asimov: Float[Array, ""],
    test_stat: TestStatistic,
    calc_base_dist: str = "normal",
    ratio: Float[Array, ""] | float = 1.0,
) -> LogPValues:
    """p-values of the test statistic, observed and expected; arguments as below."""
    q_asimov = q_asimov[..., None] * np.ones(6)
    quantiles = normal_quantiles(q, q_asimov, test_stat, calc_base_dist, ratio)
    clsb, clb = scipy_of(namespace(quantiles)).special.log_ndtr(quantiles)
    return LogPValues(clsb[0], clb[0], clsb[1:], clb[1:])


def normal_quantiles(
    q: Float[Array, ""],
    q_asimov: Float[Array, " 6"],
    test_stat: TestStatistic,
    calc_base_dist: str = "normal",
    ratio: Float[Array, ""] | float = 1.0,
) -> Float[Array, "2 6"]:
    """Where the cumulative unit normal is CLs+b (first row) and CLb (second).

    Args:
        q: observed test statistic.
        q_asimov: that of the Asimov data, for the observed p-values and the five expected ones.
        test_stat: ``"qtilde"``, ``"q"`` or ``"q0"``.
        calc_base_dist: ``"normal"`` or ``"clipped_normal"``.
        ratio: of the tested POI value to that of the statistics; differs from 1 only close to
            POI = 0, where sqrt(q_A) is linear in the POI.
    """
    xp = namespace(q, q_asimov)
    root, root_asimov = safe_sqrt(q), safe_sqrt(q_asimov)
    observed = root - root_asimov[0]
    if test_stat == "qtilde":
        beyond = root > root_asimov[0]
        width = 2 * xp.where(root_asimov[0] > 0, root_asimov[0], 1.0)
        observed = xp.where(beyond, (q - q_asimov[0]) / width, observed)
    expected = np.array(N_SIGMA)
    if calc_base_dist == "clipped_normal":
        expected = xp.maximum(expected, -root_asimov[1:])
    statistic = xp.append(observed, expected)
    return -xp.stack([statistic + ratio * root_asimov, statistic])


def quantile_slopes(
    q: Float[Array, ""],
    q_asimov: Float[Array, " 6"],
    q_slope: Float[Array, ""],
    q_asimov_slope: Float[Array, " 6"],
    test_stat: TestStatistic,
    calc_base_dist: str = "normal",
) -> Float[Array, "2 6"]:
    """Derivative of :func:`normal_quantiles`, given those of the statistics."""
    xp = namespace(q, q_asimov)
    root, root_asimov = safe_sqrt(q), safe_sqrt(q_asimov)

    def slope_of(root: Array, slope: Array) -> Array:
        return xp.where(root > 0, slope / (2 * xp.where(root > 0, root, 1.0)), 0.0)

    slope, slope_asimov = slope_of(root, q_slope), slope_of(root_asimov, q_asimov_slope)
    observed = slope - slope_asimov[0]
    if test_stat == "qtilde":
        width = 2 * xp.where(root_asimov[0] > 0, root_asimov[0], 1.0)
        beyond = q_slope - q_asimov_slope[0]
        beyond = (beyond - 2 * slope_asimov[0] * (q - q_asimov[0]) / width) / width
        observed = xp.where(root > root_asimov[0], beyond, observed)
    expected = xp.zeros(5)
    if calc_base_dist == "clipped_normal":
        expected = xp.where(-root_asimov[1:] > np.array(N_SIGMA), -slope_asimov[1:], 0.0)
    statistic = xp.append(observed, expected)
    return -xp.stack([statistic + slope_asimov, statistic])


def safe_sqrt(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Square root whose derivative at zero is zero, not infinite."""
    xp, positive = namespace(x), x > 0
    return xp.where(positive, xp.sqrt(xp.where(positive, x, 1.0)), xp.where(x == 0, 0.0, x))
