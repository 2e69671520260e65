"""Figures of several pages, and pictures that move: how they are saved."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from hone.figures.style import save
from hone.files import replacing

__all__ = ["save_animation", "save_pages"]


def save_pages(figures: Sequence[Figure], png: str, pdf: str) -> None:
    """Write the first figure as a picture and all of them as pages, and close them."""
    with (
        replacing(pdf) as partial,
        PdfPages(partial, metadata={"CreationDate": None}) as pages,
    ):
        for figure in figures:
            pages.savefig(figure)
    save(figures[0], [png])
    for figure in figures[1:]:
        plt.close(figure)


def save_animation(animation: FuncAnimation, path: str, fps: int = 5) -> None:
    """Write a GIF with so many frames a second, and close its figure."""
    with replacing(path) as partial:
        animation.save(partial, PillowWriter(fps=fps), dpi=75)
    plt.close(animation._fig)  # type: ignore[attr-defined]
