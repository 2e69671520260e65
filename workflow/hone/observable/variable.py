"""A variable in given bins: a baseline without training."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hone.observable.base import Observable
from hone.sums import bin_of

__all__ = ["VariableObservable"]


class VariableObservable(Observable):
    """One of the features, in given bins."""

    bin_edges: np.ndarray
    features: tuple[str, ...] = eqx.field(static=True)
    variable: str = eqx.field(static=True)

    @property
    def edges(self) -> Float[Array, " B+1"]:
        """The given edges."""
        return jnp.asarray(self.bin_edges)

    def respond(self, events: Float[Array, "N F"]) -> Any:
        return events[:, self.features.index(self.variable)].astype("float64")

    def hard(self, response: Any) -> Float[Array, " N"]:
        return response

    def widths(
        self, response: Any, weights: Float[Array, " N"], progress: Float[Array, ""] | float
    ) -> Float[Array, "*N"]:
        return jnp.zeros(())

    def shares(self, response: Any, widths: Float[Array, "*N"]) -> Float[Array, "N B"]:
        return jax.nn.one_hot(bin_of(response, self.edges), self.bins, dtype="float64")

    def trainable(self) -> Any:
        return jax.tree.map(lambda _: False, self)
