"""Asymptotic densities of q-tilde (G. Cowan et al., arXiv:1007.1727, eqs. 64 and 65)."""

import numpy as np
from scipy.special import ndtr

__all__ = ["qtilde_density", "qtilde_tail"]


def qtilde_density(q: np.ndarray, q_asimov: float, background_only: bool) -> np.ndarray:
    """Density (N,) of the statistic above 0; the remaining probability is at 0.

    Args:
        q: values (N,), above 0.
        q_asimov: statistic of the background-only Asimov data, (mu / sigma)^2, above 0.
        background_only: for data without signal, instead of with the tested signal.
    """
    root, shift = np.sqrt(q_asimov), np.sqrt(q_asimov) * background_only
    x, slope = _normal(q, root, shift)
    return np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi) * slope


def qtilde_tail(q: np.ndarray | float, q_asimov: float, background_only: bool) -> np.ndarray:
    """Probability (N,) of at least these values: CLs+b, or CLb for background only; 1 at 0."""
    root, shift = np.sqrt(q_asimov), np.sqrt(q_asimov) * background_only
    q = np.asarray(q, dtype=float)
    x, _ = _normal(np.maximum(q, 1e-300), root, shift)
    return np.where(q > 0, ndtr(-x), 1.0)


def _normal(q: np.ndarray, root: float, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """The unit-normal variable, and its derivative in q.

    ``root`` is mu / sigma and ``shift`` is (mu - mu') / sigma, with mu' the true strength: below
    (mu / sigma)^2 the variable is sqrt(q) - shift, above, where the best fit is negative and the
    statistic is against 0, (q - (mu^2 - 2 mu mu') / sigma^2) / (2 mu / sigma).
    """
    above = q > root**2
    centre = 2 * root * shift - root**2
    x = np.where(above, (q - centre) / (2 * root), np.sqrt(q) - shift)
    return x, np.where(above, 1 / (2 * root), 0.5 / np.sqrt(q))
