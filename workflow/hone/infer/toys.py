"""Distributions of the test statistic from toys: pseudo-data sampled from the model, and fitted."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hone.errors import FitError, InputError
from hone.histfactory import Model
from hone.infer.asymptotics import TestStatistic
from hone.infer.minimum import descend
from hone.infer.mle import FitSetup, require_poi

__all__ = ["fit_toys", "sample_toys", "toy_statistics"]

_BATCH = 256
"""Toys fitted side by side: enough to keep the processor busy, few enough for its cache."""


def sample_toys(model: Model, pars: Any, ntoys: int, rng: np.random.Generator) -> np.ndarray:
    """Pseudo-data, auxiliary measurements included, float64 (ntoys, D).

    Args:
        model: the model.
        pars: parameters that are true in the toys (P,).
        ntoys: how many.
        rng: source of randomness.

    Raises:
        InputError: a rate is negative at ``pars``.
    """
    layout = model.layout
    expected = np.asarray(model.expected_data(pars))
    bins = layout.total_bins
    if (expected[:bins] < 0).any():
        k = int(np.argmin(expected[:bins]))
        raise InputError(f"no toys can be drawn: the expected rate of bin {k} is {expected[k]:g}")
    counted = np.concatenate([np.full(bins, True), layout.aux_poisson])
    toys = np.empty((ntoys, expected.size))
    sigma = np.asarray(_widths(model))
    # Normals first: they take as many random numbers whatever the rates are.
    toys[:, ~counted] = rng.normal(expected[~counted], sigma, (ntoys, sigma.size))
    toys[:, counted] = rng.poisson(expected[counted], (ntoys, counted.sum()))
    return toys


def toy_statistics(
    model: Model,
    toys: np.ndarray,
    setup: FitSetup,
    mu: float,
    truth: Any,
    test_stat: TestStatistic,
    failing: float = 0.0,
) -> np.ndarray:
    """Test statistic of each toy at POI ``mu``, float64 (ntoys,).

    Fits begin at the parameters that are true in the toys; where one fails, or the free fit ends
    above the fixed one, the suggested parameters and those a sigma away are tried as well.

    Args:
        model: the model.
        toys: pseudo-data (ntoys, D).
        setup: bounds and freedom of the parameters.
        mu: tested value of the POI.
        truth: parameters that the toys were drawn at (P,).
        test_stat: ``"qtilde"``, ``"q"`` or ``"q0"``.
        failing: fraction of toys that may fail, and are NaN.

    Raises:
        FitError: fits of more toys did not converge from any start.
    """
    others = np.asarray(_starts(model, setup))
    values = np.full((len(toys), 2), np.inf)
    mu_hat = np.full(len(toys), np.nan)
    todo = np.arange(len(toys))
    for start in (np.asarray(truth), *others):
        for part in np.array_split(todo, max(1, -(-len(todo) // _BATCH))):
            # Always the same shape, so that one program serves all.
            filled = np.resize(part, _BATCH)
            found, found_mu = (
                np.asarray(x)[: len(part)] for x in fit_toys(model, toys[filled], setup, start, mu)
            )
            better = found[:, 0] < values[part, 0]
            mu_hat[part] = np.where(better, found_mu, mu_hat[part])
            values[part] = np.minimum(values[part], found)
        with np.errstate(invalid="ignore"):  # where both fits failed
            gap = values[:, 1] - values[:, 0]
        todo = np.flatnonzero(~np.isfinite(gap) | (gap < -1e-8 * (1 + np.abs(values[:, 0]))))
        if not len(todo):
            break
    failed = ~np.isfinite(values).all(axis=1)
    if failed.mean() > failing:
        raise FitError(
            f"the fits of {failed.sum()} of {len(toys)} toys at POI = {mu:g} did not converge"
        )
    q = 2 * np.maximum(np.where(failed, 0.0, values[:, 1]) - values[:, 0], 0.0)
    q = np.where(mu_hat < 0 if test_stat == "q0" else mu_hat > mu, 0.0, q)
    return np.where(failed, np.nan, q)


@jax.jit
def fit_toys(
    model: Model, toys: Float[Array, "N D"], setup: FitSetup, start: Array, mu: Array
) -> tuple[Float[Array, "N 2"], Float[Array, " N"]]:
    """-ln L of the free fit and of the one at ``mu``, and the free fit's POI."""
    poi, count = require_poi(model), len(toys)
    free = FitSetup(setup.held_at(start), setup.lower, setup.upper, setup.free)
    both = [free, free.fixing(poi, mu)]
    found = descend(
        model.prepare(),
        jnp.concatenate([toys, toys]),
        jnp.repeat(jnp.stack([s.start for s in both]), count, axis=0),
        setup.lower,
        setup.upper,
        jnp.repeat(jnp.stack([s.free for s in both]), count, axis=0),
    )
    return found.value.reshape(2, count).T, found.pars[:count, poi]


@jax.jit
def _starts(model: Model, setup: FitSetup) -> Float[Array, "4 P"]:
    return setup.starts(model.prepare())


@jax.jit
def _widths(model: Model) -> Float[Array, " normals"]:
    return model.prepare().sigma
