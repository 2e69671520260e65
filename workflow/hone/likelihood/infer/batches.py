"""Many fits in batches, of one size for a compiled program."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

__all__ = ["in_batches"]


def in_batches(
    function: Callable[[np.ndarray], tuple[Any, ...]],
    rows: int,
    size: int,
    filled: bool,
    threads: int = 1,
) -> list[np.ndarray]:
    """What ``function`` returns for all rows, joined.

    Args:
        function: of the numbers of ``size`` rows or fewer.
        rows: how many there are, at least one.
        size: of a batch.
        filled: whether the last batch is filled up with its own rows.
        threads: how many batches run at once after the first, for which a program is compiled.
    """

    # JAX's contexts set these in the caller's thread alone.
    config: Any = jax.config
    bits, device = config.jax_enable_x64, config.jax_default_device

    def of(first: int) -> list[np.ndarray]:
        chosen = np.arange(first, min(first + size, rows))
        with jax.enable_x64(bits), jax.default_device(device):
            found = function(np.resize(chosen, size) if filled else chosen)
        return [np.asarray(x)[: len(chosen)] for x in found]

    parts, rest = [of(0)], range(size, rows, size)
    if threads > 1 and len(rest) > 1:
        with ThreadPoolExecutor(threads) as pool:
            parts += pool.map(of, rest)
    else:
        parts += map(of, rest)
    return [np.concatenate(x) for x in zip(*parts, strict=True)]
