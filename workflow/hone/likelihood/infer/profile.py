"""The fits behind a hypothesis test, and the test statistics that follow from them."""

import logging
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from hone.errors import FitError
from hone.likelihood.arrays import compiled_if_traced, constant, is_traced, loop, namespace
from hone.likelihood.floats import as_floats
from hone.likelihood.histfactory import Model
from hone.likelihood.histfactory.likelihood import Likelihood
from hone.likelihood.infer.asymptotics import (
    LogPValues,
    TestStatistic,
    log_pvalues,
    normal_quantiles,
)
from hone.likelihood.infer.failures import failed_fit
from hone.likelihood.infer.implicit import attach
from hone.likelihood.infer.minima import Minima, best_start
from hone.likelihood.infer.minimum import descend
from hone.likelihood.infer.mle import fits
from hone.likelihood.infer.setup import FitSetup, checked_setup, require_poi

__all__ = [
    "Fitted",
    "asimov_poi",
    "failed_test",
    "log_hypotest",
    "off_zero",
    "setup_for_test",
    "test_statistic",
    "test_statistics",
    "tested_poi",
]

log = logging.getLogger(__name__)

_CLOSE = 1e-8
"""POI below which sqrt(q_A) is approximated as linear."""
_ABOVE = 1e-9
"""Relative difference of -ln L above which a fit has missed the minimum."""


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


def log_hypotest(
    mu: Float[Array, ""] | float,
    data: Float[Array, " D"],
    model: Model,
    setup: FitSetup,
    test_stat: TestStatistic = "qtilde",
    calc_base_dist: str = "normal",
) -> LogPValues:
    """Logarithms of the p-values of a test; unlike p-values, they never underflow."""
    # In one way, whoever calls: JAX traces a function again for defaults that are given, and for
    # numbers of Python.
    return _log_hypotest(as_floats(mu), data, model, setup, test_stat, calc_base_dist)


@compiled_if_traced(4, 5)
def _log_hypotest(
    mu: Float[Array, ""],
    data: Float[Array, " D"],
    model: Model,
    setup: FitSetup,
    test_stat: TestStatistic,
    calc_base_dist: str,
) -> LogPValues:
    near = off_zero(mu, test_stat)
    q, q_asimov, _ = _test(near, data, model, setup, test_stat)
    return log_pvalues(q, q_asimov, test_stat, calc_base_dist, _ratio(mu, near))


@compiled_if_traced(4)
def test_statistic(
    mu: Float[Array, ""] | float,
    data: Float[Array, " D"],
    model: Model,
    setup: FitSetup,
    test_stat: TestStatistic,
) -> tuple[Float[Array, ""], Float[Array, ""], Fitted]:
    """The statistic as pyhf's calculator gives it (in units of -mu-hat / sigma), q_A, the fits."""
    near = off_zero(mu, test_stat)
    q, q_asimov, fitted = _test(near, data, model, setup, test_stat)
    _, clb = normal_quantiles(q, q_asimov[..., None] * np.ones(6), test_stat)
    # At the lower bound of q-tilde both statistics are zero by definition.
    value = namespace(clb, mu).where(mu == 0, 0.0, -clb[0]) if test_stat == "qtilde" else -clb[0]
    return value, q_asimov * _ratio(mu, near) ** 2, fitted


def off_zero(mu: Any, test_stat: TestStatistic) -> Any:
    """POI values at which the statistics of tests of ``mu``, one or an array, are computed.

    At 0 the q_A of an exclusion and its derivative are dominated by rounding: a value slightly
    above is used.
    """
    xp = namespace(mu)
    mu = xp.asarray(mu, dtype=float)
    return mu if test_stat == "q0" else xp.where(xp.abs(mu) < _CLOSE, _CLOSE, mu)


def _ratio(mu: Float[Array, ""] | float, near: Float[Array, ""]) -> Float[Array, ""]:
    found: Any = mu / namespace(near).where(near == 0, 1.0, near) + (near == 0)
    return found


