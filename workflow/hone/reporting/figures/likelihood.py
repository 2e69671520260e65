"""The likelihood: profile, contours, distributions of the test statistic."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse, Patch

from hone.reporting.figures.fitted import in_formula, short_names
from hone.reporting.figures.style import SIGNAL, count_errors, new_figure, note
from hone.reporting.markup import strength
from hone.reporting.rounding import with_error
from hone.results.documents import (
    ContourData,
    DataSet,
    GradientField,
    Likelihood,
    Profile,
    ProfileCurve,
    ToyData,
    ToyTest,
)
from hone.results.toy_band import band_ends

__all__ = ["draw_contour", "draw_profile", "draw_toys"]

_STYLES: dict[DataSet, tuple[str, Any, Any]] = {
    "asimov": ("black", "-", ":"),
    "observed": (SIGNAL, "--", "-."),
}
_NOT_COMPUTED: Any = {"facecolor": "0.95", "edgecolor": "0.75", "hatch": "xxx"}
_TOP = 9.5
"""A little more than three standard deviations."""


def draw_profile(likelihood: Likelihood, observable: str, label: str = "observed") -> Figure:
    """-2 delta ln L against the signal strength, nuisance parameters profiled or fixed.

    Args:
        likelihood: content of ``likelihood.json``; what is missing is left out, or noted.
        observable: name for the title.
        label: of the observation in the legend, ``observed`` or ``pseudo-data``.
    """
    profile, reasons = likelihood["profile"], likelihood["reasons"]
    if profile is None:
        return note(
            observable, reasons.get("asimov", reasons.get("profile", "There is no profile."))
        )
    figure, (axes,) = new_figure(height=6.0)
    mu = strength(likelihood["poi"])
    for name, of_data in _labels(mu, label).items():
        if name not in profile:
            continue
        curve, (colour, line, thin) = profile[name], _STYLES[name]
        axes.plot(
            profile["mu"], _floats(curve["profiled"]), line, color=colour, linewidth=2,
            label=f"{of_data}: {_interval(curve, mu)}",
        )  # fmt: skip
        axes.plot(
            profile["mu"], _floats(curve["fixed"]), thin, color=colour, linewidth=1.5,
            label="  nuisances kept at the best fit",
        )  # fmt: skip
    low, high = _shown(profile)
    for sigmas in (1, 2, 3):
        axes.axhline(sigmas**2, color="0.6", linewidth=0.8, zorder=0)
        axes.text(
            1.01, sigmas**2, rf"{sigmas} $\sigma$", va="center", fontsize=10, color="0.35",
            transform=axes.get_yaxis_transform(),
        )  # fmt: skip
    axes.set(xlim=(low, high), ylim=(0, _TOP), xlabel=f"signal strength ${mu}$")
    axes.set_ylabel(r"$-2\,\Delta\ln L$")
    axes.set_title(f"{observable}: profile likelihood", loc="left")
    figure.legend(loc="outside lower center", ncols=2, fontsize=10)
    return figure


def draw_contour(likelihood: Likelihood, observable: str, label: str = "observed") -> Figure:
    """-2 delta ln L against signal strength and leading nuisance parameter, with its gradient.

    Args:
        likelihood: content of ``likelihood.json``; what is missing is left out, or noted.
        observable: name for the title.
        label: of the observation in the legend, ``observed`` or ``pseudo-data``.
    """
    contour = likelihood["contour"]
    if contour is None:
        reasons = likelihood["reasons"]
        known = [reasons[k] for k in ("contour", "asimov", "profile") if k in reasons]
        return note(observable, (known or ["There is no contour."])[0])
    figure, (axes,) = new_figure(height=6.0)
    mu, value, levels = contour["mu"], contour["value"], contour["levels"]
    labels = _labels(strength(likelihood["poi"]), label)
    expected = np.ma.masked_invalid(_floats(contour["asimov"]["q"]))
    steps = [0, 1, *levels, 9, 12, 16, 25]
    # One for each step and one above them, else Matplotlib repeats the last one there. Opaque, so
    # that the hatches of what is not computed are seen there alone.
    blues = 0.25 + 0.75 * colormaps["Blues_r"](np.linspace(0, 1, len(steps)))[:, :3]
    filled = axes.contourf(*_finer(mu, value, expected), levels=steps, colors=blues, extend="max")
    axes.patch.set(**_NOT_COMPUTED)
    figure.colorbar(filled, ax=axes, format="%.3g", label=rf"$-2\,\Delta\ln L$, {labels['asimov']}")
    handles: list[Any] = []
    title = f"{observable}: 68.3 % and 95.4 % regions"
    for name, of_data in labels.items():
        if name not in contour:
            continue
        colour, line, _ = _STYLES[name]
        q = np.ma.masked_invalid(_floats(contour[name]["q"]))
        if (missing := int(np.ma.getmaskarray(q).sum())) > 0:
            title += f"\n{of_data}: no fit at {missing} of {q.size} points"
        if q.min() < levels[0] <= q.max():
            axes.contour(
                *_finer(mu, value, q), levels=levels, colors=colour, linestyles=line, linewidths=2
            )
        marker = "o" if name == "asimov" else "X"
        axes.plot(*contour[name]["best_fit"], marker, color=colour, markersize=8, clip_on=False)
        handles.append(Line2D([], [], color=colour, linestyle=line, marker=marker, label=of_data))
    frame = np.array([[mu[0], mu[-1]], [value[0], value[-1]]])
    if contour["asimov"]["covariance"] is not None:
        axes.add_patch(_ellipse(contour["asimov"], levels[0]))
        frame = _around_ellipse(frame, contour["asimov"], levels[0])
        handles.append(
            Line2D([], [], color="#ffa90e", linestyle="-.", label="68.3 % by the inverse Hessian")
        )
    _arrows(axes, contour["gradient"], np.ptp(mu), np.ptp(value))
    handles.append(
        Line2D([], [], color="0.25", marker=r"$\rightarrow$", markersize=12, linestyle="none",
               label="descent, expected")
    )  # fmt: skip
    axes.set(xlim=frame[0], ylim=frame[1])
    scanned = np.array([[mu[0], mu[-1]], [value[0], value[-1]]])
    if np.ma.getmaskarray(expected).any() or not np.array_equal(frame, scanned):
        handles.append(Patch(**_NOT_COMPUTED, label="not computed"))
    axes.set_xlabel(f"signal strength ${strength(likelihood['poi'])}$")
    axes.set_ylabel(*short_names([contour["parameter"]]))
    axes.set_title(title, loc="left")
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=10)
    return figure


def draw_toys(likelihood: Likelihood, observable: str, label: str = "observed") -> Figure:
    """Distributions of the test statistic from toys, with the asymptotic densities.

    One panel for nominal Asimov data, and one for the observation unless the analysis is blind.

    Args:
        likelihood: content of ``likelihood.json``; what is missing is left out, or noted.
        observable: name for the title.
        label: of the observation in the legend, ``observed`` or ``pseudo-data``.
    """
    toys = likelihood["toys"]
    if toys is None:
        return note(observable, likelihood["reasons"].get("toys", "There are no toys."))
    shown = {"expected": toys["expected"]}
    if toys["observed"] is not None:
        shown[label] = toys["observed"]
    figure, panels = new_figure(rows=[1.0] * len(shown), height=2.4 + 4.2 * len(shown))
    for axes, (name, found) in zip(panels, shown.items(), strict=True):
        _draw_toys(axes, found, label)
        title = _cls_line(name, found, toys["ntoys"])
        title += _band_line(toys) if name == "expected" else ""
        axes.set_title(title, loc="left", fontsize=11)
    # All that is in any panel, once.
    entries = {
        text: handle
        for axes in panels
        for handle, text in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        entries.values(), entries.keys(), loc="outside lower center", ncols=2, fontsize=10,
        frameon=False,
    )  # fmt: skip
    panels[-1].set_xlim(0, max(found["edges"][-1] for found in shown.values()))
    panels[-1].set_xlabel(
        rf"$\tilde{{q}}_\mu$ at ${strength(likelihood['poi'])} = {toys['mu']:.3g}$"
    )
    place = "at the median expected limit" if toys["at_limit"] else "no limit: at 1"
    title = f"{observable}: {toys['ntoys']} toys each, {place}"
    kept = min(found[name]["kept"] for found in shown.values() for name in _HYPOTHESES)
    if kept < toys["ntoys"]:
        title += f"\nthe fits of up to {toys['ntoys'] - kept} failed"
    figure.suptitle(title, fontsize=12)
    return figure


_HYPOTHESES: Mapping[Literal["signal_background", "background"], tuple[str, str, str, str]] = {
    "signal_background": ("signal + background", SIGNAL, "--", "o"),
    "background": ("background only", "#3f90da", "-", "s"),
}


def _draw_toys(axes: Axes, toys: ToyData, observed: str) -> None:
    """Both hypotheses for one set of data, and its test statistic."""
    edges = np.array(toys["edges"])
    widths = np.diff(edges)
    lowest, highest, zeros = np.inf, 0.0, []
    for name, (label, colour, line, marker) in _HYPOTHESES.items():
        found, curve = toys[name], toys[name]["asymptotic"]
        counts = np.array(found["counts"])
        scale = 1 / (found["kept"] * widths)
        there = counts > 0
        axes.errorbar(
            (0.5 * (edges[1:] + edges[:-1]))[there], (counts * scale)[there],
            yerr=(count_errors(counts) * scale)[:, there], fmt=marker, color=colour, markersize=4,
            linewidth=1, markerfacecolor="white" if marker == "s" else colour,
            label=f"{label}, toys",
        )  # fmt: skip
        axes.plot(
            curve["q"], curve["density"], line, color=colour, linewidth=2,
            label=f"{label}, asymptotic",
        )  # fmt: skip
        zeros.append(f"{found['zero'] / found['kept']:.1%} ({curve['zero']:.1%}) {label}")
        lowest = min(lowest, 0.3 * scale[0])
        highest = max(highest, float((counts * scale).max()))
    lines: dict[Literal["q_asimov", "q"], tuple[str, str]] = {
        "q_asimov": ("Asimov data without signal", ":")
    }
    if "cls_expected" not in toys["cls"]["toys"]:
        lines["q"] = (observed, "-")
    for key, (label, line) in lines.items():
        if toys[key] <= edges[-1]:
            axes.axvline(toys[key], color="black", linestyle=line, linewidth=1.3, label=label)
    axes.set_yscale("log")
    axes.text(
        0.97, 0.97, "\n".join(["at 0, toys (asymptotic)", *zeros]), transform=axes.transAxes,
        ha="right", va="top", fontsize=9,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
    )  # fmt: skip
    # Room for these lines.
    axes.set_ylim(lowest, max(highest, 10 * lowest) * 20)
    axes.set_ylabel("probability density")


def _shown(profile: Profile) -> tuple[float, float]:
    """The part of the scan in which a curve is within the panel."""
    mu = np.array(profile["mu"])
    curves = [profile[name]["profiled"] for name in _STYLES if name in profile]
    low = np.flatnonzero((_floats(curves) < _TOP).any(axis=0))
    if not len(low):
        return mu[0], mu[-1]
    return mu[max(low[0] - 1, 0)], mu[min(low[-1] + 1, len(mu) - 1)]


def _labels(mu: str, observed: str) -> dict[DataSet, str]:
    """Names of the data sets, with the symbol of the POI."""
    return {"asimov": f"expected at ${mu} = 1$", "observed": observed}


def _interval(curve: ProfileCurve, mu: str) -> str:
    """The best fit with its errors as text; ``mu`` is the symbol of the POI."""
    text = rf"$\hat{{{mu}}} = {in_formula(curve['best_fit'], *curve['interval'])}$"
    return f"{text} (at its bound)" if curve["at_bound"] else text


def _finer(
    mu: Sequence[float], value: Sequence[float], q: np.ma.MaskedArray
) -> tuple[np.ndarray, np.ndarray, np.ma.MaskedArray]:
    """A grid (V, M) with five times as many points, by cubic splines; as it is if some miss."""
    across, up = np.asarray(mu), np.asarray(value)
    if np.ma.getmaskarray(q).any():
        return across, up, q
    from scipy.interpolate import RectBivariateSpline  # a third of a second, for one figure

    fine = [np.linspace(x[0], x[-1], 5 * len(x) - 4) for x in (across, up)]
    spline = RectBivariateSpline(up, across, q)
    return fine[0], fine[1], np.ma.masked_invalid(np.maximum(spline(fine[1], fine[0]), 0.0))


def _ellipse(found: ContourData, level: float) -> Ellipse:
    """The contour at ``level`` of the quadratic form of the inverse covariance."""
    variances, axes = np.linalg.eigh(np.array(found["covariance"]))
    width, height = 2 * np.sqrt(level * variances)
    angle = np.degrees(np.arctan2(axes[1, 0], axes[0, 0]))
    x, y = found["best_fit"]
    return Ellipse(
        (x, y), width, height, angle=angle, fill=False, color="#ffa90e",
        linestyle="-.", linewidth=2,
    )  # fmt: skip


def _around_ellipse(frame: np.ndarray, found: ContourData, level: float) -> np.ndarray:
    """A frame (2, 2), low and high of each axis, that holds the ellipse too; at most twice as wide.

    The scan, within its bounds, does not know of it.
    """
    reach = np.sqrt(level * np.diagonal(np.array(found["covariance"])))
    centre = np.array(found["best_fit"])
    spare = np.ptp(frame, axis=1) / 2
    low = np.clip(centre - 1.05 * reach, frame[:, 0] - spare, frame[:, 0])
    high = np.clip(centre + 1.05 * reach, frame[:, 1], frame[:, 1] + spare)
    return np.stack([low, high], axis=1)


def _arrows(axes: Axes, gradient: GradientField, width: float, height: float) -> None:
    """Arrows of steepest descent in the units of the figure, longer where it is steeper."""
    across = -_floats(gradient["d_mu"]) * width
    up = -_floats(gradient["d_value"]) * height
    # Ratio of width to height of the frame.
    across, up = across / 1.2, up
    size = np.hypot(across, up)
    known = np.isfinite(size) & (size > 0)
    if not known.any():
        return
    # Root of the length, so that arrows far from steep edges are visible.
    typical = np.quantile(size[known], 0.9)
    length = np.sqrt(np.minimum(size / typical, 1.0)) / np.where(known, size, 1.0)
    mu, value = np.meshgrid(gradient["mu"], gradient["value"])
    axes.quiver(
        mu[known], value[known], (across * length)[known], (up * length)[known],
        color="0.25", angles="uv", pivot="mid", scale=16, width=0.004,
    )  # fmt: skip


def _cls_line(name: str, found: ToyData, ntoys: int) -> str:
    toys, formula = found["cls"]["toys"], found["cls"]["asymptotic"]["cls"]
    own = _with_error(toys["cls"], toys["cls_error"])
    theirs = "none" if formula is None else f"{formula:.3g}"
    own += f", none of {ntoys} as extreme" if own == "0" else ""
    return f"{name} CL$_s$: {own} (toys), {theirs} (asymptotic)"


def _band_line(toys: ToyTest) -> str:
    """Ends of the 68 % band of CLs, by toys and by formulae, below the median."""
    ends = band_ends(toys)
    shown = " to ".join(with_error(end.toys, end.error) for end in ends)
    formula = " to ".join(f"{end.asymptotic:.2g}" for end in ends)
    return f"\n68 % band {shown} (toys), {formula} (asymptotic)"


def _with_error(value: float | None, error: float | None) -> str:
    """A number with its error to two digits."""
    if value is None:
        return "none"
    if error is None:
        return f"{value:.3g}"
    digits = max(0, 1 - int(np.floor(np.log10(error))))
    return rf"{value:.{digits}f} $\pm$ {error:.{digits}f}"


def _floats(values: Any) -> np.ndarray:
    """Numbers, with NaN for None."""
    return np.array(values, dtype=float)
