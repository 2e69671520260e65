"""Several seeds in one program, on several devices, are the same trainings as one by one."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from blobs import numbers, problem_of, trained_with

from hone.training.batches import draw_batch
from hone.training.devices import Devices


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
            assert found.history[1][key] == pytest.approx(alone.history[1][key], rel=1e-5)
        # Adam's first step is the learning rate times the sign: compare the gradients themselves
        for a, b in zip(numbers(found.observable), numbers(alone.observable), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_gradients_together_on_eight_devices_are_gradients_apart_on_one():
    """With dropout, too: an event has the same one wherever it is."""
    problem, data, observable = problem_of(dropout=0.1)
    free, frozen = eqx.partition(observable, observable.trainable())
    other = jax.tree.map(lambda x: 1.1 * x, free)
    key, devices = jax.random.key(9), Devices.of(8)

    def step(problem, key, data, free):
        batch, drops = draw_batch(data, 1000, key), jax.random.key(3)

        def loss(free):
            return problem.loss(eqx.combine(free, frozen), batch, 0.5, drops)

        return jax.value_and_grad(loss)(free)

    apart = jax.jit(partial(step, problem))
    together = jax.jit(jax.vmap(partial(step, problem._replace(devices=devices)), (None, None, 0)))
    both = together(*devices.put((key, data, jax.tree.map(lambda *x: jnp.stack(x), free, other))))
    for k, one in enumerate((free, other)):
        found = apart(key, data, one)
        for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(both), strict=True):
            np.testing.assert_allclose(a, b[k], rtol=1e-6, atol=1e-9)
