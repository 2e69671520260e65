"""Settings of networks whose several outputs are binned."""

import math
from collections.abc import Iterator
from typing import Annotated, Literal

from annotated_types import Ge, Len
from pydantic import AfterValidator, Field

from hone.analysis.networks import Bandwidth, OfNetwork, Temperature, room
from hone.analysis.objective_names import CLASSIFIERS
from hone.analysis.settings import AsWhole, unique

__all__ = ["Categories", "OfOutputs", "TwoDimensional"]

_MOST_BINS = 100
_Several = Annotated[int, Ge(1), AsWhole]


class OfOutputs(OfNetwork):
    """A network with several outputs, each in bins of its own."""

    bins: Annotated[list[_Several], Len(2)]
    edges: Literal["learned", "equal"] = "equal"
    """Bins of `equal` width, or edges `learned` together with the network."""
    smoothing: Literal["annealed", "fixed", "learned"] = "annealed"
    bandwidth: Bandwidth = Field([0.09, 0.02])
    """Bandwidth of the kernel density in each output at the first and at the last training step, as
    a fraction of its range."""

    def _problems(self) -> Iterator[tuple[str, str]]:
        if self.edges == "learned" and self.objective in CLASSIFIERS:
            yield "edges", f"{self.objective} does not depend on edges; it needs equal ones"
        if not 2 <= self.number_of_bins <= _MOST_BINS:
            yield "bins", f"{self.number_of_bins} bins in all; 2 to {_MOST_BINS} are allowed"
        yield from room(self.smoothing, self.bandwidth, "bandwidth")
        yield from super()._problems()


class TwoDimensional(OfOutputs):
    """A network with two outputs. A bin is one of the first and one of the second output; within a
    bin of the first, those of the second follow one another."""

    kind: Literal["two_dimensional"]
    bins: Annotated[list[_Several], Len(2, 2)] = Field([3, 3])
    """Numbers of bins of the first and of the second output; at most 100 in all."""

    @property
    def number_of_bins(self) -> int:
        return math.prod(self.bins)


class Categories(OfOutputs):
    """A network with an output for each category. An event is in the category of its largest
    output, and there in a bin of the probability of it."""

    kind: Literal["categories"]
    bins: Annotated[list[_Several], Len(2, 20)] = Field([3, 3])
    """Number of bins in each category, as many numbers as there are categories, e.g. `[5, 1, 1]`;
    at most 100 in all."""
    temperature: Temperature = Field([1.0, 0.1])
    """Temperature of the softmax that shares an event among the categories, at the first and at the
    last step."""

    classes: list[Annotated[list[str], Len(1), AfterValidator(unique)]] | None = None
    """(objective `cross_entropy`) The samples whose events belong into each category, e.g.
    `[[signal], [ttbar], [zjets, wjets]]`: all of them, in as many lists as there are categories.
    Each list has the same weight in training."""

    @property
    def classifiers(self) -> tuple[str, ...]:
        return ("cross_entropy",)

    @property
    def number_of_bins(self) -> int:
        return sum(self.bins)

    def _problems(self) -> Iterator[tuple[str, str]]:
        if self.objective not in self.classifiers:
            if self.classes is not None:
                yield "classes", f"does not apply to the objective {self.objective}; remove it"
        elif self.classes is None or len(self.classes) != len(self.bins):
            number = len(self.classes or [])
            yield (
                "classes",
                f"{number} lists of samples do not make {len(self.bins)} categories",
            )
        yield from room(self.smoothing, self.temperature, "temperature")
        yield from super()._problems()
