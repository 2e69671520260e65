"""Marks for missing values where no feature shows them: in what counted regions are binned in, and
in branches that a function takes, as those of ``log(abs(x))``."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from hone.analysis.expressions import Expression
from hone.analysis.regions import Region
from hone.events.batch import Batch

__all__ = ["Behind", "behind"]

_TREATED = re.compile(r"\bwhere\b|\balt\b|\bis\w+\(|[<>?]|[=!]=|\[")
"""Of expressions that tell values apart: what they leave of marks is meant."""


class Behind(NamedTuple):
    """Values that are taken, in which events, and for what."""

    expression: Expression
    user: str
    """In words."""
    region: str
    """Name of the region without the observable; empty for those with it."""
    within: str
    """The expression that it is a branch of, which may show the same marks; or empty."""

    def values(self, batch: Batch) -> np.ndarray:
        """Those of a batch's events, finite float64 (m,)."""
        replaced = batch.source.replaced.items()
        names = {name: batch.columns[read] for name, read in replaced if read in batch.columns}
        columns = batch.columns | names
        inside = batch.fixed[self.region][0] if self.region else batch.trained
        taken: dict[str, Any] = {name: columns[name] for name in self.expression.branches}
        if not all(isinstance(x, np.ndarray) and x.dtype.kind in "iuf" for x in taken.values()):
            return np.zeros(0)
        found = np.asarray(self.expression({n: x[inside] for n, x in taken.items()}), np.float64)
        return found[np.isfinite(found)] if found.ndim else np.zeros(0)


def behind(features: Sequence[str], regions: Sequence[Region]) -> dict[str, Behind]:
    """What is to be looked at beside the features, by its text: what is binned before branches."""
    found: dict[str, Behind] = {}
    for one in _all(features, regions):
        if one.expression.text not in features:
            found.setdefault(one.expression.text, one)
    return found


def _all(features: Sequence[str], regions: Sequence[Region]) -> Iterator[Behind]:
    users = [("", f"feature {text!r}", text) for text in features]
    users += [
        (region.name, f"the variable of region {region.name!r}", region.variable)
        for region in regions
        if not region.is_trained and region.variable
    ]
    users = [user for user in users if not _TREATED.search(user[2])]
    for region, user, text in users:
        yield Behind(Expression(text), user, region, "")
    for region, user, text in users:
        yield from _branches(text, user, region)


def _branches(text: str, user: str, region: str) -> Iterator[Behind]:
    expression = Expression(text)
    for name in expression.branches if expression.branches != (text,) else ():
        if name.isidentifier():
            yield Behind(Expression(name), user, region, text)
