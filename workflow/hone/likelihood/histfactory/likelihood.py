"""The HistFactory likelihood at given parameters, from tensors prepared once per model.

Follows pyhf 0.7.6 (``pyhf/pdf.py``, ``pyhf/constraints.py``), and with it the HistFactory note
CERN-OPEN-2012-016: the rate of a sample is the product of its factors times (nominal + sum of its
histosys shifts); samples add up; nothing is clipped.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array, Float

from hone.likelihood.histfactory.interpolation import Weights, histosys_weights, normsys_factor
from hone.likelihood.histfactory.layout import Layout
from hone.likelihood.histfactory.split import Arrow, Rows, take

__all__ = ["BARRIER", "EMPTY", "Expansion", "Likelihood"]

BARRIER = 1e-10
"""Events added to empty bins in the search for a minimum; -ln L changes by about this."""
EMPTY = 1e-6
"""A bin with fewer events counts as empty, e.g. in Asimov data of a fit at a rate of zero."""
_LARGE = 30.0
"""Events above which Stirling's series is exact to machine precision."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Likelihood:
    """Prepared tensors of a model: templates of the shifts, constraint widths and rates.

    All arrays are float64; sizes as in :class:`~hone.likelihood.histfactory.layout.Layout`.
    """

    nominal: Float[Array, "S B"]
    symmetric: Float[Array, "H S B"]
    asymmetric: Float[Array, "H S B"]
    """Templates of the shifts, zero where there is none."""
    normsys: Float[Array, "8 N S C"]
    """Coefficients of the normsys factors; zero where there is none, which is a factor of 1."""
    sigma: Float[Array, " normals"]
    tau: Float[Array, " poissons"]
    inverse_variance: Float[Array, " P"]
    """1 / sigma^2 of normally constrained parameters, 0 for others."""
    rate_per_unit: Float[Array, " P"]
    """tau of parameters constrained by a Poisson, 0 for others."""
    layout: Layout = field(metadata={"static": True})

    def rates(self, pars: Float[Array, " P"]) -> Float[Array, " B"]:
        """Expected events in each bin; may be negative far outside the templates' range."""
        cells, side = self._factors(pars), _side(pars)
        if self.layout.normsys:
            factor = self._normsys(pars, side)[0]
            cells = cells * _per_bin(jnp.prod(factor, axis=0), self.layout)
        return (cells * self._templates(self._weights(pars, side))).sum(axis=0)

    def _weights(self, pars: Float[Array, " P"], side: Float[Array, " P"]) -> Weights:
        """Weights of the templates of each histosys."""
        place = self.layout.histosys_par
        return histosys_weights(self.layout.histosys_code, take(pars, place), take(side, place))

    def _templates(self, weights: Weights) -> Float[Array, "S B"]:
        """Nominal yields and their shifts, before factors."""
        if not self.layout.histosys:
            return self.nominal
        shift = jnp.tensordot(weights.symmetric[0], self.symmetric, axes=1)
        return self.nominal + shift + jnp.tensordot(weights.asymmetric[0], self.asymmetric, axes=1)

    def _normsys(self, pars: Float[Array, " P"], side: Float[Array, " P"]) -> tuple[Array, ...]:
        """Factors (N, S, C) of each normsys, with two derivatives."""
        alpha, sign = (take(x, self.layout.normsys_par)[:, None, None] for x in (pars, side))
        return normsys_factor(self.layout.normsys_code, alpha, self.normsys, sign)

    def _factors(self, pars: Float[Array, " P"]) -> Float[Array, "S B"]:
        """Products of the parameters that multiply the cells."""
        return jnp.prod(jnp.append(pars, 1.0)[self.layout.factor_par], axis=0)

    def expected_auxdata(self, pars: Float[Array, " P"]) -> Float[Array, " A"]:
        """Expected auxiliary measurements: the parameter itself, or tau times it (shapesys)."""
        layout = self.layout
        means = pars[layout.aux_par]
        poisson = layout.aux_poisson
        return means.at[poisson].set(means[poisson] * self.tau)

    def expected_data(self, pars: Float[Array, " P"]) -> Float[Array, " D"]:
        """Rates and expected auxiliary measurements in one vector, as data is ordered."""
        return jnp.concatenate([self.rates(pars), self.expected_auxdata(pars)])

    def logpdf(self, pars: Float[Array, " P"], data: Float[Array, " D"]) -> Float[Array, ""]:
        """Natural logarithm of the density, minus infinity where a rate is negative."""
        bins, normal, poisson = self.logpdf_terms(pars, data)
        return bins + normal + poisson

    def logpdf_terms(
        self, pars: Float[Array, " P"], data: Float[Array, " D"]
    ) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""]]:
        """The same, of the bins, and of the auxiliary data with normal and Poisson constraints."""
        main, aux = self._split(data)
        normal, poisson = self._constraint_terms(pars, aux)
        return (
            _poisson_logpdf(main, self.rates(pars)).sum(),
            (-0.5 * normal**2 - jnp.log(self.sigma * jnp.sqrt(2 * jnp.pi))).sum(),
            _poisson_logpdf(*poisson).sum(),
        )

    def nll(
        self,
        pars: Float[Array, " P"],
        data: Float[Array, " D"],
        barrier: Float[Array, ""] | float = BARRIER,
    ) -> Float[Array, ""]:
        """-ln L relative to the saturated model: zero if every term describes its datum exactly.

        Differs from ``-logpdf`` by a constant that depends on data and constraint widths only, and
        preserves the digits of likelihood differences; infinite where a rate is negative.

        A bin without events pulls its rate to zero, and with interpolated templates to below zero:
        the minimum is then at the boundary of the allowed region. To find and differentiate it,
        ``barrier`` events are added to such a bin.
        """
        main, aux = self._split(data)
        normal, poisson = self._constraint_terms(pars, aux)
        rates = self.rates(pars)
        value = _poisson_deviance(_with_barrier(main, rates, barrier), rates).sum()
        value += 0.5 * (normal**2).sum()
        value += _poisson_deviance(*poisson).sum()
        return value

    def expansion(
        self,
        pars: Float[Array, " P"],
        data: Float[Array, " D"],
        barrier: Float[Array, ""] | float = BARRIER,
        side: Float[Array, " P"] | None = None,
    ) -> "Expansion":
        """``nll`` with its gradient and Hessian, in closed form.

        At a kink of an interpolation at zero, derivatives are those on the ``side`` of the
        parameter (1 or -1; by default the positive one).

        With J the Jacobian of the rates, the Hessian is J^T diag(n / rate^2) J, plus the rates'
        curvature weighted by 1 - n / rate, plus the curvature of the constraints. In closed form it
        compiles several times faster than ``jax.hessian`` of :meth:`nll`. No array has all of
        parameters, samples and bins: factors are constant in blocks of bins, and two shapes have
        no second derivative.
        """
        layout, split = self.layout, self.layout.split
        side = _side(pars) if side is None else jnp.where(layout.kinked, side, _side(pars))
        weights = self._weights(pars, side)
        _, slope_of_weight, curvature_of_weight = weights.asymmetric
        template = self._templates(weights)
        # A factor of zero (e.g. the POI) would lead to a division by zero below. It is replaced by
        # a number so small that it does not matter, but whose square is representable.
        safe = jnp.where(pars == 0, 1e-150, pars)
        shared, own = split.apart(safe)
        factor = self._factors(safe)
        # First and second derivative of the factor in one shared parameter, over the factor.
        per_unit = 1 / shared[:, None, None]
        first: Any = split.power * per_unit
        second: Any = split.power * (split.power - 1) * per_unit**2
        if layout.normsys:
            f, f1, f2 = self._normsys(pars, side)
            factor *= _per_bin(jnp.prod(f, axis=0), layout)
            ratio, ratio2 = (self._of_shared(x / f) for x in (f1, f2))
            second += ratio2 + 2 * first * ratio
            first += ratio
        # The same of the parameter of one bin.
        per_own = split.own_power / own
        own_factor = split.with_own(factor) * per_own
        own_cells = own_factor * split.with_own(template)

        cells = factor * template
        rates = cells.sum(axis=0)
        # Cells with a factor of zero are zero.
        rates = jnp.where(jnp.abs(rates) < 1e-100, 0.0, rates)
        main, aux = self._split(data)
        main = _with_barrier(main, rates, barrier)
        slope, curvature = _poisson_derivatives(main, rates)
        own_slope, own_curvature = split.with_own(slope), split.with_own(curvature)
        weighted = slope * factor

        logarithmic = split.per_bin(first)
        jacobian = (logarithmic * cells).sum(axis=1)
        own_jacobian = own_cells.sum(axis=0)
        mixed = (split.with_own(logarithmic) * own_cells).sum(axis=1)
        # Second derivatives of the rates, contracted with the slope. The product of logarithmic
        # slopes is correct for two different parameters; the diagonal is replaced.
        blocks = split.sum_in_blocks(weighted * template)
        flat = first.reshape(len(first), blocks.size)
        curved = (flat * blocks.ravel()) @ flat.T
        diagonal = (second * blocks).sum(axis=(1, 2))
        if layout.histosys:
            shift = self.symmetric + slope_of_weight[:, None, None] * self.asymmetric
            jacobian += self._shape_rows((shift * factor).sum(axis=1))
            mixed += self._shape_rows((split.with_own(shift) * own_factor).sum(axis=1))
            shift = split.sum_in_blocks(shift * weighted).reshape(len(shift), blocks.size)
            cross = self._shape_rows(shift @ flat.T)
            curved += cross + cross.T
            pure = curvature_of_weight * (self.asymmetric * weighted).sum(axis=(1, 2))
            diagonal += 2 * jnp.diagonal(cross) + self._shape_rows(pure)

        constraint = self._constraint(pars, aux)
        of_shared, of_own = split.apart(constraint[2])
        diagonal += of_shared
        hessian = Arrow(
            (jacobian * curvature) @ jacobian.T
            + jnp.where(np.eye(len(shared), dtype=bool), diagonal, curved),
            split.with_own(jacobian) * (own_curvature * own_jacobian) + mixed * own_slope,
            own_curvature * own_jacobian**2
            + own_slope * (own_cells * (split.own_power - 1) / own).sum(axis=0)
            + of_own,
            layout,
        )
        gradient = split.joined(jacobian @ slope, own_jacobian * own_slope) + constraint[1]
        across = gradient
        if layout.kinked.any():
            jump: Any = 0.0
            if layout.histosys:
                other = self._weights(pars, -side).asymmetric[1] - slope_of_weight
                jump += self._shape_rows(other * (self.asymmetric * weighted).sum(axis=(1, 2)))
            if layout.normsys:
                g, g1, _ = self._normsys(pars, -side)
                jump += (self._of_shared(g1 / g - f1 / f) * blocks).sum(axis=(1, 2))
            across += split.joined(jump, 0 * own)
        value = _poisson_deviance(main, rates).sum() + constraint[0]
        slopes = Rows(jacobian, own_jacobian, layout)
        return Expansion(value, gradient, across, hessian, rates, slopes)

    def _of_shared(self, x: Float[Array, "N S C"]) -> Float[Array, "G S K"]:
        """Values of each normsys at the shared parameters and blocks, zero where there is none."""
        split = self.layout.split
        x = jnp.concatenate([x, jnp.zeros((1, *x.shape[1:]))])
        return take(take(x, split.normsys_row, axis=0), split.channel_of_block)

    def _shape_rows(self, x: Float[Array, "H *shape"]) -> Float[Array, "G *shape"]:
        """Rows of each histosys at the shared parameters, zero where there is none."""
        x = jnp.concatenate([x, jnp.zeros((1, *x.shape[1:]))])
        return take(x, self.layout.split.histosys_row, axis=0)

    def _constraint(
        self, pars: Float[Array, " P"], aux: Float[Array, " A"]
    ) -> tuple[Float[Array, ""], Float[Array, " P"], Float[Array, " P"]]:
        """-ln of the constraints: value, gradient, and the diagonal that is their Hessian."""
        layout = self.layout
        measured = jnp.append(aux, 0.0)[layout.aux_of_par]
        pull = self.inverse_variance * (pars - measured)
        value = 0.5 * (pull * (pars - measured)).sum()
        if not layout.aux_poisson.any():
            return value, pull, self.inverse_variance
        # Without a measurement: a rate of zero, with neither value nor derivative.
        slope, curvature = _poisson_derivatives(measured, pars * self.rate_per_unit)
        is_poisson = layout.poisson_par
        slope = jnp.where(is_poisson, slope * self.rate_per_unit, pull)
        curvature = jnp.where(is_poisson, curvature * self.rate_per_unit**2, self.inverse_variance)
        deviance = _poisson_deviance(measured, pars * self.rate_per_unit)
        return value + jnp.where(is_poisson, deviance, 0.0).sum(), slope, curvature

    def _split(self, data: Float[Array, " D"]) -> tuple[Float[Array, " B"], Float[Array, " A"]]:
        bins = self.nominal.shape[-1]
        return data[:bins], data[bins:]

    def _constraint_terms(
        self, pars: Float[Array, " P"], aux: Float[Array, " A"]
    ) -> tuple[
        Float[Array, " normals"], tuple[Float[Array, " poissons"], Float[Array, " poissons"]]
    ]:
        layout = self.layout
        is_poisson = layout.aux_poisson
        normal_par, poisson_par = layout.aux_par[~is_poisson], layout.aux_par[is_poisson]
        normal = (aux[~is_poisson] - pars[normal_par]) / self.sigma
        return normal, (aux[is_poisson], self.tau * pars[poisson_par])


