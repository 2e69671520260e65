"""Many fits in batches, of one size for a compiled program."""

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["in_batches"]


def in_batches(
    function: Callable[[np.ndarray], tuple[Any, ...]], rows: int, size: int, filled: bool
) -> list[np.ndarray]:
    """What ``function`` returns for all rows, joined.

    Args:
        function: of the numbers of ``size`` rows or fewer.
        rows: how many there are, at least one.
        size: of a batch.
        filled: whether the last batch is filled up with its own rows.
    """
    parts = []
    for first in range(0, rows, size):
        chosen = np.arange(first, min(first + size, rows))
        found = function(np.resize(chosen, size) if filled else chosen)
        parts.append([np.asarray(x)[: len(chosen)] for x in found])
    return [np.concatenate(x) for x in zip(*parts, strict=True)]
