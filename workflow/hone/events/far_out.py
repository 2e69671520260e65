"""Single events with a value that neither the others nor the tail of these lead one to expect."""

import math
from collections.abc import Sequence

import numpy as np

from hone.events.documents import FarOut
from hone.outliers import RULED, Regular, few_of, mean_and_deviation
from hone.sentinels import PADDING, Sentinels

__all__ = ["Outermost", "far_out"]

_KEPT = 4000
"""Values of each feature on either side: all that are a few of a million, and their tail."""
_TAILS = 10, 20, 50, 100, 200
"""Numbers of values next to those that may be far out which tell how the tail falls."""
_FEW = 3
"""Values beyond a gap that make it as unlikely as any more."""
_LEAST = 30
"""Values from which a tail is known."""
_UNLIKELY = 16.0
"""Of the exponential distribution of a step in a tail: one of ten million is larger."""
_GAP = math.log(100.0)
"""Smallest gap, as a factor on the distance: a second kind of events, as from decays, is nearer."""


class Outermost:
    """The largest and smallest values of each feature (F) among many events."""

    def __init__(self, features: int) -> None:
        self.events = np.zeros(features, dtype=int)
        self._largest = [[np.zeros(0)] * features for _ in range(2)]

    def add(self, events: np.ndarray) -> None:
        """Add events (n, F)."""
        for k, column in enumerate(events.T):
            there = column if column.size and column.min() > PADDING else column[column != PADDING]
            self.events[k] += len(there)
            for kept, values in zip(self._largest, (there, -there), strict=True):
                least = kept[k].min() if len(kept[k]) == _KEPT else -np.inf
                several = np.concatenate([kept[k], values[values > least]])
                if len(several) > _KEPT:
                    several = np.partition(several, len(several) - _KEPT)[-_KEPT:]
                kept[k] = several

    def of(self, feature: int, sign: int) -> np.ndarray:
        """The largest values of a feature by its number, times a sign, falling."""
        return np.sort(self._largest[sign < 0][feature])[::-1]


def far_out(features: Sequence[str], sample: np.ndarray, outermost: Outermost) -> dict[str, FarOut]:
    """By feature, values so far out that they alone would set its scale.

    They lie beyond a gap that the tail would have once in ten million cases: far out, the tail of
    any feature is like a power law, whose steps from one value to the next follow exponential
    distributions (A. Rényi, Acta Math. Acad. Sci. Hung. 4 (1953) 191). A heavy tail has none.

    Args:
        features: their names (F).
        sample: some of the events (n, F).
        outermost: of all events.
    """
    found: dict[str, FarOut] = {}
    for k, name in enumerate(features):
        column = sample[sample[:, k] != PADDING, k]
        regular, size = Regular.of(column), int(outermost.events[k])
        inner = np.sort(column[regular.holds(column)])
        # Of what nearly all have the same value, the others are no tail.
        if len(inner) < _LEAST or inner[len(inner) // 100] == inner[-1 - len(inner) // 100]:
            continue
        centre, (mean, deviation) = float(inner[len(inner) // 2]), mean_and_deviation(inner)
        far, ends = np.zeros(0), []
        for sign in (-1, 1):
            falling = _continued(outermost.of(k, sign), sign, regular.marks, inner)
            beyond = _beyond_a_gap(np.abs(falling / 2 - sign * centre / 2), size)
            far = np.append(far, sign * falling[:beyond])
            ends.append(float(sign * falling[beyond]))
        spread = 2 * float(np.hypot.reduce(far / 2 - mean / 2, initial=0.0))
        if spread > math.sqrt((RULED**2 - 1) * size) * deviation:
            found[name] = {
                "values": sorted(set(far.tolist())),
                "events": len(far),
                "low": ends[0],
                "high": ends[1],
                "median": centre,
            }
    return found


def _continued(falling: np.ndarray, sign: int, marks: Sentinels, inner: np.ndarray) -> np.ndarray:
    """The largest values times a sign, without marks for missing ones. What these leave of the
    kept ones is continued with some of the others (n,), sorted."""
    own = falling[marks.others(sign * falling)]
    if len(own) == len(falling):
        return own
    others = np.sort(sign * inner)[::-1]
    return np.concatenate([own, others[others < own[-1]] if len(own) else others])


def _beyond_a_gap(distances: np.ndarray, size: int) -> int:
    """How many of some distances, falling, lie beyond a gap that their tail does not explain.

    Args:
        distances: from the centre.
        size: of the feature, of which these are the largest.
    """
    logs = np.log(np.maximum(distances, np.finfo(float).tiny))
    sums = np.append(0.0, logs.cumsum())
    most = min(few_of(size), len(logs) - _TAILS[0] - 1)
    if most < 1:
        return 0
    # Hill's estimate of a power law, of the nearest so many values within: the heaviest tail.
    beyond = np.arange(1, most + 1)
    mean_log = np.zeros(most)
    for tail in _TAILS:
        last = np.minimum(beyond + tail, len(logs) - 1)
        if tail <= max(size // 10, _TAILS[0]):
            known = last - beyond
            excess = (sums[last] - sums[beyond]) / known - logs[last]
            mean_log = np.maximum(mean_log, excess)
    gaps = logs[beyond - 1] - logs[beyond]
    # Of many together, which may be a process of its own, a gap is no less likely.
    steps = np.minimum(beyond, _FEW) * gaps
    unlikely = np.flatnonzero((steps > _UNLIKELY * mean_log) & (gaps > _GAP))
    return int(beyond[unlikely[-1]]) if unlikely.size else 0
