"""Neural networks as observables: with bins in a single output, or with one output per bin."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from hone.analysis.observables import Network, Softmax
from hone.observable.base import Observable
from hone.observable.cuts import Cuts
from hone.observable.scaling import limits, moments, standardised
from hone.observable.soft import Softness, kernel_shares

__all__ = ["NetworkObservable", "SoftmaxObservable"]


class _Network(eqx.Module):
    """Standardised features, then fully connected layers with ReLU.

    Features are standardised in float64 before they are cast to the network's precision.
    """

    layers: eqx.nn.Sequential
    mean: np.ndarray
    """Subtracted from the features, float64 (F,); from training events, not trained."""
    scale: np.ndarray
    """Divides the features, float64 (F,)."""
    lowest: np.ndarray
    """Smallest value that is seen of a feature, float64 (F,); events below have it."""
    highest: np.ndarray
    """Largest value, float64 (F,)."""
    hidden: tuple[int, ...] = eqx.field(static=True)
    precision: str = eqx.field(static=True)

    @classmethod
    def create(
        cls,
        settings: Network | Softmax,
        outputs: int,
        features: Sequence[str],
        events: np.ndarray,
        key: PRNGKeyArray,
    ) -> "_Network":
        hidden, dtype = settings.hidden, np.dtype(settings.precision)
        sizes = [events.shape[1], *hidden]
        layers: list[Any] = []
        keys = jax.random.split(key, len(hidden))
        for k, before, after in zip(keys, sizes, hidden, strict=False):
            layers += [eqx.nn.Linear(before, after, dtype=dtype, key=k), eqx.nn.Lambda(jax.nn.relu)]
        last = jax.random.fold_in(key, len(hidden))
        layers.append(eqx.nn.Linear(sizes[-1], outputs, dtype=dtype, key=last))
        mean, scale = moments(events, features)
        lowest, highest = limits(events, scale)
        return cls(
            layers=eqx.nn.Sequential(layers),
            mean=mean,
            scale=scale,
            lowest=lowest,
            highest=highest,
            hidden=tuple(hidden),
            precision=settings.precision,
        )

    def __call__(self, events: Float[Array, "N F"]) -> Float[Array, "N outputs"]:
        seen = jnp.clip(events, self.lowest, self.highest)
        scaled = standardised(seen, self.mean, self.scale).astype(self.precision)
        outputs: Float[Array, "N outputs"] = jax.vmap(self.layers)(scaled)
        return outputs

    def trainable(self) -> Any:
        marks = jax.tree.map(lambda _: False, self)
        return eqx.tree_at(
            lambda n: n.layers, marks, jax.tree.map(eqx.is_inexact_array, self.layers)
        )


class NetworkObservable(Observable):
    """A network with one output in (0, 1) that is binned, after optional cuts.

    Scores are float64, whatever the network's precision. Edges are stored as logits of the bin
    widths, so that they always rise from 0 to 1.
    """

    network: _Network
    edge_logits: Float[Array, " B"]
    softness: Softness
    """Bandwidth of the kernel density, in units of the score."""
    cuts: Cuts | None
    features: tuple[str, ...] = eqx.field(static=True)
    learn_edges: bool = eqx.field(static=True)

    @classmethod
    def create(
        cls, settings: Network, features: Sequence[str], events: np.ndarray, key: PRNGKeyArray
    ) -> "NetworkObservable":
        """A fresh network; arguments as for :func:`~hone.observable.create.create_observable`."""
        observable = cls(
            network=_Network.create(settings, 1, features, events, key),
            edge_logits=jnp.zeros(settings.bins),
            softness=Softness.create(settings.smoothing, settings.bandwidth),
            cuts=Cuts.create(settings.cuts, features, events) if settings.cuts else None,
            features=tuple(features),
            learn_edges=settings.edges == "learned",
        )
        if isinstance(settings.edges, str):
            return observable
        return observable.with_edges(np.asarray(settings.edges))

    @property
    def edges(self) -> Float[Array, " B+1"]:
        """Bin edges from 0 to 1, rising by construction."""
        widths = jax.nn.softmax(self.edge_logits)
        inner = jnp.minimum(jnp.cumsum(widths)[:-1], 1.0)  # it may round to more
        return jnp.concatenate([jnp.zeros(1), inner, jnp.ones(1)])

    def with_edges(self, edges: np.ndarray) -> "NetworkObservable":
        """The same network with other edges from 0 to 1 (B + 1,), of any number."""
        return eqx.tree_at(lambda o: o.edge_logits, self, jnp.log(jnp.diff(jnp.asarray(edges))))

    def logits(self, events: Float[Array, "N F"]) -> Float[Array, " N"]:
        return self.network(events)[:, 0]

    def respond(self, events: Float[Array, "N F"]) -> Any:
        score = jax.nn.sigmoid(self.logits(events)).astype("float64")
        return score, None if self.cuts is None else self.cuts.respond(events)

    def hard(self, response: Any) -> Float[Array, " N"]:
        score, margins = response
        return score if self.cuts is None else jnp.where(self.cuts.hard(margins), score, jnp.nan)

    def widths(
        self, response: Any, weights: Float[Array, " N"], progress: Float[Array, ""] | float
    ) -> Float[Array, "*N"]:
        return self.softness.widths(response[0], weights, progress)

    @property
    def has_cuts(self) -> bool:
        return self.cuts is not None

    @property
    def widths_follow_events(self) -> bool:
        return self.softness.rule in ("scott", "adaptive")

    def shares(self, response: Any, widths: Float[Array, "*N"]) -> Float[Array, "N B"]:
        score, margins = response
        shares = kernel_shares(score, self.edges, widths)
        return shares if self.cuts is None else shares * self.cuts.soft(margins)[:, None]

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
        row = super().summary(progress)
        if self.softness.rule in ("fixed", "annealed", "learned"):
            row["bandwidth"] = float(self.softness.at(progress))
        return row if self.cuts is None else row | self.cuts.summary()


class SoftmaxObservable(Observable):
    """A network with one output per bin: an event is in the bin of its largest output.

    In training its shares are the softmax of outputs / temperature (INFERNO, arXiv:1806.04743,
    eq. 2). The score is the number of the bin plus one half; edges are 0, 1, ..., B.
    """

    network: _Network
    softness: Softness
    """Temperature."""
    features: tuple[str, ...] = eqx.field(static=True)
    outputs: int = eqx.field(static=True)

    @classmethod
    def create(
        cls, settings: Softmax, features: Sequence[str], events: np.ndarray, key: PRNGKeyArray
    ) -> "SoftmaxObservable":
        """A fresh network; arguments as for :func:`~hone.observable.create.create_observable`."""
        return cls(
            network=_Network.create(settings, settings.bins, features, events, key),
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
