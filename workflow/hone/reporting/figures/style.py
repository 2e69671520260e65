"""Common style of all figures, and saving."""

import itertools
import logging
import os
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

# The home folder on a cluster may be read-only or shared by many jobs.
os.environ.setdefault("MPLBACKEND", "agg")

import matplotlib.pyplot as plt
import mplhep
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf, PdfPages
from matplotlib.figure import Figure
from matplotlib.font_manager import FontEntry, fontManager
from matplotlib.text import Text

from hone.reporting.markup import mathtext
from hone.running.files import replacing

__all__ = [
    "BANDS",
    "DRAWN",
    "OBSERVABLE_COLOURS",
    "SIGNAL",
    "count_errors",
    "draw_observed",
    "draw_stack",
    "has_negative",
    "label_edges",
    "linear_around_zero",
    "mark_regions",
    "new_figure",
    "note",
    "panel_style",
    "print_pdf",
    "save",
    "shade",
    "show_negative",
]

# The styles name fonts that few machines have; matplotlib uses the next in the list.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

# Petroff's colours (arXiv:2107.02270), distinguishable in grey and by the colour-blind.
OBSERVABLE_COLOURS = ("#3f90da", "#ffa90e", "#bd1f01", "#832db6", "#94a4a2", "#a96b59", "#e76300")
SIGNAL = "#bd1f01"
BANDS = ("#f5bb54", "#607641")
"""Two and one standard deviations, distinguishable in grey and by the colour-blind."""
_FONT = "DejaVu Sans of figures"
"""matplotlib's own font, with fewer characters: see ``fonts/README.md``."""
for _slope, _file in {"normal": "DejaVuSans.ttf", "italic": "DejaVuSans-Oblique.ttf"}.items():
    fontManager.ttflist.append(
        FontEntry(str(Path(__file__).parent / "fonts" / _file), name=_FONT, style=_slope)
    )
DRAWN: Any = {
    # TrueType fonts in PDFs, which journals ask for; matplotlib's are of Type 3.
    "pdf.fonttype": 42,
    # Characters that the first lacks are of the second, and in formulas of STIX.
    "font.sans-serif": [_FONT, "DejaVu Sans"],
    "mathtext.rm": _FONT,
    "mathtext.it": f"{_FONT}:italic",
    "mathtext.bf": "DejaVu Sans:bold",
    "mathtext.fallback": "stixsans",
}
"""matplotlib settings while a figure is drawn."""
_BACKGROUNDS = ("#92dadd", "#ffa90e", "#94a4a2", "#a96b59", "#b9ac70", "#717581")


def shade(index: int) -> str:
    """Fill colour of the background with this place in the stack."""
    return _BACKGROUNDS[index % len(_BACKGROUNDS)]


def count_errors(counts: Any) -> np.ndarray:
    """Errors of Poisson counts (N,), below and above (2, N): the central 68.3 % interval.

    Garwood intervals, as ROOT's ``TH1::kPoisson``: 0 and 1.84 for no event.
    """
    from scipy.special import gammainccinv, gammaincinv, ndtr  # half a second, for few figures

    counts = np.asarray(counts, dtype=float)
    some = np.maximum(counts, 1e-9)
    low = np.where(counts > 0, gammaincinv(some, ndtr(-1)), 0.0)
    return np.stack([counts - low, gammainccinv(counts + 1, ndtr(-1)) - counts])


def panel_style(size: float = 13) -> Any:
    """matplotlib settings of figures; ``size`` of the text in points."""
    style = dict(mplhep.style.ATLAS)
    style |= {"font.size": size, "axes.labelsize": size + 1, "legend.fontsize": size - 2}
    style |= {"xtick.labelsize": size - 1, "ytick.labelsize": size - 1}
    # Tick labels are no formulas, which take twenty times as long.
    return style | {"figure.constrained_layout.use": True, "axes.formatter.use_mathtext": False}


def new_figure(
    rows: Sequence[float] = (1.0,), width: float = 7.0, height: float = 5.6
) -> tuple[Figure, Any]:
    """A figure in mplhep's style with panels of the given relative heights, sharing x."""
    with plt.rc_context(panel_style()):
        figure, axes = plt.subplots(
            len(rows),
            1,
            figsize=(width, height),
            sharex=True,
            squeeze=False,
            gridspec_kw={"height_ratios": list(rows)},
        )
    return figure, list(axes[:, 0])


def draw_stack(
    axes: Axes, places: np.ndarray, stack: Mapping[str, np.ndarray], colours: Sequence[str]
) -> None:
    """Filled histograms (B,) by label, on top of each other; ``places`` are edges (B + 1,).

    Negative yields hang below zero; the sum is then a line.
    """
    look = {"histtype": "fill", "color": colours, "edgecolor": "black", "linewidth": 0.6}
    above = [np.maximum(values, 0.0) for values in stack.values()]
    mplhep.histplot(above, places, ax=axes, stack=True, label=list(stack), **look)
    if has_negative(stack.values()):
        below = [np.minimum(values, 0.0) for values in stack.values()]
        mplhep.histplot(below, places, ax=axes, stack=True, **look)
        axes.stairs(np.sum(list(stack.values()), axis=0), places, color="black", label="sum")


def has_negative(several: Iterable[Any]) -> bool:
    """Whether a yield is negative, beyond rounding, so that no logarithmic axis shows it."""
    values = np.concatenate([np.asarray(x, dtype=float) for x in several])
    return bool(values.min() < -1e-6 * np.abs(values).max())


