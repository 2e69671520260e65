"""Figures of merit on nominal Asimov data, independent of any observation.

Nominal Asimov data is the expectation of the model at its suggested parameters, with the POI at 0
for exclusion and at 1 for discovery and for sigma_mu.
"""

from typing import Any, NamedTuple

import numpy as np
import pyhf
from jaxtyping import Array, Bool, Float, Int
from scipy.special import ndtri

from hone.likelihood.arrays import compiled_if_traced, constant, loop, namespace
from hone.likelihood.floats import as_floats
from hone.likelihood.histfactory import Model
from hone.likelihood.infer.asymptotics import TestStatistic, safe_sqrt
from hone.likelihood.infer.hypotest import hypotest
from hone.likelihood.infer.implicit import solve_moving
from hone.likelihood.infer.minima import best_start
from hone.likelihood.infer.minimum import descend
from hone.likelihood.infer.setup import FitSetup, as_model, checked_setup, require_poi

__all__ = [
    "asimov_limit",
    "asimov_qmu",
    "expected_cls",
    "expected_p0",
    "nominal_asimov",
    "nominal_hessian",
    "sigma_mu",
]

_ACCURACY, _LARGEST = 1e-12, 1e-5
"""Of the last step of a fit in training. -ln L is evaluated there with its derivatives: these are
right to a few 1e-7, and the value to 1e-12. With less than one event in a bin both are in
proportion."""
_FEWEST = 1e-8
"""Events of a bin below which they become no smaller."""
_MAX_ROUNDS = 40
_SETTLED = 1e-9
"""Relative change of a limit at which its search has converged."""


def nominal_asimov(model: Model | pyhf.Model, poi: float) -> Float[Array, " D"]:
    """Expected data (D,) at the suggested parameters with the POI at ``poi``.

    >>> infer.nominal_asimov(model, 1.0)[:2].tolist()
    [62.0, 63.0]
    """
    model = as_model(model)
    return model.expected_data(_nominal_setup(model, poi).start)


def expected_cls(
    model: Model | pyhf.Model, mu: Float[Array, ""] | float = 1.0
) -> list[Float[Array | np.ndarray, ""]]:
    """Five expected CLs at ``mu``, -2 to +2 sigma, on nominal Asimov data.

    >>> [round(float(x), 4) for x in infer.expected_cls(model)]
    [0.0027, 0.0143, 0.066, 0.2388, 0.5773]
    """
    model = as_model(model)
    data = nominal_asimov(model, 0.0)
    expected: list[Float[Array | np.ndarray, ""]]
    _, expected = hypotest(mu, data, model, return_expected_set=True)
    return expected


def expected_p0(model: Model | pyhf.Model) -> Float[Array | np.ndarray, ""]:
    """Expected discovery p-value for a signal of strength 1, on nominal Asimov data.

    >>> round(float(infer.expected_p0(model)), 4)
    0.0341
    """
    model = as_model(model)
    return hypotest(0.0, nominal_asimov(model, 1.0), model, test_stat="q0")


def sigma_mu(model: Model | pyhf.Model) -> Float[Array, ""]:
    """Expected uncertainty of the POI: root of its entry of the inverse Hessian of -ln L.

    At POI = 1 on nominal Asimov data, where the suggested parameters are the best fit; parameters
    that the model fixes are left out.

    >>> round(float(infer.sigma_mu(model)), 4)
    0.5672
    """
    return _sigma_mu(as_model(model))


@compiled_if_traced()
def _sigma_mu(model: Model) -> Float[Array, ""]:
    hessian, free = nominal_hessian(model)
    poi = require_poi(model)
    unit = (np.arange(free.size) == poi).astype(float)
    return namespace(hessian).sqrt(solve_moving(hessian, unit, free, model.layout)[..., poi])


@compiled_if_traced()
def nominal_hessian(model: Model) -> tuple[Float[Array, "P P"], Bool[Array, " P"]]:
    """Hessian of -ln L at POI = 1 on nominal Asimov data, and which parameters are free.

    >>> hessian, free = infer.nominal_hessian(model)
    >>> round(float(hessian[0, 0]), 4), free.tolist()
    (4.2432, [True, True, True])
    """
    setup = _nominal_setup(model, 1.0)
    likelihood = model.prepare()
    data = likelihood.expected_data(setup.start)
    free = np.asarray(model.config.suggested_fixed()) == 0
    pars = namespace(likelihood).broadcast_to(setup.start, (*data.shape[:-1], len(free)))
    return likelihood.expansion(pars, data).hessian.dense(), free


def asimov_qmu(
    model: Model, mu: Float[Array, ""] | float, test_stat: TestStatistic = "qtilde"
) -> Float[Array, ""]:
    """Test statistic of the nominal Asimov data, from one fit, for use in training.

    q_A at ``mu`` of the data expected at POI 0, or (q0) q_0 of the data expected at POI ``mu``.
    q_A is fitted from one start, the suggested parameters. For q_0 all starts of a fit are used:
    without the signal that is in the data, pulls are large, and a training on one of several minima
    would create others. The fitted parameters are constant in derivatives; by the envelope theorem
    first derivatives are exact, second derivatives are not: see
    :func:`hone.likelihood.infer.hypotest` for those.
    NaN if the fit did not converge.

    >>> round(float(infer.asimov_qmu(model, 1.0)), 4)
    3.3796
    """
    # For one program, whatever kind of number the POI is.
    return _asimov_qmu(model, as_floats(mu), test_stat)


