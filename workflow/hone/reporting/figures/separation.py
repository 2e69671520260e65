"""Scores of an observable: in the sets of events, and of signal against background."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from hone.reporting.figures.style import OBSERVABLE_COLOURS, SIGNAL, new_figure, shade
from hone.reporting.markup import words
from hone.results.documents import LimitOfSet, Overtraining
from hone.statmodel.templates import count
from hone.statmodel.workspace import Process
from hone.training.separation import Roc, Scored, Separation

__all__ = ["draw_overtraining", "draw_roc"]

_BINS = 40
_MOST = 5
"""Processes with a panel."""
_LINES = ("-", "--", ":", "-.")
_POINTS = 1000
"""Of a curve."""


def draw_overtraining(
    sets: Mapping[str, Mapping[str, Scored]],
    found: Overtraining,
    edges: Any,
    samples: Sequence[Process],
    observable: str,
) -> Figure:
    """Scores of each process in the three sets of events, with tests of whether these agree.

    Args:
        sets: events by process: ``training``, ``validation`` and ``evaluation``.
        found: content of ``overtraining.json``.
        edges: of the observable (B + 1,).
        samples: processes of the hypothesis; of more than five those with the largest yields.
        observable: name for the title.
    """
    evaluation = sets["evaluation"]
    edges = np.asarray(edges)
    largest = sorted(samples, key=lambda s: (not s.is_signal, -evaluation[s.name].weights.sum()))
    several = [sample for sample in samples if sample in largest[:_MOST]]
    figure, panels = new_figure(rows=[1.0] * len(several), height=1.2 + 2.2 * len(several))
    colours = {s.name: shade(k) for k, s in enumerate(s for s in samples if not s.is_signal)}
    for axes, sample in zip(panels, several, strict=True):
        name = sample.name
        # As many as there are values, if these number the bins.
        values = np.unique(evaluation[name].scores)
        discrete = int(np.isfinite(values).sum()) < len(edges)
        places = edges if discrete else np.linspace(edges[0], edges[-1], _BINS + 1)
        drawn = {of: _fractions(events[name], places) for of, events in sets.items()}
        axes.stairs(
            drawn["evaluation"][0], places, fill=True, color=colours.get(name, SIGNAL), alpha=0.45,
            label="evaluation",
        )  # fmt: skip
        axes.stairs(
            drawn["validation"][0], places, color="black", linestyle="--", label="validation"
        )
        axes.errorbar(
            (places[:-1] + places[1:]) / 2, *drawn["training"], fmt="o", color="black",
            markersize=3.5, linewidth=1, label="training",
        )  # fmt: skip
        for edge in edges[1:-1]:
            axes.axvline(edge, color="0.6", linewidth=0.8, linestyle=":", zorder=0)
        agreement = found["scores"][name]
        p = agreement["p"]
        chance = "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"
        text = f"{words(name)}: D = {agreement['distance']:.4f}, {chance} (KS)"
        axes.set_title(text, loc="right", fontsize=11)
        heights = np.concatenate([of_set for of_set, _ in drawn.values()])
        _logarithmic(axes)
        axes.set(xlim=(edges[0], edges[-1]), ylabel="fraction")
        lowest, highest = heights[heights > 0].min(initial=1), heights.max()
        axes.set_ylim(0.5 * max(lowest, 1e-5), 8 * max(highest, 1e-4))
    panels[0].legend(fontsize=10, ncols=3, loc="upper center")
    panels[-1].set_xlabel("observable")
    panels[0].set_title(observable, loc="left")
    limits = [f"{name} {_limit(of_set)}" for name, of_set in found["limits"].items()]
    figure.suptitle("Expected limit: " + ", ".join(limits), fontsize=10)
    return _laid_out(figure, top=0.6)


def _limit(of_set: LimitOfSet) -> str:
    if of_set["limit"] is None or of_set["error"] is None:
        return "none"
    return f"{of_set['limit']:.3g} $\\pm$ {of_set['error']:.1g}"


def _fractions(events: Scored, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Part of the yield in each interval, and its error; events that fail a cut are in none."""
    scores = np.where(np.isfinite(events.scores), events.scores, np.nan)
    found = count(scores, events.weights, places)
    total = events.weights.sum()
    return np.asarray(found.values) / total, np.sqrt(found.variances) / abs(total)


def draw_roc(found: Separation, observable: str) -> Figure:
    """Efficiency of the background against that of the signal, nominal and varied.

    Args:
        found: of the evaluation events.
        observable: name for the title.
    """
    figure, (axes,) = new_figure()
    for place, (name, curve) in enumerate(found.curves.items()):
        drawn = _thinned(curve)
        axes.plot(
            drawn.signal, drawn.background, color=("black", *OBSERVABLE_COLOURS)[place],
            linestyle=_LINES[place % len(_LINES)], linewidth=2.2 if place == 0 else 1.6,
            label=f"{words(name)}: {curve.area:.3f}",
        )  # fmt: skip
    bins = _thinned(found.bins)
    axes.plot(
        bins.signal, bins.background, "s", color="black", markersize=7, fillstyle="none",
        label=f"nominal, in the bins: {found.bins.area:.3f}", clip_on=False,
    )  # fmt: skip
    _logarithmic(axes)
    axes.set(xlim=(0, 1), ylim=(1e-4, 1))
    blind = np.linspace(1e-4, 1, 300)
    axes.plot(blind, blind, color="0.6", linewidth=0.8, label="no separation: 0.5")
    axes.set(xlabel="efficiency of the signal", ylabel="efficiency of the background")
    axes.set_title(observable, loc="left")
    if found.reordered:
        order = "bins in the order of signal over background"
        axes.set_title(order, loc="right", fontsize=11)
    axes.legend(loc="lower right", fontsize=11, title="AUC", title_fontsize=11)
    return _laid_out(figure)


def _logarithmic(axes: Axes) -> None:
    """The scale of y, with plain numbers: powers of ten need a font more in each file.

    Small ticks, which take most of the time of drawing, are where they are read: on that axis.
    """
    axes.set_yscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")


def _laid_out(figure: Figure, top: float = 0.35) -> Figure:
    """With margins in inches: to find a layout takes as long as drawing, and nothing in it varies
    but the height."""
    figure.set_layout_engine(None)
    width, height = figure.get_size_inches()
    margins = {"left": 1.05 / width, "right": 1 - 0.2 / width}
    margins |= {"bottom": 0.65 / height, "top": 1 - top / height}
    figure.subplots_adjust(**margins, hspace=0.2)
    return figure


def _thinned(curve: Roc) -> Roc:
    """Fewer points, on a logarithmic axis."""
    inside = np.flatnonzero(curve.background > 0)
    chosen = inside[np.unique(np.linspace(0, len(inside) - 1, _POINTS).astype(int))]
    return Roc(curve.signal[chosen], curve.background[chosen], curve.area)
