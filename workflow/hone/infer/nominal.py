"""Figures of merit on nominal Asimov data: no observation, no fit to pull the parameters.

Nominal Asimov data is what the model expects at its suggested parameters, with the POI at 0 for
exclusion and at 1 for discovery and for sigma_mu.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import pyhf
from jaxtyping import Array, Float

from hone.histfactory import Model
from hone.infer.asymptotics import TestStatistic
from hone.infer.hypotest import hypotest
from hone.infer.minimum import descend, solve_moving
from hone.infer.mle import FitSetup, as_model, checked_setup, require_poi

__all__ = ["asimov_qmu", "expected_cls", "expected_p0", "nominal_asimov", "sigma_mu"]


def nominal_asimov(model: Model | pyhf.Model, poi: float) -> Float[Array, " D"]:
    """Expected data (D,) at the suggested parameters with the POI at ``poi``."""
    model = as_model(model)
    return model.expected_data(_nominal_setup(model, poi).start)


def expected_cls(model: Model | pyhf.Model, mu: Any = 1.0) -> list[Float[Array, ""]]:
    """Five expected CLs at ``mu``, -2 to +2 sigma, on nominal Asimov data."""
    model = as_model(model)
    expected: list[Float[Array, ""]] = hypotest(
        mu, nominal_asimov(model, 0.0), model, return_expected_set=True
    )[1]
    return expected


def expected_p0(model: Model | pyhf.Model) -> Float[Array, ""]:
    """Expected discovery p-value for a signal of strength 1, on nominal Asimov data."""
    model = as_model(model)
    p0: Float[Array, ""] = hypotest(0.0, nominal_asimov(model, 1.0), model, test_stat="q0")
    return p0


def sigma_mu(model: Model | pyhf.Model) -> Float[Array, ""]:
    """Expected uncertainty of the POI: root of its entry of the inverse Hessian of -ln L.

    At POI = 1 on nominal Asimov data, where the suggested parameters are the best fit; parameters
    that the model fixes are left out.
    """
    return _sigma_mu(as_model(model))


@jax.jit
def _sigma_mu(model: Model) -> Float[Array, ""]:
    setup = _nominal_setup(model, 1.0)
    likelihood = model.prepare()
    data = model.expected_data(setup.start)
    hessian = likelihood.expansion(setup.start, data).hessian
    free = jnp.asarray(model.config.suggested_fixed()) == 0
    poi = require_poi(model)
    unit = jnp.zeros(free.size).at[poi].set(1.0)
    return jnp.sqrt(solve_moving(hessian, unit, free)[poi])


@partial(jax.jit, static_argnames="test_stat")
def asimov_qmu(
    model: Model, mu: Float[Array, ""] | float, test_stat: TestStatistic = "qtilde"
) -> Float[Array, ""]:
    """Test statistic of the nominal Asimov data, from one fit, for use in training.

    q_A at ``mu`` of the data expected at POI 0, or (q0) q_0 of the data expected at POI ``mu``.
    One start only, the suggested parameters. The fitted parameters are held constant in
    derivatives, which by the envelope theorem leaves first derivatives exact; second derivatives
    are not: see :func:`hone.infer.hypotest` for those.
    NaN if the fit did not converge.
    """
    true_poi, tested = (mu, 0.0) if test_stat == "q0" else (0.0, mu)
    setup = _nominal_setup(model, tested)
    start = _nominal_setup(model, true_poi).start
    likelihood = model.prepare()
    data = model.expected_data(start)
    frozen = jax.lax.stop_gradient((likelihood, data))
    begin = jax.lax.stop_gradient(setup.start)
    found = descend(
        frozen[0], frozen[1][None], begin[None], setup.lower, setup.upper, setup.free[None]
    )
    return 2 * likelihood.nll(setup.held_at(found.pars[0]), data)


def _nominal_setup(model: Model, poi: Any) -> FitSetup:
    """Suggested start and bounds with the POI fixed at ``poi``."""
    return checked_setup(model).fixing(require_poi(model), poi)
