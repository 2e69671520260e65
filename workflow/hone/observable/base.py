"""The interface of every observable."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from hone.errors import InputError
from hone.sentinels import PADDING

__all__ = ["Observable", "edge_summary", "finite", "in_pieces", "without_score"]

_PIECE = 8192
"""Events scored at a time: one compiled program for all, within the processor's cache."""


class Observable(eqx.Module):
    """Maps events to bins: sharply for limits, smoothly for training.

    Training uses :meth:`respond`, :meth:`widths` and :meth:`shares`, which are differentiable;
    everything after it uses :meth:`score` and :attr:`edges`.
    """

    features: eqx.AbstractVar[tuple[str, ...]]
    """Names of the inputs, in order (F)."""

    @property
    @abstractmethod
    def edges(self) -> Float[Array, " B+1"]:
        """Bin edges in the score, rising."""

    @abstractmethod
    def respond(self, events: Float[Array, "N F"]) -> Any:
        """Outputs that define the bins: a PyTree of arrays with events along the first axis."""

    @abstractmethod
    def hard(self, response: Any) -> Float[Array, " N"]:
        """Scores, float64; NaN for events that fail a cut."""

    @abstractmethod
    def widths(
        self, response: Any, weights: Float[Array, " N"], progress: Float[Array, ""] | float
    ) -> Float[Array, "*N"]:
        """Softness of the bins: one number, or one per event.

        Args:
            response: of all events of one template.
            weights: of these events; rules for the bandwidth may use them.
            progress: of the training, from 0 to 1.
        """

    @abstractmethod
    def shares(self, response: Any, widths: Float[Array, "*N"]) -> Float[Array, "N B"]:
        """Share of each event in each bin, float64; they add up to 1, or less after cuts."""

    @abstractmethod
    def trainable(self) -> Any:
        """PyTree of the same structure: True for leaves that are trained."""

    def in_training(self, keys: PRNGKeyArray) -> Self:
        """As it responds to some events in a training step: with dropout, where it has any.

        Args:
            keys: that of each event's dropout (N,).
        """
        return self

    def started_from(self, other: "Observable") -> Self:
        """With the weights of another one, and its edges where they are learned.

        Raises:
            TypeError: this kind takes none.
        """
        raise TypeError(f"a {type(self).__name__} does not start from a {type(other).__name__}")

    def matrices(self) -> list[Array]:
        """Trained matrices, which regularisation acts on."""
        return []

    @property
    def has_cuts(self) -> bool:
        """Whether events may fail cuts, and are then in no bin."""
        return False

    @property
    def widths_follow_events(self) -> bool:
        """Whether :meth:`widths` depend on all events of a template."""
        return False

    def logits(self, events: Float[Array, "N F"]) -> Array:
        """Log-odds of signal; of categories, the outputs of all (N, C). No others have them."""
        raise TypeError(f"a {type(self).__name__} is not a classifier")

    def summary(self, progress: float) -> dict[str, float]:
        """What training changes besides weights, for the history."""
        return edge_summary(self.edges)

    @property
    def bins(self) -> int:
        """Number of bins."""
        return int(self.edges.shape[0]) - 1

    def __call__(self, events: Float[Array, "N F"]) -> Float[Array, " N"]:
        """Scores of events, float64; NaN for events that fail a cut."""
        return self.hard(self.respond(events))

    def score(self, events: np.ndarray) -> np.ndarray:
        """Scores of many events (n, F), as :meth:`__call__`, in pieces.

        Raises:
            InputError: names an event whose score is not a number, by its place.
        """
        scores, good = in_pieces(_call, self, events)
        return self._checked(scores, good, events)

    def score_and_logits(self, events: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """:meth:`score` and :meth:`logits` of many events, which share their network."""
        (scores, good), logits = in_pieces(_call_and_logits, self, events)
        return self._checked(scores, good, events), np.asarray(logits)

    def _checked(self, scores: Any, good: Any, events: np.ndarray) -> np.ndarray:
        if not good.all():
            at = int(np.argmin(good))
            raise without_score(f"event {at}", self.features, events, at)
        return np.asarray(scores)


def edge_summary(edges: Float[Array, " B+1"], of: str = "") -> dict[str, float]:
    """Edges for :meth:`Observable.summary`; ``of`` is what they are of, if not of the score."""
    return {f"{of}edge_{i}": float(edge) for i, edge in enumerate(np.asarray(edges))}


def in_pieces(function: Any, observable: Observable, events: np.ndarray) -> Any:
    """``function(observable, events)`` in pieces of one size; a PyTree of numpy arrays."""
    pieces = []
    for start in range(0, max(len(events), 1), _PIECE):
        piece = events[start : start + _PIECE]
        padded = np.zeros((_PIECE, events.shape[1]))
        padded[: len(piece)] = piece
        found = function(observable, padded)
        pieces.append(jax.tree.map(np.asarray, found))
    return jax.tree.map(lambda *parts: np.concatenate(parts)[: len(events)], *pieces)


@eqx.filter_jit
def _call(
    observable: Observable, events: np.ndarray
) -> tuple[Float[Array, " N"], Bool[Array, " N"]]:
    response = observable.respond(jnp.asarray(events))
    return observable.hard(response), finite(response)


@eqx.filter_jit
def _call_and_logits(observable: Observable, events: np.ndarray) -> Any:
    return _call(observable, events), observable.logits(jnp.asarray(events))


def finite(response: Any) -> Bool[Array, " N"]:
    """Whether the response of each event is finite, in all of its arrays."""
    leaves = [jnp.isfinite(x).reshape(len(x), -1).all(axis=1) for x in jax.tree.leaves(response)]
    return jnp.stack(leaves).all(axis=0)


def without_score(event: str, features: Sequence[str], events: np.ndarray, at: int) -> InputError:
    """The error for an event whose score is not a number (NaN marks events that fail a cut).

    Args:
        event: its name in the message.
        features: their names (F).
        events: it and others (n, F).
        at: its place among them.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        distance = np.abs(events - np.median(events, axis=0))
        spread = np.median(distance, axis=0)
        distance = np.where(events[at] == PADDING, 0.0, distance[at])
        farthest = np.argsort(-distance / np.where(spread > 0, spread, 1.0))[:3]
    values = ", ".join(f"{features[k]} = {events[at, k]:g}" for k in farthest)
    return InputError(
        f"{event} has a score that is not a number; its most extreme features: {values}. Exclude "
        "such events by the regions' selections, or use a feature of smaller range, e.g. log(x)"
    )
