"""What the uncertainty of the POI comes from: pulls, impacts, and its breakdown by group.

An impact is the shift of the POI in a fit with one parameter fixed one standard deviation from its
best fit, as LHC experiments draw it. The breakdown follows from the covariance at the best fit, and
has two conventions, which answer different questions:

- *quadrature differences*: by how much the variance of the POI falls if a group of parameters was
  known to be at its best fit. The usual table of ATLAS and CMS. What correlated groups explain
  together is counted by each or by none: they do not add up.
- *components*: the variance of the POI if the counts in the bins, or the auxiliary measurements of
  a group, were repeated (A. Pinto et al., arXiv:2307.04007). They add up in quadrature to the
  total.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pyhf
from jaxtyping import Array, Bool, Float

from hone.errors import FitError, InputError
from hone.likelihood.arrays import compiled_if_traced, is_traced, namespace, solve_positive
from hone.likelihood.floats import as_floats
from hone.likelihood.histfactory import Model
from hone.likelihood.infer.asymptotics import safe_sqrt
from hone.likelihood.infer.best_fit import BestFit, constraints
from hone.likelihood.infer.implicit import covariance
from hone.likelihood.infer.minimum import descend
from hone.likelihood.infer.setup import FitSetup, as_model, require_poi, starts_of

__all__ = ["MC_STATISTICS", "Breakdown", "Impacts", "breakdown", "impacts"]

MC_STATISTICS = "MC statistics"
"""Group of the staterror parameters."""
_CUT_OFF = 1e-3
"""Distance from its bound, relative and absolute, at which a bound holds the POI."""


class Impacts(NamedTuple):
    """Pulls of K parameters and their impacts on the POI, NumPy float64 (K,); NaN for none."""

    names: list[str]
    """As in ``model.config.par_names``, the largest ``linear`` first."""
    pars: np.ndarray
    """Best fit."""
    errors: np.ndarray
    """Standard deviations after the fit."""
    centres: np.ndarray
    """Auxiliary measurements, and the suggested value without a constraint."""
    widths: np.ndarray
    """Standard deviations before the fit, of the constraints; NaN without one."""
    pulls: np.ndarray
    """(pars - centres) / widths"""
    linear: np.ndarray
    """Shift of the POI by one standard deviation after the fit, by the covariance: the correlation
    times the uncertainty of the POI."""
    prefit_up: np.ndarray
    """Shift of the POI in a fit with the parameter fixed at pars + widths; NaN without a width, if
    that is outside the bounds, or if the fit did not converge."""
    prefit_down: np.ndarray
    """At pars - widths."""
    postfit_up: np.ndarray
    """At pars + errors."""
    postfit_down: np.ndarray
    """At pars - errors."""
    cut_off: np.ndarray
    """bool: in one of these fits the POI ends at its bound."""


class Breakdown(NamedTuple):
    """Parts of the uncertainty of the POI: scalars, float64, not negative."""

    total: Float[Array | np.ndarray, ""]
    """Standard deviation of the POI in the fit."""
    statistical: Float[Array | np.ndarray, ""]
    """The same with all other parameters fixed at their best fit."""
    systematic: Float[Array | np.ndarray, ""]
    """Their difference in quadrature."""
    groups: dict[str, Float[Array | np.ndarray, ""]]
    """Of each group: the difference in quadrature to a fit with the group fixed at its best fit."""
    data: Float[Array | np.ndarray, ""]
    """Component of the counts in the bins: in quadrature, what ``components`` leave of ``total``.
    NaN if they are larger, as they may be where -ln L of the counts is not convex."""
    components: dict[str, Float[Array | np.ndarray, ""]]
    """Component of each group, 0 without constraints: with ``data`` they add up in quadrature to
    ``total``."""
    members: dict[str, list[str]]
    """Free parameters of each group."""


def impacts(best: BestFit, pdf: Model | pyhf.Model, most: int | None = None) -> Impacts:
    """Pulls and impacts on the POI of the parameters with the largest impacts.

    Shifts are by fits within the suggested bounds, all at once, each from where the covariance
    expects it and from the starts of any fit.

    Args:
        best: the best fit, of :func:`.best_fit`.
        pdf: the model.
        most: how many parameters, all that moved in the fit by default.

    Raises:
        FitError: the POI has no uncertainty in the fit.
        pyhf.exceptions.UnspecifiedPOI: the model has no POI.

    >>> found = infer.impacts(infer.best_fit(data, model), model)
    >>> found.names, found.pulls.round(3).tolist()
    (['uncorr_bkguncrt[1]', 'uncorr_bkguncrt[0]'], [-0.148, 0.059])
    >>> found.postfit_up.round(3).tolist(), found.linear.round(3).tolist()
    ([-0.241, -0.169], [-0.253, -0.17])
    """
    model, (poi, matrix, errors) = as_model(pdf), _uncertain(best, pdf)
    scale = np.where(errors > 0, errors, 1.0)
    linear = np.where(errors > 0, matrix[poi] / scale, 0.0)
    others = np.flatnonzero((errors > 0) & (np.arange(len(errors)) != poi))
    ranked = others[np.argsort(-np.abs(linear[others]), kind="stable")][:most]
    centres, widths = (x[ranked] for x in constraints(model, best.data))
    widths = np.where(widths > 0, widths, np.nan)
    pars = best.pars[ranked]
    steps = np.stack([widths, -widths, errors[ranked], -errors[ranked]])
    shifted, at_bound = _shifted(best, model, matrix, ranked, pars + steps)
    prefit_up, prefit_down, postfit_up, postfit_down = shifted - best.pars[poi]
    return Impacts(
        [model.config.par_names[k] for k in ranked], pars, errors[ranked], centres, widths,
        (pars - centres) / widths, linear[ranked], prefit_up, prefit_down, postfit_up,
        postfit_down, np.asarray(at_bound.any(axis=0)),
    )  # fmt: skip


def breakdown(
    best: BestFit,
    pdf: Model | pyhf.Model,
    groups: Mapping[str, Sequence[str]] | None = None,
) -> Breakdown:
    """Parts of the uncertainty of the POI, from the Hessian at the best fit.

    A fit with a group fixed at its best fit has the same minimum: the variance of the POI falls by
    C_mg C_gg^-1 C_gm, with C the covariance, m the POI and g the group. For one parameter that is
    its linear impact, squared. The component of a group is the sum over its constraints of
    C_mk^2 / sigma_k^2 (for a Poisson the curvature of its -ln L) (arXiv:2307.04007).

    Differentiable with respect to the model and the data if ``best`` is, that is, inside the
    function that is differentiated.

    Args:
        best: the best fit, of :func:`.best_fit`.
        pdf: the model.
        groups: names of parameters, or of sets of them such as ``staterror_SR``, by group. Those
            that are in none: staterrors are ``MC statistics``, others a group with their name.

    Raises:
        FitError: the POI has no uncertainty in the fit (NaN instead, inside a transformation).
        InputError: a name is unknown, in two groups, or the POI's; a group has some of the
            parameters with correlated constraints only.
        pyhf.exceptions.UnspecifiedPOI: the model has no POI.

    >>> found = infer.breakdown(infer.best_fit(data, model), model)
    >>> print(f"{found.total:.3f} = {found.statistical:.3f} (+) {found.systematic:.3f}")
    0.541 = 0.460 (+) 0.286
    >>> components = found.data, *found.components.values()
    >>> print(f"{sum(x**2 for x in components) ** 0.5:.3f}")
    0.541
    """
    model = as_model(pdf)
    members = _members(model, groups or {})
    correlated = set(model.layout.correlated)
    for group, found in members.items():
        if 0 < len(correlated & set(found)) < len(correlated):
            names = [model.config.par_names[k] for k in model.layout.correlated]
            raise InputError(
                f"group {group!r} has some of the parameters with correlated constraints only: "
                f"put {', '.join(map(repr, names))} in one group"
            )
    if not is_traced(best.pars, model):
        _uncertain(best, model)
    names, places = model.config.par_names, np.arange(model.config.npars)
    masks = np.array([np.isin(places, places_in) for places_in in members.values()]).reshape(
        -1, len(places)
    )
    total, statistical, systematic, by_group, data, components = _parts(
        model, best.data, best.pars, best.moving, masks
    )
    moving = np.full(len(places), True) if is_traced(best.moving) else best.moving
    return Breakdown(
        total, statistical, systematic, dict(zip(members, by_group, strict=True)), data,
        dict(zip(members, components, strict=True)),
        {group: [names[k] for k in found if moving[k]] for group, found in members.items()},
    )  # fmt: skip


def _uncertain(best: BestFit, pdf: Model | pyhf.Model) -> tuple[int, np.ndarray, np.ndarray]:
    """Index of the POI, covariance and standard deviations.

    Raises:
        FitError: the POI has no uncertainty.
    """
    model = as_model(pdf)
    poi = require_poi(model)
    if best.covariance is None or best.errors is None:
        raise FitError(str(best.reason))
    if not best.errors[poi] > 0:
        why = "at its bound" if best.at_bound[poi] else "fixed"
        raise FitError(f"{model.config.poi_name} is {why} in the fit: it has no uncertainty")
    return poi, best.covariance, best.errors


def _shifted(
    best: BestFit, model: Model, matrix: np.ndarray, ranked: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The POI in fits with each parameter fixed at some values (N, K); and whether at its bound."""
    setup = FitSetup.of(model, fixed_params=best.fixed)
    lower, upper = (np.asarray(x)[ranked] for x in (setup.lower, setup.upper))
    allowed = (lower <= values) & (values <= upper)
    found, at_bound = np.full(values.shape, np.nan), np.full(values.shape, False)
    if not allowed.any():
        return found, at_bound
    poi, at, parameter = require_poi(model), values[allowed], np.nonzero(allowed)[1]
    places = ranked[parameter]
    # Where the others follow linearly, and where a fit starts without knowing.
    slopes = matrix[places] / matrix[places, places][:, None]
    expected = best.pars + slopes * (at - best.pars[places])[:, None]
    setup = replace(setup, start=as_floats(best.pars))
    usual = np.asarray(starts_of(model, setup))
    starts = np.concatenate([expected[:, None], np.tile(usual, (len(at), 1, 1))], axis=1)
    starts = np.clip(starts, setup.lower, setup.upper)
    count, fixed = starts.shape[1], np.arange(len(best.pars)) == places[:, None]
    starts = np.where(fixed[:, None], at[:, None, None], starts)
    starts = np.where((setup.free > 0) | fixed[:, None], starts, best.pars)
    free = np.where(fixed, 0.0, setup.free)
    value, pois = _refitted(
        model, best.data, setup, starts.reshape(-1, len(best.pars)), np.repeat(free, count, axis=0),
        count,
    )  # fmt: skip
    value, pois = value.reshape(-1, count), pois.reshape(-1, count)
    lowest = np.argmin(value, axis=1)[:, None]
    shifted = np.take_along_axis(pois, lowest, axis=1)[:, 0]
    found[allowed] = shifted
    bounds = np.array([setup.lower[poi], setup.upper[poi]])
    close = np.isclose(shifted[:, None], bounds, atol=_CUT_OFF, rtol=_CUT_OFF)
    at_bound[allowed] = close.any(axis=1)
    return found, at_bound


