"""Intervals: upper limits, as ``pyhf.infer.intervals``, two-sided ones, and those from toys."""

from hone.likelihood.infer.intervals import regions, upper_limits
from hone.likelihood.infer.intervals.unified import feldman_cousins

__all__ = ["feldman_cousins", "regions", "upper_limits"]
