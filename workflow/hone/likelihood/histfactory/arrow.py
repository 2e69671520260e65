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
from scipy.linalg.blas import dgemm
from scipy.linalg.lapack import dgesv, dpotrf, dpotrs

from hone.likelihood.arrays import namespace, solve_positive, take, with_diagonal

if TYPE_CHECKING:
    from hone.likelihood.histfactory.layout import Layout

__all__ = ["Arrow", "Rows", "Solver"]

_SMALL = 12
"""Shared parameters of matrices of which many are faster solved side by side."""
_DIGITS = 1e-7
"""Pivots, relative to the diagonal, with which parameters are held after the factorisation."""


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

    def _solve_one_by_one(self, vector: Any, moving: Any, damping: Any) -> Any:
        """The same by LAPACK; some arrays may lack what others have of *L."""
        of_all = np.broadcast_shapes(self.own.shape[:-1], moving.shape[:-1], vector.shape[:-1])
        # Their number is said: without parameters of single bins NumPy cannot infer it.
        count, order = prod(of_all), self.layout.split.order

        def flat(array: Any, axes: int) -> Any:
            own = array.shape[array.ndim - axes :]
            return np.broadcast_to(array, (*of_all, *own)).reshape(count, *own)

        arrow = Arrow(flat(self.shared, 2), flat(self.mixed, 2), flat(self.own, 1), self.layout)
        solvers = Solver.of_each(arrow, flat(np.asarray(damping), 0))
        rows = zip(solvers, flat(vector, 1)[:, order], flat(moving, 1)[:, order], strict=True)
        found: Any = np.stack([solver.solve(*row) for solver, *row in rows])
        return found[:, self.layout.split.place].reshape(*of_all, -1)


class Solver:
    """Of one matrix by NumPy: solves again with fewer parameters moving, without a new factor.

    Vectors (P,) are in the order of shared and then the other parameters.
    """

    def __init__(self, shared: Any, mixed: Any, own: Any, damping: Any) -> None:
        self.shared, self.mixed, self.own = shared, mixed, own
        self.diagonal: Any = np.concatenate([shared.diagonal(), own])
        self.scale, self.damping = np.abs(self.diagonal), damping
        self.factor: _Factor | None = None

    @classmethod
    def of_each(cls, arrow: Arrow, damping: Float[Array, " L"]) -> list["Solver"]:
        """Of L matrices."""
        return [cls(*x) for x in zip(arrow.shared, arrow.mixed, arrow.own, damping, strict=True)]

    def times(self, vector: Float[Array, " P"]) -> Any:
        """The product of the matrix, without damping, with a vector."""
        one, two = vector[: len(self.shared)], vector[len(self.shared) :]
        found = self.shared @ one
        if not len(two):
            return found
        return np.concatenate([found + self.mixed @ two, one @ self.mixed + self.own * two])

    def solve(self, vector: Float[Array, " P"], moving: Bool[Array, " P"]) -> Any:
        """The solution with the damped matrix, see :meth:`Arrow.solve`."""
        if self.factor is None or not self.factor.serves(moving):
            # As :func:`_raised` does; what does not move is not in the factor.
            least = 1e-12 * self.scale.max(where=moving, initial=0.0) + 1e-300
            raised = self.diagonal + (self.damping + 1e-14) * np.maximum(self.scale, least)
            self.factor = _Factor(self.shared, self.mixed, raised, moving)
        return self.factor.solve_for(moving, vector)


class _Factor:
    """The Cholesky factor of one matrix in what moves, parameters of single bins eliminated.

    Parameters are in the order of shared and then the others; which of them may be most is held.
    """

    def __init__(self, shared: Any, mixed: Any, diagonal: Any, moving: Any) -> None:
        self.moving, (self.places,) = moving, moving.nonzero()
        self.count = np.count_nonzero(moving[: len(shared)])
        chosen, own = self.places[: self.count], self.places[self.count :]
        if self.count < len(shared):
            mixed = mixed.take(chosen, axis=0)
            shared = shared.take(chosen, axis=0).take(chosen, axis=1)
        else:
            shared = shared.copy()
        if len(own) < mixed.shape[1]:
            mixed = mixed.take(own - (len(moving) - mixed.shape[1]), axis=1)
        shared.reshape(-1)[:: self.count + 1] = diagonal[chosen]
        self.own, self.mixed = diagonal[own], mixed
        # Of further parameters that are held: columns of the inverse, and where each one is.
        self.column: Any = None
        self.inverse: Any = None
        self.failed, self.sound = bool(len(own) and self.own.min() <= 0), True
        if self.failed or not self.count:
            return
        # Transposes are in the order of BLAS.
        matrix = shared.T
        if len(own):
            both = (mixed / self.own).T, mixed.T
            matrix = dgemm(-1.0, *both, 1.0, matrix, trans_a=True, overwrite_c=True)
        # OpenBLAS takes twice as long for the upper factor.
        self.root, failed = dpotrf(matrix, lower=True, clean=False, overwrite_a=True)
        self.failed = bool(failed)
        self.sound = bool((self.root.diagonal() ** 2 > _DIGITS * diagonal[chosen]).all())

    def serves(self, moving: Any) -> bool:
        """Whether to hold a few more is all that is asked for, and rounding allows it."""
        if (moving > self.moving).any():
            return False
        more = len(self.places) - np.count_nonzero(moving)
        return more == 0 or bool(self.sound and not self.failed and 4 * more < self.count)

    def solve_for(self, moving: Any, vector: Any) -> Any:
        """Solve in the factor's parameters, of which some may not move."""
        if self.failed:
            return np.where(moving, np.nan, 0.0)
        # What pushes against a bound may be many times the rest, which would lose its digits.
        solution = self._solve(np.where(moving, vector, 0.0)[self.places])
        (held,) = (~moving[self.places]).nonzero()
        if len(held):
            # Forces on what is held, such that it stays.
            columns = self._columns(held)
            _, _, force, failed = dgesv(columns[held], solution[held])
            if failed:
                return np.where(moving, np.nan, 0.0)
            solution = solution - columns @ force
            solution[held] = 0.0
        found = np.zeros(len(vector))
        found[self.places] = solution
        return found

    def _columns(self, held: Any) -> Any:
        """Of the inverse matrix, kept for the next solution."""
        if self.column is None:
            self.column = np.full(len(self.places), -1)
            self.inverse = np.zeros((len(self.places), 0))
        new = held[self.column[held] < 0]
        if len(new):
            unit = np.zeros((len(self.places), len(new)))
            unit[new, np.arange(len(new))] = 1.0
            self.column[new] = np.arange(len(new)) + self.inverse.shape[1]
            self.inverse = np.hstack([self.inverse, self._solve(unit)])
        return self.inverse[:, self.column[held]]

    def _solve(self, right: Any) -> Any:
        one, two = right[: self.count], right[self.count :]
        if not len(two):
            return dpotrs(self.root, one, lower=True)[0] if self.count else right
        two = (two.T / self.own).T
        if self.count:
            one, _ = dpotrs(self.root, one - self.mixed @ two, lower=True)
            two = two - ((self.mixed.T @ one).T / self.own).T
        return np.concatenate([one, two])


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
        split, bins = self.layout.split, self.shared.shape[-1]
        xp = namespace(self.shared)
        own = xp.where(split.own_bins[:, None] == np.arange(bins), self.own[..., None], 0.0)
        return take(xp.concatenate([self.shared, own], axis=-2), split.index["place"], axis=-2)

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
