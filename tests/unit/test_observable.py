"""The soft histogram loses nothing and becomes the hard one; observables survive storage."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hone.errors import InputError
from hone.observable import (
    NetworkObservable,
    bandwidth_at,
    load_observable,
    save_observable,
    soft_errors,
    soft_histogram,
)
from hone.templates import count

EDGES = np.array([0.0, 0.15, 0.4, 0.85, 1.0])


def observable(bins=4):
    events = np.random.default_rng(0).normal([1, -2], [2, 3], (100, 2))
    return NetworkObservable.create(("x", "y"), (8, 8), bins, 0.02, events, jax.random.key(3))


@given(seed=st.integers(0, 1000), bandwidth=st.floats(1e-3, 1.0))
def test_soft_bins_add_up_to_the_yield(seed, bandwidth):
    rng = np.random.default_rng(seed)
    scores, weights = rng.uniform(0, 1, 50), rng.normal(1, 1, 50)
    soft = soft_histogram(scores, weights, EDGES, bandwidth)
    assert float(soft.sum()) == pytest.approx(weights.sum(), abs=1e-9)


def test_soft_becomes_hard_without_bandwidth():
    rng = np.random.default_rng(1)
    scores, weights = rng.uniform(0, 1, 1000), rng.uniform(0.5, 1.5, 1000)
    hard = count(scores, weights, EDGES)
    np.testing.assert_allclose(soft_histogram(scores, weights, EDGES, 1e-9), hard.values)
    np.testing.assert_allclose(soft_errors(scores, weights, EDGES, 1e-9), hard.variances)


def test_gradient_of_the_soft_histogram():
    rng = np.random.default_rng(2)
    scores, weights = jnp.asarray(rng.uniform(0, 1, 30)), jnp.ones(30)
    target = jnp.asarray(rng.normal(size=4))

    def value(edges, bandwidth):
        return soft_histogram(scores, weights, edges, bandwidth) @ target

    slopes = jax.grad(value, argnums=(0, 1))(jnp.asarray(EDGES), 0.1)
    h = 1e-6
    for i in (1, 2, 3):
        step = h * np.eye(5)[i]
        numeric = (value(EDGES + step, 0.1) - value(EDGES - step, 0.1)) / (2 * h)
        assert float(slopes[0][i]) == pytest.approx(float(numeric), rel=1e-6)
    numeric = (value(EDGES, 0.1 + h) - value(EDGES, 0.1 - h)) / (2 * h)
    assert float(slopes[1]) == pytest.approx(float(numeric), rel=1e-6)


def test_counts_keep_what_lies_outside():
    histogram = count(np.array([-1.0, 0.0, 0.15, 1.0, 7.0]), np.ones(5), EDGES)
    np.testing.assert_array_equal(histogram.values, [2, 1, 0, 2])


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=12))
def test_edges_rise_whatever_the_logits(logits):
    free = observable(len(logits))
    edges = np.asarray(NetworkObservable.edges.fget(_with_logits(free, logits)))
    assert edges[0] == 0
    assert edges[-1] == 1
    assert (np.diff(edges) >= 0).all()


def _with_logits(observable, logits):
    import equinox as eqx

    return eqx.tree_at(lambda o: o.edge_logits, observable, jnp.asarray(logits))


def test_bandwidth_shrinks_from_first_to_last():
    assert bandwidth_at(0.0, 0.09, 0.02) == pytest.approx(0.09)
    assert bandwidth_at(1.0, 0.09, 0.02) == pytest.approx(0.02)
    assert bandwidth_at(0.5, 0.09, 0.02) == pytest.approx(np.sqrt(0.09 * 0.02))


def test_scores_do_not_depend_on_the_piece_size():
    events = np.random.default_rng(5).normal(size=(1000, 2))
    scores = observable().score(events, batch=256)
    np.testing.assert_allclose(scores, observable().score(events, batch=4096), rtol=1e-6)
    assert ((scores > 0) & (scores < 1)).all()


def test_stored_observables_are_the_same(tmp_path):
    first = observable().with_edges(EDGES)
    save_observable(tmp_path / "model.safetensors", first, {"seed": 3})
    second = load_observable(tmp_path / "model.safetensors")
    events = np.random.default_rng(5).normal(size=(100, 2))
    np.testing.assert_array_equal(first.score(events), second.score(events))
    np.testing.assert_allclose(second.edges, EDGES, atol=1e-15)
    assert second.features == ("x", "y")
    assert second.bandwidth == 0.02


def test_damaged_observables_are_refused_by_name(tmp_path):
    path = tmp_path / "model.safetensors"
    save_observable(path, observable(), {})
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match=r"model\.safetensors: not a trained observable"):
        load_observable(path)
