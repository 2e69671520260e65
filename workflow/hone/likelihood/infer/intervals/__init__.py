"""Intervals on the POI, as ``pyhf.infer.intervals``."""

from hone.likelihood.infer.intervals import upper_limits

__all__ = ["upper_limits"]
