"""Upper limits on the POI, as ``pyhf.infer.intervals.upper_limits.upper_limit``."""

from typing import Any, Literal, Unpack, cast, overload

import jax
import jax.numpy as jnp
import numpy as np
import pyhf
from jax.scipy.special import log_ndtr
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from hone.errors import InputError
from hone.likelihood.arrays import compiled_if_traced, is_traced, namespace
from hone.likelihood.histfactory import Model
from hone.likelihood.infer.asymptotics import TestStatistic, normal_quantiles
from hone.likelihood.infer.failures import failed_fit
from hone.likelihood.infer.hypotest import check_options, hypotest
from hone.likelihood.infer.intervals.crossings import (
    LIMIT_NAMES,
    LimitOptions,
    reported,
    scan_limits,
    toy_limits,
)
from hone.likelihood.infer.limits import search_limits
from hone.likelihood.infer.mle import fits
from hone.likelihood.infer.patience import said_if_slow
from hone.likelihood.infer.profile import Fitted, setup_for_test, test_statistics
from hone.likelihood.infer.setup import FitSetup, as_model, require_poi

__all__ = [
    "LIMIT_NAMES",
    "all_limits",
    "median_limit",
    "linear_grid_scan",
    "missing_limit",
    "toms748_scan",
    "upper_limit",
]

Limit = Float[Array | np.ndarray, ""]


@overload
def upper_limit(
    data: ArrayLike,
    model: Model | pyhf.Model,
    scan: ArrayLike | None = None,
    level: float = 0.05,
    return_results: Literal[False] = False,
    **hypotest_kwargs: Unpack[LimitOptions],
) -> tuple[Limit, list[Limit]]: ...
@overload
def upper_limit(
    data: ArrayLike,
    model: Model | pyhf.Model,
    scan: ArrayLike | None = None,
    level: float = 0.05,
    *,
    return_results: Literal[True],
    **hypotest_kwargs: Unpack[LimitOptions],
) -> tuple[Limit, list[Limit], tuple[Any, list[Any]]]: ...
@overload
def upper_limit(
    data: ArrayLike,
    model: Model | pyhf.Model,
    scan: ArrayLike | None,
    level: float,
    return_results: bool,
    **hypotest_kwargs: Any,
) -> Any: ...
def upper_limit(
    data: ArrayLike,
    model: Model | pyhf.Model,
    scan: ArrayLike | None = None,
    level: float = 0.05,
    return_results: bool = False,
    **hypotest_kwargs: Any,
) -> Any:
    """Observed and five expected upper limits, where CLs equals ``level``.

    Args:
        data: observed bins and auxiliary data, float (D,).
        model: the model; a pyhf model is compiled first.
        scan: POI values between which CLs is interpolated linearly; None finds the roots.
        level: CLs at the limit, in (0, 1); pyhf 0.7.6 ignores it without a scan.
        return_results: also return the POI values used and their hypothesis tests; with
            ``scan=None`` these are the six limits themselves.
        hypotest_kwargs: as for :func:`hone.likelihood.infer.hypotest`; toy-based limits too. pyhf's
            ``rtol`` and ``atol`` are accepted without effect: roots are found to machine precision
            (from toys, to 1e-4).

    Returns:
        The observed limit (), the expected limits (list of five, -2 to +2 sigma), and with
        ``return_results`` a pair (POI values, hypothesis tests). Roots can be differentiated with
        respect to model and data (implicit function theorem). A limit that does not exist within
        the POI's bounds, or whose fits do not converge, is NaN; the log says which and why.

    Raises:
        FitError: none of the limits exists; the message says why (NaN instead, inside ``jit``).
        InputError: ``level`` outside (0, 1), or an unknown option.

    >>> observed, expected = infer.upper_limit(data, model)
    >>> round(float(observed), 4), [round(float(x), 4) for x in expected]
    (1.4558, [0.5696, 0.7702, 1.0809, 1.5275, 2.0869])
    """
    if not 0 < level < 1:
        raise InputError(f"level is {level}, it must lie in (0, 1)")
    model = as_model(model)
    tails = bool(hypotest_kwargs.pop("return_tail_probs", False))
    options = _checked(**{k: v for k, v in hypotest_kwargs.items() if k not in ("rtol", "atol")})

    def test(mu: Any, options: LimitOptions = options) -> Any:
        returns = {"return_expected_set": True, "return_tail_probs": tails}
        return hypotest(mu, data, model, **options, **returns)

    if scan is not None:
        found, *tests = scan_limits(test, scan, level)
        return (found[0], found[1:], tuple(tests))[: 2 + return_results]
    if options.get("calctype") == "toybased":
        asymptotic: LimitOptions = {
            "init_pars": options.get("init_pars"),
            "par_bounds": options.get("par_bounds"),
            "fixed_params": options.get("fixed_params"),
            "test_stat": options.get("test_stat", "qtilde"),
        }
        around = upper_limit(data, model, level=level, **asymptotic)
        found, *tests = toy_limits(test, model, [around[0], *around[1]], level, options)
        return (found[0], found[1:], tuple(tests))[: 2 + return_results]
    with said_if_slow(f"the limits of {model.config.npars} parameters"):
        limits: Any = all_limits(data, model, level, **options)
    if not is_traced(limits):
        limits = reported(
            limit if np.isfinite(limit) else missing_limit(name, data, model, level, **options)
            for name, limit in zip(LIMIT_NAMES, limits, strict=True)
        )
    result = (limits[0], list(limits[1:]))
    if not return_results:
        return result
    mus = [mu for mu in limits if np.isfinite(mu)]
    return (*result, (mus, [test(mu) for mu in mus]))


