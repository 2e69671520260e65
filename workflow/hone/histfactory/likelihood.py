"""The HistFactory likelihood at given parameters, from tensors prepared once per model.

Follows pyhf 0.7.6 (``pyhf/pdf.py``, ``pyhf/constraints.py``), and with it the HistFactory note
CERN-OPEN-2012-016: the rate of a sample is the product of its factors times (nominal + sum of its
histosys shifts); samples add up; nothing is clipped.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array, Float

from hone.histfactory.interpolation import code4, code4p_weight
from hone.histfactory.layout import Layout

__all__ = ["BARRIER", "Expansion", "Likelihood"]

BARRIER = 1e-10
"""Events that stand in for none in a bin when a minimum is searched; -ln L moves by about this."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Likelihood:
    """What evaluating a model needs: templates of the shifts, constraint widths and rates.

    All arrays are float64; sizes as in :class:`~hone.histfactory.layout.Layout`.
    """

    nominal: Float[Array, "S B"]
    symmetric: Float[Array, "H S B"]
    asymmetric: Float[Array, "H S B"]
    normsys: Float[Array, "8 N S C"]
    """Coefficients of the normsys factors; zero where there is none, which is a factor of 1."""
    sigma: Float[Array, " normals"]
    tau: Float[Array, " poissons"]
    layout: Layout = field(metadata={"static": True})

    def rates(self, pars: Float[Array, " P"]) -> Float[Array, " B"]:
        """Expected events in each bin; may be negative far outside the templates' range."""
        layout = self.layout
        alpha = pars[layout.histosys_par]
        shift = jnp.tensordot(alpha, self.symmetric, axes=1)
        shift += jnp.tensordot(code4p_weight(alpha)[0], self.asymmetric, axes=1)
        extended = jnp.append(pars, 1.0)
        cells = self.nominal + shift
        cells = cells * jnp.prod(extended[layout.factor_par], axis=0)
        if layout.normsys:
            factor = code4(pars[layout.normsys_par][:, None, None], self.normsys)[0]
            cells = cells * jnp.prod(factor, axis=0)[:, layout.channel_of_bin]
        return cells.sum(axis=0)

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
        main, aux = self._split(data)
        normal, poisson = self._constraint_terms(pars, aux)
        value = _poisson_logpdf(main, self.rates(pars)).sum()
        value += (-0.5 * normal**2 - jnp.log(self.sigma * jnp.sqrt(2 * jnp.pi))).sum()
        value += _poisson_logpdf(*poisson).sum()
        return value

    def nll(
        self,
        pars: Float[Array, " P"],
        data: Float[Array, " D"],
        barrier: Float[Array, ""] | float = BARRIER,
    ) -> Float[Array, ""]:
        """-ln L relative to the saturated model: zero where every term fits its datum exactly.

        Differs from ``-logpdf`` by a number that depends on data and constraint widths only, and
        keeps the digits that differences of likelihoods need; infinite where a rate is negative.

        A bin without events pulls its rate towards zero, and with interpolated templates beyond:
        the minimum then lies on the edge of what is allowed. So that it can be found and
        differentiated, such a bin counts as ``barrier`` events.
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
    ) -> "Expansion":
        """``nll`` with its gradient and Hessian, in closed form.

        With J the Jacobian of the rates, the Hessian is J^T diag(n / rate^2) J, plus the rates'
        own curvature weighted by 1 - n / rate, plus the curvature of the constraints. Written
        out, because a program of matrix products compiles several times faster than what
        ``jax.hessian`` makes of :meth:`nll`, and each fresh process pays for compiling.
        """
        layout = self.layout
        cells = self._cells(pars)
        rates = cells.value.sum(axis=0)
        jacobian = jnp.einsum("sb,sbp->bp", cells.factor, cells.scaled_slope)
        main, aux = self._split(data)
        main = _with_barrier(main, rates, barrier)
        normal, (counts, expected) = self._constraint_terms(pars, aux)
        value = _poisson_deviance(main, rates).sum()
        value += 0.5 * (normal**2).sum() + _poisson_deviance(counts, expected).sum()

        slope, curvature = _poisson_derivatives(main, rates)
        gradient = slope @ jacobian
        hessian = jacobian.T @ (curvature[:, None] * jacobian) + cells.curvature(slope)
        is_poisson = layout.aux_poisson
        normal_par, poisson_par = layout.aux_par[~is_poisson], layout.aux_par[is_poisson]
        slope, curvature = _poisson_derivatives(counts, expected)
        gradient = gradient.at[normal_par].add(-normal / self.sigma)
        gradient = gradient.at[poisson_par].add(slope * self.tau)
        hessian = hessian.at[normal_par, normal_par].add(self.sigma**-2.0)
        hessian = hessian.at[poisson_par, poisson_par].add(curvature * self.tau**2)
        return Expansion(value, gradient, hessian, rates, jacobian)

    def _cells(self, pars: Float[Array, " P"]) -> "_Cells":
        """Rates of all cells as factor times template, with logarithmic derivatives."""
        layout = self.layout
        alpha = pars[layout.histosys_par]
        weight, weight_slope, weight_curvature = code4p_weight(alpha)
        template = self.nominal + jnp.tensordot(alpha, self.symmetric, axes=1)
        template += jnp.tensordot(weight, self.asymmetric, axes=1)
        slopes = self.symmetric + weight_slope[:, None, None] * self.asymmetric
        curvatures = weight_curvature[:, None, None] * self.asymmetric
        # Matrix products with zeros and ones, not scatters: those compile and run far slower.
        of_histosys = np.eye(pars.size)[layout.histosys_par]
        template_slope = jnp.einsum("hsb,hp->sbp", slopes, of_histosys)
        template_curvature = jnp.einsum("hsb,hp->sbp", curvatures, of_histosys)

        # A factor of zero (the POI, above all) would divide by zero below: a number so small that
        # products of two of them are still representable stands in for it.
        safe = jnp.where(pars == 0, 1e-150, pars)
        count = jnp.asarray(layout.factor_count)
        factor = jnp.prod(jnp.append(safe, 1.0)[layout.factor_par], axis=0)
        log_slope = count / safe
        # count (count - 1) / par^2: second derivative of par^count over par^count.
        own_curvature = (count * (count - 1)) / safe**2
        if layout.normsys:
            f, f1, f2 = code4(pars[layout.normsys_par][:, None, None], self.normsys)
            factor *= jnp.prod(f, axis=0)[:, layout.channel_of_bin]
            of_normsys = np.eye(pars.size)[layout.normsys_par]
            first, second = (
                jnp.einsum("nsc,np->scp", ratio, of_normsys)[:, layout.channel_of_bin]
                for ratio in (f1 / f, f2 / f)
            )
            own_curvature += second + 2 * log_slope * first
            log_slope += first
        return _Cells(
            factor, template, template_slope, template_curvature, log_slope, own_curvature
        )

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
    """-ln L around some parameters, and the rates from which it comes."""

    value: Float[Array, ""]
    gradient: Float[Array, " P"]
    hessian: Float[Array, "P P"]
    rates: Float[Array, " B"]
    jacobian: Float[Array, "B P"]


class _Cells(NamedTuple):
    """Rates of the cells (sample, bin), each a factor times a template, and their derivatives."""

    factor: Float[Array, "S B"]
    template: Float[Array, "S B"]
    template_slope: Float[Array, "S B P"]
    template_curvature: Float[Array, "S B P"]
    """Second derivative; a shift depends on one parameter each, so there are no mixed ones."""
    log_slope: Float[Array, "S B P"]
    """First derivative of the factor, over the factor."""
    factor_curvature: Float[Array, "S B P"]
    """Second derivative of the factor in one parameter, over the factor."""

    @property
    def value(self) -> Float[Array, "S B"]:
        return self.factor * self.template

    @property
    def scaled_slope(self) -> Float[Array, "S B P"]:
        """First derivative of the rate, over the factor."""
        return self.template[..., None] * self.log_slope + self.template_slope

    def curvature(self, weight: Float[Array, " B"]) -> Float[Array, "P P"]:
        """Second derivative of the sum over cells of ``weight`` times the rate."""
        w = weight * self.factor
        mixed = jnp.einsum("sb,sbp,sbq->pq", w * self.template, self.log_slope, self.log_slope)
        cross = jnp.einsum("sb,sbp,sbq->pq", w, self.log_slope, self.template_slope)
        pure = self.template[..., None] * self.factor_curvature + self.template_curvature
        pure += 2 * self.log_slope * self.template_slope
        # On the diagonal the mixed terms are replaced: they hold squares of logarithmic slopes,
        # which are not what a second derivative in one parameter is.
        diagonal = jnp.einsum("sb,sbp->p", w, pure)
        return jnp.fill_diagonal(mixed + cross + cross.T, diagonal, inplace=False)


def _poisson_logpdf(n: Float[Array, "*shape"], rate: Float[Array, "*shape"]) -> Array:
    """ln of the Poisson density continued to real n, as pyhf's ``poisson_logpdf``."""
    possible, n_log_rate = _xlogy(n, rate)
    return jnp.where(possible, n_log_rate - rate - gammaln(n + 1.0), -jnp.inf)


