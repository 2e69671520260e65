"""Histograms of the observable."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import mplhep
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hone.analysis.systematics import Systematic
from hone.errors import InputError
from hone.reporting.figures.style import (
    OBSERVABLE_COLOURS,
    SIGNAL,
    count_errors,
    draw_observed,
    draw_stack,
    has_negative,
    label_edges,
    linear_around_zero,
    new_figure,
    shade,
    show_negative,
)
from hone.reporting.markup import words
from hone.results.asymmetric_bands import below_and_above
from hone.statmodel.channels import bin_name
from hone.statmodel.templates import Histogram
from hone.statmodel.workspace import Process, sides

__all__ = ["band", "draw_soft_hard", "draw_templates"]


def draw_templates(
    samples: Sequence[Process],
    histograms: Mapping[str, Histogram],
    observed: np.ndarray,
    edges: Mapping[str, np.ndarray],
    channels: Mapping[str, int],
    observable: str,
    blind: bool = False,
    label: str = "observed",
    binned: Mapping[str, str] | None = None,
) -> Figure:
    """Stacked backgrounds with uncertainty bands, signals, the observation, and its ratio.

    Bins are drawn with equal widths and labelled with their edges, since trained edges may be very
    close to each other.

    Args:
        samples: processes of the hypothesis.
        histograms: by template name, bins of all regions concatenated.
        observed: counts per bin (B,).
        edges: bin edges of each region.
        channels: number of bins of each channel.
        observable: name for the title.
        blind: the observation is the expectation, and not drawn.
        label: of the observation in the legend, ``observed`` or ``pseudo-data``.
        binned: what is binned in each region, for the axis; the observable if not given.

    Raises:
        InputError: a yield is not finite.
    """
    backgrounds = [s.name for s in samples if not s.is_signal]
    signals = [s.name for s in samples if s.is_signal]
    for name in (*backgrounds, *signals):
        _require_yields(name, histograms[name].values, channels)
    total = np.sum([histograms[name].values for name in backgrounds], axis=0)
    mc_error = np.sqrt(np.sum([histograms[name].variances for name in backgrounds], axis=0))
    down, up = _systematic_band(samples, histograms, channels)
    places = np.arange(len(total) + 1)

    figure, (main, ratio) = new_figure(rows=(3, 1.2), height=7.0)
    # The small ones below, where a logarithmic axis shows them. Signals are not stacked: the bands
    # are those of the background.
    order = sorted(backgrounds, key=lambda name: np.sum(histograms[name].values))
    stack = {name: np.asarray(histograms[name].values) for name in order}
    draw_stack(main, places, stack, [shade(backgrounds.index(n)) for n in order])
    lines = {name: np.asarray(histograms[name].values) for name in signals}
    colours = dict.fromkeys((SIGNAL, *OBSERVABLE_COLOURS))
    looks = itertools.cycle(itertools.product(("-", "--", ":", "-."), colours))
    for (name, values), (style, colour) in zip(lines.items(), looks, strict=False):
        main.stairs(
            values, places, color=colour, linestyle=style, linewidth=2, zorder=3,
            label=f"{name} ($\\mu = 1$)",
        )  # fmt: skip
    band(main, places, total - down, total + up, "systematic", hatch="////", facecolor="none")
    band(main, places, total - mc_error, total + mc_error, "MC statistics", facecolor="0.3")
    if not blind:
        draw_observed(main, places, observed, label)
    main.set_ylabel("events")
    # Limits first: without a positive yield the axis could not be logarithmic.
    drawn = [*stack.values(), *lines.values()]
    if has_negative(drawn):
        negative = np.sum([np.minimum(x, 0) for x in drawn], axis=0)
        show_negative(main, [*drawn, total, negative, observed], top=30)
    else:
        top = 30 * max(np.max(total), *(np.max(x) for x in drawn), np.max(observed), 1)
        main.set_ylim(0.3 * _smallest(drawn), top)
        main.set_yscale("log")
    main.set_title(observable, loc="left", pad=22 if len(edges) > 1 else None)
    main.legend(ncols=2)

    safe = np.where(total > 0, total, np.nan)
    band(ratio, places, 1 - down / safe, 1 + up / safe, hatch="////", facecolor="none")
    band(ratio, places, 1 - mc_error / safe, 1 + mc_error / safe, facecolor="0.3")
    centres = places[:-1] + 0.5
    if not blind:
        ratio.errorbar(
            centres, observed / safe, count_errors(observed) / safe, fmt="o", color="black",
            markersize=5,
        )  # fmt: skip
    ratio.axhline(1, color="black", linewidth=0.8)
    if blind:
        # Only the bands are drawn.
        span = min(1.3 * np.nanmax([0.1, *(up / safe), *(down / safe), *(mc_error / safe)]), 5)
        ratio.set(ylim=(max(1 - span, 0), 1 + span), ylabel="relative error")
    else:
        top = 1.3 * np.nanmax([2.0, *np.minimum(1 + up / safe, 6)])
        ratio.set(ylim=(0, min(top, 6)), ylabel="obs. / bkg.")
    label_edges((main, ratio), edges, binned)
    return figure


def draw_soft_hard(
    soft: Mapping[str, Histogram],
    hard: Mapping[str, Histogram],
    edges: Mapping[str, np.ndarray],
    observable: str,
    binned: Mapping[str, str] | None = None,
) -> Figure:
    """Soft against hard histograms of templates, and their ratio.

    Of more templates than there are colours, those of samples come first, then those of which the
    largest part is in another bin. Soft yields far below the smallest hard one are outside of the
    axis. With negative yields, the axis is linear around zero.

    Args:
        soft: histograms by template name, bins of all regions concatenated.
        hard: the same events in bins.
        edges: bin edges of each region.
        observable: name for the title.
        binned: what is binned in each region, for the axis; the observable if not given.

    Raises:
        InputError: a yield is not finite.
    """
    channels = {region: len(of_region) - 1 for region, of_region in edges.items()}
    for name in hard:
        for histograms in (soft, hard):
            _require_yields(name, histograms[name].values, channels)
    places = np.arange(sum(channels.values()) + 1)
    title, shown = observable, _most_apart(soft, hard)[: len(OBSERVABLE_COLOURS)]
    if len(shown) < len(hard):
        title += f": {len(shown)} of {len(hard)} templates, those that differ most"
        hard = {name: hard[name] for name in hard if name in shown}
    figure, (main, ratio) = new_figure(rows=(3, 1.2), height=7.0)
    # Distinguishable in grey by lines and markers.
    looks = zip(
        OBSERVABLE_COLOURS, itertools.cycle(("-", "--", ":", "-.")), "os^vDPX", strict=False
    )
    for (index, name), (colour, line, marker) in zip(enumerate(hard), looks, strict=False):
        errors = np.sqrt(hard[name].variances)
        look = {"color": colour, "linestyle": line}
        mplhep.histplot(hard[name].values, places, ax=main, **look)
        main.plot([], [], marker=marker, fillstyle="none", label=words(name), **look)
        centres = places[:-1] + 0.5 + 0.08 * (index - (len(hard) - 1) / 2)
        main.plot(centres, soft[name].values, marker, color=colour, markersize=6, fillstyle="none")
        safe = np.where(hard[name].values > 0, hard[name].values, np.nan)
        ratio.errorbar(
            centres, soft[name].values / safe, errors / safe, fmt=marker, color=colour, markersize=5
        )
    main.plot([], [], " ", label="points: soft, lines: hard")
    main.set_ylabel("events")
    everything = np.concatenate([np.asarray(h[name].values) for h in (soft, hard) for name in hard])
    if (everything < 0).any():
        linear_around_zero(main, everything)
    else:
        smallest = _smallest([hard[name].values for name in hard])
        main.set_ylim(0.3 * smallest, 100 * max(np.max(everything), 1.0))
        main.set_yscale("log")
    main.set_title(title, loc="left", pad=22 if len(edges) > 1 else None)
    main.legend(ncols=2)
    ratio.axhline(1, color="black", linewidth=0.8)
    ratio.set_ylabel("soft / hard")
    low, high = ratio.get_ylim()
    ratio.set_ylim(max(low, 0.0), min(high, 4.0))
    label_edges((main, ratio), edges, binned)
    return figure


def _most_apart(soft: Mapping[str, Histogram], hard: Mapping[str, Histogram]) -> list[str]:
    """Names of templates: those of samples, then of variations; the most different first."""

    def order(name: str) -> tuple[bool, float]:
        total = np.abs(hard[name].values).sum()
        apart = np.abs(np.asarray(soft[name].values) - hard[name].values).sum()
        return "__" in name, -float(apart / total) if total > 0 else 0.0

    return sorted(hard, key=order)


def _smallest(several: Sequence[Any]) -> float:
    """Lower end of a logarithmic axis: the smallest positive yield, between 1e-6 and 1."""
    return max(min([1.0, *(v for values in several for v in np.asarray(values) if v > 0)]), 1e-6)


def _require_yields(name: str, values: Any, channels: Mapping[str, int]) -> None:
    good = np.isfinite(values)
    if not good.all():
        at = int(np.argmin(good))
        raise InputError(
            f"template {name!r}, {bin_name(at, channels)}: a yield of {np.asarray(values)[at]:g} "
            "cannot be drawn; it must be finite"
        )


def _systematic_band(
    samples: Sequence[Process], histograms: Mapping[str, Histogram], channels: Mapping[str, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Quadratic sum over parameters of the background's one-sigma shifts, below and above."""
    regions = np.repeat(list(channels), list(channels.values()))
    shifts: dict[str, np.ndarray] = {}
    for sample in (s for s in samples if not s.is_signal):
        nominal = np.asarray(histograms[sample.name].values)
        for systematic in sample.modifiers:
            if not isinstance(systematic, Systematic):
                continue
            up, down = map(np.asarray, sides(histograms, sample, systematic, channels))
            sided = [x - nominal for x in systematic.shifted(nominal, up, down)]
            acting = [systematic.acts_in(region) for region in regions]
            # Samples and entries with a common parameter move coherently.
            before = shifts.get(systematic.name, np.zeros((2, len(nominal))))
            shifts[systematic.name] = before + np.where(acting, sided, 0.0)
    pairs = np.array(list(shifts.values())).reshape(-1, 2, len(regions))
    return below_and_above(pairs[:, 0], pairs[:, 1])


def band(
    axes: Axes, places: np.ndarray, low: np.ndarray, high: np.ndarray, label: str = "", **style: Any
) -> None:
    """Fill between two values per bin (B,); ``places`` are the bins' edges (B + 1,)."""
    # Bins without a value (no background in the ratio) stay empty.
    for k in np.flatnonzero(np.isfinite(low) & np.isfinite(high)):
        axes.fill_between(
            places[k : k + 2],
            max(low[k], 1e-9) if axes.get_yscale() == "log" and high[k] > 0 else low[k],
            high[k],
            label=label or None,
            edgecolor="0.3",
            linewidth=0,
            alpha=0.5 if style.get("facecolor") != "none" else 1,
            **style,
        )
        label = ""
