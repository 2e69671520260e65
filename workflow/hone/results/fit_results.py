"""The best fit of a workspace: parameters, impacts, breakdown, pre-fit and post-fit yields."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyhf
from cabinetry import model_utils

from hone.errors import FitError, InputError, ModelError
from hone.likelihood import infer
from hone.likelihood.histfactory import Model, from_pyhf
from hone.likelihood.infer.best_fit import BestFit, constraints
from hone.likelihood.infer.mle import require_poi
from hone.results.bands import one_sigma, yield_covariance
from hone.results.best_fit import empty_bins, restored
from hone.results.documents import (
    Breakdown,
    Fit,
    FittedData,
    FitYields,
    GoodnessByToys,
    Impacts,
    Numbers,
    Parameters,
    ParameterValues,
    StoredFit,
)
from hone.running.files import finite_or_none
from hone.running.root_files import reason
from hone.statmodel.spec import Workspace

__all__ = ["RANKED", "fit_results"]

RANKED = 20
"""Most parameters whose impact is computed, with four fits each."""


def fit_results(
    spec: Workspace,
    blind: bool = False,
    known: StoredFit | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    toys: int = 0,
    seed: int = 0,
) -> Fit:
    """The content of ``fit.json``.

    Args:
        spec: a pyhf workspace.
        blind: the observation is the expectation, and not shown.
        known: best fit to the observation; fitted if not given.
        groups: names of parameters by group, for the breakdown; others as in
            :func:`hone.likelihood.infer.breakdown`.
        toys: number of toys for the goodness of fit.
        seed: of the toys.

    Raises:
        ModelError: no model can be made of the workspace, or it has no parameter of interest.
    """
    try:
        oracle, data = model_utils.model_and_data(copy.deepcopy(dict(spec)))
    except Exception as error:  # pyhf and jsonschema raise many kinds
        raise ModelError(f"not a valid pyhf workspace ({reason(error)})") from error
    poi = oracle.config.poi_name
    if poi is None:
        raise ModelError("the workspace's measurement names no parameter of interest")
    model = from_pyhf(oracle)
    reasons: dict[str, str] = {}
    content: Fit = {
        "poi": poi,
        "signals": _scaled_by(spec, poi),
        "blind": blind,
        "fit": None,
        "ranking": None,
        "breakdown": None,
        "observation": None if blind else _by_channel(oracle, data),
        "prefit": _yields(
            oracle, model, *constraints(model, data), None,
        ),
        "postfit": None,
        "reasons": reasons,
        "notes": [],
    }  # fmt: skip
    if blind:
        reasons["observation"] = "not observed: the fit is to what is expected"
    try:
        best = infer.best_fit(data, model) if known is None else restored(data, known)
    except FitError as error:
        reasons |= dict.fromkeys(("fit", "ranking", "breakdown", "postfit"), str(error))
        return content
    content["fit"] = _described(model, best, blind, 0 if blind else toys, seed, reasons)
    if best.errors is None:
        reasons |= dict.fromkeys(("uncertainty", "correlation", "postfit"), str(best.reason))
    else:
        content["postfit"] = _yields(oracle, model, best.pars, best.errors, best.correlation)
    try:
        mu, fit = _informative(model, best, blind)
    except FitError as error:
        reasons |= dict.fromkeys(("ranking", "breakdown"), str(error))
    else:
        content["ranking"] = {**_source(mu), **_impacts(model, fit)}
        content["breakdown"] = _breakdown(model, mu, fit, groups or {})
    content["notes"] = [
        *(
            f"{model.config.par_names[k]}-hat = {best.pars[k]:g} (at its bound)"
            for k in np.flatnonzero(best.at_bound)
        ),
        *(
            f"the expected rate of {name} is zero at the best fit; uncertainties do not include "
            "this boundary"
            for name in empty_bins(model, best.pars, data)
        ),
    ]
    return content


def _scaled_by(spec: Workspace, poi: str) -> list[str]:
    """Samples scaled by the parameter of interest."""
    found = {
        sample["name"]
        for channel in spec["channels"]
        for sample in channel["samples"]
        if any(modifier["name"] == poi for modifier in sample["modifiers"])
    }
    return sorted(found)


def _described(
    model: Model, best: BestFit, blind: bool, toys: int, seed: int, reasons: dict[str, str]
) -> Parameters:
    goodness = infer.goodness_of_fit(best, model)
    by_toys: GoodnessByToys | None = None
    if toys:
        try:
            found = infer.goodness_of_fit(best, model, toys, seed)
        except (FitError, InputError) as error:
            reasons["goodness_of_fit_toys"] = str(error)
        else:
            (error_of_p,) = finite_or_none([found.p_value_toys_error])
            by_toys = {"p": found.p_value_toys, "error": error_of_p, "toys": len(found.toys)}
    known = goodness.degrees_of_freedom > 0 and not blind
    if not known:
        why = "nothing is observed" if blind else "no more bins than free parameters"
        reasons["goodness_of_fit"] = why
    matrix = best.correlation
    return {
        **_parameters(model, best),
        "correlation": None if matrix is None else matrix.tolist(),
        "on_bound": [model.config.par_names[k] for k in np.flatnonzero(best.at_bound)],
        "twice_nll": -2 * float(model.logpdf(best.pars, best.data)),
        "deviance": goodness.deviance,
        "degrees_of_freedom": goodness.degrees_of_freedom,
        "goodness_of_fit": goodness.p_value if known else None,
        "goodness_of_fit_toys": by_toys,
        "bins": model.layout.total_bins,
    }


def _parameters(model: Model, best: BestFit) -> ParameterValues:
    centres, widths = constraints(model, best.data)
    return {
        "labels": model.config.par_names,
        "bestfit": best.pars.tolist(),
        "uncertainty": None if best.errors is None else best.errors.tolist(),
        "prefit_value": centres.tolist(),
        # Without a constraint there is no width.
        "prefit_uncertainty": [float(width) if width > 0 else None for width in widths],
    }


def _informative(model: Model, best: BestFit, blind: bool) -> tuple[float | None, BestFit]:
    """The fit that impacts and breakdown are of: None and that to the observation, or a POI and
    that to nominal Asimov data.

    A POI within a standard deviation of its bound cannot follow shifts of other parameters. Then
    nominal Asimov data is used, at the first of mu = 1, 2, 4, ... that is further away.

    Raises:
        FitError: there is no such mu, or no other parameter.
    """
    index = require_poi(model)
    lower, upper = model.config.suggested_bounds()[index]
    if not np.delete(best.moving, index).any():
        raise FitError(f"no parameter but {model.config.poi_name} is free")

    def inside(fit: BestFit) -> bool:
        if fit.errors is None:
            return False
        value, sigma = fit.pars[index], fit.errors[index]
        return bool(sigma > 0 and lower < value - sigma and value + sigma < upper)

    if inside(best) and not blind:
        return None, best
    mu, start = 1.0, np.array(model.config.suggested_init())
    while lower < mu < upper:
        start[index] = mu
        try:
            expected = infer.best_fit(infer.nominal_asimov(model, mu), model, start)
        except FitError:
            expected = None
        if expected is not None and inside(expected):
            return mu, expected
        mu *= 2
    raise FitError(
        f"{model.config.poi_name} is within a standard deviation of its bounds ({lower:g} and "
        f"{upper:g}) in the fit to the observation and to what is expected at any value"
    )


def _source(mu: float | None) -> FittedData:
    """Which data a result is of."""
    return {"data": "observation" if mu is None else "expected", "mu": mu}


def _impacts(model: Model, best: BestFit) -> Impacts:
    """Of the parameters with the largest impacts by the covariance."""
    index = require_poi(model)
    found = infer.impacts(best, model, RANKED)
    moving = int(np.delete(best.moving, index).sum())
    assert best.errors is not None

    def numbers(values: np.ndarray) -> Numbers:
        return finite_or_none(values)

    return {
        "labels": found.names,
        "bestfit": found.pars.tolist(),
        "uncertainty": found.errors.tolist(),
        "prefit_value": found.centres.tolist(),
        "prefit_uncertainty": numbers(found.widths),
        "prefit_up": numbers(found.prefit_up),
        "prefit_down": numbers(found.prefit_down),
        "postfit_up": numbers(found.postfit_up),
        "postfit_down": numbers(found.postfit_down),
        "linear": found.linear.tolist(),
        "cut_off": sorted(np.array(found.names)[found.cut_off].tolist()),
        "parameters": moving,
        "poi_value": float(best.pars[index]),
        "poi_uncertainty": float(best.errors[index]),
    }


def _breakdown(
    model: Model, mu: float | None, best: BestFit, groups: Mapping[str, Sequence[str]]
) -> Breakdown:
    """By group; what was pruned is in none."""
    known = set(model.config.par_order)
    kept = {name: [p for p in parameters if p in known] for name, parameters in groups.items()}
    found = infer.breakdown(best, model, kept)
    (data,) = finite_or_none([found.data])
    return {
        **_source(mu),
        "total": float(found.total),
        "statistical": float(found.statistical),
        "systematic": float(found.systematic),
        "data_component": data,
        "groups": {
            name: {
                "parameters": parameters,
                "uncertainty": float(found.groups[name]),
                "component": float(found.components[name]),
            }
            for name, parameters in found.members.items()
            if parameters
        },
    }


def _yields(
    oracle: pyhf.Model, model: Model, pars: Any, errors: Any, correlation: Any
) -> dict[str, FitYields]:
    """Of each channel, per bin and summed over its bins."""
    config = oracle.config
    of_samples = np.asarray(oracle.main_model.expected_data(pars, return_by_sample=True))
    rates, up, down = one_sigma(model, pars, errors)
    deviations = np.sqrt(np.diag(yield_covariance(up, down, correlation)))
    found: dict[str, FitYields] = {}
    for channel, place in config.channel_slices.items():
        sum_up, sum_down = (x[:, place].sum(axis=1, keepdims=True) for x in (up, down))
        variance = yield_covariance(sum_up, sum_down, correlation)[0, 0]
        found[channel] = {
            "samples": {
                name: of_samples[s, place].tolist() for s, name in enumerate(config.samples)
            },
            "uncertainty": deviations[place].tolist(),
            "total": float(rates[place].sum()),
            "total_uncertainty": float(np.sqrt(variance)),
        }
    return found


def _by_channel(model: pyhf.Model, data: Sequence[float]) -> dict[str, list[float]]:
    slices = model.config.channel_slices
    return {name: np.asarray(data[place], float).tolist() for name, place in slices.items()}
