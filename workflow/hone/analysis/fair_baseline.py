"""The observable that a trained one has to be better than."""

from hone.analysis.analysis import Analysis
from hone.analysis.observables import BestEdges

__all__ = ["fair_baseline"]


def fair_baseline(analysis: Analysis) -> str | None:
    """The baseline with its best edges: a classifier in bins that nobody chose loses to anything.

    None if there is no such observable.
    """
    names = (
        o.name
        for o in analysis.observables
        if isinstance(o, BestEdges) and o.source == analysis.baseline
    )
    return next(names, None)
