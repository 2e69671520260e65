"""What the report shows: for each kind of item its category and its label.

The caption of a kind is ``workflow/report/<kind>.rst``.
"""

from typing import NamedTuple

__all__ = ["ITEMS", "Item", "labels"]


class Item(NamedTuple):
    """A kind of figure or table."""

    category: str
    label: str
    rule: str = ""
    """That draws it as ``<kind>.png`` and ``<kind>.pdf``."""
    observable: str = "all"
    """What it is of, where that is not a single one."""


ITEMS = {
    "inputs": Item("Inputs", "yields"),
    "training": Item("Training", "training", "plot_training"),
    "edges": Item("Training", "edges", "plot_training"),
    "trials": Item("Training", "trials", "plot_tuned"),
    "animation": Item("Training", "animation"),
    "overtraining": Item("Training", "overtraining", "plot_trained"),
    "gradient": Item("Training", "gradient", "plot_trained"),
    "plane": Item("Observables", "plane", "plot_plane"),
    "outputs": Item("Observables", "outputs", "plot_outputs"),
    "features": Item("Inputs", "features", "plot_plane"),
    "importance": Item("Observables", "importance", "plot_plane"),
    "roc": Item("Observables", "ROC", "plot_trained"),
    "templates": Item("Observables", "templates", "plot_histograms"),
    "soft_hard": Item("Observables", "soft and hard", "plot_histograms"),
    "systematics": Item("Observables", "systematics", "plot_histograms"),
    "cls_scan": Item("Limits", "CLs scan", "plot_likelihood"),
    "prefit": Item("Fits", "before the fit", "plot_likelihood"),
    "postfit": Item("Fits", "after the fit", "plot_likelihood"),
    "pulls": Item("Fits", "pulls", "plot_likelihood"),
    "correlation": Item("Fits", "correlations", "plot_likelihood"),
    "impacts": Item("Fits", "impacts", "plot_likelihood"),
    "breakdown": Item("Fits", "breakdown of the uncertainty", "plot_likelihood"),
    "profile": Item("Likelihood", "profile likelihood", "plot_likelihood"),
    "contour": Item("Likelihood", "contours", "plot_likelihood"),
    "toys": Item("Likelihood", "toys", "plot_likelihood"),
    "limit_summary": Item("Results", "limits by observable", "plot_comparison"),
    "comparison": Item("Results", "figures of merit", "plot_comparison"),
    "gain": Item("Results", "gain", "plot_comparison"),
    "study": Item("Results", "study {study}", observable="several"),
    "limits": Item("Results", "limits", "plot_limits"),
    "exclusion": Item("Results", "exclusion", "plot_limits"),
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
