"""Optimisers are optax's; schedules, averages and penalties are their formulas."""

from dataclasses import replace
from functools import partial
from inspect import signature

import blobs
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from hone.analysis.optimisation import OPTIMISERS
from hone.training.optimiser import averaged, learning_rate, make_optimiser
from hone.training.penalties import regularisation

OURS = {"learning_rate", "mask", "weight_decay_mask"}  # not the user's, nor types
WEIGHTS = {"matrix": jnp.array([[1.0, -2.0], [0.5, 3.0]]), "edges": jnp.array([1.0, -1.0])}


def settings(**changes):
    return replace(blobs.settings(), **changes)


@partial(jax.jit, static_argnums=0)
def first_update(optimiser, gradient):
    return optimiser.update(gradient, optimiser.init(WEIGHTS), WEIGHTS, value=jnp.array(1.0))[0]


@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_optimiser_is_optaxs_and_goes_downhill(name):
    arguments = [p for p in signature(getattr(optax, name)).parameters if "dtype" not in p]
    assert OPTIMISERS[name].split() == [p for p in arguments if p not in OURS]
    made = make_optimiser(settings(optimiser=name, schedule="constant", gradient_clip=100.0))
    gradient = jax.tree.map(lambda x: 2 * x, WEIGHTS)  # of the sum of squares
    updates = first_update(made, gradient)
    assert all((g * u < 0).all() for g, u in zip(gradient.values(), updates.values(), strict=True))


def test_weights_of_matrices_decay_and_nothing_else():
    how = settings(
        optimiser="adamw", optimiser_arguments=(("weight_decay", 0.5),), schedule="constant",
        learning_rate=0.1,
    )  # fmt: skip
    still = jax.tree.map(jnp.zeros_like, WEIGHTS)
    made = make_optimiser(how)
    updates = first_update(made, still)
    np.testing.assert_allclose(updates["matrix"], -0.1 * 0.5 * WEIGHTS["matrix"])
    np.testing.assert_array_equal(updates["edges"], 0)


def test_schedules_of_the_learning_rate():
    how = {"steps": 120, "warmup": 20, "learning_rate": 0.01}
    steps = np.array([0, 10, 20, 70, 120])
    expected = {
        "cosine": [0, 0.005, 0.01, 0.005, 0],
        "constant": [0, 0.005, 0.01, 0.01, 0.01],
        "exponential": [0, 0.005, 0.01, 0.001, 0.0001],
    }
    for schedule, rates in expected.items():
        found = learning_rate(settings(schedule=schedule, **how))
        np.testing.assert_allclose([float(found(n)) for n in steps], rates, atol=1e-9)


def test_the_learning_rate_is_halved_on_a_plateau():
    made = make_optimiser(
        settings(optimiser="sgd", schedule="plateau", validate_every=2, learning_rate=0.1)
    )
    gradient = {"x": jnp.array(0.5)}

    def step(memory, loss):
        update, memory = made.update(gradient, memory, gradient, value=loss)
        return memory, update["x"]

    # means of two steps: the first is the best, then five without improvement
    losses = jnp.array([1.0] * 2 + [2.0] * 10 + [0.5] * 4)
    _, updates = jax.lax.scan(step, made.init(gradient), losses)
    np.testing.assert_allclose(updates, [-0.05] * 11 + [-0.025] * 5)


def test_averages_of_what_is_trained():
    values = np.array([1.0, 4.0, -2.0, 8.0])
    mean = jnp.array(0.0)
    for number, value in enumerate(values):
        mean = averaged(settings(average=0.3), mean, jnp.array(value), jnp.array(number))
    expected = 0.0
    for number, value in enumerate(values):
        decay = min(0.3, (1 + number) / (10 + number))
        expected = decay * expected + (1 - decay) * value
    assert float(mean) == pytest.approx(expected, rel=1e-12)
    assert averaged(settings(), mean, WEIGHTS, jnp.array(0)) is WEIGHTS


def test_penalties_of_weights():
    how = settings(l1=0.1, l2=0.01)
    matrix = np.asarray(WEIGHTS["matrix"])
    expected = 0.1 * np.abs(matrix).sum() + 0.01 * (matrix**2).sum()
    assert float(regularisation(how, [WEIGHTS["matrix"]])) == pytest.approx(expected)
    assert float(regularisation(settings(), [WEIGHTS["matrix"]])) == 0


def test_a_training_starts_from_a_classifier_and_does_not_end_above_it():
    """Dropout, decay, averages and frozen layers in one training."""
    short = {"steps": 40, "batch": 500}
    classifier = blobs.trained_with(objective="bce", edges="equal", **short)[0]
    source = classifier.observable.with_edges(np.array([0, 0.2, 0.5, 0.8, 1.0]))
    settings = {
        "objective": "z_a", "start_from": "bce", "frozen_layers": 1, "dropout": 0.1, "l2": 1e-4,
        "optimiser": "adamw", "average": 0.9,
    } | short  # fmt: skip
    found = blobs.trained_with(starts=[source], **settings)[0]
    assert [row["step"] for row in found.history] == [0, 20, 40]
    values = [row["validation_objective"] for row in found.history]
    assert found.objective == min(values) < values[0]
    before, after = (o.network for o in (source, found.observable))
    np.testing.assert_array_equal(before.layers[0].linear.weight, after.layers[0].linear.weight)
    assert not np.array_equal(before.last.weight, after.last.weight)
