"""Asymptotic distributions of the test statistics (arXiv:1007.1727), in log space.

Conventions of ``pyhf/infer/calculators.py`` and ``test_statistics.py`` (pyhf 0.7.6): test
statistics in units of -mu-hat/sigma, distributed as unit normals around -sqrt(q_A) for signal plus
background and around 0 for background only.
"""

from typing import Literal, NamedTuple

import jax.numpy as jnp
from jax.scipy.special import log_ndtr
from jaxtyping import Array, Float

__all__ = [
    "N_SIGMA",
    "LogPValues",
    "TestStatistic",
    "log_pvalues",
    "normal_quantiles",
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
    quantiles = normal_quantiles(q, jnp.full(6, q_asimov), test_stat, calc_base_dist, ratio)
    clsb, clb = log_ndtr(quantiles)
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
    root, root_asimov = safe_sqrt(q), safe_sqrt(q_asimov)
    observed = root - root_asimov[0]
    if test_stat == "qtilde":
        beyond = root > root_asimov[0]
        width = 2 * jnp.where(root_asimov[0] > 0, root_asimov[0], 1.0)
        observed = jnp.where(beyond, (q - q_asimov[0]) / width, observed)
    expected = jnp.array(N_SIGMA)
    if calc_base_dist == "clipped_normal":
        expected = jnp.maximum(expected, -root_asimov[1:])
    statistic = jnp.append(observed, expected)
    return -jnp.stack([statistic + ratio * root_asimov, statistic])


def safe_sqrt(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Square root whose derivative at zero is zero, not infinite."""
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1.0)), jnp.where(x == 0, 0.0, x))
