"""Effects of the systematics on the templates."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import mplhep
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from hone.analysis.systematics import Systematic
from hone.reporting.figures.histograms import band
from hone.reporting.figures.style import label_edges, panel_style
from hone.statmodel.postprocessing import Effect
from hone.statmodel.templates import Histogram
from hone.statmodel.workspace import Process, sides

__all__ = ["Variation", "draw_systematics", "variations"]

_COLUMNS, _ROWS = 2, 3
_LINEAR = 4.0
"""Larger ratios are drawn on a logarithmic axis."""
_UP, _DOWN = "#bd1f01", "#3f90da"


class Variation(NamedTuple):
    """A systematic of a sample in the bins of all regions; NaN in regions where it does not act."""

    systematic: str
    sample: str
    up: np.ndarray
    """Yields (B,) in the fit."""
    down: np.ndarray
    filled: tuple[np.ndarray, np.ndarray] | None
    """Up and down before smoothing, if smoothed."""
    notes: tuple[str, ...]
    size: float
    """Largest change of a bin, in units of the Poisson error of the total expectation."""


def variations(
    samples: Sequence[Process],
    filled: Mapping[str, Histogram],
    fitted: Mapping[str, Histogram],
    effects: Sequence[Effect],
    channels: Mapping[str, int],
) -> list[Variation]:
    """All systematics of all samples, the largest first.

    Args:
        samples: of the hypothesis, with all systematics, including pruned ones.
        filled: histograms by template name, bins of all channels concatenated (B,).
        fitted: the same after the smoothing.
        effects: from :func:`hone.statmodel.postprocessing.postprocess`.
        channels: number of bins of each.
    """
    total = np.sum([np.asarray(fitted[s.name].values) for s in samples], axis=0)
    error = np.sqrt(np.maximum(total, 1.0))
    regions = np.repeat(list(channels), list(channels.values()))
    found = []
    for sample in samples:
        nominal = np.asarray(fitted[sample.name].values, dtype=float)
        for systematic in sample.modifiers:
            if not isinstance(systematic, Systematic):
                continue
            mine = [effect for effect in effects if effect.is_of(sample.name, systematic)]
            acting = np.array([systematic.acts_in(region) for region in regions])
            up, down, before = _sides(systematic, sample, filled, fitted, mine, channels)
            change = np.maximum(abs(up - nominal), abs(down - nominal))
            found.append(
                Variation(
                    systematic.name,
                    sample.name,
                    np.where(acting, up, np.nan),
                    np.where(acting, down, np.nan),
                    before,
                    tuple(_notes(systematic, mine)),
                    float(np.max(np.where(acting, change / error, 0.0))),
                )
            )
    return sorted(found, key=lambda v: -v.size)


def draw_systematics(
    shown: Sequence[Variation],
    nominal: Mapping[str, Histogram],
    edges: Mapping[str, np.ndarray],
    observable: str,
    binned: Mapping[str, str] | None = None,
) -> list[Figure]:
    """Nominal, up and down of each systematic and sample, and their ratios, six to a page.

    Args:
        shown: from :func:`variations`; if empty, the MC errors of the samples are drawn.
        nominal: histogram of each sample, bins of all regions concatenated (B,).
        edges: bin edges of each region.
        observable: name for the title.
        binned: what is binned in each region, for the axis; the observable if not given.
    """
    entries = list(shown) or [
        Variation("no systematic", name, *2 * (np.full(len(h.values), np.nan),), None, (), 0.0)
        for name, h in nominal.items()
    ]
    size = _COLUMNS * _ROWS
    pages = [entries[k : k + size] for k in range(0, len(entries), size)]
    figures = []
    for number, page in enumerate(pages, 1):
        title = observable
        if len(pages) > 1:
            title += f": {len(entries)} variations, largest first, page {number} of {len(pages)}"
        figures.append(_page(page, nominal, edges, title, binned))
    return figures


def _page(
    entries: Sequence[Variation],
    nominal: Mapping[str, Histogram],
    edges: Mapping[str, np.ndarray],
    title: str,
    binned: Mapping[str, str] | None,
) -> Figure:
    columns = min(_COLUMNS, len(entries))
    rows = -(-len(entries) // columns)
    with plt.rc_context(panel_style(11)):
        figure = plt.figure(figsize=(3.7 * columns if columns > 1 else 5.6, 0.9 + 3.3 * rows))
        grid = figure.add_gridspec(2 * rows, columns, height_ratios=[1.6, 1] * rows)
        for k, entry in enumerate(entries):
            row, column = divmod(k, columns)
            main = figure.add_subplot(grid[2 * row, column])
            ratio = figure.add_subplot(grid[2 * row + 1, column], sharex=main)
            _draw(main, ratio, entry, nominal[entry.sample], edges)
            label_edges((main, ratio), edges, binned, most=6)
            # Half of a page is too narrow for one line.
            ratio.set_xlabel(ratio.get_xlabel().replace(" (bins", "\n(bins"))
            main.tick_params(labelbottom=False)
            if column == 0:
                main.set_ylabel("events")
                ratio.set_ylabel("ratio")
            if k < len(entries) - columns:
                ratio.set_xlabel("")
        handles: dict[str, Artist] = {}
        for axes in figure.axes:
            handles |= {
                label: h for h, label in zip(*axes.get_legend_handles_labels(), strict=True)
            }
        figure.legend(
            handles.values(), handles, loc="outside lower center", ncols=2 if columns == 1 else 4,
            fontsize=10,
        )  # fmt: skip
        figure.suptitle(title, fontsize=12, x=0.01, ha="left")
    return figure


def _draw(
    main: Any, ratio: Any, entry: Variation, of_sample: Histogram, edges: Mapping[str, np.ndarray]
) -> None:
    nominal = np.asarray(of_sample.values, dtype=float)
    error = np.sqrt(np.asarray(of_sample.variances, dtype=float))
    places = np.arange(len(nominal) + 1)
    safe = np.where(nominal != 0, nominal, np.nan)
    varied = np.isfinite(entry.up).any()
    lines = [("up", entry.up, _UP, "-"), ("down", entry.down, _DOWN, "--")] if varied else []
    relative = error / abs(safe)
    band(ratio, places, 1 - relative, 1 + relative, facecolor="0.6")
    band(main, places, nominal - error, nominal + error, "MC statistics", facecolor="0.6")
    mplhep.histplot(
        nominal, places, ax=main, color="black", linewidth=1.4, label="nominal", edges=False
    )
    ratio.axhline(1, color="black", linewidth=1.0)
    low, high = _limits([y / safe for _, y, _, _ in lines], relative)
    for label, values, colour, dashes in lines:
        style = {"color": colour, "linestyle": dashes, "linewidth": 1.4, "edges": False}
        mplhep.histplot(values, places, ax=main, label=label, **style)
        mplhep.histplot(values / safe, places, ax=ratio, **style)
        _beyond(ratio, values / safe, low, high, colour)
    if entry.filled is not None:
        for values, marker, (side, _, colour, _) in zip(entry.filled, "^v", lines, strict=True):
            label = f"{side} before smoothing"
            style = {"color": colour, "marker": marker, "markersize": 4, "linestyle": "none"}
            main.plot(places[:-1] + 0.5, values, label=label, **style, fillstyle="none")
            ratio.plot(places[:-1] + 0.5, values / safe, **style, fillstyle="none")
    if high > 1 + 1.25 * (_LINEAR - 1):
        ratio.set_yscale("log")
    ratio.set_ylim(low, high)
    _scale(main, [nominal, *(y for _, y, _, _ in lines)])
    main.set_title(
        _fitting(f"{entry.systematic}: {entry.sample}"), loc="left", fontsize=10,
        pad=12 if len(edges) > 1 else 5,
    )  # fmt: skip
    main.text(
        0.97,
        0.96,
        "\n".join(entry.notes),
        transform=main.transAxes,
        ha="right",
        va="top",
        fontsize=9,
    )


def _fitting(title: str) -> str:
    return title if len(title) <= 40 else f"{title[:37]}..."


def _scale(axes: Axes, several: Sequence[np.ndarray]) -> None:
    """Logarithmic if yields differ by more than a factor of 20 and none is negative."""
    values = np.concatenate(several)
    values = values[np.isfinite(values)]
    positive = values[values > 0]
    if (values < 0).any() or not len(positive) or positive.max() < 20 * positive.min():
        axes.set_ylim(min(1.15 * values.min(initial=0.0), 0.0), 1.4 * values.max(initial=1e-3))
        if values.max(initial=0.0) >= 1e4:
            axes.yaxis.set_major_formatter(EngFormatter(sep=""))
    else:
        axes.set_yscale("log")
        axes.set_ylim(max(0.4 * positive.min(), 1e-6 * positive.max()), 8 * positive.max())


def _limits(ratios: Sequence[np.ndarray], errors: np.ndarray) -> tuple[float, float]:
    """Limits of the ratio: symmetric around one, or all powers of ten that are needed."""
    values = np.concatenate([*ratios, 1 + errors])
    values = values[np.isfinite(values)]
    highest = float(values.max(initial=1.01))
    if highest > _LINEAR:
        positive = values[values > 0]
        return max(0.6 * float(positive.min(initial=0.5)), 1e-3), min(2 * highest, 1e4)
    reach = 1.25 * max(highest - 1, 1 - float(values.min(initial=0.99)))
    return max(1 - reach, 0.0), 1 + reach


def _beyond(axes: Axes, ratio: np.ndarray, low: float, high: float, colour: str) -> None:
    """Arrows at the edge for bins outside of the panel."""
    for marker, place, outside in (("^", 0.93, ratio > high), ("v", 0.07, ratio < low)):
        axes.plot(
            np.flatnonzero(outside) + 0.5, np.full(outside.sum(), place), marker, color=colour,
            markersize=5, transform=axes.get_xaxis_transform(),
        )  # fmt: skip


def _sides(
    systematic: Systematic,
    sample: Process,
    filled: Mapping[str, Histogram],
    fitted: Mapping[str, Histogram],
    effects: Sequence[Effect],
    channels: Mapping[str, int],
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray] | None]:
    def shifted(histograms: Mapping[str, Histogram]) -> tuple[np.ndarray, np.ndarray]:
        nominal = np.asarray(histograms[sample.name].values, dtype=float)
        up, down = map(np.asarray, sides(histograms, sample, systematic, channels))
        return systematic.shifted(nominal, up, down)

    smoothed = any(effect.smoothed for effect in effects)
    return (*shifted(fitted), shifted(filled) if smoothed else None)


def _notes(systematic: Systematic, effects: Sequence[Effect]) -> list[str]:
    notes = systematic.notes()
    if any(e.smoothed for e in effects):
        notes.append("smoothed")
    for kind, text in (("all", "pruned"), ("norm", "norm pruned"), ("shape", "shape pruned")):
        pruned = [e.region for e in effects if e.pruned == kind]
        if pruned:
            whole = len(pruned) == len(effects)
            notes.append(text if whole else f"{text} in {', '.join(pruned)}")
    return notes
