"""Intervals and regions of one or several parameters of interest, from the likelihood ratio.

By Wilks' theorem t = -2 ln (L(theta) / L(theta-hat)), with all other parameters profiled, follows a
chi-squared distribution of as many degrees of freedom as there are parameters of interest
(arXiv:1007.1727, sec. 2). A region holds all values with t below its quantile: as MINOS in one
dimension. With hone's model or pyhf's, which need no POI for it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyhf
from numpy.typing import ArrayLike
from scipy.special import chdtri

from hone.errors import FitError, InputError
from hone.likelihood.histfactory import Model
from hone.likelihood.infer.mle import FitSetup, as_model, fit
from hone.likelihood.infer.scan import scan

__all__ = ["contour", "interval", "profile"]

_ROUNDS = 60
_CLOSE = 1e-8


class Profile(NamedTuple):
    """Likelihood ratio with some parameters fixed at N sets of values; float64."""

    t: np.ndarray
    """-2 ln of the profile likelihood ratio (N,), infinite where a fit did not converge."""
    pars: np.ndarray
    """Fitted parameters (N, P)."""
    best: np.ndarray
    """Best fit of all parameters (P,)."""


def profile(
    names: Sequence[str],
    values: ArrayLike,
    data: ArrayLike,
    pdf: Model | pyhf.Model,
    init_pars: ArrayLike | None = None,
    par_bounds: ArrayLike | None = None,
    fixed_params: ArrayLike | None = None,
) -> Profile:
    """The likelihood ratio of K parameters at N sets of values, the others profiled.

    Args:
        names: of the parameters, as in ``model.config.par_names``.
        values: of these (N, K), within their bounds.
        data: bins and auxiliary data (D,).
        pdf: the model.
        init_pars: as for :func:`.mle.fit`, also the next two.
        par_bounds: bounds (P, 2).
        fixed_params: True for parameters that stay at their start (P,).

    Raises:
        FitError: the fit of all parameters did not converge.
        InputError: an unknown parameter, or wrong shapes or values.

    >>> infer.intervals.regions.profile(["mu"], [[0.0], [1.0]], data, model).t.round(4).tolist()
    [0.802, 0.9009]
    """
    model = as_model(pdf)
    setup = FitSetup.of(model, init_pars, par_bounds, fixed_params)
    places, data = _places(names, model), model.checked_data(data)
    at = np.asarray(values, dtype=float)
    if at.ndim != 2 or at.shape[1] != len(places):
        raise InputError(f"values have shape {at.shape}, they must be (N, {len(places)})")
    for k, place in enumerate(places):
        for value in (at[:, k].min(), at[:, k].max()):
            setup.check_value(place, value, names[k])
    best = np.asarray(fit(data, model, init_pars, par_bounds, fixed_params))
    return _profile(model, data, setup, places, at, best)


def interval(
    name: str,
    data: ArrayLike,
    pdf: Model | pyhf.Model,
    level: float = 0.6826894921370859,
    init_pars: ArrayLike | None = None,
    par_bounds: ArrayLike | None = None,
    fixed_params: ArrayLike | None = None,
) -> tuple[float, float]:
    """The two ends of the confidence interval of a parameter, others profiled, as MINOS.

    An end beyond a bound of the parameter is that bound. Arguments and errors as :func:`profile`;
    ``level`` is the coverage, in (0, 1), that of one standard deviation by default.

    >>> low, high = infer.intervals.regions.interval("mu", data, model)
    >>> round(low, 4), round(high, 4)
    (0.0, 1.0286)
    """
    ends = _boundary([name], data, pdf, level, 2, (init_pars, par_bounds, fixed_params))
    return float(ends.min()), float(ends.max())


def contour(
    names: Sequence[str],
    data: ArrayLike,
    pdf: Model | pyhf.Model,
    level: float = 0.6826894921370859,
    points: int = 60,
    init_pars: ArrayLike | None = None,
    par_bounds: ArrayLike | None = None,
    fixed_params: ArrayLike | None = None,
) -> np.ndarray:
    """Points (N, 2) on the boundary of the confidence region of two parameters, counterclockwise.

    Each lies on a ray from the best fit; a region that is not star-shaped around it is not followed
    further. Points beyond a bound lie on it. Arguments and errors as :func:`profile`; ``level`` is
    the joint coverage.

    >>> names = ["mu", "uncorr_bkguncrt[0]"]
    >>> infer.intervals.regions.contour(names, data, model, points=4).round(2).tolist()
    [[1.32, 0.97], [0.48, 1.09], [0.0, 1.03], [0.48, 0.92]]
    """
    if len(names) != 2:
        raise InputError(f"a contour is of two parameters, not {len(names)}")
    return _boundary(names, data, pdf, level, points, (init_pars, par_bounds, fixed_params))


def _boundary(
    names: Sequence[str],
    data: ArrayLike,
    pdf: Model | pyhf.Model,
    level: float,
    points: int,
    options: tuple[Any, Any, Any],
) -> np.ndarray:
    """Where rays from the best fit leave the region (N, K).

    Along a ray t is close to a square of the distance, so that a few corrections find its value.
    """
    if not 0 < level < 1:
        raise InputError(f"level is {level}, it must lie in (0, 1)")
    model = as_model(pdf)
    setup, places = FitSetup.of(model, *options), _places(names, model)
    data = model.checked_data(data)
    for name, place in zip(names, places, strict=True):
        if setup.free[place] == 0:
            raise InputError(f"parameter {name!r} is fixed, it has no interval")
    wanted = float(chdtri(len(places), 1 - level))
    pairs, correlations = fit(
        data, model, *options, return_uncertainties=True, return_correlations=True
    )
    best, errors = np.asarray(pairs).T
    covariance = (errors[:, None] * correlations * errors)[np.ix_(places, places)]
    angle = 2 * np.pi * np.arange(points) / points
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)[:, : len(places)]
    rays = circle @ np.linalg.cholesky(covariance).T
    low, high = (x[places] for x in (setup.lower, setup.upper))
    distance, found = np.full(points, np.sqrt(wanted)), np.empty((points, len(places)))
    todo = np.arange(points)
    for _ in range(_ROUNDS):
        at = best[places] + distance[todo, None] * rays[todo]
        found[todo] = np.clip(at, low, high)
        # A point on a bound is within the region: the region ends there.
        t = _profile(model, data, setup, places, found[todo], best).t
        outside = (at != found[todo]).any(axis=1)
        ended = (np.abs(t / wanted - 1) < _CLOSE) | (outside & (t < wanted))
        factor = np.sqrt(wanted / np.where(np.isfinite(t) & (t > 0), t, 4 * wanted))
        distance[todo] *= np.clip(factor, 0.5, 2.0)
        todo = todo[~ended]
        if not len(todo):
            return found
    raise FitError(
        f"the boundary of the region of {' and '.join(map(repr, names))} was not found in "
        f"{len(todo)} of {points} directions: the likelihood ratio jumps across {wanted:.4g}"
    )


def _profile(
    model: Model,
    data: Any,
    setup: FitSetup,
    places: list[int],
    at: np.ndarray,
    best: np.ndarray,
) -> Profile:
    found = scan(model, data, setup, places, at, near=best)
    lowest = scan(model, data, setup, near=best)
    # A conditional fit may find a minimum that the free one has missed.
    k = int(np.argmin(found.value))
    if found.value[k] < lowest.value[0]:
        lowest = scan(model, data, setup, near=found.pars[k])
    t = 2 * np.maximum(found.value - lowest.value[0], 0.0)
    return Profile(t, found.pars, lowest.pars[0])


def _places(names: Sequence[str], model: Model) -> list[int]:
    """Indices of parameters.

    Raises:
        InputError: one does not exist, or is named twice.
    """
    known = model.config.par_names
    for name in names:
        if name not in known:
            raise InputError(f"there is no parameter {name!r}, allowed: {', '.join(known)}")
    if len(set(names)) < len(names) or not len(names):
        raise InputError(f"parameters must be different, and at least one: {list(names)}")
    return [known.index(name) for name in names]
