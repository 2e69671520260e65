"""What the uncertainty of the POI comes from: one fit, its pulls, its impacts and its breakdown."""

import copy
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import pyhf

from hone.errors import FitError
from hone.likelihood import infer
from hone.likelihood.histfactory import Model, from_pyhf
from hone.likelihood.infer.best_fit import BestFit, constraints
from hone.likelihood.infer.impacts import Breakdown as Parts
from hone.likelihood.infer.setup import require_poi
from hone.likelihood.specification import Workspace
from hone.results.documents import Numbers
from hone.results.fit_documents import Breakdown, FittedData, Group, Impacts, ParameterValues, Pulls
from hone.running.files import finite_or_none

__all__ = [
    "RANKED", "Informative", "breakdown_of", "impacts_of", "informative", "parameter_values",
    "pulls_of",
]  # fmt: skip

RANKED = 20
"""Most parameters whose impact is computed, with four fits each."""
_FREE = ""
"""Of normalisations without a constraint: no group of a config can have this name."""


class Informative(NamedTuple):
    """A fit in which the POI can follow shifts of other parameters."""

    model: Model
    best: BestFit
    source: FittedData


def informative(spec: Workspace, model: Model, best: BestFit, blind: bool) -> Informative:
    """The fit that pulls, correlations, impacts and breakdown are of.

    The unconditional fit to the observation. Where its POI is within a standard deviation of zero
    as its lowest value, the same fit with the POI allowed to be negative, if all rates stay
    positive a standard deviation below (but for bins that have neither a rate nor data). Else, or
    if the analysis is blind, the fit to nominal Asimov data at the first of mu = 1, 2, 4, ... that
    is a standard deviation inside the bounds.

    Args:
        spec: the workspace.
        model: made of it.
        best: its best fit to the observation.
        blind: the observation is the expectation.

    Raises:
        FitError: there is no such mu.
    """
    poi = require_poi(model)
    name, (lower, upper) = model.config.poi_name, model.config.suggested_bounds()[poi]
    if not blind:
        if _inside(model, best):
            return Informative(model, best, {"data": "observation", "mu": None, "negative": False})
        if lower == 0:
            found = _unbounded(spec, best, (-upper, upper))
            if found is not None:
                source: FittedData = {"data": "observation", "mu": None, "negative": True}
                return Informative(*found, source)
    mu, start = 1.0, np.array(model.config.suggested_init())
    while lower < mu < upper:
        start[poi] = mu
        try:
            expected = infer.best_fit(infer.nominal_asimov(model, mu), model, start)
        except FitError:
            expected = None
        if expected is not None and _inside(model, expected):
            return Informative(model, expected, {"data": "expected", "mu": mu, "negative": False})
        mu *= 2
    raise FitError(
        f"{name} is within a standard deviation of its bounds ({lower:g} and {upper:g}) in the fit "
        "to the observation and to what is expected at any value"
    )


def _inside(model: Model, fit: BestFit) -> bool:
    """Whether the POI is a standard deviation inside its bounds."""
    poi = require_poi(model)
    lower, upper = model.config.suggested_bounds()[poi]
    if fit.errors is None:
        return False
    value, sigma = fit.pars[poi], fit.errors[poi]
    return bool(sigma > 0 and lower < value - sigma and value + sigma < upper)


def _unbounded(
    spec: Workspace, best: BestFit, bounds: tuple[float, float]
) -> tuple[Model, BestFit] | None:
    """The fit with other bounds of the POI; None if it is close to them, or to a rate of zero."""
    changed: Any = copy.deepcopy(dict(spec))
    settings = changed["measurements"][0]["config"]
    name = settings["poi"]
    others = [entry for entry in settings["parameters"] if entry["name"] != name]
    own: Any = next((e for e in settings["parameters"] if e["name"] == name), {"name": name})
    settings["parameters"] = [*others, own | {"bounds": [list(bounds)]}]
    model = from_pyhf(pyhf.Workspace(changed).model())
    try:
        found = infer.best_fit(best.data, model, best.pars)
    except FitError:
        return None
    if not _inside(model, found):
        return None
    below, poi = found.pars.copy(), require_poi(model)
    below[poi] -= found.errors[poi]  # type: ignore[index]
    rates = [np.asarray(model.expected_actualdata(pars)) for pars in (found.pars, below)]
    empty = (rates[0] == 0) & (rates[1] == 0) & (found.data[: len(rates[0])] == 0)
    return (model, found) if ((rates[1] > 0) | empty).all() else None


def parameter_values(model: Model, best: BestFit) -> ParameterValues:
    """All parameters of a fit."""
    centres, widths = constraints(model, best.data)
    return {
        "labels": model.config.par_names,
        "bestfit": best.pars.tolist(),
        "uncertainty": None if best.errors is None else best.errors.tolist(),
        "prefit_value": centres.tolist(),
        # Without a constraint there is no width.
        "prefit_uncertainty": [float(width) if width > 0 else None for width in widths],
    }


def pulls_of(found: Informative) -> Pulls:
    """Parameters and their correlations."""
    model, best, source = found
    assert best.correlation is not None
    return {
        **source,
        **parameter_values(model, best),
        "correlation": best.correlation.tolist(),
        "on_bound": _on_bound(model, best),
    }


def _on_bound(model: Model, best: BestFit) -> list[str]:
    return [model.config.par_names[k] for k in np.flatnonzero(best.at_bound)]


