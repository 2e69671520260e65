"""Hypothesis tests, as ``pyhf.infer.hypotest``."""

from functools import partial
from typing import Any, get_args

import jax
import jax.numpy as jnp
import numpy as np
import pyhf
from jaxtyping import Array, Float

from hone.errors import FitError, InputError
from hone.histfactory import Model
from hone.infer.asymptotics import LogPValues, TestStatistic, log_pvalues
from hone.infer.mle import FitSetup, as_model, is_traced, require_poi
from hone.infer.profile import fit_for_test, test_statistics

__all__ = ["check_options", "checked_setup", "hypotest", "log_hypotest"]


def hypotest(
    poi_test: Any,
    data: Any,
    pdf: Model | pyhf.Model,
    init_pars: Any = None,
    par_bounds: Any = None,
    fixed_params: Any = None,
    calctype: str = "asymptotics",
    return_tail_probs: bool = False,
    return_expected: bool = False,
    return_expected_set: bool = False,
    *,
    test_stat: TestStatistic = "qtilde",
    calc_base_dist: str = "normal",
) -> Any:
    """CLs (p0 for ``test_stat="q0"``) of a POI value, as ``pyhf.infer.hypotest``.

    Args:
        poi_test: value of the POI to test.
        data: observed bins and auxiliary data, float (D,).
        pdf: the model; a pyhf model is compiled first.
        init_pars: starting values (P,); the model's suggestion if None.
        par_bounds: bounds (P, 2); the model's suggestion if None.
        fixed_params: True for parameters kept at their start (P,); the suggestion if None.
        calctype: ``"asymptotics"``.
        return_tail_probs: also return [CLs+b, CLb] (for q0: [CLb]).
        return_expected: also return the median expected value.
        return_expected_set: also return the five expected values, -2 to +2 sigma.
        test_stat: ``"qtilde"``, ``"q"`` or ``"q0"``.
        calc_base_dist: ``"normal"`` or ``"clipped_normal"``.

    Returns:
        As pyhf: the observed value, or a tuple of it and what was asked for, in pyhf's order.
        All can be differentiated with respect to model, data and POI value.

    Raises:
        FitError: a fit did not converge (NaN instead, inside ``jit``).
        InputError: an unknown option, a wrong length, a value outside its bounds.
        pyhf.exceptions.UnspecifiedPOI: the model has no POI.
        pyhf.exceptions.InvalidModel: the POI is fixed.
    """
    check_options(calctype, test_stat, calc_base_dist)
    model = as_model(pdf)
    setup = checked_setup(model, init_pars, par_bounds, fixed_params)
    setup.check_value(require_poi(model), poi_test, str(model.config.poi_name))
    result = log_hypotest(
        poi_test,
        model.checked_data(data),
        model,
        setup,
        test_stat,
        calc_base_dist,
    )
    if not is_traced(result.clsb) and np.isnan([result.clsb, *result.clsb_expected]).any():
        raise FitError(f"a fit of the hypothesis test at POI = {poi_test} did not converge")

    p = jax.tree.map(_exp, result)
    is_q0 = test_stat == "q0"
    tails = [p.clb] if is_q0 else [p.clsb, p.clb]
    expected = list(p.clsb_expected if is_q0 else _exp(result.cls_expected))
    returns: list[Any] = [p.clsb if is_q0 else _exp(result.cls)]
    returns += [tails] * return_tail_probs
    returns += [expected[2]] * return_expected
    returns += [expected] * return_expected_set
    return tuple(returns) if len(returns) > 1 else returns[0]


@partial(jax.jit, static_argnames=("test_stat", "calc_base_dist"))
def log_hypotest(
    mu: Float[Array, ""] | float,
    data: Float[Array, " D"],
    model: Model,
    setup: FitSetup,
    test_stat: TestStatistic,
    calc_base_dist: str = "normal",
) -> LogPValues:
    """Logarithms of the p-values of a test; unlike p-values, they never underflow."""
    poi, mu = require_poi(model), jnp.asarray(mu, dtype=float)
    likelihood = model.prepare()
    frozen = jax.lax.stop_gradient((likelihood, data, setup, mu))
    fitted = fit_for_test(*frozen[:3], poi, frozen[3], test_stat)
    q, q_asimov = test_statistics(
        likelihood, data, setup, poi, mu, mu[None], fitted, test_stat
    )
    return log_pvalues(q, q_asimov[0], test_stat, calc_base_dist)


def check_options(calctype: str, test_stat: str, calc_base_dist: str) -> None:
    """Refuse what is not implemented.

    Raises:
        InputError: names the option and what is allowed.
    """
    for name, value, allowed in (
        ("calctype", calctype, ("asymptotics",)),
        ("test_stat", test_stat, get_args(TestStatistic)),
        ("calc_base_dist", calc_base_dist, ("normal", "clipped_normal")),
    ):
        if value not in allowed:
            raise InputError(f"{name} is {value!r}, allowed: {', '.join(allowed)}")


def checked_setup(
    model: Model, init_pars: Any = None, par_bounds: Any = None, fixed_params: Any = None
) -> FitSetup:
    """Start and bounds of a test, with a POI that exists and floats.

    Raises:
        pyhf.exceptions.UnspecifiedPOI: the model has no POI.
        pyhf.exceptions.InvalidModel: the POI is fixed.
    """
    poi = require_poi(model)
    setup = FitSetup.of(model, init_pars, par_bounds, fixed_params)
    if not is_traced(setup.free) and setup.free[poi] == 0:
        raise pyhf.exceptions.InvalidModel(
            f"POI at index [{poi}] is set as fixed, which makes profile likelihood ratio based "
            "inference impossible. Please unfix the POI to continue."
        )
    return setup


def _exp(x: Any) -> Any:
    """Exponential, outside of JAX where nothing is traced: there each operation is compiled."""
    return jnp.exp(x) if is_traced(x) else np.exp(np.asarray(x))
