"""Limits on the signal strength."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from hone.reporting.figures.style import BANDS, SIGNAL, new_figure, note
from hone.reporting.markup import strength
from hone.results.documents import Floor, Limits

__all__ = ["draw_cls_scan", "draw_limit_summary", "draw_limits"]

_BANDS = ((0, 4, BANDS[0], "95 % expected"), (1, 3, BANDS[1], "68 % expected"))
"""Places in an expected set, and colours that differ in grey and for the colour-blind."""
_BEFORE = "nuisances nominal"
"""What expected limits of tables and summaries are for."""
_NOMINAL = {"color": "black", "marker": "s", "markersize": 7, "markerfacecolor": "white"}
_NOMINAL |= {"linestyle": "none", "clip_on": False, "zorder": 5}
_FITTED = _NOMINAL | {"marker": "D"}
"""Medians beside bands of the other kind."""
_FINE = 400
"""Points of a smooth curve."""
_SMALLEST = 1e-300
"""CLs that is drawn instead of zero, which has no logarithm."""
_WIDE = 30.0
"""Ratio of limits from which on their axis is logarithmic."""


def draw_cls_scan(limits: Limits, observable: str, label: str = "observed") -> Figure:
    """CLs against the signal strength with the bands expected after the fit to the observation.

    The median limit on nominal Asimov data, that of tables and summaries, is marked where there is
    an observation: without one, both are the same. Between the points of the scan the logarithm of
    CLs is interpolated, monotonically where it is.

    Args:
        limits: content of ``limits.json``.
        observable: name for the title.
        label: of the observation in the legend, ``observed`` or ``pseudo-data``.
    """
    from scipy.interpolate import PchipInterpolator  # for this figure alone

    scan = limits["scan"]
    title = f"{observable}: limit at {1 - limits['level']:.0%} CL"
    if not scan["mu"]:
        reason = limits["reasons"].get("observed CLs", "no fit converged")
        return note(title, f"CLs does not exist after the fit to the observation: {reason}")
    mus = np.linspace(scan["mu"][0], scan["mu"][-1], _FINE)

    def smooth(values: Sequence[float]) -> np.ndarray:
        if len(values) == 1:
            return np.full(_FINE, values[0])
        logarithms = np.log(np.maximum(values, _SMALLEST))
        return np.exp(PchipInterpolator(scan["mu"], logarithms)(mus))

    expected = [smooth(values) for values in scan["expected"]]
    figure, (axes,) = new_figure()
    for low, high, colour, band in _BANDS:
        axes.fill_between(mus, expected[low], expected[high], color=colour, label=band)
    fitted, nominal = limits["expected_limits_postfit"][2], limits["expected_limits"][2]
    blind = scan["observed"] is None
    axes.plot(mus, expected[2], color="black", linestyle="--", label="median expected")
    if scan["observed"] is not None:
        axes.plot(mus, smooth(scan["observed"]), color="black", linewidth=2, label=label)
    axes.axhline(limits["level"], color=SIGNAL, label=rf"$\alpha = {limits['level']:g}$")
    if nominal is not None and not blind:
        axes.plot(nominal, limits["level"], **_NOMINAL, label=f"median, {_BEFORE}")
    texts, mu = [], strength(limits["poi"])
    if limits["observed_limit"] is not None:
        texts.append(f"{label}: ${mu} <$ {limits['observed_limit']:.4g}")
    if fitted is not None:
        which = f", {_BEFORE}" if blind else f" (curves), {_after(label)}"
        texts.append(f"expected{which}: ${mu} <$ {fitted:.4g}")
    if nominal is not None and not blind:
        texts.append(f"expected (square), {_BEFORE}: ${mu} <$ {nominal:.4g}")
    axes.set_yscale("log")
    # A linear axis would hide all that is excluded.
    axes.set(xlim=(0, scan["mu"][-1]), ylim=(limits["level"] / 50, 1))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")
    axes.set_xlabel(f"signal strength ${mu}$")
    axes.set_ylabel(r"CL$_s$")
    axes.set_title(title, loc="left")
    figure.legend(
        loc="outside lower center", fontsize=10, ncols=3, title="\n".join(texts), title_fontsize=10,
        frameon=False,
    )  # fmt: skip
    return figure


def _after(label: str) -> str:
    return f"nuisances fitted to {'the data' if label == 'observed' else label}"


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
    for low, high, colour, label in _BANDS:
        axes.fill_between(values, expected[:, low], expected[:, high], color=colour, label=label)
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


def draw_limit_summary(
    limits: Mapping[str, Limits], floor: Floor, observed_label: str = "observed"
) -> Figure:
    """Limits of all observables for a signal: medians with their bands, observed, and the floor.

    Bands and their medians are those on nominal Asimov data; the medians after the fit to the
    observation, of the figures of CLs, are marked beside what is observed.

    Args:
        limits: content of ``limits.json`` by observable; limits may be missing.
        floor: content of ``floor.json``; its numbers may be missing.
        observed_label: of the observation in the legend, ``observed`` or ``pseudo-data``.
    """
    names = list(limits)
    expected = np.array([limits[name]["expected_limits"] for name in names], dtype=float)
    observed = np.array([limits[name]["observed_limit"] for name in names], dtype=float)
    fitted = np.array([limits[name]["expected_limits_postfit"][2] for name in names], dtype=float)
    fitted = np.where(np.isfinite(observed), fitted, np.nan)
    own = floor.get("of_observables", {})
    floors = np.array([own.get(n, floor).get("expected_limit") for n in names], dtype=float)
    figure, (axes,) = new_figure(height=2.3 + 0.55 * len(names))
    places = np.arange(len(names))
    for low, high, colour, label in _BANDS:
        left, label = expected[:, low], f"{label} (asymptotic)"
        axes.barh(places, expected[:, high] - left, 0.64, left=left, color=colour, label=label)
    edges = places - 0.32, places + 0.32
    axes.vlines(
        expected[:, 2], *edges, color="black", linewidth=2, linestyle="--",
        label=f"median expected, {_BEFORE}",
    )  # fmt: skip
    if np.isfinite(fitted).any():
        axes.plot(fitted, places, **_FITTED, label=f"the same, {_after(observed_label)}")
    if np.isfinite(observed).any():
        axes.plot(
            observed, places, "o", color="black", markeredgecolor="white", markersize=8,
            label=observed_label,
        )  # fmt: skip
    if np.isfinite(floors).any():
        around = places - 0.45, places + 0.45
        axes.vlines(floors, *around, color="#832db6", linewidth=2, linestyle=":", label="floor")
    for place in np.flatnonzero(np.isnan(expected[:, 2])):
        axes.text(0.03, place, "no expected limit", va="center", fontsize=11,
                  transform=axes.get_yaxis_transform())  # fmt: skip
    drawn = np.concatenate([expected.ravel(), observed, fitted, floors])
    drawn = drawn[np.isfinite(drawn)]
    if drawn.size and drawn.max() > _WIDE * drawn.min() > 0:
        axes.set_xscale("log")
    else:
        axes.set_xlim(0, 1.06 * drawn.max() if drawn.size else 1)
    axes.set_yticks(places, names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", left=False, right=False)
    axes.yaxis.minorticks_off()
    first = limits[names[0]]
    mu, level = strength(first["poi"]), 1 - first["level"]
    axes.set_xlabel(rf"upper limit on ${mu}$ at {100 * level:g} % CL")
    figure.legend(ncols=2, loc="outside upper center", frameon=False)
    return figure
