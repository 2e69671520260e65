"""Files that are whole or not there, and JSON that says how it was made."""

import csv
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hone.errors import InputError

__all__ = ["read_csv", "read_json", "replacing", "write_csv", "write_json"]


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place if the block ends well.

    A job that is killed half-way leaves no file that looks like a result.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write JSON for people (indented, no NaN).

    Raises:
        ValueError: a number is not finite; what does not exist is ``None`` with a reason.
    """
    with replacing(path) as partial:
        partial.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json(path: str | Path) -> dict[str, Any]:
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
    """Write rows; numbers that do not exist are left empty.

    Args:
        path: of the file.
        rows: all with the same keys.
        columns: these keys, where there may be no row.
    """
    rows = list(rows)
    with replacing(path) as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(columns or rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow({k: "" if _missing(v) else v for k, v in row.items()})


def read_csv(path: str | Path) -> list[dict[str, Any]]:
    """Read rows as dicts; what reads as a number becomes one, an empty cell None."""
    with Path(path).open(newline="") as file:
        return [{k: _number(v) for k, v in row.items()} for row in csv.DictReader(file)]


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _number(text: str) -> Any:
    if text == "":
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text
