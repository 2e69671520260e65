"""Where CLs falls through a level: six roots and the fits behind them, in one loop.

Each expected limit is the root of a known function of sqrt(q_A) alone (arXiv:1007.1727, eq. 89),
and the slope of q in the POI comes free from a fit (envelope theorem). So Newton's method needs a
few fits for each limit, each begun where the one before ended.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import log_ndtr
from jaxtyping import Array, Bool, Float

from hone.histfactory.likelihood import Likelihood
from hone.infer.asymptotics import TestStatistic, normal_quantiles
from hone.infer.minimum import Minima, descend
from hone.infer.mle import FitSetup
from hone.infer.profile import Fitted, asimov_poi, best_start

__all__ = ["search_limits"]

_MAX_ROUNDS = 60
_CLOSE = 1e-6
"""Relative size of the last Newton step: squared, by the method's convergence, it is the error."""
_BETTER = 1e-10
"""A minimum is another one if it is lower by this, relative to 1 + |-ln L|."""

_BEGIN, _ROOTS, _POLISH, _ABOVE, _BELOW, _END = range(6)


class _State(NamedTuple):
    """Six limits under search. Fits: the data at the first POI value, Asimov data at all six."""

    stage: Array
    """Begin: free and Asimov fits. Roots: Newton steps in the POI. Then the fits at the roots,
    begun once more where they ended, and one sigma above and below the suggested parameters: a
    lower minimum sends the search back to the roots."""
    turn: Array
    mu: Float[Array, " 6"]
    low: Float[Array, " 6"]
    high: Float[Array, " 6"]
    missing: Bool[Array, " 6"]
    pars: Float[Array, "7 P"]
    value: Float[Array, " 7"]
    slope: Float[Array, " 7"]
    """Derivative of the minimum of -ln L in the POI."""
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

    Returns:
        The limits, NaN where CLs does not cross the level within the POI's bounds or a fit did
        not converge; and the fitted parameters there.
    """
    lower, upper = jnp.maximum(setup.lower[poi], 0.0), setup.upper[poi]
    variants = setup.starts(likelihood)
    at_asimov = setup.fixing(poi, asimov_poi(test_stat))
    beginning = jnp.concatenate([variants, at_asimov.starts(likelihood)])
    beginning = jnp.concatenate([beginning, beginning[-1:]])
    is_free = (jnp.arange(7) < len(variants))[:, None]
    free = jnp.where(is_free, setup.free, at_asimov.free)
    is_poi = jnp.arange(setup.start.size) == poi
    of_data = (jnp.arange(7) == 0)[:, None]

    def body(state: _State) -> _State:
        begin = state.stage == _BEGIN
        shifted = jnp.where(state.stage == _ABOVE, variants[1], variants[2])
        start = jnp.where(state.stage >= _ABOVE, shifted, state.pars)
        start = jnp.where(is_poi, jnp.append(state.mu[0], state.mu)[:, None], start)
        found = descend(
            likelihood,
            jnp.where(begin | of_data, data, state.asimov_data),
            jnp.where(begin, beginning, start),
            setup.lower,
            setup.upper,
            jnp.where(begin, free, at_asimov.free),
        )
        after_begin, after_fit = begun(state, found), fitted(state, found)
        return jax.tree.map(partial(jnp.where, begin), after_begin, after_fit)

    def begun(state: _State, found: Minima) -> _State:
        best = best_start(Minima(*(leaf[:6] for leaf in found)), len(variants))
        asimov = best.pars[1]
        rest = likelihood.expected_auxdata(asimov)
        return state._replace(
            stage=jnp.array(_ROOTS),
            pars=jnp.where(of_data, best.pars[0], asimov),
            free=best.pars[0],
            free_value=best.value[0],
            asimov=asimov,
            asimov_data=jnp.concatenate([best.rates[1], rest]),
        )

    def fitted(state: _State, found: Minima) -> _State:
        trying = state.stage >= _ABOVE
        improved = found.value < state.value - _BETTER * (1 + jnp.abs(state.value))
        take = ~trying | improved
        pars = jnp.where(take[:, None], found.pars, state.pars)
        value = jnp.where(take, found.value, state.value)
        slope = jnp.where(take, found.gradient[:, poi], state.slope)
        # Another minimum is another curve: what was known of the roots is void.
        again = trying & improved.any()
        low = jnp.where(again, lower, state.low)
        high = jnp.where(again, upper, state.high)

        q = 2 * (value - jnp.where(of_data[:, 0], state.free_value, 0.0))
        positive = (q > 0) & ~(of_data[:, 0] & (state.free[poi] > state.mu[0]))
        q, slope_q = jnp.where(positive, q, 0.0), jnp.where(positive, 2 * slope, 0.0)
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
        step = (root - jnp.sqrt(-2 * log_level)) * root / log_cls_slope
        newton = state.mu + step
        settled = usable & (jnp.abs(step) <= _CLOSE * jnp.abs(state.mu))
        above = log_cls > log_level
        low = jnp.where(above, jnp.maximum(low, state.mu), low)
        high = jnp.where(above, high, jnp.minimum(high, state.mu))
        usable &= (log_cls_slope < 0) & (newton > low)
        middle = 0.5 * (low + high)
        # Beyond the upper bound, the bound itself is tried: there, a limit exists or does not.
        outside = above & (high == upper) & ~(usable & (newton < upper))
        mu = jnp.where(usable & (newton < high), newton, jnp.where(outside, upper, middle))
        mu = jnp.where(settled, newton, mu)
        missing = state.missing | (above & (state.mu == upper))
        missing |= (high - low <= 1e-13 * high) & ~settled
        # Only the search for roots moves; the fits that follow are at the roots found.
        all_settled = (settled | missing).all()
        roots = again | ~all_settled
        moving = (state.stage == _ROOTS) | roots
        return state._replace(
            stage=jnp.where(roots, _ROOTS, state.stage + 1),
            mu=jnp.where(moving & ~missing, mu, state.mu),
            low=low,
            high=high,
            missing=missing,
            pars=pars,
            value=value,
            slope=slope,
        )

    def turned(state: _State) -> _State:
        return body(state)._replace(turn=state.turn + 1)

    def going_on(state: _State) -> Bool[Array, ""]:
        return (state.stage < _END) & (state.turn < _MAX_ROUNDS)

    full, zero = jnp.ones(6), jnp.zeros(())
    first = _State(
        stage=jnp.array(_BEGIN),
        turn=jnp.array(0),
        mu=jnp.clip(1.0, lower, lower + 0.5 * (upper - lower)) * full,
        low=lower * full,
        high=upper * full,
        missing=full < 0,
        pars=beginning,
        value=jnp.inf * jnp.ones(7),
        slope=jnp.zeros(7),
        free=setup.start,
        free_value=zero,
        asimov=setup.start,
        asimov_data=data,
    )
    last = jax.lax.while_loop(going_on, turned, first)
    found = (last.stage == _END) & ~last.missing & jnp.isfinite(last.free_value)
    limits = jnp.where(found, last.mu, jnp.nan)
    return limits, Fitted(last.free, last.asimov, last.pars[0], last.pars[1:])