def toms748_scan(
    data: ArrayLike,
    model: Model | pyhf.Model,
    bounds_low: float,  # noqa: ARG001
    bounds_up: float,  # noqa: ARG001
    level: float = 0.05,
    atol: float = 2e-12,  # noqa: ARG001
    rtol: float = 1e-4,  # noqa: ARG001
    from_upper_limit_fn: bool = False,
    **hypotest_kwargs: Any,
) -> Any:
    """Limits as :func:`upper_limit`, with the signature of pyhf's ``toms748_scan``.

    The search needs no bracket and no tolerance: ``bounds_low``, ``bounds_up``, ``atol`` and
    ``rtol`` have no effect. ``from_upper_limit_fn`` is ``return_results``.

    >>> observed, _ = infer.intervals.upper_limits.toms748_scan(data, model, 0, 10)
    >>> round(float(observed), 4)
    1.4558
    """
    return upper_limit(data, model, None, level, from_upper_limit_fn, **hypotest_kwargs)


def linear_grid_scan(
    data: ArrayLike,
    model: Model | pyhf.Model,
    scan: ArrayLike,
    level: float = 0.05,
    return_results: bool = False,
    **hypotest_kwargs: Any,
) -> Any:
    """Limits by linear interpolation between the POI values ``scan``: :func:`upper_limit` with it.

    >>> observed, _ = infer.intervals.upper_limits.linear_grid_scan(data, model, [0, 1, 2, 3])
    >>> round(float(observed), 2)
    1.78
    """
    return upper_limit(data, model, scan, level, return_results, **hypotest_kwargs)


def missing_limit(
    name: str,
    data: ArrayLike,
    model: Model,
    level: float = 0.05,
    init_pars: ArrayLike | None = None,
    par_bounds: ArrayLike | None = None,
    fixed_params: ArrayLike | None = None,
    **options: Any,
) -> str:
    """Why one of :data:`LIMIT_NAMES` does not exist; arguments as for :func:`upper_limit`."""
    test_stat = options.get("test_stat", "qtilde")
    setup = setup_for_test(model, test_stat, init_pars, par_bounds, fixed_params)
    poi, data = require_poi(model), model.checked_data(data)
    needed = [("the fit at POI = 0", setup.fixing(poi, 0.0))]
    if name == LIMIT_NAMES[0]:
        needed.insert(0, ("the fit of all parameters", setup))
    for what, of_fit in needed:
        if not fits(model, data, of_fit):
            return f"the {name} limit does not exist: {failed_fit(what, model, data, of_fit)}"
    low, high = float(setup.lower[poi]), float(setup.upper[poi])
    return (
        f"the {name} limit does not exist: CLs does not cross {level:g} for "
        f"{model.config.poi_name!r} in [{low:g}, {high:g}], or a fit on the way did not converge; "
        "widen the POI's bounds?"
    )


