"""The expected information of many parameters in few bins, by NumPy."""

from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Array, Bool, Float, Int

from hone.likelihood.arrays import solve_positive, with_diagonal

if TYPE_CHECKING:
    from hone.likelihood.histfactory.layout import Layout

__all__ = ["FewBins", "has_few_bins"]

_SIDE_BY_SIDE = 12
"""Shared parameters whose matrices are solved side by side, which is faster than in the bins."""
_FOR_EACH_BIN = 4
"""Shared parameters for each bin from which bins are few."""
_WEAK = 1e-6
"""Part of the information that is a parameter's own, below which it is solved for in the bins."""


def has_few_bins(layout: "Layout") -> bool:
    """Whether equations for the bins are fewer, by much, than those for the parameters."""
    shared = len(layout.split.shared)
    few = shared > _SIDE_BY_SIDE and shared >= _FOR_EACH_BIN * layout.total_bins
    return few and not layout.correlated


class FewBins:
    """L matrices, each a diagonal and a product of as many columns as there are bins.

    What couples parameters is only as large as the number of bins (Woodbury's identity): equations
    are solved for these. Vectors (L, P) are in the order of shared and then the other parameters;
    methods are those of :class:`~.solver.OneByOne`.
    """

    small = False

    def __init__(
        self, diagonal: Float[Array, "L P"], columns: Float[Array, "L P B"], layout: "Layout"
    ) -> None:
        self.diagonal, self.columns, self.layout = diagonal, columns, layout
        self.scale: Any = diagonal + np.einsum("lpb,lpb->lp", columns, columns)
        self.damping: Any = np.zeros(len(diagonal))

    def solver(self, damping: Float[Array, " L"]) -> "FewBins":
        """The same with damping."""
        found = copy(self)
        found.damping = damping
        return found

    def at(self, places: Int[Array, " N"]) -> "FewBins":
        """Some of the matrices."""
        some = FewBins(self.diagonal[places], self.columns[places], self.layout)
        return some.solver(self.damping[places])

    def times(self, vector: Float[Array, "L P"]) -> Any:
        """The products of the matrices, without damping, with vectors."""
        in_bins = vector[:, None] @ self.columns
        return self.diagonal * vector + (self.columns @ in_bins.swapaxes(1, 2))[..., 0]

    def solve(self, vector: Float[Array, "L P"], moving: Bool[Array, "L P"]) -> Any:
        """The solutions with the damped matrices, see :meth:`.Arrow.solve`."""
        least = 1e-12 * self.scale.max(axis=1, where=moving, initial=0.0) + 1e-300
        scale = np.maximum(self.scale, least[:, None])
        raised = self.diagonal + (self.damping[:, None] + 1e-14) * scale
        # Parameters without a constraint are solved for with the bins.
        weak = moving & (raised < _WEAK * scale)
        right = np.where(moving, vector, 0.0)
        inverse = np.where(moving & ~weak, 1 / raised, 0.0)
        scaled = (self.columns * inverse[..., None]).swapaxes(1, 2)
        matrix = scaled @ self.columns
        np.einsum("lbb->lb", matrix)[...] += 1.0
        reduced = scaled @ right[..., None]
        (few,) = weak.any(axis=0).nonzero()
        chosen = weak[:, few]
        columns = np.where(chosen[..., None], self.columns[:, few], 0.0)
        both = np.concatenate([columns.swapaxes(1, 2), reduced], axis=2)
        both = np.linalg.solve(matrix, both)
        inner, found = columns @ both, np.zeros(chosen.shape)
        if len(few):
            own = np.einsum("lnn->ln", inner[..., :-1]) + np.where(chosen, raised[:, few], 1.0)
            matrix = with_diagonal(inner[..., :-1], own)
            found = solve_positive(matrix, np.where(chosen, right[:, few], 0.0) - inner[..., -1])
        in_bins = both @ np.concatenate([found, np.ones((len(found), 1))], axis=1)[..., None]
        solution = inverse * (right - (self.columns @ in_bins)[..., 0])
        solution[:, few] += np.where(chosen, found, 0.0)
        return solution
