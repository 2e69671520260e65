"""Whether files have events in common: their digests, and the smallest hashes of each one's events,
are compared.

By bottom-k sketches (A. Z. Broder, Proc. Compression and Complexity of Sequences, 1997, 21).
"""

import base64
import hashlib

import numpy as np

from hone.events.batch import Batch
from hone.events.split import mixed

__all__ = ["Digest", "Fingerprints", "part_in_common"]

_MOST = 512
"""Hashes that are kept of a file."""
_FEWEST = 10
"""Hashes in common from which on it is no coincidence."""
_REPEATED, _DISTINCT = 3, 0.99
"""The same of repetitions in one file; and the part of its different events that must differ in
each of two features, or of one and the weight."""
_ALIKE = 0.999
"""Correlation of ranks from which on one feature follows from another, as the logarithm of it."""


class Digest:
    """Of the branches that were read of the events of a file."""

    def __init__(self) -> None:
        self._running: dict[str, hashlib._Hash] = {}

    def add(self, batch: Batch) -> None:
        """Add events."""
        # By branch: independent of the pieces in which a file is read.
        for branch, values in batch.columns.items():
            for k, array in enumerate(getattr(values, "arrays", [values])):
                name = f"{branch}{k or ''}"
                self._running.setdefault(name, hashlib.sha256()).update(array.tobytes())

    def text(self) -> str:
        """Empty if no branch was read."""
        joined = "".join(
            f"{name}={self._running[name].hexdigest()};" for name in sorted(self._running)
        )
        return hashlib.sha256(joined.encode()).hexdigest()[:16] if joined else ""


class Fingerprints:
    """Collects the smallest hashes of the events of a file."""

    def __init__(self) -> None:
        self._kept = np.zeros(0, dtype=np.uint64)
        self._events: np.ndarray | None = None

    def add(self, events: np.ndarray, weights: np.ndarray) -> None:
        """Add events.

        Args:
            events: features, float64 (n, F).
            weights: float64 (n,).
        """
        hashes = np.zeros(len(events), dtype=np.uint64)
        for column in (*events.T, weights):
            # -0.0 is 0.0
            hashes = mixed(hashes ^ (column + 0.0).view(np.uint64))
        chosen = _smallest(hashes)
        found = np.column_stack([events[chosen], weights[chosen]])
        hashes = np.append(self._kept, hashes[chosen])
        found = found if self._events is None else np.append(self._events, found, axis=0)
        chosen = _smallest(hashes)
        self._kept, self._events = hashes[chosen], found[chosen]

    def repeated(self) -> float:
        """About which part of the events repeats others; 0 if they are alike by coincidence."""
        different, first = np.unique(self._kept, return_index=True)
        extra = len(self._kept) - len(different)
        if self._events is None or min(extra, len(different)) < _REPEATED:
            return 0.0
        ranks = [
            column.argsort().argsort()
            for column in self._events[first].T
            if len(np.unique(column)) >= _DISTINCT * len(different)
        ]
        independent = len(ranks) > 1 and np.abs(np.corrcoef(ranks)).min() < _ALIKE
        return extra / len(self._kept) if independent else 0.0

    def text(self) -> str | None:
        """For :func:`part_in_common`; None if events of the file are alike, as of few integers."""
        kept = np.sort(self._kept)
        if len(np.unique(kept)) < len(kept) or len(kept) < _FEWEST:
            return None
        return base64.b64encode(kept.tobytes()).decode()


def part_in_common(one: str, other: str) -> float:
    """About which part of the events of two files both have; 0 if what they have is a coincidence.

    Args:
        one: of the first file, :meth:`Fingerprints.text`.
        other: of the second.
    """
    first, second = (np.frombuffer(base64.b64decode(x), np.uint64) for x in (one, other))
    # All hashes of both up to here are known.
    ends = [x[-1] for x in (first, second) if len(x) == _MOST]
    if ends:
        first, second = (x[x <= min(ends)] for x in (first, second))
    common = len(np.intersect1d(first, second))
    return common / len(np.union1d(first, second)) if common >= _FEWEST else 0.0


def _smallest(hashes: np.ndarray) -> np.ndarray | slice:
    return np.argpartition(hashes, _MOST)[:_MOST] if len(hashes) > _MOST else slice(None)
