"""Workspaces of pyhf as datacards of Combine, the statistics tool of CMS.

Every parameter that Combine knows acts on the yields as in pyhf at 0 and at plus and minus one
standard deviation. Elsewhere Combine differs by design:

- ``lnN`` and the total of a ``shape`` are interpolated in their logarithm, and are exponential
  beyond half a standard deviation. A normsys is the same beyond one, but not between.
- ``shape`` interpolates normalised templates, with pyhf's polynomial (code4p), and multiplies the
  total; two of them at once do not add up as in pyhf. A total changed by less than 0.1% on both
  sides stays as it is.
- ``autoMCStats`` scales the sum of all processes by the combined error of the simulation, which
  follows their normalisations; a staterror has a fixed width and scales its own samples. With all
  factors at 1 both shift a bin alike. Below half an effective event Combine takes a parameter for
  each process.
- The parameters of a shapesys become one ``shape`` for each bin, and have normal constraints in
  place of Poissons. The luminosity becomes a ``lnN``.

The POI is Combine's ``r``. See
https://cms-analysis.github.io/HiggsAnalysis-CombinedLimit/latest/part2/settinguptheanalysis/.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyhf

from hone.errors import ModelError
from hone.likelihood.constraints import check_constraints
from hone.likelihood.datacard_text import allowed_names, columns, factors_of, number
from hone.likelihood.specification import Channel, Modifier, Sample, Workspace

__all__ = ["Datacard", "to_datacard"]

Array = npt.NDArray[np.float64]
Column = tuple[str, str]
"""Channel and process, as Combine names them."""
_SHAPE = "1"
_HEADER = """\
# The likelihood of the measurement {measurement!r} of a workspace of pyhf, by hone.
# Exact: yields, and every parameter alone at 0 and at one standard deviation to both sides.
# Approximate: between and beyond, several at once; shapesys has normal constraints, not Poissons;
# autoMCStats, in place of staterror, scales all processes. See hone.likelihood.datacard.
# r is {poi!r}, in the workspace from {low:g} to {up:g} (--rMin, --rMax)."""


@dataclass(frozen=True)
class Datacard:
    """A datacard and the histograms that it names.

    Attributes:
        text: the card.
        histograms: contents and variances (bins,) by name in the ROOT file. Variances of
            zero must be written, too: ROOT takes the contents for them otherwise.

    >>> from hone.likelihood.datacard import to_datacard
    >>> workspace = pyhf.Workspace.build(spec, [57, 55, *spec.config.auxdata])
    >>> print(to_datacard(workspace).text.splitlines()[-1].split()[:2])
    ['uncorr_bkguncrt_bin1', 'shape']
    """

    text: str
    histograms: Mapping[str, tuple[Array, Array]]


def to_datacard(
    workspace: Workspace, measurement: str | None = None, shapes: str = "shapes.root"
) -> Datacard:
    """The datacard of one measurement of a workspace.

    Args:
        workspace: of pyhf, as read from JSON.
        measurement: name of the measurement; the first if None.
        shapes: name of the ROOT file, as the card gives it.

    Raises:
        ModelError: a datacard cannot say this. The message names the channel, sample, modifier or
            parameter.
        pyhf.exceptions.InvalidSpecification: it is no workspace.
        pyhf.exceptions.InvalidMeasurement: it has no such measurement.

    >>> from hone.likelihood.datacard import to_datacard
    >>> workspace = pyhf.Workspace.build(spec, [57, 55, *spec.config.auxdata])
    >>> sorted(to_datacard(workspace).histograms)[-2:]
    ['singlechannel-data_obs', 'singlechannel-signal']
    """
    spec = pyhf.Workspace(dict(workspace))
    model = spec.model(measurement_name=measurement)
    return _Writer(spec, model, measurement or spec.measurement_names[0], shapes).card()


