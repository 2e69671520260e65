"""The HistFactory likelihood at given parameters, from tensors prepared once per model.

Follows pyhf 0.7.6 (``pyhf/pdf.py``, ``pyhf/constraints.py``), and with it the HistFactory note
CERN-OPEN-2012-016: the rate of a sample is the product of its factors times (nominal + sum of its
histosys shifts); samples add up; nothing is clipped.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from hone.likelihood.arrays import namespace, take, taken, with_diagonal
from hone.likelihood.histfactory.arrow import Arrow, Rows
from hone.likelihood.histfactory.interpolation import Weights, histosys_weights, normsys_factor
from hone.likelihood.histfactory.layout import Layout
from hone.likelihood.histfactory.poisson import (
    BARRIER,
    poisson_derivatives,
    poisson_deviance,
    poisson_logpdf,
    with_barrier,
)

__all__ = ["Expansion", "Likelihood"]


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
        cells, side = self._factors(pars), _side(pars)
        if self.layout.normsys:
            cells = cells * self._normsys_in_bins(self._normsys(pars, side)[0])
        return (cells * self._templates(self._weights(pars, side))).sum(axis=-2)

    def _weights(self, pars: Float[Array, "*L P"], side: Float[Array, "*L P"]) -> Weights:
        """Weights of the templates of each histosys."""
        place = self.layout.index["histosys_par"]
        return histosys_weights(self.layout.histosys_code, take(pars, place), take(side, place))

    def _templates(self, weights: Weights) -> Float[Array, "*L S B"]:
        """Nominal yields and their shifts, before factors."""
        if not self.layout.histosys:
            return self.nominal
        xp = namespace(weights.symmetric[0], self.symmetric)
        one, two = (
            xp.einsum("...h,...hsb->...sb", weight, templates)
            for weight, templates in (
                (weights.symmetric[0], self.symmetric),
                (weights.asymmetric[0], self.asymmetric),
            )
        )
        return self.nominal + one + two

    def _normsys(self, pars: Float[Array, "*L P"], side: Float[Array, "*L P"]) -> tuple[Array, ...]:
        """Factors (*L, V) of each normsys that there is, with two derivatives."""
        alpha, sign = (take(x, self.layout.index["normsys_alpha"]) for x in (pars, side))
        return normsys_factor(self.layout.normsys_code, alpha, self.normsys, sign)

    def _normsys_in_bins(self, factor: Float[Array, "*L V"]) -> Float[Array, "*L S B"]:
        """Their products in each cell."""
        layout = self.layout
        if layout.normsys_mask.all():
            each = factor.reshape(*factor.shape[:-1], *layout.normsys_mask.shape)
        else:
            each = taken(_appended(factor, 1.0), layout.normsys_place)
        return _per_bin(each.prod(axis=-3), layout)

    def _factors(self, pars: Float[Array, "*L P"]) -> Float[Array, "*L S B"]:
        """Products of the parameters that multiply the cells."""
        return _appended(pars, 1.0)[..., self.layout.factor_par].prod(axis=-3)

    def expected_auxdata(self, pars: Float[Array, "*L P"]) -> Float[Array, "*L A"]:
        """Expected auxiliary measurements: the parameter itself, or tau times it (shapesys)."""
        layout = self.layout
        return pars[..., layout.aux_par] * _appended(self.tau, 1.0)[..., layout.tau_of_aux]

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
        main, aux = self._split(data)
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
        main, aux = self._split(data)
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
        xp = namespace(pars, data, self.nominal)
        side = _side(pars) if side is None else xp.where(layout.kinked, side, _side(pars))
        weights = self._weights(pars, side)
        _, slope_of_weight, curvature_of_weight = weights.asymmetric
        template = self._templates(weights)
        # A factor of zero (e.g. the POI) would lead to a division by zero below. It is replaced by
        # a number so small that it does not matter, but whose square is representable.
        safe = xp.where(xp.abs(pars) < 1e-150, 1e-150, pars)
        shared, own = split.apart(safe)
        factor = self._factors(safe)
        # First and second derivative of the factor in one shared parameter, over the factor. NumPy
        # changes what is made here in place.
        per_unit = 1 / shared[..., None, None]
        first: Any = split.power * per_unit
        second: Any = first * per_unit
        second *= split.power - 1
        if layout.normsys:
            f, f1, f2 = self._normsys(pars, side)
            factor = factor * self._normsys_in_bins(f)
            ratio, ratio2 = (self._of_shared(x / f) for x in (f1, f2))
            second += ratio2
            ratio2 = 2 * first
            ratio2 *= ratio
            second += ratio2
            first += ratio
        # The same of the parameter of one bin.
        per_own = split.own_power / own[..., None, :]
        own_factor = split.with_own(factor) * per_own
        own_cells = own_factor * split.with_own(template)

        cells = factor * template
        rates = cells.sum(axis=-2)
        # Cells with a factor of zero are zero.
        rates = xp.where(xp.abs(rates) < 1e-100, 0.0, rates)
        main, aux = self._split(data)
        main = with_barrier(main, rates, barrier)
        slope, curvature = poisson_derivatives(main, rates)
        own_slope, own_curvature = split.with_own(slope), split.with_own(curvature)
        weighted = slope[..., None, :] * factor

        jacobian = split.sum_samples(first, cells)
        own_jacobian = own_cells.sum(axis=-2)
        mixed = split.with_own(split.sum_samples(first, split.in_bins(own_cells)))
        # Second derivatives of the rates, contracted with the slope, are a sum of products of rows.
        # That of logarithmic slopes is correct for two different parameters; the diagonal is
        # replaced.
        blocks = split.sum_in_blocks(weighted * template)
        flat = first.reshape(*first.shape[:-2], -1)
        left, right = [flat * blocks.reshape(*blocks.shape[:-2], 1, -1)], [flat]
        second *= blocks[..., None, :, :]
        diagonal = second.sum(axis=(-2, -1))
        if layout.histosys:
            slopes = slope_of_weight[..., None]

            def rows(cells: Array) -> Array:
                """The sum over samples of the slope of each shape times its cells."""
                one, two = (
                    xp.einsum("...hsb,...sb->...hb", x, cells)
                    for x in (self.symmetric, self.asymmetric)
                )
                return one + slopes * two

            jacobian = jacobian + self._shape_rows(rows(factor))
            of_own = split.with_own(rows(split.in_bins(own_factor)))
            mixed = mixed + self._shape_rows(of_own)
            one, two = (split.sum_bins(x, weighted) for x in (self.symmetric, self.asymmetric))
            shift = (one + slopes[..., None] * two).reshape(*slopes.shape[:-1], flat.shape[-1])
            shift = self._shape_rows(shift)
            left, right = [left[0] + shift, flat], [flat, shift]
            pure = self._shape_rows((curvature_of_weight * two.sum(axis=(-2, -1)))[..., None])
            diagonal = diagonal + 2 * (shift * flat).sum(axis=-1) + pure[..., 0]

        constraint = self._constraint(pars, aux)
        of_shared, of_own = split.apart(constraint[2])
        curved = jacobian * curvature[..., None, :]
        diagonal = diagonal + of_shared + (jacobian * curved).sum(axis=-1)
        left, right = (xp.concatenate(x, axis=-1) for x in ([*left, curved], [*right, jacobian]))
        of_all_shared = with_diagonal(left @ xp.swapaxes(right, -1, -2), diagonal, overwrite=True)
        hessian = Arrow(
            of_all_shared if self.coupling is None else of_all_shared + self._coupling(),
            split.with_own(jacobian) * (own_curvature * own_jacobian)[..., None, :]
            + mixed * own_slope[..., None, :],
            own_curvature * own_jacobian**2
            + own_slope * (own_cells * (split.own_power - 1)).sum(axis=-2) / own
            + of_own,
            layout,
        )
        of_rates = Rows(jacobian, own_jacobian, layout)
        gradient = of_rates.times(slope) + constraint[1]
        across = gradient
        if layout.kinked.any():
            jump: Any = 0 * shared
            if layout.histosys:
                other = self._weights(pars, -side).asymmetric[1] - slope_of_weight
                shapes = self._shape_rows((other * two.sum(axis=(-2, -1)))[..., None])
                jump = jump + shapes[..., 0]
            if layout.normsys:
                g, g1, _ = self._normsys(pars, -side)
                change = self._of_shared(g1 / g - f1 / f) * blocks[..., None, :, :]
                jump = jump + change.sum(axis=(-2, -1))
            across = across + split.joined(jump, 0 * own)
        value = poisson_deviance(main, rates).sum(axis=-1) + constraint[0]
        return Expansion(value, gradient, across, hessian, rates, of_rates)

    def gradient(
        self,
        pars: Float[Array, "*L P"],
        data: Float[Array, "*L D"],
        rates: Float[Array, "*L B"],
        jacobian: Rows,
    ) -> Float[Array, "*L P"]:
        """Of ``nll`` at ``pars``, where the ``rates`` and their derivatives are known.

        No bin may be without events and a rate: there is no barrier.
        """
        main, aux = self._split(data)
        slope, _ = poisson_derivatives(main, rates)
        found: Any = jacobian.times(slope) + self._constraint(pars, aux)[1]
        return found

    def information(
        self,
        pars: Float[Array, "*L P"],
        data: Float[Array, "*L D"],
        rates: Float[Array, "*L B"],
        jacobian: Rows,
    ) -> Arrow:
        """The Hessian of -ln L that is expected of data of the ``rates`` at ``pars``.

        It is never negative, unlike that of the data. Of the constraints, that of the data.
        """
        split, xp = self.layout.split, namespace(pars, data, rates)
        positive = rates > 0
        curvature = xp.where(positive, 1 / xp.where(positive, rates, 1.0), 0.0)
        own = split.with_own(curvature) * jacobian.own
        of_shared, of_own = split.apart(self.constraint_curvature(pars, data))
        weighted = jacobian.shared * curvature[..., None, :]
        return Arrow(
            weighted @ xp.swapaxes(jacobian.shared, -1, -2)
            + of_shared[..., None] * np.eye(of_shared.shape[-1])
            + self._coupling(),
            split.with_own(jacobian.shared) * own[..., None, :],
            own * jacobian.own + of_own,
            self.layout,
        )

    def constraint_curvature(
        self, pars: Float[Array, "*L P"], data: Float[Array, "*L D"]
    ) -> Float[Array, "*L P"]:
        """Second derivative of -ln of the constraints, 0 for parameters without one."""
        return self._constraint(pars, self._split(data)[1])[2]

    def _of_shared(self, x: Float[Array, "*L V"]) -> Float[Array, "*L G S K"]:
        """Values of each normsys at the shared parameters and blocks, zero where there is none."""
        return taken(_appended(x, 0.0), self.layout.normsys_of_shared)

    def _shape_rows(self, x: Float[Array, "*L H N"]) -> Float[Array, "*L G N"]:
        """Rows of each histosys at the shared parameters, zero where there is none."""
        xp = namespace(x)
        x = xp.concatenate([x, xp.zeros_like(x[..., :1, :])], axis=-2)
        return take(x, self.layout.split.index["histosys_row"], axis=-2)

    def _constraint(
        self, pars: Float[Array, "*L P"], aux: Float[Array, "*L A"]
    ) -> tuple[Float[Array, "*L"], Float[Array, "*L P"], Float[Array, "*L P"]]:
        """-ln of the constraints: value, gradient, and the diagonal that is their Hessian."""
        layout, xp = self.layout, namespace(pars, aux, self.sigma)
        measured = _appended(aux, 0.0)[..., layout.aux_of_par]
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
        measured = _appended(aux, 0.0)[..., self.layout.aux_of_par]
        slope = self.coupled(pars - measured)
        return 0.5 * (slope * (pars - measured)).sum(axis=-1), slope

    def coupled(self, vector: Float[Array, "*L P"]) -> Any:
        """What correlations of the constraints add to the Hessian, times a vector (*L, P)."""
        if self.coupling is None:
            return 0.0
        chosen = vector[..., list(self.layout.correlated)]
        found = (self.coupling @ chosen[..., None])[..., 0]
        return take(_appended(found, 0.0), self.layout.correlated_row)

    def _coupling(self) -> Any:
        """The same Hessian, of shared parameters (*L, G, G)."""
        if self.coupling is None:
            return 0.0
        row = self.layout.correlated_row[self.layout.split.shared]
        chosen = (row[:, None] == np.arange(len(self.layout.correlated))).astype(float)
        return chosen @ self.coupling @ chosen.T

    def _split(self, data: Float[Array, "*L D"]) -> tuple[Float[Array, "*L B"], Array]:
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


class Expansion(NamedTuple):
    """-ln L and its derivatives at given parameters, and the rates."""

    value: Float[Array, "*L"]
    gradient: Float[Array, "*L P"]
    across: Float[Array, "*L P"]
    """The gradient on the other side of zero, for parameters at a kink there."""
    hessian: Arrow
    rates: Float[Array, "*L B"]
    jacobian: Rows
    """Derivative of each rate in each parameter."""

    @classmethod
    def zero(cls, layout: Layout, fits: int, xp: Any) -> "Expansion":
        """All zero, of a number of fits."""
        bins, shared, own = layout.total_bins, len(layout.split.shared), len(layout.split.own)

        def zeros(*shape: int) -> Array:
            found: Array = xp.zeros((fits, *shape))
            return found

        return cls(
            zeros(), zeros(layout.npars), zeros(layout.npars),
            Arrow(zeros(shared, shared), zeros(shared, own), zeros(own), layout),
            zeros(bins), Rows(zeros(shared, bins), zeros(own), layout),
        )  # fmt: skip


def _side(pars: Float[Array, "*L P"]) -> Float[Array, "*L P"]:
    """The sign of each parameter for interpolations; positive for zero."""
    return namespace(pars).where(pars >= 0, 1.0, -1.0)


def _appended(x: Float[Array, "*L N"], value: float) -> Float[Array, "*L M"]:
    """With one more entry at the end of the last axis."""
    xp = namespace(x)
    return xp.concatenate([x, xp.full((*x.shape[:-1], 1), value)], axis=-1)


def _per_bin(x: Float[Array, "*shape C"], layout: Layout) -> Float[Array, "*shape B"]:
    """Values per channel, repeated for each of its bins."""
    if len(layout.nbins) == 1:
        return namespace(x).broadcast_to(x, (*x.shape[:-1], layout.total_bins))
    return take(x, layout.index["channel_of_bin"])