@compiled_if_traced(5)
def _refitted(
    model: Model,
    data: Float[Array, " D"],
    setup: FitSetup,
    start: Float[Array, "L P"],
    free: Float[Array, "L P"],
    starts: int,
) -> tuple[Float[Array, " L"], Float[Array, " L"]]:
    """-ln L of L fits, and the POI."""
    every = namespace(data).tile(data, (len(start), 1))
    found = descend(model.prepare(), every, start, setup.lower, setup.upper, free, starts=starts)
    return found.value, found.pars[:, require_poi(model)]


@compiled_if_traced()
def _parts(
    model: Model,
    data: Float[Array, " D"],
    pars: Float[Array, " P"],
    moving: Bool[Array, " P"],
    groups: Bool[Array, "N P"],
) -> tuple[Array, Array, Array, list[Array], Array, list[Array]]:
    """The numbers of a :class:`Breakdown`."""
    likelihood, poi = model.prepare(), require_poi(model)
    matrix, hessian = covariance(likelihood, pars, data, moving)
    xp = namespace(matrix, pars)
    variance, row = matrix[poi, poi], matrix[poi]
    errors = xp.where(moving, xp.sqrt(xp.where(moving, xp.diagonal(matrix), 1.0)), 1.0)
    correlation, slopes = matrix / (errors[:, None] * errors), row / errors
    # Of correlated constraints, which are in one group, the sum over them is the component.
    component = row * (likelihood.constraint_curvature(pars, data) * row + likelihood.coupled(row))
    differences, components = [], []
    for group in groups:
        chosen = group & moving
        both = chosen[:, None] & chosen
        inner = xp.where(both, correlation, np.eye(len(group)))
        vector = xp.where(chosen, slopes, 0.0)
        differences.append(safe_sqrt((vector * solve_positive(inner, vector)).sum()))
        components.append(safe_sqrt(xp.where(chosen, component, 0.0).sum()))
    statistical = 1 / hessian[poi, poi]
    constrained = xp.where(moving, component, 0.0).sum()
    return (
        xp.sqrt(variance), xp.sqrt(statistical),
        safe_sqrt(xp.where(variance > statistical, variance - statistical, 0.0)), differences,
        xp.sqrt(variance - constrained), components,
    )  # fmt: skip


