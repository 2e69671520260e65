"""Observables side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hone.figures.style import OBSERVABLE_COLOURS, new_figure

__all__ = ["draw_comparison"]

_PANELS = (
    ("expected_cls_2", "expected_cls", "expected CL$_s$ at $\\mu = 1$", True),
    ("expected_limits_2", "expected_limit", "expected limit on $\\mu$", False),
    ("sigma_mu", "sigma_mu", "$\\sigma_\\mu$", False),
)


def draw_comparison(rows: Sequence[Mapping[str, Any]], floor: Mapping[str, Any]) -> Figure:
    """Figures of merit of every seed, with medians, and the floor that none can beat.

    Args:
        rows: of ``comparison.csv``, of one signal.
        floor: content of ``floor.json``; its numbers may be missing.
    """
    names = list(dict.fromkeys(row["observable"] for row in rows))
    figure, axes = new_figure(rows=(1.3, 1, 1), height=8.4)
    for panel, (column, key, label, logarithmic) in zip(axes, _PANELS, strict=True):
        for index, name in enumerate(names):
            values = [r[column] for r in rows if r["observable"] == name and r[column] is not None]
            colour = OBSERVABLE_COLOURS[index % len(OBSERVABLE_COLOURS)]
            spread = np.linspace(-0.12, 0.12, len(values)) if len(values) > 1 else [0.0]
            panel.plot(index + np.array(spread), values, "o", color=colour, markersize=7)
            if values:
                panel.hlines(np.median(values), index - 0.25, index + 0.25, color=colour)
        own = floor.get("of_observables", {})
        for index, name in enumerate(names):
            known = own.get(name, floor).get(key)
            if known is not None:
                panel.hlines(
                    known, index - 0.5, index + 0.5, color="black", linestyle="--", linewidth=1.2
                )
        if logarithmic:
            panel.set_yscale("log")
        else:
            panel.set_ylim(0, 1.15 * panel.get_ylim()[1])
        panel.set_ylabel(label)
        panel.tick_params(axis="x", which="minor", bottom=False, top=False)
    axes[0].plot([], [], "o", color="grey", label="one seed")
    axes[0].plot([], [], "-", color="grey", label="median")
    if floor.get("expected_cls") is not None:
        axes[0].plot([], [], "--", color="black", linewidth=1.2, label="floor")
    axes[0].legend(ncols=3, loc="best")
    crowded = sum(map(len, names)) > 40
    axes[-1].set_xticks(
        range(len(names)), names, **({"rotation": 30, "ha": "right"} if crowded else {})
    )
    axes[-1].set_xlim(-0.5, len(names) - 0.5)
    return figure
