"""Saving of figures with several pages, and of animations."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from PIL import Image

from hone.reporting.figures.style import EMBEDDED, print_pdf, save
from hone.running.files import replacing

__all__ = ["Animation", "save_animation", "save_pages"]


class Animation(NamedTuple):
    """A figure that shows one frame at a time."""

    figure: Figure
    draw: Callable[[int], None]
    """Makes the figure show a frame, by its number."""
    frames: int


def save_pages(figures: Sequence[Figure], png: str, pdf: str) -> None:
    """Write the first figure as PNG and all of them as pages of a PDF, and close them."""
    with (
        replacing(pdf) as partial,
        plt.rc_context(EMBEDDED),
        PdfPages(partial, metadata={"CreationDate": None}) as pages,
    ):
        for figure in figures:
            print_pdf(figure, pages)
    save(figures[0], [png])
    for figure in figures[1:]:
        plt.close(figure)


def save_animation(animation: Animation, path: str, milliseconds: int = 200) -> None:
    """Write a GIF with this time per frame, six times that for the last, and close its figure.

    Each frame is drawn once; matplotlib's writer draws it twice.
    """
    figure, draw, frames = animation
    figure.set_dpi(75)
    pictures = []
    for index in range(frames):
        draw(index)
        figure.canvas.draw()
        pixels = figure.canvas.buffer_rgba()  # type: ignore[attr-defined]
        pictures.append(Image.fromarray(np.asarray(pixels)).convert("RGB"))
    shown = [milliseconds] * (frames - 1) + [6 * milliseconds]
    with replacing(path) as partial:
        pictures[0].save(
            partial, "GIF", save_all=True, append_images=pictures[1:], duration=shown, loop=0
        )
    plt.close(figure)
