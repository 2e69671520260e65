"""Uncertainties of expected yields, from shifts of each parameter by one standard deviation."""

from typing import Any

import numpy as np
from jaxtyping import Array, Float

from hone.likelihood.arrays import compiled_if_traced
from hone.likelihood.histfactory import Model

__all__ = ["envelope", "one_sigma", "yield_covariance"]


def one_sigma(model: Model, pars: Any, errors: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Expected events, and their changes when one parameter moves by its error, up and down.

    Args:
        model: the model.
        pars: parameters (P,).
        errors: standard deviations of the parameters (P,), 0 if fixed.

    Returns:
        Rates (B,), and changes (P, B) by each parameter moved up, and moved down.
    """
    pars, steps = np.asarray(pars, dtype=float), np.diag(np.asarray(errors, dtype=float))
    rows = np.concatenate([pars[None], pars + steps, pars - steps])
    rates, up, down = np.split(_rates(model, rows), [1, 1 + len(pars)])
    return rates[0], up - rates, down - rates


def envelope(up: np.ndarray, down: np.ndarray) -> np.ndarray:
    """The larger of two changes with a sign, which represents both in a covariance.

    Half their difference would cancel where both have the same sign. There the result has that
    sign, elsewhere that of up - down.

    Args:
        up: changes by a parameter one standard deviation up, of any shape.
        down: the same down.
    """
    one_sided = np.sign(up) * np.sign(down) > 0
    return np.maximum(np.abs(up), np.abs(down)) * np.sign(np.where(one_sided, up, up - down))


def yield_covariance(up: np.ndarray, down: np.ndarray, correlation: Any = None) -> np.ndarray:
    """Covariance (K, K) of K yields, from the envelope of their changes.

    Without correlations, no variance is smaller than the square of any change.

    Args:
        up: changes of the yields by each parameter one standard deviation up (P, K).
        down: the same down.
        correlation: of the parameters (P, P); none if not given.
    """
    change = envelope(up, down)
    found = change.T @ (change if correlation is None else np.asarray(correlation) @ change)
    return np.asarray(found + found.T) / 2


@compiled_if_traced()
def _rates(model: Model, pars: Float[Array, "N P"]) -> Float[Array, "N B"]:
    return model.prepare().rates(pars)