def _require_others(model: Model, best: BestFit) -> None:
    """Raises FitError if no parameter but the POI is free."""
    if not np.delete(best.moving, require_poi(model)).any():
        raise FitError(f"no parameter but {model.config.poi_name} is free")


def impacts_of(found: Informative) -> Impacts:
    """Of the parameters with the largest impacts by the covariance.

    Raises:
        FitError: no other parameter is free.
    """
    model, best, source = found
    _require_others(model, best)
    index = require_poi(model)
    impacts = infer.impacts(best, model, RANKED)
    moving = int(np.delete(best.moving, index).sum())
    assert best.errors is not None

    def numbers(values: np.ndarray) -> Numbers:
        return finite_or_none(values)

    return {
        **source,
        "labels": impacts.names,
        "bestfit": impacts.pars.tolist(),
        "uncertainty": impacts.errors.tolist(),
        "prefit_value": impacts.centres.tolist(),
        "prefit_uncertainty": numbers(impacts.widths),
        "prefit_up": numbers(impacts.prefit_up),
        "prefit_down": numbers(impacts.prefit_down),
        "postfit_up": numbers(impacts.postfit_up),
        "postfit_down": numbers(impacts.postfit_down),
        "linear": impacts.linear.tolist(),
        "cut_off": sorted(np.array(impacts.names)[impacts.cut_off].tolist()),
        "parameters": moving,
        "poi_value": float(best.pars[index]),
        "poi_uncertainty": float(best.errors[index]),
    }


def breakdown_of(found: Informative, groups: Mapping[str, Sequence[str]]) -> Breakdown:
    """By group; what was pruned is in none.

    Uncertainties are half the widths of intervals from refits with parameters fixed at their best
    fit, as MINOS: the Hessian is blind to bounds, and to a variation that shifts yields to one side
    or has a kink at zero. As in ATLAS and CMS, normalisations that only the counts determine are
    no systematics: the statistical uncertainty is that of a fit in which they are free and all that
    has a constraint is fixed.

    Raises:
        FitError: no other parameter is free, or the POI has no interval.
    """
    model, best, source = found
    _require_others(model, best)
    config = model.config
    others = [name for name in config.par_order if name != config.poi_name]
    free = [name for name in others if not config.param_set(name).constrained]
    kept = {
        group: [name for name in names if name in others and name not in free]
        for group, names in groups.items()
    }
    parts = infer.breakdown(best, model, {**kept, _FREE: free})
    width = _Width(model, best)
    described = {
        name: _group(members, width, parts, name, place < RANKED)
        for place, (name, members) in enumerate(
            sorted(parts.members.items(), key=lambda item: -float(parts.groups[item[0]]))
        )
        if members
    }
    moved = [name for name in config.par_names if name != config.poi_name]
    of_free = described.pop(_FREE, None)
    unconstrained = of_free["parameters"] if of_free else []
    statistical = width.without([name for name in moved if name not in unconstrained])
    (data,) = finite_or_none([parts.data])
    return {
        **source,
        "total": width.total,
        "interval": [x if k in width.sides else None for k, x in enumerate(width.interval)],
        "hessian": float(parts.total),
        "statistical": statistical,
        "counts": width.without(moved) if of_free else statistical,
        "systematic": _difference(width.total, statistical),
        "data_component": data,
        "free": of_free,
        "groups": described,
        "on_bound": _on_bound(model, best),
    }


def _group(members: list[str], width: "_Width", parts: Parts, name: str, refit: bool) -> Group:
    """By a refit, or by the Hessian."""
    uncertainty, refitted = float(parts.groups[name]), False
    if refit:
        with suppress(FitError):
            uncertainty, refitted = _difference(width.total, width.without(members)), True
    component = float(parts.components[name])
    return {
        "parameters": members, "uncertainty": uncertainty, "refitted": refitted,
        "component": component,
    }  # fmt: skip


def _difference(total: float, part: float) -> float:
    """In quadrature."""
    return float(np.sqrt(max(total**2 - part**2, 0.0)))


class _Width:
    """Half the width of the interval of the POI, with parameters fixed at their best fit.

    Where the interval of the whole fit ends at a bound, that of the other side alone.

    Raises:
        FitError: it ends at both bounds, or a fit did not converge.
    """

    def __init__(self, model: Model, best: BestFit) -> None:
        self.model, self.best, self.poi = model, best, require_poi(model)
        self.interval = self._ends([])
        bounds = model.config.suggested_bounds()[self.poi]
        self.sides = [
            k for k in (0, 1) if not np.isclose(self.interval[k], bounds[k], atol=1e-6, rtol=1e-6)
        ]
        if not self.sides:
            raise FitError(f"the interval of {model.config.poi_name} is all that its bounds allow")
        self.total = self._of(self.interval)

    def without(self, names: Sequence[str]) -> float:
        """With these fixed."""
        return self._of(self._ends(names))

    def _ends(self, names: Sequence[str]) -> tuple[float, float]:
        model, best = self.model, self.best
        fixed = best.fixed | np.isin(model.config.par_names, list(names))
        return infer.intervals.regions.interval(
            str(model.config.poi_name), best.data, model, init_pars=best.pars, fixed_params=fixed
        )

    def _of(self, interval: tuple[float, float]) -> float:
        centre = self.best.pars[self.poi]
        return float(np.mean([abs(interval[k] - centre) for k in self.sides]))
