"""Observed and predicted yields, before and after the fit."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hone.reporting.figures.style import (
    SIGNAL,
    count_errors,
    draw_observed,
    draw_stack,
    has_negative,
    label_edges,
    new_figure,
    note,
    shade,
    show_negative,
)
from hone.reporting.lost_rates import lost_rates
from hone.results.fit_documents import Fit, FitYields

__all__ = ["draw_prediction"]

_EMPTY = 1e-6
"""Events below which a rate counts as zero."""
_TITLES = {"prefit": "before the fit", "postfit": "after the fit"}


def draw_prediction(
    content: Fit,
    which: Literal["prefit", "postfit"],
    observable: str,
    label: str = "observed",
    edges: Mapping[str, np.ndarray] | None = None,
    binned: Mapping[str, str] | None = None,
) -> Figure:
    """Stacked yields with their total uncertainty, the observation, and their ratio, by regions.

    For all regions, also of blind analyses: cabinetry's own figure has one region and needs data.

    Args:
        content: of ``fit.json``.
        which: ``prefit`` or ``postfit``.
        observable: name for the title.
        label: of the observation in the legend, ``observed`` or ``pseudo-data``.
        edges: of the bins of each region, as in the histograms (a single region has no name);
            places of the bins if not given.
        binned: what is binned in each region, for the axis; the observable if not given.
    """
    title = f"{observable}: {_TITLES[which]}"
    channels = content[which]
    if channels is None:
        return note(title, content["reasons"][which])
    if content["blind"] and which == "postfit":
        title += ", expected (blind)"
    elif which == "postfit":
        title += _goodness(content)
    names = list(dict.fromkeys(name for c in channels.values() for name in c["samples"]))
    yields = {n: np.concatenate([_of_sample(c, n) for c in channels.values()]) for n in names}
    # The small ones below, where a logarithmic axis shows them; the signal on top.
    order = sorted(names, key=lambda name: (name in content["signals"], yields[name].sum()))
    stack = {name: yields[name] for name in order}
    below, above = (
        np.concatenate([c[side] for c in channels.values()]) for side in ("below", "above")
    )
    total = np.sum(list(stack.values()), axis=0)
    sizes = {name: len(channel["uncertainty"]) for name, channel in channels.items()}
    if which == "postfit":
        title += _remarks(content, stack, sizes)
    has_band = which == "prefit" or not lost_rates(content)
    if not has_band:
        below, above = np.zeros((2, len(total)))
    data = content["observation"]
    observed = None if data is None else np.concatenate([data[name] for name in channels])

    places = np.arange(len(total) + 1)
    figure, (main, ratio) = new_figure(rows=(3, 1.2), height=7.0)
    signals = content["signals"]
    scaled = " ($\\mu = 1$)" if which == "prefit" else " (fitted)"
    shown = {name + (scaled if name in signals else ""): values for name, values in stack.items()}
    backgrounds = [name for name in names if name not in signals]
    colours = [SIGNAL if n in signals else shade(backgrounds.index(n)) for n in stack]
    draw_stack(main, places, shown, colours)
    if has_band:
        _draw_band(main, places, total - below, total + above, label="uncertainty")
    if observed is not None:
        draw_observed(main, places, observed, label)
    main.set_ylabel("events")
    _scale(main, list(stack.values()), above, observed, _is_wide(content, names, observed))
    main.set_title(title, loc="left", pad=22 if len(sizes) > 1 else None)
    main.legend(ncols=2)

    safe = np.where(total > _EMPTY, total, np.nan)
    if has_band:
        _draw_band(ratio, places, 1 - below / safe, 1 + above / safe)
    ratio.axhline(1, color="black", linewidth=0.8)
    top = float(np.nanmax([0.5, *np.minimum(1.2 * np.maximum(below, above) / safe, 2.0)]))
    if observed is not None:
        quotient = observed / safe
        error = count_errors(observed) / safe
        ratio.errorbar(places[:-1] + 0.5, quotient, error, fmt="o", color="black", markersize=5)
        top = float(np.nanmax([top, *np.minimum(1.1 * np.abs(quotient - 1), 2.0)]))
        _arrows(ratio, places[:-1] + 0.5, quotient, 1 + top)
    ratio.set_ylim(max(0.0, 1 - top), 1 + top)
    ratio.set_ylabel("relative error" if observed is None else "obs. / model")
    known = edges or {}
    shown_edges = {
        name: known.get(name, known.get("", np.arange(bins + 1.0))) for name, bins in sizes.items()
    }
    label_edges((main, ratio), shown_edges, binned)
    return figure


def _goodness(content: Fit) -> str:
    """How well the fit describes the observation, by the saturated model, for the title."""
    fit = content["fit"]
    if fit is None or content["observation"] is None or fit["goodness_of_fit"] is None:
        return ""
    toys = fit["goodness_of_fit_toys"]
    by_toys = "" if toys is None else f"; {toys['p']:#.2g} by {toys['toys']} toys"
    return f", goodness of fit $p$ = {fit['goodness_of_fit']:#.2g}{by_toys}"


def _remarks(content: Fit, stack: Mapping[str, np.ndarray], sizes: Mapping[str, int]) -> str:
    """What would be taken for a mistake in fitted yields, as lines of the title."""
    text, several = "", len(sizes) > 1
    bins = [
        f"{f'{region} ' if several else ''}bin {k + 1}"
        for region, size in sizes.items()
        for k in range(size)
    ]
    for name, values in stack.items():
        nominal = np.concatenate([_of_sample(c, name) for c in content["prefit"].values()])
        if has_negative([values]) and not has_negative([nominal]):
            negative = np.flatnonzero(values < np.minimum(nominal, 0))
            text += f"\nthe interpolated {name} is negative in {_listed(bins, negative)}"
    starts = dict(zip(sizes, np.cumsum([0, *sizes.values()])[:-1], strict=True))
    lost = [starts[name] + k for name, places in lost_rates(content).items() for k in places]
    if lost:
        text += f"\nno rate is left in {_listed(bins, lost)}: no ratio there, and no band"
    return text


def _listed(names: Sequence[str], places: Sequence[int] | np.ndarray) -> str:
    more = f" and {len(places) - 2} more" if len(places) > 2 else ""
    return ", ".join(names[k] for k in places[:2]) + more


def _of_sample(channel: FitYields, name: str) -> np.ndarray:
    return np.asarray(channel["samples"].get(name, np.zeros(len(channel["uncertainty"]))))


def _draw_band(
    axes: Axes, edges: np.ndarray, low: np.ndarray, high: np.ndarray, label: str = ""
) -> None:
    # Bins without a prediction stay empty.
    axes.stairs(
        high,
        edges,
        baseline=np.maximum(low, 1e-9),
        fill=True,
        facecolor="none",
        edgecolor="0.25",
        hatch="////",
        linewidth=0,
        label=label or None,
    )


def _is_wide(content: Fit, names: Sequence[str], observed: np.ndarray | None) -> bool:
    """Whether bins or processes differ by more than a factor of 30, before the fit or after it.

    The two figures are compared, and have the same kind of axis.
    """
    both = [channels for channels in (content["prefit"], content["postfit"]) if channels]
    spans = []
    for channels in both:
        stack = [np.concatenate([_of_sample(c, n) for c in channels.values()]) for n in names]
        above = np.concatenate([c["above"] for c in channels.values()])
        spans.append(_span(stack, above, observed))
    return any(highest > 30 * lowest for lowest, highest in spans)


def _span(
    stack: Sequence[np.ndarray], band: np.ndarray, observed: np.ndarray | None
) -> tuple[float, float]:
    """The emptiest bin and the fullest one.

    The emptiest of all processes together, or the fullest bin of the smallest process that has more
    than a ten-thousandth of the fullest of all.
    """
    total = np.sum(stack, axis=0)
    points = total if observed is None else np.concatenate([total, observed])
    highest = max(float(np.max(points)), float(np.max(total + band)), 1e-3)
    # Rates at the edge of zero are 1e-10, and no scale for the axis.
    fullest = np.array([values.max() for values in stack])
    points = np.append(points, fullest[fullest > 1e-4 * highest])
    positive = points[points > 1e-6]
    return (float(np.min(positive)) if len(positive) else highest), highest


def _scale(
    axes: Axes, stack: Sequence[np.ndarray], band: np.ndarray, observed: np.ndarray | None,
    logarithmic: bool,
) -> None:  # fmt: skip
    """The axis of yields, with room for the legend."""
    lowest, highest = _span(stack, band, observed)
    if has_negative(stack):
        depth = np.sum([np.minimum(values, 0) for values in stack], axis=0)
        if logarithmic:
            show_negative(axes, [depth, [highest]], top=30)
        else:
            axes.set_ylim(1.2 * depth.min(), 1.6 * highest)
            axes.axhline(0, color="black", linewidth=0.8)
    elif logarithmic:
        axes.set_yscale("log")
        bottom = 0.3 * max(min(lowest, 1.0), 1e-6 * highest)
        # the legend takes a quarter of the height, on a logarithmic axis too
        axes.set_ylim(bottom, highest * (highest / bottom) ** (1 / 3))
    else:
        axes.set_ylim(0, 1.6 * highest)


def _arrows(axes: Axes, places: np.ndarray, values: np.ndarray, top: float) -> None:
    """Points above the panel as arrows at its edge."""
    high = values > top
    if not high.any():
        return  # without a point a line that may leave the axes would reach the figure's corner
    axes.plot(
        places[high], np.full(int(high.sum()), top - 0.05 * (top - 1)), "^", color="black",
        markersize=8, clip_on=False,
    )  # fmt: skip