@compiled_if_traced(2)
def _asimov_qmu(model: Model, mu: Float[Array, ""], test_stat: TestStatistic) -> Float[Array, "*M"]:
    true_poi, tested = (mu, 0.0) if test_stat == "q0" else (0.0, mu)
    setup = _nominal_setup(model, tested)
    likelihood = model.prepare()
    data = likelihood.expected_data(_nominal_setup(model, true_poi).start)
    xp, bins = namespace(likelihood, data, setup), data.shape[-1]
    frozen, fixed_data, start = constant((likelihood, data, setup.start))
    starts = setup.starts(frozen) if test_stat == "q0" else start[None]
    count, models = starts.shape[-2], fixed_data.size // bins
    starts = xp.broadcast_to(starts, (models, count, starts.shape[-1]))
    # Where the rate of a bin with few events is pulled to zero, the gradient has the ratio of
    # both, on which -ln L hardly depends.
    fewest = xp.clip(fixed_data[..., : likelihood.nominal.shape[-1]].min(), _FEWEST, 1.0)
    found = descend(
        frozen.repeated(count), xp.repeat(fixed_data.reshape(-1, bins), count, axis=0),
        starts.reshape(models * count, -1), setup.lower, setup.upper,
        xp.tile(setup.free, (models * count, 1)), starts=count,
        accuracy=_ACCURACY * fewest, largest=_LARGEST * fewest,
    )  # fmt: skip
    best = constant(best_start(found, count).pars).reshape(*data.shape[:-1], -1)
    return 2 * likelihood.nll(setup.held_at(best), data)


def asimov_limit(model: Model, level: float = 0.05) -> Float[Array, ""]:
    """Median expected upper limit on nominal Asimov data, for use in training.

    CLs = ``level`` at a known value of sqrt(q_A) (arXiv:1007.1727, eq. 89), which Newton's method
    finds in a few fits. Each starts where the last one ended, and at the suggested parameters, in
    case the former is not allowed at a smaller POI. The derivative of the limit is
    -(d q_A) / (d q_A / d mu), both exact by the envelope theorem. The limit may be beyond the
    bounds of the POI, as is that of an untrained observable. NaN if a fit did not converge.

    >>> round(float(infer.asimov_limit(model)), 4)
    1.0688
    """
    return _asimov_limit(model, level)


@compiled_if_traced(1)
def _asimov_limit(model: Model, level: float) -> Float[Array, "*M"]:
    poi = require_poi(model)
    setup = _nominal_setup(model, 0.0)
    likelihood = model.prepare()
    data = likelihood.expected_data(setup.start)
    xp, is_poi = namespace(likelihood), np.arange(model.config.npars) == poi
    frozen, fixed_data, start = constant((likelihood.repeated(2), data, setup.start))
    fixed_data = fixed_data.reshape(-1, data.shape[-1])
    models, wanted = len(fixed_data), -ndtri(level / 2)
    upper = xp.where(is_poi, np.inf, setup.upper)

    def going_on(state: _Search) -> Bool[Array, ""]:
        return ~state.settled.all() & (state.rounds < _MAX_ROUNDS)

    def step(state: _Search) -> _Search:
        starts = xp.stack([state.pars, xp.tile(start, (models, 1))], axis=1)
        starts = xp.where(is_poi, state.mu[:, None, None], starts)
        found = descend(
            frozen, xp.repeat(fixed_data, 2, axis=0), starts.reshape(2 * models, -1), setup.lower,
            upper, xp.tile(setup.free, (2 * models, 1)), xp.repeat(~state.settled, 2), starts=2,
        )  # fmt: skip
        best = best_start(found, 2)
        root = safe_sqrt(2 * best.value)
        # d sqrt(q) / d mu with the other parameters following, by the envelope theorem
        gradient = best.gradient[:, poi]
        newer = state.mu + (wanted - root) / (gradient / root)
        newer = xp.clip(newer, state.mu / 4, 4 * state.mu)
        close = xp.abs(newer - state.mu) < _SETTLED * state.mu
        new = _Search(newer, best.pars, gradient, close | ~xp.isfinite(root), state.rounds + 1)
        known = state.settled
        return _Search(
            xp.where(known, state.mu, new.mu),
            xp.where(known[:, None], state.pars, new.pars),
            xp.where(known, state.slope, new.slope),
            known | new.settled,
            new.rounds,
        )

    one = xp.ones(models)
    begun = _Search(one, xp.tile(start, (models, 1)), 0 * one, one < 0, xp.array(0))
    last = loop(xp, going_on, step, begun)
    mu = xp.where(last.settled, last.mu, xp.nan)
    pars, shape = xp.where(is_poi, mu[:, None], last.pars), data.shape[:-1]
    value = likelihood.nll(pars.reshape(*shape, -1), data)
    return mu.reshape(shape) - (value - constant(value)) / last.slope.reshape(shape)


class _Search(NamedTuple):
    """State of the search for limits of M models."""

    mu: Float[Array, " M"]
    pars: Float[Array, "M P"]
    slope: Float[Array, " M"]
    settled: Bool[Array, " M"]
    rounds: Int[Array, ""]


def _nominal_setup(model: Model, poi: Any) -> FitSetup:
    """Suggested start and bounds with the POI fixed at ``poi``."""
    return checked_setup(model).fixing(require_poi(model), poi)