def _poisson_deviance(n: Float[Array, "*shape"], rate: Float[Array, "*shape"]) -> Array:
    """ln Pois(n | n) - ln Pois(n | rate), in a form that is exact near rate = n.

    Below one event there is no useful saturated model: the terms that depend on the rate are left.
    """
    possible, n_log_rate = _xlogy(n, rate)
    positive = possible & (n > 0)
    ratio = jnp.where(positive, rate, 1.0) / jnp.where(positive, n, 1.0)
    value = jnp.where(positive, n * (ratio - 1 - jnp.log(ratio)), rate - n_log_rate)
    return jnp.where(possible, value, jnp.inf)


def _with_barrier(
    n: Float[Array, " B"], rate: Float[Array, " B"], barrier: Float[Array, ""] | float
) -> Float[Array, " B"]:
    """Data in which bins without events count as ``barrier``, unless their rate is zero too."""
    return jnp.where((n == 0) & (rate != 0), barrier, n)


def _poisson_derivatives(
    n: Float[Array, "*shape"], rate: Float[Array, "*shape"]
) -> tuple[Array, Array]:
    """First and second derivative of the deviance with respect to the rate."""
    per_rate = jnp.where(n != 0, n, 0.0) / jnp.where(rate != 0, rate, 1.0)
    return 1 - per_rate, per_rate / jnp.where(rate != 0, rate, 1.0)


def _xlogy(n: Float[Array, "*shape"], rate: Float[Array, "*shape"]) -> tuple[Array, Array]:
    """Where the density is not zero, and n ln(rate) there, with finite derivatives everywhere."""
    possible = (rate > 0) | ((rate == 0) & (n == 0))
    evaluated = (n != 0) & (rate > 0)
    log_rate = jnp.log(jnp.where(evaluated, rate, 1.0))
    return possible, jnp.where(evaluated, n, 0.0) * log_rate
