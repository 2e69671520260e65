"""Scores and bins of events, by one observable or by the networks of all folds."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from hone.observable.base import Observable, finite, in_pieces, without_score
from hone.sums import bin_of

__all__ = ["Scores", "score_events"]


class Scores(NamedTuple):
    """What an observable makes of events."""

    score: np.ndarray
    """float64 (n,); NaN for events that fail a cut."""
    bin: np.ndarray
    """int64 (n,), from 0; -1 for events that fail a cut."""


def score_events(
    observables: Sequence[Observable],
    events: np.ndarray,
    fold: np.ndarray | None = None,
    name: Callable[[int], str] = "event {}".format,
) -> Scores:
    """Scores and bins of events, as in the histograms of the workflow.

    Args:
        observables: one, or the network of each fold.
        events: features (n, F).
        fold: of each event, from 1, int (n,); of several networks only its own scores an event.
        name: of an event for messages, from its place.

    Raises:
        InputError: the score of an event is not a number.
    """
    found = Scores(np.full(len(events), np.nan), np.full(len(events), -1))
    for number, observable in enumerate(observables, 1):
        every = fold is None or len(observables) == 1
        own = np.arange(len(events)) if every else np.flatnonzero(fold == number)
        score, bins, good = in_pieces(_score, observable, events[own])
        if not good.all():
            at = int(own[np.argmin(good)])
            raise without_score(name(at), observable.features, events, at)
        found.score[own], found.bin[own] = score, bins
    return found


@eqx.filter_jit
def _score(observable: Observable, events: np.ndarray) -> tuple[jax.Array, jax.Array, jax.Array]:
    response = observable.respond(jnp.asarray(events))
    score = observable.hard(response)
    bins = jnp.where(jnp.isnan(score), -1, bin_of(score, observable.edges))
    return score, bins, finite(response)
