"""From histograms to a pyhf workspace."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hone.analysis.analysis import Analysis
from hone.analysis.modifiers import Modifier, Strength
from hone.analysis.shape_systematics import ShapeVariation
from hone.analysis.systematics import Systematic
from hone.analysis.templates import Template
from hone.analysis.variations import SIDES
from hone.analysis.yields import norm_factor
from hone.errors import InputError
from hone.likelihood import specification as spec
from hone.running.files import read_json
from hone.running.root_files import reason
from hone.statmodel.channels import Channels, bin_name, places
from hone.statmodel.rates import NegativeRate, negative_rates
from hone.statmodel.templates import Histogram

if TYPE_CHECKING:
    import pyhf

__all__ = [
    "Process",
    "build_workspace",
    "expected_observation",
    "processes",
    "rates_below_zero",
    "read_workspace",
    "sides",
]


class Process(NamedTuple):
    """A sample of one hypothesis and its systematics."""

    name: str
    is_signal: bool
    expected: float | None
    """Yield before selections; None if it is not a setting."""
    modifiers: tuple[Modifier, ...]
    """Its strength if it is a signal, its systematics, then free normalisations."""
    left_out: Mapping[tuple[str, str, str], str] = MappingProxyType({})
    """By name and type of a systematic and region, which part of its effect is pruned: ``norm`` or
    ``shape``."""
    staterror: bool = True
    """Whether its statistical errors are in the staterror of each channel."""

    def templates(self) -> list[Template]:
        """Its own template, then the varied ones of each systematic."""
        varied = (t for modifier in self.modifiers for t in modifier.templates(self.name))
        return [Template(self.name), *varied]

    def part_left_out(self, modifier: Modifier, region: str) -> str | None:
        """``norm`` or ``shape``, if that part of a modifier's effect is pruned in a region."""
        return self.left_out.get((modifier.name, getattr(modifier, "type", ""), region))


def processes(analysis: Analysis, signal: str) -> list[Process]:
    """The samples of a signal hypothesis: the signal and all backgrounds."""
    strengths = analysis.strengths(signal)
    modifiers = (*strengths, *analysis.systematics, *analysis.normfactors)
    return [
        Process(
            sample.name,
            sample.is_signal,
            sample.yield_,
            tuple(m for m in modifiers if sample.name in m.samples),
            staterror=sample.staterror,
        )
        for sample in analysis.hypothesis(signal)
    ]


