"""Layers of networks are what the settings say; weights pass from one network to another."""

import re

import equinox as eqx
import jax
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from scipy.special import erf, expit
from settings import observable as settings_of

from hone.analysis.observables import ACTIVATIONS
from hone.observable import create_observable

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
FORMULAS = {
    "relu": lambda x: np.maximum(x, 0),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "selu": lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(x)),
    "gelu": lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
    "swish": lambda x: x * expit(x),
    "tanh": np.tanh,
    "softplus": lambda x: np.log1p(np.exp(x)),
}
EVENTS = np.random.default_rng(0).normal([1, -2], [2, 3], (50, 2))


def network(key=0, **changes):
    settings = {"kind": "network", "bins": 4, "hidden": [8, 8], "precision": "float64"} | changes
    return create_observable(settings_of(**settings), ("x", "y"), EVENTS, jax.random.key(key))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_network_is_its_formula(activation):
    made = network(activation=activation, normalisation="layer", residual=True)
    x = (EVENTS - EVENTS.mean(axis=0)) / EVENTS.std(axis=0)
    for number, layer in enumerate(made.network.layers):
        y = x @ np.asarray(layer.linear.weight).T + np.asarray(layer.linear.bias)
        y = (y - y.mean(axis=1, keepdims=True)) / np.sqrt(y.var(axis=1, keepdims=True) + 1e-5)
        y = FORMULAS[activation](y)
        x = x + y if number else y  # the first layer has another width than the features
    logits = (x @ np.asarray(made.network.last.weight).T + np.asarray(made.network.last.bias))[:, 0]
    # gelu is approximated by tanh
    tolerance = 5e-3 if activation == "gelu" else 1e-12
    scores, found = made.score_and_logits(EVENTS)
    np.testing.assert_allclose(found, logits, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(scores, made.score(EVENTS))


def test_dropout_is_of_training_only_and_keeps_the_mean():
    plain, dropping = network(), network(dropout=0.5)
    np.testing.assert_array_equal(plain.score(EVENTS), dropping.score(EVENTS))
    keys = jax.random.split(jax.random.key(1), 2000)
    of_layer = dropping.network.layers[0]
    inputs = np.array([0.3, -0.7])
    drawn = np.asarray(jax.jit(jax.vmap(lambda key: of_layer(inputs, key)))(keys))
    expected = np.asarray(jax.jit(lambda x: of_layer(x, None))(inputs))
    kept = drawn[:, expected > 0] != 0
    assert abs(kept.mean() - 0.5) < 5 * 0.5 / np.sqrt(kept.size)
    np.testing.assert_allclose(drawn[:, expected > 0][kept[:, 0], 0],
                               2 * expected[expected > 0][0])  # fmt: skip
    trained = jax.jit(lambda keys: dropping.in_training(keys).respond(EVENTS)[0])
    first, again, other = (
        trained(jax.random.split(jax.random.key(k), len(EVENTS))) for k in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    for made in (plain, network(hidden=[])):
        assert eqx.tree_equal(made.in_training(keys), made)


def test_mixed_precision_is_of_the_products_in_training_steps():
    """Their gradient is right to bfloat16's eight bits, and of float32 weights."""
    events = np.random.default_rng(0).normal([1, -2], [2, 3], (4000, 2))
    signs = np.where(events[:, 0] > 1, 1, -1)
    full, mixed = (network(precision=p, normalisation="layer") for p in ("float32", "bfloat16"))
    np.testing.assert_array_equal(full.score(EVENTS), mixed.score(EVENTS))

    def step(made):
        def loss(free):
            found = eqx.combine(free, frozen).in_training(jax.random.split(jax.random.key(0), 4000))
            logits = found.logits(events)
            assert logits.dtype == "float32"
            return (jax.nn.sigmoid(logits) * signs).sum()

        free, frozen = eqx.partition(made, made.trainable())
        traced = jax.jit(jax.grad(loss)).trace(free)
        gradient = traced.lower().compile()(free)
        assert {x.dtype.name for x in jax.tree.leaves(gradient.network)} == {"float32"}
        return str(traced.jaxpr), ravel_pytree(gradient)[0]

    (program, expected), (rounded, found) = step(full), step(mixed)
    # Of each hidden layer: outputs, gradients of weights, and but for the first of its inputs.
    assert len(re.findall(r"bf16\[[^]]*\] = dot_general", rounded)) == 5
    assert "bf16" not in program
    difference = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    assert 0 < difference < 2**-6


@pytest.mark.parametrize("edges", ["learned", "equal"])
def test_a_network_starts_as_another_ended(edges):
    other = network(key=5).with_edges(np.array([0, 0.1, 0.2, 0.9, 1.0]))
    started = network(edges=edges, dropout=0.2, start_from="o", frozen_layers=1).started_from(other)
    np.testing.assert_array_equal(started.score(EVENTS), other.score(EVENTS))
    expected = other.edges if edges == "learned" else np.linspace(0, 1, 5)
    np.testing.assert_allclose(started.edges, expected, atol=1e-15)
    marks = started.trainable().network
    trained = [layer.linear.weight for layer in marks.layers] + [marks.last.weight]
    assert trained == [False, True, True]
    assert started.network.layers[0].dropout == 0.2
    with pytest.raises(TypeError, match="cannot start from a VariableObservable"):
        network().started_from(
            create_observable(
                settings_of(kind="variable", variable="x", edges=[0.0, 1.0]), ("x", "y"), EVENTS,
                jax.random.key(0),
            )
        )  # fmt: skip
