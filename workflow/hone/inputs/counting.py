"""How many events a source has, and what they weigh: what makes weights yields."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hone.errors import InputError
from hone.inputs.reader import Batch
from hone.inputs.sources import Source
from hone.inputs.split import SETS

__all__ = ["Tally"]


class Tally:
    """Adds up the events of a source.

    Args:
        source: of which the events are.
        events_set: which set they are, if its files are not split.
    """

    def __init__(self, source: Source, events_set: str = "") -> None:
        self.source, self.events_set = source, events_set
        # A file without events gives no batch.
        self.files = dict.fromkeys(map(str, source.files), 0)
        self.sets = {name: {"events": 0, "weight": 0.0} for name in SETS}

    def add(self, batch: Batch) -> None:
        self.files[batch.path] += batch.size
        nominal = batch.nominal
        for name in SETS:
            weights = nominal[batch.of_set(self.source.split, name, self.events_set)]
            self.sets[name]["events"] += len(weights)
            self.sets[name]["weight"] += float(weights.sum())

    def result(self) -> dict[str, Any]:
        """What makes weights yields.

        Returns:
            ``source``, ``files`` (path and events), ``sets`` (events and sum of nominal weights of
            each, before selections) and ``factor`` (yield for each unit of weight; 1 where it is
            the sample's).

        Raises:
            InputError: there is no event, or no yield.
        """
        source, names = self.source, ", ".join(str(Path(path)) for path in self.files)
        total = sum(entry["weight"] for entry in self.sets.values())
        if not any(self.files.values()):
            raise InputError(f"{source}: there is no event in {names}")
        if not total > 0:
            raise InputError(
                f"{source}: the weights in {names} add up to {total:g}; a sample must have a "
                "positive yield: look at its weight"
            )
        return {
            "source": source.name,
            "files": [{"path": path, "events": events} for path, events in self.files.items()],
            "sets": self.sets,
            "factor": _normalisation(source, total),
        }


def _normalisation(source: Source, total: float) -> float:
    """Yield for each unit of weight.

    Args:
        source: its settings.
        total: sum of the weights of all its events, before any selection.
    """
    if source.sample_factor:
        return 1.0
    settings: Mapping[str, float] = source.normalisation
    generated = settings.get("sum_of_weights", total)
    if "yield" in settings:
        return settings["yield"] / generated
    if "cross_section" in settings:
        # 1/fb of luminosity are 1000/pb
        return settings["cross_section"] * settings["luminosity"] * 1000 / generated
    return 1.0
