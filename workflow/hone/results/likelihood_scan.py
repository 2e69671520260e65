"""Scans of the likelihood of a workspace: profile and contours."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import erf
from scipy.stats import chi2

from hone.errors import FitError
from hone.likelihood import infer
from hone.likelihood.histfactory import Model
from hone.likelihood.infer.best_fit import DEEPER, BestFit, best_fit
from hone.likelihood.infer.scan import around, scan
from hone.likelihood.infer.setup import FitSetup, checked_setup, require_poi
from hone.results.documents import Contour, ContourScans, DataSet, Profile
from hone.running.files import finite_or_none

__all__ = ["leading_nuisance", "likelihood_of"]

_HIGHEST = 10.0
"""-2 delta ln L of the profile of one parameter that limits the range of contours."""
_FEWEST = 20
"""Points of the profile below that."""
_ROUNDS = 3
"""Times that a scan gets more points there, at most."""
LEVELS = tuple(float(chi2.ppf(erf(n / np.sqrt(2)), 2)) for n in (1, 2))
"""-2 delta ln L of the 68.3 % and 95.4 % contours of two parameters: 2.30 and 6.18."""


class _DeeperError(Exception):
    """A scan found a minimum below the best fit to ``name``, at ``pars``."""

    def __init__(self, name: DataSet, pars: np.ndarray) -> None:
        super().__init__(name)
        self.name, self.pars = name, pars


def leading_nuisance(
    model: Model, fit: BestFit, among: Sequence[str] = ()
) -> tuple[int, float] | None:
    """The nuisance parameter with the largest impact on the POI, and its correlation with it.

    By the covariance: a shift of a parameter by its uncertainty shifts the POI by the correlation
    times the uncertainty of the POI. None if there is no such parameter, or no covariance. Only of
    the parameters ``among``, if there are any.
    """
    poi, covariance = require_poi(model), fit.covariance
    if covariance is None or not covariance[poi, poi] > 0:
        return None
    errors = np.sqrt(np.diagonal(covariance))
    known = (errors > 0) & (np.arange(len(errors)) != poi)
    if among:
        known &= np.isin(model.config.par_names, among)
    if not known.any():
        return None
    scale = np.where(known, errors, 1.0) * errors[poi]
    correlation = np.where(known, covariance[poi] / scale, 0.0)
    index = int(np.argmax(np.where(known, abs(correlation), -1.0)))
    return index, float(correlation[index])


def _profile_scan(model: Model, fits: Mapping[DataSet, BestFit], points: int = 61) -> Profile:
    """-2 delta ln L against the POI, with all other parameters profiled or at the best fit.

    Args:
        model: the model.
        fits: best fit to each data set, by name; the scan reaches 3.5 sigma beyond all of them,
            within the POI's bounds.
        points: of the scan, to which the best fits are added, and more points where a curve is so
            steep that few are low enough to be seen, or still low at an end.

    Raises:
        _DeeperError: a point lies below a best fit.
    """
    poi, setup = require_poi(model), checked_setup(model)
    mus = _axis(setup, fits, poi, 3.5, points)
    scanned = {
        name: _rise(model, setup, name, fit, [poi], mus[:, None])[0] for name, fit in fits.items()
    }
    for _ in range(_ROUNDS):
        added = [_between(mus, scanned[name], float(fit.pars[poi])) for name, fit in fits.items()]
        added += [_beyond(setup, poi, mus, q) for q in scanned.values()]
        finer = np.setdiff1d(np.concatenate(added), mus)
        if not len(finer):
            break
        mus = np.concatenate([mus, finer])
        order = np.argsort(mus)
        mus = mus[order]
        for name, fit in fits.items():
            more = _rise(model, setup, name, fit, [poi], finer[:, None])[0]
            scanned[name] = np.concatenate([scanned[name], more])[order]
    found: Profile = {"mu": mus.tolist()}
    for name, fit in fits.items():
        q = scanned[name]
        kept = np.tile(fit.pars, (len(mus), 1))
        kept[:, poi] = mus
        fixed = 2 * (around(model, fit.data, kept).value - fit.value)
        best = float(fit.pars[poi])
        found[name] = {
            "profiled": finite_or_none(q),
            "fixed": finite_or_none(fixed),
            "best_fit": best,
            "at_bound": bool(fit.at_bound[poi]),
            "interval": _interval(mus, q, best),
        }
    return found


def _contour_scan(
    model: Model,
    fits: Mapping[DataSet, BestFit],
    beside: Sequence[str] = (),
    points: int = 25,
    arrows: int = 11,
) -> Contour | None:
    """-2 delta ln L over the POI and the other parameter with the largest impact on it.

    All other parameters are profiled. The gradient with respect to the two is that of -2 ln L at
    the fitted parameters (envelope theorem), by ``jax.grad``.

    Args:
        model: the model.
        fits: best fit to each data set, by name; the first determines the other parameter and
            the gradient.
        beside: names of the strengths measured beside the POI, of which the other parameter is;
            a nuisance parameter if there are none.
        points: of the grid in each parameter.
        arrows: of the gradient's grid in each parameter.

    Returns:
        None if there is no other parameter.

    Raises:
        _DeeperError: a point lies below a best fit.
    """
    poi, setup = require_poi(model), checked_setup(model)
    first = next(iter(fits))
    leading = leading_nuisance(model, fits[first], beside)
    if leading is None:
        return None
    index, correlation = leading
    both = [poi, index]
    axes = [_focused(model, setup, fits, k, points) for k in both]
    scans: ContourScans = {}
    for name, fit in fits.items():
        q, _ = _rise(model, setup, name, fit, both, _pairs(*axes))
        covariance = None if fit.covariance is None else fit.covariance[np.ix_(both, both)]
        usable = covariance is not None and bool((np.diagonal(covariance) > 0).all())
        scans[name] = {
            "q": [finite_or_none(row) for row in q.reshape(points, points)],
            "best_fit": fit.pars[both].tolist(),
            "covariance": np.asarray(covariance).tolist() if usable else None,
        }
    # At the centres of equal tiles, so that no arrow starts on the frame.
    coarse = [axis[0] + (np.arange(arrows) + 0.5) / arrows * np.ptp(axis) for axis in axes]
    _, pars = _rise(model, setup, first, fits[first], both, _pairs(*coarse))
    slopes = 2 * around(model, fits[first].data, pars).gradient[:, both].reshape(arrows, arrows, 2)
    return {
        "parameter": model.config.par_names[index],
        "correlation": correlation,
        "levels": list(LEVELS),
        "mu": axes[0].tolist(),
        "value": axes[1].tolist(),
        **scans,
        "gradient": {
            "mu": coarse[0].tolist(),
            "value": coarse[1].tolist(),
            "d_mu": [finite_or_none(row) for row in slopes[..., 0]],
            "d_value": [finite_or_none(row) for row in slopes[..., 1]],
        },
    }


def likelihood_of(
    model: Model, observed: Any | None, reasons: dict[str, str], beside: Sequence[str] = ()
) -> tuple[dict[DataSet, BestFit], Profile | None, Contour | None]:
    """Best fits, profile and contour on nominal Asimov data at POI 1, and on the observation.

    If a scan finds a lower minimum, that becomes the best fit and all scans are repeated, so that
    no point lies below the best fit.

    Args:
        model: the model.
        observed: bins and auxiliary data (D,); None if the analysis is blind.
        reasons: filled with why something is missing.
        beside: names of the strengths measured beside the POI, for the contour.
    """
    fits: dict[DataSet, BestFit] = {}
    start = np.array(infer.nominal_asimov(model, 1.0))
    data_sets: dict[DataSet, Any] = {"asimov": start, "observed": observed}
    for name, data in data_sets.items():
        if data is None:
            reasons[name] = "not observed: the data stands for what is expected"
            continue
        try:
            fits[name] = best_fit(data, model)
        except FitError as error:
            reasons[name] = str(error)
    profile, contour, deeper = None, None, None
    while "asimov" in fits:
        profile = None
        try:
            if deeper is not None:
                fits[deeper.name] = _refitted(model, fits[deeper.name], deeper.pars)
            profile = _profile_scan(model, fits)
            contour = _contour_scan(model, fits, beside)
            if contour is None:
                reasons["contour"] = (
                    "no nuisance parameter floats and moves the POI, or -ln L has no inverse "
                    "Hessian at its minimum"
                )
        except _DeeperError as found:
            deeper = found
            continue
        except FitError as error:
            reasons["profile" if profile is None else "contour"] = str(error)
        break
    return fits, profile, contour


def _refitted(model: Model, fit: BestFit, pars: np.ndarray) -> BestFit:
    """The best fit from a lower point of a scan.

    Raises:
        FitError: it is not lower.
    """
    found = best_fit(fit.data, model, near=pars)
    if found.value > fit.value - DEEPER / 2:
        raise FitError("a scan came across a deeper minimum, but no fit of all parameters did")
    return found


def _rise(
    model: Model, setup: FitSetup, name: DataSet, fit: BestFit, fixed: list[int], values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """-2 delta ln L of conditional fits, clipped at zero, and their parameters.

    Raises:
        _DeeperError: one of them is lower than the best fit.
    """
    found = scan(model, fit.data, setup, fixed, values, near=fit.pars)
    lowest = int(np.argmin(found.value))
    if found.value[lowest] < fit.value - DEEPER:
        raise _DeeperError(name, found.pars[lowest])
    return np.maximum(2 * (found.value - fit.value), 0.0), found.pars


def _axis(
    setup: FitSetup, fits: Mapping[DataSet, BestFit], index: int, sigmas: float, points: int
) -> np.ndarray:
    """Values of a parameter around all best fits, within its bounds."""
    errors = [
        fit.errors[index]
        for fit in fits.values()
        if fit.errors is not None and fit.errors[index] > 0
    ]
    width = float(setup.upper[index] - setup.lower[index])
    reach = sigmas * (max(errors) if errors else width)
    centres = [fit.pars[index] for fit in fits.values()]
    low = max(min(centres) - reach, float(setup.lower[index]))
    high = min(max(centres) + reach, float(setup.upper[index]))
    return np.linspace(low, high, points)


def _between(mus: np.ndarray, q: np.ndarray, best: float) -> np.ndarray:
    """The best fit, and points where the curve is low if a scan has few of them there."""
    low = np.flatnonzero(q < _HIGHEST)
    if not 0 < len(low) < _FEWEST:
        return np.array([best])
    ends = mus[max(low[0] - 1, 0)], mus[min(low[-1] + 1, len(mus) - 1)]
    return np.append(np.linspace(*ends, _FEWEST), best)


def _beyond(setup: FitSetup, index: int, mus: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Points beyond the ends of a scan, within the bounds, where the curve is low there."""
    steps = np.ptp(mus) / 60 * np.arange(1, 16)
    low = mus[0] - steps if q[0] < _HIGHEST else []
    high = mus[-1] + steps if q[-1] < _HIGHEST else []
    return np.clip(np.append(low, high), setup.lower[index], setup.upper[index])


