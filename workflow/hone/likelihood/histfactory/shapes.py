"""Sums of products with the templates of shapes, for many fits of one model, by NumPy."""

from typing import Any

import numpy as np
from jaxtyping import Array, Float

from hone.likelihood.histfactory.split import Split

__all__ = ["Shapes"]

_FEW = 4
"""Blocks of which sums are faster as one product of matrices, with zeros."""


class Shapes:
    """The two templates of each histosys, prepared for products of matrices."""

    def __init__(self, symmetric: Float[Array, "H S B"], asymmetric: Float[Array, "H S B"]) -> None:
        both = np.concatenate([symmetric, asymmetric])
        self.count, (_, self.samples, self.bins) = len(symmetric), both.shape
        self.flat = both.reshape(len(both), -1)
        self.by_bin = both.transpose(2, 0, 1).copy()
        self.by_sample = both.transpose(1, 0, 2).copy()
        self.spread: np.ndarray | None = None

    def shifts(
        self, symmetric: Float[Array, "*L H"], asymmetric: Float[Array, "*L H"]
    ) -> Float[Array, "*L S B"]:
        """The sum of the templates with these weights."""
        weights = np.concatenate([symmetric, asymmetric], axis=-1)
        shape = *weights.shape[:-1], self.samples, self.bins
        found: Array = (weights @ self.flat).reshape(shape)
        return found

    def sum_samples(
        self, cells: Float[Array, "*L M S B"], slope: Float[Array, "*L H"]
    ) -> Float[Array, "*L M H B"]:
        """As :meth:`.Likelihood.sum_samples`."""
        lead = cells.shape[:-2]
        columns = cells.reshape(-1, self.samples, self.bins).transpose(2, 1, 0)
        sums: Any = self.by_bin @ columns
        one, two = sums[:, : self.count], sums[:, self.count :]
        two *= np.repeat(slope.reshape(-1, self.count), lead[-1], axis=0).T
        two += one
        found: Array = two.transpose(2, 1, 0).reshape(*lead, self.count, self.bins)
        return found

    def sum_bins(
        self, cells: Float[Array, "*L S B"], slope: Float[Array, "*L H"], split: Split
    ) -> tuple[Array, Array]:
        """As :meth:`.Likelihood.sum_bins`."""
        lead, flat = cells.shape[:-2], cells.reshape(-1, self.samples, self.bins)
        fits, blocks = len(flat), len(split.channel_of_block)
        right = flat.transpose(1, 0, 2)
        if blocks <= _FEW:
            sums: Any = right @ self._spread(split.block_of_bin, blocks)
            sums = sums.reshape(self.samples, fits, blocks, -1)
        else:
            sums = np.empty((self.samples, fits, blocks, 2 * self.count))
            for of_blocks, bins in split.runs:
                part = self.by_sample[..., bins].swapaxes(1, 2)
                if of_blocks.stop - of_blocks.start == 1:
                    sums[:, :, of_blocks.start] = right[..., bins] @ part
                else:
                    np.multiply(part[:, None], right[..., bins, None], out=sums[:, :, of_blocks])
        one, two = sums[..., : self.count], sums[..., self.count :]
        in_total = two.sum(axis=(0, 2)).reshape(*lead, -1)
        two *= slope.reshape(fits, 1, self.count)
        two += one
        return two.transpose(1, 3, 0, 2).reshape(*lead, self.count, -1), in_total

    def _spread(self, block_of_bin: np.ndarray, blocks: int) -> np.ndarray:
        """The templates (S, B, K * 2 H), each bin in the place of its block."""
        if self.spread is None:
            spread = np.zeros((self.samples, self.bins, blocks, 2 * self.count))
            spread[:, np.arange(self.bins), block_of_bin] = self.by_bin.transpose(2, 0, 1)
            self.spread = spread.reshape(self.samples, self.bins, -1)
        return self.spread
