"""From histograms to a pyhf workspace."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hone.analysis.analysis import Analysis
from hone.analysis.contradictions import POI
from hone.analysis.systematics import Modifier
from hone.analysis.templates import Template
from hone.errors import InputError
from hone.running.files import read_json
from hone.running.root_files import reason
from hone.statmodel.channels import Channels, bin_name, places
from hone.statmodel.templates import Histogram

if TYPE_CHECKING:
    import pyhf

__all__ = [
    "POI",
    "Process",
    "Spec",
    "build_workspace",
    "expected_observation",
    "processes",
    "read_workspace",
    "sides",
]


Spec = dict[str, Any]
"""A workspace or a part of one, in the JSON format of pyhf, whose schema says what is in it."""


class Process(NamedTuple):
    """A sample of one hypothesis and its systematics."""

    name: str
    is_signal: bool
    expected: float | None
    """Yield before selections; None if it is not a setting."""
    modifiers: tuple[Modifier, ...]
    """Its systematics, then free normalisations."""

    def templates(self) -> list[Template]:
        """Its own template, then the varied ones of each systematic."""
        varied = (t for modifier in self.modifiers for t in modifier.templates(self.name))
        return [Template(self.name), *varied]


def processes(analysis: Analysis, signal: str) -> list[Process]:
    """The samples of a signal hypothesis: the signal and all backgrounds."""
    modifiers = (*analysis.systematics, *analysis.normfactors)
    return [
        Process(
            sample.name,
            sample.is_signal,
            sample.yield_,
            tuple(m for m in modifiers if sample.name in m.samples),
        )
        for sample in analysis.hypothesis(signal)
    ]


def build_workspace(
    samples: Sequence[Process],
    histograms: Mapping[str, Histogram],
    observed: Any,
    staterror: bool,
    channels: Mapping[str, int] | None = None,
) -> Spec:
    """A workspace, valid against pyhf's schema.

    Args:
        samples: the processes of the hypothesis.
        histograms: by template name, ``<sample>`` and ``<sample>__<systematic>_up`` / ``_down``,
            bins of all channels concatenated (B,).
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
        _check_yields(name, np.asarray(histogram.values), channels)
    observed = np.asarray(observed, dtype=float).tolist()
    workspace = {
        "channels": [
            {
                "name": channel,
                "samples": [
                    {
                        "name": sample.name,
                        "data": np.asarray(histograms[sample.name].values, float)[place].tolist(),
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


def _check_yields(name: str, values: np.ndarray, channels: Mapping[str, int]) -> None:
    bad = ~(np.isfinite(values) & (values >= 0))
    if bad.any():
        at = int(np.argmax(bad))
        raise InputError(
            f"histogram {name!r}, {bin_name(at, channels)}: the yield is {values[at]:g}; yields "
            "must be finite and not negative: use fewer bins or more events"
        )


def _modifiers(
    sample: Process,
    histograms: Mapping[str, Histogram],
    staterror: bool,
    channel: str,
    place: slice,
) -> Iterator[Spec]:
    if sample.is_signal:
        yield {"name": POI, "type": "normfactor", "data": None}
    nominal = np.asarray(histograms[sample.name].values)
    for modifier in sample.modifiers:
        if modifier.acts_in(channel):
            up, down = map(np.asarray, sides(histograms, sample.name, modifier))
            for found in modifier.modifiers(nominal[place], up[place], down[place]):
                yield {"name": modifier.name, **found}
    if staterror:
        errors = np.sqrt(np.asarray(histograms[sample.name].variances, dtype=float))
        yield {"name": f"staterror_{channel}", "type": "staterror", "data": errors[place].tolist()}


def _parameters(samples: Sequence[Process]) -> list[Spec]:
    """Parameters of the measurement: luminosity and free normalisations."""
    found = {}
    for modifier in (m for sample in samples for m in sample.modifiers):
        settings = modifier.parameter()
        if settings is not None:
            found[modifier.name] = {"name": modifier.name, **settings}
    return list(found.values())


def sides(histograms: Mapping[str, Histogram], sample: str, modifier: Modifier) -> tuple[Any, Any]:
    """Yields (B,) of a sample at +1 and -1 sigma of a systematic by its templates, NumPy or JAX.

    Without a template down, that is the mirror image of the one up, clipped at zero; without any,
    both are the nominal one.
    """
    nominal = histograms[sample].values
    templates = modifier.templates(sample)
    if not templates:
        return nominal, nominal
    up, *down = (histograms[template.name].values for template in templates)
    if down:
        return up, down[0]
    mirrored = 2 * nominal - up
    return up, (mirrored + abs(mirrored)) / 2


def expected_observation(
    nominal: Mapping[str, Histogram], strengths: Mapping[str, float]
) -> Histogram:
    """Expected yields (B,), in place of an observation that is blind.

    Args:
        nominal: histogram of each sample.
        strengths: factors on the yields of samples, if not 1.
    """
    # In the same order for all hypotheses, so that rounding is the same.
    values = sum(
        strengths.get(name, 1.0) * np.asarray(nominal[name].values) for name in sorted(nominal)
    )
    return Histogram(np.asarray(values), np.asarray(values))


def read_workspace(path: str | Path) -> tuple[pyhf.Model, np.ndarray]:
    """The model of a workspace file and its observation with auxiliary data (D,).

    Raises:
        InputError: the file is not a valid workspace, or its observation is negative.
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
        where = "auxiliary data"
        if at < len(data) - model.config.nauxdata:
            where = bin_name(at, {c: model.config.channel_nbins[c] for c in model.config.channels})
        raise InputError(f"{path}: observation, {where}: {data[at]} must be finite and >= 0")
    return model, data
