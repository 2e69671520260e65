"""Histograms to a pyhf workspace."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hone.analysis.regions import Channels
from hone.analysis.samples import affected
from hone.errors import InputError
from hone.running.files import read_json
from hone.running.root_files import reason
from hone.statmodel.templates import Histogram

if TYPE_CHECKING:
    import pyhf

__all__ = [
    "POI",
    "Process",
    "build_workspace",
    "expected_observation",
    "half_spread",
    "places",
    "processes",
    "read_workspace",
    "sides",
]

POI = "mu"


class Process(NamedTuple):
    """A sample of one hypothesis: what modifies it, and how."""

    name: str
    is_signal: bool
    expected: float | None
    """Yield of all its events, before selections; None if it is not one of the settings."""
    systematics: tuple[Mapping[str, Any], ...]
    """With free normalisations (``normfactor``) among them."""


def processes(config: Mapping[str, Any], signal: str) -> list[Process]:
    """The samples of a signal hypothesis: that signal, and all backgrounds."""
    modifiers = [
        *config["systematics"],
        *({"type": "normfactor", **factor} for factor in config.get("normfactors", [])),
    ]
    return [
        Process(
            sample["name"],
            sample["process"] == "signal",
            sample.get("yield"),
            tuple(s for s in modifiers if sample["name"] in affected(s)),
        )
        for sample in config["samples"]
        if sample["process"] == "background" or sample["name"] == signal
    ]


def build_workspace(
    samples: Sequence[Process],
    histograms: Mapping[str, Histogram],
    observed: Any,
    staterror: bool,
    channels: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """A workspace, valid against pyhf's schema.

    Args:
        samples: the processes of the hypothesis.
        histograms: by template name, ``<sample>`` and ``<sample>__<systematic>_up`` / ``_down``,
            the bins of all channels side by side (B,).
        observed: counts per bin (B,).
        staterror: whether the histograms' errors become a staterror.
        channels: number of bins of each, sorted by name; one channel if not given.

    Raises:
        InputError: names the template, channel and bin of a yield that is negative or not finite.
    """
    import pyhf  # more than a second, for jobs that only ask what a sample is modified by

    channels = channels or Channels(observable_bins=len(np.asarray(observed))).sizes
    of_channels = places(channels)
    for name, histogram in histograms.items():
        _check_yields(name, np.asarray(histogram.values), of_channels)
    observed = _floats(observed)
    workspace = {
        "channels": [
            {
                "name": channel,
                "samples": [
                    {
                        "name": sample.name,
                        "data": _floats(histograms[sample.name].values)[place],
                        "modifiers": list(
                            _modifiers(sample, histograms, staterror, channel, place)
                        ),
                    }
                    for sample in samples
                ],
            }
            for channel, place in of_channels.items()
        ],
        "observations": [
            {"name": name, "data": observed[place]} for name, place in of_channels.items()
        ],
        "measurements": [
            {"name": "limit", "config": {"poi": POI, "parameters": _parameters(samples)}}
        ],
        "version": "1.0.0",
    }
    pyhf.schema.validate(workspace, "workspace.json")
    return workspace


def places(channels: Mapping[str, int]) -> dict[str, slice]:
    """Where the bins of each channel are among those of all, from the number of bins of each."""
    ends = dict(zip(channels, np.cumsum(list(channels.values())).tolist(), strict=True))
    return {name: slice(ends[name] - bins, ends[name]) for name, bins in channels.items()}


def _check_yields(name: str, values: np.ndarray, of_channels: Mapping[str, slice]) -> None:
    bad = ~(np.isfinite(values) & (values >= 0))
    if bad.any():
        at = int(np.argmax(bad))
        channel, place = next((c, p) for c, p in of_channels.items() if p.start <= at < p.stop)
        where = (
            f"region {channel!r}, bin {at - place.start}" if len(of_channels) > 1 else f"bin {at}"
        )
        raise InputError(
            f"histogram {name!r}, {where}: the yield is {values[at]:g}; yields "
            "must be finite and not negative: use fewer bins or more events"
        )


def _modifiers(
    sample: Process,
    histograms: Mapping[str, Histogram],
    staterror: bool,
    channel: str,
    place: slice,
) -> Iterator[dict[str, Any]]:
    if sample.is_signal:
        yield {"name": POI, "type": "normfactor", "data": None}
    for systematic in sample.systematics:
        if channel not in systematic.get("regions", [channel]):
            continue
        name, kind = systematic["name"], systematic["type"]
        data: Any = None
        if kind == "normsys":
            data = {"hi": systematic["up"], "lo": systematic["down"]}
        elif kind in ("histosys", "shapesys"):
            up, down = sides(histograms, sample.name, name)
            if kind == "histosys":
                data = {"hi_data": _floats(up)[place], "lo_data": _floats(down)[place]}
            else:
                data = _floats(half_spread(up, down))[place]
        yield {"name": name, "type": kind, "data": data}
    if staterror:
        errors = np.sqrt(np.asarray(histograms[sample.name].variances))
        yield {"name": f"staterror_{channel}", "type": "staterror", "data": _floats(errors)[place]}


def _parameters(samples: Sequence[Process]) -> list[dict[str, Any]]:
    """What the measurement says about parameters: the luminosity, and free normalisations."""
    found = {}
    for systematic in (s for sample in samples for s in sample.systematics):
        name = systematic["name"]
        if systematic["type"] == "lumi":
            width = float(systematic["uncertainty"])
            found[name] = {
                "name": name, "inits": [1.0], "auxdata": [1.0], "sigmas": [width],
                "bounds": [[max(1 - 10 * width, 1e-3), 1 + 10 * width]],
            }  # fmt: skip
        elif systematic["type"] == "normfactor":
            found[name] = {"name": name, "inits": [1.0], "bounds": [list(systematic["bounds"])]}
    return list(found.values())


def sides(histograms: Mapping[str, Histogram], sample: str, systematic: str) -> tuple[Any, Any]:
    """Yields (B,) of a systematic's variations up and down, numpy or JAX.

    Of one that has no variation down it is the mirror image of the one up, as far as yields stay
    positive.
    """
    up = histograms[f"{sample}__{systematic}_up"].values
    down = histograms.get(f"{sample}__{systematic}_down")
    if down is not None:
        return up, down.values
    mirrored = 2 * histograms[sample].values - up
    return up, (mirrored + abs(mirrored)) / 2


def expected_observation(
    nominal: Mapping[str, Histogram], strengths: Mapping[str, float]
) -> Histogram:
    """What is expected (B,), in place of events that are not looked at.

    Args:
        nominal: histogram of each sample.
        strengths: factor on the yield of a sample, where it is not 1.
    """
    # In one order, whatever hypothesis asks.
    values = sum(
        strengths.get(name, 1.0) * np.asarray(nominal[name].values) for name in sorted(nominal)
    )
    return Histogram(np.asarray(values), np.asarray(values))


def half_spread(up: Any, down: Any) -> Any:
    """Uncorrelated uncertainty per bin (B,) of a ``shapesys`` that two varied templates span."""
    return abs(up - down) / 2


def read_workspace(path: str | Path) -> tuple[pyhf.Model, np.ndarray]:
    """The model of a workspace file and its observation with auxiliary data (D,).

    Raises:
        InputError: the file is not JSON, not a valid workspace, or no model can be made of it.
    """
    import pyhf

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
