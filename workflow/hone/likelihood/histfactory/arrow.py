"""Matrices in which only the parameters of single bins are many.

No two bins depend on the parameter of one: the Hessian of -ln L is an arrow, dense for the
parameters that bins share (:mod:`.split`), with a diagonal for the others.
"""

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Array, Bool, Float

from hone.likelihood.arrays import namespace, solve_positive, take, with_diagonal
from hone.likelihood.histfactory.solver import OneByOne, SideBySide

if TYPE_CHECKING:
    from hone.likelihood.histfactory.layout import Layout

__all__ = ["Arrow", "Rows"]

_SMALL = 12
"""Shared parameters of matrices of which many are faster solved side by side."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Arrow:
    """Symmetric matrices of the parameters, without entries between those of different bins."""

    shared: Float[Array, "*L G G"]
    mixed: Float[Array, "*L G E"]
    own: Float[Array, "*L E"]
    layout: "Layout" = field(metadata={"static": True})

    @classmethod
    def of(cls, matrix: Float[Array, "*L P P"], layout: "Layout") -> "Arrow":
        """The arrow in a full matrix."""
        split = layout.split
        shared, mixed = split.apart(take(matrix, split.index["shared"], axis=-2))
        return cls(shared, mixed, take(_diagonal(matrix), split.index["own"]), layout)

    def dense(self) -> Float[Array, "*L P P"]:
        """The full matrix, in the order of the parameters."""
        place, xp = self.layout.split.index["place"], namespace(self.own)
        own = self.own[..., None] * np.eye(self.own.shape[-1])
        upper = xp.concatenate([self.shared, self.mixed], axis=-1)
        lower = xp.concatenate([xp.swapaxes(self.mixed, -1, -2), own], axis=-1)
        full = xp.concatenate([upper, lower], axis=-2)
        return take(take(full, place, axis=-2), place)

    @property
    def small(self) -> bool:
        """Whether many are faster solved side by side than one by one."""
        return self.shared.shape[-1] <= _SMALL

    @property
    def diagonal(self) -> Float[Array, "*L P"]:
        return self.layout.split.joined(_diagonal(self.shared), self.own)

    def times(self, vector: Float[Array, "*L P"]) -> Float[Array, "*L P"]:
        """The product with a vector."""
        split = self.layout.split
        one, two = split.apart(vector)
        shared = (self.shared @ one[..., None] + self.mixed @ two[..., None])[..., 0]
        return split.joined(shared, (one[..., None, :] @ self.mixed)[..., 0, :] + self.own * two)

    def solve(
        self,
        vector: Float[Array, "*L P"],
        moving: Bool[Array, "*L P"],
        damping: Float[Array, "*L"] | float = 0.0,
    ) -> Float[Array, "*L P"]:
        """Solve for the moving parameters; zero for the others, NaN if not positive definite.

        Parameters of single bins are eliminated (Schur complement). ``damping`` is relative to the
        diagonal; a further 1e-14 regularises parameters without effect (e.g. a free factor on an
        empty bin), which then do not move.
        """
        split, xp = self.layout.split, namespace(vector, self.own)
        if xp is np and not self.small:
            return self._solve_one_by_one(vector, moving, damping)
        raised = _raised(self.diagonal, moving, damping)
        shared_raised, own = split.apart(raised)
        (shared_moving, own_moving), (one, two) = (
            split.apart(x) for x in (moving, xp.where(moving, vector, 0.0))
        )
        own = xp.where(own > 0, own, xp.nan)
        mixed = xp.where(shared_moving[..., None] & own_moving[..., None, :], self.mixed, 0.0)
        per_own = mixed / own[..., None, :]
        one = one - (per_own @ two[..., None])[..., 0]
        both = shared_moving[..., None] & shared_moving[..., None, :]
        matrix = with_diagonal(xp.where(both, self.shared, 0.0), shared_raised)
        one = solve_positive(matrix - per_own @ xp.swapaxes(mixed, -1, -2), one)
        two = two - (one[..., None, :] @ mixed)[..., 0, :]
        return split.joined(one, two / own)

    def solver(self, damping: Float[Array, " L"]) -> OneByOne | SideBySide:
        """Of L matrices by NumPy, for several solutions with each; :class:`.OneByOne`."""
        return SideBySide(self, damping) if self.small else OneByOne(self, damping)

    def _solve_one_by_one(self, vector: Any, moving: Any, damping: Any) -> Any:
        """The same by LAPACK; some arrays may lack what others have of *L."""
        of_all = np.broadcast_shapes(self.own.shape[:-1], moving.shape[:-1], vector.shape[:-1])
        # Their number is said: without parameters of single bins NumPy cannot infer it.
        count, order = prod(of_all), self.layout.split.order

        def flat(array: Any, axes: int) -> Any:
            own = array.shape[array.ndim - axes :]
            return np.broadcast_to(array, (*of_all, *own)).reshape(count, *own)

        arrow = Arrow(flat(self.shared, 2), flat(self.mixed, 2), flat(self.own, 1), self.layout)
        solver = OneByOne(arrow, flat(np.asarray(damping), 0))
        found = solver.solve(flat(vector, 1)[:, order], flat(moving, 1)[:, order])
        return found[:, self.layout.split.place].reshape(*of_all, -1)


def _raised(diagonal: Any, moving: Any, damping: Any) -> Any:
    """The diagonal with damping, and 1 for what does not move."""
    xp = namespace(diagonal, moving, damping)
    scale = xp.abs(diagonal)
    largest = xp.where(moving, scale, 0.0).max(axis=-1, keepdims=True)
    scale = xp.maximum(scale, 1e-12 * largest + 1e-300)
    return xp.where(moving, diagonal + (xp.asarray(damping)[..., None] + 1e-14) * scale, 1.0)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Rows:
    """Derivatives of B rates in the parameters, each bin's own parameter apart."""

    shared: Float[Array, "*L G B"]
    own: Float[Array, "*L E"]
    layout: "Layout" = field(metadata={"static": True})

    def dense(self) -> Float[Array, "*L P B"]:
        """The full Jacobian, in the order of the parameters."""
        return take(self.in_order(), self.layout.split.index["place"], axis=-2)

    def in_order(self) -> Float[Array, "*L P B"]:
        """The same in the order of shared and then the other parameters."""
        split, bins = self.layout.split, self.shared.shape[-1]
        xp = namespace(self.shared)
        own = xp.where(split.own_bins[:, None] == np.arange(bins), self.own[..., None], 0.0)
        return xp.concatenate([self.shared, own], axis=-2)

    def times(self, slope: Float[Array, "*L B"]) -> Float[Array, "*L P"]:
        """Derivatives of what has this ``slope`` in each rate."""
        split = self.layout.split
        of_shared = (self.shared @ slope[..., None])[..., 0]
        return split.joined(of_shared, self.own * split.with_own(slope))

    def change(self, step: Float[Array, "*L P"]) -> Float[Array, "*L B"]:
        """First-order change of the rates in a step of the parameters."""
        split = self.layout.split
        shared, own = split.apart(step)
        return (shared[..., None, :] @ self.shared)[..., 0, :] + split.in_bins(own * self.own)


def _diagonal(matrix: Float[Array, "*L G G"]) -> Float[Array, "*L G"]:
    return namespace(matrix).diagonal(matrix, axis1=-2, axis2=-1)
