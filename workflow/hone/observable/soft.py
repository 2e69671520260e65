"""The soft histogram: counts that depend smoothly on the events and on the bin edges."""

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr
from jaxtyping import Array, Float

__all__ = ["bandwidth_at", "soft_errors", "soft_histogram"]


@jax.jit
def soft_histogram(
    scores: Float[Array, " N"],
    weights: Float[Array, " N"],
    edges: Float[Array, " B+1"],
    bandwidth: Float[Array, ""] | float,
) -> Float[Array, " B"]:
    """Yields per bin of a Gaussian kernel density of the events (as in neos, arXiv:2203.05570).

    Each event is spread over the bins by the normal distribution around its score. The outermost
    bins reach to infinity, so that no yield is lost beyond the edges: the bins add up to the sum
    of weights. As the bandwidth goes to zero this becomes the ordinary histogram.

    Args:
        scores: observable of each event.
        weights: of each event.
        edges: rising; only the inner ones matter.
        bandwidth: standard deviation of the kernel, in units of the scores, above 0.
    """
    below = weights @ ndtr((edges[1:-1] - scores[:, None]) / bandwidth)
    ends = jnp.zeros((1,)), weights.sum()[None]
    return jnp.diff(jnp.concatenate([ends[0], below, ends[1]]))


@jax.jit
def soft_errors(
    scores: Float[Array, " N"],
    weights: Float[Array, " N"],
    edges: Float[Array, " B+1"],
    bandwidth: Float[Array, ""] | float,
) -> Float[Array, " B"]:
    """Variances of :func:`soft_histogram`: sum over events of (weight times share in the bin)^2."""
    below = ndtr((edges[1:-1] - scores[:, None]) / bandwidth)
    ends = jnp.zeros((len(scores), 1)), jnp.ones((len(scores), 1))
    shares = jnp.diff(jnp.concatenate([ends[0], below, ends[1]], axis=1), axis=1)
    return weights**2 @ shares**2


def bandwidth_at(
    progress: Float[Array, ""] | float, first: float, last: float
) -> Float[Array, ""] | float:
    """Bandwidth that shrinks geometrically from ``first`` to ``last`` as progress goes 0 to 1."""
    return first * (last / first) ** progress
