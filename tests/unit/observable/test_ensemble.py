"""The mean of several networks: its scores, its bins, its files."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import onnxruntime
import pytest
from blobs import SAMPLES, events
from settings import observable as settings_of

from hone.observable import (
    EnsembleObservable,
    create_observable,
    load_observable,
    save_observable,
)
from hone.observable.onnx_model import onnx_model
from hone.statmodel.templates import count
from hone.training.ensemble import ensemble_of

NAMES = ("x", "y")
EDGES = np.array([0.0, 0.45, 0.465, 0.485, 1.0])
NETWORK = {"kind": "network", "bins": 3, "hidden": [8], "precision": "float64"}
CUT = [{"variable": "x", "side": "above"}]


def sample(size=500, seed=0):
    return np.random.default_rng(seed).normal([1, -2], [2, 3], (size, 2))


def networks(**changes):
    settings = settings_of(**NETWORK | changes)
    return [create_observable(settings, NAMES, sample(), jax.random.key(k)) for k in range(3)]


def test_its_score_is_the_mean_and_its_bins_lose_nothing():
    members, matrix = networks(bandwidth=[1e-9], smoothing="fixed"), sample(seed=1)
    chosen = EnsembleObservable.of(members, [False] * 3).with_edges(EDGES)
    scores = chosen.score(matrix)
    expected = np.mean([member.score(matrix) for member in members], axis=0)
    np.testing.assert_allclose(scores, expected, rtol=1e-14)
    np.testing.assert_allclose(chosen.edges, EDGES, atol=1e-15)
    weights = np.random.default_rng(2).uniform(0.5, 1.5, len(matrix))
    response = chosen.respond(jnp.asarray(matrix))
    shares = chosen.shares(response, chosen.widths(response, weights, 1.0))
    hard = count(scores, weights, EDGES).values
    np.testing.assert_allclose(weights @ shares, hard, atol=1e-9)
    assert (hard > 0).all()


def test_it_is_stored_and_exported_whole(tmp_path):
    settings, matrix = settings_of(**NETWORK), sample(seed=1)
    chosen = EnsembleObservable.of(networks(), [False, True, False]).with_edges(EDGES)
    # of another number of bins than its networks
    save_observable(tmp_path / "a", chosen, settings.model_copy(update={"bins": 4}), {})
    loaded, _ = load_observable(tmp_path / "a")
    np.testing.assert_array_equal(loaded.score(matrix), chosen.score(matrix))
    np.testing.assert_array_equal(loaded.edges, chosen.edges)
    session = onnxruntime.InferenceSession(onnx_model([loaded], "network", {}).SerializeToString())
    score, bins = session.run(None, {name: matrix[:, k] for k, name in enumerate(NAMES)})
    np.testing.assert_allclose(score, chosen.score(matrix), rtol=0, atol=1e-14)
    np.testing.assert_array_equal(bins, np.searchsorted(EDGES, score, side="right") - 1)


def test_seeds_with_the_signal_on_the_other_side_are_turned_round():
    """To the likelihood on which they are trained both sides are the same."""
    network, validation = networks()[0], events("validation", 1000)
    other = eqx.tree_at(lambda o: o.network.last, network, replace_fn=lambda x: jax.tree.map(
        jnp.negative, x
    ))  # fmt: skip
    chosen = ensemble_of([network, other, network], validation, SAMPLES)
    assert chosen.turned in [(True, False, True), (False, True, False)]
    score = chosen.score(validation.features["signal"])
    assert score.mean() > chosen.score(validation.features["background"]).mean()
    alone = (network if chosen.turned[1] else other).score(validation.features["signal"])
    np.testing.assert_allclose(score, alone, rtol=1e-12)


def test_cuts_have_no_mean():
    with pytest.raises(TypeError, match="without cuts"):
        EnsembleObservable.of(networks(cuts=CUT), [False] * 3)
