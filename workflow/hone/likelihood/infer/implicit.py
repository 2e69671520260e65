"""The exact derivative of a minimum, and the covariance there.

:func:`attach` gives the result of :func:`.minimum.descend`, which is never differentiated, the
derivative that follows from the implicit function theorem.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from hone.likelihood.arrays import cholesky, namespace, scipy_of
from hone.likelihood.histfactory.arrow import Arrow
from hone.likelihood.histfactory.layout import Layout
from hone.likelihood.histfactory.likelihood import Likelihood
from hone.likelihood.histfactory.poisson import BARRIER
from hone.likelihood.infer.steps import moving_of

__all__ = ["attach", "covariance", "derivatives", "solve_moving"]

_SINGULAR = 1e-7
"""Pivot of the Cholesky factor of the Hessian, scaled to a diagonal of 1, that counts as zero."""


def attach(
    likelihood: Likelihood,
    data: Float[Array, " D"],
    pars: Float[Array, " P"],
    lower: Float[Array, " P"],
    upper: Float[Array, " P"],
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
    if namespace(likelihood, data, pars, free, held) is np:
        found: Any = np.where(free > 0, pars, held)
        return found
    return _attached(likelihood, data, pars, lower, upper, free, held)


@jax.custom_jvp
def _attached(likelihood, data, pars, lower, upper, free, held):  # type: ignore[no-untyped-def]  # noqa: ARG001
    return jnp.where(free > 0, pars, held)


@_attached.defjvp
def _attach_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    likelihood, data, _, lower, upper, free, _ = primals
    likelihood_dot, data_dot, _, lower_dot, upper_dot, _, fixed_dot = tangents
    x = _attached(*primals)
    gradient, hessian = derivatives(likelihood, x, data)
    moving = moving_of(x, gradient, lower, upper, free)
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
    likelihood: Likelihood,
    pars: Float[Array, " P"],
    data: Float[Array, " D"],
    barrier: float = BARRIER,
) -> tuple[Float[Array, " P"], Float[Array, "P P"]]:
    """Gradient and Hessian of -ln L, in closed form; their own derivatives are by JAX."""
    expansion = likelihood.expansion(pars, data, barrier)
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
    xp = namespace(likelihood, pars, data, free)
    if xp is np:
        hessian = likelihood.expansion(pars, data, barrier=0.0).hessian.dense()
    else:
        # The closed form is not to be differentiated: it has no slope at a factor of zero.
        _, hessian = derivatives(likelihood, pars, data, 0.0)
    diagonal = xp.where(free, xp.diagonal(hessian), 1.0)
    scale = 1 / xp.sqrt(xp.where(diagonal > 0, diagonal, xp.nan))
    both = free[:, None] & free[None, :]
    unit = xp.eye(free.size)
    factor = cholesky(xp.where(both, hessian * scale[:, None] * scale, unit))
    pivots = xp.diagonal(factor)
    factor = xp.where(pivots.min() > _SINGULAR, factor, xp.nan)
    half = scipy_of(xp).linalg.solve_triangular(factor, unit, lower=True, check_finite=False)
    return xp.where(both, (half.T @ half) * scale[:, None] * scale, 0.0), hessian
