"""An observable that was trained, to be called with events."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hone.analysis.expressions import Expression
from hone.analysis.jagged import Column
from hone.errors import InputError
from hone.results.named import UnknownNameError

if TYPE_CHECKING:  # seconds, for what only some ask for
    from hone.observable import Observable
    from hone.observable.scores import Scores

__all__ = ["TrainedObservable"]


class TrainedObservable:
    """Scores and bins of events, from their features.

    JAX's 64-bit mode, which it needs, is on within its calls only.

    Args:
        paths: ``model.safetensors``, with folds that of each.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        import jax

        from hone.observable import load_observable

        with jax.enable_x64(True):
            self.networks: list[Observable] = [load_observable(path)[0] for path in paths]
            """The observable, or the network of each fold."""
            self.edges = [np.asarray(network.edges) for network in self.networks]
            """Bin edges of each, rising (B + 1,)."""
        self.features = self.networks[0].features
        """Expressions, in order (F)."""

    def __repr__(self) -> str:
        bins = ", ".join(f"{low:.4g} to {high:.4g}" for low, high in pairwise(self.edges[0]))
        return f"observable of {', '.join(self.features)} with the bins {bins}"

    def __call__(self, events: Any, fold: Any = None) -> Scores:
        """Scores (n,) and bins (n,) of events, NaN and -1 for those that fail a cut.

        Args:
            events: columns by name (of awkward, pandas, a dict, uproot's arrays) with the features,
                or with the branches that these are computed of; or a matrix (n, F).
            fold: (with folds) of each event, from 1; the column ``fold`` if not given.

        Raises:
            InputError: a column is missing, an event has no fold or no score.
        """
        import jax

        from hone.observable.scores import score_events

        matrix = self._matrix(events)
        if len(self.networks) > 1:
            fold = _column(events, "fold") if fold is None else np.asarray(fold)
            fold = np.broadcast_to(fold, len(matrix))
            if not np.isin(fold, np.arange(1, len(self.networks) + 1)).all():
                raise InputError(f"folds are numbers from 1 to {len(self.networks)}")
        else:
            fold = None
        with jax.enable_x64(True):
            return score_events(self.networks, matrix, fold)

    def _matrix(self, events: Any) -> np.ndarray:
        """Features (n, F) of events, float64."""
        there = _names(events)
        if not there:
            matrix = np.asarray(events, dtype=float)
            if matrix.ndim != 2 or matrix.shape[1] != len(self.features):
                raise InputError(
                    f"a matrix of shape {matrix.shape} is given for {len(self.features)} features "
                    f"({', '.join(self.features)}); it must be (events, features)"
                )
            return matrix
        columns = []
        for feature in self.features:
            if feature in there:
                columns.append(_column(events, feature))
                continue
            expression = Expression(feature)
            branches = {name: _branch(events, name) for name in expression.branches}
            columns.append(np.asarray(expression(branches)))
        return np.stack([np.asarray(column, dtype=float) for column in columns], axis=1)


def _names(events: Any) -> list[str]:
    """Names of the columns of a table of awkward, NumPy or pandas, or of a mapping."""
    names = getattr(getattr(events, "dtype", None), "names", None)
    names = names or getattr(events, "fields", None)
    return list(names or (events.keys() if hasattr(events, "keys") else ()))


def _branch(events: Any, name: str) -> Column:
    """A column with one or several values for each event."""
    import awkward as ak

    from hone.events.trees import column_of

    values = _named(events, name)
    if hasattr(values, "layout"):
        return column_of(values)
    with suppress(ValueError):  # lists of different lengths
        values = np.asarray(values)
    is_plain = isinstance(values, np.ndarray) and values.dtype.kind in "biuf"
    if is_plain and values.ndim == 1:
        return column_of(values)
    return column_of(ak.Array(values if is_plain else list(values)))


def _column(events: Any, name: str) -> np.ndarray:
    return np.asarray(_named(events, name))


def _named(events: Any, name: str) -> Any:
    there = _names(events)
    if name not in there:
        raise UnknownNameError(f"the events have no column {name!r}; there is {', '.join(there)}")
    return events[name]
