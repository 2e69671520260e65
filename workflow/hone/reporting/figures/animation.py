"""Animation of a training: observable, histogram, likelihood and CLs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from hone.errors import InputError
from hone.reporting.figures.pages import Animation
from hone.reporting.figures.style import SIGNAL, panel_style, shade
from hone.reporting.markup import mathtext
from hone.training.film import Film, Frame

__all__ = ["animate_training"]

_DASHES = ("-", "--", "-.", ":")
Update = Callable[[Frame], list[Any]]
"""Shows a frame; what moves in a panel, the lowest first."""


def animate_training(
    film: Film, rows: Sequence[Mapping[str, float | None]], observable: str
) -> Animation:
    """The observable over the plane of two features (or its distributions), its bins, the profile
    likelihood and the expected CLs, during training.

    Args:
        film: of :func:`hone.training.film.make_film`.
        rows: of ``history.csv``, of the same seed.
        observable: name for the title.

    Raises:
        InputError: there is no frame.
    """
    if not film.frames:
        raise InputError(f"{observable}: there is no snapshot of the training to animate")
    with plt.rc_context(panel_style(11)):
        figure, panels = plt.subplots(1, 4, figsize=(13.2, 3.5))
        title = figure.suptitle(f"{observable}, step 0", fontsize=12, x=0.01, ha="left")
        updates = [
            _plane(panels[0], film) if film.axes is not None else _distributions(panels[0], film),
            _bins(panels[1], film),
            _likelihood(panels[2], film),
            _cls(panels[3], rows),
        ]

    def draw(index: int) -> list[Any]:
        frame = film.frames[index]
        title.set_text(f"{observable}, step {frame.step}")
        return [title, *(artist for update in updates for artist in update(frame))]

    return Animation(figure, draw, len(film.frames))


def _plane(axes: Axes, film: Film) -> Update:
    assert film.axes is not None
    x, y = film.axes
    last = film.frames[-1].edges
    axes.set_facecolor("darkgrey")
    mesh = axes.pcolormesh(
        x, y, np.zeros((len(y), len(x))), cmap="cividis", vmin=last[0], vmax=last[-1],
        rasterized=True,
    )  # fmt: skip
    axes.set(xlabel=mathtext(film.features[0]), ylabel=mathtext(film.features[1]))
    axes.set_title("observable and bin edges", fontsize=11)
    drawn: list[Any] = []

    def update(frame: Frame) -> list[Any]:
        assert frame.plane is not None
        while drawn:
            drawn.pop().remove()
        mesh.set_array(np.ma.masked_invalid(frame.plane))
        known = frame.plane[np.isfinite(frame.plane)]
        inner = [e for e in frame.edges[1:-1] if len(known) and known.min() < e < known.max()]
        if inner:
            drawn.append(
                axes.contour(x, y, frame.plane, levels=inner, colors="white", linewidths=1.2)
            )
        # Its ticks are on the map.
        return [axes]

    return update


def _distributions(axes: Axes, film: Film) -> Update:
    names = list(film.frames[0].scores)
    bins = len(film.frames[0].scores[names[0]])
    first, last = film.frames[-1].edges[[0, -1]]
    places = np.linspace(first, last, bins + 1)
    curves = {}
    for index, name in enumerate(names):
        colour = SIGNAL if name == film.signal else "0.25"
        curves[name] = axes.stairs(
            np.zeros(bins), places, color=colour, linestyle=_DASHES[index % len(_DASHES)],
            label=name,
        )  # fmt: skip
    edges = axes.vlines(film.frames[0].edges[1:-1], 0, 1, colors="0.6", linewidth=0.8)
    axes.set(xlim=(first, last), ylim=(0, 1), xlabel="observable", ylabel="part of the events")
    axes.set_title("distributions and bin edges", fontsize=11)
    legend = axes.legend(fontsize=9)

    def update(frame: Frame) -> list[Any]:
        for name, curve in curves.items():
            curve.set_data(frame.scores[name])
        edges.set_segments([[(e, 0), (e, 1)] for e in frame.edges[1:-1]])
        return [edges, *curves.values(), legend]

    return update


def _bins(axes: Axes, film: Film) -> Update:
    names = [name for name in film.frames[0].soft if name != film.signal] + [film.signal]
    totals = np.array([sum(frame.soft.values()) for frame in film.frames])
    yields = np.array([x for frame in film.frames for x in frame.soft.values()])
    low = max(0.3 * min([1.0, *yields[yields > 0]]), 1e-2)
    places = np.arange(totals.shape[1] + 1)
    bars = [
        axes.stairs(
            np.full(len(places) - 1, low), places, baseline=low, fill=True, edgecolor="black",
            linewidth=0.5, facecolor=SIGNAL if name == film.signal else shade(k), label=name,
        )
        for k, name in enumerate(names)
    ]  # fmt: skip
    (points,) = axes.plot([], [], "o", color="black", markersize=4, label="hard bins")
    axes.set_ylim(low, 30 * max(totals.max(), 1.0))
    axes.set_yscale("log")
    axes.set(xlim=(0, places[-1]), xlabel="bin", ylabel="events")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_title("soft bins", fontsize=11)
    legend = axes.legend(fontsize=9, ncols=2)

    def update(frame: Frame) -> list[Any]:
        below = np.full(len(places) - 1, low)
        summed = np.zeros(len(places) - 1)
        for bar, name in zip(bars, names, strict=True):
            summed = summed + frame.soft[name]
            above = np.maximum(summed, low)
            bar.set_data(above, places, below)  # type: ignore[arg-type]  # a baseline may be an array
            below = above
        points.set_data(places[:-1] + 0.5, sum(frame.hard.values()))
        # Its ticks are on the bars.
        return [*bars, points, axes.yaxis, legend]

    return update


def _likelihood(axes: Axes, film: Film) -> Update:
    axes.plot(film.strengths, film.frames[0].rise, color="0.75", linewidth=1)
    (curve,) = axes.plot([], [], color="black", linewidth=1.8)
    for level in (1, 4):
        axes.axhline(level, color="0.6", linewidth=0.8, linestyle=":")
    axes.set(
        xlim=film.strengths[[0, -1]], ylim=(0, 9), xlabel=r"signal strength $\mu$",
        ylabel=r"$-2\,\Delta\ln L$",
    )  # fmt: skip
    axes.set_title(r"profile likelihood, expected at $\mu = 1$", fontsize=11)

    def update(frame: Frame) -> list[Any]:
        curve.set_data(film.strengths, frame.rise)
        return [curve]

    return update


def _cls(axes: Axes, rows: Sequence[Mapping[str, float | None]]) -> Update:
    steps = np.array([row["step"] for row in rows])
    values = np.array([row.get("validation_cls") for row in rows], dtype=float)
    axes.plot(steps, values, color="0.75", linewidth=1)
    (curve,) = axes.plot([], [], color="black", marker=".", linewidth=1.8)
    if np.isfinite(values).any() and np.nanmin(values) > 0:
        axes.set_yscale("log")
    axes.set(xlabel="training step", ylabel=r"exp. CL$_s$ at $\mu = 1$")
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_title("validation", fontsize=11)

    def update(frame: Frame) -> list[Any]:
        reached = steps <= frame.step
        curve.set_data(steps[reached], values[reached])
        return [curve]

    return update