def _test(
    mu: Float[Array, ""],
    data: Float[Array, " D"],
    model: Model,
    setup: FitSetup,
    test_stat: TestStatistic,
) -> tuple[Float[Array, ""], Float[Array, ""], Fitted]:
    poi, likelihood = require_poi(model), model.prepare()
    frozen = constant((likelihood, data, setup, mu))
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
    """The four fits of a test of one POI value; not differentiable.

    In iterations of one loop, so that the fit is compiled once: free and Asimov fits, then the fits
    at the tested value to the data and to the Asimov data, which also start where the first ended.
    If the fit at the tested value is lower than the free fit, the latter had missed its minimum and
    is repeated from there.
    """
    xp = namespace(likelihood, data, setup, mu)
    asimov = setup.fixing(poi, asimov_poi(test_stat))
    tested = setup.fixing(poi, mu)
    starts = xp.stack([s.starts(likelihood) for s in (setup, asimov, tested)])
    count = starts.shape[1] + 1
    of_data = xp.repeat(xp.array([True, False]), count)[:, None]

    def found_in(turn: Array, known: _Known) -> Minima:
        first, again = turn == 0, turn == 2
        free_data = xp.where(again, known.fixed, known.free)
        to_data = xp.where(turn == 1, tested.held_at(known.free), setup.held_at(free_data))
        to_asimov = xp.where(first, asimov.start, tested.held_at(known.asimov))
        others = xp.where(turn == 1, starts[2], starts[0]), xp.where(first, starts[1], starts[2])
        begin = xp.concatenate([to_data[None], others[0], to_asimov[None], others[1]])
        expected = likelihood.expected_data(known.asimov)
        free = xp.where(
            of_data,
            xp.where(turn == 1, tested.free, setup.free),
            xp.where(first, asimov.free, tested.free),
        )
        dataset = xp.where(of_data | first, data, expected)
        # At first nothing is known: the first start is the second.
        wanted = ~first | (xp.arange(2 * count) % count > 0)
        bounds = setup.lower, setup.upper
        found = descend(likelihood, dataset, begin, *bounds, free, wanted, starts=count)
        return best_start(found, count)

    def body(state: tuple[Array, _Known]) -> tuple[Array, _Known]:
        turn, known = state
        found = found_in(turn, known)
        one, two = found.pars
        value = found.value[0]
        new = (
            known._replace(free=one, free_value=value, asimov=two),
            known._replace(fixed=one, fixed_value=value, fixed_asimov=two),
            known._replace(free=one, free_value=value),
        )
        chosen = jax.tree.map(lambda *x: xp.stack(x)[turn], *new)
        return turn + 1, chosen

    def going_on(state: tuple[Array, _Known]) -> Array:
        turn, known = state
        missed = known.fixed_value < known.free_value - _ABOVE * (1 + xp.abs(known.fixed_value))
        return (turn < 2) | ((turn == 2) & missed)

    zero = xp.zeros(())
    start = setup.start
    begun = (xp.array(0), _Known(start, start, start, start, zero, zero))
    _, known = loop(xp, going_on, body, begun)
    return Fitted(known.free, known.asimov, known.fixed, known.fixed_asimov[None])


class _Known(NamedTuple):
    """The fits of a test so far."""

    free: Float[Array, " P"]
    asimov: Float[Array, " P"]
    fixed: Float[Array, " P"]
    fixed_asimov: Float[Array, " P"]
    free_value: Float[Array, ""]
    fixed_value: Float[Array, ""]


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
    xp = namespace(likelihood, data, setup, mu)
    fitted = constant(fitted)
    asimov = setup.fixing(poi, asimov_poi(test_stat))

    # As few calls as possible, each for several fits: every call is compiled separately.
    def attached(*fits: Array) -> Array:
        def one(dataset: Array, pars: Array, free: Array, held: Array) -> Array:
            return attach(likelihood, dataset, pars, setup.lower, setup.upper, free, held)

        found: Array = one(*fits) if xp is np else jax.vmap(one)(*fits)
        return found

    free_pars, asimov_pars = attached(
        xp.stack([data, data]),
        xp.stack([fitted.free, fitted.asimov]),
        xp.stack([setup.free, asimov.free]),
        xp.stack([setup.start, asimov.start]),
    )
    asimov_data = likelihood.expected_data(asimov_pars)
    datasets = xp.concatenate([data[None], xp.tile(asimov_data, (len(mu_asimov), 1))])
    pars = xp.concatenate([fitted.fixed[None], fitted.fixed_asimov])
    tested = [setup.fixing(poi, at) for at in (mu, *mu_asimov)]
    pars = attached(
        datasets, pars, xp.stack([t.free for t in tested]), xp.stack([t.start for t in tested])
    )
    values = likelihood.nll(
        xp.concatenate([free_pars[None], pars]), xp.concatenate([data[None], datasets])
    )
    q = 2 * _not_negative(values[1] - values[0])
    q_asimov = 2 * _not_negative(values[2:])
    mu_hat = free_pars[poi]
    if test_stat == "q0":
        return xp.where(mu_hat < 0, 0.0, q), q_asimov
    return xp.where(mu_hat > mu, 0.0, q), xp.where(mu_asimov < 0, 0.0, q_asimov)


