"""Many fits through one compiled program: batches of one size."""

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["in_batches"]


def in_batches(
    function: Callable[[np.ndarray], tuple[Any, ...]], rows: int, size: int
) -> list[np.ndarray]:
    """What ``function`` returns for all rows, joined.

    Args:
        function: of the numbers of ``size`` rows; the last batch is filled up with its own rows.
        rows: how many there are, at least one.
        size: of a batch.
    """
    parts = []
    for first in range(0, rows, size):
        chosen = np.arange(first, min(first + size, rows))
        found = function(np.resize(chosen, size))
        parts.append([np.asarray(x)[: len(chosen)] for x in found])
    return [np.concatenate(x) for x in zip(*parts, strict=True)]
