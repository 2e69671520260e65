"""Saving of figures with several pages, and of animations."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from PIL import Image

from hone.reporting.figures.style import DRAWN, print_pdf, save
from hone.running.files import replacing

__all__ = ["Animation", "save_animation", "save_pages"]


class Animation(NamedTuple):
    """A figure that shows one frame at a time."""

    figure: Figure
    draw: Callable[[int], Sequence[Any]]
    """Makes the figure show a frame, by its number; returns what moves, the lowest first."""
    frames: int


def save_pages(figures: Sequence[Figure], png: str, pdf: str) -> None:
    """Write the first figure as PNG and all of them as pages of a PDF, and close them."""
    with (
        replacing(pdf) as partial,
        plt.rc_context(DRAWN),
        PdfPages(partial, metadata={"CreationDate": None}) as pages,
    ):
        for figure in figures:
            print_pdf(figure, pages)
    save(figures[0], [png])
    for figure in figures[1:]:
        plt.close(figure)


def save_animation(animation: Animation, path: str, milliseconds: int = 200) -> None:
    """Write a GIF with this time per frame, six times that for the last, and close its figure.

    What does not move, most of all the axes, is drawn once.
    """
    figure, draw, frames = animation
    figure.set_dpi(75)
    for artist in draw(0):
        artist.set_animated(True)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    still = canvas.copy_from_bbox(figure.bbox)
    pictures = []
    for index in range(frames):
        canvas.restore_region(still)
        for artist in draw(index):
            figure.draw_artist(artist)
        pictures.append(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))
    shown = [milliseconds] * (frames - 1) + [6 * milliseconds]
    with replacing(path) as partial:
        pictures[0].save(
            partial, "GIF", save_all=True, append_images=pictures[1:], duration=shown, loop=0
        )
    plt.close(figure)
