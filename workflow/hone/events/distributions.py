"""Known densities: drawing events, and probabilities in the cells of a grid."""

from collections.abc import Mapping, Sequence
from functools import partial, reduce

import numpy as np

from hone.analysis.distributions import Block, Exponential, Normal, Normals

__all__ = ["cell_probabilities", "draw"]

_outer = partial(reduce, np.multiply.outer)


def draw(
    distribution: Sequence[Block], size: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Draw ``size`` events.

    Returns:
        Each variable as float64 (size,).
    """
    events: dict[str, np.ndarray] = {}
    for block in distribution:
        variables = block.variables
        if isinstance(block, Normals):
            means = np.asarray(block.means, dtype=float)
            values = rng.multivariate_normal(
                np.zeros(len(variables)), block.covariance, size=size, method="cholesky"
            )
            values += means[rng.integers(len(means), size=size)]
        elif isinstance(block, Normal):
            values = rng.multivariate_normal(
                block.mean, block.covariance, size=size, method="cholesky"
            )
        else:
            assert isinstance(block, Exponential)
            values = rng.exponential(1 / block.rate, size=(size, len(variables)))
        events |= {name: values[:, i] for i, name in enumerate(variables)}
    return events


def cell_probabilities(
    distribution: Sequence[Block], edges: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Probability of each cell of a grid in the given variables; others are integrated out.

    Exact for blocks without correlations; with correlations the density at the centre of a cell
    times its volume, which needs finite outermost edges.

    Args:
        distribution: blocks of the density.
        edges: for each variable of the grid its bin edges, rising (n + 1,).

    Returns:
        float64 with one axis per variable, in the order of ``edges``.
    """
    order = list(edges)
    result = np.ones([len(edges[name]) - 1 for name in order])
    for block in distribution:
        inside = [name for name in order if name in block.variables]
        if not inside:
            continue
        part = _block_probabilities(block, [edges[name] for name in inside], inside)
        axes = [order.index(name) for name in inside]
        others = tuple(axis for axis in range(len(order)) if axis not in axes)
        result = result * np.expand_dims(part, others)
    return result


def _block_probabilities(block: Block, edges: list[np.ndarray], inside: list[str]) -> np.ndarray:
    places = [block.variables.index(name) for name in inside]
    if isinstance(block, Exponential):
        return _outer(np.diff(-np.expm1(-block.rate * np.maximum(e, 0.0))) for e in edges)
    assert isinstance(block, Normal | Normals)
    covariance = np.array(block.covariance, dtype=float)[np.ix_(places, places)]
    return np.mean(
        [_normal(np.array(mean, float)[places], covariance, edges) for mean in block.centres],
        axis=0,
    )


def _normal(mean: np.ndarray, covariance: np.ndarray, edges: list[np.ndarray]) -> np.ndarray:
    from scipy.special import ndtr  # half a second, for what is not a draw

    if np.count_nonzero(covariance - np.diag(np.diagonal(covariance))) == 0:
        widths = np.sqrt(np.diagonal(covariance))
        return _outer(
            np.diff(ndtr((e - m) / w)) for e, m, w in zip(edges, mean, widths, strict=True)
        )
    centres = np.stack(np.meshgrid(*[(e[1:] + e[:-1]) / 2 for e in edges], indexing="ij"), axis=-1)
    pull = np.linalg.solve(np.linalg.cholesky(covariance), (centres - mean)[..., None])[..., 0]
    norm = np.sqrt(np.linalg.det(2 * np.pi * covariance))
    density = np.exp(-0.5 * (pull**2).sum(axis=-1)) / norm
    return density * _outer(np.diff(e) for e in edges)
