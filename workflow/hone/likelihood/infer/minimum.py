"""The minimum of a likelihood within bounds.

A damped Newton method on the parameters that are free and not held by a bound (projected
Newton: Bertsekas, SIAM J. Control Optim. 20 (1982) 221; damping: Marquardt, J. SIAM 11 (1963)
431); where -ln L does not curve upwards, with the expected information instead of the Hessian
(Fisher scoring). Many fits run side by side; each iteration evaluates the model once.
The search is never differentiated: :mod:`.implicit` gives its result a derivative.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from hone.likelihood.arrays import namespace
from hone.likelihood.histfactory.arrow import Arrow
from hone.likelihood.histfactory.expansion import Expansion
from hone.likelihood.histfactory.few_bins import FewBins
from hone.likelihood.histfactory.likelihood import Likelihood
from hone.likelihood.histfactory.poisson import BARRIER, EMPTY
from hone.likelihood.infer.minima import Minima, Reason
from hone.likelihood.infer.steps import choose, moving_of, newton_step, replaced
from hone.likelihood.infer.turns import in_turns

__all__ = ["descend"]

_MAX_ITERATIONS = 400
_TOLERANCE = 1e-20
"""Expected decrease of -ln L in the last step at which a fit has converged."""
_ROUNDING = 1e-13
_STALLED = 1e-15
"""Expected decrease that rounding prevents, if parameters are degenerate."""
_PATIENCE = 6
_LONG_PATIENCE = 40
"""Consecutive accepted steps with an expected decrease below the rounding of -ln L. Where the edges
of several empty bins meet at a bound, fits may cycle at that level, with larger steps between that
are rejected."""
_LEAST_DAMPING = 1e-12
"""Relative to the diagonal of the Hessian. Where -ln L is almost flat and curves downwards, no step
is possible without damping, and steps are short with much of it."""
_MANY = 64
"""Parameters above which JAX's fits run one after the other."""


class _State(NamedTuple):
    """The best points so far with their expansions, and the next trial points."""

    x: Float[Array, "L P"]
    at: Expansion
    trial: Float[Array, "L P"]
    decrease: Float[Array, " L"]
    scored: Bool[Array, " L"]
    """Whether the trial step is one of Fisher scoring."""
    damping: Float[Array, " L"]
    good_damping: Float[Array, " L"]
    """Of the last step that was accepted."""
    barrier: Float[Array, " L"]
    staged: Bool[Array, " L"]
    """Whether the barrier has been raised; it is then lowered in stages."""
    side: Float[Array, "L P"]
    """Side of zero of parameters with a kink there: 1 or -1."""
    converged: Bool[Array, " L"]
    hopeless: Bool[Array, " L"]
    """The start is not allowed, as a rate is negative there, or not wanted."""
    reason: Int[Array, " L"]
    stalled: Int[Array, " L"]
    """Consecutive undamped steps with an expected decrease far below rounding."""
    idle: Int[Array, " L"]
    """Consecutive accepted steps with an expected decrease below rounding, with any damping."""
    evaluations: Int[Array, " L"]
    iteration: Int[Array, " L"]

    def under_way(self) -> Bool[Array, " L"]:
        return ~(self.converged | self.hopeless) & (self.iteration < _MAX_ITERATIONS)


def descend(
    likelihood: Likelihood,
    data: Float[Array, "L D"],
    start: Float[Array, "L P"],
    lower: Float[Array, " P"],
    upper: Float[Array, " P"],
    free: Float[Array, "L P"],
    wanted: Bool[Array, " L"] | None = None,
    starts: int = 1,
    accuracy: Float[Array, ""] | float = _TOLERANCE,
    largest: Float[Array, ""] | float = _ROUNDING,
) -> Minima:
    """Minimise -ln L from each start.

    Many fits of few parameters run side by side, few of many: their evaluations keep the processor
    busy.

    Negative rates are not allowed: if a bin without events pulls its rate to zero, the minimum is
    at that boundary, which is approached with a barrier that is lowered in stages (see
    :meth:`Likelihood.nll`). At a kink of an interpolation at zero, a parameter stays on one side
    until it is exactly zero; there it changes side, or stays if -ln L rises on both.

    Args:
        likelihood: a prepared model, or one of each fit, stacked.
        data: bins and auxiliary data of each fit.
        start: start values inside the bounds; fixed parameters stay there.
        lower: lower bounds.
        upper: upper bounds.
        free: 1 for parameters that float, 0 for fixed ones.
        wanted: fits to make, all by default; others count as not converged.
        starts: how many neighbouring fits are starts of one.
        accuracy: expected decrease of -ln L in the last step at which a fit has converged. That
            step is made, but not evaluated.
        largest: a step of up to this expected decrease is the last one, too, if it leaves less than
            ``accuracy`` to the next. The value of the minimum is known to about a tenth of it.
    """
    xp = namespace(likelihood, data, start, free)
    wanted = xp.ones(len(start), dtype=bool) if wanted is None else wanted

    def of(likelihood: Likelihood, *fits: Array) -> Minima:
        return _side_by_side(likelihood, lower, upper, starts, accuracy, largest, *fits)

    every = data, start, free, xp.asarray(wanted)
    if xp is np or likelihood.layout.npars <= _MANY or len(start) == 1:
        return of(likelihood, *every)
    stacked = likelihood if likelihood.stacked else None
    found = jax.lax.map(
        lambda one: of(one[0] or likelihood, *one[1:]),
        jax.tree.map(lambda x: x[:, None], (stacked, *every)),
    )
    return jax.tree.map(lambda x: x[:, 0], found)


