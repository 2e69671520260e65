"""Goodness of fit: the deviance from the saturated model, asymptotically and by toys."""

from typing import NamedTuple

import numpy as np
import pyhf
from scipy.special import gammaincc

from hone.errors import FitError, InputError
from hone.likelihood.histfactory import Model
from hone.likelihood.infer.best_fit import BestFit
from hone.likelihood.infer.setup import FitSetup, as_model
from hone.likelihood.infer.toys import SAME, sample_toys, toy_deviances

__all__ = ["GoodnessOfFit", "goodness_of_fit"]


class GoodnessOfFit(NamedTuple):
    """How well the best fit describes the data; NaN for what does not exist."""

    deviance: float
    """-2 ln of the likelihood ratio to the saturated model, in which each bin has a rate of its own
    and each constrained parameter is at its auxiliary measurement."""
    degrees_of_freedom: int
    """Bins minus free parameters without a constraint. What is fixed or at a bound is not free."""
    p_value: float
    """Chi-squared probability of a deviance as large; NaN without degrees of freedom."""
    toys: np.ndarray
    """Deviances of toys, float64 (N,)."""
    p_value_toys: float
    """Fraction of the toys with a deviance as large."""
    p_value_toys_error: float
    """Binomial standard deviation; NaN if none, or all, are as large."""


def goodness_of_fit(
    best: BestFit,
    pdf: Model | pyhf.Model,
    ntoys: int = 0,
    rng: int | np.random.Generator | None = None,
) -> GoodnessOfFit:
    """The saturated goodness of fit (S. Baker and R. D. Cousins, NIM 221 (1984) 437).

    Where bins have few events, the deviance does not follow a chi-squared distribution: use toys.
    They are drawn at the best fit, auxiliary data too, and fitted as the data was.

    Args:
        best: the best fit, of :func:`.best_fit`.
        pdf: the model.
        ntoys: number of toys.
        rng: seed of the toys, or a generator; without it they differ each time.

    Raises:
        FitError: too many fits of toys did not converge (others are left out).
        InputError: ``ntoys`` is negative, or a rate is at the best fit.

    >>> found = infer.goodness_of_fit(infer.best_fit(data, model), model, ntoys=200, rng=1)
    >>> round(found.deviance, 4), found.degrees_of_freedom, round(found.p_value, 2)
    (0.0734, 1, 0.79)
    >>> round(found.p_value_toys, 2), round(found.p_value_toys_error, 2)
    (0.79, 0.03)
    """
    if ntoys < 0:
        raise InputError(f"ntoys is {ntoys}, it must not be negative")
    model = as_model(pdf)
    deviance = max(2 * float(best.value), 0.0)
    sets = map(model.config.param_set, model.config.par_order)
    constrained = np.array([p.constrained for p in sets for _ in p.suggested_init], dtype=bool)
    freedom = model.layout.total_bins - int((best.moving & ~constrained).sum())
    p = float(gammaincc(freedom / 2, deviance / 2)) if freedom > 0 else np.nan
    if ntoys == 0:
        return GoodnessOfFit(deviance, freedom, p, np.empty(0), np.nan, np.nan)
    setup = FitSetup.of(model, best.pars, fixed_params=best.fixed)
    toys = sample_toys(model, best.pars, ntoys, np.random.default_rng(rng))
    found = toy_deviances(model, toys, setup)
    known = found[np.isfinite(found)]
    extreme, failed = int((known >= deviance - SAME).sum()), ntoys - len(known)
    if not len(known) or failed > np.sqrt(extreme + 1):
        raise FitError(
            f"the fits of {failed} of {ntoys} toys did not converge: too many compared to the "
            f"{extreme} that are as far from the best fit as the data"
        )
    fraction = extreme / len(known)
    error = float(np.sqrt(fraction * (1 - fraction) / len(known)))
    return GoodnessOfFit(deviance, freedom, p, known, fraction, error or np.nan)
