"""Columns of TTrees, TNtuples and RNTuples of ROOT files."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

import awkward as ak
import numpy as np
import uproot

from hone.analysis.jagged import Column, Jagged, Text
from hone.analysis.paths import is_remote
from hone.errors import InputError
from hone.events.baskets import read_baskets
from hone.events.ntuples import PIECE
from hone.running.root_files import root_file

__all__ = ["column_of", "opened_tree"]

_STEP = 36_000_000
"""Bytes of uncompressed columns in memory at a time. Of more than 4 MiB, as the jets of so many
events, NumPy's arrays are in huge pages, which the system maps sooner."""
_NUMBERS = "biuf"
"""Kinds of types that expressions take."""
Branch: TypeAlias = np.ndarray | ak.Array
"""Of one entry an event."""
_TREES = ("TTree", "TNtuple", "TNtupleD")


@contextmanager
def opened_tree(path: str, tree: str) -> Iterator["_Tree"]:
    """A tree of a ROOT file, :class:`hone.events.ntuples.Events`.

    Raises:
        InputError: there is no such tree; the message follows the file's name.
    """
    with root_file(path) as file:
        # Of a file on a server uproot asks for many baskets at once.
        yield _Tree(_tree(file, tree), by_basket=not is_remote(path))


class _Tree:
    def __init__(self, tree: Any, by_basket: bool) -> None:
        self._tree, self._by_basket = tree, by_basket
        self.branches: list[str] = tree.keys()

    def read(self, names: Collection[str]) -> Iterator[tuple[int, Mapping[str, Branch]]]:
        if not names:
            yield self._tree.num_entries, {}
            return
        for name in names:
            own = getattr(self._tree[name], "num_entries", self._tree.num_entries)
            if own < self._tree.num_entries:
                raise ValueError(f"{name!r} has {own} of {self._tree.num_entries} entries")
        flat = [name for name in self.branches if name in names and self._is_flat(name)]
        if not (flat and self._by_basket):
            # Of awkward's arrays each column of each piece takes a fraction of a millisecond more.
            library = "np" if len(flat) == len(names) else "ak"
            yield from map(_sized, self._iterate(names, f"{_STEP} B", library))
            return
        numbers, others = [self._tree[name] for name in flat], set(names) - set(flat)
        width = sum(branch.interpretation.itemsize for branch in numbers)
        if others:
            width += _STEP / self._tree.num_entries_for(_STEP, filter_name=others.__contains__)
        size = max(int(_STEP / width), 1)
        size -= size % PIECE if size > PIECE else 0  # fewer than PIECE cost as much
        pieces = (dict(zip(flat, piece, strict=True)) for piece in read_baskets(numbers, size))
        if others:
            rest = self._iterate(others, size, "ak")
            pieces = (piece | more for piece, more in zip(pieces, rest, strict=True))
        yield from map(_sized, pieces)

    def _iterate(
        self, names: Collection[str], size: int | str, library: str
    ) -> Iterator[dict[str, Branch]]:
        return self._tree.iterate(
            filter_name=lambda name: name in names, step_size=size, library=library, how=dict
        )

    def _is_flat(self, name: str) -> bool:
        """Whether a branch of a TTree has one number an event; not known of an RNTuple."""
        branch = self._tree[name]
        found = getattr(branch, "interpretation", None)
        if not isinstance(found, uproot.AsDtype) or found.inner_shape:
            return False
        # A branch may have more entries than its tree: these are no events.
        return found.to_dtype.kind in _NUMBERS and branch.num_entries == self._tree.num_entries

    def column(self, values: Branch) -> Column:
        return column_of(values)


def _sized(columns: dict[str, Branch]) -> tuple[int, dict[str, Branch]]:
    """How many events there are, and their columns."""
    return len(next(iter(columns.values()))), columns


def column_of(values: Branch) -> Column:
    """A branch for expressions.

    Args:
        values: NumPy's or awkward's array of one entry an event.

    Raises:
        InputError: it has something else than numbers, lists of numbers or text.
    """
    if isinstance(values, np.ndarray):
        return _numbers(values)
    if values.layout.is_numpy and values.ndim == 1:
        return _numbers(values.layout.data)
    of_event = values.type.content
    if isinstance(of_event, ak.types.ListType | ak.types.RegularType):
        is_text = of_event.parameters.get("__array__") in ("string", "bytestring")
        if isinstance(of_event.content, ak.types.NumpyType):
            plain = ak.without_parameters(values)
            counts = np.asarray(ak.num(plain, axis=1)).astype(np.int64, copy=False)
            content = _numbers(ak.flatten(plain))
            return Text(content, counts) if is_text else Jagged(content, counts)
    raise InputError(
        f"{of_event}; an expression takes numbers, lists of numbers and text: write what is "
        "needed of it into a branch of its own"
    )


def _tree(file: Any, tree: str) -> Any:
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
            f" has no tree {tree!r}, and no other: it has {others or 'nothing'}; "
            "events are read from trees, so give the file that histograms were filled from (where "
            "nothing is trained, a sample may have `histograms` instead of `files`)"
        )
    there = ", ".join(trees if tree.rpartition(";")[0] in names else names)
    raise InputError(f" has no tree {tree!r}; it has {there}")


def _numbers(values: Any) -> np.ndarray:
    found: np.ndarray = np.asarray(values)
    if found.dtype.kind not in _NUMBERS:
        raise InputError(f"values of type {found.dtype}, not numbers")
    return found
