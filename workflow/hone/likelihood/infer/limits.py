"""Upper limits: six roots of CLs = level and their fits, in one loop.

Each expected limit is the root of a known function of sqrt(q_A) alone (arXiv:1007.1727, eq. 89),
and the derivative of q in the POI follows from a fit (envelope theorem). Newton's method thus needs
a few fits for each limit, each of which starts where the previous one ended.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import log_ndtr
from jaxtyping import Array, Bool, Float, Int

from hone.likelihood.histfactory.likelihood import Likelihood
from hone.likelihood.infer.asymptotics import TestStatistic, normal_quantiles
from hone.likelihood.infer.minimum import Minima, descend
from hone.likelihood.infer.mle import FitSetup
from hone.likelihood.infer.profile import Fitted, asimov_poi, best_start

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
) -> tuple[Float[Array, " 6"], Fitted]:
    """The observed and five expected limits with their fits; not differentiable.

    Every fit starts where the last one ended, and from the fit with a free or another POI; the
    first fits, and those that confirm the limits, also from all starts of a single fit. If the
    latter find lower minima, the search goes on with all starts.

    Returns:
        The limits, NaN where CLs does not cross the level within the POI's bounds or a fit did
        not converge; and the fitted parameters there.
    """
    lower, upper = jnp.maximum(setup.lower[poi], 0.0), setup.upper[poi]
    variants = setup.starts(likelihood)
    at_asimov = setup.fixing(poi, asimov_poi(test_stat))
    count = len(variants) + 2
    is_poi = jnp.arange(setup.start.size) == poi
    # The free fit is the last one.
    is_free, of_data = jnp.arange(8) == 7, jnp.array([True, *[False] * 6, True])
    free = jnp.repeat(jnp.where(is_free[:, None], setup.free, at_asimov.free), count, axis=0)

    def body(state: _State) -> _State:
        begin = state.turn == 0
        last = jnp.concatenate([state.pars, state.free[None]])
        nearby = jnp.where(of_data[:, None], state.free, state.asimov).at[7].set(state.pars[0])
        start = jnp.concatenate(
            [last[:, None], nearby[:, None], jnp.tile(variants, (8, 1, 1))], axis=1
        )
        # The first iteration makes the Asimov fit instead of those at ``mu``.
        mu = jnp.where(begin, at_asimov.start[poi], jnp.append(state.mu[0], state.mu))
        mu = jnp.append(mu, 0.0)[:, None, None]
        start = jnp.where(is_poi & ~is_free[:, None, None], mu, start)
        # Six of the first fits are the same.
        needed = jnp.where(begin, (jnp.arange(8) == 1) | is_free, True)[:, None]
        known = jnp.arange(count) < 2
        wanted = needed & jnp.where(begin, ~known, known | state.thorough)
        every_data = jnp.where(of_data[:, None] | begin, data, state.asimov_data)
        found = descend(
            likelihood,
            jnp.repeat(every_data, count, axis=0),
            start.reshape(8 * count, -1),
            setup.lower,
            setup.upper,
            free,
            wanted.ravel(),
        )
        best = best_start(found, count)
        state = state._replace(free=best.pars[7], free_value=best.value[7])
        at_mu = Minima(*(leaf[:7] for leaf in best))
        new = jax.tree.map(partial(jnp.where, begin), begun(state, at_mu), fitted(state, at_mu))
        return new._replace(turn=state.turn + 1)

    def begun(state: _State, best: Minima) -> _State:
        asimov = best.pars[1]
        rest = likelihood.expected_auxdata(asimov)
        # Without these fits there are no limits.
        exists = jnp.isfinite(best.value[1]) & (~of_data[:6] | jnp.isfinite(state.free_value))
        return state._replace(
            missing=~exists,
            pars=jnp.tile(asimov, (7, 1)).at[0].set(state.free),
            asimov=asimov,
            asimov_data=jnp.concatenate([best.rates[1], rest]),
        )

    def fitted(state: _State, best: Minima) -> _State:
        observed = of_data[:7]
        q = 2 * (best.value - jnp.where(observed, state.free_value, 0.0))
        positive = (q > 0) & ~(observed & (state.free[poi] > state.mu[0]))
        q = jnp.where(positive, q, 0.0)
        slope_q = jnp.where(positive, 2 * best.gradient[:, poi], 0.0)
        quantiles, quantile_slopes = jax.jvp(
            partial(normal_quantiles, test_stat=test_stat, calc_base_dist=calc_base_dist),
            (q[0], q[1:]),
            (slope_q[0], slope_q[1:]),
        )
        log_p = log_ndtr(quantiles)
        # d ln Phi / dx = phi / Phi
        hazard = jnp.exp(-0.5 * quantiles**2 - 0.5 * np.log(2 * np.pi) - log_p)
        log_cls = log_p[0] - log_p[1]
        log_cls_slope = (hazard[0] * quantile_slopes[0]) - (hazard[1] * quantile_slopes[1])

        # sqrt(-2 ln CLs) is close to linear in the POI; without digits in ln CLs, bisect.
        usable = (log_cls < -1e-12) & jnp.isfinite(log_cls)
        root = jnp.sqrt(-2 * jnp.where(usable, log_cls, -0.5))
        newton = state.mu + (root - jnp.sqrt(-2 * log_level)) * root / log_cls_slope
        settled = usable & (jnp.abs(newton - state.mu) <= _CLOSE * jnp.abs(state.mu))
        above = log_cls > log_level
        missing = state.missing | (above & (state.mu == upper))
        low = jnp.where(above, jnp.maximum(state.low, state.mu), state.low)
        high = jnp.where(above, state.high, jnp.minimum(state.high, state.mu))
        closed = (high - low <= 1e-13 * high) & ~settled
        again = closed & (state.restarts < _RESTARTS)
        missing |= closed & ~again
        low, high = jnp.where(again, lower, low), jnp.where(again, upper, high)
        usable &= (log_cls_slope < 0) & (newton > low)
        # Beyond the upper bound, the bound is tried, which decides whether a limit exists.
        outside = above & (high == upper) & ~(usable & (newton < upper))
        mu = jnp.where(outside, upper, 0.5 * (low + high))
        mu = jnp.where(usable & (newton < high), newton, mu)
        mu = jnp.where(settled | missing, state.mu, mu)
        converged = jnp.isfinite(best.value)[:, None]
        # Confirm what is found, and look again for what is not.
        confirm = (settled | missing).all() & ~state.thorough & jnp.isfinite(log_cls).any()
        settled, missing = settled & ~confirm, missing & ~confirm
        low, high = jnp.where(confirm, lower, low), jnp.where(confirm, upper, high)
        return state._replace(
            thorough=state.thorough | confirm,
            mu=mu,
            low=low,
            high=high,
            restarts=state.restarts + again,
            settled=settled,
            missing=missing,
            pars=jnp.where(converged, best.pars, state.pars),
        )

    def going_on(state: _State) -> Bool[Array, ""]:
        return ~(state.settled | state.missing).all() & (state.turn < _MAX_ROUNDS)

    six = jnp.ones(6)
    first = _State(
        turn=jnp.array(0),
        mu=jnp.clip(1.0, lower, lower + 0.5 * (upper - lower)) * six,
        low=lower * six,
        high=upper * six,
        restarts=jnp.zeros(6, dtype=int),
        settled=six < 0,
        missing=six < 0,
        thorough=jnp.array(False),
        pars=jnp.tile(setup.start, (7, 1)),
        free=setup.start,
        free_value=jnp.zeros(()),
        asimov=setup.start,
        asimov_data=data,
    )
    last = jax.lax.while_loop(going_on, body, first)
    exists = last.settled & ~last.missing & jnp.isfinite(last.free_value)
    limits = jnp.where(exists, last.mu, jnp.nan)
    return limits, Fitted(last.free, last.asimov, last.pars[0], last.pars[1:])
