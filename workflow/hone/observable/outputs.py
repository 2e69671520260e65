"""Networks with several outputs, each of which is binned.

Everything after training sees one score: the number of the bin plus one half.
"""

import dataclasses
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from hone.analysis.outputs import Categories, TwoDimensional
from hone.observable.base import Observable, edge_summary
from hone.observable.layers import make_network
from hone.observable.network import WithNetwork, rising
from hone.observable.scaling import Events, Standardised
from hone.observable.soft import Softness, kernel_shares

__all__ = ["CategoriesObservable", "TwoDimensionalObservable"]


def _bin_of(values: Float[Array, " N"], edges: Float[Array, " b+1"]) -> Array:
    """As :func:`hone.sums.bin_of`, without a search: for a few edges, and as ONNX can write it."""
    return (values[:, None] >= edges[1:-1]).sum(axis=1)


class _OfOutputs(WithNetwork):
    """What both have in common: edges in each output, from 0 to 1."""

    network: Standardised
    edge_logits: tuple[Float[Array, " b"], ...]
    """Of the bin widths in each output."""
    softness: Softness
    """Bandwidth of the kernel density, in units of the outputs."""
    features: tuple[str, ...] = eqx.field(static=True)
    learn_edges: bool = eqx.field(static=True)

    @staticmethod
    def _fields(
        settings: TwoDimensional | Categories,
        features: Sequence[str],
        events: Events,
        key: PRNGKeyArray,
    ) -> dict[str, Any]:
        """Fields of a fresh one, as for :func:`~hone.observable.create.create_observable`."""
        return {
            "network": make_network(settings, len(settings.bins), features, events, key),
            "edge_logits": tuple(jnp.zeros(bins) for bins in settings.bins),
            "softness": Softness.create(settings.smoothing, settings.bandwidth),
            "features": tuple(features),
            "learn_edges": settings.edges == "learned",
        }

    @property
    def output_edges(self) -> list[Float[Array, " b+1"]]:
        """Bin edges in each output, rising from 0 to 1."""
        return [rising(logits) for logits in self.edge_logits]

    def started_from(self, other: Observable) -> Self:
        if not isinstance(other, type(self)):
            raise TypeError(f"a {type(self).__name__} cannot start from a {type(other).__name__}")
        network = self.network.started_from(other.network)
        edges = other.edge_logits if self.learn_edges else self.edge_logits
        return dataclasses.replace(self, network=network, edge_logits=edges)

    def trainable(self) -> Any:
        marks = jax.tree.map(lambda _: False, self)
        return eqx.tree_at(
            lambda o: (o.network, o.edge_logits, o.softness.growth),
            marks,
            (
                self.network.trainable(),
                (self.learn_edges,) * len(self.edge_logits),
                self.softness.rule == "learned",
            ),
        )

    def _summary(self, of: str, progress: float) -> dict[str, float]:
        row: dict[str, float] = {}
        for number, edges in enumerate(self.output_edges, 1):
            row |= edge_summary(edges, f"{of}_{number}_")
        return row | {"bandwidth": float(self.softness.at(progress))}


class TwoDimensionalObservable(_OfOutputs):
    """A network with two outputs in (0, 1), in the products of bins of both.

    Bins of the second output follow one another in each bin of the first.
    """

    @classmethod
    def create(
        cls, settings: TwoDimensional, features: Sequence[str], events: Events, key: PRNGKeyArray
    ) -> "TwoDimensionalObservable":
        """A fresh network; arguments as for :func:`~hone.observable.create.create_observable`."""
        return cls(**cls._fields(settings, features, events, key))

    @property
    def edges(self) -> Float[Array, " B+1"]:
        """0, 1, ..., B."""
        first, second = (len(logits) for logits in self.edge_logits)
        return jnp.arange(first * second + 1, dtype="float64")

    def respond(self, events: Float[Array, "N F"]) -> Float[Array, "N 2"]:
        return jax.nn.sigmoid(self.network(events).astype("float64"))

    def hard(self, response: Float[Array, "N 2"]) -> Float[Array, " N"]:
        first, second = (
            _bin_of(output, edges)
            for output, edges in zip(response.T, self.output_edges, strict=True)
        )
        return first * len(self.edge_logits[1]) + second + 0.5

    def widths(
        self, response: Any, weights: Float[Array, " N"], progress: Float[Array, ""] | float
    ) -> Float[Array, "*N"]:
        return self.softness.at(progress)

    def shares(self, response: Float[Array, "N 2"], widths: Any) -> Float[Array, "N B"]:
        first, second = (
            kernel_shares(output, edges, widths)
            for output, edges in zip(response.T, self.output_edges, strict=True)
        )
        return (first[:, :, None] * second[:, None, :]).reshape(len(response), -1)

    def summary(self, progress: float) -> dict[str, float]:
        return self._summary("output", progress)


