"""Gradients against finite differences."""

import jax
import numpy as np

__all__ = ["slopes"]


def slopes(both, tree, seed, step=1e-6):
    """Of a function along three random directions: by its gradient, and by a difference.

    By NumPy, or each operation of JAX would be compiled for each shape.

    Args:
        both: value and gradient of the function, compiled.
        tree: where.
        seed: of the directions.
        step: to both sides.
    """
    rng = np.random.default_rng(seed)
    tree, gradient = jax.tree.map(np.asarray, (tree, both(tree)[1]))
    for _ in range(3):
        way = jax.tree.map(lambda x: rng.normal(size=x.shape), tree)
        products = jax.tree.map(lambda a, b: float((a * b).sum()), gradient, way)
        up, down = (
            float(both(jax.tree.map(lambda x, d, h=h: (x + h * d).astype(x.dtype), tree, way))[0])
            for h in (step, -step)
        )
        yield sum(jax.tree.leaves(products)), (up - down) / (2 * step)
