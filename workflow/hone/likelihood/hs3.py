"""Workspaces of pyhf as documents of HS3, the HEP Statistics Serialization Standard (version 0.2).

ROOT reads and writes them (``RooJSONFactoryWSTool``). A channel is a ``histfactory_dist``;
parameters of bins are called ``<name>_bin_<k>`` from 0; the auxiliary data are in the constraints.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pyhf

from hone.errors import ModelError

__all__ = ["from_hs3", "to_hs3"]

_DATA = "observed"
_INTERPOLATIONS = {"normsys": (4, 5, "code4"), "histosys": (4, "code4p")}
"""ROOT's numbers and pyhf's names of what pyhf does by default."""
_NO_ERROR = 1e-9
"""Error of a sample without one, relative to its yield: of 0, ROOT leaves the sample out."""


def to_hs3(workspace: Mapping[str, Any], measurement: str | None = None) -> dict[str, Any]:
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


def from_hs3(document: Mapping[str, Any], analysis: str | None = None) -> dict[str, Any]:
    """The workspace of one analysis of a document.

    Args:
        document: of HS3, as read from JSON.
        analysis: name of the analysis; the first if None.

    Raises:
        ModelError: a part is missing, or is nothing that HistFactory has. The message names it.

    >>> from hone.likelihood.hs3 import from_hs3, to_hs3
    >>> workspace = pyhf.Workspace.build(spec, [57, 55, *spec.config.auxdata])
    >>> from_hs3(to_hs3(workspace))["channels"] == workspace["channels"]
    True
    """
    return _Reader(document, analysis).workspace()


class _Reader:
    """Parts of the workspace of a document."""

    def __init__(self, document: Mapping[str, Any], analysis: str | None) -> None:
        self.document = document
        entries = document.get("analyses") or []
        if not entries:
            raise ModelError("the HS3 document has no analyses, which name the likelihood and POI")
        self.analysis = self._named("analyses", analysis or entries[0]["name"])
        self.likelihood = self._named("likelihoods", self.analysis["likelihood"])
        self.point = {
            p["name"]: p
            for point in reversed(document.get("parameter_points", []))
            for p in point["parameters"]
        }
        self.ranges = {
            axis["name"]: [axis["min"], axis["max"]]
            for domain in document.get("domains", [])
            for axis in domain["axes"]
        }
        self.measured: dict[str, dict[str, Any]] = {}
        self.lumi: set[str] = set()

    def workspace(self) -> dict[str, Any]:
        names = self.likelihood["distributions"]
        pairs = list(zip(names, self.likelihood["data"], strict=True))
        channels = [self._channel(self._named("distributions", name)) for name in names]
        pois = self.analysis.get("parameters_of_interest", [])
        if len(pois) > 1:
            raise ModelError(
                f"analysis {self.analysis['name']!r} has {len(pois)} POIs, pyhf has one"
            )
        config = {"poi": pois[0] if pois else "", "parameters": list(self.measured.values())}
        return {
            "channels": channels,
            "observations": [
                {"name": _short(name), "data": self._named("data", data)["contents"]}
                for name, data in pairs
            ],
            "measurements": [{"name": self.analysis["name"], "config": config}],
            "version": "1.0.0",
        }

    def _named(self, part: str, name: str) -> Mapping[str, Any]:
        for entry in self.document.get(part, []):
            if entry["name"] == name:
                found: Mapping[str, Any] = entry
                return found
        raise ModelError(f"the HS3 document has no {part} called {name!r}")

    def _channel(self, distribution: Mapping[str, Any]) -> dict[str, Any]:
        if distribution["type"] != "histfactory_dist":
            raise ModelError(
                f"distribution {distribution['name']!r} is a {distribution['type']}: only "
                "histfactory_dist can be in a workspace of pyhf"
            )
        samples = [self._sample(distribution["name"], s) for s in distribution["samples"]]
        return {"name": _short(distribution["name"]), "samples": samples}

    def _sample(self, channel: str, sample: Mapping[str, Any]) -> dict[str, Any]:
        modifiers = []
        for modifier in sample.get("modifiers", []):
            at = f"{channel!r}, sample {sample['name']!r}, {modifier['type']} {modifier['name']!r}"
            modifiers.append(self._modifier(at, sample, modifier))
        return {
            "name": sample["name"],
            "data": sample["data"]["contents"],
            "modifiers": modifiers,
        }

    def _modifier(
        self, at: str, sample: Mapping[str, Any], modifier: Mapping[str, Any]
    ) -> dict[str, Any]:
        kind, data = modifier["type"], modifier.get("data", {})
        nominal = sample["data"]["contents"]
        if kind not in (
            "normfactor",
            "normsys",
            "histosys",
            "staterror",
            "shapesys",
            "shapefactor",
        ):
            raise ModelError(f"{at}: pyhf has no such modifier")
        if kind in ("normfactor", "normsys", "histosys"):
            name = modifier["parameter"]
            kind = self._scalar(at, kind, name, modifier)
            name = "lumi" if kind == "lumi" else name
        else:
            name = self._of_bins(at, modifier)
        if kind in ("normsys", "histosys"):
            self._check_interpolation(at, kind, modifier)
            sides = (data["lo"], data["hi"])
            keys = ("lo", "hi")
            if kind == "histosys":
                keys, sides = ("lo_data", "hi_data"), tuple(side["contents"] for side in sides)
            found: Any = dict(zip(keys, sides, strict=True))
        elif kind == "staterror":
            if "errors" not in sample["data"]:
                raise ModelError(f"{at}: the sample's data has no errors")
            pairs = zip(sample["data"]["errors"], nominal, strict=True)
            found = [x if x > 2 * _NO_ERROR * abs(content) else 0.0 for x, content in pairs]
        elif kind == "shapesys":
            found = [n * relative for n, relative in zip(nominal, data["vals"], strict=True)]
        else:
            found = None
        return {"name": name, "type": kind, "data": found}

    def _scalar(self, at: str, kind: str, name: str, modifier: Mapping[str, Any]) -> str:
        """The type in pyhf; what the measurement has to say of the parameter is kept."""
        constraint = modifier.get("constraint_name")
        entry: dict[str, Any] = {"name": name}
        if constraint is not None:
            given = self._named("distributions", constraint)
            if given["type"] != "gaussian_dist":
                raise ModelError(f"{at}: {constraint!r} is a {given['type']}, pyhf has normal ones")
            centre, sigma = self._value(given["mean"]), self._value(given["sigma"])
            entry["auxdata"] = [centre]
            if kind != "normfactor" and sigma != 1:
                raise ModelError(f"{at}: the constraint has the width {sigma:g}, pyhf's has 1")
            if kind == "normfactor":
                kind, entry["name"], entry["sigmas"] = "lumi", "lumi", [sigma]
                self.lumi.add(name)
                if len(self.lumi) > 1:
                    raise ModelError(f"{at}: pyhf has one constrained factor, the luminosity")
        here = self.point.get(name, {})
        if "value" in here:
            entry["inits"] = [here["value"]]
        if name in self.ranges:
            entry["bounds"] = [self.ranges[name]]
        if here.get("const"):
            entry["fixed"] = True
        self.measured[entry["name"]] = entry
        return kind

    @staticmethod
    def _check_interpolation(at: str, kind: str, modifier: Mapping[str, Any]) -> None:
        code = modifier.get("interpolation", modifier["data"].get("interpolation"))
        if code not in (None, *_INTERPOLATIONS[kind]):
            raise ModelError(
                f"{at}: the interpolation is {code!r}, allowed: "
                f"{', '.join(map(str, _INTERPOLATIONS[kind]))}"
            )

    def _value(self, given: float | str) -> float:
        """A number, or the value of a parameter."""
        if isinstance(given, str):
            if "value" not in self.point.get(given, {}):
                raise ModelError(f"the HS3 document gives no value of {given!r}")
            given = self.point[given]["value"]
        return float(given)

    def _of_bins(self, at: str, modifier: Mapping[str, Any]) -> str:
        """The common name of the parameters of bins."""
        parameters = modifier["parameters"]
        kind = modifier.get("constraint_type", modifier.get("constraint"))
        expected = {"staterror": "Gauss", "shapesys": "Poisson"}.get(modifier["type"])
        if expected and kind not in (None, expected):
            raise ModelError(f"{at}: the constraint is {kind}, pyhf's is {expected}")
        names = {parameter.rpartition("_bin_")[0] for parameter in parameters}
        if len(names) != 1 or "" in names:
            raise ModelError(
                f"{at}: parameters {', '.join(parameters[:2])}, ... are not called <name>_bin_<k>"
            )
        name = names.pop()
        if all(self.point.get(parameter, {}).get("const") for parameter in parameters):
            self.measured[name] = {"name": name, "fixed": True}
        return name


def _short(name: str) -> str:
    """A channel's name, without the prefix of its distribution."""
    return name.removeprefix("model_")


