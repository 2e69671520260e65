"""Features, weights and regions of the events of a source, piece by piece."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from hone.analysis.expressions import Expression, NoValueError
from hone.analysis.jagged import Column
from hone.analysis.regions import Region
from hone.errors import InputError
from hone.events.batch import Batch
from hone.events.ntuples import Piece, pieces
from hone.events.sources import Source
from hone.events.split import rotated, uniform

__all__ = ["Reader", "ahead"]

T = TypeVar("T")
_AHEAD = 2


class Reader:
    """Reads and checks the events of a source.

    Args:
        source: files and weights.
        features: expressions, in order (F).
        regions: of the analysis.

    Raises:
        InputError: an expression is not valid.
    """

    def __init__(self, source: Source, features: Sequence[str], regions: Sequence[Region]) -> None:
        self.source, self.regions = source, regions
        self.features = {f"feature {text!r}": Expression(text) for text in features}
        self.weights = {
            f"weight {text!r}" + (f" of {name!r}" if name != source.name else ""): Expression(text)
            for name, text in source.weights.items()
        }
        self.selection = Expression(source.selection) if source.selection else None
        self.selections = {r.name: Expression(r.selection) for r in regions if r.selection}
        self.inputs = {
            r.name: {_described(text, r): Expression(text) for text in r.inputs} for r in regions
        }
        split = source.split
        users = {"split.branch": [split.branch]} if split and split.branch else {}
        expressions = {
            f"the {'variable' if r.variable else 'observable'} of region {r.name!r}": x
            for r in regions
            for x in self.inputs[r.name].values()
        }
        expressions |= {f"the selection of region {k!r}": x for k, x in self.selections.items()}
        if self.selection:
            expressions["the selection of the sample"] = self.selection
        expressions |= {**self.weights, **self.features}
        replaced = source.replaced
        users |= {k: [replaced.get(b, b) for b in x.branches] for k, x in expressions.items()}
        # If several need a branch, one is named: features before weights before regions.
        self.branches = {name: user for user, names in users.items() for name in names}

    def batches(self, low: float = 0.0, high: float = 1.0) -> Iterator[Batch]:
        """The sample's events whose uniform number is in [low, high); all if there is no split.

        The first are read at once, the next two while one is processed.

        Raises:
            InputError: the files or their contents cannot be used.
        """
        return ahead(self._batches(low, high))

    def _batches(self, low: float, high: float) -> Iterator[Batch]:
        for piece in pieces(self.source.files, self.source.tree, self.branches, str(self.source)):
            numbers, others, read = self._uniform(piece), np.zeros(0), piece.size
            wanted = np.ones(piece.size, dtype=bool)
            if numbers is not None and (low, high) != (0.0, 1.0):
                wanted = (numbers >= low) & (numbers < high)
            if self.selection:
                what = f"selection {self.selection.text!r} of the sample"
                selected = self._truth(piece, what, self.selection)
                if self.source.is_divided_by_its_files:
                    others = next(self._weights(piece.take(wanted & ~selected))).astype(float)
                wanted &= selected
            if not wanted.all():
                piece = piece.take(wanted)
                numbers = None if numbers is None else numbers[wanted]
            yield self._batch(piece, numbers, others, read)

    def _weights(self, piece: Piece) -> Iterator[np.ndarray]:
        """Weights of each template (n,)."""
        for what, expression in self.weights.items():
            yield self._finite(piece, what, self._values(piece, what, expression))

    def _batch(
        self, piece: Piece, numbers: np.ndarray | None, others: np.ndarray, read: int
    ) -> Batch:
        weights = tuple(self._weights(piece))
        idle = weights[0] == 0
        if idle.any():
            weighted = ~idle
            for varied in weights[1:]:
                weighted |= varied != 0
            weights = tuple(column[weighted] for column in weights)
            piece, numbers = piece.take(weighted), None if numbers is None else numbers[weighted]
        size = piece.size
        inside = self._inside(piece)
        place = np.full(size, -1, dtype=np.int8)
        for k, region in enumerate(r for r in self.regions if r.is_trained):
            place[inside[region.name]] = k
        trained = place >= 0
        every = bool(trained.all())
        features = np.empty((int(trained.sum()), len(self.features)))
        for k, (what, expression) in enumerate(self.features.items()):
            where = None if every else trained
            values = self._values(piece, what, expression, where)
            features[:, k] = self._finite(piece, what, values, where)
        fixed = {
            region.name: self._binned(piece, numbers, region, inside[region.name])
            for region in self.regions
            if not region.is_trained
        }
        return Batch(self.source, piece, others, weights, numbers, place, features, fixed, read)

    def _binned(
        self, piece: Piece, numbers: np.ndarray | None, region: Region, inside: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Which events are in a bin of a region without the observable (n,), and the bin of these.

        Args:
            piece: the events.
            numbers: that decide on set and fold (n,).
            region: of the analysis.
            inside: bool (n,), which events its selection has.
        """
        places = np.flatnonzero(inside)
        inputs = self.inputs[region.name]
        values = np.empty((len(places), len(inputs)))
        for k, (what, expression) in enumerate(inputs.items()):
            found = self._values(piece, what, expression, inside)
            values[:, k] = self._finite(piece, what, found, inside)
        folds = self.source.folds_of(numbers)
        bins = region.bins_of(
            values,
            None if folds is None else folds[places],
            lambda at: f"{self.source}: {piece.path}, event {piece.number(int(places[at]))}",
        )
        binned = bins >= 0
        if binned.all():
            return inside, bins
        kept = np.zeros_like(inside)
        kept[places[binned]] = True
        return kept, bins[binned]

    def _inside(self, piece: Piece) -> dict[str, np.ndarray]:
        """Which events are in each region.

        Raises:
            InputError: an event is in two.
        """
        size = piece.size
        inside = {}
        times = np.zeros(size, dtype=np.int8)
        for region in self.regions:
            passing = np.ones(size, dtype=bool)
            if region.selection:
                what = f"selection {region.selection!r} of region {region.name!r}"
                passing = self._truth(piece, what, self.selections[region.name])
            inside[region.name] = passing
            times += passing
        if (times > 1).any():
            at = int(np.argmax(times > 1))
            names = [name for name, passing in inside.items() if passing[at]]
            raise InputError(
                f"{self.source}: {piece.path}, event {piece.number(at)} is in the regions "
                f"{' and '.join(map(repr, names))}: their selections must exclude each other"
            )
        return inside

    def _uniform(self, piece: Piece) -> np.ndarray | None:
        split = self.source.split
        if split is None:
            return None
        numbers: Column = np.arange(piece.start, piece.start + piece.size)
        if split.branch:
            numbers = piece.columns[split.branch]
        try:
            if not isinstance(numbers, np.ndarray):
                raise InputError("it holds text or several values, not the number of an event")
            found = uniform(numbers)
        except InputError as error:
            raise InputError(
                f"{self.source}: {piece.path}: branch {split.branch!r} of split.branch: {error}"
            ) from error
        return rotated(found, split.folds, self.source.fold) if split.folds else found

    def _truth(self, piece: Piece, what: str, expression: Expression) -> np.ndarray:
        """For which events an expression is true, bool (n,)."""
        values = self._values(piece, what, expression)
        if values.dtype.kind not in "bui" or (values < 0).any():
            raise InputError(
                f"{self.source}: {piece.path}: {what} is a number, not true or false; compare it "
                "with one, as in flag == 0"
            )
        return values.astype(bool)

    def _named(self, columns: dict[str, Column]) -> dict[str, Column]:
        """The columns by their names in expressions."""
        replaced = self.source.replaced.items()
        return columns | {name: columns[read] for name, read in replaced if read in columns}

    def _values(
        self, piece: Piece, what: str, expression: Expression, where: np.ndarray | None = None
    ) -> np.ndarray:
        """Values of an expression (n,); those of events that are not in ``where`` may be any."""
        try:
            array = np.asarray(expression(self._named(piece.columns), where))
        except NoValueError as error:
            raise InputError(
                f"{self.source}: {piece.path}, event {piece.number(error.event)}: {what}: {error}"
            ) from error
        except InputError as error:
            raise InputError(f"{self.source}: {piece.path}: {what}: {error}") from error
        return np.broadcast_to(array, (piece.size,)) if array.ndim == 0 else array

    def _finite(
        self, piece: Piece, what: str, values: np.ndarray, where: np.ndarray | None = None
    ) -> np.ndarray:
        """The values (of the events in ``where``); refused if one is not finite."""
        chosen = values if where is None else values[where]
        # If the sum of squares is finite, so are all values; BLAS is faster than looking at each.
        with np.errstate(over="ignore", invalid="ignore"):
            if chosen.dtype.kind != "f" or np.isfinite(chosen @ chosen):
                return chosen
        good = np.isfinite(chosen)
        if not good.all():
            at = int(np.argmin(good))
            event = at if where is None else int(np.flatnonzero(where)[at])
            raise InputError(
                f"{self.source}: {piece.path}: {what} is {chosen[at]} in event "
                f"{piece.number(event)}; "
                + (
                    "mend the file, or the expression"
                    if what.startswith("weight")
                    else "give such events a value, as in where(isfinite(x), x, 0), leave them out "
                    "by the regions' selections, or mend the file"
                )
            )
        return chosen


def _described(text: str, region: Region) -> str:
    """An input of a region's bins, for messages."""
    return f"{'variable' if region.variable else 'feature'} {text!r} of region {region.name!r}"


def ahead(items: Iterable[T]) -> Iterator[T]:
    """The same items in the same order, up to two made in a thread while one is used; the first
    are begun at once.

    Errors in making an item are raised where it is used.
    """
    # A list, so that None could be an item.
    iterator = ([item] for item in items)
    thread = ThreadPoolExecutor(1)
    following = deque(thread.submit(next, iterator, None) for _ in range(_AHEAD))

    def in_turn() -> Iterator[T]:
        try:
            while (found := following.popleft().result()) is not None:
                following.append(thread.submit(next, iterator, None))
                yield from found
        finally:
            thread.shutdown(cancel_futures=True)

    return in_turn()
