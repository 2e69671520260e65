"""Rows of numbers on disk that are read by their places: memory does not grow with their number."""

import hashlib
import mmap
import tempfile
from collections.abc import Iterator
from copy import copy
from itertools import pairwise
from typing import Any

import numpy as np

from hone.errors import InputError

__all__ = ["RowFile"]

_WINDOW = 2**24
"""Bytes of the file that are in memory at a time."""


class RowFile:
    """Rows (n, C) in a temporary file without a name.

    Nobody else can change or shorten the file, and it is gone when the process ends, however that
    does. It holds float32 as long as these are the numbers, and float64 otherwise.

    Args:
        columns: number of them, C.
        what: the rows are, for messages.

    Raises:
        InputError: no temporary file can be made.
    """

    _file: Any = None

    def __init__(self, columns: int, what: str) -> None:
        self.columns, self._what = columns, what
        self._type: np.dtype[Any] = np.dtype("float32")
        self._file, self._size = _nameless(), 0
        self._map: mmap.mmap | None = None

    def __del__(self) -> None:
        if self._file is not None:
            self._file.close()

    def __len__(self) -> int:
        return self._size

    def append(self, rows: np.ndarray) -> None:
        """Write rows (m, C), before any is read.

        Raises:
            InputError: there is no room for them.
        """
        with np.errstate(over="ignore"):  # infinite is not the number
            stored = rows.astype(self._type)
        if self._type == np.float32 and not np.array_equal(stored, rows):
            self._widen()
            stored = rows
        self._write(np.ascontiguousarray(stored))
        self._size += len(rows)

    def take(self, places: np.ndarray) -> np.ndarray:
        """The rows at some places (k,): (k, C), in the type of the file."""
        found = np.empty((len(places), self.columns), self._type)
        order = np.argsort(places)
        rising, window = places[order], self._per_window
        ends = np.searchsorted(rising, np.arange(0, self._size + window, window))
        rows, mapped = self._mapped()
        mapped.madvise(mmap.MADV_RANDOM)
        for start, end in pairwise(ends):
            if start < end:
                found[order[start:end]] = rows[rising[start:end]]
                mapped.madvise(mmap.MADV_DONTNEED)
        return found

    def pieces(self) -> Iterator[np.ndarray]:
        """All rows in order, (m, C) at a time, in the type of the file."""
        if not self._size:
            return
        rows, mapped = self._mapped()
        for start in range(0, self._size, self._per_window):
            yield np.array(rows[start : start + self._per_window])
            mapped.madvise(mmap.MADV_DONTNEED)

    def column(self, number: int) -> np.ndarray:
        """One column of all rows, float64 (n,)."""
        found, start = np.empty(self._size), 0
        for piece in self.pieces():
            found[start : start + len(piece)] = piece[:, number]
            start += len(piece)
        return found

    def digest(self) -> str:
        """Of all rows."""
        self._file.seek(0)
        return f"{self._type} {hashlib.file_digest(self._file, 'sha256').hexdigest()}"

    @property
    def row_bytes(self) -> int:
        """Size of a row."""
        return self.columns * self._type.itemsize

    @property
    def _per_window(self) -> int:
        return max(1, _WINDOW // self.row_bytes)

    def _mapped(self) -> tuple[np.ndarray, mmap.mmap]:
        if self._map is None:
            self._map = mmap.mmap(self._file.fileno(), 0, prot=mmap.PROT_READ)
        return np.frombuffer(self._map, self._type).reshape(-1, self.columns), self._map

    def _write(self, rows: np.ndarray) -> None:
        left = rows.data.cast("B") if rows.size else memoryview(b"")
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            written = self._size * self.row_bytes / 2**30
            raise InputError(
                f"{self._what}: {tempfile.gettempdir()} has no room for its training events, after "
                f"{written:.3g} GiB ({error.strerror}); name another folder in TMPDIR, or train on "
                "fewer (events.training)"
            ) from error

    def _widen(self) -> None:
        """Write everything again as float64."""
        narrow = copy(self)
        self._file, self._map, self._type = _nameless(), None, np.dtype("float64")
        for piece in narrow.pieces():
            self._write(piece.astype(float))


def _nameless() -> Any:
    try:
        return tempfile.TemporaryFile(buffering=0)
    except OSError as error:
        raise InputError(
            f"no temporary file can be made for training events ({error.strerror}); name another "
            "folder in TMPDIR"
        ) from error