def _focused(
    model: Model, setup: FitSetup, fits: Mapping[DataSet, BestFit], index: int, points: int
) -> np.ndarray:
    """Values of a parameter at which its profile, for any data set, is low enough to matter.

    A range from the covariance may be wrong, e.g. at the kink of an interpolation.
    """
    axis = _axis(setup, fits, index, 3.2, 2 * points)
    wanted = np.zeros(len(axis), dtype=bool)
    for fit in fits.values():
        found = scan(model, fit.data, setup, [index], axis[:, None], near=fit.pars)
        # The best fit may lie between two values.
        wanted |= 2 * (found.value - fit.value) < _HIGHEST
        wanted[np.argmin(abs(axis - fit.pars[index]))] = True
    inside = np.flatnonzero(wanted)
    low, high = max(inside[0] - 1, 0), min(inside[-1] + 1, len(axis) - 1)
    return np.linspace(axis[low], axis[high], points)


def _pairs(mus: np.ndarray, values: np.ndarray) -> np.ndarray:
    """All pairs (N, 2), the first parameter changing fastest."""
    grid = np.meshgrid(mus, values)
    return np.stack([x.ravel() for x in grid], axis=1)


def _interval(mus: np.ndarray, q: np.ndarray, best: float) -> list[float | None]:
    """Where q is 1 below and above the best fit; None if not within the scan."""
    root = np.sign(mus - best) * np.sqrt(np.where(np.isfinite(q), q, np.nan))
    known = np.isfinite(root)
    mus, root = np.append(mus[known], best), np.append(root[known], 0.0)
    order = np.argsort(mus)
    mus, root = mus[order], root[order]
    ends: list[float | None] = []
    for wanted in (-1.0, 1.0):
        crossed = np.flatnonzero((root[:-1] <= wanted) & (root[1:] > wanted))
        # With several minima, the interval includes all of them.
        k = crossed[0 if wanted < 0 else -1] if len(crossed) else None
        ends.append(
            None if k is None else float(np.interp(wanted, root[k : k + 2], mus[k : k + 2]))
        )
    return ends
