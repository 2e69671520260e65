"""Events and sums of weights of a source, and the factor from weights to yields."""

import sys
from collections.abc import Mapping
from pathlib import Path

from hone.analysis.analysis import SETS
from hone.errors import InputError
from hone.events.documents import Tallied
from hone.events.reader import Batch
from hone.events.sources import Source
from hone.sums import Sums

__all__ = ["Tally"]


class Tally:
    """Counts the events of a source.

    Args:
        source: of the events.
        events_set: their set, if the files are not split.
    """

    def __init__(self, source: Source, events_set: str = "") -> None:
        self.source, self.events_set = source, events_set
        # Files without events yield no batch.
        self.files = dict.fromkeys(map(str, source.files), 0)
        self.sets = source.split.sets if source.split else list(SETS)
        self.events = dict.fromkeys(self.sets, 0)
        self.weights = {name: Sums(1) for name in self.sets}
        self.all_weights = Sums(1)

    def add(self, batch: Batch) -> None:
        self.files[batch.path] += batch.size
        nominal = batch.nominal[None]
        self.all_weights.count(nominal)
        for name in self.sets:
            weights = nominal[:, batch.of_set(self.source.split, name, self.events_set)]
            self.events[name] += weights.shape[1]
            self.weights[name].count(weights)

    def result(self) -> Tallied:
        """Events, sums of weights, and the factor from weights to yields.

        Raises:
            InputError: there is no event, or no yield; a sum of weights is not known to 1e-9.
        """
        source, names = self.source, ", ".join(str(Path(path)) for path in self.files)
        if not any(self.files.values()):
            raise InputError(f"{source}: there is no event in {names}")
        total = self.all_weights.total(f"{source} ({names})")
        if not total > 0:
            raise InputError(
                f"{source}: the weights in {names} add up to {total:g}; a sample must have a "
                "positive yield: look at its weight"
            )
        return {
            "source": source.name,
            "files": [{"path": path, "events": events} for path, events in self.files.items()],
            "sets": {
                name: {
                    "events": self.events[name],
                    "weight": sums.total(f"{source} ({names}), {name} events"),
                }
                for name, sums in self.weights.items()
            },
            "factor": _normalisation(source, total, names),
        }


def _normalisation(source: Source, total: float, names: str) -> float:
    """Yield per unit of weight.

    Args:
        source: of the events.
        total: sum of the weights of all its events, before any selection.
        names: of its files, for messages.

    Raises:
        InputError: no double holds it.
    """
    settings: Mapping[str, float] = source.normalisation
    generated = settings.get("sum_of_weights", total)
    wanted = settings.get("yield")
    if "cross_section" in settings:
        # 1/fb of luminosity are 1000/pb
        wanted = settings["cross_section"] * settings["luminosity"] * 1000
    if wanted is None or source.sample_factor:
        return 1.0
    factor = wanted / generated
    if not sys.float_info.min <= factor <= sys.float_info.max:
        raise InputError(
            f"{source} ({names}): a yield of {wanted:g} for a sum of weights of {generated:g} is a "
            f"factor of {factor:g}, which no double holds"
        )
    return factor
