"""Make docs/soft_histogram.gif: why a histogram has to be soft to be trained on.

Run from the repository: ``PYTHONPATH=workflow python docs/soft_histogram.py``.
"""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation, PillowWriter

from hone.observable.soft import kernel_shares
from hone.reporting.figures.style import panel_style
from hone.sums import bin_of

EDGES = np.linspace(0, 1, 6)
BIN = 2
BANDWIDTH, SPREAD, EVENTS, FRAMES = 0.05, 0.12, 300, 50


def main() -> None:
    """Draw a Gaussian that moves through five bins, and a bin's content with its derivative."""
    jax.config.update("jax_enable_x64", True)
    shape = jnp.asarray(SPREAD * np.random.default_rng(1).normal(size=EVENTS))

    def soft(mean: Any) -> Any:
        return kernel_shares(mean + shape, jnp.asarray(EDGES), jnp.asarray(BANDWIDTH)).mean(axis=0)

    def hard(mean: float) -> np.ndarray:
        inside = bin_of(mean + np.asarray(shape), EDGES)
        return np.bincount(inside, minlength=len(EDGES) - 1) / EVENTS

    means = 0.5 - 0.35 * np.cos(np.linspace(0, 2 * np.pi, FRAMES, endpoint=False))
    path = np.linspace(means.min(), means.max(), 201)
    contents = np.array([soft(m)[BIN] for m in path])
    counts = np.array([hard(m)[BIN] for m in path])
    slopes = jax.vmap(jax.grad(lambda m: soft(m)[BIN]))(jnp.asarray(path))
    with plt.rc_context(panel_style(11)):
        figure, (left, right, below) = plt.subplots(1, 3, figsize=(11, 3.4))
    x = np.linspace(-0.2, 1.2, 300)
    (density,) = left.plot([], [], color="black", label="events")
    bars = left.bar(
        EDGES[:-1], 0 * EDGES[1:], np.diff(EDGES), align="edge", facecolor="#3f90da", alpha=0.5,
        label="soft",
    )  # fmt: skip
    steps = left.stairs(0 * EDGES[1:], EDGES, color="#bd1f01", linestyle="--", label="hard")
    left.axvspan(EDGES[BIN], EDGES[BIN + 1], color="0.92", zorder=0)
    left.set(xlim=(-0.05, 1.05), ylim=(0, 1.15), xlabel="observable", ylabel="share of the events")
    left.legend(loc="upper right", ncols=3, fontsize=8, handlelength=1.2, columnspacing=0.8)
    right.plot(path, contents, color="#3f90da", label="soft")
    right.plot(path, counts, color="#bd1f01", linestyle="--", linewidth=1, label="hard")
    right.set(xlabel="mean of the events", ylabel="content of the middle bin", ylim=(0, 0.9))
    right.legend(loc="upper right", fontsize=9)
    below.plot(path, np.asarray(slopes), color="#3f90da", label="soft")
    below.axhline(0, color="#bd1f01", linestyle="--", label="hard: none to follow")
    below.set(xlabel="mean of the events", ylabel="derivative of the content")
    below.set_ylim(1.5 * np.min(slopes), 2 * np.max(slopes))
    below.legend(loc="upper right", fontsize=9)
    (place,) = right.plot([], [], "o", color="black", markersize=7)
    (slope,) = below.plot([], [], "o", color="black", markersize=7)

    def draw(frame: int) -> list[Any]:
        mean = means[frame]
        values = np.asarray(soft(mean))
        density.set_data(x, np.exp(-0.5 * ((x - mean) / SPREAD) ** 2) * 0.9)
        for bar, value in zip(bars, values, strict=True):
            bar.set_height(value)
        steps.set_data(hard(mean))
        place.set_data([mean], [values[BIN]])
        slope.set_data([mean], [np.interp(mean, path, slopes)])
        return []

    draw(0)
    figure.canvas.draw()
    figure.set_layout_engine("none")
    animation = FuncAnimation(figure, draw, frames=FRAMES)
    animation.save(Path(__file__).with_suffix(".gif"), PillowWriter(fps=12), dpi=65)


if __name__ == "__main__":
    main()
