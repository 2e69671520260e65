"""Importance of the features of an observable."""

import numpy as np
from matplotlib.figure import Figure

from hone.reporting.figures.style import OBSERVABLE_COLOURS, new_figure
from hone.reporting.markup import mathtext
from hone.training.documents import Importance

__all__ = ["draw_importance"]

_MOST = 20


def draw_importance(importance: Importance, observable: str) -> Figure:
    """Increase of the expected CLs when a feature is permuted, the largest first.

    Args:
        importance: content of ``importance.json``.
        observable: name for the title.
    """
    features = importance["features"]
    shown = features[:_MOST]
    figure, (axes,) = new_figure(height=max(2.2, 1.4 + 0.36 * len(shown)))
    places = -np.arange(len(shown))
    for place, feature in zip(places, shown, strict=True):
        middle = feature["log_ratio"]
        if middle is None:
            axes.text(0.02, place, "no fit", va="center", transform=axes.get_yaxis_transform())
            continue
        axes.barh(
            place, middle / np.log(10), height=0.62, color=OBSERVABLE_COLOURS[0],
            edgecolor="black", linewidth=0.8,
            xerr=(feature["log_ratio_error"] or 0.0) / np.log(10), capsize=3,
        )  # fmt: skip
    axes.axvline(0, color="black", linewidth=0.8)
    low, high = axes.get_xlim()
    # Rounding must not look like an effect.
    axes.set_xlim(min(low, -0.005), max(1.06 * high, 0.05))
    axes.set_yticks(places, [mathtext(feature["name"], 24) for feature in shown])
    axes.tick_params(axis="y", which="both", length=0)
    axes.yaxis.minorticks_off()
    axes.set_ylim(places[-1] - 0.6, 0.6)
    axes.set_xlabel(r"$\log_{10}$ (exp. CL$_s$ permuted / nominal)")
    title = observable
    if importance["expected_cls"] is not None:
        title += f": exp. CL$_s$ = {importance['expected_cls']:.2g}"
    if len(features) > len(shown):
        title += f"; {len(features) - len(shown)} more"
    axes.set_title(title, loc="left")
    return figure
