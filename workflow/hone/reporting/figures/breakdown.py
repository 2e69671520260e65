"""Parts of the uncertainty of the signal strength."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hone.reporting.figures.fitted import head, heading, short_names
from hone.reporting.figures.style import new_figure, note
from hone.reporting.markup import strength
from hone.results.fit_documents import Fit

__all__ = ["MOST_GROUPS", "draw_breakdown"]

MOST_GROUPS = 15
_CLOSE = 0.1
"""Largest relative difference of the Hessian's uncertainty, for components to be shown."""


def draw_breakdown(content: Fit, observable: str) -> Figure:
    """The uncertainty of the POI: total, statistical, systematic, and of each group.

    Bars are from refits with parameters fixed, or by the Hessian if hatched; diamonds components by
    the Hessian, which add up; these are left out where the Hessian is far from the refits. Free
    normalisations are part of the statistical uncertainty, and have a row of their own. Of more
    than ``MOST_GROUPS`` groups, those with the largest bars are shown.

    Args:
        content: of ``fit.json``.
        observable: name for the title.
    """
    parts = content["breakdown"]
    title = heading(content, parts, observable)
    if parts is None:
        return note(title, content["reasons"]["breakdown"])
    mu = strength(content["poi"])
    found = sorted(parts["groups"].items(), key=lambda item: -item[1]["uncertainty"])
    shown = found[:MOST_GROUPS]
    if len(shown) < len(found):
        title += f"\n{len(shown)} of {len(found)} groups"
    ends = ["its bound" if x is None else f"{x:.3g}" for x in parts["interval"]]
    title += f"\n68 % interval of ${mu}$: {' to '.join(ends)}"
    gaussian = abs(parts["hessian"] / parts["total"] - 1) < _CLOSE
    if not gaussian:
        title += f"\nnot Gaussian: $\\pm$ {parts['hessian']:.2g} by the Hessian"
    if parts["on_bound"]:
        held = short_names(parts["on_bound"])
        more = f" and {len(held) - 2} more" if len(held) > 2 else ""
        title += f"\nat a bound: {', '.join(held[:2])}{more}"
    constrained = np.sqrt(sum(group["component"] ** 2 for _, group in found))
    counts = np.nan if parts["data_component"] is None else parts["data_component"]
    free = parts["free"]
    sums = [
        ("total", parts["total"], np.nan, True),
        ("statistical", parts["statistical"], counts, True),
    ]
    if free:
        sums += [
            ("  counts alone", parts["counts"], np.nan, True),
            ("  free normalisations", free["uncertainty"], np.nan, free["refitted"]),
        ]
    sums.append(("systematic", parts["systematic"], constrained, True))
    groups = ((n, x["uncertainty"], x["component"], x["refitted"]) for n, x in shown)
    names, *columns = zip(*sums, *groups, strict=True)
    bars, components, refitted = map(np.array, columns)
    places = np.arange(len(names), dtype=float)
    places[len(sums) :] += 0.4  # groups apart from the sums
    figure, (axes,) = new_figure(height=2.6 + 0.38 * len(names) + 0.25 * title.count("\n"))
    colours = ["#94a4a2", *["#92dadd"] * (len(sums) - 1), *["#3f90da"] * len(shown)]
    for some, label, look in (
        (refitted, "by fixing parameters (numbers)", {}),
        (~refitted, "by the Hessian", {"hatch": "///", "alpha": 0.5}),
    ):
        if some.any():
            axes.barh(
                places[some], bars[some], height=0.7, color=np.array(colours)[some],
                edgecolor="black", linewidth=0.6, label=label, **look,
            )  # fmt: skip
    if gaussian:
        label = "components, which add up"
        axes.plot(components, places, "D", color="black", markerfacecolor="white", label=label)
    for place, bar in zip(places, bars, strict=True):
        # Two digits, zeros among them.
        axes.text(
            1.02, place, f"{bar:#.2g}".rstrip("."), va="center", fontsize=11,
            transform=axes.get_yaxis_transform(),
        )  # fmt: skip
    axes.set_xlim(0, 1.05 * parts["total"])
    axes.set_yticks(places, short_names(names))
    axes.set_ylim(places[-1] + 0.7, -0.7)
    axes.tick_params(axis="y", left=False, right=False)
    axes.yaxis.minorticks_off()
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.set_xlabel(f"uncertainty of ${mu}$")
    # Bars have several colours; a patch of none of them stands for all.
    for patch in figure.legend(
        loc="outside lower center", ncols=2, fontsize=11, frameon=False
    ).get_patches():
        patch.set_facecolor("white")
    head(axes, title)
    return figure
