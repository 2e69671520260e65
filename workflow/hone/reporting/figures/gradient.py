"""The gradient of the training objective against finite differences."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hone.reporting.figures.style import OBSERVABLE_COLOURS, new_figure, note
from hone.training.documents import GradientCheck

__all__ = ["draw_gradient"]

_MARKERS = "os^DvP"


def draw_gradient(checked: GradientCheck, observable: str) -> Figure:
    """Their relative difference against the step of the finite differences.

    Args:
        checked: content of ``gradient.json``.
        observable: name for the title.
    """
    if checked["reason"] is not None:
        return note(observable, checked["reason"])
    figure, (axes,) = new_figure(height=6.0)
    steps = np.array(checked["steps"])
    lowest, best = 1.0, 1.0
    for k, row in enumerate(checked["relative"]):
        # A logarithmic axis cannot show zero.
        values = np.maximum(np.array(row, dtype=float), 1e-16)
        axes.plot(
            steps, values, marker=_MARKERS[k % len(_MARKERS)], markersize=5, linewidth=1.2,
            color=OBSERVABLE_COLOURS[k % len(OBSERVABLE_COLOURS)], label=f"direction {k + 1}",
        )  # fmt: skip
        if np.isfinite(values).any():
            lowest = min(lowest, float(np.nanmin(values)))
            best = min(best, float(np.nanmin(values)))
    # Expected slopes, through the best agreement.
    middle = np.sqrt(steps.min() * steps.max())
    axes.plot(steps, best * (steps / middle) ** 2, ":", color="0.3", label="$h^2$, truncation")
    axes.plot(steps, best * middle / steps, "--", color="0.3", label="$1/h$, rounding")
    axes.set(xscale="log", yscale="log")
    axes.set_ylim(0.3 * lowest, max(10.0, 3 * _largest(checked["relative"])))
    axes.set_xlabel("step $h$ of the differences, in the space of all parameters")
    axes.set_ylabel("$|$difference $-$ autodiff$|$ / derivative")
    trained = checked["precision"]
    bits = "evaluated in float64" + ("" if trained == "float64" else f", trained in {trained}")
    axes.set_title(f"{observable}: {checked['objective_name']}, {bits}", loc="left", fontsize=12)
    figure.legend(loc="outside lower center", ncols=3, fontsize=10)
    return figure


def _largest(rows: Any) -> float:
    values = np.array(rows, dtype=float)
    return float(np.nanmax(values)) if np.isfinite(values).any() else 1.0
