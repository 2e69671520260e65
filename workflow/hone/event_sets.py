"""The events of a hypothesis, and their histograms in an observable."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from hone.errors import InputError
from hone.events import read_events
from hone.observable import Observable, soft_histogram
from hone.observable.base import in_pieces
from hone.templates import Histogram, count

__all__ = ["EventSets", "hard_histograms", "load_event_sets", "soft_histograms"]

_PIECE = 65536


@dataclass(frozen=True)
class EventSets:
    """Events by template name (``<sample>`` or ``<sample>__<systematic>_<side>``).

    A template with weights and without events of its own has the events of its sample, weighted
    differently.
    """

    features: dict[str, np.ndarray]
    """float32 (n, F)"""
    weights: dict[str, np.ndarray]
    """float64 (n,), adding up to the yield"""

    def __post_init__(self) -> None:
        for template, weights in self.weights.items():
            events = self.features[self.events_of(template)]
            if len(weights) != len(events):
                raise InputError(
                    f"{template!r} has {len(weights)} weights for {len(events)} events"
                )
            if not weights.sum() > 0:
                raise InputError(
                    f"the weights of {template!r} add up to {weights.sum():g}: a sample must have "
                    "a positive yield"
                )

    def events_of(self, template: str) -> str:
        """Name of the events that a template weights: its own, or those of its sample."""
        return template if template in self.features else template.partition("__")[0]

    def digest(self) -> str:
        """Of all events and weights."""
        found = hashlib.sha256()
        for part in (self.features, self.weights):
            for name in sorted(part):
                found.update(name.encode())
                found.update(np.ascontiguousarray(part[name]).tobytes())
        return found.hexdigest()[:16]

    def weighted(self, events: str) -> list[str]:
        """Templates made of these events, the one of their own name first."""
        return [events, *(t for t in self.weights if t != events and self.events_of(t) == events)]


def load_event_sets(paths: Sequence[str | Path], features: Sequence[str]) -> EventSets:
    """Read one file per template; the file's name is the template's.

    Raises:
        InputError: a file cannot be read, or a sample has no weight.
    """
    read = {Path(path).stem: read_events(path, features) for path in paths}
    return EventSets(
        {name: matrix.astype("float32") for name, (matrix, _) in read.items()},
        {name: weights for name, (_, weights) in read.items()},
    )


def hard_histograms(
    observable: Observable, events: EventSets, scores: Mapping[str, np.ndarray]
) -> dict[str, Histogram]:
    """Counts of each template in the observable's bins, from the ``scores`` of its events."""
    edges = np.asarray(observable.edges)
    return {
        name: count(scores[events.events_of(name)], weights, edges)
        for name, weights in events.weights.items()
    }


def soft_histograms(observable: Observable, events: EventSets) -> dict[str, Histogram]:
    """Yields of each template in bins as soft as at the end of the training."""
    responses = {
        name: in_pieces(_respond, observable, matrix) for name, matrix in events.features.items()
    }
    histograms = {}
    for name, weights in events.weights.items():
        response = responses[events.events_of(name)]
        widths = observable.widths(response, jnp.asarray(weights), 1.0)
        totals = []
        for start in range(0, len(weights), _PIECE):
            part = slice(start, start + _PIECE)
            chosen = jax.tree.map(lambda x, part=part: x[part], response)
            width = widths if jnp.ndim(widths) == 0 else widths[part]
            totals.append(_soft_part(observable, chosen, width, jnp.asarray(weights[part])))
        values, variances = (np.sum(parts, axis=0) for parts in zip(*totals, strict=True))
        histograms[name] = Histogram(values, variances)
    return histograms


@eqx.filter_jit
def _respond(observable: Observable, events: np.ndarray):  # type: ignore[no-untyped-def]
    return observable.respond(jnp.asarray(events))


@eqx.filter_jit
def _soft_part(observable: Observable, response, widths, weights):  # type: ignore[no-untyped-def]
    return soft_histogram(observable.shares(response, widths), weights)
