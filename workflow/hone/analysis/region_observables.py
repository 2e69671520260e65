"""Regions in the bins of another observable: which chains have them, and what must be trained."""

from collections.abc import Iterator
from typing import NamedTuple

from hone.analysis.analysis import Analysis
from hone.analysis.observables import Trained
from hone.analysis.regions import ONE_REGION, Region

__all__ = [
    "Seen", "binned", "circles", "observables_in_regions", "regions_of",
    "regions_without_observables", "seen",
]  # fmt: skip


class Seen(NamedTuple):
    """Which events an observable is of."""

    regions: list[str]
    """Names of those in its own bins."""
    batch: int = 0
    """Events of each sample and variation in a batch; 0 if it is not trained."""


def seen(analysis: Analysis) -> dict[str, Seen]:
    """Which events each observable is of, by its name."""
    return {
        o.name: Seen(
            [
                region.name
                for region in regions_of(analysis, o.name) or [ONE_REGION]
                if region.is_trained and region.observable is None
            ],
            o.batch if isinstance(o, Trained) else 0,
        )
        for o in analysis.observables
    }


def regions_of(analysis: Analysis, observable: str) -> list[Region]:
    """The regions in the chain of an observable.

    A region with another ``observable`` has that, except in the chains of that observable itself
    and of those that it is made from: nothing is trained before what it needs.
    """
    found = []
    for region in analysis.regions:
        is_own = observable in _made_from(analysis, region.observable)
        found.append(_with_own(region) if is_own else region)
    return found


def regions_without_observables(analysis: Analysis) -> list[Region]:
    """The regions as events are selected for them, whatever their bins."""
    return [_with_own(region) for region in analysis.regions]


def observables_in_regions(analysis: Analysis, observable: str) -> list[str]:
    """Names of the other observables in regions of an observable's chain."""
    names = (region.observable for region in regions_of(analysis, observable))
    return list(dict.fromkeys(name for name in names if name is not None))


def binned(analysis: Analysis, observable: str) -> dict[str, str]:
    """What is binned in each region of an observable's chain, for axes."""
    own = analysis.observable(observable).axis
    regions = regions_of(analysis, observable) or [ONE_REGION]
    return {region.name: region.axis or own for region in regions}


def circles(analysis: Analysis) -> Iterator[str]:
    """The first observables that would have to be trained before each other."""
    needs = {o.name: dict(_needs(analysis, o.name)) for o in analysis.observables}
    for name in needs:
        way, seen = [name], {name}
        # All that it needs, directly or not; each with the way to it.
        todo = [way]
        while todo:
            way = todo.pop()
            for other in needs.get(way[-1], {}):
                if other == name:
                    steps = zip(way, [*way[1:], name], strict=True)
                    text = ", ".join(f"{a!r} needs {b!r} ({needs[a][b]})" for a, b in steps)
                    yield f"observables: {text}: none of them can be trained first"
                    return
                if other not in seen:
                    seen.add(other)
                    todo.append([*way, other])


def _with_own(region: Region) -> Region:
    return region.model_copy(update={"observable": None})


def _needs(analysis: Analysis, observable: str) -> Iterator[tuple[str, str]]:
    """Observables whose weights an observable needs to become what it is, and why."""
    chosen = analysis.observable(observable)
    for key in ("source", "start_from"):
        if chosen.setting(key):
            yield chosen.setting(key), f"{key} of {observable}"
    for region in regions_of(analysis, observable) if chosen.learns else ():
        if region.observable is not None:
            yield region.observable, f"observable of region {region.name}"


def _made_from(analysis: Analysis, observable: str | None) -> list[str]:
    """An observable, and those that its weights come from, directly or not."""
    found: list[str] = []
    known = {o.name: o for o in analysis.observables}
    while observable in known and observable not in found:
        found.append(observable)
        observable = known[observable].setting("source") or known[observable].setting("start_from")
    return found
