"""One step of a fit between bounds, and starts of one fit that go on as one."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from hone.likelihood.arrays import cond, namespace
from hone.likelihood.histfactory.split import Arrow

__all__ = ["Leaders", "choose", "moving_of", "newton_step"]

_ACTIVE_SETS = 10
"""Sets of parameters at bounds that are tried for one step."""
_NEAR, _SMALL = 1e-3, 0.1
"""Squared distance of two points, in units of the curvatures, and the expected decrease of -ln L in
the step to them, below which fits go on as one."""


class _ActiveSet(NamedTuple):
    """The search for a step within bounds; the last three are its results."""

    going_on: Bool[Array, " L"]
    matrix: Arrow
    moving: Bool[Array, "L P"]
    held: Float[Array, "L P"]
    """Steps of what does not move, zero for others."""
    step: Float[Array, "L P"]
    decrease: Float[Array, " L"]
    scored: Bool[Array, " L"]


def newton_step(
    gradient: Float[Array, "L P"],
    hessian: Arrow,
    information: Callable[[Any], Arrow],
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
    xp = namespace(gradient, damping, low)
    every = (gradient, damping, free, low, high)

    def body(state: _ActiveSet, fits: tuple[Array, ...], places: Any) -> _ActiveSet:
        gradient, damping, free, low, high = fits
        _, matrix, moving, held, _, _, scored = state
        step = held - matrix.solve(gradient + matrix.times(held), moving, damping)
        slope = gradient + matrix.times(step)
        decrease = -0.5 * (step * (gradient + slope)).sum(axis=1)
        # Scoring begins again, from nothing held.
        again = ~scored & ~(decrease >= 0)

        def scoring() -> Arrow:
            if xp is jnp:
                return jax.tree.map(partial(choose, again), information(places), matrix)
            if again.all():
                return information(places)
            replaced: Arrow = jax.tree.map(np.copy, matrix)
            every = jax.tree.leaves(replaced), jax.tree.leaves(information(places[again]))
            for whole, part in zip(*every, strict=True):
                whole[again] = part
            return replaced

        beyond = moving & ((step < low) | (step > high))
        held = xp.where(beyond, xp.clip(step, low, high), held)
        released = ~moving & (free > 0) & xp.where(held <= low, slope < 0, slope > 0)
        first = moving_of(xp.zeros_like(step), gradient, low, high, free)
        now = choose(again, first, (moving & ~beyond) | released)
        return _ActiveSet(
            again | (now != moving).any(axis=1),
            cond(xp, again.any(), scoring, lambda: matrix),
            now,
            xp.where(now, 0.0, held),
            step,
            decrease,
            scored | again,
        )

    zero, first = xp.zeros_like(gradient), moving_of(0 * gradient, gradient, low, high, free)
    no = damping < 0
    state = _ActiveSet(~no, hessian, first, zero, zero, damping, no)
    if xp is jnp:
        _, state = jax.lax.while_loop(
            lambda turn: turn[1].going_on.any() & (turn[0] < _ACTIVE_SETS),
            lambda turn: (turn[0] + 1, body(turn[1], every, slice(None))),
            (0, state),
        )
        return state.step, state.decrease, state.scored
    places = np.arange(len(low))
    found = state = body(state, every, places)
    for _ in range(_ACTIVE_SETS - 1):
        here = np.flatnonzero(state.going_on)
        if not len(here):
            break
        if len(here) < len(places):
            state, every = jax.tree.map(lambda x, here=here: x[here], (state, every))
            places = places[here]
        state = body(state, every, places)
        for whole, part in zip(found[4:], state[4:], strict=True):
            whole[places] = part
    return found.step, found.decrease, found.scored


class Leaders:
    """Of each of F fits, the start that is closest to its end, or ended first (by NumPy)."""

    def __init__(self, fits: int, parameters: int) -> None:
        self.pars = np.full((fits, parameters), np.nan)
        self.sides, self.metric = np.ones_like(self.pars), np.ones_like(self.pars)
        self.ended = np.full(fits, np.iinfo(int).max // 4)
        """Iterations of the start that ended first (F,)."""

    def follow(self, converged: Any, iteration: Any, of: np.ndarray) -> None:
        """Note which starts, of the fits ``of`` (L,), have converged."""
        np.minimum.at(self.ended, of[converged], iteration[converged])

    def joined(
        self, trial: Any, curvature: Any, sides: Any, decrease: Any, converged: Any, of: np.ndarray
    ) -> np.ndarray:
        """Which starts (L,), of the fits ``of`` (L,), go on as the one that leads.

        Args:
            trial: where the next step ends (L, P).
            curvature: diagonal of the Hessian (L, P).
            sides: of kinks; they have to be the same (L, P).
            decrease: expected of -ln L in that step (L,), infinite for one that is not Newton's.
            converged: starts that have ended (L,), just now.
            of: the fit of each start.
        """
        rank = np.where(converged, -1.0, decrease)
        order = np.lexsort((rank, of))
        lead = order[np.unique(of[order], return_index=True)[1]]
        lead = lead[(rank[lead] < _SMALL) & np.isnan(self.pars[of[lead]]).any(axis=1)]
        at = of[lead]
        self.pars[at], self.sides[at] = trial[lead], sides[lead]
        self.metric[at] = np.abs(curvature[lead])
        distance = ((trial - self.pars[of]) ** 2 * self.metric[of]).sum(axis=1)
        found: np.ndarray = (distance < _NEAR) & (decrease < _SMALL) & ~converged
        found &= (sides == self.sides[of]).all(axis=1)
        found[lead] = False
        # One that has not ended may turn elsewhere.
        self.pars[at[~converged[lead]]] = np.nan
        return found


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
