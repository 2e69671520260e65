"""Many fits by NumPy: those that have ended make room, and starts of one fit go on as one."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from hone.likelihood.histfactory.arrow import Arrow
from hone.likelihood.histfactory.likelihood import Likelihood
from hone.likelihood.histfactory.poisson import BARRIER
from hone.likelihood.infer.minima import Minima, Reason

__all__ = ["in_turns"]

_ELEMENTS = 250_000
"""Size of the largest arrays in NumPy's fits, for the processor's cache."""
_FITS = 4096
"""Most of NumPy's fits at once."""
_FEW, _LONG = 30, 3
"""A start is given up if another one of the same fit converged in a third of its iterations; never
before the first number of iterations."""
_NEAR, _SMALL = 1e-3, 0.1
"""Squared distance of two points, in units of the curvatures, and the expected decrease of -ln L in
the step to them, below which fits go on as one."""
_ALIKE = 0.1
"""Relative difference below which the expansion at a minimum explains -ln L and its slope."""


def in_turns(
    body: Callable[[Any, Likelihood, Array, Array], Any],
    begun: Callable[[Array, Array], Any],
    ended: Callable[[Any, Array, Array], Minima],
    likelihood: Likelihood,
    starts: int,
    data: Array,
    start: Array,
    free: Array,
    wanted: Array,
) -> Minima:
    """Iterate by NumPy; fits that have ended leave, and others take their places."""
    split, layout = likelihood.layout.split, likelihood.layout
    size = len(split.shared) * max(layout.total_bins, split.power[0].size)
    together = starts * max(min(_ELEMENTS // size, _FITS) // starts, 1)
    leaders = Leaders(len(data) // starts, start.shape[1])
    fits = np.arange(min(together, len(start)))
    state, waiting = begun(start[fits], wanted[fits]), len(fits)
    here = likelihood.of_fits(fits), data[fits], free[fits]
    parts: list[tuple[np.ndarray, Any]] = []
    while len(fits):
        of = fits // starts
        leaders.follow(state.converged, state.iteration, of)
        given_up = state.iteration >= np.maximum(_LONG * leaders.ended[of], _FEW)
        under_way = state.under_way() & ~given_up
        if starts > 1:
            # Only fits under way, without damping or a high barrier, where -ln L curves upwards.
            plain = (state.damping <= 1e-2) & ~state.scored & (state.barrier == BARRIER)
            sides = np.where(layout.kinked, state.side, 1.0)
            joined = under_way & leaders.joined(
                state.trial, state.at.hessian, sides,
                np.where(plain & under_way, state.decrease, np.inf), state.converged, of,
            )  # fmt: skip
            if not state.at.hessian.small:
                # Else what is tested costs no less than to go on.
                here_too = np.flatnonzero(under_way & ~joined & plain)
                joined |= leaders.arrived(state, sides, here_too, of)
            reason: Any = np.where(joined, int(Reason.JOINED), state.reason)
            state, under_way = state._replace(reason=reason), under_way & ~joined
        if not under_way.all():
            (gone,), (stay,) = (~under_way).nonzero(), under_way.nonzero()
            nothing: Any = None
            at = state.at._replace(hessian=nothing, jacobian=nothing, across=nothing)
            short = state._replace(at=at, trial=nothing, side=nothing)
            parts.append((fits[gone], jax.tree.map(lambda x, gone=gone: x[gone], short)))
            state, fits = jax.tree.map(lambda x, stay=stay: x[stay], state), fits[stay]
            room = (together - len(fits)) // starts * starts
            if waiting < len(start) and 2 * room >= together:
                new = np.arange(waiting, min(waiting + room, len(start)))
                fits, waiting = np.append(fits, new), waiting + len(new)
                more = begun(start[new], wanted[new])
                state = jax.tree.map(lambda *x: np.concatenate(x), state, more)
            here = likelihood.of_fits(fits), data[fits], free[fits]
        if len(fits):
            state = body(state, *here)
    places, last = zip(*parts, strict=True)
    order = np.argsort(np.concatenate(places))
    return ended(jax.tree.map(lambda *x: np.concatenate(x)[order], *last), data, free)


class Leaders:
    """Of each of F fits, the start that is closest to its end, or ended first (by NumPy)."""

    def __init__(self, fits: int, parameters: int) -> None:
        self.pars = np.full((fits, parameters), np.nan)
        self.sides, self.metric = np.ones_like(self.pars), np.ones_like(self.pars)
        self.ended = np.full(fits, np.iinfo(int).max // 4)
        """Iterations of the start that ended first (F,)."""
        self.minima: list[tuple[int, _Minimum]] = []
        """Found so far, each with its fit, of fits that have starts under way."""

    def follow(self, converged: Any, iteration: Any, of: np.ndarray) -> None:
        """Note which starts, of the fits ``of`` (L,), have converged."""
        if converged.any():
            np.minimum.at(self.ended, of[converged], iteration[converged])

    def joined(
        self, trial: Any, hessian: Arrow, sides: Any, decrease: Any, converged: Any, of: np.ndarray
    ) -> np.ndarray:
        """Which starts (L,), of the fits ``of`` (L,), go on as the one that leads.

        Args:
            trial: where the next step ends (L, P).
            hessian: of each.
            sides: of kinks; they have to be the same (L, P).
            decrease: expected of -ln L in that step (L,), infinite for one that is not Newton's.
            converged: starts that have ended (L,), just now.
            of: the fit of each start.
        """
        rank = np.where(converged, -1.0, decrease)
        if not (rank < _SMALL).any():
            return np.zeros(len(of), dtype=bool)
        order = np.lexsort((rank, of))
        lead = order[np.unique(of[order], return_index=True)[1]]
        lead = lead[(rank[lead] < _SMALL) & np.isnan(self.pars[of[lead]]).any(axis=1)]
        at = of[lead]
        self.pars[at], self.sides[at] = trial[lead], sides[lead]
        self.metric[at] = np.abs(hessian.diagonal[lead])
        distance = ((trial - self.pars[of]) ** 2 * self.metric[of]).sum(axis=1)
        found: np.ndarray = (distance < _NEAR) & (decrease < _SMALL) & ~converged
        found &= (sides == self.sides[of]).all(axis=1)
        found[lead] = False
        # One that has not ended may turn elsewhere.
        self.pars[at[~converged[lead]]] = np.nan
        return found

    def arrived(self, state: Any, sides: Any, others: np.ndarray, of: np.ndarray) -> np.ndarray:
        """Which starts (L,) are where a minimum of the same fit is already known.

        Args:
            state: of the search, with starts that have just converged.
            sides: of kinks (L, P); they have to be the same.
            others: places of starts that may be there, whose next step is Newton's.
            of: the fit of each start (L,).
        """
        found = np.zeros(len(of), dtype=bool)
        # With a force across the way, -ln L may fall further than that minimum.
        others = others[state.decrease[others] < _SMALL]
        self.minima = [known for known in self.minima if (of == known[0]).any()]
        for k in np.flatnonzero(state.converged):
            hessian = jax.tree.map(lambda x, k=k: x[k], state.at.hessian)
            new = _Minimum(state.x[k], state.at.value[k], state.at.gradient[k], hessian, sides[k])
            self.minima.append((of[k], new))
        for fit, minimum in self.minima:
            for k in others[of[others] == fit]:
                here = state.x[k], state.at.value[k], state.at.gradient[k]
                found[k] |= (sides[k] == minimum.sides).all() and minimum.explains(*here)
        return found


class _Minimum(NamedTuple):
    """Where a start has ended, with the expansion of -ln L there."""

    x: Float[Array, " P"]
    value: float
    gradient: Float[Array, " P"]
    hessian: Arrow
    sides: Float[Array, " P"]

    def explains(self, x: Any, value: Any, gradient: Any) -> bool:
        """Whether -ln L and its slope along the way are what the expansion here gives.

        The way is short: within half a standard deviation.
        """
        rise = value - self.value
        if not 0 <= rise < _SMALL:
            return False
        way = x - self.x
        first, second = self.gradient @ way, self.hessian.times(way) @ way
        expected, slope = first + 0.5 * second, first + second
        alike = abs(rise - expected) < _ALIKE * expected
        return bool(alike and abs(gradient @ way - slope) < _ALIKE * slope)
