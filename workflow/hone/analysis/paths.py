"""Which files the user means: paths, patterns, text files with a path a line, and remote files."""

import glob
import os
import re
from pathlib import Path

from hone.analysis.fields import several

__all__ = ["is_remote", "is_table", "listed", "matching"]

_TABLES = (".parquet", ".pq", ".feather", ".arrow")


def is_remote(path: str) -> bool:
    """Whether it is an address, as ``root://`` or ``https://``: nothing for Snakemake."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", path) is not None


def is_table(path: str) -> bool:
    """Whether it is a file of Parquet or Arrow, by its ending: events without a tree."""
    return path.endswith(_TABLES)


def listed(patterns: str | list[str]) -> list[str]:
    """The same, where the lines of text files (``.txt``) take the place of their names.

    Empty lines do not count, nor does what follows a ``#`` at the beginning or after a space.
    """
    found: list[str] = []
    for pattern in several(patterns):
        if pattern.endswith(".txt") and os.path.isfile(pattern):
            text = Path(pattern).read_text(encoding="utf-8-sig", errors="replace")
            lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines())
            found += filter(None, lines)
        else:
            found.append(pattern)
    return found


def matching(patterns: str | list[str]) -> list[str]:
    """Files that match a pattern, or several; a file may also be called as a pattern."""
    found = (
        [pattern]
        if is_remote(pattern) or os.path.exists(pattern)
        else glob.glob(pattern, recursive=True)
        for pattern in listed(patterns)
    )
    return sorted({path for paths in found for path in paths})
