"""The set of an event, from a hash of its number."""

import numpy as np

from hone.errors import InputError

__all__ = ["uniform"]


def uniform(numbers: np.ndarray) -> np.ndarray:
    """Event numbers (n,) hashed to [0, 1), float64, uniformly.

    By splitmix64 (G. L. Steele et al., OOPSLA 2014): each input bit changes half of the bits.

    Raises:
        InputError: the numbers are not integers.
    """
    if numbers.dtype.kind == "f":
        whole = numbers.astype(np.int64)
        if not (np.isfinite(numbers).all() and (whole == numbers).all()):
            raise InputError("the numbers of events must be integers")
        numbers = whole
    x = numbers.astype(np.int64).astype(np.uint64)
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x = x ^ (x >> np.uint64(31))
    return (x >> np.uint64(11)).astype(float) / 2.0**53
