"""Equations of many matrices by NumPy, solved again and again with other parameters moving."""

from copy import copy
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int
from scipy.linalg.blas import dgemm
from scipy.linalg.lapack import dgesv, dpotrf, dpotrs

if TYPE_CHECKING:
    from hone.likelihood.histfactory.arrow import Arrow

__all__ = ["OneByOne", "SideBySide"]

_DIGITS = 1e-7
"""Pivots, relative to the diagonal, with which parameters are held after the factorisation."""

_FEW = 8
"""Parts of the parameters of which one may be held without an own matrix of the others."""
_STIFF = 1e300
"""On the diagonal of what is held: its root is 1e150, what it adds to others below their digits."""


class SideBySide:
    """Of L small matrices, all at once; see :meth:`.Arrow.solve`."""

    def __init__(self, arrow: "Arrow", damping: Float[Array, " L"]) -> None:
        self.arrow, self.damping = arrow, damping

    def at(self, places: Int[Array, " N"]) -> "SideBySide":
        """Of some of the matrices."""
        return SideBySide(*jax.tree.map(lambda x: x[places], (self.arrow, self.damping)))

    def times(self, vector: Float[Array, "L P"]) -> Any:
        """The products of the matrices, without damping, with vectors."""
        return self.arrow.times(vector)

    def solve(self, vector: Float[Array, "L P"], moving: Bool[Array, "L P"]) -> Any:
        """The solutions with the damped matrices."""
        return self.arrow.solve(vector, moving, self.damping)


class OneByOne:
    """The same of larger matrices by LAPACK; with fewer parameters moving, without new factors.

    Vectors are in the order of shared and then the other parameters.
    """

    def __init__(self, arrow: "Arrow", damping: Float[Array, " L"]) -> None:
        shared = arrow.shared.diagonal(axis1=1, axis2=2)
        diagonal: Any = np.concatenate([shared, arrow.own], axis=1)
        # Each apart, for the processor's cache.
        self.matrices = list(zip(arrow.shared, arrow.mixed, arrow.own, strict=True))
        self.diagonals: list[Any] = list(zip(diagonal, np.abs(diagonal), damping, strict=True))
        self.factors: list[Any] = [None] * len(damping)

    def at(self, places: Int[Array, " N"]) -> "OneByOne":
        """Of some of the matrices."""
        some = copy(self)
        some.matrices = [self.matrices[k] for k in places]
        some.diagonals = [self.diagonals[k] for k in places]
        some.factors = [self.factors[k] for k in places]
        return some

    def times(self, vector: Float[Array, "L P"]) -> Any:
        """The products of the matrices, without damping, with vectors."""
        found = np.empty_like(vector)
        for right, product, (shared, mixed, own) in zip(vector, found, self.matrices, strict=True):
            count = len(shared)
            if not len(own):
                np.matmul(shared, right, out=product)
                continue
            one, two = right[:count], right[count:]
            product[:count] = shared @ one + mixed @ two
            product[count:] = one @ mixed + own * two
        return found

    def solve(self, vector: Float[Array, "L P"], moving: Bool[Array, "L P"]) -> Any:
        """The solutions with the damped matrices, see :meth:`.Arrow.solve`."""
        # What pushes against a bound may be many times the rest, which would lose its digits.
        right: Any = np.where(moving, vector, 0.0)
        found = np.empty_like(right)
        for k, (row, of_row) in enumerate(zip(right, moving, strict=True)):
            factor = self.factors[k]
            if factor is None or not factor.serves(of_row):
                factor = _Factor(*self.matrices[k][:2], self._raised(k, of_row), of_row)
                self.factors[k] = factor
            found[k] = factor.solve_for(of_row, row)
        return np.where(moving, found, 0.0)

    def _raised(self, place: int, moving: Any) -> Any:
        """The diagonal with damping, as in :meth:`.Arrow.solve`."""
        diagonal, scale, damping = self.diagonals[place]
        least = 1e-12 * scale.max(where=moving, initial=0.0) + 1e-300
        return diagonal + (damping + 1e-14) * np.maximum(scale, least)


