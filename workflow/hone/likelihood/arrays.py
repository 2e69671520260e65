"""One code for NumPy and for JAX.

Numbers that nothing is traced of are computed by NumPy, at once: a fit takes milliseconds, and
nothing is compiled. Inside a transformation of JAX (``jit``, ``grad``, ``vmap``) the same functions
are traced: compiled once, differentiable, on any device.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import jax.scipy.linalg
import jax.scipy.special
import numpy as np
import scipy.linalg.lapack
import scipy.special

__all__ = [
    "Index",
    "cholesky",
    "compiled_if_traced",
    "cond",
    "constant",
    "index_of",
    "is_traced",
    "loop",
    "namespace",
    "scipy_of",
    "solve_positive",
    "spread",
    "take",
    "taken",
    "with_diagonal",
]

_SMALL = 12
"""Rows of matrices of which many are faster solved side by side than one by one by LAPACK."""

_KEPT = 4_000_000
"""Numbers of an array, of almost 32 MiB, that is made and left once."""

Index = slice | np.ndarray
State = TypeVar("State")
Tree = TypeVar("Tree")

# The C library of Linux gives arrays of more than 128 kB back to the system one by one, and clears
# new ones page by page: a tenth of the time of a fit. It keeps those up to the largest seen so far.
np.empty(_KEPT)


def is_traced(*trees: Any) -> bool:
    """True inside a JAX transformation, where values are not known."""
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(trees))


def namespace(*trees: Any) -> Any:
    """``jax.numpy`` if any of the arrays is JAX's, else ``numpy``."""
    # Arrays alone are the usual case, and this is called often.
    for tree in trees:
        if type(tree) is not np.ndarray:
            break
    else:
        return np
    found = any(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(trees))
    return jnp if found else np


def constant(trees: Tree) -> Tree:
    """The same without derivatives."""
    if namespace(trees) is np:
        return trees
    found: Tree = jax.lax.stop_gradient(trees)
    return found


def scipy_of(xp: Any) -> Any:
    """SciPy's modules for arrays of a :func:`namespace`."""
    return scipy if xp is np else jax.scipy


