"""Features, weights and regions of some consecutive events."""

from typing import NamedTuple

import numpy as np

from hone.analysis.jagged import Column
from hone.analysis.sections import Split
from hone.events.ntuples import Piece
from hone.events.sources import Source

__all__ = ["Batch"]


class Batch(NamedTuple):
    """Some consecutive events: n, of which m are in a region with the observable.

    Events that the sample's selection leaves out, or without weight in any template, are not here.
    """

    source: Source
    piece: Piece
    """The columns that were read."""
    others: np.ndarray
    """Nominal weights of the events that the sample's selection leaves out, float64; empty where
    the normalisation does not need them."""
    raw_weights: tuple[np.ndarray, ...]
    """Of each template (n,), in the type of the file: they are most of the memory"""
    uniform: np.ndarray | None
    """float64 (n,), decides on the set and the fold; None if the file does"""
    place: np.ndarray
    """int8 (n,), number of the region with the observable; -1 for none"""
    features: np.ndarray
    """float64 (m, F)"""
    fixed: dict[str, tuple[np.ndarray, np.ndarray]]
    """For each other region: bool (n,), which events are in it, and the bin of these, int."""
    read: int
    """Number of events of the file, from ``piece.start``, among which these are."""

    @property
    def path(self) -> str:
        """The file."""
        return self.piece.path

    @property
    def columns(self) -> dict[str, Column]:
        """The branches that were read, of n events each."""
        return self.piece.columns

    @property
    def size(self) -> int:
        """Number of events n."""
        return len(self.place)

    def subsample(self, number: int) -> np.ndarray:
        """Which of so many random parts of the events each is in, int (n,): one and the same in all
        sources that tell it by its number, independent of its set and fold."""
        assert self.uniform is not None, "of files that are split"
        # Digits after those that decide on sets and folds.
        return (self.uniform * 2.0**20 % 1.0 * number).astype(np.int64)

    def weights(
        self, where: slice | np.ndarray = slice(None), out: np.ndarray | None = None
    ) -> np.ndarray:
        """Weights of some of the events, float64 (T, m), one row per template.

        Args:
            where: which events.
            out: float64 (T, m or more), whose first columns take them.
        """
        columns = [column[where] for column in self.raw_weights]
        if out is None:
            return np.array(columns, dtype=float)
        found = out[:, : len(columns[0])]
        for row, column in zip(found, columns, strict=True):
            row[:] = column
        return found

    @property
    def nominal(self) -> np.ndarray:
        """Weights of the first template, float64 (n,)."""
        return self.raw_weights[0].astype(float)

    def of_set(self, split: Split | None, name: str, files_are: str) -> np.ndarray | slice:
        """The events of a set; all or none if the set is that of the files."""
        if split is None or self.uniform is None:
            return slice(None) if name == files_are else slice(0)
        low, high = split.range(name)
        found: np.ndarray = (self.uniform >= low) & (self.uniform < high)
        return found

    @property
    def folds(self) -> np.ndarray | None:
        """The fold of each event, as :meth:`Source.folds_of`."""
        return self.source.folds_of(self.uniform)

    def of_fold(self, fold: int) -> "Batch":
        """The events of a fold."""
        folds = self.folds
        assert folds is not None
        chosen = folds == fold
        places = np.flatnonzero(chosen)
        kept = places if self.piece.kept is None else self.piece.kept[places]
        return Batch(
            self.source,
            self.piece._replace(columns={}, size=len(places), kept=kept),
            self.others,
            tuple(column[chosen] for column in self.raw_weights),
            None if self.uniform is None else self.uniform[chosen],
            self.place[chosen],
            self.features[chosen[self.trained]],
            {
                name: (inside[chosen], bins[chosen[inside]])
                for name, (inside, bins) in self.fixed.items()
            },
            self.read,
        )

    @property
    def places(self) -> np.ndarray:
        """Places of the events among those that were read, int (n,)."""
        return np.arange(self.size) if self.piece.kept is None else self.piece.kept

    @property
    def trained(self) -> np.ndarray | slice:
        """The events in ``features``."""
        inside = self.place >= 0
        return slice(None) if inside.all() else inside