def _side_by_side(
    likelihood: Likelihood,
    lower: Float[Array, " P"],
    upper: Float[Array, " P"],
    starts: int,
    accuracy: Float[Array, ""] | float,
    largest: Float[Array, ""] | float,
    data: Float[Array, "L D"],
    start: Float[Array, "L P"],
    free: Float[Array, "L P"],
    wanted: Bool[Array, " L"],
) -> Minima:
    xp = namespace(likelihood, data, start, free)
    kinked, bins = likelihood.layout.kinked, likelihood.nominal.shape[-1]

    def body(state: _State, likelihood: Likelihood, data: Array, free: Array) -> _State:
        main = data[:, :bins]
        empty, events = main < EMPTY, main.sum(axis=1)
        new = likelihood.expansion(state.trial, data, state.barrier, state.side)
        # Fits that have ended do not change.
        under_way = state.under_way()
        noise = 1 + xp.abs(state.at.value) + 0.1 * xp.sqrt(events)
        better = under_way & (new.value <= state.at.value + _ROUNDING * noise)
        better &= xp.isfinite(new.value + new.gradient.sum(1))
        for part in jax.tree.leaves(new.hessian):
            better &= xp.isfinite(part.reshape(len(part), -1).sum(1))
        careful = better & (state.damping <= 1e-2) & ~state.scored
        small = careful & (state.decrease < _STALLED * noise)
        stalled = xp.where(small, state.stalled + 1, 0)
        promising = state.decrease >= _ROUNDING * noise
        idle = xp.where(better, xp.where(promising, 0, state.idle + 1), state.idle)
        enough = xp.where(state.barrier > BARRIER, 1e-3 * state.barrier, accuracy)
        settled = careful & (stalled >= _PATIENCE)
        settled |= under_way & (idle >= _LONG_PATIENCE)
        slow = (state.decrease >= enough) | state.scored
        ended_by = xp.where(slow, int(Reason.STALLED), 0)
        reason = xp.where(settled, ended_by, state.reason)
        eased = xp.where(state.damping > _LEAST_DAMPING, state.damping / 10, 0.0)
        # Where -ln L fell by far less than expected, the damping stays.
        poor = promising & (state.at.value - new.value < 0.75 * state.decrease)
        eased = xp.where(poor & xp.isfinite(state.decrease), state.damping, eased)
        # A step that failed with less damping than the last good one had goes back to that.
        harder = xp.maximum(10 * state.damping, 1e-3)
        harder = xp.where(state.good_damping > state.damping, state.good_damping, harder)
        damping = xp.where(better, eased, harder)
        x = choose(better, state.trial, state.x)
        every = xp is np and better.all()
        at = new if every else jax.tree.map(partial(replaced, ~better), new, state.at)

        over, side, low, high = xp.zeros(len(x), dtype=bool), state.side, lower, upper
        if kinked.any():
            # There a parameter stays if -ln L rises on both sides, else it moves to where it falls.
            outward = at.gradient * side > 0
            across = kinked & (x == 0) & (free > 0) & outward & (at.across * side > 0)
            side, over = xp.where(across, -side, side), across.any(axis=1)
            low = xp.where(kinked & (side > 0), xp.maximum(lower, 0.0), lower)
            high = xp.where(kinked & (side < 0), xp.minimum(upper, 0.0), upper)

        # Parameters with a Poisson constraint shrink to a tenth per step at most: from close to
        # zero, where the logarithm is steep, a step can but double them.
        if likelihood.layout.poisson_par.any():
            low = xp.where(likelihood.layout.poisson_par, xp.maximum(low, 0.1 * x), low)
        room = low - x, high - x

        def information(places: Any) -> Arrow | FewBins:
            some = jax.tree.map(lambda x: x[places], (x, data, at.rates, at.jacobian))
            return likelihood.of_fits(places).information(*some)

        step, decrease, scored = newton_step(
            at.gradient, at.hessian, information, damping, free, *room
        )
        # The last step is made without an evaluation: one that decides nothing, or that is small
        # and leaves nothing to the next, at the rate of the steps so far.
        rate = decrease / xp.where(better & ~state.scored, state.decrease, xp.nan)
        last = (rate > 0) & (decrease * rate < accuracy) & (decrease < largest)
        done = under_way & ~scored & (damping <= 1e-2) & (last | (decrease < enough))
        done &= xp.isfinite(at.value)
        settled |= done
        # Rates of empty bins shrink to a tenth per step at most: negative rates are not allowed,
        # and close to zero the barrier would make the next step too large.
        change = at.jacobian.change(step)
        shrinking = empty & (at.rates > 0) & (change < 0)
        reach = xp.where(shrinking, -0.9 * at.rates / xp.where(shrinking, change, 1.0), 1.0)
        reach = reach.min(axis=1, initial=1.0)
        step = step * reach[:, None]
        trial = xp.where(step <= room[0], low, xp.where(step >= room[1], high, x + step))

        # A vanishing rate raises the barrier, once; after convergence at a high barrier, the fit
        # continues at the same point with a lower one.
        raised = (reach < 1) & ~state.staged & better
        lowered = settled & (state.barrier > BARRIER) & ~raised
        moved = raised | lowered | over
        barrier = xp.where(lowered, xp.maximum(state.barrier / 30, BARRIER), state.barrier)
        at = at._replace(value=xp.where(moved, xp.inf, at.value))
        done &= ~moved
        if xp is not np or done.any():
            # Value, slopes and rates are those after the last step, to the order that is known.
            ahead = at.gradient + at.hessian.times(step)
            at = at._replace(
                value=at.value - xp.where(done, decrease, 0.0),
                gradient=choose(done, ahead, at.gradient),
                rates=choose(done, at.rates + reach[:, None] * change, at.rates),
            )
        return _State(
            x=choose(done, trial, x),
            at=at,
            trial=choose(moved, x, trial),
            decrease=xp.where(moved, xp.inf, decrease),
            scored=scored,
            damping=damping,
            good_damping=xp.where(better, state.damping, state.good_damping),
            barrier=xp.where(raised, 0.1, barrier),
            staged=state.staged | raised,
            side=side,
            converged=state.converged | (settled & ~moved),
            hopeless=state.hopeless | ((state.iteration == 0) & ~better),
            reason=reason,
            stalled=stalled,
            idle=idle,
            evaluations=state.evaluations + under_way,
            iteration=state.iteration + 1,
        )

    def begun(start: Array, wanted: Array) -> _State:
        fits = len(start)
        no, full = xp.zeros(fits, dtype=bool), xp.ones(fits)
        none = xp.zeros(fits, dtype=int)
        unknown = Expansion.zero(likelihood.layout, fits, xp)
        return _State(
            x=start,
            at=unknown._replace(value=xp.inf * full, rates=xp.ones((fits, bins))),
            trial=start,
            decrease=xp.inf * full,
            scored=no,
            damping=0 * full,
            good_damping=0 * full,
            barrier=BARRIER * full,
            staged=no,
            side=xp.where(start >= 0, 1.0, -1.0),
            converged=no,
            hopeless=~wanted,
            reason=none,
            stalled=none,
            idle=none,
            evaluations=none,
            iteration=none,
        )

    def ended(last: _State, data: Array, free: Array) -> Minima:
        return Minima(
            choose(last.converged, last.x, xp.nan),
            xp.where(last.converged, last.at.value, xp.inf),
            last.at.gradient,
            last.at.rates,
            last.evaluations,
            _reasons(last, data, lower, upper, free),
        )

    if xp is np:
        return in_turns(body, begun, ended, likelihood, starts, data, start, free, wanted)
    last = jax.lax.while_loop(
        lambda state: state.under_way().any(),
        lambda state: body(state, likelihood, data, free),
        begun(start, wanted),
    )
    return ended(last, data, free)


