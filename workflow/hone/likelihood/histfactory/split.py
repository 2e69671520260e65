"""Parameters that belong to one bin, and matrices in which only these are many.

A staterror or a shapesys has a parameter for each bin, which no other bin depends on. The Hessian
of -ln L is an arrow then: dense for the parameters that bins share, with a diagonal for the others.
"""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Array, Bool, Float
from scipy.linalg.blas import dgemm
from scipy.linalg.lapack import dposv

from hone.likelihood.arrays import Index, index_of, namespace, solve_positive, take, with_diagonal

if TYPE_CHECKING:
    from hone.likelihood.histfactory.layout import Layout

__all__ = ["Arrow", "Rows", "Split"]

_SMALL = 12
"""Shared parameters of which many fits are faster solved side by side."""


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
    def place(self) -> np.ndarray:
        """int (P,): where each parameter stands among the shared and then the others."""
        return np.argsort(np.concatenate([self.shared, self.own]))

    @cached_property
    def own_of_bin(self) -> np.ndarray:
        """int (B,): place of each bin among those with a parameter of their own; E for others."""
        place = np.full(len(self.block_of_bin), len(self.own_bins))
        place[self.own_bins] = np.arange(len(self.own_bins))
        return place

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
            "channel_of_block", "histosys_row",
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
        if not isinstance(cells, np.ndarray):
            return (self.per_bin(of_blocks) * cells[..., None, :, :]).sum(axis=-2)
        # By NumPy without an array of parameters, samples and bins.
        parts = []
        for blocks, bins in self.runs:
            left, right = of_blocks[..., blocks], cells[..., bins]
            if left.shape[-1] == 1:
                parts.append(left[..., 0] @ right)
            else:
                parts.append(np.einsum("...gsb,...sb->...gb", left, right))
        return np.concatenate(parts, axis=-1)

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


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Arrow:
    """Symmetric matrices of the parameters, without entries between those of different bins."""

    shared: Float[Array, "*L G G"]
    mixed: Float[Array, "*L G E"]
    own: Float[Array, "*L E"]
    layout: "Layout" = field(metadata={"static": True})

    @classmethod
    def of(cls, matrix: Float[Array, "*L P P"], layout: "Layout") -> "Arrow":
        """The arrow in a full matrix."""
        split = layout.split
        shared, mixed = split.apart(take(matrix, split.index["shared"], axis=-2))
        return cls(shared, mixed, take(_diagonal(matrix), split.index["own"]), layout)

    def dense(self) -> Float[Array, "*L P P"]:
        """The full matrix, in the order of the parameters."""
        place, xp = self.layout.split.index["place"], namespace(self.own)
        own = self.own[..., None] * np.eye(self.own.shape[-1])
        upper = xp.concatenate([self.shared, self.mixed], axis=-1)
        lower = xp.concatenate([xp.swapaxes(self.mixed, -1, -2), own], axis=-1)
        full = xp.concatenate([upper, lower], axis=-2)
        return take(take(full, place, axis=-2), place)

    @property
    def diagonal(self) -> Float[Array, "*L P"]:
        return self.layout.split.joined(_diagonal(self.shared), self.own)

    def times(self, vector: Float[Array, "*L P"]) -> Float[Array, "*L P"]:
        """The product with a vector."""
        split = self.layout.split
        one, two = split.apart(vector)
        shared = (self.shared @ one[..., None] + self.mixed @ two[..., None])[..., 0]
        return split.joined(shared, (one[..., None, :] @ self.mixed)[..., 0, :] + self.own * two)

    def solve(
        self,
        vector: Float[Array, "*L P"],
        moving: Bool[Array, "*L P"],
        damping: Float[Array, "*L"] | float = 0.0,
    ) -> Float[Array, "*L P"]:
        """Solve for the moving parameters; zero for the others, NaN if not positive definite.

        Parameters of single bins are eliminated (Schur complement). ``damping`` is relative to the
        diagonal; a further 1e-14 regularises parameters without effect (e.g. a free factor on an
        empty bin), which then do not move.
        """
        split, diagonal, xp = self.layout.split, self.diagonal, namespace(vector, self.own)
        scale = xp.abs(diagonal)
        largest = xp.where(moving, scale, 0.0).max(axis=-1, keepdims=True)
        scale = xp.maximum(scale, 1e-12 * largest + 1e-300)
        damping = xp.asarray(damping)[..., None]
        raised = xp.where(moving, diagonal + (damping + 1e-14) * scale, 1.0)
        shared_raised, own = split.apart(raised)
        (shared_moving, own_moving), (one, two) = (
            split.apart(x) for x in (moving, xp.where(moving, vector, 0.0))
        )
        own = xp.where(own > 0, own, xp.nan)
        mixed = xp.where(shared_moving[..., None] & own_moving[..., None, :], self.mixed, 0.0)
        per_own = mixed / own[..., None, :]
        one = one - (per_own @ two[..., None])[..., 0]
        if xp is np and self.shared.shape[-1] > _SMALL:
            one = _solved_one_by_one(self.shared, shared_moving, shared_raised, per_own, mixed, one)
        else:
            both = shared_moving[..., None] & shared_moving[..., None, :]
            matrix = with_diagonal(xp.where(both, self.shared, 0.0), shared_raised)
            one = solve_positive(matrix - per_own @ xp.swapaxes(mixed, -1, -2), one)
        two = two - (one[..., None, :] @ mixed)[..., 0, :]
        return split.joined(one, two / own)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Rows:
    """Derivatives of B rates in the parameters, each bin's own parameter apart."""

    shared: Float[Array, "*L G B"]
    own: Float[Array, "*L E"]
    layout: "Layout" = field(metadata={"static": True})

    def dense(self) -> Float[Array, "*L P B"]:
        """The full Jacobian, in the order of the parameters."""
        split, bins = self.layout.split, self.shared.shape[-1]
        xp = namespace(self.shared)
        own = xp.where(split.own_bins[:, None] == np.arange(bins), self.own[..., None], 0.0)
        return take(xp.concatenate([self.shared, own], axis=-2), split.index["place"], axis=-2)

    def times(self, slope: Float[Array, "*L B"]) -> Float[Array, "*L P"]:
        """Derivatives of what has this ``slope`` in each rate."""
        split = self.layout.split
        of_shared = (self.shared @ slope[..., None])[..., 0]
        return split.joined(of_shared, self.own * split.with_own(slope))

    def change(self, step: Float[Array, "*L P"]) -> Float[Array, "*L B"]:
        """First-order change of the rates in a step of the parameters."""
        split = self.layout.split
        shared, own = split.apart(step)
        return (shared[..., None, :] @ self.shared)[..., 0, :] + split.in_bins(own * self.own)


