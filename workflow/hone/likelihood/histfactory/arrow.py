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
from scipy.linalg.lapack import dpotrf, dpotrs

from hone.likelihood.arrays import namespace, solve_positive, take, with_diagonal

if TYPE_CHECKING:
    from hone.likelihood.histfactory.layout import Layout

__all__ = ["Arrow", "Rows", "Solver"]

_SMALL = 12
"""Shared parameters of which many fits are faster solved side by side."""
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
        if xp is np and self.shared.shape[-1] > _SMALL:
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
        count = prod(of_all)

        def flat(array: Any, axes: int) -> Any:
            own = array.shape[array.ndim - axes :]
            return np.broadcast_to(array, (*of_all, *own)).reshape(count, *own)

        arrow = Arrow(flat(self.shared, 2), flat(self.mixed, 2), flat(self.own, 1), self.layout)
        solver = Solver(arrow, flat(np.asarray(damping), 0))
        found = solver.solve(flat(vector, 1), flat(moving, 1), np.arange(count))
        return found.reshape(*of_all, -1)


class Solver:
    """Of L matrices by NumPy: solves again with fewer parameters moving, without a new factor."""

    def __init__(self, arrow: Arrow, damping: Float[Array, " L"]) -> None:
        self.arrow, self.damping = arrow, damping
        self.diagonal = arrow.diagonal
        self.factors: list[_Factor | None] = [None] * len(damping)

    def times(self, vector: Float[Array, "N P"], places: Any) -> Any:
        """Products of the matrices at N places with a vector each."""
        if not vector.any():
            return vector
        if (some := self._copied(places)) is not None:
            return some.times(vector)
        arrow, split = self.arrow, self.arrow.layout.split
        pairs = zip(places, *split.apart(vector), strict=True)
        found: list[Any] = [
            (arrow.shared[k] @ a + arrow.mixed[k] @ b, a @ arrow.mixed[k] + arrow.own[k] * b)
            for k, a, b in pairs
        ]
        one, two = zip(*found, strict=True)
        both: Any = np.stack(one), np.stack(two)
        return split.joined(*both)

    def solve(self, vector: Float[Array, "N P"], moving: Bool[Array, "N P"], places: Any) -> Any:
        """Solutions with the damped matrices at N places, see :meth:`Arrow.solve`."""
        arrow, split = self.arrow, self.arrow.layout.split
        if arrow.shared.shape[-1] <= _SMALL and (some := self._copied(places)) is not None:
            return some.solve(vector, moving, self.damping[places])
        raised = _raised(self.diagonal[places], moving, self.damping[places])
        vector, moving, raised = (x[:, split.order] for x in (vector, moving, raised))
        found = np.where(moving, np.nan, 0.0)
        for n, k in enumerate(places):
            factor = self.factors[k]
            if factor is None or not factor.serves(moving[n]):
                factor = _Factor(arrow.shared[k], arrow.mixed[k], raised[n], moving[n])
                self.factors[k] = factor
            if not factor.failed:
                found[n, factor.places] = factor.solve_for(moving[n], vector[n])
        return found[:, split.place]

    def _copied(self, places: Any) -> Arrow | None:
        """The matrices at some places, if they are small; all without a copy."""
        if len(places) == len(self.damping):
            return self.arrow
        if self.arrow.shared.shape[-1] > _SMALL:
            return None
        some: Arrow = jax.tree.map(lambda x: x[places], self.arrow)
        return some


class _Factor:
    """The Cholesky factor of one matrix in what moves, parameters of single bins eliminated.

    Parameters are in the order of shared and then the others; which of them may be most is held.
    """

    def __init__(self, shared: Any, mixed: Any, diagonal: Any, moving: Any) -> None:
        self.moving, self.places = moving, np.flatnonzero(moving)
        self.count = np.count_nonzero(moving[: len(shared)])
        chosen, own = self.places[: self.count], self.places[self.count :]
        self.own = diagonal[own]
        if self.count < len(shared):
            shared, mixed = shared[chosen].take(chosen, axis=1), mixed[chosen]
        else:
            shared = shared.copy()
        if len(own) < mixed.shape[1]:
            mixed = mixed.take(own - (len(moving) - mixed.shape[1]), axis=1)
        self.mixed = mixed
        self.per_own = self.mixed / self.own
        np.fill_diagonal(shared, diagonal[chosen])
        self.column = np.full(len(self.places), -1)
        self.inverse = np.zeros((len(self.places), 0))
        self.failed, self.sound = bool((self.own <= 0).any()), True
        if self.failed or not len(chosen):
            return
        # Transposes are in the order of BLAS.
        matrix = shared.T
        if len(own):
            both = self.per_own.T, self.mixed.T
            matrix = dgemm(-1.0, *both, 1.0, matrix, trans_a=True, overwrite_c=True)
        self.root, failed = dpotrf(matrix, lower=False, clean=False, overwrite_a=True)
        self.failed = bool(failed)
        self.sound = (self.root.diagonal() ** 2 > _DIGITS * diagonal[chosen]).all()

    def serves(self, moving: Any) -> bool:
        """Whether to hold a few more is all that is asked for, and rounding allows it."""
        if (moving & ~self.moving).any():
            return False
        more = np.count_nonzero(self.moving) - np.count_nonzero(moving)
        return more == 0 or bool(self.sound and not self.failed and 4 * more < self.count)

    def solve_for(self, moving: Any, vector: Any) -> Any:
        """Solve in the factor's parameters, of which some may not move."""
        # What pushes against a bound may be many times the rest, which would lose its digits.
        solution = self._solve(np.where(moving, vector, 0.0)[self.places])
        held = np.flatnonzero(~moving[self.places])
        if not len(held):
            return solution
        # Forces on what is held, such that it stays.
        new = held[self.column[held] < 0]
        if len(new):
            unit = np.zeros((len(self.places), len(new)))
            unit[new, np.arange(len(new))] = 1.0
            self.column[new] = np.arange(len(new)) + self.inverse.shape[1]
            self.inverse = np.hstack([self.inverse, self._solve(unit)])
        columns = self.inverse[:, self.column[held]]
        solution = solution - columns @ np.linalg.solve(columns[held], solution[held])
        solution[held] = 0.0
        return solution

    def _solve(self, right: Any) -> Any:
        one, two = right[: self.count], right[self.count :]
        if self.count:
            one, _ = dpotrs(self.root, one - self.per_own @ two, lower=False)
        two = ((two - self.mixed.T @ one).T / self.own).T
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
