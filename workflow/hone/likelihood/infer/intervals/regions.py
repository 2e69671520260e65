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
from jaxtyping import Array, Float
from numpy.typing import ArrayLike
from scipy.special import chdtri

from hone.errors import FitError, InputError
from hone.likelihood.arrays import is_traced
from hone.likelihood.histfactory import Model
from hone.likelihood.infer.mle import FitSetup, as_model, fit
from hone.likelihood.infer.scan import Scan, scan

__all__ = ["contour", "interval", "profile"]

_ROUNDS = 60
_CLOSE = 1e-10
_AT_END = 1e-6
"""Relative difference of sqrt(t) to its quantile, below which an end is no bound."""


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
    differentiated once with respect to model and data (implicit function theorem; 0 at a bound);
    inside a transformation of JAX they are NaN where a fit did not converge.

    >>> low, high = infer.intervals.regions.interval("mu", data, model)
    >>> round(low, 4), round(high, 4)
    (0.0, 1.0286)
    """
    model, options = as_model(pdf), (init_pars, par_bounds, fixed_params)
    if is_traced(model, data):
        low, high = _traced_interval(name, model.checked_data(data), model, level, options)
        return low, high
    ends = _boundary([name], data, model, level, 2, options)
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

    Each lies on a ray from the best fit, where the ray first leaves the region or meets a bound
    within it; several coincide with a best fit that lies on a bound. Arguments and errors as
    :func:`profile`; ``level`` is the joint coverage.

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
) -> np.ndarray:
    """Where rays from the best fit leave the region, or meet a bound within it (N, K).

    The root of t along a ray is close to linear in the distance: its root is found by secants
    within brackets, and bisection where these do not shrink.
    """
    if not 0 < level < 1:
        raise InputError(f"level is {level}, it must lie in (0, 1)")
    model = as_model(pdf)
    setup, places = FitSetup.of(model, *options), _places(names, model)
    data = model.checked_data(data)
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
    rays = circle @ _scale(model, data, options, places, high - low).T
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
            return np.clip(centre + distance[:, None] * rays, low, high)
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


class _Ends(NamedTuple):
    """Ends of an interval, and the fits there; float64, NumPy's or JAX's."""

    values: Any
    """(2,)"""
    inside: Any
    """(2,): 1 where the likelihood ratio is the quantile, 0 at a bound."""
    pars: Any
    """Fits at the ends (2, P)."""
    best: Any
    """Fit of all parameters (P,)."""


def _traced_interval(
    name: str, data: Float[Array, " D"], model: Model, level: float, options: tuple[Any, Any, Any]
) -> Float[Array, "2"]:
    """Where t(theta; model, data) is constant, d theta = -(d t) / (d t / d theta), both by the
    envelope theorem. The search itself is NumPy's, called from the compiled program."""
    (place,), wanted = _places([name], model), np.sqrt(float(chdtri(1, 1 - level)))
    count = model.config.npars

    def search(model: Model, data: Any) -> _Ends:
        model, data = jax.tree.map(np.asarray, (model, data))
        try:
            ends = np.sort(_boundary([name], data, model, level, 2, options), axis=0)
            found = profile([name], ends, data, model, *options)
        except FitError:
            return _Ends(*(np.full(shape, np.nan) for shape in (2, 2, (2, count), count)))
        inside = np.abs(np.sqrt(found.t) / wanted - 1) < _AT_END
        return _Ends(ends[:, 0], inside.astype(float), found.pars, found.best)

    def searched(model: Model, data: Any) -> _Ends:
        if not is_traced(model, data):
            return _Ends(*map(jnp.asarray, search(model, data)))
        shapes = (jax.ShapeDtypeStruct(s, "float64") for s in ((2,), (2,), (2, count), (count,)))
        found: _Ends = jax.pure_callback(
            search, _Ends(*shapes), model, data, vmap_method="sequential"
        )
        return found

    @jax.custom_jvp
    def ends(model: Model, data: Array) -> Array:
        found: Array = searched(model, data).values
        return found

    @ends.defjvp
    def of_ends(primals: Any, tangents: Any) -> tuple[Array, Array]:
        found = searched(*primals)

        def ratio(pars: Array, model: Model, data: Array) -> Array:
            likelihood = model.prepare()
            of_best = likelihood.nll(found.best, data)
            return likelihood.nll(pars, jnp.tile(data, (2, 1))) - of_best

        unit = jnp.zeros_like(found.pars).at[:, place].set(1.0)
        _, slope = jax.jvp(lambda pars: ratio(pars, *primals), (found.pars,), (unit,))
        _, explicit = jax.jvp(lambda *moved: ratio(found.pars, *moved), primals, tangents)
        return found.values, jnp.where(found.inside > 0, -explicit / slope, 0.0 * found.values)

    return ends(model, data)


def _scale(
    model: Model, data: Any, options: tuple[Any, Any, Any], places: list[int], width: np.ndarray
) -> np.ndarray:
    """A root of the parameters' covariance (K, K), or a part of their range if there is none."""
    try:
        pairs, correlations = fit(
            data, model, *options, return_uncertainties=True, return_correlations=True
        )
        errors = np.asarray(pairs)[places, 1]
        return np.linalg.cholesky(errors[:, None] * correlations[np.ix_(places, places)] * errors)
    except (FitError, np.linalg.LinAlgError):
        return np.diag(np.where(np.isfinite(width), 0.05 * width, 1.0))


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
