"""Intervals on parameters: upper limits, as ``pyhf.infer.intervals``, and two-sided ones."""

from hone.likelihood.infer.intervals import regions, upper_limits

__all__ = ["regions", "upper_limits"]
