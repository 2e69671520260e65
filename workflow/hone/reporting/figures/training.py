"""Training curves, and bin edges and cuts during training."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from hone.reporting.figures.style import OBSERVABLE_COLOURS, new_figure
from hone.reporting.markup import mathtext

__all__ = ["draw_edges", "draw_training"]

Rows = Sequence[Mapping[str, float | None]]
"""Of ``history.csv``."""

_DASHES = ("-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (3, 1, 1, 1)))
_FEW_STEPS = 8
"""Fewer than these are marked, lest a line seem to know what is between them."""
_FEWEST_SEEDS = 3
"""Number of seeds from which on they are drawn thin, with their median."""
_LISTED = 6
"""Most seeds that a legend lists separately."""
_PANELS = (
    ("validation_objective", "objective", False),
    ("validation_cls", r"exp. CL$_s$ at $\mu = 1$", True),
    ("validation_limit", r"exp. limit on $\mu$", False),
)


def draw_training(histories: Mapping[str, Rows], observable: str) -> Figure:
    """Objective and, if recorded, expected CLs and limit against the training step.

    With three or more seeds, with the median and a band from the best to the worst.

    Args:
        histories: rows of ``history.csv`` by seed.
        observable: name for the title.
    """
    first = next(iter(histories.values()))[0]
    panels = [panel for panel in _PANELS if _recorded(histories, panel[0])] or [_PANELS[0]]
    several = len(histories) >= _FEWEST_SEEDS
    with_training = "training_objective" in first
    figure, axes = new_figure(
        rows=(1.3,) + (1,) * (len(panels) - 1),
        height=5.0 if len(panels) == 1 else 3 + 2 * len(panels),
    )
    for index, rows in enumerate(histories.values()):
        colour, dashes = _style(index)
        style: dict[str, str | float] = {"color": colour, "linestyle": dashes}
        style |= {"linewidth": 0.9, "alpha": 0.8} if several else {"linewidth": 1.5, "marker": "."}
        steps = [row["step"] for row in rows]
        validation = _column(rows, "validation_objective")
        best = int(np.nanargmin(validation)) if np.isfinite(validation).any() else None
        if with_training and not several:
            training = _column(rows, "training_objective")
            _curve(axes[0], steps, training, "x", color=colour, linestyle=":", linewidth=1.2)
        for panel, (column, _, _) in zip(axes, panels, strict=True):
            values = _drawn(rows, column)
            _curve(panel, steps, values, "o", **style)
            if best is not None:
                panel.plot(
                    steps[best], values[best], "*", color=colour, markersize=12,
                    markeredgecolor="black", markeredgewidth=0.5, clip_on=False, zorder=5,
                )  # fmt: skip
    if several:
        for panel, (column, _, _) in zip(axes, panels, strict=True):
            _median(panel, histories, column)
        if with_training:
            steps, middle, _, _ = _over_seeds(histories, "training_objective")
            _curve(axes[0], steps, middle, "x", color="black", linestyle=":", linewidth=1.2)
    for panel, (column, label, logarithmic) in zip(axes, panels, strict=True):
        if logarithmic:
            panel.set_yscale("log")
        else:
            panel.ticklabel_format(axis="y", useOffset=False)
        of_batches = ["training_objective"] if with_training and panel is axes[0] else []
        _leave_start_out(panel, histories, [column, *of_batches])
        panel.set_ylabel(label)
    axes[0].set_title(observable, loc="left")
    _legend(figure, _keys(histories, several, with_training))
    _label_steps(axes[-1], with_training)
    return figure


def draw_edges(histories: Mapping[str, Rows], observable: str) -> Figure:
    """Bin edges, bandwidth or temperature, and cuts against the training step, of every seed.

    Args:
        histories: rows of ``history.csv`` by seed.
        observable: name for the title.
    """
    first = next(iter(histories.values()))[0]
    groups: dict[str, list[str]] = {}
    for name in first:
        if found := re.fullmatch(r"((?:output|category)_\d+)?_?edge_\d+", name):
            groups.setdefault(found[1] or "", []).append(name)
    inner = {of: names[1:-1] for of, names in groups.items()}
    moving = any(_moves(histories, name) for names in inner.values() for name in names)
    softness = [name for name in ("bandwidth", "temperature") if name in first]
    cuts = [name.removesuffix("_slope") for name in first if name.endswith("_slope")]
    panels = [
        (f"edges, {of.replace('_', ' ')}" if of else "bin edges", names)
        for of, names in inner.items()
        # Those of a softmax are fixed, and those of a single bin are none.
        if (moving and (names or not of)) or not (softness or cuts)
    ]
    panels += [(name, [name]) for name in softness]
    panels += [(_cut_label(name), [name]) for name in cuts]
    figure, axes = new_figure(
        rows=tuple(2 if len(names) > 1 else 1 for _, names in panels),
        height=2.4 + 1.9 * len(panels),
    )
    for axis, (label, names) in zip(axes, panels, strict=True):
        for index, rows in enumerate(histories.values()):
            steps = [row["step"] for row in rows]
            for k, name in enumerate(names):
                colour, dashes = _style(index)
                # Edges are distinguished by their order, seeds by their line styles.
                if len(histories) == 1:
                    colour = OBSERVABLE_COLOURS[k % 2]
                axis.plot(
                    steps, _column(rows, name), color=colour, linestyle=dashes,
                    linewidth=1.0 if len(histories) >= _FEWEST_SEEDS else 1.6,
                    marker="." if min(map(len, histories.values())) < _FEW_STEPS else None,
                )  # fmt: skip
        if label.startswith(("bin edges", "edges, ")):
            axis.set_ylim(0, 1)
            if not names:
                axis.text(0.5, 0.5, "one bin: no inner edge", ha="center", transform=axis.transAxes)
        elif label in softness and _lowest(histories, label) > 0:
            axis.set_yscale("log")
        axis.set_ylabel(label)
    axes[0].set_title(observable, loc="left")
    if len(histories) > 1:
        _legend(figure, _keys(histories, False, False, kept=False))
    _label_steps(axes[-1], "training_objective" in first)
    return figure


def _curve(axes: Axes, steps: Any, values: Any, point: str, **style: Any) -> None:
    """A line; of a single value, which has none, a marker."""
    if np.isfinite(np.asarray(values, dtype=float)).sum() == 1:
        style |= {"marker": point, "markersize": 7}
    axes.plot(steps, values, **style)


def _leave_start_out(axes: Axes, histories: Mapping[str, Rows], columns: Sequence[str]) -> None:
    """Limits for what follows the first step, beside which the network before it is far off."""
    rows = [row for of_seed in histories.values() for row in of_seed]
    if all(row["step"] for row in rows):
        return
    trained = [row for row in rows if row["step"]]
    values = np.concatenate([_column(trained, name) for name in columns])
    scale = axes.yaxis.get_transform()
    with np.errstate(invalid="ignore", divide="ignore"):
        places = scale.transform(values)
    places = places[np.isfinite(places)]
    if len(set(places)) > 1:
        margin = 0.08 * np.ptp(places)
        axes.set_ylim(*scale.inverted().transform([places.min() - margin, places.max() + margin]))


def _legend(figure: Figure, keys: list[Line2D]) -> None:
    """Above the panels, which are full of curves."""
    figure.legend(
        handles=keys, loc="outside upper right", ncols=min(3, len(keys)), fontsize=10,
        frameon=False, numpoints=1,
    )  # fmt: skip


def _keys(
    histories: Mapping[str, Rows], several: bool, with_training: bool, kept: bool = True
) -> list[Line2D]:
    """Entries of the legend."""
    width = 0.9 if several else 1.5
    if len(histories) <= _LISTED:
        keys = [
            Line2D([], [], color=_style(k)[0], linestyle=_style(k)[1], linewidth=width,
                   label=seed.replace("seed", "seed "))
            for k, seed in enumerate(histories)
        ]  # fmt: skip
    else:
        keys = [Line2D([], [], color="grey", linewidth=width, label=f"{len(histories)} seeds")]
    if several:
        keys.append(Line2D([], [], color="black", linewidth=2.2, label="median, band: all"))
    if with_training:
        colour = "black" if several else "grey"
        text = "training, soft" + (" (median)" if several else "")
        keys.append(Line2D([], [], color=colour, linestyle=":", linewidth=1.2, label=text))
    if kept:
        keys.append(Line2D([], [], color="grey", marker="*", markersize=10, linestyle="none",
                           label="kept"))  # fmt: skip
    return keys


def _median(axes: Axes, histories: Mapping[str, Rows], column: str) -> None:
    steps, middle, low, high = _over_seeds(histories, column)
    axes.fill_between(steps, low, high, color="0.8", linewidth=0, zorder=0)
    _curve(axes, steps, middle, "_", color="black", linewidth=2.2, zorder=4)


def _over_seeds(histories: Mapping[str, Rows], column: str) -> tuple[Any, Any, Any, Any]:
    """Steps at which three or more seeds have a value, with median, lowest and highest."""
    by_step: dict[float, list[float]] = {}
    for rows in histories.values():
        for step, value in zip(_column(rows, "step"), _drawn(rows, column), strict=True):
            if np.isfinite(value):
                by_step.setdefault(step, []).append(value)
    known = {s: v for s, v in sorted(by_step.items()) if len(v) >= _FEWEST_SEEDS}
    values = list(known.values())
    return (
        list(known),
        [float(np.median(v)) for v in values],
        list(map(min, values)),
        list(map(max, values)),
    )


def _style(index: int) -> tuple[str, Any]:
    return OBSERVABLE_COLOURS[index % len(OBSERVABLE_COLOURS)], _DASHES[index % len(_DASHES)]


def _label_steps(axes: Axes, trained: bool) -> None:
    axes.set_xlabel("training step" if trained else "sweep over the edges")
    if trained:
        # Where it began, though the first validation comes later.
        axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _cut_label(name: str) -> str:
    variable, _, side = name.rpartition("_")
    text = f"{variable} {'>' if side == 'above' else '<'}"
    return mathtext(text if len(text) <= 18 else f"{text[:8]}...{text[-7:]}")


def _recorded(histories: Mapping[str, Rows], column: str) -> bool:
    return any(np.isfinite(_column(rows, column)).any() for rows in histories.values())


def _moves(histories: Mapping[str, Rows], column: str) -> bool:
    values = np.concatenate([_column(rows, column) for rows in histories.values()])
    values = values[np.isfinite(values)]
    return len(values) > 0 and float(np.ptp(values)) > 1e-9


def _lowest(histories: Mapping[str, Rows], column: str) -> float:
    return min(float(np.nanmin(_column(rows, column))) for rows in histories.values())


def _drawn(rows: Rows, name: str) -> np.ndarray:
    """Numbers of a column; of the objective that before training, too, which is not kept."""
    values = _column(rows, name)
    if name != "validation_objective":
        return values
    return np.where(np.isnan(values), _column(rows, "untrained_objective"), values)


def _column(rows: Rows, name: str) -> np.ndarray:
    """Numbers of a column, with NaN for missing ones."""
    values = [row.get(name) for row in rows]
    return np.array([np.nan if value is None else value for value in values], dtype=float)
