"""The features of an observable, by process: distributions, variations, correlations."""

from collections.abc import Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hone.analysis.templates import Template
from hone.events.event_sets import EventSets
from hone.reporting.figures.style import OBSERVABLE_COLOURS, SIGNAL, panel_style, shade
from hone.reporting.markup import mathtext
from hone.sentinels import Sentinels, find_sentinels, shown_range

__all__ = ["draw_features"]

_BINS = 40
_LARGE = 0.6
"""Relative change above which ratios are drawn on a logarithmic axis."""
_MOST = 4
"""Most features, and most systematics, that are drawn."""


def draw_features(
    events: EventSets,
    features: Sequence[str],
    templates: Sequence[Template],
    signals: Sequence[str],
    observable: str,
    important: Sequence[str] = (),
) -> Figure:
    """Distributions of the features for signal and backgrounds, and what systematics change.

    Above, each process with unit area (of the events that have the feature); in the middle, the
    total background of the systematics that change any of the features most, relative to the
    nominal one; below, correlations of the features in per cent.

    Args:
        events: of all processes of a hypothesis and their variations.
        features: names of the columns of the events (F).
        templates: that the events belong to.
        signals: names of the signals of the hypothesis, several if these are measured together.
        observable: name for the title.
        important: features, the most important first; the first four are drawn.
    """
    order = [name for name in important if name in features] or list(features)
    chosen = [features.index(name) for name in order[:_MOST]]
    names = [t.sample for t in templates if t == t.nominal]
    backgrounds = [name for name in names if name not in signals]
    samples = [events.features[name] for name in names]
    low, high = shown_range(*samples)
    marks = {k: find_sentinels(*(x[:, k] for x in samples)) for k in chosen}
    high = np.where(high > low, high, low + 1)
    columns = max(len(chosen), 2)
    with plt.rc_context(panel_style(10)):
        figure, grid = plt.subplots(
            3, columns, figsize=(2.9 * columns + 0.8, 7.4), squeeze=False,
            gridspec_kw={"height_ratios": [2, 1, 1.6]},
        )  # fmt: skip
    for axes in grid.ravel():
        axes.set_axis_off()
    binnings = {k: np.linspace(low[k], high[k], _BINS + 1) for k in chosen}
    yields = {
        k: {t.name: _counts(events, t.name, k, edges, marks[k]) for t in templates}
        for k, edges in binnings.items()
    }
    totals = {k: sum((of[n] for n in backgrounds), np.zeros(_BINS)) for k, of in yields.items()}
    ratios = {k: _ratios(yields[k], totals[k], templates, backgrounds) for k in chosen}
    # The same everywhere, each in a colour of its own.
    colours = dict(zip(_largest(ratios, totals), OBSERVABLE_COLOURS, strict=False))
    for (main, ratio, _), k in zip(grid.T, chosen, strict=False):
        edges, counted, total = binnings[k], yields[k], totals[k]
        looks = {name: {"color": shade(place)} for place, name in enumerate(backgrounds)}
        looks |= {
            name: {"color": SIGNAL, "linestyle": line}
            for name, line in zip(signals, cycle(("-", "--", ":", "-.")), strict=False)
        }
        for name, look in looks.items():
            area = counted[name].sum() or np.nan
            share = counted[name] / (area * np.diff(edges))
            is_filled = name in backgrounds
            main.stairs(share, edges, label=name, linewidth=1.8, fill=is_filled, alpha=0.7, **look)
        lines = {name: ratios[k][name] for name in colours}
        for systematic, sides in lines.items():
            for side, values in sides.items():
                style = "-" if side == "up" else "--"
                label = systematic if side == "up" else None
                ratio.stairs(
                    values, edges, baseline=None, color=colours[systematic], linestyle=style,
                    label=label,
                )  # fmt: skip
        for panel in (main, ratio):
            panel.set_axis_on()
            panel.set_xlim(edges[0], edges[-1])
        main.tick_params(labelbottom=False)
        main.set_ylim(0, 1.5 * main.get_ylim()[1])
        ratio.axhline(1, color="0.6", linewidth=0.8, zorder=0)
        changes = [np.abs(v[total > 0] - 1) for sides in lines.values() for v in sides.values()]
        reach = max([0.05, *(float(np.quantile(c, 0.9)) for c in changes if c.size)])
        if reach < _LARGE:
            ratio.set_ylim(1 - 1.5 * reach, 1 + 2.5 * reach)
        else:
            ratio.set_yscale("log")
            ratio.set_ylim(0.02, 500)
        ratio.set_xlabel(mathtext(features[k], 24))
        if lines:
            ratio.legend(fontsize=7, ncols=2, loc="upper center")
    grid[0, 0].set_ylabel("fraction per unit")
    grid[1, 0].set_ylabel("varied / nominal")
    grid[0, 0].legend(fontsize=8, loc="upper center", ncols=2)
    grid[0, 0].set_title(observable, loc="left")
    if len(chosen) > 1:
        labels = [mathtext(features[k], 10) for k in chosen]
        for axes, title, group in (
            (grid[2, 0], "signal", signals), (grid[2, 1], "background", backgrounds),
        ):  # fmt: skip
            values = np.concatenate([events.features[name][:, chosen] for name in group])
            weights = np.concatenate([events.weights[name] for name in group])
            of_feature = zip(marks.values(), values.T, strict=True)
            known = np.stack([marked.others(column) for marked, column in of_feature], axis=1)
            _draw_correlation(axes, title, labels, _correlation(values, weights, known))
    return figure


