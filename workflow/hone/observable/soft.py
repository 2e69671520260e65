"""Soft histograms: yields that depend smoothly on the events and on the bin edges."""

import math
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["Softness", "kernel_shares", "scott_bandwidth", "soft_histogram", "yields_and_variances"]

_SMALLEST = 1e-3
"""Smallest bandwidth from events, which may all have the same score."""
_GRID = 257
"""Points of the pilot density of adaptive bandwidths."""


class Softness(eqx.Module):
    """Bandwidth or temperature during training.

    ``fixed``: the last value throughout; ``annealed``: geometrically from the first to the last;
    ``learned``: trained, starts at the first and stays above the last; ``scott`` and ``adaptive``:
    from the events alone.
    """

    growth: Float[Array, ""]
    """ln((value - last) / (first - last)) of a learned value."""
    rule: str = eqx.field(static=True)
    first: float = eqx.field(static=True)
    last: float = eqx.field(static=True)

    @classmethod
    def create(cls, rule: str, values: Sequence[float]) -> "Softness":
        """``values`` are the first and the last, or one number for both."""
        return cls(jnp.zeros(()), rule, float(values[0]), float(values[-1]))

    def at(self, progress: Float[Array, ""] | float) -> Float[Array, ""]:
        """The value at a progress of the training from 0 to 1 (1 for rules that use the events)."""
        if self.rule == "fixed":
            return jnp.asarray(self.last)
        if self.rule == "annealed":
            return jnp.asarray(self.first * (self.last / self.first) ** progress)
        if self.rule == "learned":
            return self.last + (self.first - self.last) * jnp.exp(self.growth)
        return jnp.ones(())

    def widths(
        self,
        scores: Float[Array, " N"],
        weights: Float[Array, " N"],
        progress: Float[Array, ""] | float,
    ) -> Float[Array, "*N"]:
        """Bandwidths for the events of one template: one, or one per event (``adaptive``)."""
        if self.rule == "scott":
            return scott_bandwidth(scores, weights)
        if self.rule == "adaptive":
            return _adaptive_bandwidths(scores, weights)
        return self.at(progress)


def scott_bandwidth(scores: Float[Array, " N"], weights: Float[Array, " N"]) -> Float[Array, ""]:
    """Scott's rule in one dimension: sigma n^(-1/5) (D. W. Scott, Multivariate Density Estimation).

    sigma is the weighted standard deviation and n the effective number of events,
    (sum |w|)^2 / sum w^2, as weights may be negative.
    """
    size = jnp.abs(weights)
    total = size.sum()
    mean = (size * scores).sum() / total
    variance = (size * (scores - mean) ** 2).sum() / total
    effective = total**2 / (weights**2).sum()
    return jnp.sqrt(variance + _SMALLEST**2) * effective ** (-0.2)


def _adaptive_bandwidths(
    scores: Float[Array, " N"], weights: Float[Array, " N"]
) -> Float[Array, " N"]:
    """Scott's bandwidth times (geometric mean of the density / density at the event)^(1/2).

    I. S. Abramson, Ann. Statist. 10 (1982) 1217. The pilot density is a kernel density with
    Scott's bandwidth on a grid over [0, 1], each event shared between its two grid points.
    """
    bandwidth = scott_bandwidth(scores, weights)
    size = jnp.abs(weights) / jnp.abs(weights).sum()
    place = jnp.clip(scores, 0.0, 1.0) * (_GRID - 1)
    left = jnp.clip(jnp.floor(place).astype(int), 0, _GRID - 2)
    part = place - left
    mass = jnp.zeros(_GRID).at[left].add(size * (1 - part)).at[left + 1].add(size * part)
    grid = jnp.linspace(0.0, 1.0, _GRID)
    kernel = jnp.exp(-0.5 * ((grid[:, None] - grid) / bandwidth) ** 2)
    density = kernel @ mass + 1e-12
    at_events = density[left] * (1 - part) + density[left + 1] * part
    geometric_mean = jnp.exp((size * jnp.log(at_events)).sum())
    return jnp.maximum(bandwidth * jnp.sqrt(geometric_mean / at_events), _SMALLEST)


def kernel_shares(
    scores: Float[Array, " N"], edges: Float[Array, " B+1"], bandwidth: Float[Array, "*N"]
) -> Float[Array, "N B"]:
    """Share of each event in each bin: the integral of a normal density around its score.

    As in neos (arXiv:2203.05570). The outermost bins extend to infinity, so that the shares of an
    event add up to 1. In the limit of zero bandwidth they are those of the hard histogram.

    Args:
        scores: observable of each event.
        edges: rising; only the inner ones are used.
        bandwidth: standard deviation of the kernel in units of the scores, above 0; one for all
            events, or one for each.
    """
    if len(edges) == 2:
        return jnp.ones((len(scores), 1))
    # With bins along the first axis XLA for CPU is three times faster.
    return _differences(_normal_cdf((edges[1:-1, None] - scores) / bandwidth)).T


@jax.custom_jvp
def _differences(below: Float[Array, "B-1 N"]) -> Float[Array, "B N"]:
    """Rows of differences, of 0 before the first and of 1 after the last."""
    rows = jnp.pad(below, [(1, 1), (0, 0)], constant_values=[(0, 1), (0, 0)])
    # XLA for CPU would compute the rows again in both operands, as scalars: six times slower.
    rows = jax.lax.optimization_barrier(rows)
    return rows[1:] - rows[:-1]


@_differences.defjvp
def _derivatives(
    rows: tuple[Float[Array, "B-1 N"]], tangents: tuple[Float[Array, "B-1 N"]]
) -> tuple[Array, Array]:
    (change,) = tangents
    ends = change[:1], change[1:] - change[:-1], -change[-1:]
    return _differences(*rows), jnp.concatenate(ends)


def _normal_cdf(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """``jax.scipy.special.ndtr`` to machine precision, twenty times faster in float64 on a CPU."""
    return 0.5 * jax.lax.erfc(-math.sqrt(0.5) * x)


@jax.jit
def soft_histogram(
    shares: Float[Array, "N B"], weights: Float[Array, " N"]
) -> tuple[Float[Array, " B"], Float[Array, " B"]]:
    """Yields per bin and their variances, the sum over events of (weight times share)^2."""
    values, variances = yields_and_variances(weights[None], shares, "soft")
    return values[0], variances


def yields_and_variances(
    weights: Float[Array, "T n"], shares: Float[Array, "n B"], histograms: str
) -> tuple[Float[Array, "T B"], Float[Array, " B"]]:
    """Yields of templates of the same events in bins, and variances of the first.

    ``soft``: the yields are sums of weight x share, their variances sums of (weight x share)^2.
    ``hard``: each event will be counted in one bin, its share being the probability; the
    expectation of the sum of weight^2 is the sum of weight^2 x share. For shares of 0 and 1 both
    agree.

    Args:
        weights: of each template.
        shares: of each event in each bin.
        histograms: which will be fitted, ``hard`` or ``soft``.
    """
    bins = shares.shape[1]
    rows = jnp.concatenate([weights, weights[:1] ** 2])
    columns = shares if histograms == "hard" else jnp.concatenate([shares, shares**2], axis=1)
    # One product: of one row alone XLA for CPU makes a sum, whose derivative is slow.
    found = rows @ columns
    return found[:-1, :bins], found[-1, -bins:]
