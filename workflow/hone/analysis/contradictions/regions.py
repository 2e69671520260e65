"""Regions that do not fit the events or the observables."""

from collections.abc import Iterator

from hone.analysis.analysis import Analysis
from hone.analysis.contradictions.branches import known_branches, missing_branches
from hone.analysis.region_observables import circles
from hone.analysis.regions import COUNTED
from hone.errors import did_you_mean

__all__ = ["of_regions"]


def of_regions(analysis: Analysis) -> Iterator[str]:
    """Regions of branches that events do not have, of observables that are not there or cannot be
    trained before others, or with nothing that is trained."""
    names = [o.name for o in analysis.observables]
    trained = [r for r in analysis.regions if r.is_trained]
    only_counts = [o.setting("variable") for o in analysis.observables] == [COUNTED]
    if analysis.regions and names and not trained and not only_counts:
        yield "regions: none has fit: observable; change one, or leave out all observables"
    elif analysis.regions and names and trained and all(r.observable for r in trained):
        yield (
            "regions: all with fit: observable have an observable of their own (observable), and "
            "none the one that is trained; remove it from one"
        )
    known = known_branches(analysis)
    for i, region in enumerate(analysis.regions):
        for key, text in (("selection", region.selection), ("variable", region.variable)):
            yield from missing_branches(f"regions[{i}].{key}", text, known)
        name = region.observable
        if name is not None and name not in names:
            hint = did_you_mean(name, names) or f"there are {', '.join(names)}"
            yield f"regions[{i}].observable: there is no observable {name!r}; {hint}"
    yield from circles(analysis)