def _members(model: Model, groups: Mapping[str, Sequence[str]]) -> dict[str, list[int]]:
    """Places of the parameters in each group, the POI in none.

    Raises:
        InputError: a name is unknown, in two groups, or the POI's; a group has the name of a
            parameter outside it.
    """
    config, poi = model.config, require_poi(model)
    places = {name: [k] for k, name in enumerate(config.par_names)}
    for name in config.par_order:
        of_set = config.par_slice(name)
        places[name] = list(range(of_set.start, of_set.stop))
    found: dict[str, list[int]] = {}
    group_of: dict[int, str | None] = {poi: None}
    for group, names in groups.items():
        for name in [names] if isinstance(names, str) else names:
            if name not in places:
                known = ", ".join(config.par_order)
                raise InputError(
                    f"group {group!r}: there is no parameter {name!r}; allowed: {known}"
                )
            for k in places[name]:
                if group_of.setdefault(k, group) != group:
                    other = group_of[k]
                    where = "the parameter of interest"
                    where = where if other is None else f"in group {other!r} too"
                    raise InputError(f"group {group!r}: {config.par_names[k]!r} is {where}")
                if k not in found.setdefault(group, []):
                    found[group].append(k)
    for name in config.par_order:
        rest = [k for k in places[name] if k not in group_of]
        if rest:
            group = MC_STATISTICS if name in model.layout.staterror else name
            if group == name and group in groups:
                raise InputError(f"group {group!r} has the name of a parameter that is not in it")
            found.setdefault(group, []).extend(rest)
    return found
