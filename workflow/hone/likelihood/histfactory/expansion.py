"""-ln L with its gradient and Hessian in closed form, and the expected Hessian."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float

from hone.likelihood.arrays import namespace, spread, take, taken, with_diagonal
from hone.likelihood.histfactory.arrow import Arrow, Rows
from hone.likelihood.histfactory.cells import appended, side_of
from hone.likelihood.histfactory.few_bins import FewBins, has_few_bins
from hone.likelihood.histfactory.layout import Layout
from hone.likelihood.histfactory.poisson import (
    poisson_derivatives,
    poisson_deviance,
    with_barrier,
)

if TYPE_CHECKING:
    from hone.likelihood.histfactory.likelihood import Likelihood

__all__ = ["Expansion", "expand", "information"]


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


def expand(
    likelihood: "Likelihood",
    pars: Float[Array, "*L P"],
    data: Float[Array, "*L D"],
    barrier: Float[Array, "*L"] | float,
    side: Float[Array, "*L P"] | None,
) -> Expansion:
    """See :meth:`.Likelihood.expansion`."""
    layout, split = likelihood.layout, likelihood.layout.split
    xp = namespace(pars, data, likelihood.nominal)
    side = side_of(pars) if side is None else xp.where(layout.kinked, side, side_of(pars))
    weights = likelihood.weights(pars, side)
    slope_of_weight = weights.asymmetric[1]
    template = likelihood.templates(weights)
    # A factor of zero (e.g. the POI) would lead to a division by zero below. It is replaced by
    # a number so small that it does not matter, but whose square is representable.
    safe = xp.where(xp.abs(pars) < 1e-150, 1e-150, pars)
    shared, own = split.apart(safe)
    factor = likelihood.factors(safe)
    # Derivative of the factor in one shared parameter, over the factor: of powers, and in total.
    per_unit = 1 / shared[..., None, None]
    first: Any = split.power * per_unit
    of_powers: Any = first
    if layout.normsys:
        f, f1, f2 = likelihood.normsys_factors(pars, side)
        factor = factor * likelihood.normsys_in_bins(f)
        ratio = _of_shared(layout, f1 / f)
        first = of_powers + ratio
    # The same of the parameter of one bin.
    per_own = split.own_power / own[..., None, :]
    own_factor = split.with_own(factor) * per_own
    own_cells = own_factor * split.with_own(template)

    cells = factor * template
    rates = cells.sum(axis=-2)
    # Cells with a factor of zero are zero.
    rates = xp.where(xp.abs(rates) < 1e-100, 0.0, rates)
    main, aux = likelihood.apart(data)
    main = with_barrier(main, rates, barrier)
    slope, curvature = poisson_derivatives(main, rates)

    def with_own_part(total: Array, of_own: Array) -> Array:
        """Of all parameters, and of the bins' own."""
        return xp.stack([total, split.in_bins(of_own)], axis=-3)

    of_cells = split.sum_samples(first[..., None, :, :, :], with_own_part(cells, own_cells))
    if layout.histosys:
        of_shapes = likelihood.sum_samples(with_own_part(factor, own_factor), slope_of_weight)
        of_cells = of_cells + _shape_rows(layout, of_shapes)
    jacobian = of_cells[..., 0, :, :]
    rows = Rows(jacobian, own_cells.sum(axis=-2), layout)
    constraint = likelihood.constraint(pars, aux)
    gradient = rows.times(slope) + constraint[1]
    value = poisson_deviance(main, rates).sum(axis=-1) + constraint[0]

    # Second derivative of the factor in one shared parameter, over the factor. NumPy changes what
    # is made here in place.
    second: Any = of_powers * per_unit
    second *= split.power - 1
    if layout.normsys:
        second += _of_shared(layout, f2 / f)
        ratio2: Any = 2 * of_powers
        ratio2 *= ratio
        second += ratio2
    # Second derivatives of the rates, contracted with the slope, are a sum of products of rows.
    # That of logarithmic slopes is correct for two different parameters; the diagonal is
    # replaced.
    weighted = slope[..., None, :] * factor
    blocks = split.sum_in_blocks(weighted * template)
    flat = first.reshape(*first.shape[:-2], -1)
    left, right = [flat * blocks.reshape(*blocks.shape[:-2], 1, -1)], [flat]
    second *= blocks[..., None, :, :]
    diagonal = second.sum(axis=(-2, -1))
    if layout.histosys:
        of_blocks, in_total = likelihood.sum_bins(weighted, slope_of_weight)
        pure = weights.asymmetric[2] * in_total
        both = _shape_rows(layout, xp.concatenate([of_blocks, pure[..., None]], axis=-1))
        shift, pure = both[..., :-1], both[..., -1]
        left, right = [left[0] + shift, flat], [flat, shift]
        diagonal = diagonal + 2 * (shift * flat).sum(axis=-1) + pure

    of_shared, of_own = split.apart(constraint[2])
    curved_rows = jacobian * curvature[..., None, :]
    diagonal = diagonal + of_shared + (jacobian * curved_rows).sum(axis=-1)
    left, right = (xp.concatenate(x, axis=-1) for x in ([*left, curved_rows], [*right, jacobian]))
    of_all_shared = with_diagonal(left @ xp.swapaxes(right, -1, -2), diagonal, overwrite=True)
    own_slope, own_curvature = split.with_own(slope), split.with_own(curvature)
    hessian = Arrow(
        of_all_shared
        if likelihood.coupling is None
        else of_all_shared + likelihood.coupling_of_shared(),
        split.with_own(jacobian) * (own_curvature * rows.own)[..., None, :]
        + split.with_own(of_cells[..., 1, :, :]) * own_slope[..., None, :],
        own_curvature * rows.own**2
        + own_slope * (own_cells * (split.own_power - 1)).sum(axis=-2) / own
        + of_own,
        layout,
    )
    across = gradient
    if layout.kinked.any():
        jump: Any = 0 * shared
        if layout.histosys:
            other = likelihood.weights(pars, -side).asymmetric[1] - slope_of_weight
            jump = jump + _shape_rows(layout, (other * in_total)[..., None])[..., 0]
        if layout.normsys:
            g, g1, _ = likelihood.normsys_factors(pars, -side)
            change = _of_shared(layout, g1 / g - f1 / f) * blocks[..., None, :, :]
            jump = jump + change.sum(axis=(-2, -1))
        across = across + split.joined(jump, 0 * own)
    return Expansion(value, gradient, across, hessian, rates, rows)


