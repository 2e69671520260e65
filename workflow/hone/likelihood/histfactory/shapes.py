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
        if blocks <= _FEW:
            sums: Any = flat.transpose(1, 0, 2) @ self._spread(split.block_of_bin, blocks)
            sums = sums.reshape(self.samples, fits, -1, blocks)
        else:
            sums = np.empty((self.samples, fits, 2 * self.count, blocks))
            for of_blocks, bins in split.runs:
                part = self.by_sample[..., bins]
                if of_blocks.stop - of_blocks.start == 1:
                    product = flat[..., bins].transpose(1, 0, 2) @ part.swapaxes(1, 2)
                    sums[..., of_blocks.start] = product
                else:
                    right = flat[..., bins].transpose(1, 0, 2)
                    np.multiply(part[:, None], right[:, :, None], out=sums[..., of_blocks])
        one, two = sums[:, :, : self.count], sums[:, :, self.count :]
        in_total = two.sum(axis=(0, 3)).reshape(*lead, -1)
        two *= slope.reshape(fits, self.count, 1)
        two += one
        return two.transpose(1, 2, 0, 3).reshape(*lead, self.count, -1), in_total

    def _spread(self, block_of_bin: np.ndarray, blocks: int) -> np.ndarray:
        """The templates (S, B, 2 H * K), each bin in the place of its block."""
        if self.spread is None:
            spread = np.zeros((self.samples, self.bins, 2 * self.count, blocks))
            spread[:, np.arange(self.bins), :, block_of_bin] = self.by_bin.swapaxes(1, 2)
            self.spread = spread.reshape(self.samples, self.bins, -1)
        return self.spread
