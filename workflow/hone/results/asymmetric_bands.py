"""Bands that reach further to one side than to the other."""

import numpy as np

__all__ = ["below_and_above"]


def below_and_above(up: np.ndarray, down: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Widths (K,) of a band below and above, of uncorrelated parameters in quadrature.

    Each contributes to either side the larger of its changes to that side.

    Args:
        up: changes of the yields by each parameter one standard deviation up (P, K).
        down: the same down.
    """
    above = np.maximum(np.maximum(up, down), 0.0)
    below = np.maximum(np.maximum(-up, -down), 0.0)
    return np.sqrt((below**2).sum(axis=0)), np.sqrt((above**2).sum(axis=0))
