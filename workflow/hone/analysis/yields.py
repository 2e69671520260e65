"""Arithmetic of yields (B,) in bins, float64, some of which may be negative."""

from typing import Any

import numpy as np

__all__ = ["cancel", "half_spread", "largest_change", "norm_factor", "not_below_zero"]

_LEFT = 0.2


def cancel(yields: np.ndarray) -> bool:
    """Whether yields (B,) of both signs add up to less than a fifth of their sizes.

    Their sum, and what is relative to it, then changes by more than the yields do.
    """
    return bool(abs(yields.sum()) < _LEFT * abs(yields).sum())


def norm_factor(nominal: Any, varied: Any) -> Any:
    """Ratio of the yields of a region, varied to nominal; 1 if one is zero or the signs differ.

    Differentiable, and the same for arrays (B,) of NumPy and of JAX.
    """
    before, after = nominal.sum(), varied.sum()
    known = ((before > 0) & (after > 0)) | ((before < 0) & (after < 0))
    return (known * after + ~known) / (known * before + ~known)


def half_spread(up: Any, down: Any) -> Any:
    """Half the difference of two varied templates, without sign."""
    return abs(up - down) / 2


def not_below_zero(yields: Any, nominal: Any) -> Any:
    """Yields (B,) cut at zero, except where the nominal yield is negative (interference)."""
    negative = nominal < 0
    return negative * yields + ~negative * (yields + abs(yields)) / 2


def largest_change(nominal: np.ndarray, varied: Any) -> float:
    """Relative, of a bin; infinite where a bin without yield changes."""
    change = np.abs(np.asarray(varied) - nominal)
    relative = np.divide(change, abs(nominal), np.full(len(change), np.inf), where=nominal != 0)
    return float(np.where(change == 0, 0.0, relative).max())
