"""Sources of the events of an analysis, from its config."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hone.analysis.samples import affected, has_own_normalisation, is_ntuple, varied_weights
from hone.events import TREE, WEIGHT
from hone.events.split import Split

__all__ = ["Source", "data_source", "sources"]


@dataclass(frozen=True)
class Source:
    """The files of one set of events, and its templates."""

    name: str
    """The sample's, or ``<sample>__<systematic>_<side>``."""
    files: tuple[str, ...]
    tree: str
    weights: Mapping[str, str]
    """Expression of the weight for each template, the one of the same name first."""
    split: Split | None = None
    """None where each of the three sets has files of its own."""
    normalisation: Mapping[str, float] = field(default_factory=dict)
    """``yield`` or ``cross_section`` and ``luminosity``, ``sum_of_weights``, or nothing."""
    sample_factor: bool = False
    """Whether it is a variation scaled by the sample's factor from weights to yields, so that its
    yield may differ."""

    @property
    def sample(self) -> str:
        """The sample that it belongs to."""
        return self.name.partition("__")[0]

    def __str__(self) -> str:
        kind = "sample" if self.sample == self.name else "variation"
        return f"{kind} {self.name!r}"


def sources(config: Mapping[str, Any], files: Mapping[str, Sequence[str]]) -> list[Source]:
    """The sources of simulated events.

    Args:
        config: samples, systematics, and for ntuples ``split`` and ``luminosity``.
        files: of each wanted set of events.
    """
    found = []
    for name, paths in files.items():
        sample_name, _, variation = name.partition("__")
        sample = next(s for s in config["samples"] if s["name"] == sample_name)
        settings, ntuple, sample_factor = dict(sample), is_ntuple(sample), False
        if variation:
            systematic, _, side = variation.rpartition("_")
            entry = _systematic(config, systematic, sample_name)[side]
            sample_factor = ntuple and not has_own_normalisation(entry)
            settings.pop("sum_of_weights", None)
            settings |= entry if isinstance(entry, Mapping) else {}
        if "dimuons" in settings:
            # The sum of weights includes events outside of the detector's acceptance.
            settings["sum_of_weights"] = settings["dimuons"]["events"]
        nominal = settings.get("weight", "1") if ntuple else WEIGHT
        weights = {name: nominal}
        if not variation:
            weights |= varied_weights(config, sample_name)
        keys = ("yield", "cross_section", "sum_of_weights")
        found.append(
            Source(
                name,
                tuple(map(str, paths)),
                settings.get("tree", TREE) if ntuple else TREE,
                weights,
                Split.of(config["split"]) if ntuple else None,
                {k: settings[k] for k in keys if k in settings}
                | ({"luminosity": config["luminosity"]} if "luminosity" in config else {})
                if ntuple
                else {},
                sample_factor,
            )
        )
    return found


def data_source(sample: Mapping[str, Any], files: Sequence[str]) -> Source:
    """The source of observed events, with weights of one."""
    return Source(sample["name"], tuple(files), sample.get("tree", TREE), {sample["name"]: "1"})


def _systematic(config: Mapping[str, Any], name: str, sample: str) -> Mapping[str, Any]:
    return next(s for s in config["systematics"] if s["name"] == name and sample in affected(s))