class Expansion(NamedTuple):
    """-ln L and its derivatives at given parameters, and the rates."""

    value: Float[Array, ""]
    gradient: Float[Array, " P"]
    across: Float[Array, " P"]
    """The gradient on the other side of zero, for parameters at a kink there."""
    hessian: Arrow
    rates: Float[Array, " B"]
    jacobian: Rows
    """Derivative of each rate in each parameter."""


def _side(pars: Float[Array, " P"]) -> Float[Array, " P"]:
    """The sign of each parameter for interpolations; positive for zero."""
    return jnp.where(pars >= 0, 1.0, -1.0)


def _poisson_logpdf(n: Float[Array, "*shape"], rate: Float[Array, "*shape"]) -> Array:
    """ln of the Poisson density continued to real n, as pyhf's ``poisson_logpdf``.

    For large n the terms of n ln(rate) - rate - ln(n!) cancel (three digits are left for 1e11
    events): there it is ln Pois(n | n), by Stirling's series, minus the deviance.
    """
    possible, n_log_rate = _xlogy(n, rate)
    large = n > _LARGE
    direct = n_log_rate - rate - gammaln(jnp.where(large, 0.0, n) + 1.0)
    inverse = 1 / jnp.where(large, n, 1.0)
    series = jnp.polyval(jnp.array([-1 / 1680, 1 / 1260, -1 / 360, 1 / 12]), inverse**2) * inverse
    saturated = 0.5 * jnp.log(inverse / (2 * jnp.pi)) - series
    value = jnp.where(large, saturated - _poisson_deviance(n, rate), direct)
    return jnp.where(possible, value, 0 * rate - jnp.inf)


