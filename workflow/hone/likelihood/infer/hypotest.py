"""Hypothesis tests, as ``pyhf.infer.hypotest``."""

from typing import Any, TypedDict, Unpack, get_args, overload

import jax
import numpy as np
import pyhf
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from hone.errors import FitError, InputError
from hone.likelihood.arrays import is_traced, namespace
from hone.likelihood.histfactory import Model
from hone.likelihood.infer.asymptotics import TestStatistic
from hone.likelihood.infer.calculators import AsymptoticCalculator, ToyCalculator
from hone.likelihood.infer.profile import failed_test, log_hypotest, setup_for_test, tested_poi
from hone.likelihood.infer.setup import as_model, require_poi

__all__ = ["TestOptions", "check_options", "hypotest"]


class TestOptions(TypedDict, total=False):
    """Further options of a hypothesis test, as :func:`hypotest` describes them."""

    test_stat: TestStatistic
    calc_base_dist: str
    ntoys: int
    track_progress: bool
    rng: int | np.random.Generator | None


@overload
def hypotest(
    poi_test: Float[Array, ""] | float,
    data: ArrayLike,
    pdf: Model | pyhf.Model,
    init_pars: ArrayLike | None = None,
    par_bounds: ArrayLike | None = None,
    fixed_params: ArrayLike | None = None,
    calctype: str = "asymptotics",
    **kwargs: Unpack[TestOptions],
) -> Float[Array | np.ndarray, ""]: ...
@overload
def hypotest(
    poi_test: Float[Array, ""] | float,
    data: ArrayLike,
    pdf: Model | pyhf.Model,
    init_pars: ArrayLike | None = None,
    par_bounds: ArrayLike | None = None,
    fixed_params: ArrayLike | None = None,
    calctype: str = "asymptotics",
    return_tail_probs: bool = False,
    return_expected: bool = False,
    return_expected_set: bool = False,
    return_calculator: bool = False,
    **kwargs: Unpack[TestOptions],
) -> Any: ...
def hypotest(
    poi_test: Float[Array, ""] | float,
    data: ArrayLike,
    pdf: Model | pyhf.Model,
    init_pars: ArrayLike | None = None,
    par_bounds: ArrayLike | None = None,
    fixed_params: ArrayLike | None = None,
    calctype: str = "asymptotics",
    return_tail_probs: bool = False,
    return_expected: bool = False,
    return_expected_set: bool = False,
    return_calculator: bool = False,
    **kwargs: Any,
) -> Any:
    """CLs (p0 for ``test_stat="q0"``) of a POI value, as ``pyhf.infer.hypotest``.

    Args:
        poi_test: value of the POI to test.
        data: observed bins and auxiliary data, float (D,).
        pdf: the model; a pyhf model is compiled first.
        init_pars: starting values (P,); the model's suggestion if None.
        par_bounds: bounds (P, 2); the model's suggestion if None.
        fixed_params: True for parameters kept at their start (P,); the suggestion if None.
        calctype: ``"asymptotics"`` or ``"toybased"``.
        return_tail_probs: also return [CLs+b, CLb] (for q0: [CLb]).
        return_expected: also return the median expected value.
        return_expected_set: also return the five expected values, -2 to +2 sigma.
        return_calculator: also return the calculator, with pyhf's attributes and methods.
        kwargs: ``test_stat`` (``"qtilde"``, ``"q"`` or ``"q0"``); asymptotic also
            ``calc_base_dist`` (``"normal"`` or ``"clipped_normal"``); toy-based also ``ntoys``,
            ``track_progress`` (without effect) and ``rng`` (a seed or a
            ``numpy.random.Generator``; fresh toys every time if None).

    Returns:
        As pyhf: the observed value, or a tuple of it and the requested extras, in pyhf's order.
        Asymptotic values can be differentiated with respect to model, data and POI value.

    Raises:
        FitError: a fit did not converge (NaN instead, inside ``jit``), e.g. because of data in a
            bin without background, where the likelihood without signal is zero. The message names
            the fit and the bin.
        InputError: an unknown option, a wrong length, a value outside its bounds.
        pyhf.exceptions.UnspecifiedPOI: the model has no POI.
        pyhf.exceptions.InvalidModel: the POI is fixed.

    >>> observed, expected = infer.hypotest(1.0, data, model, return_expected_set=True)
    >>> round(float(observed), 4), [round(float(x), 4) for x in expected]
    (0.2121, [0.003, 0.0152, 0.069, 0.2455, 0.5854])
    """
    check_options(calctype, **kwargs)
    model = as_model(pdf)
    test_stat = kwargs.get("test_stat", "qtilde")
    setup = setup_for_test(model, test_stat, init_pars, par_bounds, fixed_params)
    setup.check_value(require_poi(model), poi_test, str(model.config.poi_name))
    fit_options = (init_pars, par_bounds, fixed_params)
    is_q0 = test_stat == "q0"
    calculator: Any = None
    if calctype == "toybased":
        calculator = ToyCalculator(data, model, *fit_options, **kwargs)
        clsb, clb, cls, clsb_expected, cls_expected = _from_toys(calculator, poi_test)
    else:
        poi_test = tested_poi(poi_test, test_stat)
        data = model.checked_data(data)
        logs = log_hypotest(poi_test, data, model, setup, **kwargs)
        values = jax.tree.leaves(logs)
        if not is_traced(*values) and not all(np.isfinite(x).all() for x in values):
            raise failed_test(model, data, setup, float(poi_test), test_stat)
        clsb, clb, cls = _exp(logs.clsb), _exp(logs.clb), _exp(logs.cls)
        clsb_expected, cls_expected = _exp(logs.clsb_expected), _exp(logs.cls_expected)
        if return_calculator:
            calculator = AsymptoticCalculator(data, model, *fit_options, **kwargs)
            calculator.teststatistic(poi_test)

    tails = [clb] if is_q0 else [clsb, clb]
    xp = namespace(*(clsb_expected if is_q0 else cls_expected))
    expected = [xp.asarray(x) for x in (clsb_expected if is_q0 else cls_expected)]
    returns: list[Any] = [clsb if is_q0 else cls]
    returns += [tails] * return_tail_probs
    returns += [expected[2]] * return_expected
    returns += [expected] * return_expected_set
    returns += [calculator] * return_calculator
    return tuple(returns) if len(returns) > 1 else returns[0]


