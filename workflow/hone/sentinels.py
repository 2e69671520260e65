"""Marks for missing values, such as -999 among numbers of order one."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

__all__ = ["PADDING", "Sentinels", "find_sentinels", "shown_range", "with_values"]

PADDING = -1e10
"""Of a feature that an event does not have, as the fifth of its three jets: below all values, and
the same number in single precision."""

_REPEATED = 3
"""Fewest events with the very same value."""
_FAR, _FAR_FROM_MANY = 3.0, 1.0
"""Smallest distance from all other values, in widths of these; and if they have no gaps."""
_GAP = 0.1
"""Largest distance of neighbours, in widths of all, that is no gap."""
_MOST = 3
"""Most such values on either side that are close to each other."""


class Sentinels(NamedTuple):
    """Repeated values far below or above all others of a sample, and what the others are."""

    values: tuple[float, ...]
    """Rising; empty if there are none."""
    lowest: float
    """Of the other values of all samples, 0 if there are no others."""
    highest: float

    def others(self, values: np.ndarray) -> np.ndarray:
        """Which of the values are none of them, nor :data:`PADDING`, bool of the same shape."""
        return ~np.isin(values, (*self.values, PADDING))


def find_sentinels(*samples: np.ndarray) -> Sentinels:
    """Values that several events share and that lie far from all others.

    Far is more than three times the width in which 98 % of the others lie, or once that width if
    these have no gaps: counts, categories and the tails of a distribution are not that far apart.
    A mark in one sample is one in all, even where the values of another, or of all together, reach
    it: but not where the sample has so few other values that it may lack some, as one of the decay
    modes 0, 1, 10 and 11.

    Args:
        samples: values of a feature in each (n,), finite; :data:`PADDING` is none of them.
    """
    there = [values[values != PADDING] for values in samples]
    everything = np.concatenate(there)
    found = set(_far(everything))
    if len(there) > 1:
        found.update(*(_far(values, others=_MOST) for values in there))
    values = tuple(sorted(found))
    others = everything[~np.isin(everything, values)] if values else everything
    if not others.size:
        return Sentinels(values, 0.0, 0.0)
    return Sentinels(values, float(others.min()), float(others.max()))


def with_values(*samples: np.ndarray) -> list[np.ndarray]:
    """Which features the events (n, F) of each sample have, bool (n, F): without what is missing
    by a mark or :data:`PADDING`."""
    columns = zip(*(events.T for events in samples), strict=True)
    found = [find_sentinels(*values) for values in columns]
    return [
        np.stack([s.others(x) for s, x in zip(found, events.T, strict=True)], axis=1)
        for events in samples
    ]


def shown_range(*samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where 99.6 % of the values of each feature lie, without marks for missing ones (F,), (F,).

    Args:
        samples: events of each (n, F); 0 and 0 if a feature is missing in all of them.
    """
    parts = [0.002, 0.998]
    there, everything = np.concatenate(with_values(*samples)), np.concatenate(samples)
    low, high = np.quantile(everything, parts, axis=0)
    for column in np.flatnonzero(~there.all(axis=0)):
        values = everything[there[:, column], column]
        low[column], high[column] = np.quantile(values if values.size else 0, parts)
    return low, high


def _far(values: np.ndarray, others: int = 0) -> list[float]:
    """The marks of one sample; none if it has not more than ``others`` different other values."""
    if not values.size or (low := values.min()) == (high := values.max()):
        return []
    if max(np.count_nonzero(values == end) for end in (low, high)) < _REPEATED:
        return []
    distinct, times = np.unique(values.astype(float), return_counts=True)
    first, last = 0, len(distinct)
    while (found := next(_outermost(distinct, times, first, last), None)) is not None:
        first, last = found
    if last - first <= others:
        return []
    return [*distinct[:first].tolist(), *distinct[last:].tolist()]


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
        begin, end = np.searchsorted(many, np.array([0.01, 0.99]) * many[-1])
        with np.errstate(over="ignore"):
            width = float(inner[end] - inner[begin]) or float(inner[-1] - inner[0])
            gap = np.diff(inner[begin : end + 1]).max(initial=0.0 if begin < end else width)
            least = (_FAR_FROM_MANY if gap < _GAP * width else _FAR) * width
            far = (
                i == 0 or inner[0] - distinct[start - 1] > least,
                j == 0 or distinct[stop] - inner[-1] > least,
            )
        if all(far):
            yield start, stop


def _padded(times: np.ndarray) -> np.ndarray:
    return np.concatenate([times[:_MOST], np.zeros(_MOST, dtype=int)])
