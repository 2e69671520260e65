"""The observable as a function of its features: of one, of two, or of pairs of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hone.reporting.figures.style import SIGNAL, new_figure, panel_style
from hone.reporting.markup import mathtext, words
from hone.sentinels import shown_range

__all__ = ["draw_plane"]

_MARKERS = "o^vsDP"
_MOST_FEATURES = 4
_MOST_VARIED = 4
"""Most varied samples that are shown."""
_WIDTHS = 16.0
"""Of all bin edges together, in points."""

Score = Callable[[np.ndarray], np.ndarray]


def draw_plane(
    score: Score,
    edges: Any,
    events: Mapping[str, np.ndarray],
    features: Sequence[str],
    observable: str,
    important: Sequence[str] = (),
    signal: str = "",
    numbered: bool = False,
) -> Figure:
    """Contours of the score, the bin edges as lines, and some events of each template.

    With more than two features, all pairs of the four most important ones are drawn, with the
    others at their median over the events; with one feature, the score against it.

    Args:
        score: observable of events (n, F); NaN for those that fail a cut.
        edges: bin edges (B + 1,).
        events: a few events of each template (n, F).
        features: names of the columns of events.
        observable: name for the title.
        important: features, the most important first; in the given order if empty.
        signal: name of the sample in the colour of signals; the first if empty.
        numbered: the features are two outputs from 0 to 1, and the score is the number of a bin
            plus one half.
    """
    edges = np.asarray(edges, dtype=float)
    signal = signal or next(name for name in events if "__" not in name)
    events = _shown(events)
    if len(features) == 1:
        return _line(score, edges, events, features[0], observable, signal)
    order = [name for name in important if name in features] or list(features)
    chosen = [features.index(name) for name in order[:_MOST_FEATURES]]
    if len(features) == 2:
        chosen = [0, 1]
    everything = np.concatenate(list(events.values()))
    # An event's own: half of them may lack a feature, and a mean with PADDING is nothing.
    centre = np.quantile(everything, 0.5, axis=0, method="lower")
    low, high = shown_range(*events.values())
    low, high = np.where(high > low, low, low - 0.5), np.where(high > low, high, high + 0.5)
    if numbered:
        low, high = np.zeros(2), np.ones(2)
    size = len(chosen) - 1
    with plt.rc_context(panel_style(13 if size == 1 else 11)):
        figure, grid = plt.subplots(
            size, size, figsize=(7.4, 6.0) if size == 1 else (2.5 * size + 1.9, 2.3 * size + 0.6),
            squeeze=False,
        )  # fmt: skip
    filled, cut_away = None, False
    for row in range(size):
        for column in range(size):
            axes = grid[row, column]
            if column > row:
                axes.set_axis_off()
                continue
            pair = (chosen[column], chosen[row + 1])
            drawn, cut = _contours(axes, score, edges, centre, pair, low, high)
            filled, cut_away = drawn or filled, cut_away or cut
            _points(axes, {n: x[:, pair] for n, x in events.items()}, signal, small=size > 1)
            axes.set_xlim(low[pair[0]], high[pair[0]])
            axes.set_ylim(low[pair[1]], high[pair[1]])
            axes.set_xlabel(mathtext(features[pair[0]], 20) if row == size - 1 else "")
            axes.set_ylabel(mathtext(features[pair[1]], 20) if column == 0 else "")
            axes.tick_params(labelbottom=row == size - 1, labelleft=column == 0)
            axes.xaxis.set_major_locator(MaxNLocator(6 if size == 1 else 4))
            axes.yaxis.set_major_locator(MaxNLocator(6 if size == 1 else 4))
    if filled is not None:
        _colour_bar(figure, filled, grid, edges, numbered)
    _title(figure, grid, observable, edges, cut_away, len(features) - len(chosen))
    return figure


def _shown(events: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Events of all samples, and of the first few variations."""
    varied = [name for name in events if "__" in name][:_MOST_VARIED]
    return {n: np.asarray(x) for n, x in events.items() if "__" not in n or n in varied}


