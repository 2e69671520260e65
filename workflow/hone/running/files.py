"""Files that are complete or absent: text, JSON, CSV; and results by their paths."""

import csv
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Real
from pathlib import Path
from typing import Any

from hone.errors import InputError

__all__ = [
    "Json",
    "Row",
    "as_json",
    "finite_or_none",
    "place_of",
    "read_csv",
    "read_json",
    "replacing",
    "write_csv",
    "write_json",
    "write_text",
]


Json = dict[str, Any]
"""A JSON object of any kind; what is in hone's own, the ``documents`` module of a room says."""
Row = dict[str, Any]
"""A row of a table: numbers, text and None by column."""


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that replaces it if the block succeeds.

    A killed job leaves no file that looks like a result.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def place_of(path: str | Path) -> tuple[str, str, int]:
    """Signal, observable and seed of ``<signal>/<observable>/seed<seed>[/fold<fold>]/<file>``."""
    folder = Path(path).parent
    if folder.name.startswith("fold"):
        folder = folder.parent
    signal, observable, seed = folder.parts[-3:]
    return signal, observable, int(seed.removeprefix("seed"))


def write_text(path: str | Path, text: str) -> None:
    """Write text, UTF-8."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write :func:`as_json`."""
    write_text(path, as_json(content))


def as_json(content: Mapping[str, Any]) -> str:
    """JSON for people (indented, no NaN).

    Raises:
        ValueError: a number is not finite; what does not exist is ``None`` with a reason.
    """
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def finite_or_none(values: Iterable[Any]) -> list[float | None]:
    """Numbers for JSON; None for those that are not finite."""
    return [float(value) if math.isfinite(value) else None for value in values]


def read_json(path: str | Path) -> Json:
    """Read a JSON object.

    Raises:
        InputError: the file is not a JSON object.
    """
    try:
        content = json.loads(Path(path).read_text())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: not readable as JSON ({error})") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a JSON object, found a {type(content).__name__}")
    return content


def write_csv(
    path: str | Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str] = ()
) -> None:
    """Write rows; cells of None and of numbers that are not finite are empty.

    Text that a spreadsheet would take for a formula is prefixed with an apostrophe.

    Args:
        path: of the file.
        rows: with the keys of the first, or some of them.
        columns: these keys, needed if there may be no row.
    """
    rows = list(rows)
    columns = list(columns or rows[0])
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writerow({column: _cell(column) for column in columns})
        for row in rows:
            writer.writerow({column: _cell(value) for column, value in row.items()})


def read_csv(path: str | Path) -> list[Row]:
    """Read rows of :func:`write_csv` as dicts.

    Cells that are numbers become numbers, except in columns of names; empty cells become None.

    Raises:
        InputError: the file is not such a table.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            head, *lines = filter(None, csv.reader(file))
        columns = [_text(cell) for cell in head]
        return [
            {column: _value(column, cell) for column, cell in zip(columns, line, strict=True)}
            for line in lines
        ]
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: not readable as CSV ({error})") from error


_NAMES = ("signal", "observable", "baseline", "sample", "region", "systematic", "variation")
"""Columns of text, whatever it looks like: a signal may be called 600."""
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?(e[+-]?[0-9]+)?")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
"""First characters of formulas; and the apostrophe, so that one in the text is kept apart."""


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    missing = value is None or (isinstance(value, Real) and not math.isfinite(value))
    return "" if missing else value


def _value(column: str, cell: str) -> Any:
    if cell == "":
        return None
    if column in _NAMES or not _NUMBER.fullmatch(cell):
        return _text(cell)
    return int(cell) if cell.lstrip("-").isdecimal() else float(cell)


def _text(cell: str) -> str:
    return cell.removeprefix("'")
