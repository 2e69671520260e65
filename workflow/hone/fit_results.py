"""The fit of a workspace by cabinetry: best fit, impacts, predictions before and after it."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyhf
from cabinetry import model_utils

from hone.cabinetry_fit import Fitted, quiet_minuit, shifted_poi, unconditional_fit
from hone.errors import FitError, ModelError
from hone.rootio import reason

__all__ = ["RANKED", "fit_results"]

RANKED = 20
"""Most parameters whose impact is computed, each by four fits."""
_CLIPPED = (
    "the fit of the workspace as it is ends where an interpolated template makes a rate negative; "
    "this one takes negative yields of a sample as zero"
)


def fit_results(spec: Mapping[str, Any], blind: bool = False) -> dict[str, Any]:
    """Everything that ``fit.json`` says about a workspace.

    Args:
        spec: a pyhf workspace.
        blind: its observation is what is expected, and not to be shown.

    Returns:
        ``fit``: best fit, uncertainties, correlations and goodness of fit of the unconditional
        fit, with value and width of each parameter before it. ``clipped``: whether it takes
        negative yields as zero. ``ranking``: shifts of the POI by other parameters. ``prefit``,
        ``postfit``: yields per channel, sample and bin with total uncertainties.
        ``observation``: counts per channel and bin. What does not exist is None, and ``reasons``
        says why.

    Raises:
        ModelError: no model can be made of the workspace, or it has no parameter of interest.
    """
    try:
        model, data = model_utils.model_and_data(copy.deepcopy(dict(spec)))
    except Exception as error:  # pyhf and jsonschema raise many kinds
        raise ModelError(f"not a valid pyhf workspace ({reason(error)})") from error
    poi = model.config.poi_name
    if poi is None:
        raise ModelError("the workspace's measurement names no parameter of interest")
    content: dict[str, Any] = {
        "poi": poi,
        "signals": _scaled_by(spec, poi),
        "blind": blind,
        "clipped": False,
        "fit": None,
        "ranking": None,
        "observation": None if blind else _by_channel(model, data),
        "prefit": None,
        "postfit": None,
    }
    reasons: dict[str, str] = {}
    notes: list[str] = []
    if blind:
        reasons["observation"] = "not observed: the fit is to what is expected"
    with quiet_minuit():
        content["prefit"] = _yields(model_utils.prediction(model))
        try:
            fitted = unconditional_fit(spec, model, data)
        except FitError as error:
            reasons |= dict.fromkeys(("fit", "ranking", "postfit"), str(error))
            return {**content, "reasons": reasons, "notes": notes}
        prediction = model_utils.prediction(fitted.model, fit_results=fitted.results)
        content |= {"fit": _best_fit(fitted, blind), "postfit": _yields(prediction)}
        content["clipped"] = fitted.clipped
        notes += [_CLIPPED] if fitted.clipped else []
        notes += [f"{name} is fixed on its bound, where the fit ends" for name in fitted.on_bound]
        if content["fit"]["goodness_of_fit"] is None:
            reasons["goodness_of_fit"] = (
                "nothing is observed" if blind else "no free parameter, or no fewer than bins"
            )
        try:
            content["ranking"] = _ranking(spec, model, data, fitted, blind)
        except FitError as error:
            reasons["ranking"] = str(error)
    return {**content, "reasons": reasons, "notes": notes}


def _scaled_by(spec: Mapping[str, Any], poi: str) -> list[str]:
    """Samples that the parameter of interest scales."""
    found = {
        sample["name"]
        for channel in spec["channels"]
        for sample in channel["samples"]
        if any(modifier["name"] == poi for modifier in sample["modifiers"])
    }
    return sorted(found)


def _best_fit(fitted: Fitted, blind: bool) -> dict[str, Any]:
    results, model = fitted.results, fitted.model
    goodness = results.goodness_of_fit
    return {
        **_parameters(fitted, list(range(len(results.labels)))),
        "correlation": [_floats(row) for row in results.corr_mat],
        "on_bound": fitted.on_bound,
        "twice_nll": float(results.best_twice_nll),
        "goodness_of_fit": float(goodness) if np.isfinite(goodness) and not blind else None,
        "bins": sum(model.config.channel_nbins.values()),
    }


def _parameters(fitted: Fitted, chosen: Sequence[int]) -> dict[str, Any]:
    """Best fit and uncertainty (0 if fixed), and nominal value and width before the fit."""
    results, model = fitted.results, fitted.model
    widths = model_utils.prefit_uncertainties(model)
    return {
        "labels": [results.labels[k] for k in chosen],
        "bestfit": [float(results.bestfit[k]) for k in chosen],
        "uncertainty": [float(results.uncertainty[k]) for k in chosen],
        "prefit_value": [float(model_utils.asimov_parameters(model)[k]) for k in chosen],
        # Without a constraint there is no width.
        "prefit_uncertainty": [float(widths[k]) if widths[k] > 0 else None for k in chosen],
    }


def _ranking(
    spec: Mapping[str, Any],
    model: pyhf.Model,
    data: Sequence[float],
    fitted: Fitted,
    blind: bool,
) -> dict[str, Any]:
    """Impacts on the POI in the fit to the observation, or to what is expected if need be.

    A POI within a standard deviation of its bound cannot follow the shifts of other parameters.
    Then the data are nominal expectations at the first of mu = 1, 2, 4, ... that is further away.

    Raises:
        FitError: there is no such data, or no other parameter.
    """
    index = model.config.poi_index
    lower, upper = model.config.suggested_bounds()[index]
    if not (np.delete(fitted.results.uncertainty, index) > 0).any():
        raise FitError(f"no parameter but {model.config.poi_name} is free")

    def inside(candidate: Fitted) -> bool:
        value, sigma = candidate.results.bestfit[index], candidate.results.uncertainty[index]
        return bool(sigma > 0 and lower < value - sigma and value + sigma < upper)

    if inside(fitted) and not blind:
        return {"data": "observation", "mu": None, **_impacts(fitted, data)}
    mu = 1.0
    while lower < mu < upper:
        expected = model_utils.asimov_data(model, poi_value=mu)
        try:
            asimov = unconditional_fit(spec, model, expected)
        except FitError:
            asimov = None
        if asimov is not None and inside(asimov):
            return {"data": "expected", "mu": mu, **_impacts(asimov, expected)}
        mu *= 2
    raise FitError(
        f"{model.config.poi_name} is within a standard deviation of its bounds ({lower:g} and "
        f"{upper:g}) in the fit to the observation and to what is expected at any value"
    )


def _impacts(fitted: Fitted, data: Sequence[float]) -> dict[str, Any]:
    """As ``cabinetry.fit.ranking``, for the parameters that matter most, by the covariance.

    That function refits for all parameters, and one fit that fails costs the impacts of all. A
    shift is None if there is no width, or no fit: outside the bounds, or not converged.
    """
    results, model = fitted.results, fitted.model
    index = model.config.poi_index
    estimate = np.abs(results.corr_mat[index]) * results.uncertainty[index]
    others = [
        int(k)
        for k in np.argsort(-estimate, kind="stable")
        if k != index and results.uncertainty[k] > 0
    ]
    ranked = others[:RANKED]
    bounds = model.config.suggested_bounds()
    widths = model_utils.prefit_uncertainties(model)
    shifts: dict[str, list[float | None]] = {}
    cut_off: set[str] = set()
    for name, sign, sizes in (
        ("prefit_up", 1, widths),
        ("prefit_down", -1, widths),
        ("postfit_up", 1, results.uncertainty),
        ("postfit_down", -1, results.uncertainty),
    ):
        shifts[name] = []
        for k in ranked:
            value = results.bestfit[k] + sign * sizes[k]
            allowed = sizes[k] > 0 and bounds[k][0] <= value <= bounds[k][1]
            poi = shifted_poi(fitted, data, k, value) if allowed else None
            shifts[name].append(None if poi is None else poi - float(results.bestfit[index]))
            if poi is not None and np.isclose(poi, bounds[index], atol=1e-3, rtol=1e-3).any():
                cut_off.add(results.labels[k])
    return {
        **_parameters(fitted, ranked),
        **shifts,
        "clipped": fitted.clipped,
        # Shifts that end where the POI reaches its bound.
        "cut_off": sorted(cut_off),
        "parameters": len(others),
        "poi_value": float(results.bestfit[index]),
        "poi_uncertainty": float(results.uncertainty[index]),
    }


def _yields(prediction: model_utils.ModelPrediction) -> dict[str, Any]:
    """Yields and total uncertainties of each channel, per bin and of all its bins."""
    config = prediction.model.config
    return {
        channel: {
            "samples": {
                name: _floats(prediction.model_yields[c][s])
                for s, name in enumerate(config.samples)
            },
            "uncertainty": _floats(prediction.total_stdev_model_bins[c][-1]),
            "total": float(np.sum(prediction.model_yields[c])),
            "total_uncertainty": float(prediction.total_stdev_model_channels[c][-1]),
        }
        for c, channel in enumerate(config.channels)
    }


def _by_channel(model: pyhf.Model, data: Sequence[float]) -> dict[str, list[float]]:
    return {name: _floats(data[place]) for name, place in model.config.channel_slices.items()}


def _floats(values: Any) -> list[float]:
    return [float(value) for value in values]