def show_negative(axes: Axes, several: Sequence[Any], top: float = 1.0) -> None:
    """An axis of yields (B,), some negative: linear around zero, logarithmic beyond.

    Args:
        axes: of the yields.
        several: all that is drawn.
        top: room above the largest, as a factor.
    """
    values = np.concatenate([np.asarray(x, dtype=float) for x in several])
    linear = linear_around_zero(axes, values)
    axes.set_ylim(3 * np.min(values), top * max(np.max(values), linear))


def linear_around_zero(axes: Axes, values: np.ndarray) -> float:
    """Make the axis of events logarithmic but for some events around zero, and have it say so.

    Returns:
        How far it is linear.
    """
    linear = max(1.0, 1e-3 * float(np.max(np.abs(values))))
    axes.set_yscale("symlog", linthresh=linear)
    axes.set_ylabel(rf"events (linear within $\pm${linear:.3g})")
    axes.axhline(0, color="black", linewidth=0.8)
    return linear


def draw_observed(
    axes: Axes, places: np.ndarray, counts: np.ndarray, label: str = "observed"
) -> None:
    """Observed counts (B,) as points with their Poisson errors; ``label`` in the legend."""
    mplhep.histplot(
        counts, places, ax=axes, histtype="errorbar", color="black", label=label,
        yerr=count_errors(counts),
    )  # fmt: skip


def mark_regions(panels: Sequence[Any], sizes: Mapping[str, int]) -> None:
    """Lines between regions of so many bins each, and their names above, if there are several."""
    start = 0
    for name, bins in sizes.items():
        if len(sizes) > 1:
            panels[0].text(
                start + bins / 2, 1.01, name, transform=panels[0].get_xaxis_transform(),
                ha="center", va="bottom", fontsize=9,
            )  # fmt: skip
        for panel in panels if start else ():
            panel.axvline(start, color="black", linewidth=0.8, linestyle=":")
        start += bins
    panels[0].set_xlim(0, start)


def label_edges(
    panels: Sequence[Any],
    edges: Mapping[str, np.ndarray],
    binned: Mapping[str, str] | None = None,
    most: int = 12,
) -> None:
    """Labels of as many edges as fit, what is binned, and the regions.

    A bin that is a region of its own is a count, and its edges mean nothing.

    Args:
        panels: the axes, of which the last has the labels.
        edges: of each region; one region alone has no name there.
        binned: what is binned in each region, an observable or a variable.
        most: labels of five characters that fit on the axis.
    """
    mark_regions(panels, {region: len(of_region) - 1 for region, of_region in edges.items()})
    total = sum(len(e) - 1 for e in edges.values())
    labels: list[tuple[int, int, str]] = []
    start = 0
    for of_region in edges.values():
        stop = start + len(of_region) - 1
        # The last edge of a region coincides with the first of the next.
        shown = of_region if stop == total else of_region[:-1]
        if len(of_region) > 2:
            labels += [(start + k, k, f"{edge:.3g}") for k, edge in enumerate(shown)]
        start = stop
    for panel in panels:
        panel.xaxis.minorticks_off()
    axes = panels[-1]
    for step in range(1, total + 2):
        ticks = [(place, label) for place, k, label in labels if k % step == 0]
        if not ticks or all(
            (len(left) + len(right)) / 2 + 1 <= (b - a) * 6 * most / total
            for (a, left), (b, right) in itertools.pairwise(ticks)
        ):
            break
    axes.set_xticks([place for place, _ in ticks], [label for _, label in ticks])
    axes.set_xlabel(_what_is_binned(edges, binned or {}) if labels else "counted events")


def _what_is_binned(edges: Mapping[str, np.ndarray], binned: Mapping[str, str]) -> str:
    """Of the regions with bins, which are named if it is not the same in all."""
    regions: dict[str, list[str]] = {}
    for region, of_region in edges.items():
        if len(of_region) > 2:
            of_one = next(iter(binned.values()), "observable")
            what = mathtext(binned.get(region, of_one), 24)
            regions.setdefault(what, []).append(region)
    if len(regions) == 1:
        return f"{next(iter(regions))} (bins drawn equally wide)"
    return ", ".join(f"{what} ({', '.join(names)})" for what, names in regions.items())


def note(title: str, text: str) -> Figure:
    """A figure with text only, which says why there is nothing to show."""
    figure, (axes,) = new_figure(height=3.0)
    axes.set_axis_off()
    axes.set_title(title, loc="left")
    lines = [line for part in text.splitlines() for line in textwrap.wrap(part, 60)]
    axes.text(0.5, 0.5, "\n".join(lines), transform=axes.transAxes, ha="center", va="center")
    return figure


def save(figure: Figure, paths: Sequence[str]) -> None:
    """Write the figure to each path, as PNG or PDF by its ending, and close it."""
    for path in map(Path, paths):
        with replacing(path) as partial:
            if path.suffix == ".pdf":
                print_pdf(figure, partial)
            else:
                # Not by `savefig`, which draws a figure with a layout twice.
                with _drawn(figure):
                    FigureCanvasAgg(figure).print_png(partial, pil_kwargs={"compress_level": 3})
    plt.close(figure)


def print_pdf(figure: Figure, file: Path | PdfPages) -> None:
    """Write the figure as a PDF, or as the next page of one."""
    # No times in the files: equal data give equal files.
    metadata = {"CreationDate": None} if isinstance(file, Path) else None
    with _drawn(figure):
        FigureCanvasPdf(figure).print_pdf(file, metadata=metadata)


@contextmanager
def _drawn(figure: Figure) -> Iterator[None]:
    """While the figure is drawn: its fonts, and its pixels per inch, of pictures in a PDF too.

    Its layout is found once, which takes as long as drawing.
    """
    figure.set_dpi(150)
    for text in figure.findobj(Text):
        text.set_math_fontfamily("custom")
    with plt.rc_context(DRAWN):
        yield
    figure.set_layout_engine("none")
