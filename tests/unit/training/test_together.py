"""Several seeds in one program are the same trainings as one by one."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from blobs import numbers, problem_of, trained_with

from hone.training.batches import draw_batch


def test_seeds_together_are_seeds_apart():
    """First step: equal to 1e-5; later the rounding of other sums may grow.

    On the cross-entropy, whose program is compiled in a fifth of the time; gradients of CLs are
    compared below.
    """
    one_step = {"objective": "bce", "edges": "equal", "steps": 1, "validate_every": 1}
    together = trained_with([1, 2], **one_step)
    for seed, found in zip((1, 2), together, strict=True):
        alone = trained_with([seed], **one_step)[0]
        for key in ("training_objective", "validation_objective"):
            assert found.history[0][key] == pytest.approx(alone.history[0][key], rel=1e-5)
        # Adam's first step is the learning rate times the sign: compare the gradients themselves
        for a, b in zip(numbers(found.observable), numbers(alone.observable), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_gradients_together_are_gradients_apart():
    problem, data, observable = problem_of()
    free, frozen = eqx.partition(observable, observable.trainable())
    other = jax.tree.map(lambda x: 1.1 * x, free)
    batch = draw_batch(data, 1000, jax.random.key(9))
    step = jax.value_and_grad(lambda t: problem.loss(eqx.combine(t, frozen), batch, 0.5))
    both = jax.jit(jax.vmap(step))(jax.tree.map(lambda *x: jnp.stack(x), free, other))
    for k, one in enumerate((free, other)):
        for a, b in zip(jax.tree.leaves(jax.jit(step)(one)), jax.tree.leaves(both), strict=True):
            np.testing.assert_allclose(a, b[k], rtol=1e-5, atol=1e-8)
