"""The likelihood of a workspace as numbers to look at: profile and contours."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import erf
from scipy.stats import chi2

from hone import infer
from hone.errors import FitError
from hone.histfactory import Model
from hone.infer.mle import FitSetup, checked_setup, require_poi
from hone.infer.scan import around, scan

__all__ = [
    "Minimum",
    "find_minimum",
    "leading_nuisance",
    "likelihood_contour",
    "likelihood_of",
    "profile_scan",
]

_RISE = 1e-6
"""A fit that ends lower than the minimum by more has found another minimum."""
_HIGHEST = 10.0
"""-2 delta ln L of one parameter's profile at which the plane of two ends."""
LEVELS = tuple(float(chi2.ppf(erf(n / np.sqrt(2)), 2)) for n in (1, 2))
"""-2 delta ln L around regions of two parameters with 68.3 % and 95.4 %: 2.30 and 6.18."""


@dataclass(frozen=True)
class Minimum:
    """The best fit to some data."""

    data: np.ndarray
    """Bins and auxiliary data (D,)."""
    value: float
    """-ln L relative to the saturated model."""
    pars: np.ndarray
    """(P,)"""
    covariance: np.ndarray | None
    """Inverse Hessian of -ln L (P, P), zero for parameters that are fixed or at a bound; None where
    -ln L does not curve upwards in every direction."""
    at_bound: np.ndarray
    """bool (P,): free, and held by a bound."""


def find_minimum(model: Model, data: Any, near: Any = None) -> Minimum:
    """Fit the data within the suggested bounds.

    Args:
        model: the model.
        data: bins and auxiliary data (D,).
        near: parameters (P,) to begin at as well.

    Raises:
        FitError: no fit converged.
    """
    data, setup = np.asarray(model.checked_data(data)), checked_setup(model)
    found = scan(model, data, setup, near=near)
    if not np.isfinite(found.value[0]):
        raise FitError("the fit of all parameters did not converge")
    pars = found.pars[0]
    local = around(model, data, pars[None])
    slope, free = local.gradient[0], np.asarray(setup.free) > 0
    # A fit ends on its bound, but where the bound is the minimum itself, only next to it.
    reach = 1e-9 * (1 + abs(pars))
    low, high = pars <= setup.lower + reach, pars >= setup.upper - reach
    held = free & ((low & (slope > -1e-6)) | (high & (slope < 1e-6)))
    return Minimum(
        data, float(found.value[0]), pars, _inverse(local.hessian[0], free & ~held), held
    )


def leading_nuisance(model: Model, minimum: Minimum) -> tuple[int, float] | None:
    """The nuisance parameter with the largest impact on the POI, and its correlation with it.

    By the covariance of the fit: a shift of a parameter by its uncertainty moves the POI by the
    correlation times the POI's uncertainty. None if there is no parameter, or no covariance.
    """
    poi, covariance = require_poi(model), minimum.covariance
    if covariance is None or not covariance[poi, poi] > 0:
        return None
    errors = np.sqrt(np.diagonal(covariance))
    known = (errors > 0) & (np.arange(len(errors)) != poi)
    if not known.any():
        return None
    scale = np.where(known, errors, 1.0) * errors[poi]
    correlation = np.where(known, covariance[poi] / scale, 0.0)
    index = int(np.argmax(np.where(known, abs(correlation), -1.0)))
    return index, float(correlation[index])


def profile_scan(model: Model, minima: Mapping[str, Minimum], points: int = 61) -> dict[str, Any]:
    """-2 delta ln L against the POI, all other parameters fitted or kept at the best fit.

    Args:
        model: the model.
        minima: best fit to each data set, by name; the scan reaches 3.5 sigma beyond all of them,
            within the POI's bounds.
        points: of the scan.

    Returns:
        ``mu`` (points), and by name of the data set: ``profiled`` and ``fixed`` (points, None where
        a fit did not converge or a rate is negative), ``best_fit``, ``at_bound``, and ``interval``:
        where the profiled curve crosses 1 below and above, interpolated linearly in its signed
        root; None where it does not within the scan.
    """
    poi, setup = require_poi(model), checked_setup(model)
    mus = _axis(setup, minima, poi, 3.5, points)
    found: dict[str, Any] = {"mu": mus.tolist()}
    for name, given in minima.items():
        minimum, q, _ = _rise(model, setup, given, [poi], mus[:, None])
        kept = np.tile(minimum.pars, (points, 1))
        kept[:, poi] = mus
        fixed = 2 * (around(model, minimum.data, kept).value - minimum.value)
        best = float(minimum.pars[poi])
        found[name] = {
            "profiled": _known(q),
            "fixed": _known(fixed),
            "best_fit": best,
            "at_bound": bool(minimum.at_bound[poi]),
            "interval": _interval(mus, q, best),
        }
    return found


