"""Maximum-likelihood fits, as ``pyhf.infer.mle``."""

from typing import Any, overload

import numpy as np
import pyhf
from jaxtyping import Array, Float
from numpy.typing import ArrayLike
from scipy.optimize import OptimizeResult

from hone.errors import InputError
from hone.likelihood.arrays import compiled_if_traced, is_traced, namespace
from hone.likelihood.histfactory import Model
from hone.likelihood.infer.failures import failed_fit, no_uncertainties
from hone.likelihood.infer.implicit import covariance
from hone.likelihood.infer.minima import Minima, Reason
from hone.likelihood.infer.setup import FitSetup, as_model, require_poi

__all__ = ["fit", "fits", "fixed_poi_fit", "twice_nll"]


@overload
def fit(
    data: ArrayLike,
    pdf: Model | pyhf.Model,
    init_pars: ArrayLike | None = None,
    par_bounds: ArrayLike | None = None,
    fixed_params: ArrayLike | None = None,
) -> Float[Array | np.ndarray, " P"]: ...
@overload
def fit(
    data: ArrayLike,
    pdf: Model | pyhf.Model,
    init_pars: ArrayLike | None = None,
    par_bounds: ArrayLike | None = None,
    fixed_params: ArrayLike | None = None,
    **kwargs: bool,
) -> Any: ...
def fit(
    data: ArrayLike,
    pdf: Model | pyhf.Model,
    init_pars: ArrayLike | None = None,
    par_bounds: ArrayLike | None = None,
    fixed_params: ArrayLike | None = None,
    **kwargs: bool,
) -> Any:
    """Fit all parameters that are not fixed, as ``pyhf.infer.mle.fit``.

    Args:
        data: observed bins and auxiliary data, float (D,).
        pdf: the model; a pyhf model is compiled first.
        init_pars: starting values (P,); the model's suggestion if None.
        par_bounds: bounds (P, 2); the model's suggestion if None.
        fixed_params: True for parameters kept at their start (P,); the suggestion if None.
        kwargs: what else to return, each False by default: ``return_uncertainties`` (turns the
            parameters into pairs (P, 2) with their uncertainties, from the inverse Hessian at the
            minimum, 0 for fixed ones), ``return_correlations`` (P, P), ``return_fitted_val`` (the
            minimum of -2 ln L) and ``return_result_obj`` (a ``scipy.optimize.OptimizeResult``,
            whose ``status`` is a :class:`.minimum.Reason`).

    Returns:
        Fitted parameters, float64 (P,), or a tuple of them and the requested extras, in pyhf's
        order: NumPy arrays, or JAX's inside a transformation such as ``jax.grad``, where all can be
        differentiated with respect to model and data.

    Raises:
        FitError: the fit did not converge (NaN instead, inside ``jit``).
        InputError: a wrong length, a start outside its bounds, an unknown option.

    >>> pars, minimum = infer.fit(data, model, return_fitted_val=True)
    >>> [round(x, 4) for x in pars.tolist()], round(float(minimum), 4)
    ([0.4766, 1.0036, 0.9801], 25.1224)
    """
    model = as_model(pdf)
    setup = FitSetup.of(model, init_pars, par_bounds, fixed_params)
    return _checked_fit("the fit of all parameters", data, model, setup, **kwargs)


@overload
def fixed_poi_fit(
    poi_val: Float[Array, ""] | float,
    data: ArrayLike,
    pdf: Model | pyhf.Model,
    init_pars: ArrayLike | None = None,
    par_bounds: ArrayLike | None = None,
    fixed_params: ArrayLike | None = None,
) -> Float[Array | np.ndarray, " P"]: ...
@overload
def fixed_poi_fit(
    poi_val: Float[Array, ""] | float,
    data: ArrayLike,
    pdf: Model | pyhf.Model,
    init_pars: ArrayLike | None = None,
    par_bounds: ArrayLike | None = None,
    fixed_params: ArrayLike | None = None,
    **kwargs: bool,
) -> Any: ...
def fixed_poi_fit(
    poi_val: Float[Array, ""] | float,
    data: ArrayLike,
    pdf: Model | pyhf.Model,
    init_pars: ArrayLike | None = None,
    par_bounds: ArrayLike | None = None,
    fixed_params: ArrayLike | None = None,
    **kwargs: bool,
) -> Any:
    """Fit with the POI fixed at ``poi_val``, as ``pyhf.infer.mle.fixed_poi_fit``.

    Arguments, returns and errors as :func:`fit`; also raises ``pyhf.exceptions.UnspecifiedPOI``
    for a model without POI.

    >>> [round(x, 4) for x in infer.fixed_poi_fit(1.0, data, model).tolist()]
    [1.0, 0.9874, 0.9332]
    """
    model = as_model(pdf)
    poi = require_poi(model)
    setup = FitSetup.of(model, init_pars, par_bounds, fixed_params)
    setup.check_value(poi, poi_val, str(model.config.poi_name))
    return _checked_fit(
        f"the fit at POI = {poi_val}", data, model, setup.fixing(poi, poi_val), **kwargs
    )


