"""Columns of TTrees and RNTuples, piece by piece, with errors that name file and branch."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hone.analysis.expressions import meant
from hone.errors import InputError
from hone.running.root_files import reason, root_file

__all__ = ["Piece", "pieces"]

_STEP = "32 MB"
"""Uncompressed columns in memory at a time."""


class Piece(NamedTuple):
    """Some consecutive events of a file."""

    path: str
    start: int
    """Number of the first event in the file."""
    columns: dict[str, np.ndarray]
    """Each branch (n,), numbers or truth values."""
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


def pieces(
    files: Sequence[str | Path], tree: str, branches: Mapping[str, str], where: str
) -> Iterator[Piece]:
    """Read branches of all files, piece by piece.

    Args:
        files: to read, one after another.
        tree: name of a TTree or RNTuple in each.
        branches: names (at least one), and what needs each, for messages.
        where: what the files are, for messages, e.g. ``sample 'signal'``.

    Raises:
        InputError: a file is missing or damaged, has no such tree or branch, or a branch does not
            hold one number for each event.
    """
    for path in map(str, files):
        if not Path(path).is_file():
            raise InputError(f"{where}: there is no file {path}")
        try:
            with root_file(path) as file:
                yield from _of_tree(_tree(file, path, tree, where), path, branches, where)
        except InputError:
            raise
        except Exception as error:  # uproot raises many kinds for a damaged file
            raise InputError(
                f"{where}: {path} cannot be read ({reason(error)}): it is not complete, or no ROOT "
                "file; copy it again, or delete it if the workflow made it"
            ) from error


def _tree(file: Any, path: str, tree: str, where: str) -> Any:
    kinds = file.classnames(cycle=False)
    trees = [name for name, kind in kinds.items() if kind == "TTree" or "RNTuple" in kind]
    if tree not in trees:
        raise InputError(
            f"{where}: {path} has no tree {tree!r}; it has {', '.join(trees) or 'no tree at all'}"
        )
    return file[tree]


def _of_tree(tree: Any, path: str, branches: Mapping[str, str], where: str) -> Iterator[Piece]:
    there = tree.keys()
    for name, user in branches.items():
        if name not in there:
            hint = meant(name, there) or f"it has {', '.join(there)}"
            raise InputError(
                f"{where}: {path}: there is no branch {name!r} in it, for {user}; {hint}"
            )
    wanted, start = set(branches), 0
    for columns in tree.iterate(
        filter_name=lambda name: name in wanted, step_size=_STEP, library="np"
    ):
        found = {name: np.asarray(columns[name]) for name in branches}
        for name, values in found.items():
            if values.ndim != 1 or values.dtype.kind not in "biuf":
                raise InputError(
                    f"{where}: {path}: branch {name!r} holds {_kind(values)}, not one number for "
                    "each event; write what is needed of it into a branch of its own"
                )
        size = len(next(iter(found.values())))
        yield Piece(path, start, found, size)
        start += size


def _kind(values: np.ndarray) -> str:
    if values.ndim > 1:
        return f"arrays of shape {values.shape[1:]}"
    first = values[0] if len(values) else None
    return "text" if isinstance(first, str | bytes) else "lists of different length"
