"""Parameters that belong to one bin, and matrices in which only these are many.

A staterror or a shapesys has a parameter for each bin, which no other bin depends on. The Hessian
of -ln L is an arrow then: dense for the parameters that bins share, with a diagonal for the others.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

if TYPE_CHECKING:
    from hone.likelihood.histfactory.layout import Layout

__all__ = ["Arrow", "Rows", "Split", "take"]


def take(x: Array, places: np.ndarray, axis: int = -1) -> Array:
    """Entries of ``x`` at fixed places along an axis.

    A slice where these follow each other, as is usual: it compiles in a fraction of the time.
    """
    if len(places) and (np.diff(places) == 1).all():
        first = int(places[0])
        return jax.lax.slice_in_dim(x, first, first + len(places), axis=axis)
    index = (slice(None),) * (axis % x.ndim) + (places,)
    return x.at[index].get(mode="promise_in_bounds")


@dataclass(frozen=True)
class Split:
    """What a layout's parameters act on.

    Sizes: G shared parameters, E bins with a parameter of their own, K blocks of bins; others as in
    :class:`~hone.likelihood.histfactory.layout.Layout`.
    """

    shared: np.ndarray
    """int (G,): parameters that act on several bins, and all but one of each bin's own."""
    own: np.ndarray
    """int (E,): the parameter that is eliminated in a bin."""
    own_bins: np.ndarray
    """int (E,)"""
    own_power: np.ndarray
    """float (S, E): power of that parameter in the factor of a cell."""
    block_of_bin: np.ndarray
    """int (B,): blocks are channels, or single bins where a shared parameter multiplies some bins
    of a channel only."""
    channel_of_block: np.ndarray
    """int (K,)"""
    power: np.ndarray
    """float (G, S, K): power of each shared parameter in the factor of a cell."""
    histosys_row: np.ndarray
    """int (G,): place of the parameter among the histosys; H where there is none."""
    normsys_row: np.ndarray
    """int (G,): the same for normsys."""

    @classmethod
    def of(cls, layout: "Layout") -> "Split":
        bins, npars, channel = layout.total_bins, layout.npars, layout.channel_of_bin
        samples = len(layout.samples)
        # Each factor of a cell once, with its power.
        _, s, b = np.nonzero(layout.factor_par < npars)
        p = layout.factor_par[layout.factor_par < npars]
        (p, s, b), power = np.unique([p, s, b], axis=1, return_counts=True)

        alphas = np.union1d(layout.histosys_par, layout.normsys_par)
        of_bin = np.unique([p, b], axis=1)
        single = np.flatnonzero(np.bincount(of_bin[0], minlength=npars) == 1)
        single = np.setdiff1d(single, alphas)
        candidates = of_bin[:, np.isin(of_bin[0], single)]
        own_bins, first = np.unique(candidates[1, ::-1], return_index=True)
        own = candidates[0, ::-1][first]
        if len(own) == npars:
            # One is shared, for no array to be empty.
            own_bins, own = own_bins[1:], own[1:]
        shared = np.setdiff1d(np.arange(npars), own)

        is_own = np.isin(p, own)
        own_power = np.zeros((samples, bins))
        own_power[s[is_own], b[is_own]] = power[is_own]
        p, s, b, power = (x[~is_own] for x in (p, s, b, power))
        groups, count = np.unique([p, s, channel[b], power], axis=1, return_counts=True)
        uneven = np.unique(groups[2, count != np.array(layout.nbins)[groups[2]]])
        alone = np.isin(channel, uneven)
        starts = alone | np.append(True, np.diff(channel) > 0)
        block = np.cumsum(starts) - 1
        of_block = np.zeros((len(shared), samples, starts.sum()))
        of_block[np.searchsorted(shared, p), s, block[b]] = power

        def row(parameters: np.ndarray) -> np.ndarray:
            place = np.full(npars, len(parameters))
            place[parameters] = np.arange(len(parameters))
            return place[shared]

        return cls(
            shared, own, own_bins, own_power[:, own_bins], block, channel[starts], of_block,
            row(layout.histosys_par), row(layout.normsys_par),
        )  # fmt: skip

    @cached_property
    def place(self) -> np.ndarray:
        """int (P,): where each parameter stands among the shared and then the others."""
        return np.argsort(np.concatenate([self.shared, self.own]))

    def apart(self, x: Array) -> tuple[Array, Array]:
        """Entries of shared (G,) and of other parameters (E,)."""
        return take(x, self.shared), take(x, self.own)

    def joined(self, shared: Array, own: Array) -> Array:
        """The reverse of :meth:`apart`."""
        return take(jnp.concatenate([shared, own], axis=-1), self.place)

    def sum_in_blocks(self, x: Float[Array, "*shape B"]) -> Float[Array, "*shape K"]:
        blocks, bins = len(self.channel_of_block), len(self.block_of_bin)
        if blocks == bins:
            return x
        if blocks == 1:
            return x.sum(axis=-1, keepdims=True)
        return x @ (self.block_of_bin[:, None] == np.arange(blocks)).astype(float)

    def per_bin(self, x: Float[Array, "*shape K"]) -> Float[Array, "*shape B"]:
        """Values of blocks, repeated for each of their bins."""
        blocks, bins = len(self.channel_of_block), len(self.block_of_bin)
        if blocks == bins:
            return x
        if blocks == 1:
            return jnp.broadcast_to(x, (*x.shape[:-1], bins))
        return take(x, self.block_of_bin)

    def with_own(self, x: Float[Array, "*shape B"]) -> Float[Array, "*shape E"]:
        """Values in bins that have a parameter of their own."""
        return take(x, self.own_bins)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Arrow:
    """A symmetric matrix of the parameters, without entries between those of different bins."""

    shared: Float[Array, "G G"]
    mixed: Float[Array, "G E"]
    own: Float[Array, " E"]
    layout: "Layout" = field(metadata={"static": True})

    @classmethod
    def of(cls, matrix: Float[Array, "P P"], layout: "Layout") -> "Arrow":
        """The arrow in a full matrix."""
        split = layout.split
        shared, mixed = split.apart(take(matrix, split.shared, axis=0))
        return cls(shared, mixed, take(jnp.diagonal(matrix), split.own), layout)

    def dense(self) -> Float[Array, "P P"]:
        """The full matrix, in the order of the parameters."""
        place, own = self.layout.split.place, jnp.diag(self.own)
        full = jnp.block([[self.shared, self.mixed], [self.mixed.T, own]])
        return take(take(full, place, axis=0), place)

    @property
    def diagonal(self) -> Float[Array, " P"]:
        return self.layout.split.joined(jnp.diagonal(self.shared), self.own)

    def solve(
        self,
        vector: Float[Array, " P"],
        moving: Bool[Array, " P"],
        damping: Float[Array, ""] | float = 0.0,
    ) -> Float[Array, " P"]:
        """Solve for the moving parameters; zero for the others, NaN if not positive definite.

        Parameters of single bins are eliminated (Schur complement). ``damping`` is relative to the
        diagonal; a further 1e-14 regularises parameters without effect (e.g. a free factor on an
        empty bin), which then do not move.
        """
        split, diagonal = self.layout.split, self.diagonal
        scale = jnp.abs(diagonal)
        scale = jnp.maximum(scale, 1e-12 * jnp.max(jnp.where(moving, scale, 0.0)) + 1e-300)
        raised = jnp.where(moving, diagonal + (damping + 1e-14) * scale, 1.0)
        shared_raised, own = split.apart(raised)
        (shared_moving, own_moving), (one, two) = (
            split.apart(x) for x in (moving, jnp.where(moving, vector, 0.0))
        )
        own = jnp.where(own > 0, own, jnp.nan)
        mixed = jnp.where(shared_moving[:, None] & own_moving, self.mixed, 0.0)
        both = shared_moving[:, None] & shared_moving & ~np.eye(len(split.shared), dtype=bool)
        matrix = jnp.where(both, self.shared, jnp.diag(shared_raised))
        if own.size:
            matrix -= (mixed / own) @ mixed.T
            one -= mixed @ (two / own)
        factor = jax.lax.linalg.cholesky(matrix, symmetrize_input=False)
        solve = jax.lax.linalg.triangular_solve
        half = solve(factor, one[:, None], left_side=True, lower=True)
        one = solve(factor, half, left_side=True, lower=True, transpose_a=True)[:, 0]
        return split.joined(one, (two - one @ mixed) / own)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Rows:
    """Derivatives of B rates in the parameters, each bin's own parameter apart."""

    shared: Float[Array, "G B"]
    own: Float[Array, " E"]
    layout: "Layout" = field(metadata={"static": True})

    def dense(self) -> Float[Array, "P B"]:
        """The full Jacobian, in the order of the parameters."""
        split, bins = self.layout.split, self.shared.shape[-1]
        own = jnp.where(split.own_bins[:, None] == np.arange(bins), self.own[:, None], 0.0)
        return take(jnp.concatenate([self.shared, own]), split.place, axis=0)

    def change(self, step: Float[Array, " P"]) -> Float[Array, " B"]:
        """First-order change of the rates in a step of the parameters."""
        split = self.layout.split
        shared, own = split.apart(step)
        found, own = shared @ self.shared, own * self.own
        if len(split.own_bins) == found.size:
            return found + own
        return found.at[split.own_bins].add(own)
