"""Regions of an analysis: which events they hold, and what is fitted there."""

from typing import Literal, Self

import numpy as np
from pydantic import model_validator

from hone.analysis.fields import Edges, ExpressionText, Name
from hone.analysis.settings import Settings, refuse

__all__ = ["ONE_REGION", "Region"]


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
    or the number of events. Training sees the histograms of all regions. All regions with the
    observable have the same one; another one that is trained cannot be fitted in a single
    region."""
    variable: ExpressionText | None = None
    """(fit variable) Expression of branches."""
    edges: Edges | None = None
    """(fit variable) Rising bin edges; the outermost bins take what lies beyond. If not given,
    those of the region's histogram of the first simulated sample with `histograms`."""

    @model_validator(mode="after")
    def _of_a_variable(self) -> Self:
        if self.fit == "variable" and self.variable is None:
            raise refuse("'variable' is missing")
        for key in ("variable", "edges"):
            if self.fit != "variable" and getattr(self, key) is not None:
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
    def fixed_edges(self) -> np.ndarray:
        """Edges of a histogram that does not depend on the observable (B + 1,)."""
        return np.array(self.edges or (0.0, 1.0))


ONE_REGION = Region(name="signal_region", fit="observable")
"""All events, in the observable: what an analysis without ``regions`` has."""
