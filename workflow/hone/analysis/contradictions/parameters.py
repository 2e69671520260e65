"""Names and bounds of parameters that mean another thing, or that two have."""

from collections.abc import Iterator

from hone.analysis.analysis import Analysis
from hone.analysis.sections import Poi

__all__ = ["is_pyhfs", "is_taken", "of_normfactors", "of_strengths"]


def is_taken(name: str, analysis: Analysis) -> bool:
    """Whether a systematic or normalisation of this name would be another parameter."""
    return name in analysis.measured or is_pyhfs(name)


def is_pyhfs(name: str) -> bool:
    """Whether parameters of this name have a meaning of their own."""
    return name == "lumi" or name.startswith("staterror_")


def of_strengths(analysis: Analysis) -> Iterator[str]:
    """Strengths of signals that are measured together, and the POI."""
    if is_pyhfs(analysis.poi.name):
        yield f"poi.name: {analysis.poi.name!r} is the name of another parameter"
    if not analysis.measure:
        return
    if analysis.poi != Poi():
        yield "poi: the first entry of measure is the POI; give its name and bounds there"
    if not analysis.measure[0].begins_at_zero:
        yield (
            f"measure[0].bounds: {analysis.measure[0].bounds} are those of the POI, and must begin "
            "at 0, and end above 1"
        )
    signals = [s.name for s in analysis.samples if s.is_signal]
    where: dict[str, str] = {}
    for i, entry in enumerate(analysis.measure):
        if is_pyhfs(entry.name):
            yield f"measure[{i}].name: {entry.name!r} is the name of another parameter"
        for name in entry.samples:
            if name not in signals:
                yield (
                    f"measure[{i}].sample: there is no signal {name!r}; signals are "
                    f"{', '.join(signals)}"
                )
            if name in where:
                yield f"measure[{i}].sample: {name!r} has a strength already, in {where[name]}"
            where.setdefault(name, f"measure[{i}]")
    for name in signals:
        if name not in where:
            yield f"measure: the signal {name!r} has no strength; add it to an entry"


def of_normfactors(analysis: Analysis) -> Iterator[str]:
    """Free normalisations."""
    taken = {s.name for s in analysis.systematics}
    backgrounds = [s.name for s in analysis.simulated if not s.is_signal]
    for i, factor in enumerate(analysis.normfactors):
        if factor.name in taken or is_taken(factor.name, analysis):
            yield f"normfactors[{i}].name: {factor.name!r} is the name of another parameter"
        for name in factor.samples:
            if name not in backgrounds:
                yield (
                    f"normfactors[{i}].sample: there is no background {name!r}; backgrounds are "
                    f"{', '.join(backgrounds)}"
                )
