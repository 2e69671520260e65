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
from hone.likelihood.infer.common_metric import CommonMetric
from hone.likelihood.infer.minimum import descend
from hone.likelihood.infer.setup import FitSetup, require_poi, starts_of

__all__ = [
    "SAME", "fit_toys", "sample_toys", "toy_deviances", "toy_ratios", "toy_statistics",
]  # fmt: skip

_BATCH, _COMPILED = 4096, 256
"""Fits of toys in one call, of NumPy and of JAX's programs: enough to keep the processor busy, few
enough for its memory."""
_SIDE_BY_SIDE = 30_000
"""Parameters of toys that take their steps without a Hessian side by side, for its memory."""
_PILOT = 256
"""Toys that are fitted from all starts, to know which ones the others need."""
_LARGE, _MANY = 64, 500
"""Parameters and toys above which JAX's fits are faster than NumPy's, in spite of compiling."""
SAME = 1e-7
"""Difference of test statistics that counts as rounding: -ln L is accurate to about 1e-10."""
_ACCURACY, _NEAR = 1e-9, 1e-11
"""Expected decrease of -ln L in the last step of a toy's fit, with a Hessian and without."""
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
    minimum each, the truth is enough, and mostly the Hessian that is expected there: with 95 %
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
    both = setup, setup.fixing(require_poi(model), mu)
    metrics = [_metric(model, s, np.asarray(truth)) for s in both]
    every = np.full(len(starts), True)

    def fitted(todo: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """-ln L of fits of n toys from S starts (S, n, #2, P): (S, n, 2); keeps what is lower."""
        nonlocal best
        if not (len(starts) and len(todo)):
            return np.empty((len(starts), len(todo), 2))
        rows = np.tile(todo, len(starts))
        begin = np.broadcast_to(starts, (*starts.shape[:2], 2, starts.shape[-1]))
        begin = begin.reshape(len(rows), 2, -1)
        found = _fitted(model, toys[rows], setup, metrics, begin, mu)
        for k in range(0, len(rows), len(todo)):
            best = best.with_lower(todo, _Fits(*(x[k : k + len(todo)] for x in found)))
        return found.value.reshape(len(starts), len(todo), 2)

    def from_each(chosen: np.ndarray, todo: np.ndarray) -> np.ndarray:
        return np.repeat(starts[chosen][:, None, None], len(todo), axis=1)

    first, rest = np.split(np.arange(len(toys)), [_PILOT])
    needed = _needed(fitted(first, from_each(every, first)))
    if needed.sum() > 1:
        # Hessians of their own lead to the nearest minimum more often.
        metrics = []
        needed = _needed(fitted(first, from_each(every, first)))
    fitted(rest, from_each(needed, rest))
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
    best = np.full(len(toys), np.inf)
    metric = _metric(model, setup, np.asarray(setup.start))
    # Without normal constraints the starts are the same.
    starts: Any = setup.held_at(starts_of(model, setup))
    for start in np.unique(starts, axis=0):
        begin, found, near = _approached(metric, toys, np.tile(start, (len(toys), 1)))
        rest = np.flatnonzero(~near)
        found[rest] = _others(model, toys[rest], setup, begin[rest])
        best = np.minimum(best, found)
    return np.where(np.isfinite(best), 2 * np.maximum(best, 0.0), np.nan)


def _others(model: Model, toys: np.ndarray, setup: FitSetup, start: np.ndarray) -> np.ndarray:
    """-ln L of free fits with Hessians of their own (n,), infinite where one failed."""
    if not len(toys):
        return np.empty(0)
    many = model.config.npars > _LARGE and len(toys) > _MANY
    lowest = _compiled_lowest if many else _lowest_of_numbers
    (found,) = in_batches(
        lambda k: (lowest(model, toys[k], setup, start[k]),), len(toys), *_batches(many)
    )
    return found


def _batches(many: bool) -> tuple[int, bool, int]:
    """Their size, whether they are filled up, and how many run at once.

    Programs run on several processors, NumPy's fits on one.
    """
    if not many:
        return _BATCH, False, 1
    return _COMPILED, True, _threads()


def _threads() -> int:
    """As many as XLA uses (``NPROC``), else as processors that this process may use.

    All of the machine's where the system does not tell.
    """
    if given := os.environ.get("NPROC"):
        return int(given)
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


def _metric(model: Model, setup: FitSetup, truth: np.ndarray) -> CommonMetric:
    """Of fits to toys that are drawn at the ``truth`` (P,)."""
    known = jax.tree.map(np.asarray, (model, setup))
    return CommonMetric.at(known[0].prepare(), known[1], truth)


def _approached(
    metric: CommonMetric, toys: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fits of n toys from their starts (n, P), by :meth:`.CommonMetric.approach`."""
    together = max(_SIDE_BY_SIDE // start.shape[1], 1)
    found = in_batches(
        lambda k: metric.approach(toys[k], start[k], _NEAR), len(toys), together, False, _threads()
    )
    return found[0], found[1], found[2]


def _fitted(
    model: Model,
    toys: np.ndarray,
    setup: FitSetup,
    metrics: list[CommonMetric],
    start: np.ndarray,
    mu: float,
) -> _Fits:
    """Fits of n toys, each from the starts of its two (n, 2, P).

    By the metrics of the two, where these are given and enough; else from where they lead, each
    with Hessians of its own, compiled for many.
    """
    poi, begin, near = require_poi(model), start, np.zeros((len(toys), 2), dtype=bool)
    value = np.full(near.shape, np.inf)
    if metrics:
        parts = [_approached(metric, toys, start[:, k]) for k, metric in enumerate(metrics)]
        begin, value, near = (np.stack(x, axis=1) for x in zip(*parts, strict=True))
    found = _Fits(value, begin[:, 0, poi].copy(), begin[:, 1].copy())
    rest = np.flatnonzero(~near.all(axis=1))
    if not len(rest):
        return found
    many = model.config.npars > _LARGE and len(rest) > _MANY
    fits = _compiled_fits if many else fit_toys
    # A program is compiled for batches of one size only.
    others = in_batches(
        lambda k: fits(model, toys[rest[k]], setup, begin[rest[k]], mu), len(rest), *_batches(many)
    )
    for array, new in zip(found, others, strict=True):
        array[rest] = new
    return found


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


fit_toys = compiled_if_traced()(_fit_toys)
_compiled_fits = jax.jit(_fit_toys)


def _lowest(
    model: Model, toys: Float[Array, "N D"], setup: FitSetup, start: Float[Array, "N P"]
) -> Float[Array, " N"]:
    """-ln L of the free fits, infinite where one failed."""
    xp = namespace(model, toys, setup, start)
    free = xp.tile(setup.free, (len(toys), 1))
    found = descend(model.prepare(), toys, start, setup.lower, setup.upper, free)
    return found.value


_lowest_of_numbers = compiled_if_traced()(_lowest)
_compiled_lowest = jax.jit(_lowest)