def likelihood_contour(
    model: Model, minima: Mapping[str, Minimum], points: int = 25, arrows: int = 11
) -> dict[str, Any] | None:
    """-2 delta ln L over the POI and the nuisance parameter with the largest impact on it.

    At each point of the grid all other parameters are fitted. Its gradient with respect to the two
    is that of -2 ln L at the fitted parameters (envelope theorem), by ``jax.grad``.

    Args:
        model: the model.
        minima: best fit to each data set, by name; the first decides on the nuisance parameter, and
            the gradient is of its likelihood.
        points: of the grid in each parameter.
        arrows: of the gradient's grid in each parameter.

    Returns:
        ``parameter``, ``correlation``, ``levels``, ``mu`` and ``value`` (points); by name of the
        data set ``q`` (points of ``value``, points of ``mu``), ``best_fit`` and ``covariance`` of
        the two, None where there is none; ``gradient`` with ``mu``, ``value``, ``d_mu`` and
        ``d_value``. None if there is no nuisance parameter.
    """
    poi, setup = require_poi(model), checked_setup(model)
    first = next(iter(minima))
    leading = leading_nuisance(model, minima[first])
    if leading is None:
        return None
    index, correlation = leading
    both = [poi, index]
    found: dict[str, Any] = {
        "parameter": model.config.par_names[index],
        "correlation": correlation,
        "levels": list(LEVELS),
    }
    axes = [_focused(model, setup, minima, k, points) for k in both]
    found |= {"mu": axes[0].tolist(), "value": axes[1].tolist()}
    for name, given in minima.items():
        minimum, q, _ = _rise(model, setup, given, both, _pairs(*axes))
        covariance = None if minimum.covariance is None else minimum.covariance[np.ix_(both, both)]
        usable = covariance is not None and bool((np.diagonal(covariance) > 0).all())
        found[name] = {
            "q": [_known(row) for row in q.reshape(points, points)],
            "best_fit": minimum.pars[both].tolist(),
            "covariance": np.asarray(covariance).tolist() if usable else None,
        }
    # In the middle of equal tiles, so that no arrow starts on the frame.
    coarse = [axis[0] + (np.arange(arrows) + 0.5) / arrows * np.ptp(axis) for axis in axes]
    minimum, _, pars = _rise(model, setup, minima[first], both, _pairs(*coarse))
    slopes = 2 * around(model, minimum.data, pars).gradient[:, both].reshape(arrows, arrows, 2)
    found["gradient"] = {
        "mu": coarse[0].tolist(),
        "value": coarse[1].tolist(),
        "d_mu": [_known(row) for row in slopes[..., 0]],
        "d_value": [_known(row) for row in slopes[..., 1]],
    }
    return found


def likelihood_of(
    model: Model, observed: Any | None, reasons: dict[str, str]
) -> tuple[dict[str, Minimum], dict[str, Any] | None, dict[str, Any] | None]:
    """Minima, profile and contour on nominal Asimov data at POI 1, and on the observation.

    Args:
        model: the model.
        observed: bins and auxiliary data (D,); None while the analysis is blind.
        reasons: why something is missing, added to.
    """
    minima: dict[str, Minimum] = {}
    start = np.array(infer.nominal_asimov(model, 1.0))
    for name, data in (("asimov", start), ("observed", observed)):
        if data is None:
            reasons[name] = "not observed: the data stands for what is expected"
            continue
        try:
            minima[name] = find_minimum(model, data)
        except FitError as error:
            reasons[name] = str(error)
    if "asimov" not in minima:
        return minima, None, None
    profile, contour = None, None
    try:
        profile = profile_scan(model, minima)
        contour = likelihood_contour(model, minima)
        if contour is None:
            reasons["contour"] = (
                "no nuisance parameter floats and moves the POI, or -ln L has no inverse Hessian "
                "at its minimum"
            )
    except FitError as error:
        reasons["profile" if profile is None else "contour"] = str(error)
    return minima, profile, contour


