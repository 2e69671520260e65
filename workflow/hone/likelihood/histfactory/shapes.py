"""Sums of products with the templates of shapes, for many fits of one model, by NumPy."""

from typing import Any

import numpy as np
from jaxtyping import Array, Float

from hone.likelihood.histfactory.split import Split

__all__ = ["Shapes"]


class Shapes:
    """The two templates of each histosys, prepared for products of matrices."""

    def __init__(self, symmetric: Float[Array, "H S B"], asymmetric: Float[Array, "H S B"]) -> None:
        both = np.concatenate([symmetric, asymmetric])
        self.count, (_, self.samples, self.bins) = len(symmetric), both.shape
        self.flat = both.reshape(len(both), -1)
        self.by_bin = both.transpose(2, 0, 1).copy()
        self.by_sample = both.transpose(1, 0, 2).copy()

    def shifts(
        self, symmetric: Float[Array, "*L H"], asymmetric: Float[Array, "*L H"]
    ) -> Float[Array, "*L S B"]:
        """The sum of the templates with these weights."""
        weights = np.concatenate([symmetric, asymmetric], axis=-1)
        shape = *weights.shape[:-1], self.samples, self.bins
        found: Array = (weights @ self.flat).reshape(shape)
        return found

    def sum_samples(self, cells: Float[Array, "*L S B"]) -> tuple[Array, Array]:
        """In each bin the sums over samples of cells times templates, (*L, H, B) each."""
        lead = cells.shape[:-2]
        columns = cells.reshape(-1, self.samples, self.bins).transpose(2, 1, 0)
        sums: Any = (self.by_bin @ columns).transpose(2, 1, 0)
        return self._apart(sums.reshape(*lead, -1, self.bins), -2)

    def sum_bins(self, cells: Float[Array, "*L S B"], split: Split) -> tuple[Array, Array]:
        """In each block of bins the sums of cells times templates, (*L, H, S, K) each."""
        lead, flat = cells.shape[:-2], cells.reshape(-1, self.samples, self.bins)
        blocks = len(split.channel_of_block)
        sums: Any = np.empty((len(flat), 2 * self.count, self.samples, blocks))
        for of_blocks, bins in split.runs:
            part = self.by_sample[..., bins]
            if of_blocks.stop - of_blocks.start == 1:
                product = part @ flat[..., bins].transpose(1, 2, 0)
                sums[..., of_blocks.start] = product.transpose(2, 1, 0)
            else:
                sums[..., of_blocks] = part.swapaxes(0, 1) * flat[:, None, :, bins]
        return self._apart(sums.reshape(*lead, *sums.shape[1:]), -3)

    def _apart(self, x: Any, axis: int) -> tuple[Any, Any]:
        one, two = np.split(x, [self.count], axis=axis)
        return one, two