def _poisson_deviance(n: Float[Array, "*shape"], rate: Float[Array, "*shape"]) -> Array:
    """ln Pois(n | n) - ln Pois(n | rate), in a form that is accurate near rate = n.

    Below one event there is no useful saturated model: the terms that depend on the rate are left.
    """
    possible, n_log_rate = _xlogy(n, rate)
    positive = possible & (n > 0)
    ratio = jnp.where(positive, rate, 1.0) / jnp.where(positive, n, 1.0)
    excess = jnp.where(positive, rate - n, 0.0) / jnp.where(positive, n, 1.0)
    # excess - ln(ratio), by its series where the difference would cancel
    near = jnp.abs(excess) < 0.01
    series = jnp.polyval(jnp.array([1 / 8, -1 / 7, 1 / 6, -1 / 5, 1 / 4, -1 / 3, 1 / 2]), excess)
    term = jnp.where(near, excess**2 * series, excess - jnp.log(ratio))
    value = jnp.where(positive, n * term, rate - n_log_rate)
    # Infinite where a rate is negative, NaN where it is NaN.
    return jnp.where(possible, value, 0 * rate + jnp.inf)


def _with_barrier(
    n: Float[Array, " B"], rate: Float[Array, " B"], barrier: Float[Array, ""] | float
) -> Float[Array, " B"]:
    """Data with ``barrier`` events added to empty bins, unless their rate is zero too."""
    return n + jnp.where((n < EMPTY) & (rate != 0), barrier, 0.0)


def _poisson_derivatives(
    n: Float[Array, "*shape"], rate: Float[Array, "*shape"]
) -> tuple[Array, Array]:
    """First and second derivative of the deviance with respect to the rate."""
    per_rate = jnp.where(n != 0, n, 0.0) / jnp.where(rate != 0, rate, 1.0)
    return 1 - per_rate, per_rate / jnp.where(rate != 0, rate, 1.0)


def _xlogy(n: Float[Array, "*shape"], rate: Float[Array, "*shape"]) -> tuple[Array, Array]:
    """Where the density is not zero, and n ln(rate), with finite derivatives everywhere."""
    possible = (rate > 0) | ((rate == 0) & (n == 0))
    return possible, n * jnp.log(jnp.where(rate > 0, rate, 1.0))


def _per_bin(x: Float[Array, "*shape C"], layout: Layout) -> Float[Array, "*shape B"]:
    """Values per channel, repeated for each of its bins."""
    if len(layout.nbins) == 1:
        return jnp.broadcast_to(x, (*x.shape[:-1], layout.total_bins))
    return take(x, layout.channel_of_bin)
