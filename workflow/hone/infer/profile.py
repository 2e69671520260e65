"""The fits behind a hypothesis test, and the test statistics that follow from them."""

import logging
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hone.histfactory import Model
from hone.histfactory.likelihood import Likelihood
from hone.infer.asymptotics import LogPValues, TestStatistic, log_pvalues, normal_quantiles
from hone.infer.minimum import Minima, attach, descend
from hone.infer.mle import FitSetup, checked_setup, is_traced, require_poi

__all__ = [
    "Fitted",
    "asimov_poi",
    "best_start",
    "log_hypotest",
    "setup_for_test",
    "test_statistic",
    "test_statistics",
    "tested_poi",
]

log = logging.getLogger(__name__)


class Fitted(NamedTuple):
    """Parameters of the fits behind tests of the POI."""

    free: Float[Array, " P"]
    """Best fit of all parameters to the data."""
    asimov: Float[Array, " P"]
    """Best fit to the data at the Asimov POI; it defines the Asimov data."""
    fixed: Float[Array, " P"]
    """Best fit to the data at the tested POI."""
    fixed_asimov: Float[Array, "N P"]
    """Best fits to the Asimov data at N tested POI values."""


@partial(jax.jit, static_argnames=("test_stat", "calc_base_dist"))
def log_hypotest(
    mu: Float[Array, ""] | float,
    data: Float[Array, " D"],
    model: Model,
    setup: FitSetup,
    test_stat: TestStatistic = "qtilde",
    calc_base_dist: str = "normal",
) -> LogPValues:
    """Logarithms of the p-values of a test; unlike p-values, they never underflow."""
    q, q_asimov, _ = _test(mu, data, model, setup, test_stat)
    return log_pvalues(q, q_asimov, test_stat, calc_base_dist)


@partial(jax.jit, static_argnames="test_stat")
def test_statistic(
    mu: Float[Array, ""] | float,
    data: Float[Array, " D"],
    model: Model,
    setup: FitSetup,
    test_stat: TestStatistic,
) -> tuple[Float[Array, ""], Float[Array, ""], Fitted]:
    """The statistic as pyhf's calculator gives it (in units of -mu-hat / sigma), q_A, the fits."""
    q, q_asimov, fitted = _test(mu, data, model, setup, test_stat)
    _, clb = normal_quantiles(q, jnp.full(6, q_asimov), test_stat)
    return -clb[0], q_asimov, fitted


def _test(
    mu: Float[Array, ""] | float,
    data: Float[Array, " D"],
    model: Model,
    setup: FitSetup,
    test_stat: TestStatistic,
) -> tuple[Float[Array, ""], Float[Array, ""], Fitted]:
    poi, mu = require_poi(model), jnp.asarray(mu, dtype=float)
    likelihood = model.prepare()
    frozen = jax.lax.stop_gradient((likelihood, data, setup, mu))
    fitted = fit_for_test(*frozen[:3], poi, frozen[3], test_stat)
    q, q_asimov = test_statistics(likelihood, data, setup, poi, mu, mu[None], fitted, test_stat)
    return q, q_asimov[0], fitted


