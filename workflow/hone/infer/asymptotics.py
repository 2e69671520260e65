"""Asymptotic distributions of the test statistics (arXiv:1007.1727), in log space.

Conventions of ``pyhf/infer/calculators.py`` and ``test_statistics.py`` (pyhf 0.7.6): test
statistics in units of -mu-hat/sigma, distributed as unit normals around -sqrt(q_A) for signal plus
background and around 0 for background only.
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import log_ndtr
from jaxtyping import Array, Float

from hone.histfactory.likelihood import Likelihood
from hone.infer.mle import FitSetup

__all__ = [
    "N_SIGMA",
    "AsimovFit",
    "LogPValues",
    "TestStatistic",
    "asimov_fit",
    "conditional_fits",
    "log_pvalues",
    "safe_sqrt",
    "test_statistics",
]

TestStatistic = Literal["q", "qtilde", "q0"]
N_SIGMA = (2.0, 1.0, 0.0, -1.0, -2.0)
"""Order of pyhf's expected set: fluctuations of -mu-hat, so that CLs and limits increase."""


class AsimovFit(NamedTuple):
    """What all hypotheses on the same data share."""

    free_pars: Float[Array, " P"]
    """Best fit of all parameters to the data."""
    asimov_pars: Float[Array, " P"]
    """Best fit to the data with the POI at the Asimov value (0, or 1 for q0)."""
    asimov_data: Float[Array, " D"]


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


def asimov_fit(
    likelihood: Likelihood,
    data: Float[Array, " D"],
    setup: FitSetup,
    poi: int,
    test_stat: TestStatistic,
) -> AsimovFit:
    """The fits that do not depend on the tested POI value, both in one batch."""
    fixed = setup.fixing(poi, _asimov_poi(test_stat))
    both = jax.tree.map(lambda a, b: jnp.stack([a, b]), setup, fixed)
    free_pars, asimov_pars = jax.vmap(lambda s: s.minimise(likelihood, data))(both)
    return AsimovFit(free_pars, asimov_pars, likelihood.expected_data(asimov_pars))


def conditional_fits(
    likelihood: Likelihood,
    data: Float[Array, " D"],
    asimov: AsimovFit,
    setup: FitSetup,
    poi: int,
    mu: Float[Array, ""],
) -> tuple[Float[Array, "2 P"], Float[Array, "2 D"]]:
    """Fits with the POI fixed at ``mu`` to the data and to the Asimov data, in one batch.

    They also begin where the fits without or with another fixed POI ended.
    """
    fixed = setup.fixing(poi, mu)
    datasets = jnp.stack([data, asimov.asimov_data])
    nearby = jnp.stack([asimov.free_pars, asimov.asimov_pars])
    fits = jax.vmap(lambda d, start: fixed.minimise(likelihood, d, start))(datasets, nearby)
    return fits, datasets


def test_statistics(
    likelihood: Likelihood,
    data: Float[Array, " D"],
    asimov: AsimovFit,
    conditional: tuple[Float[Array, "2 P"], Float[Array, "2 D"]],
    poi: int,
    test_stat: TestStatistic,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Test statistic for the data and for the Asimov data, from fits already made.

    The free fit to Asimov data needs no fit: the Asimov parameters reproduce every datum, so that
    -ln L relative to the saturated model is zero there.
    """
    pars, datasets = conditional
    mu = pars[0, poi]
    observed, expected = jax.vmap(likelihood.nll)(pars, datasets)
    free = likelihood.nll(asimov.free_pars, data)
    q = 2 * _not_negative(observed - free)
    q_asimov = 2 * _not_negative(expected)
    mu_hat = asimov.free_pars[poi]
    if test_stat == "q0":
        return jnp.where(mu_hat < 0, 0.0, q), q_asimov
    return jnp.where(mu_hat > mu, 0.0, q), jnp.where(_asimov_poi(test_stat) > mu, 0.0, q_asimov)


def log_pvalues(
    q: Float[Array, ""],
    q_asimov: Float[Array, ""],
    test_stat: TestStatistic,
    calc_base_dist: str = "normal",
) -> LogPValues:
    """p-values of the test statistic, observed and expected."""
    root, root_asimov = safe_sqrt(q), safe_sqrt(q_asimov)
    statistic = root - root_asimov
    if test_stat == "qtilde":
        beyond = root > root_asimov
        width = 2 * jnp.where(root_asimov > 0, root_asimov, 1.0)
        statistic = jnp.where(beyond, (q - q_asimov) / width, statistic)
    expected = jnp.array(N_SIGMA)
    if calc_base_dist == "clipped_normal":
        expected = jnp.maximum(expected, -root_asimov)
    return LogPValues(
        clsb=log_ndtr(-(statistic + root_asimov)),
        clb=log_ndtr(-statistic),
        clsb_expected=log_ndtr(-(expected + root_asimov)),
        clb_expected=log_ndtr(-expected),
    )


def safe_sqrt(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Square root whose derivative at zero is zero, not infinite."""
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1.0)), jnp.where(x == 0, 0.0, x))


def _not_negative(x: Float[Array, ""]) -> Float[Array, ""]:
    """Zero below zero; unlike ``maximum``, lets NaN through and does not halve the slope at 0."""
    return jnp.where(x < 0, 0.0, x)


def _asimov_poi(test_stat: TestStatistic) -> float:
    return 1.0 if test_stat == "q0" else 0.0
