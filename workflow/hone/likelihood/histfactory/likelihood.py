"""The HistFactory likelihood at given parameters, from tensors prepared once per model.

Follows pyhf 0.7.6 (``pyhf/pdf.py``, ``pyhf/constraints.py``), and with it the HistFactory note
CERN-OPEN-2012-016: the rate of a sample is the product of its factors times (nominal + sum of its
histosys shifts); samples add up; nothing is clipped.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hone.likelihood.arrays import namespace, take, taken
from hone.likelihood.histfactory import expansion
from hone.likelihood.histfactory.arrow import Arrow, Rows
from hone.likelihood.histfactory.cells import appended, per_bin, side_of
from hone.likelihood.histfactory.expansion import Expansion
from hone.likelihood.histfactory.few_bins import FewBins
from hone.likelihood.histfactory.interpolation import Weights, histosys_weights, normsys_factor
from hone.likelihood.histfactory.layout import Layout
from hone.likelihood.histfactory.poisson import (
    BARRIER,
    poisson_derivatives,
    poisson_deviance,
    poisson_logpdf,
    with_barrier,
)
from hone.likelihood.histfactory.shapes import Shapes

__all__ = ["Likelihood"]

_UNROLLED = 16
"""Samples that JAX sums over one by one."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Likelihood:
    """Prepared tensors of a model: templates of the shifts, constraint widths and rates.

    All arrays are float64; sizes as in :class:`~hone.likelihood.histfactory.layout.Layout`. Methods
    take parameters and data of many fits, (*L, P) and (*L, D), of one model or of L models of one
    layout, whose tensors are stacked along a first axis.
    """

    nominal: Float[Array, "S B"]
    symmetric: Float[Array, "H S B"]
    asymmetric: Float[Array, "H S B"]
    """Templates of the shifts, zero where there is none."""
    normsys: Float[Array, "V 8"]
    """Coefficients of the normsys factors that there are, in the order of their cells (N, S, C)."""
    sigma: Float[Array, " normals"]
    tau: Float[Array, " poissons"]
    inverse_variance: Float[Array, " P"]
    """1 / sigma^2 of normally constrained parameters, 0 for others."""
    rate_per_unit: Float[Array, " P"]
    """tau of parameters constrained by a Poisson, 0 for others."""
    layout: Layout = field(metadata={"static": True})
    coupling: Float[Array, "R R"] | None = None
    """Of correlated constraints: inverse covariance, less that without correlation."""
    half_log_det: Float[Array, ""] | None = None
    """Half the logarithm of the determinant of the correlations."""

    @property
    def stacked(self) -> bool:
        """Whether these are many models."""
        return self.nominal.ndim > 2

    def of_fits(self, places: Any) -> "Likelihood":
        """Some of stacked models; one that is not stacked is that of all fits."""
        return jax.tree.map(lambda x: x[places], self) if self.stacked else self

    def repeated(self, times: int) -> "Likelihood":
        """Each of stacked models several times."""
        if not self.stacked:
            return self
        return jax.tree.map(lambda x: namespace(x).repeat(x, times, axis=0), self)

    def rates(self, pars: Float[Array, "*L P"]) -> Float[Array, "*L B"]:
        """Expected events in each bin; may be negative far outside the templates' range."""
        cells, side = self.factors(pars), side_of(pars)
        if self.layout.normsys:
            cells = cells * self.normsys_in_bins(self.normsys_factors(pars, side)[0])
        return (cells * self.templates(self.weights(pars, side))).sum(axis=-2)

    def weights(self, pars: Float[Array, "*L P"], side: Float[Array, "*L P"]) -> Weights:
        """Weights of the templates of each histosys."""
        place = self.layout.index["histosys_par"]
        return histosys_weights(self.layout.histosys_code, take(pars, place), take(side, place))

    def templates(self, weights: Weights) -> Float[Array, "*L S B"]:
        """Nominal yields and their shifts, before factors."""
        if not self.layout.histosys:
            return self.nominal
        symmetric, asymmetric = weights.symmetric[0], weights.asymmetric[0]
        if self.shapes is not None and namespace(symmetric) is np:
            return self.nominal + self.shapes.shifts(symmetric, asymmetric)
        xp = namespace(symmetric, self.symmetric)
        one, two = (
            xp.einsum("...h,...hsb->...sb", weight, templates)
            for weight, templates in ((symmetric, self.symmetric), (asymmetric, self.asymmetric))
        )
        return self.nominal + one + two

    @cached_property
    def shapes(self) -> Shapes | None:
        """Products with the templates by NumPy; None where they are JAX's, or of many models."""
        if self.stacked or namespace(self.symmetric, self.asymmetric) is not np:
            return None
        return Shapes(self.symmetric, self.asymmetric)

    def sum_samples(
        self, cells: Float[Array, "*L M S B"], slope: Float[Array, "*L H"]
    ) -> Float[Array, "*L M H B"]:
        """Sums over samples of the cells times the templates, the second with a ``slope``."""
        if self.shapes is not None and namespace(cells) is np:
            return self.shapes.sum_samples(cells, slope)
        xp, slopes, samples = namespace(cells, self.symmetric), self._slopes(slope), cells.shape[-2]
        if xp is jnp and samples <= _UNROLLED:
            # One loop of vectors: XLA's product with the bins as a batch takes five times as long.
            first, *others = (
                slopes[..., None, :, s, :] * cells[..., s, None, :] for s in range(samples)
            )
            return sum(others, start=first)
        return xp.einsum("...hsb,...msb->...mhb", slopes, cells)

    def sum_bins(
        self, cells: Float[Array, "*L S B"], slope: Float[Array, "*L H"]
    ) -> tuple[Float[Array, "*L H SK"], Float[Array, "*L H"]]:
        """The same sums in blocks of bins; and of the second template over all cells."""
        split = self.layout.split
        if self.shapes is not None and namespace(cells) is np:
            return self.shapes.sum_bins(cells, slope, split)
        of_blocks = split.sum_bins(self._slopes(slope), cells)
        flat = self.asymmetric.reshape(*self.asymmetric.shape[:-2], -1)
        in_total = (flat @ cells.reshape(*cells.shape[:-2], -1, 1))[..., 0]
        return of_blocks.reshape(*in_total.shape, -1), in_total

    def _slopes(self, slope: Float[Array, "*L H"]) -> Float[Array, "*L H S B"]:
        """The derivative of each histosys, with the slope of the weight of its second template."""
        return self.symmetric + slope[..., None, None] * self.asymmetric

    def normsys_factors(
        self, pars: Float[Array, "*L P"], side: Float[Array, "*L P"]
    ) -> tuple[Array, ...]:
        """Factors (*L, V) of each normsys that there is, with two derivatives."""
        code, place = self.layout.normsys_code, self.layout.index["normsys_alpha"]
        sign = take(side, place) if code == "code1" else side
        is_jax = namespace(self.normsys) is jnp
        each = jnp.moveaxis(self.normsys, -1, 0) if is_jax else self.normsys_orders
        return normsys_factor(code, take(pars, place), each, sign)

    @cached_property
    def normsys_orders(self) -> Any:
        """The coefficients (8, *L, V) by NumPy, each contiguous in memory."""
        return np.moveaxis(np.asarray(self.normsys), -1, 0).copy()

    def normsys_in_bins(self, factor: Float[Array, "*L V"]) -> Float[Array, "*L S B"]:
        """Their products in each cell."""
        layout = self.layout
        if layout.normsys_mask.all():
            each = factor.reshape(*factor.shape[:-1], *layout.normsys_mask.shape)
        else:
            each = taken(appended(factor, 1.0), layout.normsys_place)
        return per_bin(each.prod(axis=-3), layout)

    def factors(self, pars: Float[Array, "*L P"]) -> Float[Array, "*L S B"]:
        """Products of the parameters that multiply the cells."""
        return appended(pars, 1.0)[..., self.layout.factor_par].prod(axis=-3)

    def expected_auxdata(self, pars: Float[Array, "*L P"]) -> Float[Array, "*L A"]:
        """Expected auxiliary measurements: the parameter itself, or tau times it (shapesys)."""
        layout = self.layout
        return pars[..., layout.aux_par] * appended(self.tau, 1.0)[..., layout.tau_of_aux]

    def expected_data(self, pars: Float[Array, "*L P"]) -> Float[Array, "*L D"]:
        """Rates and expected auxiliary measurements in one vector, as data is ordered."""
        rates, aux = self.rates(pars), self.expected_auxdata(pars)
        xp = namespace(rates, aux)
        aux = xp.broadcast_to(aux, (*rates.shape[:-1], aux.shape[-1]))
        return xp.concatenate([rates, aux], axis=-1)

    def logpdf(self, pars: Float[Array, "*L P"], data: Float[Array, "*L D"]) -> Float[Array, "*L"]:
        """Natural logarithm of the density, minus infinity where a rate is negative."""
        bins, normal, poisson = self.logpdf_terms(pars, data)
        return bins + normal + poisson

    def logpdf_terms(
        self, pars: Float[Array, "*L P"], data: Float[Array, "*L D"]
    ) -> tuple[Float[Array, "*L"], Float[Array, "*L"], Float[Array, "*L"]]:
        """The same, of the bins, and of the auxiliary data with normal and Poisson constraints."""
        main, aux = self.apart(data)
        normal, poisson = self._constraint_terms(pars, aux)
        xp = namespace(pars, data, self.sigma)
        normals = (-0.5 * normal**2 - xp.log(self.sigma * np.sqrt(2 * np.pi))).sum(axis=-1)
        if self.coupling is not None:
            normals = normals - self._coupled(pars, aux)[0] - self.half_log_det
        return (
            poisson_logpdf(main, self.rates(pars)).sum(axis=-1),
            normals,
            poisson_logpdf(*poisson).sum(axis=-1),
        )

    def nll(
        self,
        pars: Float[Array, "*L P"],
        data: Float[Array, "*L D"],
        barrier: Float[Array, "*L"] | float = BARRIER,
    ) -> Float[Array, "*L"]:
        """-ln L relative to the saturated model: zero if every term describes its datum exactly.

        Differs from ``-logpdf`` by a constant that depends on data and constraint widths only, and
        preserves the digits of likelihood differences; infinite where a rate is negative.

        A bin without events pulls its rate to zero, and with interpolated templates to below zero:
        the minimum is then at the boundary of the allowed region. To find and differentiate it,
        ``barrier`` events are added to such a bin.
        """
        main, aux = self.apart(data)
        normal, poisson = self._constraint_terms(pars, aux)
        rates = self.rates(pars)
        bins = poisson_deviance(with_barrier(main, rates, barrier), rates).sum(axis=-1)
        normals = 0.5 * (normal**2).sum(axis=-1)
        if self.coupling is not None:
            normals = normals + self._coupled(pars, aux)[0]
        return bins + normals + poisson_deviance(*poisson).sum(axis=-1)

    def expansion(
        self,
        pars: Float[Array, "*L P"],
        data: Float[Array, "*L D"],
        barrier: Float[Array, "*L"] | float = BARRIER,
        side: Float[Array, "*L P"] | None = None,
    ) -> Expansion:
        """``nll`` with its gradient and Hessian, in closed form.

        At a kink of an interpolation at zero, derivatives are those on the ``side`` of the
        parameter (1 or -1; by default the positive one).

        With J the Jacobian of the rates, the Hessian is J^T diag(n / rate^2) J, plus the rates'
        curvature weighted by 1 - n / rate, plus the curvature of the constraints. In closed form it
        compiles several times faster than ``jax.hessian`` of :meth:`nll`. Factors are constant in
        blocks of bins, and two shapes have no second derivative: of one model, NumPy needs no
        other array of all of parameters, samples and bins than the templates.
        """
        return expansion.expand(self, pars, data, barrier, side)

    def information(
        self,
        pars: Float[Array, "*L P"],
        data: Float[Array, "*L D"],
        rates: Float[Array, "*L B"],
        jacobian: Rows,
    ) -> Arrow | FewBins:
        """The Hessian of -ln L that is expected of data of the ``rates`` at ``pars``.

        It is never negative, unlike that of the data. Of the constraints, that of the data. Many
        fits by NumPy, (L, P), of a model with many parameters in few bins are solved in the bins,
        :class:`.FewBins`; one fit, and all by JAX, as :class:`.Arrow`, the form of the Hessian.
        """
        return expansion.information(self, pars, data, rates, jacobian)

    def constraint_curvature(
        self, pars: Float[Array, "*L P"], data: Float[Array, "*L D"]
    ) -> Float[Array, "*L P"]:
        """Second derivative of -ln of the constraints, 0 for parameters without one."""
        return self.constraint(pars, self.apart(data)[1])[2]

    def constraint(
        self, pars: Float[Array, "*L P"], aux: Float[Array, "*L A"]
    ) -> tuple[Float[Array, "*L"], Float[Array, "*L P"], Float[Array, "*L P"]]:
        """-ln of the constraints: value, gradient, and the diagonal that is their Hessian."""
        layout, xp = self.layout, namespace(pars, aux, self.sigma)
        measured = appended(aux, 0.0)[..., layout.aux_of_par]
        pull = self.inverse_variance * (pars - measured)
        value = 0.5 * (pull * (pars - measured)).sum(axis=-1)
        if self.coupling is not None:
            more, slope = self._coupled(pars, aux)
            value, pull = value + more, pull + slope
        width = xp.broadcast_to(self.inverse_variance, pull.shape)
        if not layout.aux_poisson.any():
            return value, pull, width
        # Without a measurement: a rate of zero, with neither value nor derivative.
        slope, curvature = poisson_derivatives(measured, pars * self.rate_per_unit)
        is_poisson = layout.poisson_par
        slope = xp.where(is_poisson, slope * self.rate_per_unit, pull)
        curvature = xp.where(is_poisson, curvature * self.rate_per_unit**2, width)
        deviance = poisson_deviance(measured, pars * self.rate_per_unit)
        return value + xp.where(is_poisson, deviance, 0.0).sum(axis=-1), slope, curvature

    def _coupled(
        self, pars: Float[Array, "*L P"], aux: Float[Array, "*L A"]
    ) -> tuple[Float[Array, "*L"], Float[Array, "*L P"]]:
        """What correlations add to -ln of the constraints, and its gradient."""
        measured = appended(aux, 0.0)[..., self.layout.aux_of_par]
        slope = self.coupled(pars - measured)
        return 0.5 * (slope * (pars - measured)).sum(axis=-1), slope

    def coupled(self, vector: Float[Array, "*L P"]) -> Any:
        """What correlations of the constraints add to the Hessian, times a vector (*L, P)."""
        if self.coupling is None:
            return 0.0
        chosen = vector[..., list(self.layout.correlated)]
        found = (self.coupling @ chosen[..., None])[..., 0]
        return take(appended(found, 0.0), self.layout.correlated_row)

    def coupling_of_shared(self) -> Any:
        """The same Hessian, of shared parameters (*L, G, G)."""
        if self.coupling is None:
            return 0.0
        row = self.layout.correlated_row[self.layout.split.shared]
        chosen = (row[:, None] == np.arange(len(self.layout.correlated))).astype(float)
        return chosen @ self.coupling @ chosen.T

    def apart(self, data: Float[Array, "*L D"]) -> tuple[Float[Array, "*L B"], Array]:
        bins = self.nominal.shape[-1]
        return data[..., :bins], data[..., bins:]

    def _constraint_terms(
        self, pars: Float[Array, "*L P"], aux: Float[Array, "*L A"]
    ) -> tuple[Float[Array, "*L normals"], tuple[Array, Array]]:
        """Pulls of the normal constraints; counts and rates (*L, poissons) of the others."""
        layout = self.layout
        is_poisson = layout.aux_poisson
        normal_par, poisson_par = layout.aux_par[~is_poisson], layout.aux_par[is_poisson]
        normal = (aux[..., ~is_poisson] - pars[..., normal_par]) / self.sigma
        return normal, (aux[..., is_poisson], self.tau * pars[..., poisson_par])
