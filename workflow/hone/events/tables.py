"""Columns of Parquet files and of Arrow's own (IPC files and streams, Feather)."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hone.analysis.jagged import Column, Jagged, NoValueError, Text
from hone.errors import InputError

__all__ = ["opened_table"]

_STEP = 32_000_000
"""Bytes of columns in memory at a time."""


@contextmanager
def opened_table(path: str) -> Iterator["_Table"]:
    """A Parquet, Arrow or Feather file, :class:`hone.events.ntuples.Events`."""
    if path.endswith((".parquet", ".pq")):
        # Opened here: of a path, pyarrow takes what precedes a colon for a kind of storage.
        with (
            pa.OSFile(path) as source,
            pq.ParquetFile(source, buffer_size=1 << 20, pre_buffer=False) as file,
        ):
            yield _Parquet(file)
    else:
        with pa.memory_map(path) as source:
            yield _Arrow(source)


class _Table(ABC):
    """What both formats have in common: an Arrow schema, and columns of Arrow's types."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self.branches: list[str] = schema.names

    @abstractmethod
    def _batches(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Consecutive events with these columns."""

    def read(self, names: Collection[str]) -> Iterator[tuple[int, Mapping[str, pa.Array]]]:
        for name in names:
            if len(self._schema.get_all_field_indices(name)) > 1:
                raise InputError(f": there are several columns {name!r} in it")
        for batch in self._batches(list(names)):
            size = max(batch.num_rows * _STEP // max(batch.nbytes, 1), 1)
            for start in range(0, batch.num_rows, size):
                piece = batch.slice(start, size)
                yield piece.num_rows, {name: piece.column(name) for name in names}

    def column(self, values: pa.Array) -> Column:
        kind = values.type
        if pa.types.is_dictionary(kind):
            return self.column(values.dictionary_decode())
        if _is_text(kind) or _is_list(kind):
            _refuse_missing(values)
        if _is_text(kind):
            values = values.cast(pa.large_binary())
            _, offsets, content = values.buffers()
            ends = np.frombuffer(offsets, np.int64)[values.offset :][: len(values) + 1]
            found = np.frombuffer(content or b"", np.uint8)[ends[0] : ends[-1]]
            return Text(found, np.diff(ends))
        if _is_list(kind):
            counts = pc.list_value_length(values).to_numpy(zero_copy_only=False).astype(np.int64)
            events = np.repeat(np.arange(len(counts)), counts)
            return Jagged(_numbers(values.flatten(), kind, events), counts)
        return _numbers(values, kind)


class _Parquet(_Table):
    def __init__(self, file: pq.ParquetFile) -> None:
        super().__init__(file.schema_arrow)
        self._file = file

    def _batches(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        yield from self._file.iter_batches(self._size(names), columns=names)

    def _size(self, names: Sequence[str]) -> int:
        """Events of a batch; encoded, columns need less than in memory."""
        groups = [self._file.metadata.row_group(k) for k in range(self._file.num_row_groups)]
        columns = (group.column(k) for group in groups for k in range(group.num_columns))
        encoded = sum(
            c.total_uncompressed_size
            for c in columns
            if any(c.path_in_schema == n or c.path_in_schema.startswith(f"{n}.") for n in names)
        )
        width = max(8 * len(names), encoded // max(self._file.metadata.num_rows, 1), 1)
        return max(_STEP // width, 1)


class _Arrow(_Table):
    def __init__(self, source: pa.NativeFile) -> None:
        self._source = source
        self._is_file = source.read(6) == b"ARROW1"
        super().__init__(self._reader().schema)

    def _reader(self, **options: Any) -> Any:
        self._source.seek(0)
        opened = pa.ipc.open_file if self._is_file else pa.ipc.open_stream
        return opened(self._source, options=pa.ipc.IpcReadOptions(**options))

    def _batches(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        wanted = sorted(self._schema.get_field_index(name) for name in names)
        reader = self._reader(included_fields=wanted)
        if self._is_file:
            yield from map(reader.get_batch, range(reader.num_record_batches))
        else:
            yield from reader


def _is_text(kind: pa.DataType) -> bool:
    return any(
        test(kind)
        for test in (
            pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view,
            pa.types.is_binary, pa.types.is_large_binary,
        )
    )  # fmt: skip


def _is_list(kind: pa.DataType) -> bool:
    tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(kind) for test in tests)


def _numbers(values: pa.Array, kind: pa.DataType, events: np.ndarray | None = None) -> np.ndarray:
    """Numbers of a column, or of all its lists one after another.

    Args:
        values: numbers or truth values.
        kind: of the column, for the message.
        events: to which each belongs; one to each if not given.
    """
    of_values = values.type
    if pa.types.is_floating(of_values):
        # pandas writes NaN as no value.
        return values.to_numpy(zero_copy_only=False)
    if not (pa.types.is_integer(of_values) or pa.types.is_boolean(of_values)):
        raise InputError(
            f"{kind}; an expression takes numbers, lists of numbers and text: write what is needed "
            "of it into a column of its own"
        )
    _refuse_missing(values, events)
    return values.to_numpy(zero_copy_only=False)


def _refuse_missing(values: pa.Array, events: np.ndarray | None = None) -> None:
    if values.null_count:
        at = int(np.argmax(values.is_null().to_numpy(zero_copy_only=False)))
        raise NoValueError(
            "has no value (null); write one into the file, or leave such events out of it",
            at if events is None else int(events[at]),
        )
