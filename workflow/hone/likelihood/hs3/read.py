"""From a document of HS3 to a workspace of pyhf."""

from collections.abc import Iterable
from typing import TypedDict, TypeVar

from hone.errors import ModelError
from hone.likelihood import specification as pyhf_spec
from hone.likelihood.hs3 import document as hs3
from hone.likelihood.hs3.write import NO_ERROR

__all__ = ["from_hs3"]

_INTERPOLATIONS = {"normsys": (4, 5, "code4"), "histosys": (4, "code4p")}
"""ROOT's numbers and pyhf's names of what pyhf does by default."""


_NOTHING: hs3.Setting = {"name": ""}
"""Of a parameter that has no setting."""


class _HasName(TypedDict):
    name: str


_Part = TypeVar("_Part", bound=_HasName)


def from_hs3(document: hs3.Document, analysis: str | None = None) -> pyhf_spec.Workspace:
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

    def __init__(self, document: hs3.Document, analysis: str | None) -> None:
        self.document = document
        entries = document.get("analyses") or []
        if not entries:
            raise ModelError("the HS3 document has no analyses, which name the likelihood and POI")
        self.analysis = _named("analyses", entries, analysis or entries[0]["name"])
        self.likelihood = _named(
            "likelihoods", document.get("likelihoods", []), self.analysis["likelihood"]
        )
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
        self.measured: dict[str, pyhf_spec.Parameter] = {}
        self.lumi: set[str] = set()

    def workspace(self) -> pyhf_spec.Workspace:
        names = self.likelihood["distributions"]
        pairs = list(zip(names, self.likelihood["data"], strict=True))
        channels = [self._channel(self._distribution(name)) for name in names]
        pois = self.analysis.get("parameters_of_interest", [])
        if len(pois) > 1:
            raise ModelError(
                f"analysis {self.analysis['name']!r} has {len(pois)} POIs, pyhf has one"
            )
        return {
            "channels": channels,
            "observations": [
                {
                    "name": _short(name),
                    "data": _named("data", self.document.get("data", []), data)["contents"],
                }
                for name, data in pairs
            ],
            "measurements": [
                {
                    "name": self.analysis["name"],
                    "config": {
                        "poi": pois[0] if pois else "",
                        "parameters": list(self.measured.values()),
                    },
                }
            ],
            "version": "1.0.0",
        }

    def _distribution(self, name: str) -> hs3.Distribution:
        return _named("distributions", self.document.get("distributions", []), name)

    def _channel(self, distribution: hs3.Distribution) -> pyhf_spec.Channel:
        if distribution["type"] != "histfactory_dist":
            raise ModelError(
                f"distribution {distribution['name']!r} is a {distribution['type']}: only "
                "histfactory_dist can be in a workspace of pyhf"
            )
        samples = [self._sample(distribution["name"], s) for s in distribution["samples"]]
        return {"name": _short(distribution["name"]), "samples": samples}

    def _sample(self, channel: str, sample: hs3.Sample) -> pyhf_spec.Sample:
        modifiers = []
        for modifier in sample.get("modifiers", []):
            at = f"{channel!r}, sample {sample['name']!r}, {modifier['type']} {modifier['name']!r}"
            modifiers.append(self._modifier(at, sample["data"], modifier))
        return {
            "name": sample["name"],
            "data": sample["data"]["contents"],
            "modifiers": modifiers,
        }

    def _modifier(
        self, at: str, data: hs3.SampleData, modifier: hs3.Modifier
    ) -> pyhf_spec.Modifier:
        if modifier["type"] == "normfactor":
            self._keep(at, modifier)
            if modifier.get("constraint_name") is not None:
                return {"name": "lumi", "type": "lumi", "data": None}
            return {"name": modifier["parameter"], "type": "normfactor", "data": None}
        if modifier["type"] == "normsys":
            self._keep(at, modifier)
            self._check_interpolation(at, modifier)
            factors = pyhf_spec.Factors(lo=modifier["data"]["lo"], hi=modifier["data"]["hi"])
            return {"name": modifier["parameter"], "type": "normsys", "data": factors}
        if modifier["type"] == "histosys":
            self._keep(at, modifier)
            self._check_interpolation(at, modifier)
            low, high = modifier["data"]["lo"]["contents"], modifier["data"]["hi"]["contents"]
            templates = pyhf_spec.Templates(lo_data=low, hi_data=high)
            return {"name": modifier["parameter"], "type": "histosys", "data": templates}
        if modifier["type"] not in ("staterror", "shapesys", "shapefactor"):
            raise ModelError(f"{at}: pyhf has no such modifier")
        name, nominal = self._of_bins(at, modifier), data["contents"]
        if modifier["type"] == "shapesys":
            relative = modifier["data"]["vals"]
            widths = [n * x for n, x in zip(nominal, relative, strict=True)]
            return {"name": name, "type": "shapesys", "data": widths}
        if modifier["type"] == "shapefactor":
            return {"name": name, "type": "shapefactor", "data": None}
        if "errors" not in data:
            raise ModelError(f"{at}: the sample's data has no errors")
        pairs = zip(data["errors"], nominal, strict=True)
        errors = [x if x > 2 * NO_ERROR * abs(content) else 0.0 for x, content in pairs]
        return {"name": name, "type": "staterror", "data": errors}

    def _keep(self, at: str, modifier: hs3.ScalarModifier) -> None:
        """Keep what the measurement has to say of the parameter."""
        constraint, name = modifier.get("constraint_name"), modifier["parameter"]
        entry: pyhf_spec.Parameter = {"name": name}
        if constraint is not None:
            given = self._distribution(constraint)
            if given["type"] != "gaussian_dist":
                raise ModelError(f"{at}: {constraint!r} is a {given['type']}, pyhf has normal ones")
            centre, sigma = self._value(given["mean"]), self._value(given["sigma"])
            entry["auxdata"] = [centre]
            if modifier["type"] == "normfactor":
                entry["name"], entry["sigmas"] = "lumi", [sigma]
                self.lumi.add(name)
                if len(self.lumi) > 1:
                    raise ModelError(f"{at}: pyhf has one constrained factor, the luminosity")
            elif sigma != 1:
                raise ModelError(f"{at}: the constraint has the width {sigma:g}, pyhf's has 1")
        here = self.point.get(name, _NOTHING)
        if "value" in here:
            entry["inits"] = [here["value"]]
        if name in self.ranges:
            entry["bounds"] = [self.ranges[name]]
        if here.get("const"):
            entry["fixed"] = True
        self.measured[entry["name"]] = entry

    @staticmethod
    def _check_interpolation(at: str, modifier: hs3.NormSys | hs3.HistoSys) -> None:
        kind, data = modifier["type"], modifier["data"]
        code = modifier.get("interpolation", data.get("interpolation"))
        if code not in (None, *_INTERPOLATIONS[kind]):
            raise ModelError(
                f"{at}: the interpolation is {code!r}, allowed: "
                f"{', '.join(map(str, _INTERPOLATIONS[kind]))}"
            )

    def _value(self, given: float | str) -> float:
        """A number, or the value of a parameter."""
        if isinstance(given, str):
            here = self.point.get(given, _NOTHING)
            if "value" not in here:
                raise ModelError(f"the HS3 document gives no value of {given!r}")
            return float(here["value"])
        return float(given)

    def _of_bins(self, at: str, modifier: hs3.ModifierOfBins) -> str:
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
        if all(self.point.get(parameter, _NOTHING).get("const") for parameter in parameters):
            self.measured[name] = {"name": name, "fixed": True}
        return name


def _named(part: str, entries: Iterable[_Part], name: str) -> _Part:
    for entry in entries:
        if entry["name"] == name:
            return entry
    raise ModelError(f"the HS3 document has no {part} called {name!r}")


def _short(name: str) -> str:
    """A channel's name, without the prefix of its distribution."""
    return name.removeprefix("model_")