def _solved_one_by_one(
    shared: Any, moving: Any, diagonal: Any, per_own: Any, mixed: Any, vector: Any
) -> Any:
    """Solve (shared - per_own @ mixed^T) x = vector in what moves; NaN if not positive definite.

    By LAPACK in place, without the rows and columns of what is held, which may be most. By NumPy;
    shapes (*L, G, G), (*L, G), (*L, G, E), of which some may lack what others have of L.
    """
    of_all = np.broadcast_shapes(shared.shape[:-2], moving.shape[:-1], vector.shape[:-1])
    # Their number is said: without parameters of single bins NumPy cannot infer it.
    count = prod(of_all)

    def flat(array: Any, axes: int) -> Any:
        own = array.shape[-axes:]
        return np.broadcast_to(array, (*of_all, *own)).reshape(count, *own)

    places, right = flat(moving, 1), flat(vector, 1)
    result = np.where(places, np.nan, right)
    each = flat(shared, 2), flat(per_own, 2), flat(mixed, 2), flat(diagonal, 1)
    for k, (matrix, left, other, values) in enumerate(zip(*each, strict=True)):
        chosen = np.flatnonzero(places[k])
        if not len(chosen):
            continue
        if len(chosen) < len(values):
            matrix, left, other = matrix[np.ix_(chosen, chosen)], left[chosen], other[chosen]
        else:
            matrix = matrix.copy()
        np.fill_diagonal(matrix, values[chosen])
        # Transposes are in the order of BLAS.
        if left.shape[-1]:
            dgemm(-1.0, left.T, other.T, 1.0, matrix.T, trans_a=True, overwrite_c=True)
        _, solution, failed = dposv(matrix.T, right[k, chosen], lower=False, overwrite_a=True)
        if not failed:
            result[k, chosen] = solution
    return result.reshape(*of_all, -1)


def _diagonal(matrix: Float[Array, "*L G G"]) -> Float[Array, "*L G"]:
    return namespace(matrix).diagonal(matrix, axis1=-2, axis2=-1)
