"""Settings of an observable that are searched: which values are tried, and in which trials."""

import json
import math
from collections.abc import Iterator
from itertools import islice, product
from typing import Annotated, Any

from annotated_types import Ge, Len
from pydantic import AfterValidator

from hone.analysis.settings import AsWhole, Plain, Settings, unique
from hone.running.provenance import digest

__all__ = ["Tuning", "shown"]

_LARGEST = 1000
_OF_JOBS = (
    "name", "kind", "search", "features", "systematics", "architecture", "start_from", "seeds",
    "together", "tune",
)  # fmt: skip
"""Settings that decide which jobs there are, and what they read."""
_OF_QUESTIONS = (
    "objective",
    "bins",
    "failing",
    "classes",
    "minimum_background",
    "maximum_mc_error",
)
"""Settings that decide what the validation objective is."""


class Tuning(Settings):
    """Settings to be searched."""

    grid: Annotated[dict[str, Annotated[list[Any], Len(1), AfterValidator(unique)]], Len(1)]
    """The values to be tried, by setting, e.g. `{learning_rate: [0.001, 0.003], hidden: [[64],
    [64, 64]]}`; at most 1,000 combinations. Not those that decide which files there are or what is
    compared: name, kind, features, systematics, seeds, objective, bins and the like."""
    trials: Annotated[int, Ge(1), AsWhole] | None = None
    """Number of combinations to be tried, drawn from the grid with the analysis' `seed`; all if not
    given. Of a larger number those of a smaller one are a part."""
    steps: Annotated[int, Ge(1), AsWhole] | None = None
    """Training steps of a trial; those of the observable if not given."""

    @property
    def size(self) -> int:
        """Number of combinations in the grid."""
        return math.prod(map(len, self.grid.values()))

    @property
    def number(self) -> int:
        """Number of trials."""
        return self.size if self.trials is None else self.trials

    def combination(self, number: int) -> Plain:
        """Settings of a trial, numbered from 1 through the grid.

        Settings count by their names, the last moves fastest: YAML may be written in any order.

        Raises:
            LookupError: the grid has fewer.
        """
        if not 0 < number <= self.size:
            raise LookupError(f"there is no combination {number} of {self.size}")
        names = sorted(self.grid)
        values = next(islice(product(*(self.grid[name] for name in names)), number - 1, number))
        return dict(zip(names, values, strict=True))

    def numbers(self, seed: int) -> list[int]:
        """The trials: all combinations, or those that are drawn with the analysis' seed."""
        every = range(1, self.size + 1)
        if self.number == self.size:
            return list(every)
        drawn = sorted(every, key=lambda number: digest([seed, self.combination(number)]))
        return sorted(drawn[: self.number])

    def problems(self) -> Iterator[tuple[str, str]]:
        """What no observable can try, and what is allowed."""
        for name in self.grid:
            if name in _OF_JOBS:
                yield "tune", f"{name} decides which jobs there are, and cannot be tuned"
            if name in _OF_QUESTIONS:
                yield "tune", f"{name} decides what trials are compared by, and cannot be tuned"
        if "steps" in self.grid and self.steps is not None:
            yield "tune", "steps are given for all trials, and in the grid; remove one of them"
        if self.size > _LARGEST:
            yield "tune", f"the grid has {self.size} combinations; at most {_LARGEST} are allowed"
        elif self.trials is not None and self.trials > self.size:
            yield "tune", f"the grid has {self.size} combinations, fewer than {self.trials} trials"


def shown(combination: Plain) -> str:
    """Settings of a trial in a line."""
    return ", ".join(f"{name}: {json.dumps(value)}" for name, value in combination.items())