class _Writer:
    """Parts of the document of a model."""

    def __init__(self, workspace: pyhf.Workspace, model: pyhf.Model, measurement: str) -> None:
        self.workspace, self.model, self.measurement = workspace, model, measurement
        self.config = model.config
        self.sets = {name: self.config.param_set(name) for name in self.config.par_order}

    def document(self) -> dict[str, Any]:
        channels = self.workspace["channels"]
        distributions = [self._channel(channel) for channel in channels]
        data = [self._data(o["name"], o["data"]) for o in self.workspace["observations"]]
        likelihood = f"{self.measurement}_{_DATA}"
        nuisances = [name for name, _ in self._parameters() if name != self.config.poi_name]
        domains = {
            "nuisance_parameters": [n for n in nuisances if not n.startswith("nom_")],
            "global_observables": [n for n in nuisances if n.startswith("nom_")],
            "parameters_of_interest": [self.config.poi_name] if self.config.poi_name else [],
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
                    "parameters_of_interest": domains["parameters_of_interest"],
                    "init": "default_values",
                }
            ],
            "domains": [
                self._domain("default_domain", [name for name, _ in self._parameters()]),
                *(self._domain(f"{self.measurement}_{d}", n) for d, n in domains.items()),
            ],
            "parameter_points": [
                {
                    "name": "default_values",
                    "parameters": [
                        {"name": n, "value": value, **({"const": True} if fixed else {})}
                        for n, (value, _, _, fixed) in self._parameters()
                    ],
                }
            ],
        }

    def _domain(self, name: str, parameters: list[str]) -> dict[str, Any]:
        axes = [
            {"name": parameter, "min": low, "max": up}
            for parameter, (_, low, up, _) in self._parameters()
            if parameter in parameters
        ]
        return {"name": name, "type": "product_domain", "axes": axes}

    def _channel(self, channel: Mapping[str, Any]) -> dict[str, Any]:
        name, samples = channel["name"], channel["samples"]
        return {
            "name": f"model_{name}",
            "type": "histfactory_dist",
            "axes": self._axes(name),
            "samples": [self._sample(name, sample) for sample in samples],
            # For ROOT, which takes Poisson constraints otherwise.
            "staterror": {"constraint_type": "Gauss", "relThreshold": 0},
        }

    def _data(self, channel: str, counts: list[float]) -> dict[str, Any]:
        name = f"{_DATA}_{channel}"
        return {"name": name, "type": "binned", "axes": self._axes(channel), "contents": counts}

    def _axes(self, channel: str) -> list[dict[str, Any]]:
        bins = self.config.channel_nbins[channel]
        return [{"name": f"obs_{channel}", "min": 0, "max": bins, "nbins": bins}]

    def _sample(self, channel: str, sample: Mapping[str, Any]) -> dict[str, Any]:
        data: dict[str, Any] = {"contents": sample["data"]}
        for modifier in sample["modifiers"]:
            if modifier["type"] == "staterror":
                pairs = zip(modifier["data"], sample["data"], strict=True)
                data["errors"] = [error or _NO_ERROR * abs(content) for error, content in pairs]
        modifiers = [self._modifier(channel, sample, modifier) for modifier in sample["modifiers"]]
        return {"name": sample["name"], "data": data, "modifiers": modifiers}

    def _modifier(
        self, channel: str, sample: Mapping[str, Any], modifier: Mapping[str, Any]
    ) -> dict[str, Any]:
        kind, name, data = modifier["type"], modifier["name"], modifier["data"]
        found: dict[str, Any] = {"name": name, "type": kind}
        if kind in ("normfactor", "lumi"):
            found |= {"type": "normfactor", "parameter": name}
        elif kind == "normsys":
            found |= {"parameter": name, "data": {"lo": data["lo"], "hi": data["hi"]}}
        elif kind == "histosys":
            sides = {"lo": data["lo_data"], "hi": data["hi_data"]}
            found |= {"parameter": name, "data": {s: {"contents": x} for s, x in sides.items()}}
        else:
            found["parameters"] = self._bins_of(name, channel)
            if kind == "staterror":
                found |= {"constraint": "Gauss", "constraint_type": "Gauss"}
            elif kind == "shapesys":
                found |= {"constraint": "Poisson", "constraint_type": "Poisson"}
                found["data"] = {"vals": self._relative(sample["data"], data)}
        if kind in ("normsys", "histosys", "lumi"):
            found["constraint_name"] = f"{name}_constraint"
        return found

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

    def _constraints(self) -> Iterator[dict[str, Any]]:
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

    def _parameters(self) -> Iterator[tuple[str, tuple[float, float, float, bool]]]:
        """Parameters and auxiliary data: start, lowest and highest value, and whether fixed."""
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
            if parameters.constrained and parameters.is_scalar:
                centre = float(parameters.auxdata[0])
                yield f"nom_{name}", (centre, centre - 10, centre + 10, True)