def _contours(
    axes: Axes,
    score: Score,
    edges: np.ndarray,
    centre: np.ndarray,
    pair: tuple[int, int],
    low: np.ndarray,
    high: np.ndarray,
) -> tuple[Any, bool]:
    """Draw the score against two features; the filled contours, and whether there are cuts."""
    x, y = (np.linspace(low[k], high[k], 200) for k in pair)
    grid = np.repeat(centre[None], len(x) * len(y), axis=0)
    grid[:, pair] = np.stack([a.ravel() for a in np.meshgrid(x, y)], axis=1)
    values = np.asarray(score(grid)).reshape(len(y), len(x))
    cut = np.isnan(values)
    axes.set_facecolor("darkgrey")
    if cut.all():
        return None, True
    first, last = edges[0], edges[-1]
    filled = axes.contourf(
        x, y, np.clip(values, first, last), levels=np.linspace(first, last, 41), cmap="cividis"
    )
    inner = [e for e in edges[1:-1] if np.nanmin(values) < e < np.nanmax(values)]
    if inner:
        # Many edges would hide the score.
        width = min(1.6, _WIDTHS / len(inner))
        axes.contour(x, y, values, levels=inner, colors="white", linewidths=width)
    if cut.any():
        axes.contour(x, y, cut.astype(float), levels=[0.5], colors="black", linewidths=1.6)
    return filled, bool(cut.any())


def _points(axes: Axes, events: Mapping[str, np.ndarray], signal: str, small: bool) -> None:
    for index, (name, points) in enumerate(events.items()):
        varied = "__" in name
        axes.scatter(
            *points[: (60 if varied else 120) // (2 if small else 1)].T,
            s=7 if small else 14,
            marker=_MARKERS[index % len(_MARKERS)],
            facecolor="none" if varied else (SIGNAL if name == signal else "white"),
            edgecolor="white" if varied else "black",
            linewidth=0.5 if small else 0.7,
            label=words(name),
        )


def _colour_bar(
    figure: Figure, filled: Any, grid: np.ndarray, edges: np.ndarray, numbered: bool
) -> None:
    whole = (edges[0], edges[-1]) == (0, 1)
    ticks = np.linspace(0, 1, 6) if whole else edges[:: max(1, len(edges) // 8)]
    if numbered:
        ticks = edges[: -1 : max(1, len(edges) // 8)] + 0.5
    label = "number of the bin" if numbered else "observable"
    bar = figure.colorbar(filled, ax=list(grid.ravel()), ticks=ticks, label=label)
    if numbered:
        bar.ax.set_yticks(ticks, [f"{tick - 0.5:.0f}" for tick in ticks])
        bar.ax.minorticks_off()
    bar.ax.hlines(edges[1:-1], 0, 1, colors="white", linewidths=1.6)


def _title(
    figure: Figure, grid: np.ndarray, observable: str, edges: np.ndarray, cut: bool, others: int
) -> None:
    lines = ["white lines are bin edges"] if len(edges) > 2 else []
    lines += ["grey is cut away"] if cut else []
    lines += ["other features at their median"] if grid.size > 1 else []
    lines += [f"{others} not shown"] if others > 0 else []
    text = f"{observable}: {', '.join(lines)}" if lines else observable
    box = {"frameon": True, "facecolor": "lightgrey", "framealpha": 0.9, "scatterpoints": 1}
    if grid.size == 1:
        grid[0, 0].set_title(text, loc="left")
        # Beside the events, which fill the plane.
        figure.legend(loc="outside lower center", ncols=2, fontsize=9, **box)
        return
    figure.suptitle(text, fontsize=11, x=0.01, ha="left")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    grid[0, -1].legend(handles, labels, loc="upper right", fontsize=9, markerscale=1.4, **box)


def _line(
    score: Score,
    edges: np.ndarray,
    events: Mapping[str, np.ndarray],
    feature: str,
    observable: str,
    signal: str,
) -> Figure:
    """The score against the only feature, above the events of each sample."""
    low, high = (float(end[0]) for end in shown_range(*events.values()))
    low, high = (low, high) if high > low else (low - 0.5, high + 0.5)
    figure, (axes, where) = new_figure(rows=(3, 1))
    x = np.linspace(low, high, 1000)
    axes.plot(x, np.asarray(score(x[:, None])), color="black")
    for edge in edges[1:-1]:
        axes.axhline(edge, color="grey", linewidth=0.8, linestyle="--")
    axes.set_ylabel("observable")
    axes.set_title(
        observable + (": dashed lines are bin edges" if len(edges) > 2 else ""), loc="left"
    )
    for index, (name, points) in enumerate(events.items()):
        colour = SIGNAL if name == signal else "black"
        where.plot(
            points[:60, 0], np.full(len(points[:60]), -index), "|", color=colour, markersize=8
        )
    names = [words(name) for name in events]
    where.set_yticks(-np.arange(len(names)), names, fontsize=9)
    where.yaxis.minorticks_off()
    where.set_ylim(0.6 - len(names), 0.6)
    where.set(xlim=(low, high), xlabel=mathtext(feature))
    return figure
