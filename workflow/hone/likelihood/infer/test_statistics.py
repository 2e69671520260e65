"""Profile likelihood test statistics, as ``pyhf.infer.test_statistics`` (arXiv:1007.1727).

Each takes ``(mu, data, pdf, init_pars, par_bounds, fixed_params, return_fitted_pars=False)`` and
returns the statistic, a float64 scalar; with ``return_fitted_pars`` also a pair of parameters (P,):
of the fit at ``mu`` and of the fit of all parameters. Statistics can be differentiated with respect
to model, data and ``mu``. With hone's model or pyhf's; None stands for the model's suggestions.

All raise:
    FitError: a fit did not converge (NaN instead, inside ``jit``).
    InputError: a wrong length, a value outside its bounds.
    pyhf.exceptions.UnspecifiedPOI: the model has no POI.
"""

import logging
from typing import Any

import pyhf
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from hone.likelihood.arrays import is_traced, namespace
from hone.likelihood.histfactory import Model
from hone.likelihood.infer.mle import fit, fixed_poi_fit
from hone.likelihood.infer.setup import as_model

__all__ = ["q0", "qmu", "qmu_tilde", "tmu", "tmu_tilde"]

log = logging.getLogger(__name__)

Mu = Float[Array, ""] | float


def qmu(
    mu: Mu,
    data: ArrayLike,
    pdf: Model | pyhf.Model,
    init_pars: ArrayLike | None = None,
    par_bounds: ArrayLike | None = None,
    fixed_params: ArrayLike | None = None,
    return_fitted_pars: bool = False,
) -> Any:
    """q of an upper limit: zero where the best fit is above ``mu`` (eq. 14).

    >>> bounds = [(-10.0, 10.0), *model.config.suggested_bounds()[1:]]
    >>> round(float(infer.test_statistics.qmu(3.0, data, model, par_bounds=bounds)), 4)
    18.341
    """
    statistic = _Statistic(pdf, init_pars, par_bounds, fixed_params)
    statistic.warn("qmu", starts_at_zero=False, use="qmu_tilde")
    return statistic(mu, data, return_fitted_pars, zero_above=True)


def qmu_tilde(
    mu: Mu,
    data: ArrayLike,
    pdf: Model | pyhf.Model,
    init_pars: ArrayLike | None = None,
    par_bounds: ArrayLike | None = None,
    fixed_params: ArrayLike | None = None,
    return_fitted_pars: bool = False,
) -> Any:
    """q of an upper limit for a POI that is not below zero (eq. 16).

    >>> round(float(infer.test_statistics.qmu_tilde(3.0, data, model)), 4)
    18.341
    """
    statistic = _Statistic(pdf, init_pars, par_bounds, fixed_params)
    statistic.warn("qmu_tilde", starts_at_zero=True, use="qmu")
    return statistic(mu, data, return_fitted_pars, zero_above=True)


def tmu(
    mu: Mu,
    data: ArrayLike,
    pdf: Model | pyhf.Model,
    init_pars: ArrayLike | None = None,
    par_bounds: ArrayLike | None = None,
    fixed_params: ArrayLike | None = None,
    return_fitted_pars: bool = False,
) -> Any:
    """t of a two-sided interval (eq. 8).

    >>> bounds = [(-10.0, 10.0), *model.config.suggested_bounds()[1:]]
    >>> round(float(infer.test_statistics.tmu(0.0, data, model, par_bounds=bounds)), 4)
    0.802
    """
    statistic = _Statistic(pdf, init_pars, par_bounds, fixed_params)
    statistic.warn("tmu", starts_at_zero=False, use="tmu_tilde")
    return statistic(mu, data, return_fitted_pars)


def tmu_tilde(
    mu: Mu,
    data: ArrayLike,
    pdf: Model | pyhf.Model,
    init_pars: ArrayLike | None = None,
    par_bounds: ArrayLike | None = None,
    fixed_params: ArrayLike | None = None,
    return_fitted_pars: bool = False,
) -> Any:
    """t of a two-sided interval for a POI that is not below zero (eq. 11).

    >>> round(float(infer.test_statistics.tmu_tilde(0.0, data, model)), 4)
    0.802
    """
    statistic = _Statistic(pdf, init_pars, par_bounds, fixed_params)
    statistic.warn("tmu_tilde", starts_at_zero=True, use="tmu")
    return statistic(mu, data, return_fitted_pars)


def q0(
    mu: Mu,
    data: ArrayLike,
    pdf: Model | pyhf.Model,
    init_pars: ArrayLike | None = None,
    par_bounds: ArrayLike | None = None,
    fixed_params: ArrayLike | None = None,
    return_fitted_pars: bool = False,
) -> Any:
    """q of the discovery of a positive signal: zero where the best fit is below zero (eq. 12).

    It always tests ``mu`` = 0, as in pyhf.

    >>> round(float(infer.test_statistics.q0(0.0, data, model)), 4)
    0.802
    """
    statistic = _Statistic(pdf, init_pars, par_bounds, fixed_params)
    if not is_traced(mu) and mu != 0:
        log.warning(
            "q0 test statistic only used for fit configuration with POI set to zero, not to %s", mu
        )
    return statistic(0.0, data, return_fitted_pars, zero_below=True)


class _Statistic:
    """-2 ln of the profile likelihood ratio, for given start, bounds and fixed parameters."""

    def __init__(self, pdf: Model | pyhf.Model, *fit_options: Any) -> None:
        self.model = as_model(pdf)
        config = self.model.config
        if config.poi_index is None:
            raise pyhf.exceptions.UnspecifiedPOI(
                "No POI is defined. A POI is required for profile likelihood based test statistics."
            )
        self.poi, self.fit_options = config.poi_index, fit_options
        bounds = config.suggested_bounds() if fit_options[1] is None else fit_options[1]
        self.lower = bounds[self.poi][0]

    def warn(self, name: str, starts_at_zero: bool, use: str) -> None:
        """Log a warning if the POI's lower bound belongs to another statistic."""
        if not is_traced(self.lower) and (self.lower == 0) != starts_at_zero:
            log.warning(
                "%s test statistic used for fit configuration with POI %s at zero: use %s",
                name,
                "not bounded" if starts_at_zero else "bounded",
                use,
            )

    def __call__(
        self,
        mu: Mu,
        data: ArrayLike,
        return_fitted_pars: bool,
        zero_above: bool = False,
        zero_below: bool = False,
    ) -> Any:
        options = {"return_fitted_val": True}
        fixed, at_mu = fixed_poi_fit(mu, data, self.model, *self.fit_options, **options)
        free, lowest = fit(data, self.model, *self.fit_options, **options)
        traced = is_traced(at_mu, lowest, mu)
        if not traced and at_mu < lowest:
            # Of several minima the fit of all parameters missed the lowest.
            free, lowest = fit(data, self.model, fixed, *self.fit_options[1:], **options)
        xp = namespace(at_mu, lowest, mu)
        mu_hat = free[self.poi]
        outside = (zero_above & (mu_hat > mu)) | (zero_below & (mu_hat < 0))
        value = xp.asarray(xp.where(outside | (at_mu < lowest), 0.0, at_mu - lowest))
        return (value, (fixed, free)) if return_fitted_pars else value
