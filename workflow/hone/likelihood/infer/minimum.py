"""The minimum of a likelihood within bounds, and its exact derivative.

A damped Newton method on the parameters that are free and not held by a bound (projected
Newton: Bertsekas, SIAM J. Control Optim. 20 (1982) 221; damping: Marquardt, J. SIAM 11 (1963)
431). Many fits run in parallel in one compiled loop, which evaluates the model once per iteration.
:func:`descend` searches the minimum and is never differentiated; :func:`attach` gives its result
the derivative that follows from the implicit function theorem.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from hone.likelihood.histfactory.layout import Layout
from hone.likelihood.histfactory.likelihood import BARRIER, EMPTY, Expansion, Likelihood
from hone.likelihood.histfactory.split import Arrow, Rows

__all__ = ["Minima", "attach", "covariance", "derivatives", "descend", "solve_moving"]

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
"""Parameters above which fits run one after the other."""
_SINGULAR = 1e-7
"""Pivot of the Cholesky factor of the Hessian, scaled to a diagonal of 1, that counts as zero."""


class Minima(NamedTuple):
    """Results of L fits."""

    pars: Float[Array, "L P"]
    """Parameters, NaN if a fit did not converge."""
    value: Float[Array, " L"]
    """-ln L relative to the saturated model, infinite where a fit did not converge."""
    gradient: Float[Array, "L P"]
    """Derivative of ``value``; not zero for parameters that are fixed or at a bound."""
    rates: Float[Array, "L B"]
    evaluations: Int[Array, " L"]
    """Evaluations of the model, each with gradient and Hessian."""


class _State(NamedTuple):
    """The best points so far with their expansions, and the next trial points."""

    x: Float[Array, "L P"]
    at: Expansion
    trial: Float[Array, "L P"]
    decrease: Float[Array, " L"]
    damping: Float[Array, " L"]
    good_damping: Float[Array, " L"]
    """Of the last step that was accepted."""
    cut: Bool[Array, " L"]
    """Whether the trial point was moved into the bounds, but not all the way."""
    barrier: Float[Array, " L"]
    staged: Bool[Array, " L"]
    """Whether the barrier has been raised; it is then lowered in stages."""
    side: Float[Array, "L P"]
    """Side of zero of parameters with a kink there: 1 or -1."""
    converged: Bool[Array, " L"]
    hopeless: Bool[Array, " L"]
    """The start is not allowed, as a rate is negative there, or not wanted."""
    stalled: Int[Array, " L"]
    """Consecutive undamped steps with an expected decrease far below rounding."""
    idle: Int[Array, " L"]
    """Consecutive accepted steps with an expected decrease below rounding, with any damping."""
    evaluations: Int[Array, " L"]
    iteration: Array


def descend(
    likelihood: Likelihood,
    data: Float[Array, "L D"],
    start: Float[Array, "L P"],
    lower: Float[Array, " P"],
    upper: Float[Array, " P"],
    free: Float[Array, "L P"],
    wanted: Bool[Array, " L"] | None = None,
) -> Minima:
    """Minimise -ln L from each start.

    Fits of few parameters run side by side, until the last has ended. Those of many run one after
    the other: each evaluation keeps the processor busy alone, and a long fit holds no other.

    Negative rates are not allowed: if a bin without events pulls its rate to zero, the minimum is
    at that boundary, which is approached with a barrier that is lowered in stages (see
    :meth:`Likelihood.nll`). At a kink of an interpolation at zero, a parameter stays on one side
    until it is exactly zero; there it changes side, or stays if -ln L rises on both.

    Args:
        likelihood: a prepared model.
        data: bins and auxiliary data of each fit.
        start: start values inside the bounds; fixed parameters stay there.
        lower: lower bounds.
        upper: upper bounds.
        free: 1 for parameters that float, 0 for fixed ones.
        wanted: fits to make, all by default; others count as not converged.
    """
    wanted = jnp.ones(len(start), dtype=bool) if wanted is None else wanted

    def of(data: Array, start: Array, free: Array, wanted: Array) -> Minima:
        return _side_by_side(likelihood, data, start, lower, upper, free, wanted)

    if likelihood.layout.npars <= _MANY or len(start) == 1:
        return of(data, start, free, wanted)
    alone = jax.tree.map(lambda x: x[:, None], (data, start, free, wanted))
    found = jax.lax.map(lambda one: of(*one), alone)
    return jax.tree.map(lambda x: x[:, 0], found)


def _side_by_side(
    likelihood: Likelihood,
    data: Float[Array, "L D"],
    start: Float[Array, "L P"],
    lower: Float[Array, " P"],
    upper: Float[Array, " P"],
    free: Float[Array, "L P"],
    wanted: Bool[Array, " L"],
) -> Minima:
    main = data[:, : likelihood.nominal.shape[-1]]
    empty, events = main < EMPTY, main.sum(axis=1)
    expand = jax.vmap(likelihood.expansion)
    step_of = jax.vmap(_newton_step)
    kinked = likelihood.layout.kinked

    def body(state: _State) -> _State:
        new = expand(state.trial, data, state.barrier, state.side)
        # Fits that have ended do not change.
        under_way = ~(state.converged | state.hopeless)
        noise = 1 + jnp.abs(state.at.value) + 0.1 * jnp.sqrt(events)
        better = under_way & (new.value <= state.at.value + _ROUNDING * noise)
        better &= jnp.isfinite(new.value + new.gradient.sum(1))
        for part in jax.tree.leaves(new.hessian):
            better &= jnp.isfinite(part.reshape(len(part), -1).sum(1))
        careful = better & (state.damping <= 1e-2)
        small = careful & (state.decrease < _STALLED * noise)
        stalled = jnp.where(small, state.stalled + 1, 0)
        promising = state.decrease >= _ROUNDING * noise
        idle = jnp.where(better, jnp.where(promising, 0, state.idle + 1), state.idle)
        enough = jnp.where(state.barrier > BARRIER, 1e-3 * state.barrier, _TOLERANCE)
        settled = careful & ((state.decrease < enough) | (stalled >= _PATIENCE))
        settled |= under_way & (idle >= _LONG_PATIENCE)
        eased = jnp.where(state.damping > _LEAST_DAMPING, state.damping / 10, 0.0)
        # A step that was clipped at bounds, parameter by parameter, has lost its direction: if it
        # fails, it is retried as a whole, up to the first bound, before damping.
        whole = under_way & ~better & state.cut
        # A step that failed with less damping than the last good one had goes back to that.
        harder = jnp.maximum(10 * state.damping, 1e-3)
        harder = jnp.where(state.good_damping > state.damping, state.good_damping, harder)
        damping = jnp.where(better, eased, jnp.where(whole, state.damping, harder))
        x = _choose(better, state.trial, state.x)
        at = jax.tree.map(lambda a, b: _choose(better, a, b), new, state.at)

        # At a kink a parameter stays if -ln L rises on both sides, else it moves to where it falls.
        outward = at.gradient * state.side > 0
        over = kinked & (x == 0) & (free > 0) & outward & (at.across * state.side > 0)
        side = jnp.where(over, -state.side, state.side)
        over = over.any(axis=1)
        low = jnp.where(kinked & (side > 0), jnp.maximum(lower, 0.0), lower)
        high = jnp.where(kinked & (side < 0), jnp.minimum(upper, 0.0), upper)

        moving = _moving(x, at.gradient, low, high, free)
        step, decrease = step_of(at.gradient, at.hessian, damping, moving)
        # Rates of empty bins shrink to a tenth per step at most: negative rates are not allowed,
        # and close to zero the barrier would make the next step too large.
        change = jax.vmap(Rows.change)(at.jacobian, step)
        shrinking = empty & (at.rates > 0) & (change < 0)
        reach = jnp.where(shrinking, -0.9 * at.rates / jnp.where(shrinking, change, 1.0), 1.0)
        reach = reach.min(axis=1, initial=1.0)
        step = step * reach[:, None]
        room = jnp.where(step < 0, low - x, high - x) / jnp.where(step == 0, 1.0, step)
        room = jnp.where(moving & (step != 0), room, 1.0)
        first = jnp.clip(room.min(axis=1), 0.0, 1.0)
        bound = jnp.where(step < 0, low, high)
        up_to_bound = jnp.where(room <= first[:, None], bound, x + first[:, None] * step)
        up_to_bound = jnp.where((first < 1)[:, None], up_to_bound, x + step)
        trial = _choose(whole, up_to_bound, jnp.clip(x + step, low, high))
        trial = jnp.where(moving, trial, x)

        # A vanishing rate raises the barrier, once; after convergence at a high barrier, the fit
        # continues at the same point with a lower one.
        raised = (reach < 1) & ~state.staged & better
        lowered = settled & (state.barrier > BARRIER) & ~raised
        moved = raised | lowered | over
        barrier = jnp.where(lowered, jnp.maximum(state.barrier / 30, BARRIER), state.barrier)
        at = at._replace(value=jnp.where(moved, jnp.inf, at.value))
        return _State(
            x=x,
            at=at,
            trial=_choose(moved, x, trial),
            decrease=jnp.where(moved, jnp.inf, decrease),
            damping=damping,
            good_damping=jnp.where(better, state.damping, state.good_damping),
            cut=(first < 1) & (first > 1e-3) & ~whole,
            barrier=jnp.where(raised, 0.1, barrier),
            staged=state.staged | raised,
            side=side,
            converged=state.converged | (settled & ~moved),
            hopeless=state.hopeless | ((state.iteration == 0) & ~better),
            stalled=stalled,
            idle=idle,
            evaluations=state.evaluations + under_way,
            iteration=state.iteration + 1,
        )

    def going_on(state: _State) -> Bool[Array, ""]:
        under_way = ~(state.converged | state.hopeless)
        return under_way.any() & (state.iteration < _MAX_ITERATIONS)

    fits, bins = empty.shape
    shapes = jax.eval_shape(expand, start, data, jnp.zeros(fits), start)
    unknown = jax.tree.map(lambda x: jnp.zeros(x.shape), shapes)
    no, full = jnp.zeros(fits, dtype=bool), jnp.ones(fits)
    first = _State(
        x=start,
        at=unknown._replace(value=jnp.inf * full, rates=jnp.ones((fits, bins))),
        trial=start,
        decrease=jnp.inf * full,
        damping=0 * full,
        good_damping=0 * full,
        cut=no,
        barrier=BARRIER * full,
        staged=no,
        side=jnp.where(start >= 0, 1.0, -1.0),
        converged=no,
        hopeless=~wanted,
        stalled=jnp.zeros(fits, dtype=int),
        idle=jnp.zeros(fits, dtype=int),
        evaluations=jnp.zeros(fits, dtype=int),
        iteration=jnp.array(0),
    )
    last = jax.lax.while_loop(going_on, body, first)
    return Minima(
        _choose(last.converged, last.x, jnp.nan),
        jnp.where(last.converged, last.at.value, jnp.inf),
        last.at.gradient,
        last.at.rates,
        last.evaluations,
    )


@jax.custom_jvp
def attach(
    likelihood: Likelihood,  # noqa: ARG001 -- this and what follows is for the derivative
    data: Float[Array, " D"],  # noqa: ARG001
    pars: Float[Array, " P"],
    lower: Float[Array, " P"],  # noqa: ARG001
    upper: Float[Array, " P"],  # noqa: ARG001
    free: Float[Array, " P"],
    held: Float[Array, " P"],
) -> Float[Array, " P"]:
    """The fitted ``pars`` as a differentiable function of model, data and setup.

    Derivatives, of any order, follow from the implicit function theorem at the minimum.

    Args:
        likelihood: a prepared model.
        data: bins and auxiliary data.
        pars: the minimum, as found by :func:`descend`; not differentiated.
        lower: lower bounds.
        upper: upper bounds.
        free: 1 for parameters that float, 0 for fixed ones.
        held: values of the fixed parameters (other entries are ignored).
    """
    return jnp.where(free > 0, pars, held)


@attach.defjvp
def _attach_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    likelihood, data, _, lower, upper, free, _ = primals
    likelihood_dot, data_dot, _, lower_dot, upper_dot, _, fixed_dot = tangents
    x = attach(*primals)
    gradient, hessian = derivatives(likelihood, x, data)
    moving = _moving(x, gradient, lower, upper, free)
    # At a kink where -ln L rises on both sides, a parameter stays.
    moving &= ~(likelihood.layout.kinked & (x == 0) & (gradient > 0))
    # Other parameters follow their fixed value or their bound.
    bound_dot = jnp.where(x <= lower, lower_dot, upper_dot)
    held_dot = jnp.where(moving, 0.0, jnp.where(free > 0, bound_dot, fixed_dot))
    _, explicit_dot = jax.jvp(
        lambda model, d: jax.grad(Likelihood.nll, argnums=1)(model, x, d),
        (likelihood, data),
        (likelihood_dot, data_dot),
    )
    vector = explicit_dot + hessian @ held_dot
    return x, held_dot - solve_moving(hessian, vector, moving, likelihood.layout)


@jax.custom_jvp
def derivatives(
    likelihood: Likelihood, pars: Float[Array, " P"], data: Float[Array, " D"]
) -> tuple[Float[Array, " P"], Float[Array, "P P"]]:
    """Gradient and Hessian of -ln L, in closed form; their own derivatives are by JAX."""
    expansion = likelihood.expansion(pars, data)
    return expansion.gradient, expansion.hessian.dense()


@derivatives.defjvp
def _derivatives_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    def by_jax(*args):  # type: ignore[no-untyped-def]
        return jax.grad(Likelihood.nll, argnums=1)(*args), jax.hessian(Likelihood.nll, argnums=1)(
            *args
        )

    return derivatives(*primals), jax.jvp(by_jax, primals, tangents)[1]


def solve_moving(
    hessian: Float[Array, "P P"],
    vector: Float[Array, " P"],
    moving: Bool[Array, " P"],
    layout: Layout,
) -> Float[Array, " P"]:
    """Solve with the Hessian of the moving parameters, see :meth:`Arrow.solve`."""
    return Arrow.of(hessian, layout).solve(vector, moving)


def covariance(
    likelihood: Likelihood,
    pars: Float[Array, " P"],
    data: Float[Array, " D"],
    free: Bool[Array, " P"],
) -> tuple[Float[Array, "P P"], Float[Array, "P P"]]:
    """Inverse Hessian of -ln L in the free parameters, zero for the others; and the Hessian.

    Without the barrier that the search needs near empty bins. NaN if the Hessian is not positive
    definite within rounding.
    """
    hessian = likelihood.expansion(pars, data, barrier=0.0).hessian.dense()
    diagonal = jnp.where(free, jnp.diagonal(hessian), 1.0)
    scale = 1 / jnp.sqrt(jnp.where(diagonal > 0, diagonal, jnp.nan))
    both = free[:, None] & free[None, :]
    unit = jnp.eye(free.size)
    factor = jnp.linalg.cholesky(jnp.where(both, hessian * scale[:, None] * scale, unit))
    pivots = jnp.diagonal(factor)
    factor = jnp.where(pivots.min() > _SINGULAR, factor, jnp.nan)
    half = jax.scipy.linalg.solve_triangular(factor, unit, lower=True)
    return jnp.where(both, (half.T @ half) * scale[:, None] * scale, 0.0), hessian


def _newton_step(
    gradient: Float[Array, " P"],
    hessian: Arrow,
    damping: Float[Array, ""],
    moving: Bool[Array, " P"],
) -> tuple[Float[Array, " P"], Float[Array, ""]]:
    """Damped step in the moving parameters, and the expected decrease of -ln L."""
    step = -hessian.solve(gradient, moving, damping)
    return step, -0.5 * gradient @ step


def _moving(
    x: Float[Array, "*L P"],
    gradient: Float[Array, "*L P"],
    lower: Float[Array, " P"],
    upper: Float[Array, " P"],
    free: Float[Array, "*L P"],
) -> Bool[Array, "*L P"]:
    """Parameters that are free and not pushed against a bound."""
    held = ((x <= lower) & (gradient > 0)) | ((x >= upper) & (gradient < 0))
    return (free > 0) & ~held


def _choose(condition: Bool[Array, " L"], yes: Array, no: Array | float) -> Array:
    """``where`` over the fits, the first axis of all arrays."""
    return jnp.where(condition.reshape(-1, *[1] * (yes.ndim - 1)), yes, no)
