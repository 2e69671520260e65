"""Histograms to a pyhf workspace."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyhf

from hone.errors import InputError
from hone.files import read_json
from hone.rootio import reason
from hone.templates import Histogram

__all__ = [
    "CHANNEL",
    "POI",
    "Process",
    "build_workspace",
    "half_spread",
    "processes",
    "read_workspace",
]

CHANNEL = "signal_region"
POI = "mu"
_STATERROR = f"staterror_{CHANNEL}"


class Process(NamedTuple):
    """A sample of one hypothesis: what modifies it, and how."""

    name: str
    is_signal: bool
    expected: float
    """Total yield, in events."""
    systematics: tuple[Mapping[str, Any], ...]


def processes(config: Mapping[str, Any], signal: str) -> list[Process]:
    """The samples of a signal hypothesis: that signal, and all backgrounds."""
    return [
        Process(
            sample["name"],
            sample["process"] == "signal",
            sample["yield"],
            tuple(s for s in config["systematics"] if s["sample"] == sample["name"]),
        )
        for sample in config["samples"]
        if sample["process"] == "background" or sample["name"] == signal
    ]


def build_workspace(
    samples: Sequence[Process],
    histograms: Mapping[str, Histogram],
    observed: Any,
    staterror: bool,
) -> dict[str, Any]:
    """A workspace with one channel, valid against pyhf's schema.

    Args:
        samples: the processes of the hypothesis.
        histograms: by template name, ``<sample>`` and ``<sample>__<systematic>_up`` / ``_down``.
        observed: counts per bin (B,).
        staterror: whether the histograms' errors become a staterror.

    Raises:
        InputError: names the template and bin of a yield that is negative or not finite.
    """
    for name, histogram in histograms.items():
        bad = ~(np.isfinite(histogram.values) & (np.asarray(histogram.values) >= 0))
        if bad.any():
            at = int(np.argmax(bad))
            raise InputError(
                f"histogram {name!r}, bin {at}: the yield is {histogram.values[at]:g}; yields "
                "must be finite and not negative: use fewer bins or more events"
            )
    spec = [
        {
            "name": sample.name,
            "data": _floats(histograms[sample.name].values),
            "modifiers": list(_modifiers(sample, histograms, staterror)),
        }
        for sample in samples
    ]
    workspace = {
        "channels": [{"name": CHANNEL, "samples": spec}],
        "observations": [{"name": CHANNEL, "data": _floats(observed)}],
        "measurements": [{"name": "limit", "config": {"poi": POI, "parameters": []}}],
        "version": "1.0.0",
    }
    pyhf.schema.validate(workspace, "workspace.json")
    return workspace


def _modifiers(
    sample: Process, histograms: Mapping[str, Histogram], staterror: bool
) -> Iterator[dict[str, Any]]:
    if sample.is_signal:
        yield {"name": POI, "type": "normfactor", "data": None}
    for systematic in sample.systematics:
        name, kind = systematic["name"], systematic["type"]
        if kind == "normsys":
            data: Any = {"hi": systematic["up"], "lo": systematic["down"]}
        else:
            up, down = (
                histograms[f"{sample.name}__{name}_{side}"].values for side in ("up", "down")
            )
            if kind == "histosys":
                data = {"hi_data": _floats(up), "lo_data": _floats(down)}
            else:
                data = _floats(half_spread(up, down))
        yield {"name": name, "type": kind, "data": data}
    if staterror:
        errors = np.sqrt(np.asarray(histograms[sample.name].variances))
        yield {"name": _STATERROR, "type": "staterror", "data": _floats(errors)}


def half_spread(up: Any, down: Any) -> Any:
    """Uncorrelated uncertainty per bin (B,) of a ``shapesys`` that two varied templates span."""
    return abs(up - down) / 2


def read_workspace(path: str | Path) -> tuple[pyhf.Model, np.ndarray]:
    """The model of a workspace file and its observation with auxiliary data (D,).

    Raises:
        InputError: the file is not JSON, not a valid workspace, or no model can be made of it.
    """
    spec = read_json(path)
    try:
        workspace = pyhf.Workspace(copy.deepcopy(spec))
        model = workspace.model()
        data = np.asarray(workspace.data(model), dtype=float)
    except Exception as error:  # pyhf and jsonschema raise many kinds
        raise InputError(f"{path}: not a valid pyhf workspace ({reason(error)})") from error
    if not (np.isfinite(data).all() and (data >= 0).all()):
        at = int(np.argmin(np.isfinite(data) & (data >= 0)))
        raise InputError(f"{path}: observation, bin {at}: {data[at]} must be finite and >= 0")
    return model, data


def _floats(values: Any) -> list[float]:
    return [float(value) for value in np.asarray(values)]
