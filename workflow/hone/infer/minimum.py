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

from hone.histfactory.likelihood import Likelihood

__all__ = ["best_fit", "solve_moving"]

_MAX_ITERATIONS = 200
_TOLERANCE = 1e-20
"""Bound on the decrease of -ln L that the last step taken was expected to bring."""
_ROUNDING = 1e-13


class _State(NamedTuple):
    """The best point so far with its expansion, and the point to try next."""

    x: Float[Array, " P"]
    value: Float[Array, ""]
    gradient: Float[Array, " P"]
    hessian: Float[Array, "P P"]
    trial: Float[Array, " P"]
    decrease: Float[Array, ""]
    damping: Float[Array, ""]
    converged: Bool[Array, ""]
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
    one. The starts are followed side by side.

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


def _descend(
    likelihood: Likelihood,
    data: Float[Array, " D"],
    start: Float[Array, " P"],
    lower: Float[Array, " P"],
    upper: Float[Array, " P"],
    free: Float[Array, " P"],
) -> tuple[Float[Array, " P"], Float[Array, ""]]:
    """The minimum reached from one start and -ln L there; NaN and infinity if none is."""

    def body(state: _State) -> _State:
        value, gradient, hessian = likelihood.expansion(state.trial, data)
        better = value <= state.value + _ROUNDING * (1 + jnp.abs(state.value))
        better &= jnp.isfinite(value) & jnp.isfinite(gradient).all() & jnp.isfinite(hessian).all()
        converged = better & (state.decrease < _TOLERANCE) & (state.damping <= 1e-2)
        eased = jnp.where(state.damping > 1e-5, state.damping / 10, 0.0)
        damping = jnp.where(better, eased, jnp.maximum(10 * state.damping, 1e-3))
        x = jnp.where(better, state.trial, state.x)
        value = jnp.where(better, value, state.value)
        gradient = jnp.where(better, gradient, state.gradient)
        hessian = jnp.where(better, hessian, state.hessian)

        moving = _moving(x, gradient, lower, upper, free)
        step, decrease = _newton_step(gradient, hessian, damping, moving)
        trial = jnp.where(moving, jnp.clip(x + step, lower, upper), x)
        return _State(
            x, value, gradient, hessian, trial, decrease, damping, converged, state.iteration + 1
        )

    def going_on(state: _State) -> Bool[Array, ""]:
        return ~state.converged & (state.iteration < _MAX_ITERATIONS)

    begin = jnp.where(free > 0, jnp.clip(start, lower, upper), start)
    nothing, infinity = jnp.zeros_like(start), jnp.array(jnp.inf)
    first = _State(
        x=begin,
        value=infinity,
        gradient=nothing,
        hessian=jnp.eye(start.size),
        trial=begin,
        decrease=infinity,
        damping=jnp.zeros(()),
        converged=jnp.array(False),
        iteration=jnp.array(0),
    )
    last = jax.lax.while_loop(going_on, body, first)
    value = jnp.where(last.converged, last.value, jnp.inf)
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
