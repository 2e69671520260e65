"""The events of a hypothesis, and their histograms in an observable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hone.events import read_events
from hone.observable import NetworkObservable, soft_errors, soft_histogram
from hone.templates import Histogram, count

__all__ = ["EventSets", "hard_histograms", "load_event_sets", "soft_histograms"]


@dataclass(frozen=True)
class EventSets:
    """Events by template name (``<sample>`` or ``<sample>__<systematic>_<side>``)."""

    features: dict[str, np.ndarray]
    """float32 (n, F)"""
    weights: dict[str, np.ndarray]
    """float64 (n,), adding up to the yield"""


def load_event_sets(paths: Sequence[str | Path], features: Sequence[str]) -> EventSets:
    """Read one file per template; the file's name is the template's."""
    read = {Path(path).stem: read_events(path, features) for path in paths}
    return EventSets(
        {name: matrix.astype("float32") for name, (matrix, _) in read.items()},
        {name: weights for name, (_, weights) in read.items()},
    )


def hard_histograms(
    observable: NetworkObservable, events: EventSets, scores: Mapping[str, np.ndarray]
) -> dict[str, Histogram]:
    """Counts of each template in the observable's bins, from the ``scores`` of its events."""
    edges = np.asarray(observable.edges)
    return {name: count(scores[name], events.weights[name], edges) for name in events.features}


def soft_histograms(
    observable: NetworkObservable, events: EventSets, scores: Mapping[str, np.ndarray]
) -> dict[str, Histogram]:
    """Kernel-density yields of each template, with the observable's final bandwidth."""
    edges, bandwidth = observable.edges, observable.bandwidth
    return {
        name: Histogram(
            np.asarray(soft_histogram(x, events.weights[name], edges, bandwidth)),
            np.asarray(soft_errors(x, events.weights[name], edges, bandwidth)),
        )
        for name, x in scores.items()
    }
