"""Test statistics of toys: pseudo-data drawn from the model, and fitted."""

import os
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from hone.likelihood.arrays import compiled_if_traced, namespace
from hone.likelihood.histfactory import Model
from hone.likelihood.infer.asymptotics import TestStatistic
from hone.likelihood.infer.batches import in_batches
from hone.likelihood.infer.implicit import covariance
from hone.likelihood.infer.minimum import descend
from hone.likelihood.infer.setup import FitSetup, require_poi, starts_of

__all__ = [
    "SAME", "fit_toys", "sample_toys", "toy_deviances", "toy_ratios", "toy_statistics",
]  # fmt: skip

_BATCH, _COMPILED = 4096, 256
"""Fits of toys in one call, of NumPy and of JAX's programs: enough to keep the processor busy, few
enough for its memory."""
_PILOT = 256
"""Toys that are fitted from all starts, to know which ones the others need."""
_LARGE, _MANY = 64, 500
"""Parameters and toys above which JAX's fits are faster than NumPy's, in spite of compiling."""
SAME = 1e-7
"""Difference of test statistics that counts as rounding: -ln L is accurate to about 1e-10."""
_ACCURACY = 1e-9
"""Expected decrease of -ln L in the last step of a toy's fit."""
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

    Args:
        model: the model.
        toys: pseudo-data (ntoys, D).
        setup: bounds and freedom of the parameters.
        mu: tested value of the POI.
        truth: parameters that the toys were drawn at (P,).
        test_stat: ``"qtilde"``, ``"q"`` or ``"q0"``.
    """
    t, mu_hat = toy_ratios(model, toys, setup, mu, truth)
    beyond = mu_hat < 0 if test_stat == "q0" else mu_hat > mu
    return np.where(beyond & np.isfinite(t), 0.0, t)


def toy_ratios(
    model: Model, toys: np.ndarray, setup: FitSetup, mu: float, truth: Any
) -> tuple[np.ndarray, np.ndarray]:
    """t = -2 ln of the profile likelihood ratio at POI ``mu``, and the best-fit POI of each toy.

    Both float64 (ntoys,); t is NaN where a fit failed. Arguments as for :func:`toy_statistics`.

    A likelihood can have several minima, mostly because of interpolated templates; a fit that
    misses the lowest makes t wrong. The first 256 toys are therefore fitted from the true
    parameters and from all starts of :meth:`.setup.FitSetup.starts`; the others from the truth, and
    from as few of these starts as find every minimum of the first toys. Where those have a single
    minimum each, the truth is enough, and the first step has the same Hessian for all: with 95 %
    confidence fewer than 1.2 % of the toys have a second minimum, and in fewer still is it the
    lower one.

    If a fit fails, or the free fit ends above the fixed one, all starts are tried. Then, and where
    there are several minima, the free fit also starts where the fixed one ended. A toy whose free
    fit is still above the fixed one has failed.
    """
    starts = np.concatenate([np.asarray(truth)[None], np.asarray(starts_of(model, setup))])
    # Without normal constraints they are the same.
    starts = starts[np.sort(np.unique(starts, axis=0, return_index=True)[1])]
    best = _Fits.none(len(toys), starts.shape[1])
    many = model.config.npars > _LARGE and len(toys) > _MANY

    def fitted(todo: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """-ln L of fits of n toys from S starts (S, n, #2, P): (S, n, 2); keeps what is lower."""
        nonlocal best
        if not (len(starts) and len(todo)):
            return np.empty((len(starts), len(todo), 2))
        every = np.tile(todo, len(starts))
        both = np.broadcast_to(starts, (*starts.shape[:2], 2, starts.shape[-1]))
        begin = both.reshape(len(every), 2, -1)
        found = _fitted(model, toys[every], setup, begin, mu, many)
        for k in range(0, len(every), len(todo)):
            best = best.with_lower(todo, _Fits(*(x[k : k + len(todo)] for x in found)))
        return found.value.reshape(len(starts), len(todo), 2)

    def from_each(chosen: np.ndarray, todo: np.ndarray) -> np.ndarray:
        return np.repeat(starts[chosen][:, None, None], len(todo), axis=1)

    first, rest = np.split(np.arange(len(toys)), [_PILOT])
    needed = _needed(fitted(first, from_each(np.full(len(starts), True), first)))
    begin = from_each(needed, rest)
    if needed.sum() == 1 and len(rest):
        # Wherever a fit starts it ends in the same minimum.
        both = setup, setup.fixing(require_poi(model), mu)
        start, threads = np.asarray(truth), _batches(many)[-1]

        def steps(k: np.ndarray) -> tuple[np.ndarray, ...]:
            return tuple(_first_step(model, toys[rest[k]], s, start) for s in both)

        begin = np.stack(in_batches(steps, len(rest), _COMPILED, False, threads), axis=1)[None]
    fitted(rest, begin)
    failed = rest[best.failed()[rest]]
    fitted(failed, from_each(~needed, failed))
    # At the end of the fixed fit the free one cannot be above it.
    doubtful = best.failed() | (needed.sum() > 1)
    todo = np.flatnonzero(doubtful & np.isfinite(best.value[:, 1]))
    fitted(todo, best.fixed[None, todo, None])
    failed = best.failed()
    free, fixed = np.where(failed[:, None], 0.0, best.value).T
    return np.where(failed, np.nan, 2 * np.maximum(fixed - free, 0.0)), best.mu_hat


def _needed(values: np.ndarray) -> np.ndarray:
    """The starts (S,) from which every minimum is found: the first and, greedily, few others.

    Args:
        values: -ln L where n toys' two fits ended from each start (S, n, 2), infinite for failures.
    """
    with np.errstate(invalid="ignore"):  # where fits failed
        same = np.abs(values[:, None] - values) < SAME
    # What start s finds of what start k has found, [s, k]; nothing has to be found of a failure.
    finds = same | ~np.isfinite(values)
    needed, missing = np.arange(len(values)) == 0, ~finds[0]
    while missing.any():
        best = int(np.argmax((finds & missing).sum(axis=(1, 2, 3))))
        needed[best] = True
        missing &= ~finds[best]
    return needed


def toy_deviances(model: Model, toys: np.ndarray, setup: FitSetup) -> np.ndarray:
    """-2 ln L of the best fit of each toy, relative to the saturated model, float64 (ntoys,).

    The lowest of the fits from all starts of :meth:`.setup.FitSetup.starts`, as there may be
    several minima; NaN where none converged.

    Args:
        model: the model.
        toys: pseudo-data (ntoys, D).
        setup: start, where the toys were drawn, bounds and freedom of the parameters.
    """
    many = model.config.npars > _LARGE and len(toys) > _MANY
    lowest = _compiled_lowest if many else _lowest_of_numbers
    best = np.full(len(toys), np.inf)
    # Without normal constraints the starts are the same.
    starts: Any = setup.held_at(starts_of(model, setup))
    for start in np.unique(starts, axis=0):
        (found,) = in_batches(
            lambda k, s=start: (lowest(model, toys[k], setup, s),), len(toys), *_batches(many)
        )
        best = np.minimum(best, found)
    return np.where(np.isfinite(best), 2 * np.maximum(best, 0.0), np.nan)


def _batches(many: bool) -> tuple[int, bool, int]:
    """Their size, whether they are filled up, and how many run at once.

    Programs run on as many processors as XLA uses (``NPROC``, else those that the process may use),
    NumPy's fits on one.
    """
    if not many:
        return _BATCH, False, 1
    return _COMPILED, True, int(os.environ.get("NPROC") or _processors())


def _processors() -> int:
    """How many this process may use; all of the machine's where the system does not tell."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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


def _fitted(
    model: Model, toys: np.ndarray, setup: FitSetup, start: np.ndarray, mu: float, many: bool
) -> _Fits:
    """Fits of n toys, each from the starts of its two (n, #2, P); compiled for ``many``."""
    fits = _compiled_fits if many else fit_toys
    # A program is compiled for batches of one size only.
    return _Fits(
        *in_batches(lambda k: fits(model, toys[k], setup, start[k], mu), len(toys), *_batches(many))
    )


def _fit_toys(
    model: Model,
    toys: Float[Array, "N D"],
    setup: FitSetup,
    start: Float[Array, "N #2 P"],
    mu: Array,
) -> tuple[Float[Array, "N 2"], Float[Array, " N"], Float[Array, "N P"]]:
    """-ln L of the free fit and of that at ``mu``, POI of the former, parameters of the latter."""
    poi, count, xp = require_poi(model), len(toys), namespace(model, toys, setup, start, mu)
    both = [setup, setup.fixing(poi, mu)]
    found = descend(
        model.prepare(),
        xp.concatenate([toys, toys]),
        xp.concatenate([both[0].held_at(start[:, 0]), both[1].held_at(start[:, -1])]),
        setup.lower,
        setup.upper,
        xp.repeat(xp.stack([s.free for s in both]), count, axis=0),
        accuracy=_ACCURACY,
    )
    return found.value.reshape(2, count).T, found.pars[:count, poi], found.pars[count:]


@compiled_if_traced()
def _first_step(
    model: Model, toys: Float[Array, "N D"], setup: FitSetup, start: Float[Array, " P"]
) -> Float[Array, "N P"]:
    """Starts after one step, with the Hessian expected at ``start``, which is that of all toys.

    A toy stays at ``start`` where -ln L would not fall.
    """
    likelihood, start, xp = model.prepare(), setup.held_at(start), namespace(model, toys, start)
    expected = likelihood.expected_data(start)
    at = likelihood.expansion(start, expected)
    inverse, _ = covariance(likelihood, start, expected, setup.free > 0)
    step = -likelihood.gradient(start, toys, at.rates, at.jacobian) @ inverse
    # As in a fit, parameters with a Poisson constraint shrink to a tenth at most.
    low = xp.where(model.layout.poisson_par, xp.maximum(setup.lower, 0.1 * start), setup.lower)
    trial = xp.clip(start + step, low, setup.upper)
    better = likelihood.nll(trial, toys) < likelihood.nll(start, toys)
    found: Any = xp.where(better[:, None], trial, start)
    return found


fit_toys = compiled_if_traced()(_fit_toys)
_compiled_fits = jax.jit(_fit_toys)


def _lowest(
    model: Model, toys: Float[Array, "N D"], setup: FitSetup, start: Float[Array, " P"]
) -> Float[Array, " N"]:
    """-ln L of the free fits from one start, infinite where one failed."""
    xp, shape = namespace(model, toys, setup, start), (len(toys), 1)
    found = descend(
        model.prepare(), toys, xp.tile(start, shape), setup.lower, setup.upper,
        xp.tile(setup.free, shape),
    )  # fmt: skip
    return found.value


_lowest_of_numbers = compiled_if_traced()(_lowest)
_compiled_lowest = jax.jit(_lowest)
