"""Intervals and regions of one or several parameters of interest, from the likelihood ratio.

By Wilks' theorem t = -2 ln (L(theta) / L(theta-hat)), with all other parameters profiled, follows a
chi-squared distribution of as many degrees of freedom as there are parameters of interest
(arXiv:1007.1727, sec. 2). A region holds all values with t below its quantile: as MINOS in one
dimension. With hone's model or pyhf's, which need no POI for it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pyhf
from numpy.typing import ArrayLike
from scipy.special import chdtri

from hone.errors import FitError, InputError
from hone.likelihood.arrays import constant, is_traced
from hone.likelihood.histfactory import Model
from hone.likelihood.infer.intervals.implicit import Boundary, moving
from hone.likelihood.infer.mle import fit
from hone.likelihood.infer.scan import Scan, scan
from hone.likelihood.infer.setup import FitSetup, as_model

__all__ = ["contour", "interval", "profile"]

_ROUNDS = 60
_CLOSE = 1e-10
_AT_END = 2e-6
"""Relative difference of t to its quantile, below which a point is not held by a bound."""


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
        InputError: an unknown parameter, wrong shapes or values, or a transformation of JAX.

    >>> infer.intervals.regions.profile(["mu"], [[0.0], [1.0]], data, model).t.round(4).tolist()
    [0.802, 0.9009]
    """
    model = as_model(pdf)
    setup = FitSetup.of(model, init_pars, par_bounds, fixed_params)
    places, data = _places(names, model), model.checked_data(data)
    if is_traced(model, data):
        raise InputError(
            "profile is not differentiated; fit with fixed_params and return_fitted_val is"
        )
    at = np.asarray(values, dtype=float)
    if at.ndim != 2 or at.shape[1] != len(places) or not len(at):
        raise InputError(f"values have shape {at.shape}, they must be (N, {len(places)})")
    for k, place in enumerate(places):
        for value in (at[:, k].min(), at[:, k].max()):
            setup.check_value(place, value, names[k])
    best = fit(data, model, init_pars, par_bounds, fixed_params)
    return _profile(model, data, setup, places, at, scan(model, data, setup, near=best))


def interval(
    name: str,
    data: ArrayLike,
    pdf: Model | pyhf.Model,
    level: float = 0.6826894921370859,
    init_pars: ArrayLike | None = None,
    par_bounds: ArrayLike | None = None,
    fixed_params: ArrayLike | None = None,
) -> tuple[Any, Any]:
    """The two ends of the confidence interval of a parameter, others profiled, as MINOS.

    An end beyond a bound of the parameter is that bound. Arguments and errors as :func:`profile`;
    ``level`` is the coverage, in (0, 1), that of one standard deviation by default. The ends can be
    differentiated, to any order, with respect to model and data (implicit function theorem; 0 at a
    bound); inside a transformation of JAX they are NaN where a fit did not converge.

    >>> low, high = infer.intervals.regions.interval("mu", data, model)
    >>> round(low, 4), round(high, 4)
    (0.0, 1.0286)
    """
    options = (init_pars, par_bounds, fixed_params)
    high, low = _boundary([name], data, pdf, level, 2, options)[:, 0]
    return (low, high) if is_traced(low) else (float(low), float(high))


