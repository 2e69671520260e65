"""What the report shows: for each kind of item its category and its label.

The caption of a kind is ``workflow/report/<kind>.rst``.
"""

from typing import NamedTuple

__all__ = ["ITEMS", "Item", "labels"]


class Item(NamedTuple):
    """A kind of figure or table."""

    category: str
    label: str
    observable: str = "all"
    """What it is of, where that is not a single one."""


ITEMS = {
    "inputs": Item("Inputs", "yields"),
    "training": Item("Training", "training"),
    "edges": Item("Training", "edges"),
    "trials": Item("Training", "trials"),
    "animation": Item("Training", "animation"),
    "overtraining": Item("Training", "overtraining"),
    "gradient": Item("Training", "gradient"),
    "plane": Item("Observables", "plane"),
    "outputs": Item("Observables", "outputs"),
    "features": Item("Inputs", "features"),
    "importance": Item("Observables", "importance"),
    "roc": Item("Observables", "ROC"),
    "templates": Item("Observables", "templates"),
    "soft_hard": Item("Observables", "soft and hard"),
    "systematics": Item("Observables", "systematics"),
    "cls_scan": Item("Limits", "CLs scan"),
    "prefit": Item("Fits", "before the fit"),
    "postfit": Item("Fits", "after the fit"),
    "pulls": Item("Fits", "pulls"),
    "correlation": Item("Fits", "correlations"),
    "impacts": Item("Fits", "impacts"),
    "breakdown": Item("Fits", "breakdown of the uncertainty"),
    "profile": Item("Likelihood", "profile likelihood"),
    "contour": Item("Likelihood", "contours"),
    "toys": Item("Likelihood", "toys"),
    "limit_summary": Item("Results", "limits by observable"),
    "comparison": Item("Results", "figures of merit"),
    "gain": Item("Results", "gain"),
    "study": Item("Results", "study {study}", "several"),
    "limits": Item("Results", "limits"),
    "exclusion": Item("Results", "exclusion"),
    "comparison_table": Item("Results", "all numbers"),
    "summary": Item("Results", "summary"),
    "table": Item("Results", "table"),
}


def labels(kind: str, path: str, label: str = "") -> dict[str, str]:
    """What the report says of an item beside its category.

    Args:
        kind: of :data:`ITEMS`.
        path: its file, with wildcards.
        label: if it is not the kind's.
    """
    item = ITEMS[kind]
    return {
        "figure": label or item.label,
        "signal": "{signal}" if "{signal}" in path else "all",
        "observable": "{observable}" if "{observable}" in path else item.observable,
    }
