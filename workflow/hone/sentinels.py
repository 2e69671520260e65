"""Marks for missing values, such as -999 among numbers of order one."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

__all__ = ["PADDING", "Sentinels", "find_sentinels", "shown_range"]

PADDING = -1e10
"""Of a feature that an event does not have, as the fifth of its three jets: below all values, and
the same number in single precision."""

_REPEATED = 3
"""Fewest events with the very same value."""
_FAR = 3.0
"""Smallest distance from all other values, in widths of these."""
_MOST = 3
"""Most such values on either side that are close to each other."""


class Sentinels(NamedTuple):
    """Repeated values far below or above all others, and what the others are."""

    values: tuple[float, ...]
    """Rising; empty if there are none."""
    lowest: float
    """Of the other values."""
    highest: float

    def others(self, values: np.ndarray) -> np.ndarray:
        """Which of the values (n,) are none of them, bool (n,)."""
        return (values >= self.lowest) & (values <= self.highest)


def find_sentinels(values: np.ndarray) -> Sentinels:
    """Values that several events share and that lie far from all others.

    Far is more than three times the width in which 98 % of the others lie: counts, categories and
    the tails of a distribution have no such gap.

    Args:
        values: of a feature (n,), finite, n > 0.
    """
    low, high = float(values.min()), float(values.max())
    nothing = Sentinels((), low, high)
    if max(np.count_nonzero(values == end) for end in (low, high)) < _REPEATED or low == high:
        return nothing
    distinct, times = np.unique(values.astype(float), return_counts=True)
    first, last = 0, len(distinct)
    while (found := next(_outermost(distinct, times, first, last), None)) is not None:
        first, last = found
    outside = (*distinct[:first].tolist(), *distinct[last:].tolist())
    return Sentinels(outside, float(distinct[first]), float(distinct[last - 1]))


def shown_range(events: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where 99.6 % of the values of each feature lie, without marks for missing ones (F,), (F,).

    Args:
        events: (n, F); 0 and 0 if a feature is :data:`PADDING` in all of them.
    """
    low, high = np.quantile(events, [0.002, 0.998], axis=0)
    for column, values in enumerate(events.T):
        if (values == PADDING).any():
            values = values[values != PADDING]
            low[column], high[column] = np.quantile(values if values.size else 0, [0.002, 0.998])
            if not values.size:
                continue
        sentinels = find_sentinels(values)
        if sentinels.values:
            others = values[sentinels.others(values)]
            low[column], high[column] = np.quantile(others, [0.002, 0.998])
    return low, high


def _outermost(
    distinct: np.ndarray, times: np.ndarray, first: int, last: int
) -> Iterator[tuple[int, int]]:
    """Ranges of what remains of ``distinct[first:last]`` without far and repeated values."""
    below, above = (
        next(k for k in range(_MOST + 1) if k == _MOST or order[k] < _REPEATED)
        for order in (_padded(times[first:last]), _padded(times[first:last][::-1]))
    )
    choices = [(i, j) for i in range(below + 1) for j in range(above + 1) if i + j]
    for i, j in sorted(choices, key=sum):
        start, stop = first + i, last - j
        # Of categories, as -13, -11, 11 and 13, one half is not far from the other.
        if stop - start <= i + j:
            continue
        inner, many = distinct[start:stop], times[start:stop].cumsum()
        ends = inner[np.searchsorted(many, np.array([0.01, 0.99]) * many[-1])]
        with np.errstate(over="ignore"):
            width = float(ends[1] - ends[0]) or float(inner[-1] - inner[0])
            far = (
                i == 0 or inner[0] - distinct[start - 1] > _FAR * width,
                j == 0 or distinct[stop] - inner[-1] > _FAR * width,
            )
        if all(far):
            yield start, stop


def _padded(times: np.ndarray) -> np.ndarray:
    return np.concatenate([times[:_MOST], np.zeros(_MOST, dtype=int)])
