"""Observables side by side, and their gains over a baseline."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure

from hone.errors import InputError
from hone.reporting.figures.style import OBSERVABLE_COLOURS, new_figure
from hone.results.documents import Floor, Row

__all__ = ["draw_comparison", "draw_gain"]

Merit = Literal["expected_cls", "expected_limit", "expected_p0", "sigma_mu"]

_PANELS: tuple[tuple[str, Merit, str, bool], ...] = (
    ("expected_cls_2", "expected_cls", "CL$_s$ at $\\mu = 1$", True),
    ("expected_limits_2", "expected_limit", "limit on $\\mu$", False),
    ("expected_p0", "expected_p0", "$p_0$ at $\\mu = 1$", True),
    ("sigma_mu", "sigma_mu", "$\\sigma_\\mu$ at $\\mu = 1$", False),
)
_GAINS = (
    ("expected_limit", "o", "limit (smaller)"),
    ("sigma_mu", "s", "$\\sigma_\\mu$ (smaller)"),
    ("expected_cls", "^", "significance of CL$_s$ (larger)"),
    ("expected_p0", "D", "significance of $p_0$ (larger)"),
)


def draw_comparison(rows: Sequence[Row], floor: Floor) -> Figure:
    """Figures of merit of every seed, with medians and the floor, if that is not far below them.

    Args:
        rows: of ``comparison.csv``, of one signal.
        floor: content of ``floor.json``; its numbers may be missing.
    """
    names = list(dict.fromkeys(row["observable"] for row in rows))
    crowded = sum(map(len, names)) > 40
    figure, axes = new_figure(rows=(1, 1, 1, 1), width=max(7.0, 0.4 * len(names)), height=10)
    own = floor.get("of_observables", {})
    floors_drawn, missing_drawn = False, False
    in_bins = dict(zip(floor.get("in_bins", {}), cycle((":", "-.")), strict=False))
    for panel, (column, key, label, logarithmic) in zip(axes, _PANELS, strict=True):
        if logarithmic:
            panel.set_yscale("log")
        missing: list[int] = []
        drawn: list[float] = []
        floors: dict[int, float] = {}
        for index, name in enumerate(names):
            colour = OBSERVABLE_COLOURS[index % len(OBSERVABLE_COLOURS)]
            found = [r for r in rows if r["observable"] == name]
            # A logarithmic axis cannot show zero.
            there = [
                r for r in found if r[column] is not None and (r[column] > 0 or not logarithmic)
            ]
            values = [r[column] for r in there]
            if len(there) < len(found):
                missing.append(index)
            spread = np.linspace(-0.12, 0.12, len(values)) if len(values) > 1 else np.zeros(1)
            panel.errorbar(
                index + spread[: len(values)], values, [_error(r, column, key) for r in there],
                fmt="o", color=colour, linewidth=1.5,
            )  # fmt: skip
            if values:
                panel.hlines(np.median(values), index - 0.25, index + 0.25, color=colour)
            drawn += values
            known = own.get(name, floor).get(key)
            if known is not None and (known > 0 or not logarithmic):
                floors[index] = known
        far = {i: v for i, v in floors.items() if logarithmic and _is_far(v, drawn)}
        for index, known in floors.items():
            if index not in far:
                floors_drawn = True
                panel.hlines(
                    known, index - 0.5, index + 0.5, color="black", linestyle="--", linewidth=1.2
                )
        for bins, style in in_bins.items():
            for index, name in enumerate(names):
                known = own.get(name, floor).get("in_bins", {}).get(bins, {}).get(key)
                if known is not None:
                    panel.hlines(known, index - 0.5, index + 0.5, color="black", linestyle=style)
        _point_to(panel, far)
        lowest, highest = panel.get_ylim()
        if not logarithmic:
            panel.set_ylim(0, 1.15 * highest)
        elif highest < 1.1 * lowest:  # one seed: its line and its point differ by rounding
            panel.set_ylim(lowest / 2, highest * 2)
        missing_drawn = missing_drawn or bool(missing)
        at_top = panel.get_xaxis_transform()
        panel.plot(missing, [0.9] * len(missing), "x", color="black", transform=at_top)
        panel.set_ylabel(label)
        panel.xaxis.minorticks_off()
    handles = [
        axes[0].errorbar([], [], [], fmt="o", color="grey", label="one seed, MC error"),
        axes[0].plot([], [], "-", color="grey", label="median over seeds")[0],
    ]
    if floors_drawn:
        handles += axes[0].plot([], [], "--", color="black", linewidth=1.2, label="floor")
    for bins, style in in_bins.items():
        label = f"lowest found in {bins} bins"
        handles += axes[0].plot([], [], style, color="black", label=label)
    if missing_drawn:
        handles += axes[0].plot([], [], "x", color="black", label="a seed without a value")
    level = next((r["level"] for r in rows if r.get("level") is not None), None)
    confidence = "" if level is None else f", limits at {100 * (1 - level):.4g} % CL"
    figure.legend(
        title=f"expected, nominal{confidence}",
        handles=handles,
        ncols=2 if len(handles) == 4 else 3,
        loc="outside upper center",
        frameon=False,
    )
    axes[-1].set_xticks(range(len(names)), names, rotation=90 if crowded else 0)
    axes[-1].set_xlim(-0.5, len(names) - 0.5)
    figure.align_ylabels(axes)
    return figure


def _error(row: Row, column: str, key: Merit) -> float:
    """From the bootstrap of the evaluation events, which is without staterror: the same part of the
    number; 0 if it is not known."""
    value, error = (row.get(f"without_staterror_{key}{end}") for end in ("", "_error"))
    return row[column] * error / value if value and error else 0.0


def _is_far(floor: float, values: Sequence[float]) -> bool:
    """Whether a logarithmic axis down to the floor would show no difference between the values."""
    if not values:
        return False
    decades = np.log10([max(values) / min(values), min(values) / floor])
    return bool(decades[1] > max(3.0, 2 * decades[0]))


def _point_to(panel: Any, floors: Mapping[int, float]) -> None:
    """Arrows to floors far below the panel, with their numbers; to one that all share, one."""
    places = {float(place): floor for place, floor in floors.items()}
    if len(set(floors.values())) == 1:
        places = {sum(floors) / len(floors): next(iter(floors.values()))}
    for place, floor in places.items():
        panel.annotate(
            f"floor {floor:.1e}", (place, 0.0), (place, 0.16), ha="center", va="bottom",
            xycoords=panel.get_xaxis_transform(), textcoords=panel.get_xaxis_transform(),
            fontsize="small", arrowprops={"arrowstyle": "->"},
        )  # fmt: skip


def draw_gain(table: Sequence[Row]) -> Figure:
    """Gain of each observable over the baseline in per cent, with its uncertainty.

    Args:
        table: of :func:`hone.results.gains.compared`, of one signal.

    Raises:
        InputError: no observable has a gain.
    """
    rows = [r for r in table if any(r[f"gain_{name}"] is not None for name, *_ in _GAINS)]
    if not rows:
        raise InputError(
            "no observable has a gain to be drawn: is there a baseline (an observable with the "
            "objective bce) and another observable, and do their expected limits exist?"
        )
    figure, (axes,) = new_figure(height=2.2 + 0.7 * len(rows))
    axes.axvline(0, color="black", linewidth=1.2)
    for k, (name, marker, label) in enumerate(_GAINS):
        drawn = [(y, r) for y, r in enumerate(rows) if r[f"gain_{name}"] is not None]
        axes.errorbar(
            [r[f"gain_{name}"] for _, r in drawn],
            [y + 0.18 * (k - 1.5) for y, _ in drawn],
            xerr=[r[f"gain_{name}_error"] or 0.0 for _, r in drawn],
            fmt=marker, color=OBSERVABLE_COLOURS[k], markersize=7, capsize=3, label=label,
            markerfacecolor="white" if k % 2 else OBSERVABLE_COLOURS[k],
        )  # fmt: skip
    for y in range(1, len(rows)):
        axes.axhline(y - 0.5, color="0.85", linewidth=0.8, zorder=0)
    axes.set_yticks(range(len(rows)), [r["observable"] for r in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", left=False, right=False)
    axes.yaxis.minorticks_off()
    axes.margins(x=0.08)
    axes.set_xlabel(f"gain against {rows[0]['baseline']} [%]")
    figure.legend(ncols=2, loc="outside upper center", frameon=False)
    return figure