class _Writer:
    """Lines and histograms of the card of a model."""

    def __init__(
        self, workspace: pyhf.Workspace, model: pyhf.Model, measurement: str, shapes: str
    ) -> None:
        self.workspace, self.measurement, self.shapes = workspace, measurement, shapes
        self.config = model.config
        self.sets = {name: self.config.param_set(name) for name in self.config.par_order}
        self.fixed = {name for name, found in self.sets.items() if all(found.suggested_fixed)}
        self.histograms: dict[str, tuple[Array, Array]] = {}
        self.rates: dict[Column, float] = {}
        self.effects: dict[str, dict[Column, str]] = {}
        """Of each parameter on each column: ``low/high`` of a lnN, or ``_SHAPE``."""
        self.factors: list[str] = []
        self.with_errors: list[str] = []
        """Channels with a staterror."""

    def card(self) -> Datacard:
        poi = self.config.poi_name
        if poi is None:
            raise ModelError("the measurement has no POI: Combine needs a signal")
        self._check_parameters(poi)
        self.channels = allowed_names("channel", self.workspace.channels)
        self.processes = allowed_names("sample", self.workspace.samples, ["data_obs"])
        scalars = (n for n, found in self.sets.items() if found.is_scalar and n != poi)
        self.parameters = allowed_names("parameter", [*scalars, *self._bins()], ["r", "MH"])
        signals = self._signals(poi)
        for channel in self.workspace["channels"]:
            self._channel(channel)
        found = dict.fromkeys(process for _, process in self.rates)
        # Signals have the numbers 0, -1, ..., backgrounds 1, 2, ...
        first = [process for process in found if process in signals]
        if not first:
            raise ModelError(f"no sample with events is scaled by the POI {poi!r}")
        others = [process for process in found if process not in signals]
        ids = {process: -k for k, process in enumerate(first)}
        ids |= {process: k for k, process in enumerate(others, 1)}
        return Datacard("\n".join([*self._lines(ids), ""]), self.histograms)

    def _lines(self, ids: Mapping[str, int]) -> Iterator[str]:
        low, high = self.config.suggested_bounds()[self.config.poi_index]
        yield _HEADER.format(
            measurement=self.measurement, poi=self.config.poi_name, low=low, up=high
        )
        for names in (self.channels, self.processes, self.parameters):
            yield from (f"# {new} is {old!r}." for old, new in names.items() if old != new)
        yield f"imax {len(self.channels)}"
        yield f"jmax {len(ids) - 1}"
        yield "kmax *"
        yield "---"
        yield f"shapes * * {self.shapes} $CHANNEL-$PROCESS $CHANNEL-$PROCESS-$SYSTEMATIC"
        yield f"shapes data_obs * {self.shapes} $CHANNEL-data_obs"
        yield "---"
        channels = self.channels.values()
        counts = [self.histograms[f"{channel}-data_obs"][0].sum() for channel in channels]
        yield from columns([["bin", *channels], ["observation", *map(number, counts)]])
        yield "---"
        rows = [
            ["bin", "", *(channel for channel, _ in self.rates)],
            ["process", "", *(process for _, process in self.rates)],
            ["process", "", *(str(ids[process]) for _, process in self.rates)],
            ["rate", "", *map(number, self.rates.values())],
        ]
        for name, effects in self.effects.items():
            shapes = [effect == _SHAPE for effect in effects.values()]
            kind = "shape" if all(shapes) else "shape?" if any(shapes) else "lnN"
            rows.append([name, kind, *(effects.get(column, "-") for column in self.rates)])
        lines = columns(rows)
        yield from [*lines[:4], "---", *lines[4:], *self.factors]
        # The 1: whether all processes share a parameter is decided with the signal in the sum.
        yield from (f"{channel} autoMCStats 0 1" for channel in self.with_errors)

    def _check_parameters(self, poi: str) -> None:
        check_constraints(self.workspace, self.measurement, "a datacard")
        for name, found in self.sets.items():
            neutral = 0.0 if found.constrained and found.is_scalar else 1.0
            if name == poi:
                if found.constrained or not found.is_scalar:
                    raise ModelError(f"the POI {name!r} is no normfactor, as Combine's is")
                continue
            if name == "lumi":
                neutral = float(found.auxdata[0])
            if name in self.fixed and any(start != neutral for start in found.suggested_init):
                raise ModelError(
                    f"the parameter {name!r} is fixed at {found.suggested_init[0]:g}: a datacard "
                    f"leaves out what is fixed, which is right at {neutral:g} alone"
                )

    def _bins(self) -> Iterator[str]:
        """Names of the parameters of shapesys."""
        for name, kind in self.config.modifiers:
            if kind == "shapesys" and name not in self.fixed:
                yield from (_bin(name, k) for k in range(self.sets[name].n_parameters))

    def _signals(self, poi: str) -> set[str]:
        """Processes that the POI scales, in all channels alike."""
        of_sample: dict[str, dict[str, bool]] = {}
        for channel in self.workspace["channels"]:
            for sample in channel["samples"]:
                scaled = any(m["name"] == poi for m in sample["modifiers"])
                of_sample.setdefault(sample["name"], {})[channel["name"]] = scaled
        for name, scaled_in in of_sample.items():
            if len(set(scaled_in.values())) > 1:
                without = next(channel for channel, scaled in scaled_in.items() if not scaled)
                raise ModelError(
                    f"the POI {poi!r} scales sample {name!r}, but not in channel {without!r}: in a "
                    "datacard a process is a signal everywhere or nowhere"
                )
        return {self.processes[name] for name, scaled in of_sample.items() if any(scaled.values())}

    def _channel(self, channel: Channel) -> None:
        name, samples = channel["name"], channel["samples"]
        kept = {sample["name"]: self._kept(name, sample) for sample in samples}
        errors = self._errors(name, samples, kept)
        for sample in samples:
            self._process(name, sample, kept[sample["name"]], errors.get(sample["name"]))
        combined = self.channels[name]
        if not any(column == combined for column, _ in self.rates):
            raise ModelError(f"channel {name!r} has no expected events")
        if errors:
            self.with_errors.append(combined)
        counts = next(o["data"] for o in self.workspace["observations"] if o["name"] == name)
        self._histogram(f"{combined}-data_obs", counts, counts)

    def _kept(self, channel: str, sample: Sample) -> list[Modifier]:
        """Modifiers that are not fixed; those of the luminosity always."""
        kept: dict[tuple[str, str], Modifier] = {}
        for modifier in sample["modifiers"]:
            name, kind = modifier["name"], modifier["type"]
            at = f"channel {channel!r}, sample {sample['name']!r}: {kind} {name!r}"
            if (name, kind) in kept:
                raise ModelError(f"{at} is given twice")
            if kind == "shapefactor" and name not in self.fixed:
                raise ModelError(f"{at}: Combine has no free factor for each bin of a template")
            if name not in self.fixed or kind == "lumi":
                kept[name, kind] = modifier
        return list(kept.values())

    def _errors(
        self,
        channel: str,
        samples: Sequence[Sample],
        kept: Mapping[str, Sequence[Modifier]],
    ) -> dict[str, Array]:
        """Errors of the simulation (bins,) of each sample with a staterror."""
        found = {
            (sample["name"], modifier["name"]): (modifier["data"], sample["data"])
            for sample in samples
            for modifier in kept[sample["name"]]
            if modifier["type"] == "staterror"
        }
        names = sorted({name for _, name in found})
        if len(names) > 1:
            raise ModelError(
                f"channel {channel!r} has the staterrors {', '.join(names)}: a datacard has one "
                "for each channel"
            )
        # As pyhf: no error where these samples have no events.
        total = sum(np.array(nominal, dtype=float) for _, nominal in found.values())
        return {
            sample: np.where(total != 0, np.array(errors, dtype=float), 0.0)
            for (sample, _), (errors, _) in found.items()
        }

    def _process(
        self,
        channel: str,
        sample: Sample,
        modifiers: Sequence[Modifier],
        errors: Array | None,
    ) -> None:
        column = self.channels[channel], self.processes[sample["name"]]
        stem, at = "-".join(column), f"channel {channel!r}, sample {sample['name']!r}"
        luminosity = any(m["type"] == "lumi" for m in modifiers)
        scale = float(self.sets["lumi"].auxdata[0]) if luminosity else 1.0
        nominal = scale * _positive(at, sample["data"])
        templates = self._templates(at, nominal, scale, modifiers)
        if errors is None:
            errors = np.zeros_like(nominal)
        if not nominal.any():
            if errors.any() or any(side.any() for sides in templates.values() for side in sides):
                raise ModelError(f"{at} has uncertainties, but no events: Combine leaves it out")
            return
        self.rates[column] = float(nominal.sum())
        self._histogram(stem, nominal, (scale * errors) ** 2)
        for name, sides in templates.items():
            self._effect(name, column, _SHAPE)
            for side, template in zip(("Down", "Up"), sides, strict=True):
                if not template.sum() > 0:
                    raise ModelError(f"{at}, {name!r}: no events remain one standard deviation off")
                self._histogram(f"{stem}-{self.parameters[name]}{side}", template, 0 * template)
        for modifier in modifiers:
            name, kind = modifier["name"], modifier["type"]
            if kind == "normfactor" and name != self.config.poi_name:
                (start,), ((low, high),) = (
                    self.sets[name].suggested_init,
                    self.sets[name].suggested_bounds,
                )
                self.factors.append(
                    f"{self.parameters[name]} rateParam {' '.join(column)} {number(start)} "
                    f"[{number(low)},{number(high)}]"
                )
            elif kind == "lumi" and name not in self.fixed:
                width = float(self.sets[name].width()[0]) / scale
                self._effect(name, column, factors_of(f"{at}, lumi", 1 - width, 1 + width))
            elif modifier["type"] == "normsys" and name not in templates:
                low, high = modifier["data"]["lo"], modifier["data"]["hi"]
                self._effect(name, column, factors_of(f"{at}, normsys {name!r}", low, high))

    def _templates(
        self, at: str, nominal: Array, scale: float, modifiers: Sequence[Modifier]
    ) -> dict[str, tuple[Array, Array]]:
        """Down and up (bins,) by parameter; a normsys of the same name is in them."""
        factors = {m["name"]: m["data"] for m in modifiers if m["type"] == "normsys"}
        found = {}
        for modifier in modifiers:
            name = modifier["name"]
            if modifier["type"] == "histosys":
                data, factor = modifier["data"], factors.get(name, {"lo": 1.0, "hi": 1.0})
                where = f"{at}, histosys {name!r}"
                low = scale * factor["lo"] * _positive(f"{where}, lo_data", data["lo_data"])
                high = scale * factor["hi"] * _positive(f"{where}, hi_data", data["hi_data"])
                found[name] = low, high
            elif modifier["type"] == "shapesys":
                for k, width in enumerate(modifier["data"]):
                    if width > 0 and nominal[k] > 0:
                        shift = np.where(np.arange(len(nominal)) == k, scale * width, 0.0)
                        down = _positive(
                            f"{at}, shapesys {name!r}, one width down", nominal - shift
                        )
                        found[_bin(name, k)] = down, nominal + shift
        return found

    def _effect(self, name: str, column: Column, value: str) -> None:
        self.effects.setdefault(self.parameters[name], {})[column] = value

    def _histogram(self, name: str, values: npt.ArrayLike, variances: npt.ArrayLike) -> None:
        self.histograms[name] = np.array(values, dtype=float), np.array(variances, dtype=float)


def _bin(name: str, k: int) -> str:
    return f"{name}_bin{k}"


def _positive(at: str, values: npt.ArrayLike) -> Array:
    """An array of them (bins,), none negative."""
    found = np.array(values, dtype=float)
    if (found < 0).any():
        k = int(np.argmax(found < 0))
        raise ModelError(f"{at}, bin {k + 1}: {found[k]:g} events; Combine has no negative yields")
    return found
