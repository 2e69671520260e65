"""Batches of the training events."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, PRNGKeyArray

from hone.events.event_sets import EventSets
from hone.statmodel.workspace import Process

__all__ = ["Data", "Drawn", "Events", "draw_batch", "draw_places", "on_device"]


class Events(NamedTuple):
    """A set of events."""

    features: Any
    """(n, F)"""
    weights: Any
    """(n, T), one column per template"""
    place: Array | np.ndarray | None = None
    """(n,), number of the region with the observable; None if there is only one"""
    rows: Array | np.ndarray | None = None
    """(U,), of a sample with variations of the same events: where each is in this set, or -1; in a
    batch (n,), where the drawn ones were"""


class Drawn(NamedTuple):
    """Events of a set that were drawn elsewhere, before they are scaled to the yield."""

    features: Any
    """(n, F)"""
    weights: Any
    """(n, T); 0 of those that the set does not have"""
    place: Array | np.ndarray | None
    rows: Array | np.ndarray | None
    """As of :class:`Events`, in a batch."""
    total: Any
    """Sum of the nominal weights of all events."""
    smallest: Any
    """Of the nominal weights of all events."""
    events_per_drawn: Any
    """All events over those in the batch."""

    def scaled(self) -> Events:
        """With the weights of a batch, see :func:`draw_batch`."""
        own = self.total / self.weights[:, 0].sum()
        scale = jnp.where(self.smallest < 0, self.events_per_drawn, own)
        return Events(self.features, self.weights * scale, self.place, self.rows)


Data = Mapping[str, Events | Drawn]


def on_device(
    events: EventSets, samples: Sequence[Process], nominal_only: bool = False
) -> tuple[Data, dict[str, list[str]]]:
    """Events as JAX arrays, and the templates of the columns of their weights.

    Args:
        events: all sets.
        samples: processes of the hypothesis.
        nominal_only: leave out variations.
    """
    data, templates = {}, {}
    nominal = {sample.name for sample in samples}
    for name, matrix in events.features.items():
        if nominal_only and name not in nominal:
            continue
        templates[name] = [name] if nominal_only else events.templates_of(name)
        weights = np.stack([events.weights[t] for t in templates[name]], axis=1)
        place, rows = (
            None if found is None else jax.device_put(found)
            for found in (events.place.get(name), events.rows.get(name))
        )
        data[name] = Events(jax.device_put(matrix), jax.device_put(weights), place, rows)
    return data, templates


@partial(jax.jit, static_argnames="size", inline=True)
def draw_batch(data: Data, size: int, key: PRNGKeyArray) -> dict[str, Events]:
    """``size`` events of each set, drawn with replacement, scaled to the yield.

    Of a sample and its variations of the same events, the same events are drawn; those that a set
    does not have are there without weight. Otherwise the difference of two templates would be
    mostly that of two batches, and a systematic of 1 % look like one of the batch's errors.

    Of a set with fewer events the batch has all of them, as they are. Each other set is scaled by a
    common factor: without negative weights, such that the nominal weights of the batch add up to
    the yield; with negative weights, whose sum may be close to zero, by the fraction of events
    drawn, so that they add up to the yield on average.
    """
    batch = {}
    for i, (name, found) in enumerate(sorted(data.items())):
        if isinstance(found, Drawn):
            batch[name] = found.scaled()
            continue
        events, weights, place, rows = found
        population = len(events) if rows is None else len(rows)
        if population < size:
            batch[name] = found
            continue
        drawn = draw_places(key, i, population, rows is not None, size)
        chosen = drawn if rows is None else rows[drawn]
        nominal = weights[:, 0]
        batch[name] = Drawn(
            events[chosen],
            jnp.where(chosen[:, None] < 0, 0.0, weights[chosen]),
            None if place is None else place[chosen],
            None if rows is None else chosen,
            nominal.sum(),
            nominal.min(),
            population / size,
        ).scaled()
    return batch


def draw_places(
    key: PRNGKeyArray, number: int, population: int, has_rows: bool, size: int
) -> Int[Array, " size"]:
    """Places of the events of a batch in their set, or in its rows.

    Args:
        key: of the step.
        number: of the set, in the order of names.
        population: of events, or of rows.
        has_rows: whether it is one of several sets of the same events, whose draws are the same.
        size: of the batch.
    """
    # The sets of a sample have rows of one length.
    stream = population if has_rows else number
    return jax.random.randint(jax.random.fold_in(key, stream), (size,), 0, population)
