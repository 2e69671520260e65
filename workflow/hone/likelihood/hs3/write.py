"""From a workspace of pyhf to a document of HS3."""

from collections.abc import Iterator, Mapping

import pyhf

from hone.likelihood import specification as pyhf_spec
from hone.likelihood.hs3 import document as hs3

__all__ = ["NO_ERROR", "to_hs3"]

Value = tuple[float, float, float, bool]
"""Of a parameter: start, lowest and highest value, and whether it is fixed."""
_DATA = "observed"
NO_ERROR = 1e-9
"""Error of a sample without one, relative to its yield: of 0, ROOT leaves the sample out."""


def to_hs3(workspace: pyhf_spec.Workspace, measurement: str | None = None) -> hs3.Document:
    """The document of one measurement of a workspace.

    The likelihood is the same up to a constant: 2 delta ln L between parameters agrees. ROOT takes
    a sample whose yield becomes negative by its histosys as zero, where pyhf subtracts it.

    Args:
        workspace: of pyhf, as read from JSON.
        measurement: name of the measurement; the first if None.

    Raises:
        pyhf.exceptions.InvalidSpecification: it is no workspace.
        pyhf.exceptions.InvalidMeasurement: it has no such measurement.

    >>> from hone.likelihood.hs3 import from_hs3, to_hs3
    >>> workspace = pyhf.Workspace.build(spec, [57, 55, *spec.config.auxdata])
    >>> [d["name"] for d in to_hs3(workspace)["distributions"]]
    ['model_singlechannel']
    """
    spec = pyhf.Workspace(dict(workspace))
    model = spec.model(measurement_name=measurement)
    name = measurement or spec.measurement_names[0]
    return _Writer(spec, model, name).document()