def all_limits(
    data: ArrayLike,
    model: Model,
    level: float = 0.05,
    init_pars: ArrayLike | None = None,
    par_bounds: ArrayLike | None = None,
    fixed_params: ArrayLike | None = None,
    calctype: str = "asymptotics",
    *,
    test_stat: TestStatistic = "qtilde",
    calc_base_dist: str = "normal",
) -> Float[Array, " 6"]:
    """Observed and expected asymptotic limits in one array, NaN for one that does not exist."""
    check_options(calctype, test_stat=test_stat, calc_base_dist=calc_base_dist)
    if test_stat == "q0":
        raise InputError("an upper limit needs test_stat 'q' or 'qtilde', not 'q0'")
    setup = setup_for_test(model, test_stat, init_pars, par_bounds, fixed_params)
    log_level = namespace(level).log(level)
    return _limits(model, model.checked_data(data), setup, log_level, test_stat, calc_base_dist)


def median_limit(
    data: ArrayLike, model: Model, level: float = 0.05, fixed_params: ArrayLike | None = None
) -> float:
    """The median expected one of :func:`all_limits` alone, by NumPy, in less time.

    Args:
        data: bins and auxiliary data (D,).
        model: the model, none of whose numbers is traced.
        level: CLs at the limit.
        fixed_params: whether each parameter is fixed, bool (P,).

    Returns:
        The limit in units of the POI, NaN if it does not exist.
    """
    setup = setup_for_test(model, "qtilde", None, None, fixed_params)
    model, setup, counts = jax.tree.map(np.asarray, (model, setup, model.checked_data(data)))
    which = [name == "expected median" for name in LIMIT_NAMES]
    with np.errstate(all="ignore"):
        limits, _ = search_limits(
            model.prepare(), counts, setup, require_poi(model),
            np.log(level), "qtilde", "normal", which,
        )  # fmt: skip
    return float(limits[which.index(True)])


def _limits_and_fits(
    model: Model,
    data: Float[Array, " D"],
    setup: FitSetup,
    log_level: Float[Array, ""],
    test_stat: TestStatistic,
    calc_base_dist: str,
) -> tuple[Float[Array, " 6"], Fitted]:
    poi = require_poi(model)
    likelihood = model.prepare()
    return search_limits(likelihood, data, setup, poi, log_level, test_stat, calc_base_dist)


_find_limits = jax.custom_jvp(_limits_and_fits, nondiff_argnums=(4, 5))


@_find_limits.defjvp
def _find_limits_jvp(test_stat, calc_base_dist, primals, tangents):  # type: ignore[no-untyped-def]
    """Implicit function theorem: where ln CLs(mu, y) is constant, dmu = -(d/dy) / (d/dmu)."""
    limits, fitted = _find_limits(*primals, test_stat, calc_base_dist)
    model, data, setup, _ = primals
    *others_dot, level_dot = tangents
    poi = require_poi(model)

    def log_cls(mu: Array, model: Model, data: Array, setup: FitSetup) -> Array:
        q, q_asimov = test_statistics(
            model.prepare(), data, setup, poi, mu[0], mu, fitted, test_stat
        )
        clsb, clb = log_ndtr(normal_quantiles(q, q_asimov, test_stat, calc_base_dist))
        return clsb - clb

    unit = jnp.ones_like(limits)
    _, slope = jax.jvp(lambda mu: log_cls(mu, model, data, setup), (limits,), (unit,))
    _, explicit = jax.jvp(
        lambda *others: log_cls(limits, *others), (model, data, setup), tuple(others_dot)
    )
    nothing = jax.tree.map(jnp.zeros_like, fitted)
    return (limits, fitted), ((level_dot - explicit) / slope, nothing)


@compiled_if_traced(4, 5)
def _limits(
    model: Model,
    data: Float[Array, " D"],
    setup: FitSetup,
    log_level: Float[Array, ""],
    test_stat: TestStatistic,
    calc_base_dist: str,
) -> Float[Array, " 6"]:
    search = _limits_and_fits if namespace(model, data, setup, log_level) is np else _find_limits
    return search(model, data, setup, log_level, test_stat, calc_base_dist)[0]


def _checked(**hypotest_kwargs: Any) -> LimitOptions:
    fits = ("init_pars", "par_bounds", "fixed_params", "calctype")
    options = {k: v for k, v in hypotest_kwargs.items() if k not in fits}
    check_options(hypotest_kwargs.get("calctype", "asymptotics"), **options)
    return cast("LimitOptions", hypotest_kwargs)