def contour(
    names: Sequence[str],
    data: ArrayLike,
    pdf: Model | pyhf.Model,
    level: float = 0.6826894921370859,
    points: int = 60,
    init_pars: ArrayLike | None = None,
    par_bounds: ArrayLike | None = None,
    fixed_params: ArrayLike | None = None,
) -> Any:
    """Points (N, 2) on the boundary of the confidence region of two parameters, counterclockwise.

    Each lies on a ray from the best fit, where the ray first leaves the region or meets a bound
    within it; several coincide with a best fit that lies on a bound. Arguments, errors and
    derivatives as :func:`interval`; ``level`` is the joint coverage. A point moves with its ray,
    whose direction follows from the covariance at the best fit: of its derivative, the part across
    the contour is the region's.

    >>> names = ["mu", "uncorr_bkguncrt[0]"]
    >>> infer.intervals.regions.contour(names, data, model, points=4).round(2).tolist()
    [[1.32, 0.97], [0.48, 1.09], [0.0, 1.02], [0.48, 0.92]]
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
) -> Any:
    """Points (N, K) on the boundary; inside a transformation of JAX, as it moves.

    The search is NumPy's, called from the compiled program.
    """
    model = as_model(pdf)
    data, places = model.checked_data(data), _places(names, model)
    if not is_traced(model, data):
        return _searched(names, data, model, level, points, options).points
    count, size = len(places), model.config.npars
    empty = Boundary(
        np.full((points, count), np.nan), np.full(points, np.nan), np.full(points, False),
        np.ones((points, count)), np.eye(count), np.array(True),
        np.full((points, size), np.nan), np.full(size, np.nan),
    )  # fmt: skip

    def search(model: Model, data: Any) -> Boundary:
        model, data = jax.tree.map(np.asarray, (model, data))
        try:
            found = _searched(names, data, model, level, points, options)
            fits = profile(names, found.points, data, model, *options)
        except FitError:
            return empty
        crossed = np.abs(fits.t / chdtri(count, 1 - level) - 1) < _AT_END
        return found._replace(crossed=crossed, pars=fits.pars, best=fits.best)

    known = constant((model, data))
    if is_traced(known):
        shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), empty)
        found = jax.pure_callback(search, shapes, *known, vmap_method="sequential")
    else:
        found = jax.tree.map(jnp.asarray, search(*known))
    return moving(tuple(places), model, data, FitSetup.of(model, *options), found)


def _searched(
    names: Sequence[str],
    data: Any,
    model: Model,
    level: float,
    points: int,
    options: tuple[Any, Any, Any],
) -> Boundary:
    """Where rays from the best fit leave the region, or meet a bound within it, without fits.

    The root of t along a ray is close to linear in the distance: its root is found by secants
    within brackets, and bisection where these do not shrink.
    """
    if not 0 < level < 1:
        raise InputError(f"level is {level}, it must lie in (0, 1)")
    setup, places = FitSetup.of(model, *options), _places(names, model)
    for name, place in zip(names, places, strict=True):
        if setup.free[place] == 0:
            raise InputError(f"parameter {name!r} is fixed, it has no interval")
    wanted = np.sqrt(float(chdtri(len(places), 1 - level)))
    best = scan(model, data, setup, near=fit(data, model, *options))
    centre = best.pars[0][places]
    low, high = (np.asarray(x)[places] for x in (setup.lower, setup.upper))
    angle = 2 * np.pi * np.arange(points) / points
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)[:, : len(places)]
    # Sines and cosines of right angles are not exactly zero.
    circle[np.abs(circle) < 1e-12] = 0.0
    scale, by_range = _scale(model, data, options, places, high - low)
    rays = circle @ scale.T
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(rays > 0, (high - centre) / rays, (low - centre) / rays)
    longest = np.where(rays == 0, np.inf, room).min(axis=1)
    inner, root_inner = np.zeros(points), np.zeros(points)
    outer, root_outer = np.full(points, np.inf), np.full(points, np.inf)
    distance = np.minimum(wanted, longest)
    todo = np.flatnonzero(longest > 0)
    for turn in range(_ROUNDS):
        d = distance[todo]
        at = np.clip(centre + d[:, None] * rays[todo], low, high)
        root = np.sqrt(_profile(model, data, setup, places, at, best).t)
        inside = root < wanted
        inner[todo] = np.where(inside, d, inner[todo])
        root_inner[todo] = np.where(inside, root, root_inner[todo])
        outer[todo] = np.where(inside, outer[todo], d)
        root_outer[todo] = np.where(inside, root_outer[todo], root)
        ended = (np.abs(root / wanted - 1) < _CLOSE) | (inside & (d >= longest[todo]))
        todo = todo[~ended]
        if not len(todo):
            at = np.clip(centre + distance[:, None] * rays, low, high)
            every, no_fits = np.full(points, False), np.empty(0)
            return Boundary(at, distance, every, circle, scale, by_range, no_fits, no_fits)
        one, two, below, above = (x[todo] for x in (inner, outer, root_inner, root_outer))
        with np.errstate(invalid="ignore"):
            secant = one + (two - one) * (wanted - below) / (above - below)
        # Within a bracket of one end the root is extrapolated from the centre.
        grown = np.clip(wanted / np.maximum(below, 1e-3 * wanted), 1.1, 4.0) * one
        between = np.isfinite(secant) & (secant > one) & (secant < two) & (turn % 3 != 2)
        bracketed = np.where(between, secant, 0.5 * (one + two))
        next_one = np.where(np.isfinite(two), bracketed, grown)
        distance[todo] = np.minimum(next_one, longest[todo])
    raise FitError(
        f"the boundary of the region of {' and '.join(map(repr, names))} was not found in "
        f"{len(todo)} of {points} directions: the likelihood ratio jumps across its quantile, "
        f"{wanted**2:.4g}"
    )


def _scale(
    model: Model, data: Any, options: tuple[Any, Any, Any], places: list[int], width: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A root of the parameters' covariance (K, K), or a part of their range if there is none.

    And whether it is the latter.
    """
    try:
        pairs, correlations = fit(
            data, model, *options, return_uncertainties=True, return_correlations=True
        )
        errors = np.asarray(pairs)[places, 1]
        matrix = errors[:, None] * correlations[np.ix_(places, places)] * errors
        return np.linalg.cholesky(matrix), np.array(False)
    except (FitError, np.linalg.LinAlgError):
        return np.diag(np.where(np.isfinite(width), 0.05 * width, 1.0)), np.array(True)


def _profile(
    model: Model,
    data: Any,
    setup: FitSetup,
    places: list[int],
    at: np.ndarray,
    best: Scan,
) -> Profile:
    found = scan(model, data, setup, places, at, near=best.pars[0])
    # A conditional fit may find a minimum that the free one has missed.
    k = int(np.argmin(found.value))
    if found.value[k] < best.value[0]:
        best = scan(model, data, setup, near=found.pars[k])
    t = 2 * np.maximum(found.value - best.value[0], 0.0)
    return Profile(t, found.pars, best.pars[0])


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