def twice_nll(pars: ArrayLike, data: ArrayLike, pdf: Model | pyhf.Model) -> Float[Array, ""]:
    """-2 ln L of ``data`` (D,) at ``pars`` (P,), as ``pyhf.infer.mle.twice_nll``, a scalar.

    >>> round(float(infer.mle.twice_nll([1.0, 1.0, 1.0], data, model)), 4)
    26.5253
    """
    return -2 * as_model(pdf).logpdf(pars, data)


def _checked_fit(what: str, data: ArrayLike, model: Model, setup: FitSetup, **options: bool) -> Any:
    unknown = set(options) - set(_FIT_OPTIONS)
    if unknown:
        raise InputError(
            f"{min(unknown)!r} is no option of hone's fit, allowed: {', '.join(_FIT_OPTIONS)}; "
            "there is one method of minimisation, and it converges to machine precision"
        )
    uncertainties, correlations, value, result = (options.get(o, False) for o in _FIT_OPTIONS)
    data = model.checked_data(data)
    pars, minimum, found = _fit(model, data, setup)
    if not is_traced(minimum) and not bool(np.isfinite(minimum)):
        raise failed_fit(what, model, data, setup, found)
    errors: Any = None
    matrix: Any = None
    if uncertainties or correlations or result:
        errors, matrix, hessian = _uncertainties(model, data, setup, pars)
        if not is_traced(errors) and not np.isfinite(errors).all():
            raise no_uncertainties(model, hessian, setup.free)
    shown = namespace(pars).stack([pars, errors], axis=1) if uncertainties else pars
    returns = [shown] + [matrix] * correlations + [minimum] * value
    if result:
        reason = found.reason[found.value.argmin()]
        returns += [
            OptimizeResult(
                x=shown,
                fun=minimum,
                success=True,
                unc=errors,
                corr=matrix,
                status=reason,
                message=None if is_traced(reason) else Reason(int(reason)).name,
                nfev=found.evaluations.sum(),
            )
        ]
    return tuple(returns) if len(returns) > 1 else returns[0]


def fits(model: Model, data: Float[Array, " D"], setup: FitSetup) -> bool:
    """Whether a fit converges to a likelihood above zero."""
    return bool(np.isfinite(_fit(model, data, setup)[1]))


_FIT_OPTIONS = (
    "return_uncertainties",
    "return_correlations",
    "return_fitted_val",
    "return_result_obj",
)


@compiled_if_traced()
def _fit(model: Model, data: Float[Array, " D"], setup: FitSetup) -> tuple[Array, Array, Minima]:
    likelihood = model.prepare()
    pars, found = setup.minimise(likelihood, data)
    return pars, -2 * likelihood.logpdf(pars, data), found


@compiled_if_traced()
def _uncertainties(
    model: Model, data: Float[Array, " D"], setup: FitSetup, pars: Float[Array, " P"]
) -> tuple[Float[Array, " P"], Float[Array, "P P"], Float[Array, "P P"]]:
    """Uncertainties and correlations of the free parameters, and the Hessian."""
    inverse, hessian = covariance(model.prepare(), pars, data, setup.free > 0)
    xp = namespace(inverse)
    errors = xp.sqrt(xp.diagonal(inverse))
    scale = xp.where(errors > 0, errors, 1.0)
    return errors, inverse / (scale[:, None] * scale[None, :]), hessian
