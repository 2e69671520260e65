"""The best fit of all parameters, with uncertainties and what a bound holds."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyhf
from jaxtyping import Array, Bool, Float
from numpy.typing import ArrayLike

from hone.errors import FitError
from hone.likelihood.arrays import compiled_if_traced, is_traced, namespace
from hone.likelihood.histfactory import Model
from hone.likelihood.histfactory.expansion import Expansion
from hone.likelihood.infer.implicit import covariance
from hone.likelihood.infer.mle import fit
from hone.likelihood.infer.setup import as_model

__all__ = ["DEEPER", "BestFit", "best_fit", "constraints"]

DEEPER = 1e-6
"""Decrease of -ln L above which a fit has found another minimum."""


@dataclass(frozen=True)
class BestFit:
    """The best fit to some data; arrays are float64 or bool, of NumPy if nothing is traced."""

    data: np.ndarray
    """Bins and auxiliary data (D,)."""
    value: float
    """-ln L relative to the saturated model."""
    pars: np.ndarray
    """(P,)"""
    fixed: np.ndarray
    """bool (P,): fixed, or without effect."""
    at_bound: np.ndarray
    """bool (P,): not fixed, but at a bound."""
    errors: np.ndarray | None
    """Standard deviations (P,) from the inverse Hessian of -ln L, 0 if fixed or at a bound; None if
    the Hessian is not positive definite."""
    correlation: np.ndarray | None
    """(P, P), 0 if fixed or at a bound; None without ``errors``."""
    reason: str | None
    """Why there are no errors."""

    @property
    def covariance(self) -> np.ndarray | None:
        """(P, P), None without errors."""
        if self.errors is None or self.correlation is None:
            return None
        errors: Any = self.errors
        return self.correlation * (errors[:, None] * errors)

    @property
    def moving(self) -> np.ndarray:
        """bool (P,): neither fixed nor at a bound."""
        return ~(self.fixed | self.at_bound)


def best_fit(
    data: ArrayLike,
    pdf: Model | pyhf.Model,
    near: ArrayLike | None = None,
    fixed_params: ArrayLike | None = None,
) -> BestFit:
    """Fit the data within the suggested bounds, as :func:`.mle.fit`; the same in all its numbers.

    A parameter at a bound is held there: it has no uncertainty. Inside a transformation of JAX,
    ``pars``, ``errors`` and ``correlation`` can be differentiated (what is held follows its bound),
    and are NaN where there is no fit or no positive definite Hessian.

    Args:
        data: bins and auxiliary data (D,).
        pdf: the model; a pyhf model is compiled first.
        near: start (P,), the suggested parameters if None.
        fixed_params: True for parameters that stay at their start (P,); the suggestion if None.

    Raises:
        FitError: no fit converged.
        InputError: as for :func:`.mle.fit`.

    >>> best = infer.best_fit(data, model)
    >>> best.pars.round(4).tolist(), best.at_bound.any()
    ([0.4766, 1.0036, 0.9801], np.False_)
    """
    model = as_model(pdf)
    checked = model.checked_data(data)
    bounds = np.transpose(model.config.suggested_bounds())
    suggested = model.config.suggested_fixed() if fixed_params is None else fixed_params
    fixed: Any = np.asarray(suggested, dtype=bool)
    fixed = fixed | _without_effect(model, checked, fixed)
    if is_traced(model, checked):
        pars = fit(checked, model, near, fixed_params=fixed)
        at_bound, pars = _held(model, checked, pars, fixed, *bounds)
        errors, correlation, value = _uncertainties(model, checked, pars, ~(fixed | at_bound))
        return BestFit(checked, value, pars, fixed, at_bound, errors, correlation, None)  # type: ignore[arg-type]
    while True:
        start = None if near is None else np.clip(near, *bounds)
        found, lowest = fit(checked, model, start, fixed_params=fixed, return_fitted_val=True)
        at_bound, pars = _held(model, checked, found, fixed, *bounds)
        errors, correlation, reason = None, None, None
        try:
            pairs, correlation, value = fit(
                checked, model, pars, fixed_params=fixed | at_bound,
                return_uncertainties=True, return_correlations=True, return_fitted_val=True,
            )  # fmt: skip
        except FitError as error:
            reason = str(error)
        else:
            pars, errors = np.array(pairs).T
            if value < lowest - 2 * DEEPER:
                near = pars
                continue
        value = float(_expansion(model, pars, checked).value)
        return BestFit(checked, value, pars, fixed, at_bound, errors, correlation, reason)  # type: ignore[arg-type]


def constraints(model: Model, data: Any) -> tuple[np.ndarray, np.ndarray]:
    """Centre and width of the constraint of each parameter, float64 (P,) each.

    The centre is the auxiliary measurement in the data; the width that of a normal, or 1 /
    sqrt(tau) of a Poisson of tau events. Without a constraint: the suggested value, and 0; so is
    the width of what the model fixes.

    Args:
        model: the model.
        data: bins and auxiliary data (D,).
    """
    centre, width = _constraints(model, np.asarray(data))
    free = (width > 0) & ~np.asarray(model.config.suggested_fixed(), dtype=bool)
    start = np.array(model.config.suggested_init())
    return np.where(width > 0, centre, start), np.where(free, width, 0.0)


@compiled_if_traced()
def _constraints(
    model: Model, data: Float[Array, " D"]
) -> tuple[Float[Array, " P"], Float[Array, " P"]]:
    """Centres and widths; the width is 0 without a constraint."""
    likelihood, layout, xp = model.prepare(), model.layout, namespace(model, data)
    measured = xp.concatenate([data[layout.total_bins :], xp.zeros(1)])[layout.aux_of_par]
    per_unit = likelihood.rate_per_unit
    weight = likelihood.inverse_variance + per_unit
    known = weight > 0
    centre = measured / xp.where(per_unit > 0, per_unit, 1.0)
    return centre, xp.where(known, 1 / xp.sqrt(xp.where(known, weight, 1.0)), 0.0)


def _held(
    model: Model,
    data: Float[Array, " D"],
    pars: Float[Array | np.ndarray, " P"],
    fixed: Bool[Array, " P"],
    low: np.ndarray,
    high: np.ndarray,
) -> tuple[Any, Any]:
    """Which parameters a bound holds, bool (P,), and all parameters with these exactly there."""
    xp: Any = namespace(pars, fixed)
    slope = _expansion(model, pars, data).gradient
    # Fits end exactly at a bound, except if the minimum is at the bound: then close to it.
    reach = 1e-9 * (1 + xp.abs(pars))
    at_low = ~fixed & (pars <= low + reach) & (slope > -1e-6)
    at_high = ~fixed & (pars >= high - reach) & (slope < 1e-6)
    return at_low | at_high, xp.where(at_low, low, xp.where(at_high, high, pars))


def _without_effect(model: Model, data: Any, fixed: np.ndarray) -> Any:
    """Parameters without effect, e.g. one that scales an empty template; bool (P,)."""
    # Away from the suggested parameters: with mu = 0 other parameters of the signal have no effect.
    pars = np.array(model.config.suggested_init()) + np.where(fixed, 0.0, 0.1)
    sets = map(model.config.param_set, model.config.par_order)
    constrained = np.array([p.constrained for p in sets for _ in p.suggested_init], dtype=bool)
    jacobian = _expansion(model, pars, data).jacobian.dense()
    return (jacobian == 0).all(axis=1) & ~constrained


@compiled_if_traced()
def _expansion(model: Model, pars: Float[Array, " P"], data: Float[Array, " D"]) -> Expansion:
    return model.prepare().expansion(pars, data)


@compiled_if_traced()
def _uncertainties(
    model: Model, data: Float[Array, " D"], pars: Float[Array, " P"], free: Bool[Array, " P"]
) -> tuple[Float[Array, " P"], Float[Array, "P P"], Float[Array, ""]]:
    """Standard deviations, correlations, and -ln L."""
    likelihood = model.prepare()
    inverse, _ = covariance(likelihood, pars, data, free)
    xp = namespace(inverse)
    variance = xp.diagonal(inverse)
    errors = xp.where(free, xp.sqrt(xp.where(free, variance, 1.0)), 0.0)
    scale = xp.where(free, errors, 1.0)
    return errors, inverse / (scale[:, None] * scale), likelihood.nll(pars, data)
