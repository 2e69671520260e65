"""The set of an event, from a hash of its number."""

import numpy as np

from hone.errors import InputError

__all__ = ["fold_of", "mixed", "rotated", "uniform"]


def uniform(numbers: np.ndarray) -> np.ndarray:
    """Event numbers (n,) hashed to [0, 1), float64, uniformly.

    Raises:
        InputError: the numbers are not integers, or too large for integers in their type.
    """
    if numbers.dtype.kind == "f":
        largest = 2.0 ** (np.finfo(numbers.dtype).nmant + 1)
        if (np.abs(numbers) > largest).any():
            raise InputError(
                f"{numbers.dtype} holds integers up to {largest:.0f} only; write the numbers of "
                "events as integers"
            )
        whole = numbers.astype(np.int64)
        if not (np.isfinite(numbers).all() and (whole == numbers).all()):
            raise InputError("the numbers of events must be integers")
        numbers = whole
    return (mixed(numbers.astype(np.int64).view(np.uint64)) >> np.uint64(11)) * 2.0**-53


def mixed(x: np.ndarray) -> np.ndarray:
    """Hashes of numbers, uint64 (n,) both: each bit changes half of the bits.

    By splitmix64 (G. L. Steele et al., OOPSLA 2014).
    """
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    found: np.ndarray = x ^ (x >> np.uint64(31))
    return found


def rotated(numbers: np.ndarray, folds: int, fold: int) -> np.ndarray:
    """Numbers (n,) of :func:`uniform`, counted from the end of a fold: its events are the last.

    Args:
        numbers: float64 in [0, 1).
        folds: how many there are; fold k has the numbers from (k - 1) / folds to k / folds.
        fold: from 1 to ``folds``.
    """
    scaled = numbers * folds
    whole = np.floor(scaled)
    # The sum may not round up into the next fold.
    rest = np.minimum(scaled - whole, 1 - 1e-9)
    return ((whole - fold) % folds + rest) / folds


def fold_of(numbers: np.ndarray, folds: int, fold: int) -> np.ndarray:
    """The folds, from 1, of numbers (n,) that are :func:`rotated` to ``fold``."""
    place = np.searchsorted(np.arange(1, folds) / folds, numbers, side="right")
    return (place + fold) % folds + 1
