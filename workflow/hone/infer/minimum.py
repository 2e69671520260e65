"""The minimum of a likelihood within bounds, and its exact derivative.

A damped Newton method on the parameters that are free and not held by a bound (projected
Newton: Bertsekas, SIAM J. Control Optim. 20 (1982) 221; damping: Marquardt, J. SIAM 11 (1963)
431), in one compiled loop that evaluates the model once a turn and can be ``vmap``ped. The
derivative of the fitted parameters follows from the implicit function theorem, so that nothing is
differentiated through the iterations, to any order.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import cho_factor, cho_solve
from jaxtyping import Array, Bool, Float

from hone.histfactory.likelihood import BARRIER, Expansion, Likelihood

__all__ = ["best_fit", "solve_moving"]

_MAX_ITERATIONS = 200
_TOLERANCE = 1e-20
"""Bound on the decrease of -ln L that the last step taken was expected to bring."""
_ROUNDING = 1e-13


class _State(NamedTuple):
    """The best point so far with its expansion, and the point to try next."""

    x: Float[Array, " P"]
    at: Expansion
    trial: Float[Array, " P"]
    decrease: Float[Array, ""]
    damping: Float[Array, ""]
    barrier: Float[Array, ""]
    converged: Bool[Array, ""]
    hopeless: Bool[Array, ""]
    """The start itself is not allowed: a rate is negative there."""
    iteration: Array


@jax.custom_jvp
def best_fit(
    likelihood: Likelihood,
    data: Float[Array, " D"],
    starts: Float[Array, "K P"],
    lower: Float[Array, " P"],
    upper: Float[Array, " P"],
    free: Float[Array, " P"],
) -> Float[Array, " P"]:
    """Parameters at the lowest minimum of -ln L that is reached from several starts.

    Shifts of templates make likelihoods with several minima: one start alone can end in a wrong
    one. The starts are followed side by side. Negative rates are not allowed: where a bin without
    events pulls its rate to zero, the minimum lies on that edge, approached through a barrier that
    is lowered in stages (see :meth:`Likelihood.nll`).

    Args:
        likelihood: a prepared model.
        data: bins and auxiliary data.
        starts: where to begin, inside the bounds; fixed parameters are alike in all, and stay.
        lower: lower bounds.
        upper: upper bounds.
        free: 1 for parameters that float, 0 for fixed ones.

    Returns:
        The parameters; all NaN if no start converged, so that a failure is never a result.
    """
    found, values = jax.vmap(lambda x: _descend(likelihood, data, x, lower, upper, free))(starts)
    return found[jnp.argmin(values)]


# Compiled on its own so that the several fits of one program trace it only once.
@jax.jit
def _descend(
    likelihood: Likelihood,
    data: Float[Array, " D"],
    start: Float[Array, " P"],
    lower: Float[Array, " P"],
    upper: Float[Array, " P"],
    free: Float[Array, " P"],
) -> tuple[Float[Array, " P"], Float[Array, ""]]:
    """The minimum reached from one start and -ln L there; NaN and infinity if none is."""

    bins = likelihood.nominal.shape[-1]
    empty = data[:bins] == 0

    def body(state: _State) -> _State:
        new = likelihood.expansion(state.trial, data, state.barrier)
        better = new.value <= state.at.value + _ROUNDING * (1 + jnp.abs(state.at.value))
        better &= jnp.isfinite(new.value) & jnp.isfinite(new.hessian).all()
        better &= jnp.isfinite(new.gradient).all()
        settled = better & (state.damping <= 1e-2)
        settled &= state.decrease < jnp.where(
            state.barrier > BARRIER, 1e-3 * state.barrier, _TOLERANCE
        )
        eased = jnp.where(state.damping > 1e-5, state.damping / 10, 0.0)
        damping = jnp.where(better, eased, jnp.maximum(10 * state.damping, 1e-3))
        x = jnp.where(better, state.trial, state.x)
        at = jax.tree.map(lambda a, b: jnp.where(better, a, b), new, state.at)

        moving = _moving(x, at.gradient, lower, upper, free)
        step, decrease = _newton_step(at.gradient, at.hessian, damping, moving)
        # Rates of empty bins shrink to no less than a tenth at a time: beyond zero nothing is
        # allowed, and a barrier close to it would throw the next step far away.
        change = at.jacobian @ step
        shrinking = empty & (at.rates > 0) & (change < 0)
        reach = jnp.where(shrinking, -0.9 * at.rates / jnp.where(shrinking, change, 1.0), 1.0)
        step = step * jnp.minimum(1.0, reach.min(initial=1.0))
        trial = jnp.where(moving, jnp.clip(x + step, lower, upper), x)

        # Once settled at a high barrier, go on from the same point with a lower one.
        lowered = settled & (state.barrier > BARRIER)
        barrier = jnp.where(lowered, jnp.maximum(state.barrier / 30, BARRIER), state.barrier)
        at = at._replace(value=jnp.where(lowered, jnp.inf, at.value))
        return _State(
            x=x,
            at=at,
            trial=jnp.where(lowered, x, trial),
            decrease=jnp.where(lowered, jnp.inf, decrease),
            damping=damping,
            barrier=barrier,
            converged=settled & ~lowered,
            hopeless=(state.iteration == 0) & ~better,
            iteration=state.iteration + 1,
        )

    def going_on(state: _State) -> Bool[Array, ""]:
        return ~(state.converged | state.hopeless) & (state.iteration < _MAX_ITERATIONS)

    parameters, infinity = start.size, jnp.array(jnp.inf)
    first = _State(
        x=start,
        at=Expansion(
            infinity,
            jnp.zeros(parameters),
            jnp.eye(parameters),
            jnp.ones(bins),
            jnp.zeros((bins, parameters)),
        ),
        trial=start,
        decrease=infinity,
        damping=jnp.zeros(()),
        barrier=jnp.where(empty.any(), 0.1, BARRIER),
        converged=jnp.array(False),
        hopeless=jnp.array(False),
        iteration=jnp.array(0),
    )
    last = jax.lax.while_loop(going_on, body, first)
    value = jnp.where(last.converged, last.at.value, jnp.inf)
    return jnp.where(last.converged, last.x, jnp.nan), value


def _moving(
    x: Float[Array, " P"],
    gradient: Float[Array, " P"],
    lower: Float[Array, " P"],
    upper: Float[Array, " P"],
    free: Float[Array, " P"],
) -> Bool[Array, " P"]:
    """Parameters that are free and not pushed against a bound."""
    held = ((x <= lower) & (gradient > 0)) | ((x >= upper) & (gradient < 0))
    return (free > 0) & ~held


def _newton_step(
    gradient: Float[Array, " P"],
    hessian: Float[Array, "P P"],
    damping: Float[Array, ""],
    moving: Bool[Array, " P"],
) -> tuple[Float[Array, " P"], Float[Array, ""]]:
    """Damped step in the moving parameters, and the decrease of -ln L that it promises."""
    gradient = jnp.where(moving, gradient, 0.0)
    step = -solve_moving(hessian, gradient, moving, damping)
    return step, -0.5 * gradient @ step


def solve_moving(
    hessian: Float[Array, "P P"],
    vector: Float[Array, " P"],
    moving: Bool[Array, " P"],
    damping: Float[Array, ""] | float = 0.0,
) -> Float[Array, " P"]:
    """Solve with the Hessian of the moving parameters; zero for the others.

    A relative 1e-14 on the diagonal keeps a parameter without any effect (a free factor on an
    empty bin) from making the matrix singular: it then stays where it is.
    """
    scale = jnp.abs(jnp.diagonal(hessian))
    scale = jnp.maximum(scale, 1e-12 * jnp.max(jnp.where(moving, scale, 0.0)) + 1e-300)
    both = moving[:, None] & moving[None, :]
    matrix = jnp.where(both, hessian, jnp.eye(moving.size))
    matrix += jnp.diag(jnp.where(moving, (damping + 1e-14) * scale, 0.0))
    return cho_solve(cho_factor(matrix, lower=True), jnp.where(moving, vector, 0.0))


@best_fit.defjvp
def _best_fit_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    likelihood, data, _, lower, upper, free = primals
    likelihood_dot, data_dot, starts_dot, lower_dot, upper_dot, _ = tangents
    x = best_fit(*primals)
    gradient = jax.grad(Likelihood.nll, argnums=1)
    moving = _moving(x, gradient(likelihood, x, data), lower, upper, free)
    hessian = jax.hessian(Likelihood.nll, argnums=1)(likelihood, x, data)
    # Parameters that do not move follow their fixed value or their bound.
    bound_dot = jnp.where(x <= lower, lower_dot, upper_dot)
    held_dot = jnp.where(moving, 0.0, jnp.where(free > 0, bound_dot, starts_dot[0]))
    _, explicit_dot = jax.jvp(
        lambda model, d: gradient(model, x, d), (likelihood, data), (likelihood_dot, data_dot)
    )
    return x, held_dot - solve_moving(hessian, explicit_dot + hessian @ held_dot, moving)
