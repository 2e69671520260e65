"""The unified approach of Feldman and Cousins, Phys. Rev. D 57 (1998) 3873, by toys."""

from typing import Any, NamedTuple

import numpy as np
import pyhf
from numpy.typing import ArrayLike

from hone.errors import FitError, InputError
from hone.likelihood.histfactory import Model
from hone.likelihood.infer.calculators import EmpiricalDistribution
from hone.likelihood.infer.mle import fixed_poi_fit
from hone.likelihood.infer.setup import as_model, checked_setup, require_poi
from hone.likelihood.infer.toys import sample_toys, toy_ratios

__all__ = ["feldman_cousins"]


class FeldmanCousins(NamedTuple):
    """A confidence interval on the POI and the tests it follows from; float64."""

    low: float
    high: float
    scan: np.ndarray
    """POI values that were tested, ascending (N,)."""
    t: np.ndarray
    """-2 ln of the profile likelihood ratio of the data at each (N,)."""
    pvalues: np.ndarray
    """Fraction of toys with at least that t (N,)."""
    errors: np.ndarray
    """Standard deviations of the p-values from the number of toys, binomial (N,); 0 if no toy or
    every toy is as extreme."""


def feldman_cousins(
    data: ArrayLike,
    pdf: Model | pyhf.Model,
    scan: ArrayLike,
    level: float = 0.6826894921370859,
    ntoys: int = 2000,
    rng: int | np.random.Generator | None = None,
    init_pars: ArrayLike | None = None,
    par_bounds: ArrayLike | None = None,
    fixed_params: ArrayLike | None = None,
) -> FeldmanCousins:
    """The confidence interval on the POI by the ordering of likelihood ratios, from toys.

    A POI value is in the interval if more than ``1 - level`` of its toys have a likelihood ratio t
    of at least that of the data. With the POI bounded from below at 0, as usual, t is t-tilde, else
    t (arXiv:1007.1727, eqs. 11 and 8). Toys of a value are drawn at the fit of the other parameters
    to the data with the POI fixed there (also called profile construction), all with the same
    random numbers. Toys whose fits do not converge are left out.

    Args:
        data: bins and auxiliary data (D,).
        pdf: the model; a pyhf model is compiled first.
        scan: POI values to test (N,), within the POI's bounds.
        level: coverage of the interval, in (0, 1), that of one standard deviation by default.
        ntoys: number of toys of each POI value.
        rng: a seed or a ``numpy.random.Generator``; fresh toys every time if None.
        init_pars: as for :func:`.mle.fit`, also the next two.
        par_bounds: bounds (P, 2).
        fixed_params: True for parameters that stay at their start (P,).

    Returns:
        The interval, with ends between the values of the scan by linear interpolation of p-values,
        or where the scan ends at a bound of the POI; and the p-values. The interval spans gaps,
        which counts of few events can cause.

    Raises:
        FitError: a fit to the data did not converge, or fits of too many toys.
        InputError: a value is not allowed, or the interval is not inside the scan.
        pyhf.exceptions.UnspecifiedPOI: the model has no POI.
        pyhf.exceptions.InvalidModel: the POI is fixed.

    >>> found = infer.intervals.feldman_cousins(
    ...     data, model, [0.0, 0.5, 1.0, 1.5], ntoys=500, rng=1
    ... )
    >>> round(found.low, 1), round(found.high, 1)
    (0.1, 1.1)
    """
    if not 0 < level < 1:
        raise InputError(f"level is {level}, it must lie in (0, 1)")
    if not ntoys >= 1:
        raise InputError(f"ntoys is {ntoys}, it must be at least 1")
    model, options = as_model(pdf), (init_pars, par_bounds, fixed_params)
    setup, poi = checked_setup(model, *options), require_poi(model)
    observation, name = model.checked_data(data), str(model.config.poi_name)
    mus = np.unique(np.asarray(scan, dtype=float))
    if not mus.size:
        raise InputError("scan has no POI values")
    for mu in (mus[0], mus[-1]):
        setup.check_value(poi, mu, name)
    seed = int(np.random.default_rng(rng).integers(2**63))

    def tested(mu: float) -> tuple[float, float, float]:
        truth = np.asarray(fixed_poi_fit(mu, observation, model, *options))
        observed = toy_ratios(model, np.asarray(observation)[None], setup, mu, truth)[0][0]
        if not np.isfinite(observed):
            raise FitError(f"the fits to the data at {name} = {mu:g} did not converge")
        toys = sample_toys(model, truth, ntoys, np.random.default_rng(seed))
        t, _ = toy_ratios(model, toys, setup, mu, truth)
        known = t[np.isfinite(t)]
        p = float(EmpiricalDistribution(known).pvalue(observed)) if len(known) else 0.0
        if not len(known) or ntoys - len(known) > np.sqrt(p * len(known) + 1):
            raise FitError(
                f"the fits of {ntoys - len(known)} of {ntoys} toys at {name} = {mu:g} did not "
                "converge: too many for the p-value"
            )
        return observed, p, float(np.sqrt(p * (1 - p) / len(known)))

    t, pvalues, errors = np.array([tested(float(mu)) for mu in mus]).T
    low, high = _ends(name, mus, pvalues - (1 - level), setup.lower[poi], setup.upper[poi])
    return FeldmanCousins(low, high, mus, t, pvalues, errors)


def _ends(
    name: str, mus: np.ndarray, excess: np.ndarray, lower: Any, upper: Any
) -> tuple[float, float]:
    """Where ``excess`` (N,), positive inside, is zero for the first and the last time."""
    inside = np.flatnonzero(excess > 0)
    if not len(inside):
        raise InputError(
            f"no value of the scan of {name!r}, {mus[0]:g} to {mus[-1]:g}, is in the interval: "
            "scan more values around the best fit"
        )

    def end(one: int, other: int, bound: Any) -> float:
        if 0 <= other < len(mus):
            a, b = excess[one], excess[other]
            return float(mus[one] + (mus[other] - mus[one]) * a / (a - b))
        if mus[one] != bound:
            raise InputError(
                f"the interval is not inside the scan: its end {name} = {mus[one]:g} is in the "
                "interval; extend the scan"
            )
        return float(bound)

    first, last = inside[0], inside[-1]
    return end(first, first - 1, lower), end(last, last + 1, upper)
