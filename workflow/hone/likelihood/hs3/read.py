"""From a document of HS3 to a workspace of pyhf."""

from collections.abc import Mapping
from typing import Any

from hone.errors import ModelError
from hone.likelihood.hs3.write import NO_ERROR

__all__ = ["from_hs3"]

_INTERPOLATIONS = {"normsys": (4, 5, "code4"), "histosys": (4, "code4p")}
"""ROOT's numbers and pyhf's names of what pyhf does by default."""


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
            found = [x if x > 2 * NO_ERROR * abs(content) else 0.0 for x, content in pairs]
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
