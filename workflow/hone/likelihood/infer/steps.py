"""One step of a fit between bounds."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Bool, Float

from hone.likelihood.arrays import namespace
from hone.likelihood.histfactory.arrow import Arrow
from hone.likelihood.histfactory.few_bins import FewBins

__all__ = ["choose", "moving_of", "newton_step", "replaced"]

_ACTIVE_SETS = 10
"""Sets of parameters at bounds that are tried for one step."""


class _ActiveSet(NamedTuple):
    """The search for a step within bounds; the last three are its results."""

    going_on: Bool[Array, " L"]
    moving: Bool[Array, "L P"]
    held: Float[Array, "L P"]
    """Steps of what does not move, zero for others."""
    step: Float[Array, "L P"]
    decrease: Float[Array, " L"]
    """Expected of -ln L; NaN where the matrix is not positive definite in what moves."""


def newton_step(
    gradient: Float[Array, "L P"],
    hessian: Arrow,
    information: Callable[[Any], Arrow | FewBins],
    damping: Float[Array, " L"],
    free: Float[Array, "L P"],
    low: Float[Array, "L P"],
    high: Float[Array, "L P"],
) -> tuple[Float[Array, "L P"], Float[Array, " L"], Bool[Array, " L"]]:
    """Damped step between ``low`` and ``high``, expected decrease of -ln L, whether it is scored.

    The step is where the expansion of -ln L to second order is lowest within these bounds: what
    goes beyond one is held there and the others are solved for again, and what the others pull
    inwards is released (a primal-dual active set: Hintermueller, Ito, Kunisch, SIAM J. Optim. 13
    (2002) 865). Where the Hessian is not positive definite it is replaced by the ``information``
    of the fits at some places.
    """
    xp, every = namespace(gradient, damping, low), (gradient, damping, free, low, high)
    if xp is np:
        step, decrease = _step_of_numbers(hessian, *every)
        scored = ~(decrease >= 0)
        if scored.any():
            some = np.flatnonzero(scored)
            found = _step_of_numbers(information(some), *(x[some] for x in every), scoring=True)
            step[some], decrease[some] = found
        return step, decrease, scored

    def body(state: tuple[Any, Arrow, Any, _ActiveSet]) -> tuple[Any, Arrow, Any, _ActiveSet]:
        turn, matrix, scored, known = state
        known = _next_set(
            known,
            partial(matrix.solve, damping=damping),
            matrix.times,
            gradient, free, low, high,
        )  # fmt: skip
        # Scoring begins again, from nothing held.
        again = ~scored & ~(known.decrease >= 0)
        new = _first_set(gradient, free, low, high)
        matrix = jax.lax.cond(
            again.any(),
            lambda: jax.tree.map(partial(choose, again), information(slice(None)), matrix),
            lambda: matrix,
        )
        known = _ActiveSet(
            known.going_on | again,
            choose(again, new.moving, known.moving),
            choose(again, new.held, known.held),
            known.step,
            known.decrease,
        )
        return turn + 1, matrix, scored | again, known

    first = _first_set(gradient, free, low, high)
    _, _, scored, state = jax.lax.while_loop(
        lambda state: state[-1].going_on.any() & (state[0] < _ACTIVE_SETS),
        body,
        (0, hessian, damping < 0, first),
    )
    return state.step, state.decrease, scored


def _step_of_numbers(
    matrix: Arrow | FewBins,
    gradient: Array,
    damping: Array,
    free: Array,
    low: Array,
    high: Array,
    *,
    scoring: bool = False,
) -> tuple[Any, Any]:
    """Steps and expected decreases by NumPy; NaN where the matrix is not positive definite.

    The search for an active set ends where -ln L would rise, as the information replaces the
    matrix there; with ``scoring`` it is the information, and the search goes on to its end.
    """
    every = np.stack([gradient, free, low, high])
    split, solver = matrix.layout.split, matrix.solver(damping)
    if not matrix.small:
        every = every.take(split.order, axis=-1)
    places = np.arange(len(low))
    found = state = _first_set(*every)
    for _ in range(_ACTIVE_SETS):
        state = _next_set(state, solver.solve, solver.times, *every)
        if len(places) == len(low):
            found = state
        else:
            found.step[places], found.decrease[places] = state.step, state.decrease
        (here,) = (state.going_on & (scoring | (state.decrease >= 0))).nonzero()
        if not len(here):
            break
        if len(here) < len(places):
            state = state._replace(moving=state.moving[here], held=state.held[here])
            every, solver, places = every[:, here], solver.at(here), places[here]
    return found.step if matrix.small else found.step[:, split.place], found.decrease


def _first_set(gradient: Array, free: Array, low: Array, high: Array) -> _ActiveSet:
    """Held is what the gradient pushes against a bound."""
    xp = namespace(gradient)
    zero = xp.zeros_like(gradient)
    moving = moving_of(zero, gradient, low, high, free)
    every = xp.ones(len(zero), dtype=bool)
    return _ActiveSet(every, moving, zero, zero, zero[:, 0])


def _next_set(
    known: _ActiveSet,
    solve: Callable[[Array, Array], Array],
    times: Callable[[Array], Array],
    gradient: Array,
    free: Array,
    low: Array,
    high: Array,
) -> _ActiveSet:
    """The step with the known set, and the set that follows."""
    xp = namespace(gradient, low)
    moving, held = known.moving, known.held
    still = xp is np and not held.any()
    step = held - solve(gradient if still else gradient + times(held), moving)
    slope = gradient + times(step)
    decrease = -0.5 * (step * (gradient + slope)).sum(axis=1)
    beyond = moving & ((step < low) | (step > high))
    held = xp.where(beyond, xp.minimum(xp.maximum(step, low), high), held)
    released = ~moving & (free > 0) & xp.where(held <= low, slope < 0, slope > 0)
    now = (moving & ~beyond) | released
    changed = (now != moving).any(axis=1)
    return _ActiveSet(changed, now, xp.where(now, 0.0, held), step, decrease)


def moving_of(
    x: Float[Array, "*L P"],
    gradient: Float[Array, "*L P"],
    lower: Float[Array, " P"],
    upper: Float[Array, " P"],
    free: Float[Array, "*L P"],
) -> Bool[Array, "*L P"]:
    """Parameters that are free and not pushed against a bound."""
    held = ((x <= lower) & (gradient > 0)) | ((x >= upper) & (gradient < 0))
    return (free > 0) & ~held


def choose(condition: Bool[Array, " L"], yes: Array, no: Array | float) -> Array:
    """``where`` over the fits, the first axis of all arrays."""
    return namespace(condition, yes).where(condition.reshape(-1, *[1] * (yes.ndim - 1)), yes, no)


def replaced(condition: Bool[Array, " L"], new: Array, old: Array) -> Array:
    """``new``, which NumPy changes in place, with what is ``old`` where the condition holds.

    Unlike in :func:`choose` the array that is kept comes last.
    """
    if not isinstance(new, np.ndarray):
        return choose(condition, old, new)
    if condition.any():
        new[condition] = old[condition]
    return new
