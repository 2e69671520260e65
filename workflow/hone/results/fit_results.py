"""The best fit of a workspace: parameters, impacts, pre-fit and post-fit yields."""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyhf
from cabinetry import model_utils
from scipy.stats import chi2

from hone.errors import FitError, ModelError
from hone.likelihood import infer
from hone.likelihood.histfactory import Model, from_pyhf
from hone.likelihood.infer.mle import require_poi
from hone.results.bands import one_sigma, yield_covariance
from hone.results.best_fit import BestFit, empty_bins, find_best_fit
from hone.results.documents import (
    Fit,
    FitYields,
    Impacts,
    Numbers,
    Parameters,
    ParameterValues,
    Ranking,
    StoredFit,
)
from hone.running.root_files import reason
from hone.statmodel.workspace import Spec

__all__ = ["RANKED", "fit_results"]

RANKED = 20
"""Most parameters whose impact is computed, with four fits each."""


def fit_results(spec: Spec, blind: bool = False, known: StoredFit | None = None) -> Fit:
    """The content of ``fit.json``.

    Args:
        spec: a pyhf workspace.
        blind: the observation is the expectation, and not shown.
        known: best fit to the observation; fitted if not given.

    Raises:
        ModelError: no model can be made of the workspace, or it has no parameter of interest.
    """
    try:
        oracle, data = model_utils.model_and_data(copy.deepcopy(spec))
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
        "observation": None if blind else _by_channel(oracle, data),
        "prefit": _yields(
            oracle, model, model_utils.asimov_parameters(oracle),
            model_utils.prefit_uncertainties(oracle), None,
        ),
        "postfit": None,
        "reasons": reasons,
        "notes": [],
    }  # fmt: skip
    if blind:
        reasons["observation"] = "not observed: the fit is to what is expected"
    try:
        best = find_best_fit(model, data) if known is None else BestFit.of(data, known)
    except FitError as error:
        reasons |= dict.fromkeys(("fit", "ranking", "postfit"), str(error))
        return content
    content["fit"] = described = _described(oracle, model, best, blind)
    if best.errors is None:
        reasons |= dict.fromkeys(("uncertainty", "correlation", "postfit"), str(best.reason))
    else:
        content["postfit"] = _yields(oracle, model, best.pars, best.errors, best.correlation)
    if described["goodness_of_fit"] is None:
        reasons["goodness_of_fit"] = (
            "nothing is observed" if blind else "no more bins than free parameters"
        )
    try:
        content["ranking"] = _ranking(oracle, model, best, blind)
    except FitError as error:
        reasons["ranking"] = str(error)
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


def _scaled_by(spec: Spec, poi: str) -> list[str]:
    """Samples scaled by the parameter of interest."""
    found = {
        sample["name"]
        for channel in spec["channels"]
        for sample in channel["samples"]
        if any(modifier["name"] == poi for modifier in sample["modifiers"])
    }
    return sorted(found)


def _described(oracle: pyhf.Model, model: Model, best: BestFit, blind: bool) -> Parameters:
    bins = sum(model.config.channel_nbins.values())
    deviance = max(2 * best.value, 0.0)
    # As cabinetry: fixed and constrained parameters do not reduce the degrees of freedom.
    free = ~best.fixed & ~best.at_bound & (model_utils.prefit_uncertainties(oracle) == 0)
    freedom = bins - int(free.sum())
    known = freedom > 0 and not blind
    matrix = best.correlation
    return {
        **_parameters(oracle, best, list(range(model.config.npars))),
        "correlation": None if matrix is None else matrix.tolist(),
        "on_bound": [model.config.par_names[k] for k in np.flatnonzero(best.at_bound)],
        "twice_nll": -2 * float(model.logpdf(best.pars, best.data)),
        "deviance": deviance,
        "degrees_of_freedom": freedom,
        "goodness_of_fit": float(chi2.sf(deviance, freedom)) if known else None,
        "bins": bins,
    }


