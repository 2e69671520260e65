"""Figures of merit on nominal Asimov data, independent of any observation.

Nominal Asimov data is the expectation of the model at its suggested parameters, with the POI at 0
for exclusion and at 1 for discovery and for sigma_mu.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pyhf
from jax.scipy.special import ndtri
from jaxtyping import Array, Bool, Float, Int

from hone.likelihood.histfactory import Model
from hone.likelihood.histfactory.model import as_floats
from hone.likelihood.infer.asymptotics import TestStatistic, safe_sqrt
from hone.likelihood.infer.hypotest import hypotest
from hone.likelihood.infer.minimum import descend, solve_moving
from hone.likelihood.infer.mle import FitSetup, as_model, checked_setup, require_poi

__all__ = [
    "asimov_limit",
    "asimov_qmu",
    "expected_cls",
    "expected_p0",
    "nominal_asimov",
    "nominal_hessian",
    "sigma_mu",
]

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


@jax.jit
def _sigma_mu(model: Model) -> Float[Array, ""]:
    hessian, free = nominal_hessian(model)
    poi = require_poi(model)
    unit = jnp.zeros(free.size).at[poi].set(1.0)
    return jnp.sqrt(solve_moving(hessian, unit, free, model.layout)[poi])


@jax.jit
def nominal_hessian(model: Model) -> tuple[Float[Array, "P P"], Bool[Array, " P"]]:
    """Hessian of -ln L at POI = 1 on nominal Asimov data, and which parameters are free.

    >>> hessian, free = infer.nominal_hessian(model)
    >>> round(float(hessian[0, 0]), 4), free.tolist()
    (4.2432, [True, True, True])
    """
    setup = _nominal_setup(model, 1.0)
    likelihood = model.prepare()
    data = likelihood.expected_data(setup.start)
    free = jnp.asarray(model.config.suggested_fixed()) == 0
    return likelihood.expansion(setup.start, data).hessian.dense(), free


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


@partial(jax.jit, static_argnames="test_stat")
def _asimov_qmu(model: Model, mu: Float[Array, ""], test_stat: TestStatistic) -> Float[Array, ""]:
    true_poi, tested = (mu, 0.0) if test_stat == "q0" else (0.0, mu)
    setup = _nominal_setup(model, tested)
    likelihood = model.prepare()
    data = likelihood.expected_data(_nominal_setup(model, true_poi).start)
    frozen, fixed_data, start = jax.lax.stop_gradient((likelihood, data, setup.start))
    starts = setup.starts(frozen) if test_stat == "q0" else start[None]
    shape = (len(starts), 1)
    found = descend(
        frozen, jnp.tile(fixed_data, shape), starts, setup.lower, setup.upper,
        jnp.tile(setup.free, shape),
    )  # fmt: skip
    pars = jax.lax.stop_gradient(found.pars[jnp.argmin(found.value)])
    return 2 * likelihood.nll(setup.held_at(pars), data)


@partial(jax.jit, static_argnames="level")
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
    poi = require_poi(model)
    setup = _nominal_setup(model, 0.0)
    likelihood = model.prepare()
    data = likelihood.expected_data(setup.start)
    frozen = jax.lax.stop_gradient((likelihood, data))
    start = jax.lax.stop_gradient(setup.start)
    wanted = -ndtri(level / 2)
    upper = jnp.asarray(setup.upper).at[poi].set(jnp.inf)

    def going_on(state: _Search) -> Bool[Array, ""]:
        return ~state.settled & (state.rounds < _MAX_ROUNDS)

    def step(state: _Search) -> _Search:
        starts = jnp.stack([state.pars, start]).at[:, poi].set(state.mu)
        found = descend(
            frozen[0], jnp.stack([frozen[1]] * 2), starts, setup.lower, upper,
            jnp.stack([setup.free] * 2),
        )  # fmt: skip
        best = jnp.argmin(found.value)
        root = safe_sqrt(2 * found.value[best])
        # d sqrt(q) / d mu with the other parameters following, by the envelope theorem
        slope = found.gradient[best, poi] / root
        newer = state.mu + (wanted - root) / slope
        newer = jnp.clip(newer, state.mu / 4, 4 * state.mu)
        settled = (jnp.abs(newer - state.mu) < _SETTLED * state.mu) | ~jnp.isfinite(root)
        pars, gradient = found.pars[best], found.gradient[best, poi]
        return _Search(newer, pars, gradient, settled, state.rounds + 1)

    nothing = jnp.zeros(())
    last = jax.lax.while_loop(
        going_on, step, _Search(jnp.ones(()), start, nothing, jnp.array(False), jnp.array(0))
    )
    mu = jnp.where(last.settled, last.mu, jnp.nan)
    value = likelihood.nll(last.pars.at[poi].set(mu), data)
    return mu - (value - jax.lax.stop_gradient(value)) / last.slope


class _Search(NamedTuple):
    """State of the search for a limit."""

    mu: Float[Array, ""]
    pars: Float[Array, " P"]
    slope: Float[Array, ""]
    settled: Bool[Array, ""]
    rounds: Int[Array, ""]


def _nominal_setup(model: Model, poi: Any) -> FitSetup:
    """Suggested start and bounds with the POI fixed at ``poi``."""
    return checked_setup(model).fixing(require_poi(model), poi)