def fit_for_test(
    likelihood: Likelihood,
    data: Float[Array, " D"],
    setup: FitSetup,
    poi: int,
    mu: Float[Array, ""],
    test_stat: TestStatistic,
) -> Fitted:
    """Search the four minima that a test of one POI value needs; not differentiable.

    Two stages of one loop, so that the fit is compiled once: free and Asimov fits, then the fits
    at the tested value, to the data and to the Asimov data, which begin where the first ended.
    """
    asimov = setup.fixing(poi, asimov_poi(test_stat))
    tested = setup.fixing(poi, mu)
    starts = setup.starts(likelihood)
    count = len(starts)
    observed = jnp.tile(data, (2 * count, 1))

    def stage(turn: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        first, previous = turn == 0, state[1]
        expected = likelihood.expected_data(previous[1])
        second_data = jnp.where(jnp.arange(2 * count)[:, None] < count, data, expected)
        # The suggested start gives way to the fits already made.
        second_start = jnp.tile(tested.starts(likelihood), (2, 1))
        second_start = second_start.at[jnp.array([0, count])].set(tested.held_at(previous))
        first_start = jnp.concatenate([starts, asimov.starts(likelihood)])
        free = jnp.repeat(jnp.stack([setup.free, asimov.free]), count, axis=0)
        found = descend(
            likelihood,
            jnp.where(first, observed, second_data),
            jnp.where(first, first_start, second_start),
            setup.lower,
            setup.upper,
            jnp.where(first, free, tested.free),
        )
        return previous, best_start(found, count).pars

    nothing = jnp.stack([setup.start] * 2)
    begun, ended = jax.lax.fori_loop(0, 2, stage, (nothing, nothing))
    return Fitted(begun[0], begun[1], ended[0], ended[1:])


def best_start(found: Minima, starts: int) -> Minima:
    """The lowest of each ``starts`` neighbouring fits."""
    values = found.value.reshape(-1, starts)
    place = jnp.argmin(values, axis=1) + starts * jnp.arange(len(values))
    return Minima(*(leaf[place] for leaf in found))


def test_statistics(
    likelihood: Likelihood,
    data: Float[Array, " D"],
    setup: FitSetup,
    poi: int,
    mu: Float[Array, ""],
    mu_asimov: Float[Array, " N"],
    fitted: Fitted,
    test_stat: TestStatistic,
) -> tuple[Float[Array, ""], Float[Array, " N"]]:
    """Test statistics of the data at ``mu`` and of the Asimov data at N values, differentiable.

    Derivatives go through the fits by the implicit function theorem, also where the data is
    itself a fit's (the Asimov data). The free fit to Asimov data needs no fit: the Asimov
    parameters reproduce every datum, so that -ln L relative to the saturated model is zero there.
    """
    fitted = jax.lax.stop_gradient(fitted)
    asimov = setup.fixing(poi, asimov_poi(test_stat))

    # As few calls as can be, each for several fits: every one is a program of its own to compile.
    @partial(jax.vmap, in_axes=(0, 0, 0, 0))
    def attached(dataset: Array, pars: Array, free: Array, held: Array) -> Array:
        return attach(likelihood, dataset, pars, setup.lower, setup.upper, free, held)

    free_pars, asimov_pars = attached(
        jnp.stack([data, data]),
        jnp.stack([fitted.free, fitted.asimov]),
        jnp.stack([setup.free, asimov.free]),
        jnp.stack([setup.start, asimov.start]),
    )
    asimov_data = likelihood.expected_data(asimov_pars)
    datasets = jnp.concatenate([data[None], jnp.tile(asimov_data, (len(mu_asimov), 1))])
    pars = jnp.concatenate([fitted.fixed[None], fitted.fixed_asimov])
    tested = jax.vmap(lambda at: setup.fixing(poi, at))(jnp.append(mu, mu_asimov))
    pars = attached(datasets, pars, tested.free, tested.start)
    values = jax.vmap(likelihood.nll)(
        jnp.concatenate([free_pars[None], pars]), jnp.concatenate([data[None], datasets])
    )
    q = 2 * _not_negative(values[1] - values[0])
    q_asimov = 2 * _not_negative(values[2:])
    mu_hat = free_pars[poi]
    if test_stat == "q0":
        return jnp.where(mu_hat < 0, 0.0, q), q_asimov
    return jnp.where(mu_hat > mu, 0.0, q), jnp.where(mu_asimov < 0, 0.0, q_asimov)


def setup_for_test(
    model: Model,
    test_stat: TestStatistic,
    init_pars: Any = None,
    par_bounds: Any = None,
    fixed_params: Any = None,
) -> FitSetup:
    """Start and bounds of a test: the POI exists, floats, and may take its Asimov value.

    Raises:
        InputError: a wrong length, a start or the Asimov POI outside the bounds.
        pyhf.exceptions.UnspecifiedPOI: the model has no POI.
        pyhf.exceptions.InvalidModel: the POI is fixed.
    """
    setup = checked_setup(model, init_pars, par_bounds, fixed_params)
    name = f"{model.config.poi_name} (at its value of the Asimov data)"
    setup.check_value(require_poi(model), asimov_poi(test_stat), name)
    return setup


def tested_poi(poi_test: Any, test_stat: TestStatistic) -> Any:
    """The POI value that a statistic tests: q0 only ever tests 0, as in pyhf."""
    if test_stat != "q0" or is_traced(poi_test) or poi_test == 0:
        return poi_test
    log.warning("q0 tests POI = 0; the value asked for, %s, is not used", poi_test)
    return 0.0


def asimov_poi(test_stat: TestStatistic) -> float:
    """POI of the Asimov data: no signal for exclusion, the nominal one for discovery."""
    return 1.0 if test_stat == "q0" else 0.0


def _not_negative(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Zero below zero; unlike ``maximum``, lets NaN through and does not halve the slope at 0."""
    return jnp.where(x < 0, 0.0, x)