def _reasons(
    last: _State,
    data: Float[Array, "L D"],
    lower: Float[Array, " P"],
    upper: Float[Array, " P"],
    free: Float[Array, "L P"],
) -> Int[Array, " L"]:
    """Why each fit ended."""
    xp, bins = namespace(last.x, data), last.at.rates.shape[-1]
    edge = ((data[:, :bins] < EMPTY) & (last.at.rates < EMPTY)).any(axis=1)
    bound = ((free > 0) & ~moving_of(last.x, last.at.gradient, lower, upper, free)).any(axis=1)
    minimum = xp.where(edge, int(Reason.AT_EDGE), xp.where(bound, int(Reason.AT_BOUND), 0))
    minimum = xp.where(last.reason == Reason.STALLED, int(Reason.STALLED), minimum)
    early = last.iteration < _MAX_ITERATIONS
    tried = xp.where(early, int(Reason.GIVEN_UP), int(Reason.ITERATIONS))
    tried = xp.where(last.hopeless, int(Reason.NEGATIVE_RATE), tried)
    tried = xp.where(last.reason == Reason.JOINED, int(Reason.JOINED), tried)
    tried = xp.where(last.evaluations == 0, int(Reason.NOT_TRIED), tried)
    return xp.where(last.converged, minimum, tried)