def _counts(
    events: EventSets, template: str, feature: int, edges: np.ndarray, marks: Sentinels
) -> np.ndarray:
    """Yields (B,) of a template; what is beyond is in the outermost bins, what is not there in
    none."""
    values = events.features[events.events_of(template)][:, feature]
    there = marks.others(values)
    inside = np.clip(values[there], edges[0], edges[-1])
    return np.histogram(inside, edges, weights=events.weights[template][there])[0]


def _ratios(
    counted: dict[str, np.ndarray],
    total: np.ndarray,
    templates: Sequence[Template],
    backgrounds: Sequence[str],
) -> dict[str, dict[str, np.ndarray]]:
    """Total background (B,), relative to the nominal one, by systematic and side."""
    found: dict[str, dict[str, np.ndarray]] = {}
    safe = np.where(total > 0, total, np.nan)
    for t in templates:
        if t.systematic and t.sample in backgrounds:
            sides = found.setdefault(t.systematic, {})
            sides[t.side] = sides.get(t.side, 1.0) + (counted[t.name] - counted[t.sample]) / safe
    return found


def _largest(
    ratios: dict[int, dict[str, dict[str, np.ndarray]]], totals: dict[int, np.ndarray]
) -> list[str]:
    """Systematics that move most of the background in any of the features."""
    change: dict[str, float] = {}
    for k, found in ratios.items():
        for name, sides in found.items():
            moved = [float(np.nansum(np.abs(v - 1) * totals[k])) for v in sides.values()]
            change[name] = max(change.get(name, 0.0), *moved)
    return sorted(change, key=lambda name: -change[name])[:_MOST]


def _correlation(values: np.ndarray, weights: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Correlations (K, K) of features (n, K), each of the events that have both, bool (n, K); NaN
    of one that is constant."""
    counted = weights[:, None] * there
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (counted * values).sum(axis=0) / counted.sum(axis=0)
        centred = np.where(there, values - mean, 0.0)
        variances = (centred**2 * counted).T @ there
        found: np.ndarray = (centred * counted).T @ centred / np.sqrt(variances * variances.T)
    return found


def _draw_correlation(axes: Axes, title: str, labels: Sequence[str], matrix: np.ndarray) -> None:
    axes.set_axis_on()
    axes.imshow(matrix, cmap="RdBu", vmin=-1, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right", fontsize=8)
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.tick_params(which="both", length=0)
    axes.minorticks_off()
    axes.set_title(f"{title}: correlation [%]", fontsize=9)
    for row, column in np.ndindex(matrix.shape):
        value = matrix[row, column]
        if np.isfinite(value):
            colour = "white" if abs(value) > 0.7 else "black"
            axes.text(
                column, row, f"{round(100 * float(value))}", ha="center", va="center", color=colour,
                fontsize=8,
            )  # fmt: skip
