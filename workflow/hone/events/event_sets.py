"""Events of a hypothesis, and their hard histograms."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from hone.analysis.regions import ONE_REGION, Region
from hone.errors import InputError
from hone.observable import Observable
from hone.statmodel.channels import Channels
from hone.statmodel.templates import Histogram, count
from hone.sums import exact_parts, refuse_lost_events

__all__ = [
    "EventSets",
    "evenly",
    "hard_histograms",
    "refuse_yields",
    "scores_and_logits_of",
    "scores_of",
]

T = TypeVar("T")

_TYPICAL = 250_000
"""Events of a set that a network's inputs are scaled by."""


@dataclass(frozen=True)
class EventSets:
    """Events by template name (``<sample>`` or ``<sample>__<systematic>_<side>``).

    A template without events of its own uses the events of its sample, with other weights.
    """

    features: dict[str, np.ndarray]
    """float64 (n, F)"""
    weights: dict[str, np.ndarray]
    """float64 (n,), adding up to the yield"""
    regions: tuple[Region, ...] = (ONE_REGION,)
    """Of the analysis; ``features`` and ``weights`` are those of regions with the observable."""
    place: dict[str, np.ndarray] = field(default_factory=dict)
    """int (n,), by set of events: which region with the observable; empty if there is only one."""
    fixed: dict[str, list[Histogram]] = field(default_factory=dict)
    """By template, the histograms of all other regions."""
    evaluation: dict[str, float] = field(default_factory=dict)
    """Evaluation events per event here, by set of events, if not a setting."""
    weighted: dict[str, str] = field(default_factory=dict)
    """Set of events of a template; that of the same name if not given."""
    rows: dict[str, np.ndarray] = field(default_factory=dict)
    """int (U,), by set of events, of a sample that has variations of the same events: where each
    of the U different events is in the set, -1 if it is not there."""

    def __post_init__(self) -> None:
        for template, weights in self.weights.items():
            events = self.features[self.events_of(template)]
            if len(weights) != len(events):
                raise InputError(
                    f"{template!r} has {len(weights)} weights for {len(events)} events"
                )
        # Those that nothing is trained on may have no events.
        refuse_yields(
            {name: weights.sum() for name, weights in self.weights.items() if len(weights)}
        )

    @property
    def sizes(self) -> dict[str, int]:
        """Number of events of each set."""
        return {name: len(matrix) for name, matrix in self.features.items()}

    @property
    def yields(self) -> dict[str, float]:
        """Yield of each set with its nominal weights."""
        return {name: float(self.weights[name].sum()) for name in self.features}

    def typical(self, name: str) -> np.ndarray:
        """Features (m, F) of a set, of some of its events if it has many."""
        matrix = self.features[name]
        return matrix[evenly(len(matrix))]

    def events_of(self, template: str) -> str:
        """Set of events of a template: its own, or that of its sample."""
        return self.weighted.get(template, template)

    def channels(self, observable_bins: int) -> Channels:
        """Channels of all regions, with this number of bins of the observable."""
        return Channels(self.regions, observable_bins)

    def where(self, template: str, place: int) -> np.ndarray | slice:
        """Events of a template in one of the regions with the observable."""
        found = self.place.get(self.events_of(template))
        return slice(None) if found is None else found == place

    def digest(self) -> str:
        """Digest of all events and weights."""
        found = hashlib.sha256()
        for template in sorted(self.fixed):
            for histogram in self.fixed[template]:
                found.update(np.asarray(histogram).tobytes())
        for part in (self.features, self.weights, self.place, self.rows):
            for name in sorted(part):
                found.update(name.encode())
                found.update(np.ascontiguousarray(part[name]).tobytes())
        return found.hexdigest()[:16]

    def templates_of(self, events: str) -> list[str]:
        """Templates of a set of events, the one of the same name first."""
        return [events, *(t for t in self.weights if t != events and self.events_of(t) == events)]


def evenly(size: int) -> np.ndarray:
    """Places of so many events, or of 250,000 among them, int (m,)."""
    most = min(size, _TYPICAL)
    return np.arange(most) * size // most


def refuse_yields(yields: Mapping[str, float]) -> None:
    """Refuse templates whose weights add up to nothing, or to no number.

    Raises:
        InputError: names the first.
    """
    for template, total in yields.items():
        if not 0 < abs(total) < np.inf:
            raise InputError(
                f"the weights of {template!r} add up to {total:g}: a sample must have a yield"
            )


def scores_of(observable: Observable, events: EventSets) -> dict[str, np.ndarray]:
    """Scores of each set of events (n,).

    Raises:
        InputError: names the set and an event in it whose score is not a number.
    """
    return _of_each(observable.score, events)


def scores_and_logits_of(
    observable: Observable, events: EventSets
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """:func:`scores_of` of a classifier, and its log-odds."""
    found = _of_each(observable.score_and_logits, events)
    return {n: scores for n, (scores, _) in found.items()}, {n: x for n, (_, x) in found.items()}


def _of_each(function: Callable[[np.ndarray], T], events: EventSets) -> dict[str, T]:
    found = {}
    for name, matrix in events.features.items():
        try:
            found[name] = function(matrix)
        except InputError as error:
            raise InputError(f"{name!r}: {error}") from error
    return found


def hard_histograms(
    observable: Observable, events: EventSets, scores: Mapping[str, np.ndarray]
) -> dict[str, Histogram]:
    """Counts of each template in all channels (B,), from the ``scores`` of its events.

    Raises:
        InputError: a histogram has lost events.
    """
    edges = np.asarray(observable.edges)
    channels = events.channels(len(edges) - 1)
    found = {}
    for name, weights in events.weights.items():
        own = scores[events.events_of(name)]
        inside = [events.where(name, k) for k in range(len(channels.trained))]
        counted = [count(own[chosen], weights[chosen], edges) for chosen in inside]
        kept = weights[~np.isnan(own)] if observable.has_cuts else weights
        refuse_lost_events(
            f"histogram {name!r}",
            sum(float(histogram.values.sum()) for histogram in counted),
            sum(float(part.sum()) for part in exact_parts(kept)),
            float(np.abs(kept).sum()),
        )
        found[name] = channels.joined(counted, events.fixed.get(name, []))
    return found
