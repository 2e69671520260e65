"""Limits on the signal strength."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from hone.reporting.figures.style import new_figure, note
from hone.reporting.markup import strength
from hone.results.documents import Limits

__all__ = ["draw_cls_scan", "draw_limits"]


def draw_cls_scan(limits: Limits, observable: str, label: str = "observed") -> Figure:
    """CLs against the signal strength with the expected bands, by pyhf's own plot.

    Args:
        limits: content of ``limits.json``.
        observable: name for the title.
        label: of the observation in the legend, ``observed`` or ``pseudo-data``.
    """
    from pyhf.contrib.viz import brazil  # more than a second, for this figure alone

    scan = limits["scan"]
    title = f"{observable}: limit at {1 - limits['level']:.0%} CL"
    if not scan["mu"]:
        reason = limits["reasons"].get("observed CLs", "no fit converged")
        return note(title, f"CLs does not exist after the fit to the observation: {reason}")
    blind = scan["observed"] is None
    shown = scan["observed"] or scan["expected"][2]
    curves = zip(shown, np.array(scan["expected"]).T, strict=True)
    results = [(np.array(observed), list(expected)) for observed, expected in curves]
    figure, (axes,) = new_figure()
    drawn = brazil.plot_results(scan["mu"], results, test_size=limits["level"], ax=axes)
    if blind:
        drawn.cls_obs.remove()
    elif label != "observed":
        drawn.cls_obs.set_label(rf"{label} CL$_s$")
    texts, mu = [], strength(limits["poi"])
    if limits["observed_limit"] is not None:
        texts.append(f"{label} ${mu} <$ {limits['observed_limit']:.4g}")
    if limits["expected_limits_postfit"][2] is not None:
        texts.append(f"expected, after the fit ${mu} <$ {limits['expected_limits_postfit'][2]:.4g}")
    if limits["expected_limits"][2] is not None:
        texts.append(f"expected, nominal ${mu} <$ {limits['expected_limits'][2]:.4g}")
    axes.text(
        0.97, 0.55, "\n".join(texts), transform=axes.transAxes, ha="right", fontsize=10,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8},
    )  # fmt: skip
    axes.set(xlim=(0, scan["mu"][-1]), ylim=(0, 1.05))
    axes.set_xlabel(f"signal strength ${mu}$")
    axes.set_ylabel(r"CL$_s$")
    axes.set_title(title, loc="left")
    axes.legend(loc="upper right", fontsize=10)
    return figure


def draw_limits(
    limits: Mapping[float, Limits],
    parameter: str,
    observable: str,
    observed_label: str = "observed",
) -> Figure:
    """Limits on the signal strength against a parameter of the hypotheses, with bands.

    Args:
        limits: content of ``limits.json`` by the value of the parameter; limits may be missing.
        parameter: its name, for the axis.
        observable: name for the title.
        observed_label: of the observation in the legend, ``observed`` or ``pseudo-data``.
    """
    values = sorted(limits)
    expected = np.array([limits[v]["expected_limits"] for v in values], dtype=float)
    observed = np.array([limits[v]["observed_limit"] for v in values], dtype=float)
    figure, (axes,) = new_figure()
    for low, colour, label in ((0, "yellow", "95 % expected"), (1, "limegreen", "68 % expected")):
        axes.fill_between(values, expected[:, low], expected[:, 4 - low], color=colour, label=label)
    # Markers, because a limit between two missing ones has neither line nor band.
    axes.plot(
        values, expected[:, 2], "s--", color="black", markersize=4, fillstyle="none",
        label="median expected",
    )  # fmt: skip
    missing = [f"{v:g}" for v, limit in zip(values, expected[:, 2], strict=True) if np.isnan(limit)]
    if missing:
        text = f"no expected limit at {', '.join(missing)}"
        axes.text(0.03, 0.04, text, transform=axes.transAxes, fontsize=10)
    if np.isfinite(observed).any():
        axes.plot(values, observed, "o-", color="black", markersize=5, label=observed_label)
    axes.axhline(1, color="0.4", linewidth=0.8)
    if np.isfinite(expected).any():
        axes.set_yscale("log")
        low, high = np.nanmin(expected), np.nanmax(expected)
        axes.set_ylim(0.4 * min(low, 1), 6 * max(high, 1))
    axes.margins(x=0.03)
    axes.set(xlabel=parameter, ylabel=f"upper limit on ${strength(limits[values[0]]['poi'])}$")
    level = limits[values[0]]["level"]
    axes.set_title(f"{observable}: limits at {1 - level:.0%} CL", loc="left")
    axes.legend()
    return figure
