"""Figures of merit against a setting of the observables."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from hone.analysis.observables import ObservableSettings
from hone.analysis.sections import Study
from hone.reporting.figures.style import OBSERVABLE_COLOURS, new_figure
from hone.reporting.markup import mathtext
from hone.results.documents import Floor, Row

__all__ = ["draw_study"]

_MARKERS = "os^Dvp"


def draw_study(
    rows: Sequence[Row], study: Study, observables: Sequence[ObservableSettings], floor: Floor
) -> Figure:
    """Expected CLs of every seed against a setting, with lines through the medians.

    Args:
        rows: of ``comparison.csv``, of one signal.
        study: of the analysis.
        observables: the settings of its observables.
        floor: content of ``floor.json``; its numbers may be missing.
    """
    lines: dict[str, list[tuple[float, list[float]]]] = {}
    for observable in observables:
        label = ", ".join(mathtext(str(observable.setting(key))) for key in study.lines)
        # matplotlib omits labels with a leading underscore from legends
        label = f" {label}" if label.startswith("_") else label
        values = [
            row["without_staterror_expected_cls"]
            for row in rows
            if row["observable"] == observable.name
        ]
        known = [value for value in values if value is not None]
        lines.setdefault(label, []).append((float(observable.setting(study.against)), known))

    figure, (axes,) = new_figure(width=7.4, height=5.6)
    for index, (label, points) in enumerate(lines.items()):
        colour = OBSERVABLE_COLOURS[index % len(OBSERVABLE_COLOURS)]
        marker = _MARKERS[index % len(_MARKERS)]
        points.sort()
        for x, values in points:
            axes.plot([x] * len(values), values, marker, color=colour, markersize=4, alpha=0.5)
        shown = [(x, np.median(values)) for x, values in points if values]
        axes.plot(
            [x for x, _ in shown], [y for _, y in shown], "-", marker=marker, color=colour,
            label=label,
        )  # fmt: skip
    if floor.get("expected_cls") is not None:
        axes.axhline(
            floor["expected_cls"], color="black", linestyle="--", linewidth=1.2, label="floor"
        )
    xs = [x for points in lines.values() for x, _ in points]
    if min(xs) > 0 and max(xs) / min(xs) > 5:
        axes.set_xscale("log")
        axes.set_xticks(sorted(set(xs)), [f"{x:g}" for x in sorted(set(xs))])
        axes.xaxis.set_minor_formatter("")
        axes.xaxis.minorticks_off()
    known = [y for points in lines.values() for _, values in points for y in values]
    known += [floor["expected_cls"]] if floor.get("expected_cls") is not None else []
    axes.set_yscale("log")
    if known:
        axes.set(ylim=(0.5 * min(known), 2 * max(known)))
    axes.margins(x=0.05)
    axes.set_xlabel(f"{study.against.replace('_', ' ')}")
    axes.set_ylabel("expected CL$_s$ at $\\mu = 1$, no staterror")
    axes.set_title(study.name.replace("_", " "), loc="left")
    axes.legend()
    return figure
