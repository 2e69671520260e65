"""Neural networks as observables: with bins in a single output, or with one output per bin."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from hone.analysis.observables import Network, Softmax
from hone.observable.base import Observable, edge_summary
from hone.observable.cuts import Cuts
from hone.observable.layers import make_network
from hone.observable.scaling import Events, Standardised
from hone.observable.soft import Softness, kernel_shares

__all__ = ["NetworkObservable", "SoftmaxObservable", "WithNetwork", "rising"]


@partial(jax.jit, inline=True)
def rising(logits: Float[Array, " b"]) -> Float[Array, " b+1"]:
    """Edges that rise from 0 to 1, from logits of the bin widths."""
    widths = jax.nn.softmax(logits)
    inner = jnp.minimum(jnp.cumsum(widths)[:-1], 1.0)  # it may round to more
    return jnp.concatenate([jnp.zeros(1), inner, jnp.ones(1)])


@jax.jit
def _logits_of(edges: Float[Array, " b+1"]) -> Float[Array, " b"]:
    """Logits of the bin widths, from edges that rise from 0 to 1."""
    return jnp.log(jnp.diff(edges))


class WithNetwork(Observable):
    """What observables with a network have in common."""

    network: eqx.AbstractVar[Standardised]

    def in_training(self, keys: PRNGKeyArray) -> Self:
        return eqx.tree_at(lambda o: o.network, self, self.network.in_training(keys))

    def matrices(self) -> list[Array]:
        return self.network.matrices()


class NetworkObservable(WithNetwork):
    """A network with one output in (0, 1) that is binned, after optional cuts.

    Events that fail a cut are lost, or in a bin of their own from -1 to 0, with the score -1/2.

    Scores are float64, whatever the network's precision. Edges are stored as logits of the bin
    widths, so that they always rise from 0 to 1.
    """

    network: Standardised
    edge_logits: Float[Array, " B"]
    softness: Softness
    """Bandwidth of the kernel density, in units of the score."""
    cuts: Cuts | None
    features: tuple[str, ...] = eqx.field(static=True)
    learn_edges: bool = eqx.field(static=True)
    failing: str = eqx.field(static=True)
    """What becomes of events that fail a cut: ``lost`` or ``bin``."""

    @classmethod
    def create(
        cls, settings: Network, features: Sequence[str], events: Events, key: PRNGKeyArray
    ) -> "NetworkObservable":
        """A fresh network; arguments as for :func:`~hone.observable.create.create_observable`."""
        observable = cls(
            network=make_network(settings, 1, features, events, key),
            edge_logits=jnp.zeros(settings.bins),
            softness=Softness.create(settings.smoothing, settings.bandwidth),
            cuts=Cuts.create(settings.cuts, features, events) if settings.cuts else None,
            features=tuple(features),
            learn_edges=settings.edges == "learned",
            failing=settings.failing,
        )
        if isinstance(settings.edges, str):
            return observable
        return observable.with_edges(np.asarray(settings.edges))

    @property
    def edges(self) -> Float[Array, " B+1"]:
        """Bin edges, rising; of a bin of failing events -1, then those of the output."""
        if self.failing == "bin":
            return jnp.concatenate([-jnp.ones(1), self.output_edges])
        return self.output_edges

    @property
    def output_edges(self) -> Float[Array, " b+1"]:
        """Bin edges of the output from 0 to 1, rising by construction."""
        return rising(self.edge_logits)

    def with_edges(self, edges: np.ndarray) -> "NetworkObservable":
        """The same network with other edges of its output from 0 to 1 (b + 1,), of any number."""
        return eqx.tree_at(lambda o: o.edge_logits, self, _logits_of(np.asarray(edges)))

    def logits(self, events: Float[Array, "N F"]) -> Float[Array, " N"]:
        return self.network(events)[:, 0]

    def respond(self, events: Float[Array, "N F"]) -> Any:
        score = jax.nn.sigmoid(self.logits(events)).astype("float64")
        return score, None if self.cuts is None else self.cuts.respond(events)

    def hard(self, response: Any) -> Float[Array, " N"]:
        score, margins = response
        if self.cuts is None:
            return score
        return jnp.where(self.cuts.hard(margins), score, -0.5 if self.failing == "bin" else jnp.nan)

    def started_from(self, other: Observable) -> "NetworkObservable":
        if not isinstance(other, NetworkObservable):
            raise TypeError(f"a network cannot start from a {type(other).__name__}")
        network = self.network.started_from(other.network)
        edges = other.edge_logits if self.learn_edges else self.edge_logits
        return dataclasses.replace(self, network=network, edge_logits=edges)

    def widths(
        self, response: Any, weights: Float[Array, " N"], progress: Float[Array, ""] | float
    ) -> Float[Array, "*N"]:
        return self.softness.widths(response[0], weights, progress)

    @property
    def has_cuts(self) -> bool:
        return self.cuts is not None and self.failing == "lost"

    @property
    def widths_follow_events(self) -> bool:
        return self.softness.rule in ("scott", "adaptive")

    def shares(self, response: Any, widths: Float[Array, "*N"]) -> Float[Array, "N B"]:
        score, margins = response
        shares = kernel_shares(score, self.output_edges, widths)
        if self.cuts is None:
            return shares
        passing = self.cuts.soft(margins)[:, None]
        if self.failing == "bin":
            return jnp.concatenate([1 - passing, shares * passing], axis=1)
        return shares * passing

    def trainable(self) -> Any:
        marks = jax.tree.map(lambda _: False, self)
        marks = eqx.tree_at(
            lambda o: (o.network, o.edge_logits, o.softness.growth),
            marks,
            (self.network.trainable(), self.learn_edges, self.softness.rule == "learned"),
        )
        if self.cuts is None:
            return marks
        return eqx.tree_at(lambda o: o.cuts, marks, self.cuts.trainable())

    def summary(self, progress: float) -> dict[str, float]:
        row = edge_summary(self.output_edges)
        if self.softness.rule in ("fixed", "annealed", "learned"):
            row["bandwidth"] = float(self.softness.at(progress))
        return row if self.cuts is None else row | self.cuts.summary()


class SoftmaxObservable(WithNetwork):
    """A network with one output per bin: an event is in the bin of its largest output.

    In training its shares are the softmax of outputs / temperature (INFERNO, arXiv:1806.04743,
    eq. 2). The score is the number of the bin plus one half; edges are 0, 1, ..., B.
    """

    network: Standardised
    softness: Softness
    """Temperature."""
    features: tuple[str, ...] = eqx.field(static=True)
    outputs: int = eqx.field(static=True)

    @classmethod
    def create(
        cls, settings: Softmax, features: Sequence[str], events: Events, key: PRNGKeyArray
    ) -> "SoftmaxObservable":
        """A fresh network; arguments as for :func:`~hone.observable.create.create_observable`."""
        return cls(
            network=make_network(settings, settings.bins, features, events, key),
            softness=Softness.create(settings.smoothing, settings.temperature),
            features=tuple(features),
            outputs=settings.bins,
        )

    @property
    def edges(self) -> Float[Array, " B+1"]:
        """0, 1, ..., B."""
        return jnp.arange(self.outputs + 1, dtype="float64")

    def respond(self, events: Float[Array, "N F"]) -> Any:
        return self.network(events).astype("float64")

    def hard(self, response: Any) -> Float[Array, " N"]:
        return jnp.argmax(response, axis=1) + 0.5

    def started_from(self, other: Observable) -> "SoftmaxObservable":
        if not isinstance(other, SoftmaxObservable):
            raise TypeError(f"a softmax cannot start from a {type(other).__name__}")
        return dataclasses.replace(self, network=self.network.started_from(other.network))

    def widths(
        self, response: Any, weights: Float[Array, " N"], progress: Float[Array, ""] | float
    ) -> Float[Array, "*N"]:
        return self.softness.at(progress)

    def shares(self, response: Any, widths: Float[Array, "*N"]) -> Float[Array, "N B"]:
        return jax.nn.softmax(response / widths, axis=1)

    def trainable(self) -> Any:
        marks = jax.tree.map(lambda _: False, self)
        return eqx.tree_at(
            lambda o: (o.network, o.softness.growth),
            marks,
            (self.network.trainable(), self.softness.rule == "learned"),
        )

    def summary(self, progress: float) -> dict[str, float]:
        return super().summary(progress) | {"temperature": float(self.softness.at(progress))}
