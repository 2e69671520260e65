"""A training as a picture that moves: bins, objective and CLs, validation by validation."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation
from matplotlib.ticker import MaxNLocator
from scipy.special import ndtr

from hone.errors import InputError
from hone.figures.style import OBSERVABLE_COLOURS, panel_style

__all__ = ["animate_training"]

_FRAMES = 25
_DASHES = ("-", "--", "-.", ":")
_CURVES = (
    ("validation_objective", "objective", False),
    ("validation_cls", r"exp. CL$_s$ at $\mu = 1$", True),
)


def animate_training(rows: Sequence[Mapping[str, Any]], observable: str) -> FuncAnimation:
    """What ``history.csv`` knows of a training, at up to 25 of its validations.

    Where bins are a kernel density with a bandwidth, the share that each bin has of an event at a
    score (:func:`hone.observable.soft.kernel_shares`); where they are not, the temperature or the
    cuts against the step. Beside it objective and expected CLs, as far as the training has come.

    Args:
        rows: of ``history.csv``, of one seed.
        observable: name for the title.

    Raises:
        InputError: there is no row.
    """
    if not rows:
        raise InputError(f"{observable}: the history has no row, there is nothing to animate")
    edges = [name for name in rows[0] if name.startswith("edge_")]
    soft = "bandwidth" in rows[0] and len(edges) > 2
    moving = [name for name in ("temperature", "bandwidth") if name in rows[0]]
    moving += [name.removesuffix("_slope") for name in rows[0] if name.endswith("_slope")]
    curves = [c for c in _CURVES if any(row.get(c[0]) is not None for row in rows)]
    curves += [] if soft else [(name, _words(name), False) for name in moving[:1]]
    with plt.rc_context(panel_style(11)):
        size = soft + len(curves)
        figure, panels = plt.subplots(1, size, figsize=(3.6 * size, 3.3), squeeze=False)
    axes = list(panels[0])
    title = figure.suptitle(_title(observable, rows[-1]), fontsize=12, x=0.01, ha="left")
    score = np.linspace(0, 1, 300)
    bins = _soft_bins(axes[0], len(edges) - 1, score) if soft else []
    steps = [row["step"] for row in rows]
    lines = []
    for panel, (name, label, logarithmic) in zip(axes[soft:], curves, strict=True):
        values = np.array([np.nan if row.get(name) is None else row[name] for row in rows], float)
        panel.plot(steps, values, color="0.75", linewidth=1)
        (line,) = panel.plot([], [], color=OBSERVABLE_COLOURS[0], marker=".", linewidth=1.8)
        lines.append((line, values))
        if logarithmic:
            panel.set_yscale("log")
        else:
            panel.ticklabel_format(axis="y", useOffset=False)
        panel.set(xlabel="training step", ylabel=label)
        panel.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    # Once for all frames: it takes longer than all the rest.
    figure.canvas.draw()
    figure.set_layout_engine("none")
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(_FRAMES, len(rows))).astype(int))

    def draw(frame: int) -> list[Any]:
        last = chosen[frame]
        row = rows[last]
        title.set_text(_title(observable, row))
        if soft:
            inner = np.array([row[name] for name in edges[1:-1]])
            below = ndtr((inner[:, None] - score) / row["bandwidth"])
            zero = np.zeros((1, len(score)))
            for curve, share in zip(bins, np.diff(np.concatenate([zero, below, zero + 1]), axis=0),
                                    strict=True):  # fmt: skip
                curve.set_ydata(share)
        for line, values in lines:
            line.set_data(steps[: last + 1], values[: last + 1])
        return []

    # The last one stays for a while.
    frames = [*range(len(chosen)), *[len(chosen) - 1] * 5]
    return FuncAnimation(figure, draw, frames=frames)


def _soft_bins(axes: Any, bins: int, score: np.ndarray) -> list[Any]:
    """Empty curves for the bins' shares."""
    axes.set(xlim=(0, 1), ylim=(0, 1.05), xlabel="observable", ylabel="share of a bin in an event")
    return [
        axes.plot(
            score, 0 * score, color=OBSERVABLE_COLOURS[k % len(OBSERVABLE_COLOURS)],
            linestyle=_DASHES[k % len(_DASHES)], linewidth=1.5,
        )[0]
        for k in range(bins)
    ]  # fmt: skip


def _words(name: str) -> str:
    return name.replace("_below", " <").replace("_above", " >")


def _title(observable: str, row: Mapping[str, Any]) -> str:
    return f"{observable}, step {row['step']}"
