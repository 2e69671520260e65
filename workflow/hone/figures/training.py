"""Training curves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hone.figures.style import OBSERVABLE_COLOURS, new_figure

__all__ = ["draw_training"]


def draw_training(histories: Mapping[str, Sequence[Mapping[str, Any]]], observable: str) -> Figure:
    """Objective and, where it was recorded, expected CLs against the training step.

    Args:
        histories: rows of ``history.csv`` by seed.
        observable: name for the title.
    """
    first = next(iter(histories.values()))[0]
    with_cls = "validation_cls" in first
    figure, axes = new_figure(rows=(1, 1) if with_cls else (1,), height=7.0 if with_cls else 5.0)
    for index, (seed, rows) in enumerate(histories.items()):
        colour = OBSERVABLE_COLOURS[index % len(OBSERVABLE_COLOURS)]
        steps = [row["step"] for row in rows]
        if "training_objective" in first:
            training = _column(rows, "training_objective")
            axes[0].plot(steps, training, color=colour, linestyle=":", linewidth=1.2)
        validation = _column(rows, "validation_objective")
        axes[0].plot(
            steps, validation, color=colour, marker=".", label=seed.replace("seed", "seed ")
        )
        best = int(np.nanargmin(validation))
        axes[0].plot(steps[best], validation[best], "*", color=colour, markersize=13)
        if with_cls:
            cls = _column(rows, "validation_cls")
            axes[1].plot(steps, cls, color=colour, marker=".")
            axes[1].plot(steps[best], cls[best], "*", color=colour, markersize=13)
    axes[0].set_ylabel("objective")
    axes[0].set_title(observable, loc="left")
    if "training_objective" in first:
        axes[0].plot([], [], color="grey", linestyle=":", label="training, soft")
        axes[0].plot([], [], color="grey", marker=".", label="validation, hard")
    axes[0].plot([], [], "*", color="grey", markersize=11, linestyle="none", label="kept")
    axes[0].legend(ncols=2)
    if with_cls:
        axes[1].set_yscale("log")
        axes[1].set_ylabel(r"expected CL$_s$ at $\mu = 1$")
    axes[-1].set_xlabel(
        "training step" if "training_objective" in first else "sweep over the edges"
    )
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> np.ndarray:
    return np.array([np.nan if row[name] is None else row[name] for row in rows], dtype=float)
