"""Events and sums of weights of a source, and the factor from weights to yields."""

import math
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hone.analysis.paths import is_table
from hone.analysis.sections import SETS, Split
from hone.errors import InputError
from hone.events.batch import Batch
from hone.events.documents import FewNumbers, Tallied
from hone.events.membership import Membership
from hone.events.sources import Source
from hone.sums import Sums, cancel_too_far

__all__ = ["Tally", "without_event"]


_KNOWN = 0.1
"""Relative error of the smallest set's part of the events that ``split.branch`` may have."""


class Tally:
    """Counts the events of a source: those with a nominal weight.

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
        self.all_weights, self.others = Sums(1), Sums(1)
        self.members = {path: Membership() for path in self.files}
        self._read = 0
        self._numbers: set[float] = set()

    def add(self, batch: Batch) -> None:
        nominal = batch.nominal[None]
        self._read += batch.read
        self.files[batch.path] += int(np.count_nonzero(nominal))
        self.members[batch.path].add(batch.piece, nominal[0] != 0)
        self.all_weights.count(nominal)
        self.others.count(batch.others[None])
        for name in self.sets:
            weights = nominal[:, batch.of_set(self.source.split, name, self.events_set)]
            self.events[name] += int(np.count_nonzero(weights))
            self.weights[name].count(weights)
        split = self.source.split
        if split and batch.uniform is not None and len(self._numbers) < _needed(split):
            self._numbers.update(np.unique(batch.uniform).tolist())

    def result(self) -> Tallied:
        """Events, sums of weights, and the factor from weights to yields.

        Raises:
            InputError: there is no event, or no yield; a sum of weights is not known to 1e-9.
        """
        source, names = self.source, ", ".join(str(Path(path)) for path in self.files)
        if not self._read:
            raise without_event(source)
        if source.selection and not any(self.files.values()):
            raise InputError(
                f"{source}: no event with a weight in {names} passes the selection "
                f"{source.selection!r} of the sample"
            )
        total = self.all_weights.total(f"{source} ({names})")
        generated = total + self.others.total(f"{source} ({names}), events that are not selected")
        if not total:
            raise InputError(
                f"{source}: the weights in {names} add up to {total:g}; a sample must have a "
                "yield: look at its weight"
            )
        found: Tallied = {
            "source": source.name,
            "tree": source.tree,
            "files": [{"path": path, "events": events} for path, events in self.files.items()],
            "sets": {
                name: {
                    "events": self.events[name],
                    "weight": sums.total(f"{source} ({names}), {name} events"),
                }
                for name, sums in self.weights.items()
            },
            "factor": self._normalisation(generated, names),
            "divided_by": generated if source.is_divided_by_its_files else None,
        }
        for entry in found["files"]:
            selected = self.members[entry["path"]].text()
            if selected is not None:
                entry["selected"] = selected
        few = self._few_numbers()
        if few is not None:
            found["few_numbers"] = few
        return found

    def _normalisation(self, total: float, names: str) -> float:
        """Yield per unit of weight.

        Args:
            total: sum of the weights of all events in the files, before any selection.
            names: of the files, for messages.

        Raises:
            InputError: no double holds it; the weights that it is divided by cancel to within
                their statistical error.
        """
        source = self.source
        settings: Mapping[str, float] = source.normalisation
        generated = settings.get("sum_of_weights", total)
        wanted = settings.get("yield")
        if "cross_section" in settings:
            # 1/fb of luminosity are 1000/pb
            wanted = settings["cross_section"] * settings["luminosity"] * 1000
        if wanted is None or source.sample_factor:
            return 1.0
        both = (self.all_weights, self.others)
        variance = sum(float(part.variances[0, 0]) for part in both)
        absolute = sum(float(part.absolute[0, 0]) for part in both)
        if source.is_divided_by_its_files and cancel_too_far(total, variance, absolute):
            raise InputError(
                f"{source} ({names}): its yield is {wanted:g}, and its weights add up to "
                f"{total:.4g} ± {math.sqrt(variance):.4g}: they cancel too far to scale them to a "
                "yield; give the sum_of_weights that the yield belongs to"
            )
        factor = wanted / generated
        if factor < 0:
            raise InputError(
                f"{source} ({names}): its yield is {wanted:g}, and its weights add up to "
                f"{generated:g}: give the sum_of_weights that the yield belongs to"
            )
        if not sys.float_info.min <= factor <= sys.float_info.max:
            raise InputError(
                f"{source} ({names}): a yield of {wanted:g} for a sum of weights of "
                f"{generated:g} is a factor of {factor:g}, which no double holds"
            )
        return factor

    def _few_numbers(self) -> FewNumbers | None:
        """What is wrong with ``split.branch``: few events are no fault of it."""
        split, found = self.source.split, len(self._numbers)
        if not (split and split.branch):
            return None
        needed = _needed(split)
        if found >= needed or 2 * found > sum(self.files.values()):
            return None
        return {"branch": split.branch, "found": found, "needed": needed}


def without_event(source: Source) -> InputError:
    """What is said of a source that has no event: the tree too, of several in a file."""
    names = ", ".join(map(str, source.files))
    tree = "" if all(map(is_table, source.files)) else f"the tree {source.tree!r} of "
    return InputError(f"{source}: there is no event in {tree}{names}")


def _needed(split: Split) -> int:
    """How many different numbers of events a split needs.

    Of n numbers, a set with the part p has p n of them, with an error of sqrt(p (1 - p) n).
    """
    parts = [high - low for low, high in map(split.range, split.sets)]
    return math.ceil(max((1 - part) / part for part in parts) / _KNOWN**2)