class CategoriesObservable(_OfOutputs):
    """A network with an output for each category, the largest of which has the event.

    Within a category an event is in a bin of its probability p, the softmax of the outputs, which
    is at least 1 / C for the largest of C: edges are in (C p - 1) / (C - 1), from 0 to 1. In
    training, the softmax of outputs / temperature shares events among the categories.
    """

    temperature: Softness

    @classmethod
    def create(
        cls, settings: Categories, features: Sequence[str], events: Events, key: PRNGKeyArray
    ) -> "CategoriesObservable":
        """A fresh network; arguments as for :func:`~hone.observable.create.create_observable`."""
        temperature = Softness.create(settings.smoothing, settings.temperature)
        return cls(**cls._fields(settings, features, events, key), temperature=temperature)

    @property
    def starts(self) -> list[int]:
        """Number of each category's first bin, and of all bins."""
        return list(accumulate(map(len, self.edge_logits), initial=0))

    @property
    def edges(self) -> Float[Array, " B+1"]:
        """0, 1, ..., B."""
        return jnp.arange(self.starts[-1] + 1, dtype="float64")

    def respond(self, events: Float[Array, "N F"]) -> Float[Array, "N C"]:
        return self.network(events).astype("float64")

    def logits(self, events: Float[Array, "N F"]) -> Float[Array, "N C"]:
        return self.network(events)

    def _binned(self, response: Float[Array, "N C"]) -> Float[Array, "N C"]:
        """What has the edges of each category."""
        size = response.shape[1]
        return (size * jax.nn.softmax(response, axis=1) - 1) / (size - 1)

    def hard(self, response: Float[Array, "N C"]) -> Float[Array, " N"]:
        numbers = [
            start + _bin_of(values, edges)
            for start, values, edges in zip(
                self.starts, self._binned(response).T, self.output_edges, strict=False
            )
        ]
        own = jnp.argmax(response, axis=1)[:, None] == jnp.arange(len(numbers))
        return (own * jnp.stack(numbers, axis=1)).sum(axis=1) + 0.5

    def widths(
        self, response: Any, weights: Float[Array, " N"], progress: Float[Array, ""] | float
    ) -> Float[Array, " 2"]:
        """Temperature and bandwidth."""
        return jnp.stack([self.temperature.at(progress), self.softness.at(progress)])

    def shares(self, response: Float[Array, "N C"], widths: Any) -> Float[Array, "N B"]:
        temperature, bandwidth = widths
        among = jax.nn.softmax(response / temperature, axis=1)
        parts = [
            part[:, None] * kernel_shares(values, edges, bandwidth)
            for part, values, edges in zip(
                among.T, self._binned(response).T, self.output_edges, strict=True
            )
        ]
        return jnp.concatenate(parts, axis=1)

    def trainable(self) -> Any:
        learned = self.temperature.rule == "learned"
        return eqx.tree_at(lambda o: o.temperature.growth, super().trainable(), learned)

    def summary(self, progress: float) -> dict[str, float]:
        more = {"temperature": float(self.temperature.at(progress))}
        return self._summary("category", progress) | more
