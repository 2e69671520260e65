"""Observables as ONNX: onnxruntime finds the scores and bins of hone."""

import dataclasses
import json

import equinox as eqx
import jax
import numpy as np
import onnxruntime
import pytest
from settings import observable as settings_of

from hone.analysis.observables import ACTIVATIONS
from hone.errors import InputError
from hone.observable import create_observable
from hone.observable.onnx_model import onnx_model
from hone.observable.scores import score_events
from hone.sentinels import PADDING

NAMES = ("mass", "log(pt)", "n jets", "jet_pt[:1][0]")
CUTS = [{"variable": "mass", "side": "above", "start": 0.5},
        {"variable": "log(pt)", "side": "below", "start": 2}]  # fmt: skip
NETWORK = {"kind": "network", "bins": 4, "hidden": [32, 32]}
KINDS = {
    "network": NETWORK,
    "float64": NETWORK | {"precision": "float64"},
    "cuts and network": NETWORK | {"cuts": CUTS},
    "failing": NETWORK | {"cuts": CUTS, "failing": "bin"},
    "deep": NETWORK
    | {
        "hidden": [16, 16],
        "normalisation": "layer",
        "residual": True,
        "activation": "gelu",
        "dropout": 0.3,
        "precision": "bfloat16",
    },
    "softmax": {"kind": "softmax", "bins": 5, "hidden": [16]},
    "cuts": {"kind": "cuts", "cuts": CUTS},
    "variable": {"kind": "variable", "variable": "log(pt)", "edges": [-5.0, -1.0, 0.0, 3.0]},
}


def events(size=20_000, seed=0):
    """Of very different sizes; one feature has a mark for missing values, one is padded."""
    rng = np.random.default_rng(seed)
    found = rng.normal([100, -2, 3, 40], [20, 3, 1, 10], (size, 4))
    found[rng.random(size) < 0.1, 2] = -999
    found[rng.random(size) < 0.1, 3] = PADDING
    return found


def trained(kind, seed=0, **changes):
    """As if it were trained: outputs far from each other, events in all bins."""
    settings = settings_of(**KINDS[kind] | changes)
    found = create_observable(settings, NAMES, events(2000), jax.random.key(seed))
    if hasattr(found, "network"):
        steep = jax.tree.map(
            lambda x: 2 * x if eqx.is_inexact_array(x) else x, found.network.layers
        )
        found = eqx.tree_at(lambda o: o.network.layers, found, steep)
    if hasattr(found, "with_edges"):
        scores = score_events([found], events(2000)).score
        inner = np.nanquantile(scores[scores > 0], np.linspace(0, 1, found.bins + 1)[1:-1])
        found = found.with_edges(np.array([0, *inner, 1]))
    return found


def run(model, matrix, **others):
    """Score and bin by onnxruntime."""
    session = onnxruntime.InferenceSession(model.SerializeToString())
    inputs = {name: matrix[:, k].copy() for k, name in enumerate(NAMES)}
    return session.run(["score", "bin"], inputs | others)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_are_the_same(activation):
    layer = trained("float64", hidden=[4], activation=activation)
    matrix = np.vstack([events(50, seed=1), 1e3 * events(50, seed=2)])
    score, _ = run(onnx_model([layer], "network", {}), matrix)
    np.testing.assert_allclose(score, layer(matrix), rtol=0, atol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_onnxruntime_finds_the_same_scores_and_bins(kind):
    observable, matrix = trained(kind), events(seed=1)
    expected = score_events([observable], matrix)
    model = onnx_model([observable], kind, {})
    score, bins = run(model, matrix)
    assert (score.dtype, bins.dtype) == (np.float64, np.int64)
    in_float32 = kind in ("network", "cuts and network", "failing", "deep")
    np.testing.assert_allclose(score, expected.score, rtol=0, atol=1e-6 if in_float32 else 1e-14)
    # a score next to an edge may be rounded to the other side of it
    inner = np.asarray(observable.edges)[1:-1]
    near = (np.abs(expected.score[:, None] - inner) < 1e-6).any(axis=1)
    assert np.count_nonzero(near) < 5
    np.testing.assert_array_equal(bins[~near], expected.bin[~near])
    assert len(set(bins) - {-1}) >= min(3, observable.bins)
    assert (-1 in bins) == observable.has_cuts
    # what is not finite is in no bin, where hone refuses it
    for row, value in enumerate((np.nan, np.inf, -np.inf)):
        matrix[row, row] = value
    score, bins = run(model, matrix[:4])
    assert np.isnan(score).tolist()[:3] == [True] * 3
    assert bins.tolist()[:3] == [-1] * 3


def test_with_folds_each_event_has_its_network():
    networks, matrix = [trained("network", seed) for seed in range(3)], events(3000, seed=1)
    fold = 1 + np.arange(len(matrix)) % 3
    expected = score_events(networks, matrix, fold)
    model = onnx_model(networks, "network", {})
    score, bins = run(model, matrix, fold=fold)
    np.testing.assert_allclose(score, expected.score, rtol=0, atol=1e-6)
    assert np.count_nonzero(bins != expected.bin) < 3
    score, bins = run(model, matrix, fold=0 * fold + 4)
    assert np.isnan(score).all()
    assert (bins == -1).all()


def test_the_metadata_say_what_it_is():
    observable = trained("network")
    model = onnx_model([observable], "network", {"analysis": "mine", "seed": 3})
    found = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(found["features"]) == list(NAMES)
    assert json.loads(found["edges"]) == np.asarray(observable.edges).tolist()
    assert (found["analysis"], found["seed"]) == ("mine", "3")
    assert [value.name for value in model.graph.input] == list(NAMES)


def test_equal_observables_give_equal_files():
    one, other = (
        onnx_model([trained("network")], "network", {}).SerializeToString(deterministic=True)
        for _ in range(2)
    )
    assert one == other


def test_what_is_not_written_is_named():
    network = trained("network")
    sine = dataclasses.replace(network.network.layers[0], activation="sine")
    unknown = {
        "the activation 'sine'": eqx.tree_at(lambda o: o.network.layers, network, (sine,)),
    }
    for message, observable in unknown.items():
        with pytest.raises(InputError, match=f"kind 'mine' is not exported: .*{message}"):
            onnx_model([observable], "mine", {})
    score = settings_of(kind="variable", variable="score", edges=[0.0, 1.0])
    named = create_observable(score, ("score",), np.ones((2, 1)), jax.random.key(0))
    with pytest.raises(InputError, match=r"'score' has the name of another .* 1 \* score"):
        onnx_model([named], "variable", {})