def information(
    likelihood: "Likelihood",
    pars: Float[Array, "*L P"],
    data: Float[Array, "*L D"],
    rates: Float[Array, "*L B"],
    jacobian: Rows,
) -> Arrow | FewBins:
    """See :meth:`.Likelihood.information`."""
    split, xp = likelihood.layout.split, namespace(pars, data, rates)
    positive = rates > 0
    curvature = xp.where(positive, 1 / xp.where(positive, rates, 1.0), 0.0)
    of_shared, of_own = split.apart(likelihood.constraint_curvature(pars, data))
    if xp is np and pars.ndim == 2 and has_few_bins(likelihood.layout):
        columns: Any = jacobian.in_order() * np.sqrt(curvature)[:, None]
        constraints: Any = np.concatenate([of_shared, of_own], axis=1)
        return FewBins(constraints, columns, likelihood.layout)
    own = split.with_own(curvature) * jacobian.own
    weighted = jacobian.shared * curvature[..., None, :]
    shared = weighted @ xp.swapaxes(jacobian.shared, -1, -2)
    diagonal = shared.diagonal(axis1=-2, axis2=-1) + of_shared
    shared = with_diagonal(shared, diagonal, overwrite=True)
    return Arrow(
        shared if likelihood.coupling is None else shared + likelihood.coupling_of_shared(),
        split.with_own(jacobian.shared) * own[..., None, :],
        own * jacobian.own + of_own,
        likelihood.layout,
    )


def _of_shared(layout: Layout, x: Float[Array, "*L V"]) -> Float[Array, "*L G S K"]:
    """Values of each normsys at the shared parameters and blocks, zero where there is none."""
    return taken(appended(x, 0.0), layout.normsys_of_shared)


def _shape_rows(layout: Layout, x: Float[Array, "*L H N"]) -> Float[Array, "*L G N"]:
    """Rows of each histosys at the shared parameters, zero where there is none."""
    places, rows = layout.histosys_of_shared
    return spread(take(x, rows, axis=-2), places, len(layout.split.shared))
