"""The mean score of several networks, as an observable."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hone.observable.base import Observable
from hone.observable.network import NetworkObservable
from hone.observable.soft import kernel_shares

__all__ = ["EnsembleObservable"]


class EnsembleObservable(Observable):
    """The mean of the scores of networks without cuts, which differ in their weights only.

    Of those that are turned round it is 1 - score that counts.

    Edges and the bandwidth of soft bins are those of the first.
    """

    members: tuple[NetworkObservable, ...]
    turned: tuple[bool, ...] = eqx.field(static=True)
    """Whether each is turned round."""
    features: tuple[str, ...] = eqx.field(static=True)

    @classmethod
    def of(cls, members: Sequence[Observable], turned: Sequence[bool]) -> "EnsembleObservable":
        """Of networks with the same features, some of them turned round.

        Raises:
            TypeError: one is no network in bins of its output, or has cuts.
        """
        networks = []
        for member in members:
            if not isinstance(member, NetworkObservable) or member.cuts is not None:
                raise TypeError("an ensemble is of networks with one output, without cuts")
            networks.append(member)
        return cls(members=tuple(networks), turned=tuple(turned), features=networks[0].features)

    @property
    def edges(self) -> Float[Array, " B+1"]:
        """Bin edges from 0 to 1."""
        return self.members[0].edges

    def with_edges(self, edges: np.ndarray) -> "EnsembleObservable":
        """The same networks with other edges from 0 to 1 (B + 1,), of any number."""
        return self.of([member.with_edges(edges) for member in self.members], self.turned)

    def respond(self, events: Float[Array, "N F"]) -> Float[Array, " N"]:
        scores = [
            1 - member(events) if turned else member(events)
            for member, turned in zip(self.members, self.turned, strict=True)
        ]
        return jnp.stack(scores).mean(axis=0)

    def hard(self, response: Float[Array, " N"]) -> Float[Array, " N"]:
        return response

    def widths(
        self,
        response: Float[Array, " N"],
        weights: Float[Array, " N"],
        progress: Float[Array, ""] | float,
    ) -> Float[Array, "*N"]:
        return self.members[0].softness.widths(response, weights, progress)

    @property
    def widths_follow_events(self) -> bool:
        return self.members[0].widths_follow_events

    def shares(self, response: Float[Array, " N"], widths: Float[Array, "*N"]) -> Any:
        return kernel_shares(response, self.edges, widths)

    def trainable(self) -> Any:
        return jax.tree.map(lambda _: False, self)
