"""How the boundary of a region moves with the model and the data.

A point lies on a ray from the best fit, as far out as the likelihood ratio t takes to reach its
quantile: d distance = -(d t) / (d t / d distance) by the implicit function theorem. The best fit
and the rays, which follow from its covariance, move too.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hone.likelihood.arrays import cond
from hone.likelihood.histfactory import Model
from hone.likelihood.histfactory.likelihood import Likelihood
from hone.likelihood.infer.implicit import attach, covariance
from hone.likelihood.infer.setup import FitSetup

__all__ = ["Boundary", "moving"]


class Boundary(NamedTuple):
    """Points on the boundary of a region of K parameters, and the fits there; NumPy's or JAX's."""

    points: Any
    """(N, K)"""
    distance: Any
    """From the best fit, in units of the rays (N,)."""
    crossed: Any
    """bool (N,): whether t is its quantile there; else a bound within the region is met."""
    circle: Any
    """Directions, of length 1 (N, K)."""
    scale: Any
    """Rays are these times the directions (K, K): a root of the covariance."""
    by_range: Any
    """bool: whether there is no covariance; ``scale`` is part of the parameters' range."""
    pars: Any
    """(N, P)"""
    best: Any
    """(P,)"""


@partial(jax.jit, static_argnums=0)
def moving(
    places: tuple[int, ...],
    model: Model,
    data: Float[Array, " D"],
    setup: FitSetup,
    found: Boundary,
) -> Float[Array, "N K"]:
    """The points as differentiable functions of model, data and setup; derivatives nest.

    Args:
        places: indices of the K parameters.
        model: the model.
        data: bins and auxiliary data.
        setup: start, bounds and freedom of the parameters.
        found: the boundary, not differentiated.
    """
    at, likelihood = np.array(places), model.prepare()
    centre, scale = found.best[at], found.scale
    if len(places) > 1:  # an end of an interval does not depend on where its ray begins
        best = _best(likelihood, data, setup, found)

        def root() -> Array:
            matrix, _ = covariance(likelihood, best, data, setup.free > 0)
            return jnp.linalg.cholesky(matrix[np.ix_(at, at)])

        centre, scale = best[at], cond(jnp, found.by_range, lambda: found.scale, root)
    rays = found.circle @ scale.T
    reached = _reached(places, found, likelihood, data, setup, centre, rays)
    bound = jnp.where(rays > 0, setup.upper[at], setup.lower[at])
    room = jnp.where(rays == 0, jnp.inf, (bound - centre) / jnp.where(rays == 0, 1.0, rays))
    distance = jnp.where(found.crossed, reached, room.min(axis=1))
    points = centre + distance[:, None] * rays
    return found.points + (points - jax.lax.stop_gradient(points))


def _best(likelihood: Likelihood, data: Array, setup: FitSetup, found: Boundary) -> Array:
    return attach(likelihood, data, found.best, setup.lower, setup.upper, setup.free, setup.start)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _reached(places, found, likelihood, data, setup, centre, rays):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Distances where t is its quantile."""
    return found.distance


@_reached.defjvp
def _reached_jvp(places, primals, tangents):  # type: ignore[no-untyped-def]
    found, likelihood, data, setup, centre, rays = primals
    _, likelihood_dot, data_dot, _, centre_dot, rays_dot = tangents
    at, distance = np.array(places), _reached(places, *primals)
    free = setup.free.at[at].set(0.0)

    def fitted(pars: Array, values: Array) -> Array:
        held = setup.start.at[at].set(values)
        return attach(likelihood, data, pars, setup.lower, setup.upper, free, held)

    # Of the fits only derivatives of second order and above are needed (envelope theorem).
    here = jax.vmap(fitted)(found.pars, centre + distance[:, None] * rays)
    pars = jnp.concatenate([here, _best(likelihood, data, setup, found)[None]])

    def ratio(likelihood: Likelihood, data: Array) -> Array:
        """t / 2"""
        values = likelihood.nll(pars, jnp.tile(data, (len(pars), 1)))
        return values[:-1] - values[-1]

    _, explicit = jax.jvp(ratio, (likelihood, data), (likelihood_dot, data_dot))
    gradient = jax.grad(lambda x: likelihood.nll(x, jnp.tile(data, (len(x), 1))).sum())(here)[:, at]
    ray_dot = centre_dot + distance[:, None] * rays_dot
    change = explicit + (gradient * ray_dot).sum(axis=1)
    slope = (gradient * rays).sum(axis=1)
    crossed = found.crossed
    return distance, -jnp.where(crossed, change, 0.0) / jnp.where(crossed, slope, 1.0)