def setup_for_test(
    model: Model,
    test_stat: TestStatistic,
    init_pars: Any = None,
    par_bounds: Any = None,
    fixed_params: Any = None,
) -> FitSetup:
    """Start and bounds of a test: the POI is free, and its Asimov value within bounds.

    For q-tilde it is not below 0: by definition the statistic compares with POI = 0 where the best
    fit is below.

    Raises:
        InputError: a wrong length, a start or the Asimov POI outside the bounds.
        pyhf.exceptions.UnspecifiedPOI: the model has no POI.
        pyhf.exceptions.InvalidModel: the POI is fixed.
    """
    setup, poi = checked_setup(model, init_pars, par_bounds, fixed_params), require_poi(model)
    lower = setup.lower[poi]
    if test_stat == "qtilde" and (is_traced(lower) or lower < 0):
        if not is_traced(lower):
            log.warning(
                "q-tilde takes the best fit at POI = 0 where it is below (arXiv:1007.1727, eq. "
                "16): the lower bound of %s, %g, counts as 0; use test_stat='q' for one below",
                model.config.poi_name,
                lower,
            )
        setup = setup.not_below(poi, 0.0)
    name = f"{model.config.poi_name} (at its value of the Asimov data)"
    setup.check_value(poi, asimov_poi(test_stat), name)
    return setup


def failed_test(
    model: Model, data: Float[Array, " D"], setup: FitSetup, mu: float, test_stat: TestStatistic
) -> FitError:
    """The error of a failed test: that of the first fit that does not converge.

    Args:
        model: the model.
        data: bins and auxiliary data (D,).
        setup: from :func:`setup_for_test`.
        mu: tested value of the POI.
        test_stat: ``"qtilde"``, ``"q"`` or ``"q0"``.
    """
    poi, test = require_poi(model), f"the hypothesis test at POI = {mu:g}"
    known = asimov_poi(test_stat)
    tried = [("the fit of all parameters", setup)]
    tried += [(f"the fit at POI = {x:g}", setup.fixing(poi, x)) for x in dict.fromkeys((known, mu))]
    for what, of_fit in tried:
        if not fits(model, data, of_fit):
            return failed_fit(f"{what}, of {test},", model, data, of_fit)
    what = f"the fit of the Asimov data (of POI = {known:g}) at POI = {mu:g}, of {test},"
    return failed_fit(what, model, data, setup.fixing(poi, mu))


def tested_poi(poi_test: Any, test_stat: TestStatistic) -> Any:
    """The POI value that a statistic tests: always 0 for q0, as in pyhf."""
    if test_stat != "q0" or is_traced(poi_test) or poi_test == 0:
        return poi_test
    log.warning("q0 tests POI = 0; the value asked for, %s, is not used", poi_test)
    return 0.0


def asimov_poi(test_stat: TestStatistic) -> float:
    """POI of the Asimov data: no signal for exclusion, the nominal one for discovery."""
    return 1.0 if test_stat == "q0" else 0.0


def _not_negative(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Zero below zero; unlike ``maximum``, keeps NaN and does not halve the derivative at 0."""
    return namespace(x).where(x < 0, 0.0, x)
