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
from hone.likelihood.specification import Workspace
from hone.results.asymmetric_bands import below_and_above
from hone.results.bands import one_sigma, yield_covariance
from hone.results.best_fit import empty_bins, restored
from hone.results.documents import StoredFit
from hone.results.fit_documents import Fit, FittedData, FitYields, GoodnessByToys, Parameters
from hone.results.limit_parts import limit_parts
from hone.results.poi_uncertainty import (
    Informative,
    breakdown_of,
    impacts_of,
    informative,
    parameter_values,
    pulls_of,
)
from hone.running.files import finite_or_none
from hone.running.root_files import reason

__all__ = ["fit_results"]


def fit_results(
    spec: Workspace,
    blind: bool = False,
    known: StoredFit | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    toys: int = 0,
    seed: int = 0,
    level: float = 0.05,
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
        level: of CLs, for the limits without some of the systematic uncertainties.

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
        "pulls": None,
        "ranking": None,
        "breakdown": None,
        "limit": None,
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
        absent = ("fit", "pulls", "ranking", "breakdown", "postfit")
        reasons |= dict.fromkeys(absent, str(error))
        return content
    content["fit"] = _described(model, best, blind, 0 if blind else toys, seed, reasons)
    if best.errors is None:
        reasons |= dict.fromkeys(("uncertainty", "correlation", "postfit"), str(best.reason))
    else:
        content["postfit"] = _yields(oracle, model, best.pars, best.errors, best.correlation)
    try:
        found = informative(spec, model, best, blind)
    except FitError as error:
        reasons |= dict.fromkeys(("ranking", "breakdown"), str(error))
        if blind or best.errors is None:
            reasons["pulls"] = str(error)
        else:
            # There are no impacts that they could disagree with.
            source: FittedData = {"data": "observation", "mu": None, "negative": False}
            content["pulls"] = pulls_of(Informative(model, best, source))
    else:
        content["pulls"] = pulls_of(found)
        try:
            content["ranking"] = impacts_of(found)
        except FitError as error:
            reasons["ranking"] = str(error)
        try:
            content["breakdown"] = breakdown_of(found, groups or {})
        except FitError as error:
            reasons["breakdown"] = str(error)
    groups_found = content["breakdown"]["groups"] if content["breakdown"] else {}
    try:
        content["limit"] = limit_parts(model, {
            name: group["parameters"] for name, group in groups_found.items() if group["refitted"]
        }, level)  # fmt: skip
    except FitError as error:
        reasons["limit"] = str(error)
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
        **parameter_values(model, best),
        "correlation": None if matrix is None else matrix.tolist(),
        "on_bound": [model.config.par_names[k] for k in np.flatnonzero(best.at_bound)],
        "twice_nll": -2 * float(model.logpdf(best.pars, best.data)),
        "deviance": goodness.deviance,
        "degrees_of_freedom": goodness.degrees_of_freedom,
        "goodness_of_fit": goodness.p_value if known else None,
        "goodness_of_fit_toys": by_toys,
        "bins": model.layout.total_bins,
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
        # With correlations, a band has one width.
        below, above = (
            below_and_above(up[:, place], down[:, place])
            if correlation is None
            else (deviations[place], deviations[place])
        )
        sum_up, sum_down = (x[:, place].sum(axis=1, keepdims=True) for x in (up, down))
        variance = yield_covariance(sum_up, sum_down, correlation)[0, 0]
        found[channel] = {
            "samples": {
                name: of_samples[s, place].tolist() for s, name in enumerate(config.samples)
            },
            "uncertainty": deviations[place].tolist(),
            "below": below.tolist(),
            "above": above.tolist(),
            "total": float(rates[place].sum()),
            "total_uncertainty": float(np.sqrt(variance)),
        }
    return found


def _by_channel(model: pyhf.Model, data: Sequence[float]) -> dict[str, list[float]]:
    slices = model.config.channel_slices
    return {name: np.asarray(data[place], float).tolist() for name, place in slices.items()}
