"""Which events of a file belong to a sample: a bit for each, short enough for a survey."""

import base64
import zlib

import numpy as np

from hone.events.ntuples import Piece

__all__ = ["Membership", "common_events"]


class Membership:
    """Collects the events of a file that belong to a sample, in memory of a bit for each."""

    def __init__(self) -> None:
        self._bits = np.zeros(0, dtype=np.uint8)
        self._all = True

    def add(self, piece: Piece, inside: np.ndarray) -> None:
        """Add events of a piece, bool (n,), and none of those that were taken out of it before."""
        numbers = np.flatnonzero(inside) if piece.kept is None else piece.kept[inside]
        self._all &= piece.kept is None and len(numbers) == piece.size
        if not len(numbers):
            return
        first, offset = divmod(piece.start, 8)
        bits = np.zeros(offset + int(numbers[-1]) + 1, dtype=bool)
        bits[offset + numbers] = True
        packed = np.packbits(bits)
        missing = first + len(packed) - len(self._bits)
        self._bits = np.pad(self._bits, (0, max(missing, 0)))
        self._bits[first : first + len(packed)] |= packed

    def text(self) -> str | None:
        """For :func:`common_events`; None if all events of the file belong to the sample."""
        if self._all:
            return None
        return base64.b64encode(zlib.compress(self._bits.tobytes())).decode()


def common_events(one: str | None, other: str | None, size: int) -> np.ndarray:
    """Numbers of the events that belong to two samples, int.

    Args:
        one: of the first sample, :meth:`Membership.text`.
        other: of the second.
        size: events in the file, if these texts are both None.
    """
    if one is None or other is None:
        known = one or other
        return np.arange(size) if known is None else np.flatnonzero(_inside(known))
    first, second = _inside(one), _inside(other)
    shorter = min(len(first), len(second))
    return np.flatnonzero(first[:shorter] & second[:shorter])


def _inside(text: str) -> np.ndarray:
    return np.unpackbits(np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8))
