"""Many fits of similar data: the way to their minima without their Hessians.

A quasi-Newton method with limited memory (L-BFGS: Nocedal, Math. Comput. 35 (1980) 773). Its first
metric is the covariance that is expected where the data come from: each fit has to learn only what
differs from that. All fits make their steps side by side; -ln L and its gradient cost a small part
of what a Hessian and its factor do.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from hone.likelihood.histfactory.likelihood import Likelihood
from hone.likelihood.histfactory.slopes import Slopes
from hone.likelihood.infer.implicit import covariance
from hone.likelihood.infer.setup import FitSetup
from hone.likelihood.infer.steps import choose, moving_of

__all__ = ["CommonMetric"]

_MEMORY = 10
"""Steps that are remembered."""
_STEPS = 40
_HELD = 100
"""Most parameters of a fit that bounds may hold: their forces are solved for."""
_ROOM = 0.2
"""Part of the fits under way that have ended when they make room."""


class _State(NamedTuple):
    """L fits under way."""

    fit: Int[Any, " L"]
    x: Float[Any, "L P"]
    value: Float[Any, " L"]
    gradient: Float[Any, "L P"]
    memory: list[tuple[Any, np.ndarray, np.ndarray]]
    """Of the last steps: these, the changes of the gradient in them (L, P), and the inverse of
    their products (L,), zero for a step that says nothing."""
    length: Float[Any, " L"]
    """Of the next step, in units of the method's."""
    step: Float[Any, "L P"]
    decrease: Float[Any, " L"]
    """Expected of -ln L in the next step; NaN where bounds hold many parameters."""


@dataclass(frozen=True)
class CommonMetric:
    """A method of fits of one model whose data come from one truth."""

    setup: FitSetup
    slopes: Slopes | None
    """None where there is no such method: for a model with kinks."""
    metric: Float[Any, "P P"]
    """Covariance that is expected near the minima, zero for fixed parameters; NaN if singular."""

    @classmethod
    def at(cls, likelihood: Likelihood, setup: FitSetup, truth: Float[Any, " P"]) -> "CommonMetric":
        """With the covariance of the data that is expected at the truth."""
        start = setup.held_at(truth)
        if likelihood.layout.kinked.any():
            return cls(setup, None, np.full((len(start), len(start)), np.nan))
        # What is not selected by ``where`` may be infinite or NaN.
        with np.errstate(all="ignore"):
            expected = likelihood.expected_data(start)
            metric, _ = covariance(likelihood, start, expected, setup.free > 0)
        return cls(setup, Slopes(likelihood), metric)

    def approach(
        self,
        data: Float[Any, "L D"],
        start: Float[Any, "L P"],
        accuracy: float,
    ) -> tuple[Float[Any, "L P"], Float[Any, " L"], Bool[Any, " L"]]:
        """Where fits are after some steps, -ln L there, and whether it is a minimum.

        -ln L is nowhere above that at the start; infinite where that is not allowed. Fits that end
        at the edge of what rates may be, or at many bounds, do not come to an end.

        Args:
            data: bins and auxiliary data.
            start: where the fits begin.
            accuracy: expected decrease of -ln L in the next step at a minimum.
        """
        begin = self.setup.held_at(start)
        if self.slopes is None or not np.isfinite(self.metric).all():
            return begin, np.full(len(data), np.inf), np.zeros(len(data), dtype=bool)
        with np.errstate(all="ignore"):
            return _approach(self.slopes, data, self.setup, begin, self.metric, accuracy)