def _from_toys(calculator: ToyCalculator, poi_test: Any) -> tuple[Any, Any, Any, list[Any], Any]:
    """CLs+b, CLb and CLs of the observation, and the expected sets of CLs+b and CLs."""
    distributions = calculator.distributions(poi_test)
    statistic = calculator.teststatistic(poi_test)
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = calculator.pvalues(statistic, *distributions)
    expected = calculator.expected_pvalues(*distributions)
    clsb, clb, cls = (np.asarray(p) for p in observed)
    if clb == 0 and calculator.test_stat != "q0":
        raise FitError(
            f"CLs at POI = {poi_test} is a ratio to 0: none of {calculator.ntoys} background-only "
            "toys disagrees with that POI as much as the observation does; increase ntoys"
        )
    calculator.check_failures(statistic, *distributions)
    return clsb, clb, cls, expected[0], expected[2]


_OPTIONS: dict[str, dict[str, tuple[str, ...] | None]] = {
    "asymptotics": {
        "test_stat": get_args(TestStatistic),
        "calc_base_dist": ("normal", "clipped_normal"),
    },
    "toybased": {
        "test_stat": get_args(TestStatistic),
        "ntoys": None,
        "track_progress": None,
        "rng": None,
    },
}


def check_options(calctype: str, **options: object) -> None:
    """Refuse calculators and options that do not exist.

    Raises:
        InputError: names the option and what is allowed.
    """
    if calctype not in _OPTIONS:
        raise InputError(f"calctype is {calctype!r}, allowed: {', '.join(_OPTIONS)}")
    allowed = _OPTIONS[calctype]
    for name, value in options.items():
        if name not in allowed:
            raise InputError(
                f"{name!r} is no option of calctype {calctype!r}, allowed: {', '.join(allowed)}"
            )
        values = allowed[name]
        if values is not None and value not in values:
            raise InputError(f"{name} is {value!r}, allowed: {', '.join(values)}")


def _exp(x: Any) -> Any:
    xp = namespace(x)
    return xp.asarray(xp.exp(x))
