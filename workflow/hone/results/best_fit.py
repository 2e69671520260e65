"""The best fit of a model to data, with uncertainties."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Array, Float

from hone.errors import FitError
from hone.likelihood import infer
from hone.likelihood.arrays import compiled_if_traced
from hone.likelihood.histfactory import Model
from hone.likelihood.histfactory.likelihood import Expansion
from hone.results.documents import StoredFit

__all__ = ["DEEPER", "BestFit", "empty_bins", "find_best_fit"]

DEEPER = 1e-6
"""Decrease of -ln L above which a fit has found another minimum."""
_EMPTY = 1e-6
"""Expected events below which a rate counts as zero."""


@dataclass(frozen=True)
class BestFit:
    """The best fit to some data; arrays are numpy float64 or bool."""

    data: np.ndarray
    """Bins and auxiliary data (D,)."""
    value: float
    """-ln L relative to the saturated model."""
    pars: np.ndarray
    """(P,)"""
    fixed: np.ndarray
    """bool (P,): fixed by the model, or without effect."""
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
        return np.asarray(self.correlation * np.outer(self.errors, self.errors))

    def stored(self) -> StoredFit:
        """Everything but the data, for JSON."""
        return {
            "value": self.value,
            "pars": self.pars.tolist(),
            "fixed": self.fixed.tolist(),
            "at_bound": self.at_bound.tolist(),
            "errors": None if self.errors is None else self.errors.tolist(),
            "correlation": None if self.correlation is None else self.correlation.tolist(),
            "reason": self.reason,
        }

    @classmethod
    def of(cls, data: Any, stored: StoredFit) -> "BestFit":
        """The best fit to ``data`` from :meth:`stored`."""
        arrays = {k: np.array(v) if isinstance(v, list) else v for k, v in stored.items()}
        return cls(data=np.asarray(data), **arrays)  # type: ignore[arg-type]


def find_best_fit(model: Model, data: Any, near: Any = None) -> BestFit:
    """Fit the data within the suggested bounds, by :func:`hone.likelihood.infer.fit`.

    Args:
        model: the model.
        data: bins and auxiliary data (D,).
        near: start (P,), the suggested parameters if None.

    Raises:
        FitError: no fit converged.
    """
    data = np.asarray(model.checked_data(data))
    low, high = np.transpose(model.config.suggested_bounds())
    fixed = np.asarray(model.config.suggested_fixed(), dtype=bool)
    fixed |= _without_effect(model, data, fixed)
    while True:
        start = None if near is None else np.clip(near, low, high)
        found, lowest = infer.fit(data, model, start, fixed_params=fixed, return_fitted_val=True)
        pars = np.array(found)
        slope = np.asarray(_expansion(model, pars, data).gradient)
        # Fits end exactly at a bound, except if the minimum is at the bound: then close to it.
        reach = 1e-9 * (1 + abs(pars))
        at_low = ~fixed & (pars <= low + reach) & (slope > -1e-6)
        at_high = ~fixed & (pars >= high - reach) & (slope < 1e-6)
        pars = np.where(at_low, low, np.where(at_high, high, pars))
        errors, correlation, reason = None, None, None
        try:
            pairs, matrix, value = infer.fit(
                data, model, pars, fixed_params=fixed | at_low | at_high,
                return_uncertainties=True, return_correlations=True, return_fitted_val=True,
            )  # fmt: skip
        except FitError as error:
            reason = str(error)
        else:
            pars, errors = np.array(pairs).T
            correlation = np.array(matrix)
            if value < lowest - 2 * DEEPER:
                near = pars
                continue
        value = float(_expansion(model, pars, data).value)
        return BestFit(data, value, pars, fixed, at_low | at_high, errors, correlation, reason)


def empty_bins(model: Model, pars: Any, data: Any) -> list[str]:
    """Names of the bins without events whose expected rate is zero at ``pars``."""
    rates = np.asarray(model.expected_actualdata(pars))
    empty = (rates < _EMPTY) & (np.asarray(data)[: len(rates)] == 0)
    return [model.layout.name_of(int(k)) for k in np.flatnonzero(empty)]


def _without_effect(model: Model, data: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """Parameters without effect, e.g. one that scales an empty template; bool (P,)."""
    # Away from the suggested parameters: with mu = 0 other parameters of the signal have no effect.
    pars = np.array(model.config.suggested_init()) + np.where(fixed, 0.0, 0.1)
    sets = map(model.config.param_set, model.config.par_order)
    constrained = np.array([p.constrained for p in sets for _ in p.suggested_init], dtype=bool)
    return (np.asarray(_expansion(model, pars, data).jacobian.dense()) == 0).all(
        axis=1
    ) & ~constrained


@compiled_if_traced()
def _expansion(model: Model, pars: Float[Array, " P"], data: Float[Array, " D"]) -> Expansion:
    return model.prepare().expansion(pars, data)