class _Factor:
    """The Cholesky factor of one matrix in what moves, parameters of single bins eliminated.

    Parameters are in the order of shared and then the others; which of them may be most is held:
    where it is a few, they stay in the matrix, so stiff that no force moves them.
    """

    def __init__(self, shared: Any, mixed: Any, diagonal: Any, moving: Any) -> None:
        self.moving, self.places, self.count = moving, slice(None), len(shared)
        (held,) = (~moving).nonzero()
        if _FEW * len(held) > len(moving):
            (self.places,) = moving.nonzero()
            both = moving[: self.count], moving[self.count :]
            chosen, own = (part.nonzero()[0] for part in both)
            self.count = len(chosen)
            shared = shared.take(chosen, axis=0).take(chosen, axis=1)
            mixed, diagonal = mixed.take(chosen, axis=0).take(own, axis=1), diagonal[self.places]
        else:
            shared = shared.copy()
            if len(held):
                diagonal = np.where(moving, diagonal, _STIFF)
        self.size = len(diagonal)
        shared.reshape(-1)[:: self.count + 1] = diagonal[: self.count]
        self.own, self.mixed, self.diagonal = diagonal[self.count :], mixed, diagonal
        # Of further parameters that are held: columns of the inverse, and where each one is.
        self.column: Any = None
        self.inverse: Any = None
        self.failed = not (diagonal > 0).all()
        if self.failed or not self.count:
            return
        # Transposes are in the order of BLAS.
        matrix = shared.T
        if len(self.own):
            both = (mixed / self.own).T, mixed.T
            matrix = dgemm(-1.0, *both, 1.0, matrix, trans_a=True, overwrite_c=True)
        # OpenBLAS takes twice as long for the upper factor.
        self.root, failed = dpotrf(matrix, lower=True, clean=False, overwrite_a=True)
        self.failed = bool(failed)

    def serves(self, moving: Any) -> bool:
        """Whether to hold a few more is all that is asked for, and rounding allows it."""
        if (moving > self.moving).any():
            return False
        more = np.count_nonzero(self.moving) - np.count_nonzero(moving)
        if self.failed or not more:
            return not more
        pivots = self.root.diagonal() ** 2 if self.count else np.ones(0)
        sound = (pivots > _DIGITS * self.diagonal[: self.count]).all()
        return bool(sound and 4 * more < self.count)

    def solve_for(self, moving: Any, vector: Any) -> Any:
        """Solve in what moves in the factor; some may not: ``vector`` is zero there."""
        if self.failed:
            return np.full_like(vector, np.nan)
        solution = self._solve(vector[self.places])
        (held,) = (self.moving & ~moving)[self.places].nonzero()
        if len(held):
            # Forces on what is held, such that it stays.
            columns = self._columns(held)
            _, _, force, failed = dgesv(columns[held], solution[held])
            if failed:
                return np.full_like(vector, np.nan)
            solution = solution - columns @ force
        if len(solution) == len(vector):
            return solution
        found = np.zeros(len(vector))
        found[self.places] = solution
        return found

    def _columns(self, held: Any) -> Any:
        """Of the inverse matrix, kept for the next solution."""
        if self.column is None:
            self.column, self.inverse = np.full(self.size, -1), np.zeros((self.size, 0))
        new = held[self.column[held] < 0]
        if len(new):
            unit = np.zeros((self.size, len(new)))
            unit[new, np.arange(len(new))] = 1.0
            self.column[new] = np.arange(len(new)) + self.inverse.shape[1]
            self.inverse = np.hstack([self.inverse, self._solve(unit)])
        return self.inverse[:, self.column[held]]

    def _solve(self, right: Any) -> Any:
        if not len(self.own):
            return dpotrs(self.root, right, lower=True)[0] if self.count else right
        one, two = right[: self.count], right[self.count :]
        two = (two.T / self.own).T
        if self.count:
            one, _ = dpotrs(self.root, one - self.mixed @ two, lower=True)
            two = two - ((self.mixed.T @ one).T / self.own).T
        return np.concatenate([one, two])