def _approach(
    slopes: Slopes,
    data: Float[Any, "L D"],
    setup: FitSetup,
    start: Float[Any, "L P"],
    metric: Float[Any, "P P"],
    accuracy: float,
) -> tuple[Float[Any, "L P"], Float[Any, " L"], Bool[Any, " L"]]:
    free = setup.free > 0
    poisson = slopes.layout.poisson_par

    def with_step(state: _State) -> _State:
        """The next step from where the fits are."""
        x, gradient = state.x, state.gradient
        moving = moving_of(x, gradient, setup.lower, setup.upper, setup.free)
        held: Any = free & ~moving
        many = held.sum(axis=1) > _HELD
        held[many] = False
        slope: Any = np.where(moving, gradient, 0.0)
        force, weights = slope, []
        for step, change, inverse in reversed(state.memory):
            weights.append(inverse * _products(step, force))
            force = force - weights[-1][:, None] * change
        found = _conditional(metric, np.where(moving, force, 0.0) @ metric, held, 0.0 * x)
        for (step, change, inverse), weight in zip(state.memory, reversed(weights), strict=True):
            found += (weight - inverse * _products(change, found))[:, None] * step
        found = np.where(moving, found, 0.0)
        decrease = 0.5 * _products(found, slope)
        lost = ~(decrease >= 0)
        if lost.any():
            # What is remembered may mislead.
            found[lost] = _conditional(metric, slope[lost] @ metric, held[lost], 0.0 * x[lost])
        # What goes beyond a bound is held there.
        room = setup.lower - x, setup.upper - x
        within = np.clip(-found, *room)
        held |= moving & (within != -found)
        many |= held.sum(axis=1) > _HELD
        held[many] = False
        found = _conditional(metric, -found, held, within)
        return state._replace(step=found, decrease=np.where(many, np.nan, decrease))

    def after(state: _State) -> _State:
        """Where the step leads, and what is learnt from it."""
        # As in a fit, parameters with a Poisson constraint shrink to a tenth at most.
        low = np.where(poisson, np.maximum(setup.lower, 0.1 * state.x), setup.lower)
        trial: Any = np.clip(state.x + state.length[:, None] * state.step, low, setup.upper)
        value, gradient = slopes(trial, data[state.fit])
        better: Any = (value <= state.value) & np.isfinite(gradient).all(axis=1)
        step: Any = trial - state.x
        change: Any = np.where(free, gradient - state.gradient, 0.0)
        product = _products(step, change)
        known: Any = better & (product > 0)
        inverse: Any = np.where(known, 1 / np.where(known, product, 1.0), 0.0)
        new: Any = choose(known, step, 0.0), choose(known, change, 0.0), inverse
        return state._replace(
            x=choose(better, trial, state.x),
            value=np.where(better, value, state.value),
            gradient=choose(better, gradient, state.gradient),
            memory=[*state.memory[1 - _MEMORY :], new],
            length=np.where(better, np.minimum(2 * state.length, 1.0), 0.4 * state.length),
        )

    value, gradient = slopes(start, data)
    ends, near = start.copy(), np.zeros(len(data), dtype=bool)
    allowed = np.isfinite(value) & np.isfinite(gradient).all(axis=1)
    values = np.where(allowed, value, np.inf)
    every: Any = np.arange(len(data))
    state = _State(every, start, value, gradient, [], 1 + 0 * value, start, value)
    state = jax.tree.map(lambda x: x[allowed], state)
    for _ in range(_STEPS):
        state = with_step(state)
        near[state.fit] = (state.decrease >= 0) & (state.decrease < accuracy)
        ends[state.fit], values[state.fit] = state.x, state.value
        ended = near[state.fit] | np.isnan(state.decrease)
        if ended.all():
            break
        if ended.mean() > _ROOM:
            state = jax.tree.map(lambda x, on=~ended: x[on], state)
        state = after(state)
    return ends, values, near


def _conditional(metric: Any, step: Any, held: Any, wanted: Any) -> Any:
    """Steps (L, P) by a metric, such that what is ``held``, of few, makes the ``wanted`` ones."""
    fit, par = held.nonzero()
    if not len(fit):
        return step
    count = held.sum(axis=1)
    # Each fit's in a row, which is filled up by what needs no force.
    place = np.arange(len(fit)) - (np.cumsum(count) - count)[fit]
    rows = np.full((len(step), count.max()), -1)
    rows[fit, place] = par
    both = (rows[:, :, None] >= 0) & (rows[:, None, :] >= 0)
    matrix = np.where(both, metric[rows[:, :, None], rows[:, None, :]], np.eye(rows.shape[1]))
    missing = np.zeros(rows.shape)
    missing[fit, place] = wanted[fit, par] - step[fit, par]
    force = np.zeros_like(step)
    force[fit, par] = np.linalg.solve(matrix, missing[..., None])[fit, place, 0]
    return np.where(held, wanted, step + force @ metric)


def _products(one: Any, two: Any) -> Any:
    return np.einsum("lp,lp->l", one, two)
