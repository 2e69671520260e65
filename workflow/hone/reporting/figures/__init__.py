"""Figures: data in, matplotlib Figure out; saved separately."""

from hone.reporting.figures.style import OBSERVABLE_COLOURS, new_figure, save

__all__ = ["OBSERVABLE_COLOURS", "new_figure", "save"]
