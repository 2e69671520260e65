"""A few values so far out that they alone would set the scale of a feature."""

from typing import NamedTuple, Self

import numpy as np

from hone.sentinels import Sentinels, find_sentinels

__all__ = ["RULED", "Regular", "few_of", "mean_and_deviation", "regular_range"]

RULED = 3.0
"""Smallest factor on a standard deviation by which a few values rule it."""
_PART, _FEW = 500, 3
"""One value of so many, or so many if these are at most a tenth, are a few."""
_REACH = 30.0
"""Standard deviations of all others within which a value is not far out."""


class Regular(NamedTuple):
    """Which values of a feature set its scale: neither marks for missing ones nor a few far out."""

    marks: Sentinels
    low: float
    high: float

    @classmethod
    def of(cls, *samples: np.ndarray) -> Self:
        """Of the values of each sample (n,), without what is padded."""
        # A mark is among the outermost values but for those far out, and these are far out but for
        # the marks.
        low, high = regular_range(*samples)
        marks = find_sentinels(*(values[_within(values, low, high)] for values in samples))
        if marks.values:
            low, high = regular_range(*(values[marks.others(values)] for values in samples))
        return cls(marks, low, high)

    @property
    def has_all(self) -> bool:
        """Whether these are all values."""
        return not self.marks.values and self.low == -np.inf and self.high == np.inf

    def holds(self, values: np.ndarray) -> np.ndarray:
        """Which values they are, bool of the same shape."""
        return self.marks.others(values) & _within(values, self.low, self.high)


def regular_range(*samples: np.ndarray) -> tuple[float, float]:
    """Between which values a feature is not far out; infinite unless a few rule the variance.

    If two in a thousand of each sample's values, or three of some tens, make nine tenths of the
    variance of all, what lies beyond thirty standard deviations of the others is far out. Not if
    the others are constant: those that have a rare flag are not far out.

    Args:
        samples: values of a feature in each (n,).
    """
    values = np.concatenate(samples)
    chosen = [few_of(len(own)) for own in samples]
    everything = -np.inf, np.inf
    if not sum(chosen):
        return everything
    mean, deviation = mean_and_deviation(values)
    # Values that rule the variance are at least so far from the mean: most features have none.
    least = 0.5 * np.sqrt(len(values) / sum(chosen))
    with np.errstate(over="ignore"):
        if max(values.max() / 2 - mean / 2, mean / 2 - values.min() / 2) <= least * deviation / 2:
            return everything
    centre = float(np.median(values))
    inner = [_nearest(own, centre, few) for own, few in zip(samples, chosen, strict=True)]
    low, high = min(x.min() for x in inner if x.size), max(x.max() for x in inner if x.size)
    of_others = mean_and_deviation(values[_within(values, low, high)])
    if not 0 < RULED * of_others[1] < deviation:
        return everything
    low, high = (
        f(end, of_others[0] + sign * _REACH * of_others[1])
        for f, end, sign in ((min, low, -1), (max, high, 1))
    )
    return float(low), float(high)


def mean_and_deviation(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation (n,), where squares of the values overflow, too."""
    power = np.frexp(np.abs(values).max(initial=0.0))[1]
    small = np.ldexp(values, -power)
    return float(np.ldexp(small.mean(), power)), float(np.ldexp(small.std(), power))


def few_of(size: int) -> int:
    """How many of so many values are a few."""
    return max(size // _PART, min(_FEW, size // 10))


def _nearest(values: np.ndarray, centre: float, few: int) -> np.ndarray:
    """All values but those few that are farthest from a centre."""
    distance = np.abs(values / 2 - centre / 2)
    return values[np.argpartition(distance, len(values) - few - 1)[: len(values) - few]]


def _within(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return (values >= low) & (values <= high)
