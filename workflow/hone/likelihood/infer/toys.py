"""Test statistics of toys: pseudo-data drawn from the model, and fitted."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from hone.likelihood.arrays import compiled_if_traced, namespace
from hone.likelihood.histfactory import Model
from hone.likelihood.infer.asymptotics import TestStatistic
from hone.likelihood.infer.batches import in_batches
from hone.likelihood.infer.minimum import descend
from hone.likelihood.infer.mle import FitSetup, require_poi, starts_of

__all__ = ["SAME", "fit_toys", "sample_toys", "toy_statistics"]

_BATCH = 256
"""Toys fitted in parallel: enough to keep the processor busy, few enough for its cache."""
_LARGE, _MANY = 64, 500
"""Parameters and toys above which JAX's fits are faster than NumPy's, in spite of compiling."""
SAME = 1e-7
"""Difference of test statistics that counts as rounding: -ln L is accurate to about 1e-10."""
_ABOVE = 1e-9
"""Relative difference of -ln L above which the free fit has missed the minimum."""


def sample_toys(model: Model, pars: Any, ntoys: int, rng: np.random.Generator) -> np.ndarray:
    """Pseudo-data, auxiliary measurements included, float64 (ntoys, D).

    Args:
        model: the model.
        pars: parameters that are true in the toys (P,).
        ntoys: number of toys.
        rng: source of randomness.

    Raises:
        InputError: a rate is negative at ``pars``.
    """
    return model.make_pdf(pars).sample((ntoys,), rng)


def toy_statistics(
    model: Model,
    toys: np.ndarray,
    setup: FitSetup,
    mu: float,
    truth: Any,
    test_stat: TestStatistic,
) -> np.ndarray:
    """Test statistic of each toy at POI ``mu``, float64 (ntoys,); NaN where a fit failed.

    Fits start at the true parameters of the toys; if one fails, or the free fit ends above the
    fixed one, also at the starts of :meth:`.mle.FitSetup.starts`, and the free fit where the fixed
    one ended. A toy whose free fit is still above the fixed one has failed.

    Args:
        model: the model.
        toys: pseudo-data (ntoys, D).
        setup: bounds and freedom of the parameters.
        mu: tested value of the POI.
        truth: parameters that the toys were drawn at (P,).
        test_stat: ``"qtilde"``, ``"q"`` or ``"q0"``.
    """
    best = _Fits.none(len(toys), len(truth))
    todo = np.arange(len(toys))
    for start in (np.asarray(truth), *np.asarray(starts_of(model, setup))):
        if len(todo):
            begin = np.broadcast_to(start, (len(todo), start.size))
            best = best.with_lower(todo, _fitted(model, toys[todo], setup, begin, mu))
            todo = np.flatnonzero(best.failed())
    # At the end of the fixed fit the free one cannot be above it.
    todo = todo[np.isfinite(best.value[todo, 1])]
    if len(todo):
        best = best.with_lower(todo, _fitted(model, toys[todo], setup, best.fixed[todo], mu))
    failed = best.failed()
    free, fixed = np.where(failed[:, None], 0.0, best.value).T
    beyond = best.mu_hat < 0 if test_stat == "q0" else best.mu_hat > mu
    q = np.where(beyond, 0.0, 2 * np.maximum(fixed - free, 0.0))
    return np.where(failed, np.nan, q)


class _Fits(NamedTuple):
    """The lowest fits of each toy so far."""

    value: np.ndarray
    """-ln L of the free fit and of the one at the tested POI (n, 2), infinite where one failed."""
    mu_hat: np.ndarray
    """POI of the free fit (n,)"""
    fixed: np.ndarray
    """Parameters of the fixed fit (n, P)"""

    @classmethod
    def none(cls, toys: int, parameters: int) -> "_Fits":
        return cls(
            np.full((toys, 2), np.inf), np.full(toys, np.nan), np.full((toys, parameters), np.nan)
        )

    def with_lower(self, where: np.ndarray, others: "_Fits") -> "_Fits":
        """With other fits of the toys ``where``, if they are lower."""
        value, mu_hat, fixed = (x.copy() for x in self)
        better = others.value < value[where]
        value[where] = np.minimum(value[where], others.value)
        mu_hat[where] = np.where(better[:, 0], others.mu_hat, mu_hat[where])
        fixed[where] = np.where(better[:, 1:], others.fixed, fixed[where])
        return _Fits(value, mu_hat, fixed)

    def failed(self) -> np.ndarray:
        """Toys (n,) without one of the fits, or with a free one above the fixed one."""
        with np.errstate(invalid="ignore"):  # where both fits failed
            gap = self.value[:, 1] - self.value[:, 0]
            return ~np.isfinite(gap) | (gap < -_ABOVE * (1 + np.abs(self.value[:, 0])))


def _fitted(model: Model, toys: np.ndarray, setup: FitSetup, start: np.ndarray, mu: float) -> _Fits:
    """Fits of n toys from one start each (n, P)."""
    many = model.config.npars > _LARGE and len(toys) > _MANY
    fits = _compiled_fits if many else fit_toys
    # A program is compiled for batches of one size only.
    return _Fits(
        *in_batches(lambda k: fits(model, toys[k], setup, start[k], mu), len(toys), _BATCH, many)
    )


def _fit_toys(
    model: Model,
    toys: Float[Array, "N D"],
    setup: FitSetup,
    start: Float[Array, "N P"],
    mu: Array,
) -> tuple[Float[Array, "N 2"], Float[Array, " N"], Float[Array, "N P"]]:
    """-ln L of the free fit and of that at ``mu``, POI of the former, parameters of the latter."""
    poi, count, xp = require_poi(model), len(toys), namespace(model, toys, setup, start, mu)
    both = [setup, setup.fixing(poi, mu)]
    found = descend(
        model.prepare(),
        xp.concatenate([toys, toys]),
        xp.concatenate([s.held_at(start) for s in both]),
        setup.lower,
        setup.upper,
        xp.repeat(xp.stack([s.free for s in both]), count, axis=0),
    )
    return found.value.reshape(2, count).T, found.pars[:count, poi], found.pars[count:]


fit_toys = compiled_if_traced()(_fit_toys)
_compiled_fits = jax.jit(_fit_toys)