def compiled_if_traced(*static: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A function by NumPy, or compiled by JAX where an argument is traced.

    Args:
        static: places of arguments that are not arrays; arguments are given by place.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        compiled = jax.jit(function, static_argnums=static)

        @wraps(function)
        def either(*args: Any) -> Any:
            if is_traced(args):
                return compiled(*args)
            known = (
                arg if i in static else jax.tree.map(np.asarray, arg) for i, arg in enumerate(args)
            )
            # What is not selected by ``where`` may be infinite or NaN.
            with np.errstate(all="ignore"):
                return jax.tree.map(np.asarray, function(*known))

        return either

    return decorate


def loop(
    xp: Any, going_on: Callable[[State], Any], body: Callable[[State], State], state: State
) -> State:
    """Repeat ``body`` while ``going_on``."""
    if xp is jnp:
        found: State = jax.lax.while_loop(going_on, body, state)
        return found
    while going_on(state):
        state = body(state)
    return state


def cond(xp: Any, condition: Any, yes: Callable[[], State], no: Callable[[], State]) -> State:
    """One of two results, without computing the other."""
    if xp is jnp:
        found: State = jax.lax.cond(condition, yes, no)
        return found
    return yes() if condition else no()


def index_of(places: np.ndarray) -> Index:
    """Fixed places along an axis: a slice where they follow each other, as is usual.

    JAX compiles that in a fraction of the time.
    """
    if len(places) and (np.diff(places) == 1).all():
        return slice(int(places[0]), int(places[-1]) + 1)
    return places


def take(x: Any, index: Index, axis: int = -1) -> Any:
    """Entries of ``x`` at an :func:`index_of` along an axis, all within."""
    if isinstance(x, np.ndarray):
        if isinstance(index, np.ndarray):
            # All places are within: with "clip" NumPy, too, leaves out the check of each.
            return x.take(index, axis=axis, mode="clip")
        place: Any = (..., index, *(slice(None),) * (-1 - axis))
        return x[place]
    axis %= x.ndim
    if isinstance(index, slice):
        return jax.lax.slice_in_dim(x, index.start, index.stop, axis=axis)
    return x.at[(slice(None),) * axis + (index,)].get(mode="promise_in_bounds")


def spread(rows: Any, index: Index, size: int) -> Any:
    """Rows (*L, n, N) at an :func:`index_of` among (*L, size, N), which are zero elsewhere."""
    shape = *rows.shape[:-2], size, rows.shape[-1]
    if namespace(rows) is jnp:
        return jnp.zeros(shape, rows.dtype).at[..., index, :].set(rows)
    found: Any = np.zeros(shape, rows.dtype)
    found[..., index, :] = rows
    return found


def taken(x: Any, places: np.ndarray) -> Any:
    """Entries of the last axis in the shape of ``places``, which are all within."""
    if isinstance(x, np.ndarray):
        # As above.
        return x.take(places, axis=-1, mode="clip")
    return x[..., places]


def cholesky(matrix: Any) -> Any:
    """Lower Cholesky factors of (*L, G, G), from lower triangles; NaN if not positive definite."""
    if namespace(matrix) is jnp:
        return jax.lax.linalg.cholesky(matrix, symmetrize_input=False)
    flat = matrix.reshape(-1, *matrix.shape[-2:])
    found = np.full(flat.shape, np.nan)
    for k, one in enumerate(flat):
        factor, failed = scipy.linalg.lapack.dpotrf(one, lower=1, clean=1)
        if not failed:
            found[k] = factor
    return found.reshape(matrix.shape)


def with_diagonal(matrix: Any, diagonal: Any, overwrite: bool = False) -> Any:
    """Matrices (*L, G, G) with another diagonal (*L, G); with ``overwrite`` NumPy's change."""
    xp = namespace(matrix, diagonal)
    if xp is jnp:
        return jnp.where(np.eye(matrix.shape[-1], dtype=bool), diagonal[..., None], matrix)
    found = matrix if overwrite else matrix.copy()
    np.einsum("...ii->...i", found)[...] = diagonal
    return found


def solve_positive(matrix: Any, vector: Any) -> Any:
    """Solve (*L, G, G) x = (*L, G); NaN where the matrix is not positive definite."""
    if namespace(matrix, vector) is jnp:
        factor = cholesky(matrix)
        solve = jax.lax.linalg.triangular_solve
        half = solve(factor, vector[..., None], left_side=True, lower=True)
        return solve(factor, half, left_side=True, lower=True, transpose_a=True)[..., 0]
    vector = np.broadcast_to(vector, matrix.shape[:-1])
    size = vector.shape[-1]
    matrices, vectors = matrix.reshape(-1, size, size), vector.reshape(-1, size)
    if size <= _SMALL and len(vectors) > 8 * size:
        return _eliminated(matrices, vectors).reshape(vector.shape)
    found = np.full(vectors.shape, np.nan)
    for k, (one, right) in enumerate(zip(matrices, vectors, strict=True)):
        # The transpose is in LAPACK's order.
        _, solution, failed = scipy.linalg.lapack.dposv(one.T, right, lower=0)
        if not failed:
            found[k] = solution
    return found.reshape(vector.shape)


def _eliminated(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Solve (L, G, G) x = (L, G) by elimination, all at once; NaN where a pivot is not positive."""
    both = np.concatenate([matrix, vector[..., None]], axis=-1)
    # Contiguous over the systems.
    both = np.ascontiguousarray(both.transpose(1, 2, 0))
    for k, row in enumerate(both):
        row[k:] /= np.where(row[k] > 0, row[k], np.nan)
        both[k + 1 :, k + 1 :] -= both[k + 1 :, k, None] * row[k + 1 :]
    solution = both[:, -1]
    for k in range(len(solution) - 1, 0, -1):
        solution[:k] -= both[:k, k] * solution[k]
    return solution.T