def _rise(
    model: Model, setup: FitSetup, minimum: Minimum, fixed: list[int], values: np.ndarray
) -> tuple[Minimum, np.ndarray, np.ndarray]:
    """-2 delta ln L of conditional fits, not below zero, and where they ended.

    A scan may come across a minimum that is lower than the one given: then that is the minimum.
    """
    found = scan(model, minimum.data, setup, fixed, values, near=minimum.pars)
    lowest = int(np.argmin(found.value))
    if found.value[lowest] < minimum.value - _RISE:
        minimum = find_minimum(model, minimum.data, near=found.pars[lowest])
    return minimum, np.maximum(2 * (found.value - minimum.value), 0.0), found.pars


def _axis(
    setup: FitSetup, minima: Mapping[str, Minimum], index: int, sigmas: float, points: int
) -> np.ndarray:
    """Values of a parameter around all best fits, within its bounds."""
    errors = [
        np.sqrt(m.covariance[index, index])
        for m in minima.values()
        if m.covariance is not None and m.covariance[index, index] > 0
    ]
    width = float(setup.upper[index] - setup.lower[index])
    reach = sigmas * (max(errors) if errors else width)
    centres = [m.pars[index] for m in minima.values()]
    low = max(min(centres) - reach, float(setup.lower[index]))
    high = min(max(centres) + reach, float(setup.upper[index]))
    return np.linspace(low, high, points)


def _focused(
    model: Model, setup: FitSetup, minima: Mapping[str, Minimum], index: int, points: int
) -> np.ndarray:
    """Values of a parameter where its profile, of any data set, is not yet too high to matter.

    Where the covariance is wrong, at the kink of an interpolation say, so is the range from it.
    """
    axis = _axis(setup, minima, index, 3.2, 2 * points)
    wanted = np.zeros(len(axis), dtype=bool)
    for minimum in minima.values():
        found = scan(model, minimum.data, setup, [index], axis[:, None], near=minimum.pars)
        # The best fit may lie between two values.
        wanted |= 2 * (found.value - minimum.value) < _HIGHEST
        wanted[np.argmin(abs(axis - minimum.pars[index]))] = True
    inside = np.flatnonzero(wanted)
    low, high = max(inside[0] - 1, 0), min(inside[-1] + 1, len(axis) - 1)
    return np.linspace(axis[low], axis[high], points)


def _pairs(mus: np.ndarray, values: np.ndarray) -> np.ndarray:
    """All pairs (N, 2), the first parameter changing fastest."""
    grid = np.meshgrid(mus, values)
    return np.stack([x.ravel() for x in grid], axis=1)


def _inverse(hessian: np.ndarray, moving: np.ndarray) -> np.ndarray | None:
    """Inverse of the Hessian of the moving parameters, zero for the others."""
    inside = np.ix_(moving, moving)
    found = np.zeros_like(hessian)
    scale = np.sqrt(abs(np.diagonal(hessian))[moving])
    if not np.isfinite(hessian).all() or not (scale > 0).all():
        return None
    scaled = hessian[inside] / np.outer(scale, scale)
    try:
        np.linalg.cholesky(scaled)
    except np.linalg.LinAlgError:
        return None
    found[inside] = np.linalg.inv(scaled) / np.outer(scale, scale)
    return found


def _interval(mus: np.ndarray, q: np.ndarray, best: float) -> list[float | None]:
    """Where q is 1 below and above the best fit; None where it is not within the scan."""
    root = np.sign(mus - best) * np.sqrt(np.where(np.isfinite(q), q, np.nan))
    known = np.isfinite(root)
    mus, root = np.append(mus[known], best), np.append(root[known], 0.0)
    order = np.argsort(mus)
    mus, root = mus[order], root[order]
    ends: list[float | None] = []
    for wanted in (-1.0, 1.0):
        crossed = np.flatnonzero((root[:-1] <= wanted) & (root[1:] > wanted))
        # With several minima the interval is the one from end to end.
        k = crossed[0 if wanted < 0 else -1] if len(crossed) else None
        ends.append(
            None if k is None else float(np.interp(wanted, root[k : k + 2], mus[k : k + 2]))
        )
    return ends


def _known(values: np.ndarray) -> list[float | None]:
    return [float(x) if np.isfinite(x) else None for x in values]
