"""HEPData tables of the results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyhf
from hepdata_lib import Table, Uncertainty, Variable

from hone.likelihood.specification import Workspace
from hone.reporting.publication.covariance import (
    BackgroundPrediction,
    correlation,
    systematic_shifts,
)
from hone.results.documents import Limits
from hone.statmodel.channels import places
from hone.statmodel.templates import Histogram

__all__ = ["Result", "histogram_tables", "limit_table", "matrix_tables", "scan_table"]

_MISSING = "-"
"""What HEPData shows for a missing number."""
_EXPECTED = ("-2 sigma", "-1 sigma", "median", "+1 sigma", "+2 sigma")
_DIGITS = 6
_MATRIX_DIGITS = 10
"""Enough for rounded covariances to be positive definite."""


@dataclass(frozen=True)
class Result:
    """Published results of a signal and an observable, for the selected seed."""

    signal: str
    observable: str
    parameters: Mapping[str, float]
    """Of the signal, e.g. a mass; may be empty."""
    limits: Limits
    workspace: Workspace
    templates: Mapping[str, Histogram]
    """By sample, bins of all channels concatenated."""
    edges: Mapping[str, np.ndarray]
    """Of each channel; a single channel has no name."""
    axes: Mapping[str, str]
    """What is binned in each channel that is not in the bins of the observable."""
    prediction: BackgroundPrediction | str
    """Of the background, or why there is none."""


def limit_table(results: Sequence[Result], observed: str | None) -> Table:
    """Limits of all signals of one observable, against their parameters if any.

    Args:
        results: of each signal.
        observed: what the observation is, ``data`` or ``pseudo-data``; None in a blind analysis.
    """
    first = results[0]
    level, poi = 100 * (1 - first.limits["level"]), first.limits["poi"]
    table = _table(
        f"{first.observable} limits",
        f"Upper limits on the signal strength {poi} at {level:.4g} % CL by the observable "
        f"{first.observable}: asymptotic CLs. Expected limits are nominal, for what the model "
        f"expects without a signal.{_says(observed)}",
        ["CLS"],
    )
    for name in first.parameters:
        values = [result.parameters[name] for result in results]
        table.add_variable(_variable(name, values, independent=True))
    names = [_label(result.signal) for result in results]
    table.add_variable(_variable("Signal", names, independent=True))
    for index, band in enumerate(_EXPECTED):
        values = [result.limits["expected_limits"][index] for result in results]
        table.add_variable(_variable(f"Expected limit, {band}", values))
    if observed:
        values = [result.limits["observed_limit"] for result in results]
        table.add_variable(_variable(f"Observed limit ({observed})", values))
    return table


def scan_table(result: Result, observed: str | None) -> Table:
    """CLs against the signal strength."""
    poi, scan = result.limits["poi"], result.limits["scan"]
    table = _table(
        f"{result.observable} {result.signal} CLs scan",
        f"CLs against the signal strength {poi} of {result.signal}, by the observable "
        f"{result.observable}: asymptotic"
        f"{', expected values after the fit to the observation' if observed else ''}."
        f"{_says(observed)}",
        ["CLS"],
    )
    table.add_variable(_variable(poi, scan["mu"], independent=True))
    for band, values in zip(_EXPECTED, scan["expected"], strict=True):
        table.add_variable(_variable(f"Expected CLs, {band}", values))
    if observed:
        table.add_variable(_variable(f"Observed CLs ({observed})", scan["observed"]))
    return table


def histogram_tables(result: Result, observed: str | None) -> list[Table]:
    """The histogram of each channel: the observation, backgrounds and signal, uncertainties.

    For each sample: MC statistics, and the changes by one standard deviation of each systematic in
    the workspace. For all backgrounds: the prediction with the covariance.
    """
    spec = pyhf.Workspace(result.workspace)
    model = spec.model()
    yields, shifts = systematic_shifts(model)
    sizes = {name: model.config.channel_nbins[name] for name in model.config.channels}
    tables = []
    for channel, place in places(sizes).items():
        axis = result.axes.get(channel, f"Observable {result.observable}")
        table = _table(
            f"{result.observable} {result.signal} histogram {channel}",
            f"Events in {channel} in the fit for the signal {result.signal} "
            f"(at {result.limits['poi']} = 1). "
            "The outermost bins include underflow and overflow. "
            f"{_about(result.prediction, observed)}{_says(observed)}",
            ["N"],
        )
        edges = result.edges.get(channel, result.edges.get(""))
        assert edges is not None
        bins = Variable(axis, is_independent=True, is_binned=True)
        bins.digits = 15
        bins.values = list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
        table.add_variable(bins)
        if observed:
            table.add_variable(_variable(f"Observed ({observed})", spec.observations[channel]))
        for index, sample in enumerate(model.config.samples):
            kind = "Signal" if sample == result.signal else "Background"
            column = _variable(f"{kind} {sample}", yields[index, place])
            errors = np.sqrt(result.templates[sample].variances)[place]
            _add_errors(column, "stat, simulation", errors)
            for name, (down, up) in shifts.items():
                sides = np.stack([down[index, place], up[index, place]], axis=1)
                if sides.any():
                    _add_errors(column, f"sys, {name}", sides)
            table.add_variable(column)
        if isinstance(result.prediction, BackgroundPrediction):
            predicted = result.prediction
            there = places(predicted.channels)[channel]
            column = _variable(f"Total background ({predicted.kind})", predicted.rates[there])
            _add_errors(column, "total", np.sqrt(np.diag(predicted.covariance))[there])
            table.add_variable(column)
        tables.append(table)
    return tables


def matrix_tables(result: Result, observed: str | None) -> list[Table]:
    """Covariance and correlation of the predicted background; none if there is no prediction."""
    if isinstance(result.prediction, str):
        return []
    labels = [
        f"{channel} bin {k}"
        for channel, bins in result.prediction.channels.items()
        for k in range(1, bins + 1)
    ]
    tables = []
    covariance = result.prediction.covariance
    for kind, matrix, unit in (
        ("covariance", covariance, "events squared"),
        ("correlation", correlation(covariance), ""),
    ):
        table = _table(
            f"{result.observable} {result.signal} background {kind}",
            f"{kind.capitalize()} of the predicted background ({result.prediction.kind}) in the "
            f"histograms of {result.observable} for {result.signal}; bins count from 1. "
            f"{_about(result.prediction, observed)}",
            ["N"],
        )
        for name, of_each in (
            ("Bin", np.repeat(labels, len(labels))),
            ("Other bin", np.tile(labels, len(labels))),
        ):
            table.add_variable(_variable(name, of_each.tolist(), independent=True))
        column = _variable(kind.capitalize(), matrix.ravel())
        column.digits, column.units = _MATRIX_DIGITS, unit
        table.add_variable(column)
        tables.append(table)
    return tables


def _about(prediction: BackgroundPrediction | str, observed: str | None) -> str:
    if isinstance(prediction, str):
        return f"There is no covariance of the backgrounds: {prediction}."
    source = (
        "the constraints of all nuisance parameters, before any fit"
        if prediction.kind == "pre-fit"
        else "a fit of the backgrounds alone to "
        + ("the observation" if observed else "their expectation")
        + ", because there is a free normalisation"
    )
    text = (
        "The total background and its uncertainty are from "
        f"{source}; each parameter contributes the larger of its shifts up and down."
    )
    if prediction.curved:
        text += (
            f" Shifts by one standard deviation of {', '.join(prediction.curved)} are asymmetric, "
            "which a covariance cannot describe: use the likelihood instead."
        )
    return text


def _says(observed: str | None) -> str:
    if observed is None:
        return " There are no observed numbers: the analysis is blind."
    return "" if observed == "data" else f" The observation is {observed}: simulated, not data."


def _label(signal: str) -> str:
    """The name of a signal; HEPData takes one like 1-2 for a range of numbers."""
    return f"signal {signal}" if signal[0].isdigit() else signal


def _table(name: str, description: str, observables: Sequence[str]) -> Table:
    table = Table(_short(name))
    table.description = description
    table.location = "Supplementary material"
    table.keywords["observables"] = list(observables)
    return table


def _short(name: str, longest: int = 64) -> str:
    """A name shortened in its middle to the length that HEPData allows."""
    if len(name) <= longest:
        return name
    half = (longest - 3) // 2
    return f"{name[:half]}...{name[-half:]}"


def _variable(name: str, values: Any, independent: bool = False) -> Variable:
    column = Variable(
        name, is_independent=independent, is_binned=False, zero_uncertainties_warning=False
    )
    column.digits = _DIGITS
    column.values = [_plain(value) for value in values]
    return column


def _plain(value: Any) -> float | str:
    """A Python number, or the sign for none."""
    if isinstance(value, str):
        return value
    return _MISSING if value is None or not np.isfinite(value) else float(value)


def _add_errors(column: Variable, label: str, errors: np.ndarray) -> None:
    """Errors (B,), or signed errors below and above (B, 2)."""
    symmetric = errors.ndim == 1
    found = Uncertainty(label, is_symmetric=symmetric)
    found.values = errors.tolist() if symmetric else [tuple(pair) for pair in errors.tolist()]
    column.add_uncertainty(found)
