"""Exclusion contours in the plane of two parameters of the hypotheses."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.tri import LinearTriInterpolator, Triangulation
from scipy.spatial import QhullError

from hone.reporting.figures.style import SIGNAL, new_figure
from hone.reporting.markup import strength
from hone.results.documents import Limits

__all__ = ["draw_exclusion"]

_GRID = 201


def draw_exclusion(
    limits: Mapping[tuple[float, float], Limits],
    parameters: tuple[str, str],
    observable: str,
    observed_label: str = "observed",
) -> Figure:
    """Contours of a limit of 1 on the signal strength: expected with +-1 sigma, and observed.

    The logarithm of the limits is interpolated linearly in the triangles between the hypotheses
    (Delaunay), within their convex hull. Hypotheses without a limit are marked, and their triangles
    left out.

    Args:
        limits: content of ``limits.json`` by the values of the two parameters.
        parameters: their names, for the axes.
        observable: name for the title.
        observed_label: of the observation in the legend, ``observed`` or ``pseudo-data``.
    """
    points = np.array(sorted(limits), dtype=float)
    contents = [limits[x, y] for x, y in sorted(limits)]
    expected = np.array([c["expected_limits"] for c in contents], dtype=float)
    observed = np.array([c["observed_limit"] for c in contents], dtype=float)
    figure, (axes,) = new_figure(height=6.4)
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.08 * np.where(high > low, high - low, np.maximum(abs(high), 1.0))
    handles: list[Any] = []
    surface = _Surface(points, low, high)
    down, median, up = expected[:, 1], expected[:, 2], expected[:, 3]
    # Between the contours of the limits at -1 and +1 sigma the limit may or may not be below 1.
    inside = (surface.of(down) < 0) & ~(surface.of(up) < 0) & np.isfinite(surface.of(up))
    if inside.any():
        axes.contourf(
            surface.x, surface.y, inside.astype(float), levels=[0.5, 1.5], colors="#ffe680",
            hatches=["//"],
        ).set(edgecolor="0.6", linewidth=0)  # fmt: skip
        handles.append(
            Patch(facecolor="#ffe680", hatch="//", edgecolor="0.5", label=r"expected $\pm 1\sigma$")
        )
    curves: tuple[tuple[np.ndarray, str, Any, str], ...] = (
        (median, "black", "--", "median expected"),
        (observed, SIGNAL, "-", observed_label),
    )
    missing = []
    for values, colour, line, label in curves:
        found = surface.of(values)
        if not np.isfinite(values).any():
            continue
        if np.isfinite(found).any() and np.nanmin(found) < 0 < np.nanmax(found):
            axes.contour(
                surface.x, surface.y, np.ma.masked_invalid(found), levels=[0.0], colors=colour,
                linestyles=line, linewidths=2,
            )  # fmt: skip
            handles.append(Line2D([], [], color=colour, linestyle=line, label=label))
        else:
            missing.append(f"no {label} contour: {surface.why(values)}")
    seen = bool(np.isfinite(observed).any())
    kind = observed_label if seen else "expected"
    label = f"{kind} upper limit on ${strength(contents[0]['poi'])}$"
    _points(figure, axes, points, observed if seen else median, label)
    axes.set_xlim(low[0] - margin[0], high[0] + margin[0])
    axes.set_ylim(low[1] - margin[1], high[1] + 3 * margin[1])
    axes.set(xlabel=parameters[0], ylabel=parameters[1])
    level = contents[0]["level"]
    axes.set_title(f"{observable}: exclusion at {1 - level:.0%} CL", loc="left")
    axes.text(
        0.03, 0.97, "\n".join(missing), transform=axes.transAxes, va="top", fontsize=10,
    )  # fmt: skip
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=10)
    return figure


class _Surface:
    """Interpolates values at the hypotheses to a grid; NaN where that is not possible."""

    def __init__(self, points: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
        self.points = points
        # Axes scaled to equal length: triangles must not depend on units.
        self.scale = np.where(high > low, high - low, 1.0)
        axes = [np.linspace(a, b, _GRID) for a, b in zip(low, high, strict=True)]
        self.x, self.y = np.meshgrid(*axes)

    def of(self, values: np.ndarray) -> np.ndarray:
        """Logarithms of the values (n,) on the grid; below 0 where a hypothesis is excluded."""
        known = np.isfinite(values) & (values > 0)
        triangles = self._triangles()
        if triangles is None:
            return np.full(self.x.shape, np.nan)
        triangles.set_mask(~known[triangles.triangles].all(axis=1))
        if triangles.mask is not None and triangles.mask.all():
            return np.full(self.x.shape, np.nan)
        logs = np.log(np.where(known, values, 1.0))
        inter = LinearTriInterpolator(triangles, logs)
        found = inter(self.x / self.scale[0], self.y / self.scale[1])
        return np.asarray(found.filled(np.nan), dtype=float)

    def why(self, values: np.ndarray) -> str:
        """Why these values have no contour."""
        if self._triangles() is None:
            return "the hypotheses lie on a line"
        known = values[np.isfinite(values)]
        if (known < 1).all():
            return "all excluded"
        return "none excluded" if (known > 1).all() else "limits are missing"

    def _triangles(self) -> Triangulation | None:
        scaled = self.points / self.scale
        if len(scaled) < 3 or np.linalg.matrix_rank(scaled[1:] - scaled[0], tol=1e-9) < 2:
            return None
        try:
            return Triangulation(*scaled.T)
        except (QhullError, RuntimeError, ValueError):
            return None


def _points(figure: Figure, axes: Axes, points: np.ndarray, shown: np.ndarray, label: str) -> None:
    """The hypotheses with their limits as colours, and as numbers if there is room."""
    known = np.isfinite(shown) & (shown > 0)
    if known.any():
        lowest, highest = shown[known].min(), shown[known].max()
        norm = LogNorm(lowest, max(highest, 1.1 * lowest))
        drawn = axes.scatter(
            *points[known].T, c=shown[known], cmap="viridis", norm=norm, edgecolors="black",
            s=60, zorder=3,
        )  # fmt: skip
        bar = figure.colorbar(drawn, ax=axes, label=label)
        bar.set_ticks(list(np.geomspace(lowest, max(highest, 1.1 * lowest), 5)))
        bar.ax.yaxis.set_major_formatter("{x:.2g}")
        bar.ax.minorticks_off()
    axes.plot(*points[~known].T, "x", color="black", markersize=8)
    if len(points) <= 30:
        for (x, y), value in zip(points, shown, strict=True):
            text = f"{value:.2g}" if np.isfinite(value) else "none"
            axes.annotate(
                text, (x, y), xytext=(0, 7), textcoords="offset points", ha="center", fontsize=9,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5},
            )  # fmt: skip
