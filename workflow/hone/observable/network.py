"""A neural network as observable, with its bin edges."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

__all__ = ["NetworkObservable"]


class NetworkObservable(eqx.Module):
    """Scales the features, passes them through a network to (0, 1), and bins the result.

    The network computes in float32; scores come out in float64 for the histogram. Edges are kept
    as logits of the bins' widths, so that any value of them gives rising edges from 0 to 1.
    """

    network: eqx.nn.Sequential
    edge_logits: Float[Array, " B"]
    mean: np.ndarray = eqx.field(static=False)
    """Subtracted from the features, float32 (F,); fitted on training events, not trained."""
    scale: np.ndarray = eqx.field(static=False)
    """Divides the features, float32 (F,)."""
    features: tuple[str, ...] = eqx.field(static=True)
    hidden: tuple[int, ...] = eqx.field(static=True)
    bandwidth: float = eqx.field(static=True)
    """Bandwidth of the soft histogram once trained."""

    @classmethod
    def create(
        cls,
        features: Sequence[str],
        hidden: Sequence[int],
        bins: int,
        bandwidth: float,
        scaling_events: np.ndarray,
        key: PRNGKeyArray,
    ) -> "NetworkObservable":
        """A fresh network with equal bins.

        Args:
            features: names of the inputs, in order (F).
            hidden: width of each hidden layer.
            bins: number of bins.
            bandwidth: of the soft histogram once trained.
            scaling_events: events whose mean and standard deviation scale the inputs (n, F).
            key: for the initial weights.
        """
        return cls(
            network=_network(len(features), tuple(hidden), key),
            edge_logits=jnp.zeros(bins),
            mean=scaling_events.mean(axis=0).astype("float32"),
            scale=scaling_events.std(axis=0).astype("float32"),
            features=tuple(features),
            hidden=tuple(hidden),
            bandwidth=bandwidth,
        )

    def logits(self, events: Float[Array, "N F"]) -> Float[Array, " N"]:
        """Log-odds of signal, float32."""
        scaled = (events.astype("float32") - self.mean) / self.scale
        logits: Float[Array, " N"] = jax.vmap(self.network)(scaled)
        return logits

    def __call__(self, events: Float[Array, "N F"]) -> Float[Array, " N"]:
        """Scores in (0, 1), float64."""
        return jax.nn.sigmoid(self.logits(events)).astype("float64")

    @property
    def edges(self) -> Float[Array, " B+1"]:
        """Bin edges from 0 to 1, rising by construction."""
        widths = jax.nn.softmax(self.edge_logits)
        return jnp.concatenate([jnp.zeros(1), jnp.cumsum(widths)[:-1], jnp.ones(1)])

    def with_edges(self, edges: np.ndarray) -> "NetworkObservable":
        """The same network with other edges from 0 to 1 (B + 1,), another number of them too."""
        return eqx.tree_at(lambda o: o.edge_logits, self, jnp.log(jnp.diff(jnp.asarray(edges))))

    def score(self, events: np.ndarray, batch: int = 65536) -> np.ndarray:
        """Scores of many events (n, F) in pieces of one size, so that one program serves all."""
        pieces = []
        for start in range(0, len(events), batch):
            piece = events[start : start + batch]
            padded = np.zeros((batch, events.shape[1]), dtype="float32")
            padded[: len(piece)] = piece
            pieces.append(np.asarray(_score(self, padded))[: len(piece)])
        return np.concatenate(pieces) if pieces else np.zeros(0)


def _network(inputs: int, hidden: tuple[int, ...], key: PRNGKeyArray) -> eqx.nn.Sequential:
    """Fully connected layers with ReLU between them and one output, float32."""
    sizes = [inputs, *hidden]
    layers: list[Any] = []
    for k, before, after in zip(jax.random.split(key, len(hidden)), sizes, hidden, strict=False):
        layers += [eqx.nn.Linear(before, after, dtype="float32", key=k), eqx.nn.Lambda(jax.nn.relu)]
    last = jax.random.fold_in(key, len(hidden))
    return eqx.nn.Sequential(
        [*layers, eqx.nn.Linear(sizes[-1], "scalar", dtype="float32", key=last)]
    )


@eqx.filter_jit
def _score(observable: NetworkObservable, events: np.ndarray) -> Float[Array, " N"]:
    return observable(jnp.asarray(events))
