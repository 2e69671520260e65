"""Settings of observables: what maps an event to a bin, and how it is trained."""

from collections.abc import Iterator
from typing import Annotated, Literal

from annotated_types import Ge, Le, Len

from hone.analysis.fields import Edges
from hone.analysis.networks import ACTIVATIONS, Cut, Network, OfNetwork, Softmax, WithCuts
from hone.analysis.objective_names import ObjectiveName
from hone.analysis.outputs import Categories, OfOutputs, TwoDimensional
from hone.analysis.settings import AsWhole, Plain, either
from hone.analysis.trained import (
    ObservableSettings,
    Safeguards,
    Trained,
    WithObjective,
    no_classifier,
)

__all__ = [
    "ACTIVATIONS",
    "BestEdges",
    "Categories",
    "Cut",
    "Cuts",
    "Ensemble",
    "GridCuts",
    "Network",
    "OfNetwork",
    "OfOutputs",
    "ObservableSettings",
    "Rebinned",
    "Safeguards",
    "Softmax",
    "Trained",
    "TwoDimensional",
    "VariableBins",
]

_MOST_COMBINATIONS = 1_000_000


class Cuts(Trained, WithCuts):
    """A count of the events that pass cuts, with thresholds found by gradients or on a grid."""

    kind: Literal["cuts"]
    search: Annotated[Literal["gradient"], either("gradient and grid")] = "gradient"
    """`grid` counts at every combination of `points` thresholds of each cut on the training events
    and takes the best: the reference for what gradients find."""
    cuts: Annotated[list[Cut], Len(1)]

    @classmethod
    def fits(cls, entry: Plain) -> bool:
        return super().fits(entry) and entry.get("search", "gradient") != "grid"


class GridCuts(WithObjective, WithCuts):
    """A count of the events that pass cuts, with the best thresholds of a grid."""

    kind: Literal["cuts"]
    search: Literal["grid"]
    """`grid` counts at every combination of `points` thresholds of each cut on the training events
    and takes the best: the reference for what gradients find."""
    points: Annotated[int, Ge(2), Le(1000), AsWhole] = 50
    """(`search: grid`) Thresholds that are tried for each cut, quantiles of the nominal events; at
    most a million combinations."""
    cuts: Annotated[list[Cut], Len(1)]

    @classmethod
    def fits(cls, entry: Plain) -> bool:
        return super().fits(entry) and entry.get("search") == "grid"

    def _problems(self) -> Iterator[tuple[str, str]]:
        combinations = self.points ** len(self.cuts)
        if combinations > _MOST_COMBINATIONS:
            yield "points", f"{combinations} combinations are more than a million; use fewer points"
        yield from super()._problems()


class VariableBins(ObservableSettings):
    """One of the features in given bins, nothing trained."""

    learns = False
    kind: Literal["variable"]
    variable: str
    """Which of `features`."""
    edges: Edges
    """A rising list in the variable's unit; the outermost bins take what lies beyond."""

    @property
    def variables(self) -> dict[str, str]:
        return {"variable": self.variable}

    @property
    def axis(self) -> str:
        return self.variable


class BestEdges(Safeguards, ObservableSettings):
    """Weights of another network, with the best bin edges on the validation set."""

    source: str
    """The observable of kind network whose weights are taken."""
    objective: ObjectiveName | None = None
    """What the edges minimise; `cls` if not given."""
    bins: Annotated[int, Ge(2), Le(100), AsWhole] = 5
    """Number of bins."""

    @property
    def number_of_bins(self) -> int:
        return self.bins

    def _problems(self) -> Iterator[tuple[str, str]]:
        if self.features is not None:
            yield "features", "are those of its source; remove them"
        yield from no_classifier(self.objective, f"of kind {self.kind}")
        yield from super()._problems()


class Rebinned(BestEdges):
    """The weights of another network, seed by seed, with the best bin edges for its objective on
    the validation set."""

    kind: Literal["rebinned"]


class Ensemble(BestEdges):
    """The mean of the scores of all seeds of another network, with the best bin edges for its
    objective on the validation set. Seeds whose scores are lower for the signal are turned round
    (1 - score): a likelihood does not care on which side it is."""

    kind: Literal["ensemble"]
