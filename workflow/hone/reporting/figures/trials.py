"""Validation objective of the trials of settings that are searched."""

import json
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hone.reporting.figures.style import OBSERVABLE_COLOURS, SIGNAL, panel_style
from hone.reporting.markup import mathtext
from hone.results.documents import Trial, TunedSettings

__all__ = ["draw_trials"]

_COLUMNS = 3
_LONGEST = 22
"""Most characters of the labels of an axis that fit side by side."""


def draw_trials(tuned: TunedSettings, observable: str) -> Figure:
    """The objective of each trial against each setting, a panel for each, the chosen one marked.

    Bars are medians over the trials with that value, crosses at the top are failed trials.

    Args:
        tuned: content of ``tuned.json``.
        observable: name for the title.
    """
    trials = tuned["trials"]
    values = {name: _values(trials, name) for name in tuned["settings"]}
    names = [name for name, found in values.items() if len(found) > 1] or list(values)
    columns = min(_COLUMNS, len(names))
    rows = -(-len(names) // columns)
    with plt.rc_context(panel_style()):
        figure, grid = plt.subplots(
            rows, columns, figsize=(1.6 + 3.0 * columns, 1.0 + 3.4 * rows), sharey=True,
            squeeze=False,
        )  # fmt: skip
    for axes, name in zip(grid.flat, names, strict=False):
        _panel(axes, tuned, name, values[name])
    for axes in grid.flat[len(names) :]:
        axes.set_axis_off()
    for axes in grid[:, 0]:
        axes.set_ylabel("validation objective")
        axes.ticklabel_format(axis="y", useOffset=False)
    grid[0, 0].set_title(observable, loc="left")
    found: dict[str, Artist] = {}
    for axes in grid.flat:
        handles, labels = axes.get_legend_handles_labels()
        found |= dict(zip(labels, handles, strict=True))
    figure.legend(
        found.values(), found.keys(), loc="outside upper right", ncols=len(found), fontsize=10,
        frameon=False, numpoints=1,
    )  # fmt: skip
    return figure


def _panel(axes: Axes, tuned: TunedSettings, name: str, values: Sequence[Any]) -> None:
    trials = tuned["trials"]
    # The same order from left to right in every panel, for none to hide another.
    spread = min(0.25, 0.03 * len(trials)) * np.linspace(-1, 1, len(trials))
    places = {
        trial["trial"]: values.index(trial["settings"][name]) + shift
        for trial, shift in zip(trials, spread, strict=True)
    }
    found = {t["trial"]: y for t in trials if (y := t["validation_objective"]) is not None}
    axes.plot(
        [places[k] for k in found], list(found.values()), "o", color=OBSERVABLE_COLOURS[0],
        markersize=6, alpha=0.8, label="trial",
    )  # fmt: skip
    for place, value in enumerate(values):
        here = [
            found[t["trial"]]
            for t in trials
            if t["settings"][name] == value and t["trial"] in found
        ]
        if len(here) > 1:
            ends = place + np.array([-0.35, 0.35])
            axes.plot(ends, [np.median(here)] * 2, "k-", label="median")
    axes.plot(
        places[tuned["trial"]], found[tuned["trial"]], "*", color=SIGNAL, markersize=16,
        markeredgecolor="black", markeredgewidth=0.5, zorder=5, label="chosen",
    )  # fmt: skip
    failed = [place for number, place in places.items() if number not in found]
    if failed:
        axes.plot(
            failed, [0.96] * len(failed), "x", color="grey", label="failed",
            transform=axes.get_xaxis_transform(),
        )  # fmt: skip
        axes.margins(y=0.12)
    labels = [_label(value) for value in values]
    crowded = sum(map(len, labels)) > _LONGEST
    axes.set_xticks(range(len(values)), labels, rotation=30 if crowded else 0)
    if crowded:
        plt.setp(axes.get_xticklabels(), ha="right", rotation_mode="anchor")
    axes.xaxis.minorticks_off()
    axes.set_xlim(-0.6, len(values) - 0.4)
    axes.set_xlabel(mathtext(name.replace("_", " ")))


def _values(trials: Sequence[Trial], name: str) -> list[Any]:
    """Values of a setting, each once: numbers in their order, others as they come."""
    found: list[Any] = []
    for trial in trials:
        value = trial["settings"][name]
        found += [value] if value not in found else []
    return sorted(found) if all(isinstance(value, int | float) for value in found) else found


def _label(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(part, int | float) for part in value):
        return ", ".join(f"{part:g}" for part in value) or "none"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:g}"
    return mathtext(value if isinstance(value, str) else json.dumps(value))
