"""The fit of a workspace: pulls, correlations and impacts, drawn by cabinetry."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
from cabinetry import visualize
from cabinetry.fit.results_containers import FitResults, RankingResults
from cabinetry.visualize import plot_result
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hone.reporting.figures.fitted import head, heading, in_formula, short_names
from hone.reporting.figures.style import BANDS, note, panel_style
from hone.reporting.markup import strength
from hone.reporting.rounding import with_error
from hone.results.fit_documents import Fit, ParameterValues, Pulls

__all__ = [
    "MOST_CORRELATED",
    "MOST_PULLS",
    "draw_correlation",
    "draw_impacts",
    "draw_pulls",
]

MOST_PULLS = 40
MOST_CORRELATED = 15
_PULL = r"$(\hat{\theta} - \theta_0) / \Delta\theta$"
_SIDES: tuple[Literal["prefit_up", "prefit_down", "postfit_up", "postfit_down"], ...] = (
    "prefit_up", "prefit_down", "postfit_up", "postfit_down",
)  # fmt: skip


def draw_pulls(content: Fit, observable: str) -> Figure:
    """Constrained parameters after the fit, in units of their widths before it.

    The bands are one and two of these widths. Of more than ``MOST_PULLS`` parameters, the most
    pulled or constrained are shown; unconstrained parameters are listed above.

    Args:
        content: of ``fit.json``.
        observable: name for the title.
    """
    fit = content["pulls"]
    title = heading(content, fit, observable)
    if fit is None:
        return note(title, content["reasons"]["pulls"])
    value, error, width = _pulls(fit)
    rows = np.flatnonzero(np.isfinite(width) & (error > 0))
    if len(rows) == 0:
        return note(title, "No parameter of this fit has a constraint.\n" + _free(content, fit))
    weight = np.maximum(np.abs(value), np.abs(1 - error))[rows]
    shown = np.sort(rows[np.argsort(-weight, kind="stable")[:MOST_PULLS]])
    with _cabinetry_style():
        figure = plot_result.pulls(
            value[shown], error[shown], short_names([fit["labels"][k] for k in shown])
        )
        figure.set_size_inches(7.0, 1.9 + 0.3 * len(shown))
    (axes,) = figure.axes
    reach = max(3.0, 1.1 * float(np.max(np.abs(value[shown]) + error[shown])))
    axes.set_xlim(-reach, reach)
    axes.set_xlabel(_PULL)
    bands = [drawn for drawn in axes.collections if isinstance(drawn, PolyCollection)]
    for band, colour in zip(bands, BANDS, strict=True):
        band.set_color(colour)
    axes.tick_params(axis="y", left=False, right=False)
    axes.yaxis.minorticks_off()
    if len(shown) < len(rows):
        title += f"\n{len(shown)} of {len(rows)} parameters"
    head(axes, f"{title}\n{_free(content, fit)}")
    return figure


def draw_correlation(content: Fit, observable: str) -> Figure:
    """Correlations of the parameters in the fit, in per cent.

    Of more than ``MOST_CORRELATED`` parameters, the most strongly correlated are shown.

    Args:
        content: of ``fit.json``.
        observable: name for the title.
    """
    fit = content["pulls"]
    title = heading(content, fit, observable)
    if fit is None:
        return note(title, content["reasons"]["pulls"])
    matrix = np.asarray(fit["correlation"], dtype=float)
    free = np.flatnonzero(np.asarray(fit["uncertainty"]) > 0)
    if len(free) < 2:
        return note(title, "Nothing to correlate: the fit has one free parameter, or none.")
    largest = np.abs(matrix - np.diag(np.diag(matrix))).max(axis=0)
    shown = free[np.argsort(-largest[free], kind="stable")[:MOST_CORRELATED]]
    shown = np.sort(shown)
    with _cabinetry_style():
        figure = visualize.correlation_matrix(
            FitResults(
                np.asarray(fit["bestfit"])[shown],
                np.asarray(fit["uncertainty"])[shown],
                short_names([fit["labels"][k] for k in shown]),
                100 * matrix[np.ix_(shown, shown)],
                0.0,  # the minimum, which is not drawn
            ),
            save_figure=False,
            close_figure=False,
        )
        side = 0.5 * len(shown)
        figure.set_size_inches(3.2 + side, 2.4 + side)
    axes, bar = figure.axes
    (image,) = axes.get_images()
    image.set_clim(-100, 100)
    image.set(cmap="RdBu", interpolation="nearest")
    bar.set_ylabel("correlation [%]")
    for text in axes.texts:
        number = float(text.get_text())
        text.set(text=f"{number:.0f}", color="white" if abs(number) > 70 else "black", fontsize=11)
        text.set_visible(abs(number) >= 1)
    for panel in (axes, bar):
        panel.tick_params(which="both", length=0)
    axes.minorticks_off()
    if len(shown) < len(free):
        title += f"\n{len(shown)} of {len(free)} parameters"
    if fit["on_bound"]:
        title += f"\nwithout {', '.join(short_names(fit['on_bound'][:3]))} (at its bound)"
    head(axes, title)
    return figure


def draw_impacts(content: Fit, observable: str) -> Figure:
    """Shifts of the POI by each parameter, before and after the fit, and their pulls.

    Args:
        content: of ``fit.json``.
        observable: name for the title.
    """
    ranking = content["ranking"]
    title = heading(content, ranking, observable)
    if ranking is None:
        return note(title, content["reasons"]["ranking"])
    symbol = strength(content["poi"])
    if ranking["data"] == "observation":
        best = _of_poi(content, ranking["poi_value"], ranking["poi_uncertainty"])
        title += rf"{chr(10)}$\hat{{{symbol}}}$ = {best}"
    value, error, _ = _pulls(ranking)
    shifts = {side: np.array([x or 0.0 for x in ranking[side]], dtype=float) for side in _SIDES}
    marked = [
        name + (" $^{\\dagger}$" if label in ranking["cut_off"] else "")
        for name, label in zip(short_names(ranking["labels"]), ranking["labels"], strict=True)
    ]
    with _cabinetry_style():
        figure = visualize.ranking(
            RankingResults(value, error, marked, **shifts), save_figure=False, close_figure=False
        )
        figure.set_layout_engine("constrained")
        figure.set_size_inches(8.0, 3.2 + 0.42 * len(marked))
    pulls, impacts = figure.axes
    # Distinguishable in grey: hatched is up.
    for bars, (edge, fill, hatch) in zip(
        impacts.containers,
        (("#1f5a99", "none", ""), ("#7a4a00", "none", None), ("#1f5a99", "#3f90da", "///"),
         ("#7a4a00", "#ffc95c", None)),
        strict=True,
    ):  # fmt: skip
        for bar in bars:
            # Both may have the same sign: up in the upper half of the row, down in the lower.
            lift = 0.0 if hatch is None else 0.4
            bar.set(
                edgecolor=edge, facecolor=fill, hatch=hatch or "", linewidth=0.8, height=0.4,
                y=bar.get_y() + lift,
            )  # fmt: skip
    reach = 1.1 * max(np.abs(x).max() for x in shifts.values()) or 1.0
    impacts.set_xlim(-reach, reach)
    impacts.xaxis.set_major_locator(MaxNLocator(6))
    furthest = np.nanmax([2.0, *(1.1 * (np.abs(value) + error))])
    pulls.set_xlim(-furthest, furthest)
    impacts.set_xlabel(f"shift of ${symbol}$")
    pulls.set_xlabel(_PULL)
    for panel in (pulls, impacts):
        panel.tick_params(axis="y", left=False, right=False)
        panel.yaxis.minorticks_off()
    if len(marked) < ranking["parameters"]:
        title += f"\n{len(marked)} of {ranking['parameters']} parameters"
    if ranking["cut_off"]:
        title += f"\n$^{{\\dagger}}$ a shift ends where ${symbol}$ reaches its bound"
    (old,) = figure.legends
    old.remove()
    before, after = r"$\Delta\theta$", r"$\Delta\hat{\theta}$"
    handles = [*impacts.containers, *pulls.containers]
    labels = [
        f"before the fit, + {before}", f"before the fit, $-$ {before}",
        f"after the fit, + {after}", f"after the fit, $-$ {after}", "pull",
    ]  # fmt: skip
    figure.legend(
        handles=handles, labels=labels, loc="outside upper center", ncols=3, fontsize=11,
        frameon=False, title=title, title_fontsize=13,
    )  # fmt: skip
    return figure


@contextmanager
def _cabinetry_style() -> Iterator[None]:
    """hone's style for cabinetry's figures, without side effects of cabinetry."""
    with plt.rc_context(panel_style()), warnings.catch_warnings():
        # cabinetry sets equal limits if all shifts are zero; they are set again below.
        warnings.filterwarnings("ignore", "Attempting to set identical", UserWarning)
        yield


def _pulls(content: ParameterValues) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pull and uncertainty in units of the pre-fit widths, and these widths; NaN without one."""
    width = np.array(content["prefit_uncertainty"], dtype=float)
    distance = np.subtract(content["bestfit"], content["prefit_value"])
    return distance / width, np.asarray(content["uncertainty"]) / width, width


def _of_poi(content: Fit, value: float, error: float) -> str:
    """The POI with the interval of its profile likelihood, of the same fit; else by the Hessian."""
    parts = content["breakdown"]
    return f"${in_formula(value, *parts['interval'])}$" if parts else _symmetric(value, error)


def _symmetric(value: float, error: float) -> str:
    return with_error(value, error).replace("±", "$\\pm$")


def _free(content: Fit, fit: Pulls) -> str:
    """Best fit of unconstrained parameters: the POI and normalisations."""
    found = []
    errors = fit["uncertainty"]
    assert errors is not None, "the figure says why"
    rows = zip(fit["labels"], fit["bestfit"], errors, fit["prefit_uncertainty"], strict=True)
    for name, value, error, width in rows:
        if name in fit["on_bound"]:
            found.append(f"{name} = {value:.3g} (at its bound)")
        elif width is None and error > 0:
            best = _of_poi(content, value, error) if name == content["poi"] else ""
            found.append(f"{name} = {best or _symmetric(value, error)}")
    more = f", and {len(found) - 6} more" if len(found) > 6 else ""
    return (
        "\n".join(", ".join(found[k : min(k + 3, 6)]) for k in range(0, min(len(found), 6), 3))
        + more
    )
