"""Columns of events, piece by piece, whatever their files are; errors name file and branch."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar
from unicodedata import normalize

import numpy as np

from hone.analysis.expressions import meant
from hone.analysis.jagged import Column, NoValueError
from hone.analysis.paths import is_remote, is_table
from hone.errors import InputError
from hone.running.root_files import reason

__all__ = ["PIECE", "Events", "Piece", "pieces"]

PIECE = 16384
"""Events that are scored at a time, always this number, so that the observable is compiled once."""


class Piece(NamedTuple):
    """Some consecutive events of a file."""

    path: str
    start: int
    """Number of the first event in the file."""
    columns: dict[str, Column]
    """Each branch, of n events."""
    size: int
    """Number of events n."""
    kept: np.ndarray | None = None
    """int (n,), places of these events among those read; all if None."""

    def number(self, place: int) -> int:
        """Number of an event in its file."""
        return self.start + (place if self.kept is None else int(self.kept[place]))

    def take(self, where: np.ndarray) -> "Piece":
        """Some of the events: bool (n,)."""
        chosen = np.flatnonzero(where)
        columns = {name: values[chosen] for name, values in self.columns.items()}
        kept = chosen if self.kept is None else self.kept[chosen]
        return Piece(self.path, self.start, columns, len(chosen), kept)


T = TypeVar("T")


class Events(Protocol[T]):
    """The events of an open file, in whatever format."""

    @property
    def branches(self) -> Sequence[str]:
        """Names of all columns."""

    def read(self, names: Collection[str]) -> Iterator[tuple[int, Mapping[str, T]]]:
        """Consecutive events: how many they are, and columns as the format has them."""

    def column(self, values: T) -> Column:
        """A column as expressions take it.

        Raises:
            NoValueError: an event has no value.
            InputError: it holds something that no expression is for; the message says what.
        """


def pieces(
    files: Sequence[str | Path], tree: str, branches: Mapping[str, str], where: str
) -> Iterator[Piece]:
    """Read branches of all files, piece by piece.

    Args:
        files: to read, one after another.
        tree: name of a TTree or RNTuple in each ROOT file.
        branches: names, and what needs each, for messages.
        where: what the files are, for messages, e.g. ``sample 'signal'``.

    Raises:
        InputError: a file is missing or damaged, has no such tree or branch, or a branch holds
            neither numbers nor text.
    """
    for path in map(str, files):
        if not (is_remote(path) or Path(path).is_file()):
            raise InputError(f"{where}: there is no file {path}")
        try:
            with _opened(path, tree) as events:
                within = "it" if is_table(path) else f"its tree {tree!r}"
                yield from _of_file(events, path, branches, within)
        except InputError as error:
            raise InputError(f"{where}: {path}{error}") from error
        except ImportError as error:
            raise InputError(
                f"{where}: {path}: {reason(error)}; install what reads such an address into hone's "
                "environment (fsspec-xrootd for root://), or copy the file"
            ) from error
        except Exception as error:  # uproot and pyarrow raise many kinds for a damaged file
            kind = "file of its ending" if is_table(path) else "ROOT file"
            cure = (
                "copy it, and read the copy"
                if is_remote(path)
                else f"it is not complete, or no {kind}; copy it again, or delete it if the "
                "workflow made it"
            )
            raise InputError(f"{where}: {path} cannot be read ({reason(error)}): {cure}") from error


def _opened(path: str, tree: str) -> AbstractContextManager[Events[Any]]:
    """Imports what reads the file's format, and nothing else."""
    if is_table(path):
        from hone.events.tables import opened_table

        return opened_table(path)
    from hone.events.trees import opened_tree

    return opened_tree(path, tree)


def _of_file(
    events: Events[T], path: str, branches: Mapping[str, str], within: str
) -> Iterator[Piece]:
    """Errors begin with what follows the file's name."""
    there = events.branches
    # As Python spells names: a micro sign and a small mu are one letter.
    spelt = {normalize("NFKC", name): name for name in there}
    read = {b: b if b in there else spelt.get(normalize("NFKC", b), "") for b in branches}
    for name, user in branches.items():
        if not read[name]:
            hint = meant(name, there) or f"it has {', '.join(there)}"
            raise InputError(f": there is no branch {name!r} in {within}, for {user}; {hint}")
    start = 0
    for size, columns in events.read(set(read.values())):
        found = {}
        for name in branches:
            try:
                found[name] = events.column(columns[read[name]])
            except NoValueError as error:
                raise InputError(
                    f", event {start + error.event}: branch {name!r} {error}"
                ) from error
            except InputError as error:
                raise InputError(f": branch {name!r} holds {error}") from error
        yield Piece(path, start, found, size)
        start += size
