"""Figures: data in, matplotlib Figure out; saving is apart."""

from hone.reporting.figures.style import OBSERVABLE_COLOURS, new_figure, save

__all__ = ["OBSERVABLE_COLOURS", "new_figure", "save"]
