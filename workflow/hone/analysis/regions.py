"""Regions of an analysis: which events they hold, and what is fitted there."""

from collections.abc import Callable
from typing import Literal, Self

import numpy as np
from pydantic import model_validator

from hone.analysis.fields import Edges, ExpressionText, Name
from hone.analysis.settings import Settings, refuse
from hone.sums import bin_of

__all__ = ["COUNTED", "ONE_REGION", "Region"]

COUNTED = "1"
"""The feature of an analysis that only counts events; its observable is in no region."""


class Region(Settings):
    """A selection of events, and their histogram: a channel of the likelihood."""

    name: Name
    """Name of the region, and of its channel in the workspace."""
    selection: ExpressionText | None = None
    """Expression of branches that is true for the region's events, e.g.
    `mass > 110 && jet_pt[0] > 30` ([docs/expressions.md](../docs/expressions.md)); an integer is
    true where it is not 0. All events if not given."""
    fit: Literal["observable", "variable", "count"]
    """What is fitted there: the observable (the training sees these events), a binned `variable`,
    or the number of events. Training sees the histograms of all regions."""
    observable: str | None = None
    """(fit observable) Name of another observable in whose bins this region is fitted, in place of
    the one that is trained: the selected seed's, for the same signal, as it is; with `split.folds`
    each event has the network of its fold. Its own training, and that of those it is made from
    (`source`, `start_from`), takes the region as any other with the observable."""
    variable: ExpressionText | None = None
    """(fit variable) Expression of branches."""
    edges: Edges | None = None
    """(fit variable) Rising bin edges; the outermost bins take what lies beyond. If not given,
    those of the region's histogram of the first simulated sample with `histograms`."""

    @model_validator(mode="after")
    def _of_a_variable(self) -> Self:
        if self.fit == "variable" and self.variable is None:
            raise refuse("'variable' is missing")
        for key in ("variable", "edges", "observable"):
            fit = "observable" if key == "observable" else "variable"
            if self.fit != fit and getattr(self, key) is not None:
                raise refuse(f"{key!r} does not apply to fit: {self.fit}; remove it")
        return self

    def __hash__(self) -> int:
        # A list of edges has none; regions are among the static arguments of compiled functions.
        return hash(self.name)

    @property
    def is_trained(self) -> bool:
        """Whether the observable's bins are its histogram."""
        return self.fit == "observable"

    @property
    def axis(self) -> str | None:
        """What is binned, for tables; None for the chain's own observable."""
        if self.fit == "observable":
            return None if self.observable is None else f"Observable {self.observable}"
        return self.variable or "Count"

    @property
    def fixed_edges(self) -> np.ndarray:
        """Edges of a histogram that does not depend on the observable (B + 1,)."""
        return np.array(self.edges or (0.0, 1.0))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Expressions that the bins of such a histogram depend on (V)."""
        return () if self.variable is None else (self.variable,)

    def bins_of(
        self,
        values: np.ndarray,
        fold: np.ndarray | None,  # noqa: ARG002
        name: Callable[[int], str],  # noqa: ARG002
    ) -> np.ndarray:
        """The bin of such a histogram that each event is in, int (n,); -1 for none.

        Args:
            values: of the ``inputs`` (n, V).
            fold: of each event, from 1, int (n,); None without folds.
            name: of an event for messages, from its place.
        """
        if self.variable is None:
            return np.zeros(len(values), dtype=int)
        found: np.ndarray = bin_of(values[:, 0], self.fixed_edges)
        return found


ONE_REGION = Region(name="signal_region", fit="observable")
"""All events, in the observable: what an analysis without ``regions`` has."""
