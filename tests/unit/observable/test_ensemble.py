"""The mean of several networks: its scores, its bins, its files."""

import jax
import jax.numpy as jnp
import numpy as np
import onnxruntime
import pytest
from settings import observable as settings_of

from hone.observable import (
    EnsembleObservable,
    create_observable,
    load_observable,
    save_observable,
)
from hone.observable.onnx_model import onnx_model
from hone.statmodel.templates import count

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
    members, events = networks(bandwidth=[1e-9], smoothing="fixed"), sample(seed=1)
    chosen = EnsembleObservable.of(members).with_edges(EDGES)
    scores = chosen.score(events)
    expected = np.mean([member.score(events) for member in members], axis=0)
    np.testing.assert_allclose(scores, expected, rtol=1e-14)
    np.testing.assert_allclose(chosen.edges, EDGES, atol=1e-15)
    weights = np.random.default_rng(2).uniform(0.5, 1.5, len(events))
    response = chosen.respond(jnp.asarray(events))
    shares = chosen.shares(response, chosen.widths(response, weights, 1.0))
    hard = count(scores, weights, EDGES).values
    np.testing.assert_allclose(weights @ shares, hard, atol=1e-9)
    assert (hard > 0).all()


def test_it_is_stored_and_exported_whole(tmp_path):
    settings, events = settings_of(**NETWORK), sample(seed=1)
    chosen = EnsembleObservable.of(networks()).with_edges(EDGES)
    # of another number of bins than its networks
    save_observable(tmp_path / "a", chosen, settings.model_copy(update={"bins": 4}), {})
    loaded, _ = load_observable(tmp_path / "a")
    np.testing.assert_array_equal(loaded.score(events), chosen.score(events))
    np.testing.assert_array_equal(loaded.edges, chosen.edges)
    session = onnxruntime.InferenceSession(onnx_model([loaded], "network", {}).SerializeToString())
    score, bins = session.run(None, {name: events[:, k] for k, name in enumerate(NAMES)})
    np.testing.assert_allclose(score, chosen.score(events), rtol=0, atol=1e-14)
    np.testing.assert_array_equal(bins, np.searchsorted(EDGES, score, side="right") - 1)


def test_cuts_have_no_mean():
    with pytest.raises(TypeError, match="without cuts"):
        EnsembleObservable.of(networks(cuts=CUT))
