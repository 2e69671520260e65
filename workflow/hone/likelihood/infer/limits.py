"""Upper limits: six roots of CLs = level and their fits, in one loop.

Each expected limit is the root of a known function of sqrt(q_A) alone (arXiv:1007.1727, eq. 89),
and the derivative of q in the POI follows from a fit (envelope theorem). Newton's method thus needs
a few fits for each limit, each of which starts where the previous one ended.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from hone.likelihood.arrays import loop, namespace, scipy_of
from hone.likelihood.histfactory.likelihood import Likelihood
from hone.likelihood.infer.asymptotics import TestStatistic, normal_quantiles, quantile_slopes
from hone.likelihood.infer.minima import Minima, best_start
from hone.likelihood.infer.minimum import descend
from hone.likelihood.infer.profile import Fitted, asimov_poi
from hone.likelihood.infer.setup import FitSetup

__all__ = ["search_limits"]

_MAX_ROUNDS = 60
_CLOSE = 1e-9
"""Relative size of the last Newton step."""
_RESTARTS = 2


class _State(NamedTuple):
    """State of the search for six limits.

    Eight fits per iteration: the data at the first POI value, Asimov data at all six, and the data
    with all parameters free, which also starts where the first ended, to be no higher than that.
    """

    turn: Array
    """Iteration: 0 for the free and the Asimov fit, then fits at ``mu``."""
    mu: Float[Array, " 6"]
    low: Float[Array, " 6"]
    high: Float[Array, " 6"]
    restarts: Int[Array, " 6"]
    """How often a bracket closed without a root, because a lower minimum made CLs jump."""
    settled: Bool[Array, " 6"]
    missing: Bool[Array, " 6"]
    seen: Bool[Array, ""]
    """Whether any test was possible."""
    thorough: Bool[Array, ""]
    """Whether fits begin at all starts: first with each last result only, then to confirm."""
    pars: Float[Array, "7 P"]
    """The last converged fits, except the free one."""
    free: Float[Array, " P"]
    free_value: Float[Array, ""]
    asimov: Float[Array, " P"]
    asimov_data: Float[Array, " D"]


def search_limits(
    likelihood: Likelihood,
    data: Float[Array, " D"],
    setup: FitSetup,
    poi: int,
    log_level: Float[Array, ""],
    test_stat: TestStatistic,
    calc_base_dist: str,
    which: Sequence[bool] = (True,) * 6,
) -> tuple[Float[Array, " 6"], Fitted]:
    """The observed and five expected limits with their fits; not differentiable.

    Every fit starts where the last one ended, and from the fit with a free or another POI; the
    first fits, and those that confirm the limits, also from all starts of a single fit. If the
    latter find lower minima, the search continues with all starts. Limits that are found are not
    fitted again before they are confirmed. ``which`` says which limits are searched.

    Returns:
        The limits, NaN where CLs does not cross the level within the POI's bounds, a fit did not
        converge or none was searched; and the fitted parameters there.
    """
    xp = namespace(likelihood, data, setup, log_level)
    lower, upper = xp.maximum(setup.lower[poi], 0.0), setup.upper[poi]
    variants = setup.starts(likelihood)
    at_asimov = setup.fixing(poi, asimov_poi(test_stat))
    count, left_out = len(variants) + 2, ~np.array(which)
    is_poi = np.arange(setup.start.size) == poi
    # The free fit is the last one.
    is_free, of_data = np.arange(8) == 7, np.array([True, *[False] * 6, True])
    free = xp.repeat(xp.where(is_free[:, None], setup.free, at_asimov.free), count, axis=0)

    def body(state: _State) -> _State:
        begin = state.turn == 0
        last = xp.concatenate([state.pars, state.free[None]])
        nearby = xp.where(of_data[:, None], state.free, state.asimov)
        nearby = xp.where(is_free[:, None], state.pars[0], nearby)
        start = xp.concatenate(
            [last[:, None], nearby[:, None], xp.tile(variants, (8, 1, 1))], axis=1
        )
        # The first iteration makes the Asimov fit instead of those at ``mu``.
        mu = xp.where(begin, at_asimov.start[poi], xp.append(state.mu[0], state.mu))
        mu = xp.append(mu, 0.0)[:, None, None]
        start = xp.where(is_poi & ~is_free[:, None, None], mu, start)
        # Six of the first fits are the same. The data's are of the observed limit alone.
        ended = state.settled | state.missing
        unfinished = ~xp.append(xp.append(ended[0], ended), ended[0])
        first = (np.arange(8) == 1) | (is_free & which[0])
        needed = xp.where(begin, first, unfinished)[:, None]
        known = np.arange(count) < 2
        wanted = needed & xp.where(begin, ~known, known | state.thorough)
        every_data = xp.where(of_data[:, None] | begin, data, state.asimov_data)
        found = descend(
            likelihood,
            xp.repeat(every_data, count, axis=0),
            start.reshape(8 * count, -1),
            setup.lower,
            setup.upper,
            free,
            wanted.ravel(),
            starts=count,
        )
        best = best_start(found, count)
        free_is_new = begin | unfinished[7]
        state = state._replace(
            free=xp.where(free_is_new, best.pars[7], state.free),
            free_value=xp.where(free_is_new, best.value[7], state.free_value),
        )
        at_mu = Minima(*(leaf[:7] for leaf in best))
        new = jax.tree.map(partial(xp.where, begin), begun(state, at_mu), fitted(state, at_mu))
        return new._replace(turn=state.turn + 1)

    def begun(state: _State, best: Minima) -> _State:
        asimov = best.pars[1]
        rest = likelihood.expected_auxdata(asimov)
        # Without these fits there are no limits.
        exists = xp.isfinite(best.value[1]) & (~of_data[:6] | xp.isfinite(state.free_value))
        return state._replace(
            missing=~exists | left_out,
            pars=xp.where(of_data[:7, None], state.free, asimov),
            asimov=asimov,
            asimov_data=xp.concatenate([best.rates[1], rest]),
        )

    def fitted(state: _State, best: Minima) -> _State:
        observed = of_data[:7]
        q = 2 * (best.value - xp.where(observed, state.free_value, 0.0))
        positive = (q > 0) & ~(observed & (state.free[poi] > state.mu[0]))
        q = xp.where(positive, q, 0.0)
        slope_q = xp.where(positive, 2 * best.gradient[:, poi], 0.0)
        quantiles = normal_quantiles(q[0], q[1:], test_stat, calc_base_dist)
        slopes = quantile_slopes(q[0], q[1:], slope_q[0], slope_q[1:], test_stat, calc_base_dist)
        log_p = scipy_of(xp).special.log_ndtr(quantiles)
        # d ln Phi / dx = phi / Phi
        hazard = xp.exp(-0.5 * quantiles**2 - 0.5 * np.log(2 * np.pi) - log_p)
        log_cls = log_p[0] - log_p[1]
        log_cls_slope = (hazard[0] * slopes[0]) - (hazard[1] * slopes[1])

        # sqrt(-2 ln CLs) is close to linear in the POI; without digits in ln CLs, bisect.
        usable = (log_cls < -1e-12) & xp.isfinite(log_cls)
        root = xp.sqrt(-2 * xp.where(usable, log_cls, -0.5))
        newton = state.mu + (root - xp.sqrt(-2 * log_level)) * root / log_cls_slope
        ended = state.settled | state.missing
        settled = usable & (xp.abs(newton - state.mu) <= _CLOSE * xp.abs(state.mu))
        settled = xp.where(ended, state.settled, settled)
        above = log_cls > log_level
        missing = state.missing | (above & (state.mu == upper) & ~ended)
        low = xp.where(above & ~ended, xp.maximum(state.low, state.mu), state.low)
        high = xp.where(above | ended, state.high, xp.minimum(state.high, state.mu))
        closed = (high - low <= 1e-13 * high) & ~settled & ~ended
        again = closed & (state.restarts < _RESTARTS)
        missing |= closed & ~again
        low, high = xp.where(again, lower, low), xp.where(again, upper, high)
        usable &= (log_cls_slope < 0) & (newton > low)
        # Beyond the upper bound, the bound is tried, which decides whether a limit exists.
        outside = above & (high == upper) & ~(usable & (newton < upper))
        mu = xp.where(outside, upper, 0.5 * (low + high))
        mu = xp.where(usable & (newton < high), newton, mu)
        mu = xp.where(settled | missing, state.mu, mu)
        converged = xp.isfinite(best.value)[:, None]
        # Confirm what is found, and look again for what is not.
        seen = state.seen | (xp.isfinite(log_cls) & ~left_out).any()
        confirm = (settled | missing).all() & seen & ~state.thorough
        settled, missing = settled & ~confirm, (missing & ~confirm) | left_out
        low, high = xp.where(confirm, lower, low), xp.where(confirm, upper, high)
        return state._replace(
            seen=seen,
            thorough=state.thorough | confirm,
            mu=mu,
            low=low,
            high=high,
            restarts=state.restarts + again,
            settled=settled,
            missing=missing,
            pars=xp.where(converged, best.pars, state.pars),
        )

    def going_on(state: _State) -> Bool[Array, ""]:
        return ~(state.settled | state.missing).all() & (state.turn < _MAX_ROUNDS)

    six = xp.ones(6)
    first = _State(
        turn=xp.array(0),
        mu=xp.clip(1.0, lower, lower + 0.5 * (upper - lower)) * six,
        low=lower * six,
        high=upper * six,
        restarts=xp.zeros(6, dtype=int),
        settled=six < 0,
        missing=six < 0,
        seen=xp.array(False),
        thorough=xp.array(False),
        pars=xp.tile(setup.start, (7, 1)),
        free=setup.start,
        free_value=xp.zeros(()),
        asimov=setup.start,
        asimov_data=data,
    )
    last = loop(xp, going_on, body, first)
    # The free fit is of the observed limit alone.
    exists = last.settled & ~last.missing & (~of_data[:6] | xp.isfinite(last.free_value))
    limits = xp.where(exists, last.mu, xp.nan)
    return limits, Fitted(last.free, last.asimov, last.pars[0], last.pars[1:])