def build_workspace(
    samples: Sequence[Process],
    histograms: Mapping[str, Histogram],
    observed: Any,
    staterror: bool,
    channels: Mapping[str, int] | None = None,
) -> spec.Workspace:
    """A workspace in pyhf's format; pyhf validates it when a model is made of it.

    Args:
        samples: the processes of the hypothesis; the first strength of a signal is the POI.
        histograms: by template name, ``<sample>`` and ``<sample>__<systematic>_up`` / ``_down``,
            bins of all channels concatenated (B,).
        observed: counts per bin (B,).
        staterror: whether the histograms' errors become a staterror.
        channels: number of bins of each, sorted by name; one channel if not given.

    Raises:
        InputError: names the template, channel and bin of a yield that is not finite, and of
            negative ones that no other sample outweighs.
    """
    channels = channels or Channels(observable_bins=len(np.asarray(observed))).sizes
    of_channels = places(channels)
    poi = next(m.name for sample in samples for m in sample.modifiers if isinstance(m, Strength))
    for name, histogram in histograms.items():
        _check_yields(name, np.asarray(histogram.values), channels)
    _check_rates(samples, histograms, staterror, channels)
    observed = np.asarray(observed, dtype=float).tolist()
    return {
        "channels": [
            {
                "name": channel,
                "samples": [
                    {
                        "name": sample.name,
                        "data": np.asarray(histograms[sample.name].values, float)[place].tolist(),
                        "modifiers": list(
                            _modifiers(sample, histograms, staterror, channels, channel)
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
            {"name": "limit", "config": {"poi": poi, "parameters": _parameters(samples)}}
        ],
        "version": "1.0.0",
    }


def _check_yields(name: str, values: np.ndarray, channels: Mapping[str, int]) -> None:
    bad = ~np.isfinite(values)
    if bad.any():
        at = int(np.argmax(bad))
        raise InputError(
            f"histogram {name!r}, {bin_name(at, channels)}: the yield is {values[at]:g}; yields "
            "must be finite"
        )


def _check_rates(
    samples: Sequence[Process],
    histograms: Mapping[str, Histogram],
    staterror: bool,
    channels: Mapping[str, int],
) -> None:
    """Refuse negative yields that make a rate negative, or have no uncertainty in pyhf."""
    nominal = {s.name: np.asarray(histograms[s.name].values) for s in samples}
    of_channels = places(channels)
    for sample in samples:
        for modifier in sample.modifiers:
            if not isinstance(modifier, Systematic):
                continue
            for channel in filter(modifier.acts_in, channels):
                refusal = modifier.refusal(nominal[sample.name][of_channels[channel]])
                if refusal:
                    raise InputError(f"{sample.name!r}, region {channel!r}: {refusal}")
    for found in rates_below_zero(samples, histograms, channels):
        raise InputError(f"{bin_name(found.bin, channels)}: {found}")
    with_error = [s for s in samples if s.staterror and staterror]
    if with_error:
        any_yield = np.any([yields != 0 for yields in nominal.values()], axis=0)
        total = np.sum([nominal[s.name] for s in with_error], axis=0)
        variances = np.sum([histograms[s.name].variances for s in with_error], axis=0)
        # A bin in which no sample has a yield says nothing.
        bad = (variances > 0) & ((total < 0) | (total == 0) & any_yield)
        if bad.any():
            k = int(np.argmax(bad))
            names = " and ".join(
                repr(s.name) for s in with_error if histograms[s.name].variances[k]
            )
            raise InputError(
                f"{bin_name(k, channels)}: the samples with MC errors there ({names}) add up to "
                f"{total[k]:.4g}, for which pyhf's staterror has no relative error: use wider bins "
                "or, where bins are given, set the errors of empty ones to zero, or staterror of "
                "these samples to false"
            )


def rates_below_zero(
    samples: Sequence[Process],
    histograms: Mapping[str, Histogram],
    channels: Mapping[str, int],
) -> Iterator[NegativeRate]:
    """Bins that have a negative expectation, nominal or with a systematic at one sigma.

    Args:
        samples: of the hypothesis.
        histograms: by template name, bins of all channels concatenated (B,), finite.
        channels: number of bins of each.
    """
    # What varies a yield that is not negative leaves it so.
    if all((np.asarray(h.values) >= 0).all() for h in histograms.values()):
        return
    nominal = {s.name: np.asarray(histograms[s.name].values) for s in samples}
    varied: dict[str, dict[str, np.ndarray]] = {}
    for sample in samples:
        for modifier in sample.modifiers:
            if modifier.templates(sample.name):
                pair = sides(histograms, sample, modifier, channels)
            elif isinstance(modifier, Systematic):
                pair = modifier.shifted(nominal[sample.name], None, None)
            else:
                continue
            for side, yields in zip(SIDES, pair, strict=True):
                of_side = varied.setdefault(f"{modifier.name}_{side}", {})
                before = of_side.get(sample.name, nominal[sample.name])
                of_side[sample.name] = np.where(_acts(modifier, channels), yields, before)
    yield from negative_rates(nominal, varied, [s.name for s in samples if s.is_signal])


def _acts(modifier: Modifier, channels: Mapping[str, int]) -> np.ndarray:
    """In which bins (B,)."""
    return np.repeat([modifier.acts_in(c) for c in channels], list(channels.values()))


def _modifiers(
    sample: Process,
    histograms: Mapping[str, Histogram],
    staterror: bool,
    channels: Mapping[str, int],
    channel: str,
) -> Iterator[spec.Modifier]:
    place = places(channels)[channel]
    nominal = np.asarray(histograms[sample.name].values)
    for modifier in sample.modifiers:
        if not modifier.acts_in(channel):
            continue
        up, down = map(np.asarray, sides(histograms, sample, modifier, channels))
        pruned = sample.part_left_out(modifier, channel)
        left_out = modifier.carriers.get(pruned or "") if isinstance(modifier, Systematic) else None
        for found in modifier.modifiers(nominal[place], up[place], down[place]):
            if found["type"] != left_out:
                yield found
    if staterror and sample.staterror:
        errors = np.sqrt(np.asarray(histograms[sample.name].variances, dtype=float))
        yield {"name": f"staterror_{channel}", "type": "staterror", "data": errors[place].tolist()}


def _parameters(samples: Sequence[Process]) -> list[spec.Parameter]:
    """Parameters of the measurement: strengths, luminosity and free normalisations."""
    found: dict[str, spec.Parameter] = {}
    for modifier in (m for sample in samples for m in sample.modifiers):
        settings = modifier.parameter()
        if settings is not None:
            found[modifier.name] = settings
    return list(found.values())


def sides(
    histograms: Mapping[str, Histogram],
    sample: Process,
    modifier: Modifier,
    channels: Mapping[str, int],
) -> tuple[Any, Any]:
    """Yields (B,) of a sample at +1 and -1 sigma of a systematic by its templates, NumPy or JAX.

    Symmetrised, and without the parts that are pruned. Without templates both are the nominal ones.

    Args:
        histograms: by template name, bins of all channels concatenated (B,).
        sample: with the systematic.
        modifier: the systematic, or a free normalisation.
        channels: number of bins of each.
    """
    nominal = histograms[sample.name].values
    templates = modifier.templates(sample.name)
    if not templates:
        return nominal, nominal
    assert isinstance(modifier, ShapeVariation), "no other has templates"
    up, *downs = (histograms[template.name].values for template in templates)
    down = downs[0] if downs else None
    parts = {name: sample.part_left_out(modifier, name) for name in channels}
    if not (modifier.depends_on_regions or any(parts.values())):
        return modifier.sides(nominal, up, down)

    def of_region(name: str, place: slice) -> tuple[Any, Any]:
        before = nominal[place]
        found = modifier.sides(before, up[place], None if down is None else down[place])
        if parts[name] == "norm":
            return tuple(side / norm_factor(before, side) for side in found)
        if parts[name] == "shape":
            return tuple(before * norm_factor(before, side) for side in found)
        return found

    found = [of_region(name, place) for name, place in places(channels).items()]
    module: Any = np
    if not all(isinstance(side, np.ndarray) for pair in found for side in pair):
        import jax.numpy as module  # a second, for jobs that need none
    high, low = (module.concatenate(side) for side in zip(*found, strict=True))
    return high, low


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

    content = read_json(path)
    try:
        workspace = pyhf.Workspace(copy.deepcopy(content))
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
