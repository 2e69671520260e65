"""Columns of TTrees and RNTuples, piece by piece, with errors that name file and branch."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import awkward as ak
import numpy as np

from hone.analysis.expressions import meant
from hone.analysis.jagged import Column, Jagged, Text
from hone.analysis.paths import is_remote
from hone.errors import InputError
from hone.running.root_files import reason, root_file

__all__ = ["Piece", "pieces"]

_STEP = "32 MB"
"""Uncompressed columns in memory at a time."""
_TREES = ("TTree", "TNtuple", "TNtupleD")


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
        InputError: a file is missing or damaged, has no such tree or branch, or a branch holds
            neither numbers nor text.
    """
    for path in map(str, files):
        if not (is_remote(path) or Path(path).is_file()):
            raise InputError(f"{where}: there is no file {path}")
        try:
            with root_file(path) as file:
                yield from _of_tree(_tree(file, path, tree, where), path, branches, where)
        except InputError:
            raise
        except ImportError as error:
            raise InputError(
                f"{where}: {path}: {reason(error)}; install what reads such an address into hone's "
                "environment (fsspec-xrootd for root://), or copy the file"
            ) from error
        except Exception as error:  # uproot raises many kinds for a damaged file
            raise InputError(
                f"{where}: {path} cannot be read ({reason(error)}): it is not complete, or no ROOT "
                "file; copy it again, or delete it if the workflow made it"
            ) from error


def _tree(file: Any, path: str, tree: str, where: str) -> Any:
    kinds = file.classnames()  # with their cycles, as events;2
    trees = [name for name, kind in kinds.items() if kind in _TREES or "RNTuple" in kind]
    names = list(dict.fromkeys(name.rpartition(";")[0] for name in trees))
    if tree in names or tree in trees:
        return file[tree]
    if not trees:
        others = ", ".join(
            f"{name.rpartition(';')[0]} ({kind})"
            for name, kind in kinds.items()
            if not kind.startswith("TDirectory")
        )
        raise InputError(
            f"{where}: {path} has no tree {tree!r}, and no other: it has {others or 'nothing'}; "
            "events are read from trees, so give the file that histograms were filled from (where "
            "nothing is trained, a sample may have `histograms` instead of `files`)"
        )
    there = ", ".join(trees if tree.rpartition(";")[0] in names else names)
    raise InputError(f"{where}: {path} has no tree {tree!r}; it has {there}")


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
        filter_name=lambda name: name in wanted, step_size=_STEP, library="ak"
    ):
        found = {}
        for name in branches:
            try:
                found[name] = _column(columns[name])
            except InputError as error:
                raise InputError(f"{where}: {path}: branch {name!r} holds {error}") from error
        yield Piece(path, start, found, len(columns))
        start += len(columns)


def _column(values: Any) -> Column:
    """Values of a branch as uproot reads them.

    Raises:
        InputError: they are something that no expression is for; the message says what.
    """
    of_event = values.type.content
    if isinstance(of_event, ak.types.NumpyType):
        return _numbers(values)
    if isinstance(of_event, ak.types.ListType | ak.types.RegularType):
        is_text = of_event.parameters.get("__array__") in ("string", "bytestring")
        if isinstance(of_event.content, ak.types.NumpyType):
            plain = ak.without_parameters(values)
            counts = np.asarray(ak.num(plain, axis=1)).astype(np.int64, copy=False)
            content = _numbers(ak.flatten(plain))
            return Text(content, counts) if is_text else Jagged(content, counts)
    raise InputError(
        f"{of_event}; an expression takes numbers, lists of numbers and text: write what is needed "
        "of it into a branch of its own"
    )


def _numbers(values: Any) -> np.ndarray:
    found: np.ndarray = np.asarray(values)
    if found.dtype.kind not in "biuf":
        raise InputError(f"values of type {found.dtype}, not numbers")
    return found
