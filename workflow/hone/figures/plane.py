"""The plane of two features with what the observable makes of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hone.figures.style import SIGNAL, new_figure

__all__ = ["draw_plane"]

_MARKERS = "o^vsDP"


def draw_plane(
    score: Callable[[np.ndarray], np.ndarray],
    edges: Any,
    events: Mapping[str, np.ndarray],
    features: Sequence[str],
    observable: str,
) -> Figure:
    """Contours of the score, the bin edges as lines, and some events of each template.

    Args:
        score: observable of events (n, 2); NaN for those that are cut away.
        edges: bin edges (B + 1,).
        events: a few events of each template (n, 2).
        features: names of the two axes.
        observable: name for the title.
    """
    everything = np.concatenate(list(events.values()))
    low, high = np.quantile(everything, [0.002, 0.998], axis=0)
    x, y = (np.linspace(a, b, 200) for a, b in zip(low, high, strict=True))
    grid = np.stack([a.ravel() for a in np.meshgrid(x, y)], axis=1)
    values = np.asarray(score(grid)).reshape(len(y), len(x))

    figure, (axes,) = new_figure(width=7.4, height=6.0)
    edges = np.asarray(edges, dtype=float)
    first, last, inner = edges[0], edges[-1], edges[1:-1]
    axes.set_facecolor("darkgrey")
    shown = np.clip(values, first, last)
    filled = axes.contourf(x, y, shown, levels=np.linspace(first, last, 41), cmap="cividis")
    if len(inner):
        axes.contour(x, y, values, levels=inner, colors="white", linewidths=1.6)
    cut = np.isnan(values)
    if cut.any() and not cut.all():
        axes.contour(x, y, cut.astype(float), levels=[0.5], colors="black", linewidths=1.6)
    nominal = [name for name in events if "__" not in name]
    for index, (name, points) in enumerate(events.items()):
        varied = "__" in name
        axes.scatter(
            *points[: 60 if varied else 120].T,
            s=14,
            marker=_MARKERS[index % len(_MARKERS)],
            facecolor="none" if varied else (SIGNAL if name == nominal[0] else "white"),
            edgecolor="white" if varied else "black",
            linewidth=0.7,
            label=name.replace("__", ", ").replace("_", " "),
        )
    ticks = np.linspace(0, 1, 6) if (first, last) == (0, 1) else edges
    bar = figure.colorbar(filled, ax=axes, ticks=ticks, label="observable")
    bar.ax.hlines(inner, 0, 1, colors="white", linewidths=1.6)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xlabel=features[0], ylabel=features[1])
    lines = ["white lines are bin edges"] if len(inner) else []
    lines += ["grey is cut away"] if cut.any() else []
    axes.set_title(f"{observable}: {', '.join(lines)}", loc="left")
    axes.legend(loc="upper right", frameon=True, facecolor="lightgrey", framealpha=0.9, fontsize=9)
    return figure