def _parameters(oracle: pyhf.Model, best: BestFit, chosen: Sequence[int]) -> ParameterValues:
    widths, nominal = (
        model_utils.prefit_uncertainties(oracle),
        model_utils.asimov_parameters(oracle),
    )
    return {
        "labels": [oracle.config.par_names[k] for k in chosen],
        "bestfit": [float(best.pars[k]) for k in chosen],
        "uncertainty": None if best.errors is None else [float(best.errors[k]) for k in chosen],
        "prefit_value": [float(nominal[k]) for k in chosen],
        # Without a constraint there is no width.
        "prefit_uncertainty": [float(widths[k]) if widths[k] > 0 else None for k in chosen],
    }


def _ranking(oracle: pyhf.Model, model: Model, best: BestFit, blind: bool) -> Ranking:
    """Impacts on the POI in the fit to the observation, or to nominal Asimov data.

    A POI within a standard deviation of its bound cannot follow shifts of other parameters. Then
    nominal Asimov data is used, at the first of mu = 1, 2, 4, ... that is further away.

    Raises:
        FitError: there is no such mu, or no other parameter.
    """
    index = require_poi(model)
    lower, upper = model.config.suggested_bounds()[index]
    if np.delete(best.fixed | best.at_bound, index).all():
        raise FitError(f"no parameter but {model.config.poi_name} is free")

    def inside(fit: BestFit) -> bool:
        if fit.errors is None:
            return False
        value, sigma = fit.pars[index], fit.errors[index]
        return bool(sigma > 0 and lower < value - sigma and value + sigma < upper)

    if inside(best) and not blind:
        return {"data": "observation", "mu": None, **_impacts(oracle, model, best)}
    mu, start = 1.0, np.array(model.config.suggested_init())
    while lower < mu < upper:
        start[index] = mu
        try:
            expected = find_best_fit(model, infer.nominal_asimov(model, mu), near=start)
        except FitError:
            expected = None
        if expected is not None and inside(expected):
            return {"data": "expected", "mu": mu, **_impacts(oracle, model, expected)}
        mu *= 2
    raise FitError(
        f"{model.config.poi_name} is within a standard deviation of its bounds ({lower:g} and "
        f"{upper:g}) in the fit to the observation and to what is expected at any value"
    )


def _impacts(oracle: pyhf.Model, model: Model, best: BestFit) -> Impacts:
    """Of the parameters with the largest impacts by the covariance."""
    index = require_poi(model)
    errors, matrix = np.asarray(best.errors), np.asarray(best.correlation)
    estimate = np.abs(matrix[index]) * errors[index]
    others = [int(k) for k in np.argsort(-estimate, kind="stable") if k != index and errors[k] > 0]
    ranked = others[:RANKED]
    bounds = model.config.suggested_bounds()
    widths = model_utils.prefit_uncertainties(oracle)
    cut_off: set[str] = set()

    def shifts(sign: int, sizes: np.ndarray) -> Numbers:
        found: Numbers = []
        for k in ranked:
            value = best.pars[k] + sign * sizes[k]
            allowed = sizes[k] > 0 and bounds[k][0] <= value <= bounds[k][1]
            poi = _shifted_poi(model, best, k, value) if allowed else None
            found.append(None if poi is None else poi - float(best.pars[index]))
            if poi is not None and np.isclose(poi, bounds[index], atol=1e-3, rtol=1e-3).any():
                cut_off.add(model.config.par_names[k])
        return found

    return {
        **_parameters(oracle, best, ranked),
        "prefit_up": shifts(1, widths),
        "prefit_down": shifts(-1, widths),
        "postfit_up": shifts(1, errors),
        "postfit_down": shifts(-1, errors),
        "cut_off": sorted(cut_off),
        "parameters": len(others),
        "poi_value": float(best.pars[index]),
        "poi_uncertainty": float(errors[index]),
    }


def _shifted_poi(model: Model, best: BestFit, index: int, value: float) -> float | None:
    """The POI in the fit with a parameter fixed at ``value``; None if it does not converge."""
    here = np.arange(len(best.pars)) == index
    start = np.where(here, value, best.pars)
    try:
        found = infer.fit(best.data, model, start, fixed_params=best.fixed | here)
    except FitError:
        return None
    return float(found[require_poi(model)])


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
