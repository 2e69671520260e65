"""Parameters that belong to one bin: a staterror or a shapesys has one for each bin."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Float

from hone.likelihood.arrays import Index, index_of, namespace, take

if TYPE_CHECKING:
    from hone.likelihood.histfactory.layout import Layout

__all__ = ["Split"]

_FEW = 8
"""Blocks whose sums over samples are faster as one product of matrices, with zeros."""


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
        bound = np.union1d(alphas, np.array(layout.correlated, dtype=int))
        of_bin = np.unique([p, b], axis=1)
        single = np.flatnonzero(np.bincount(of_bin[0], minlength=npars) == 1)
        single = np.setdiff1d(single, bound)
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
    def order(self) -> np.ndarray:
        """int (P,): the shared parameters and then the others."""
        return np.concatenate([self.shared, self.own])

    @cached_property
    def place(self) -> np.ndarray:
        """int (P,): where each parameter stands in this order."""
        return np.argsort(self.order)

    @cached_property
    def own_of_bin(self) -> np.ndarray:
        """int (B,): place of each bin among those with a parameter of their own; E for others."""
        place = np.full(len(self.block_of_bin), len(self.own_bins))
        place[self.own_bins] = np.arange(len(self.own_bins))
        return place

    @cached_property
    def in_block(self) -> np.ndarray:
        """float (K, B): 1 for the bins of a block."""
        return (np.arange(len(self.channel_of_block))[:, None] == self.block_of_bin).astype(float)

    @cached_property
    def runs(self) -> list[tuple[slice, slice]]:
        """Blocks of several bins one by one, and runs of blocks of a bin: each with its bins."""
        size = np.bincount(self.block_of_bin)
        ends = np.flatnonzero((size[1:] > 1) | (size[:-1] > 1)) + 1
        edges = [0, *ends.tolist(), len(size)]
        first = np.append(0, np.cumsum(size))
        return [(slice(a, b), slice(int(first[a]), int(first[b]))) for a, b in pairwise(edges)]

    @cached_property
    def index(self) -> dict[str, Index]:
        """Where entries are taken."""
        names = (
            "shared", "own", "own_bins", "own_of_bin", "place", "block_of_bin",
        )  # fmt: skip
        return {name: index_of(getattr(self, name)) for name in names}

    def apart(self, x: Array) -> tuple[Array, Array]:
        """Entries of shared (G,) and of other parameters (E,)."""
        return take(x, self.index["shared"]), take(x, self.index["own"])

    def joined(self, shared: Array, own: Array) -> Array:
        """The reverse of :meth:`apart`."""
        return take(namespace(shared, own).concatenate([shared, own], axis=-1), self.index["place"])

    def sum_in_blocks(self, x: Float[Array, "*shape B"]) -> Float[Array, "*shape K"]:
        blocks, bins = len(self.channel_of_block), len(self.block_of_bin)
        if blocks == bins:
            return x
        if blocks == 1:
            return x.sum(axis=-1, keepdims=True)
        if isinstance(x, np.ndarray):
            return np.add.reduceat(x, np.searchsorted(self.block_of_bin, range(blocks)), axis=-1)
        return x @ (self.block_of_bin[:, None] == np.arange(blocks)).astype(float)

    def per_bin(self, x: Float[Array, "*shape K"]) -> Float[Array, "*shape B"]:
        """Values of blocks, repeated for each of their bins."""
        blocks, bins = len(self.channel_of_block), len(self.block_of_bin)
        if blocks == bins:
            return x
        if blocks == 1:
            return namespace(x).broadcast_to(x, (*x.shape[:-1], bins))
        return take(x, self.index["block_of_bin"])

    def with_own(self, x: Float[Array, "*shape B"]) -> Float[Array, "*shape E"]:
        """Values in bins that have a parameter of their own."""
        return take(x, self.index["own_bins"])

    def in_bins(self, own: Float[Array, "*shape E"]) -> Float[Array, "*shape B"]:
        """Values of bins with a parameter of their own, zero in the others."""
        if len(self.own_bins) == len(self.block_of_bin):
            return own
        xp = namespace(own)
        nothing = xp.zeros((*own.shape[:-1], 1))
        return take(xp.concatenate([own, nothing], axis=-1), self.index["own_of_bin"])

    def sum_samples(
        self, of_blocks: Float[Array, "*L G S K"], cells: Float[Array, "*L S B"]
    ) -> Float[Array, "*L G B"]:
        """The sum over samples of the products of values of blocks and of their bins."""
        xp, blocks = namespace(cells), len(self.channel_of_block)
        if blocks == 1 or (xp is np and blocks <= _FEW):
            spread = cells[..., None, :] * self.in_block
            columns = spread.reshape(*spread.shape[:-3], -1, spread.shape[-1])
            return of_blocks.reshape(*of_blocks.shape[:-2], -1) @ columns
        if xp is not np and len(self.runs) > _FEW:
            # Compiled in a fraction of the time.
            return (self.per_bin(of_blocks) * cells[..., None, :, :]).sum(axis=-2)
        # Without an array of parameters, samples and bins.
        parts = []
        for run, bins in self.runs:
            left, right = of_blocks[..., run], cells[..., bins]
            if left.shape[-1] == 1:
                parts.append(left[..., 0] @ right)
            else:
                parts.append(xp.einsum("...gsb,...sb->...gb", left, right))
        return xp.concatenate(parts, axis=-1)

    def sum_bins(
        self, templates: Float[Array, "*#L H S B"], cells: Float[Array, "*L S B"]
    ) -> Float[Array, "*L H S K"]:
        """The sum over the bins of each block of the products of templates and cells."""
        if not isinstance(cells, np.ndarray):
            return self.sum_in_blocks(templates * cells[..., None, :, :])
        parts = []
        for blocks, bins in self.runs:
            left, right = templates[..., bins], cells[..., bins]
            if blocks.stop - blocks.start == 1:
                parts.append(np.einsum("...hsb,...sb->...hs", left, right)[..., None])
            else:
                parts.append(left * right[..., None, :, :])
        return np.concatenate(parts, axis=-1)