class _Writer:
    """Parts of the document of a model."""

    def __init__(self, workspace: pyhf.Workspace, model: pyhf.Model, measurement: str) -> None:
        self.workspace, self.measurement = workspace, measurement
        self.config = model.config
        self.sets = {name: self.config.param_set(name) for name in self.config.par_order}

    def document(self) -> hs3.Document:
        channels: list[pyhf_spec.Channel] = self.workspace["channels"]
        distributions = [self._channel(channel) for channel in channels]
        data = [self._data(o["name"], o["data"]) for o in self.workspace["observations"]]
        likelihood = f"{self.measurement}_{_DATA}"
        parameters, measured = dict(self._parameters()), dict(self._measured())
        every = parameters | measured
        pois = [self.config.poi_name] if self.config.poi_name else []
        domains = {
            "nuisance_parameters": {n: x for n, x in parameters.items() if n not in pois},
            "global_observables": measured,
            "parameters_of_interest": {n: parameters[n] for n in pois},
        }
        return {
            "metadata": {
                "hs3_version": "0.2",
                "packages": [{"name": "pyhf", "version": pyhf.__version__}],
            },
            "distributions": [*distributions, *self._constraints()],
            "data": data,
            "likelihoods": [
                {
                    "name": likelihood,
                    "distributions": [d["name"] for d in distributions],
                    "data": [d["name"] for d in data],
                }
            ],
            "analyses": [
                {
                    "name": self.measurement,
                    "likelihood": likelihood,
                    "domains": [f"{self.measurement}_{domain}" for domain in domains],
                    "parameters_of_interest": pois,
                    "init": "default_values",
                }
            ],
            "domains": [
                _domain("default_domain", every),
                *(_domain(f"{self.measurement}_{d}", x) for d, x in domains.items()),
            ],
            "parameter_points": [
                {
                    "name": "default_values",
                    "parameters": [
                        _setting(n, value, fixed) for n, (value, _, _, fixed) in every.items()
                    ],
                }
            ],
        }

    def _channel(self, channel: pyhf_spec.Channel) -> hs3.Channel:
        name, samples = channel["name"], channel["samples"]
        return {
            "name": f"model_{name}",
            "type": "histfactory_dist",
            "axes": self._axes(name),
            "samples": [self._sample(name, sample) for sample in samples],
            # For ROOT, which takes Poisson constraints otherwise.
            "staterror": {"constraint_type": "Gauss", "relThreshold": 0},
        }

    def _data(self, channel: str, counts: list[float]) -> hs3.Binned:
        name = f"{_DATA}_{channel}"
        return {"name": name, "type": "binned", "axes": self._axes(channel), "contents": counts}

    def _axes(self, channel: str) -> list[hs3.Axis]:
        bins = self.config.channel_nbins[channel]
        return [{"name": f"obs_{channel}", "min": 0, "max": bins, "nbins": bins}]

    def _sample(self, channel: str, sample: pyhf_spec.Sample) -> hs3.Sample:
        data: hs3.SampleData = {"contents": sample["data"]}
        for modifier in sample["modifiers"]:
            if modifier["type"] == "staterror":
                pairs = zip(modifier["data"], sample["data"], strict=True)
                data["errors"] = [error or NO_ERROR * abs(content) for error, content in pairs]
        modifiers = [self._modifier(channel, sample, modifier) for modifier in sample["modifiers"]]
        return {"name": sample["name"], "data": data, "modifiers": modifiers}

    def _modifier(
        self, channel: str, sample: pyhf_spec.Sample, modifier: pyhf_spec.Modifier
    ) -> hs3.Modifier:
        name, constraint = modifier["name"], f"{modifier['name']}_constraint"
        if modifier["type"] == "normfactor":
            return hs3.NormFactor(name=name, type="normfactor", parameter=name)
        if modifier["type"] == "lumi":
            return hs3.NormFactor(
                name=name, type="normfactor", parameter=name, constraint_name=constraint
            )
        if modifier["type"] == "normsys":
            factors = hs3.Factors(lo=modifier["data"]["lo"], hi=modifier["data"]["hi"])
            return hs3.NormSys(
                name=name, type="normsys", parameter=name, data=factors, constraint_name=constraint
            )
        if modifier["type"] == "histosys":
            low, high = modifier["data"]["lo_data"], modifier["data"]["hi_data"]
            templates = hs3.Templates(lo={"contents": low}, hi={"contents": high})
            return hs3.HistoSys(
                name=name, type="histosys", parameter=name, data=templates,
                constraint_name=constraint,
            )  # fmt: skip
        bins = self._bins_of(name, channel)
        if modifier["type"] == "shapefactor":
            return hs3.BinFactors(name=name, type="shapefactor", parameters=bins)
        if modifier["type"] == "staterror":
            return hs3.BinFactors(
                name=name, type="staterror", parameters=bins, constraint="Gauss",
                constraint_type="Gauss",
            )  # fmt: skip
        widths = hs3.Widths(vals=self._relative(sample["data"], modifier["data"]))
        return hs3.ShapeSys(
            name=name, type="shapesys", parameters=bins, constraint="Poisson",
            constraint_type="Poisson", data=widths,
        )  # fmt: skip

    def _relative(self, nominal: list[float], uncertainties: list[float]) -> list[float]:
        pairs = zip(nominal, uncertainties, strict=True)
        return [u / n if n > 0 else 0.0 for n, u in pairs]

    def _bins_of(self, name: str, channel: str) -> list[str]:
        """Parameters of a channel's bins, of those that a name has in several channels."""
        first = 0
        for other in self.config.channels:
            if other == channel:
                break
            samples = next(c for c in self.workspace["channels"] if c["name"] == other)["samples"]
            if any(m["name"] == name for s in samples for m in s["modifiers"]):
                first += self.config.channel_nbins[other]
        bins = self.config.channel_nbins[channel]
        if first + bins > self.sets[name].n_parameters:
            first = 0  # pyhf: channels with equal binning share a shapefactor
        return [f"{name}_bin_{k}" for k in range(first, first + bins)]

    def _constraints(self) -> Iterator[hs3.Constraint]:
        """Normal constraints of parameters that belong to no bin; bins have them by default."""
        for name, parameters in self.sets.items():
            if parameters.constrained and parameters.is_scalar:
                yield {
                    "name": f"{name}_constraint",
                    "type": "gaussian_dist",
                    "x": name,
                    "mean": f"nom_{name}",
                    "sigma": float(parameters.width()[0]),
                }

    def _parameters(self) -> Iterator[tuple[str, Value]]:
        for name, parameters in self.sets.items():
            names = [name]
            if not parameters.is_scalar:
                names = [f"{name}_bin_{k}" for k in range(parameters.n_parameters)]
            values = zip(
                names,
                parameters.suggested_init,
                parameters.suggested_bounds,
                parameters.suggested_fixed,
                strict=True,
            )
            for one, value, (low, up), fixed in values:
                yield one, (float(value), float(low), float(up), bool(fixed))

    def _measured(self) -> Iterator[tuple[str, Value]]:
        """Auxiliary data of parameters that belong to no bin."""
        for name, parameters in self.sets.items():
            if parameters.constrained and parameters.is_scalar:
                centre = float(parameters.auxdata[0])
                yield f"nom_{name}", (centre, centre - 10, centre + 10, True)


def _domain(name: str, values: Mapping[str, Value]) -> hs3.Domain:
    axes: list[hs3.Axis] = [
        {"name": n, "min": low, "max": up} for n, (_, low, up, _) in values.items()
    ]
    return {"name": name, "type": "product_domain", "axes": axes}


def _setting(name: str, value: float, fixed: bool) -> hs3.Setting:
    found: hs3.Setting = {"name": name, "value": value}
    if fixed:
        found["const"] = True
    return found
