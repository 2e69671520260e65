"""Observables as ONNX: onnxruntime finds the scores and bins of hone."""

import json
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import onnxruntime
import pytest
from settings import observable as settings_of

from hone.analysis.observables import ACTIVATIONS
from hone.errors import InputError
from hone.observable import create_observable
from hone.observable.onnx_model import onnx_model
from hone.observable.scores import score_events
from hone.observable.variable import VariableObservable
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
    "two_dimensional": {"kind": "two_dimensional", "bins": [3, 4], "hidden": [16]},
    "categories": {"kind": "categories", "bins": [3, 1, 2], "hidden": [16]},
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
    np.testing.assert_allclose(score, eqx.filter_jit(layer)(matrix), rtol=0, atol=1e-14)


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
    score, bins = run(model, matrix[:3])
    assert np.isnan(score).all()
    assert bins.tolist() == [-1] * 3
    # nor is what a network makes of finite numbers, if it is not finite
    if hasattr(observable, "network"):
        score, bins = run(model, np.full((1, 4), 1e300))
        assert np.isnan(score).all() == (observable.network.precision == "float32")
        assert np.isnan(score).all() == (bins == -1).all()


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


WEIGHTS = np.arange(12.0).reshape(4, 3) - 5
OF_JAX = {
    "attention": lambda x: jax.nn.softmax(x[:, :, None] * x[:, None, :], axis=1)[:, 0, 1:3],
    "axes": lambda x: jnp.einsum("ni,nj,jk->nki", x, x, WEIGHTS.astype(x.dtype))[:, :, [3, 0]],
    "branches": lambda x: jax.vmap(
        lambda x: jax.lax.cond(x[0] > 0, lambda x: x[1], lambda x: 2 * x[2], x)
    )(x),
    "choices": lambda x: jnp.where((x > 0) & ~(x < 1) | (x == x.max(1, keepdims=True)), x, 2),
    "counts": lambda x: x.argmax(1) + (x > 0).any(1) + 2 * jnp.isfinite(x).all(1),
    "functions": lambda x: jnp.log1p(jnp.abs(x)) + jnp.expm1(-(x**2)) + jnp.sin(x) * jnp.cos(x),
    "joined": lambda x: jnp.concatenate([*jnp.split(x, [1, 2], axis=1), jnp.ones_like(x)], 1),
    "norm": lambda x: x / jnp.sqrt((x**2).sum(1, keepdims=True)) + jax.lax.rsqrt(1 + x**2),
    "normal": lambda x: jax.scipy.special.erf(x) * jax.nn.gelu(x, approximate=False),
    "powers": lambda x: jnp.abs(x) ** 1.5 + x**-2 + jnp.sign(x) * jnp.floor(x) + jnp.ceil(x),
    "shares": lambda x: jax.nn.logsumexp(x, axis=1) + jnp.clip(x, -1, 1).min(axis=1),
    "steps": lambda x: x.reshape(-1, 2, 2).transpose(0, 2, 1)[:, ::-1].reshape(-1, 4)[:, ::3],
}
KEY = jax.random.key(0)
EDGES = np.array([-1.0, 0, 1])


class Computing(VariableObservable):
    """Its score is the sum over what a function of JAX makes of an event."""

    function: Callable = eqx.field(static=True)
    dtype: str = eqx.field(static=True)

    def respond(self, events):
        found = self.function(events.astype(self.dtype))
        return found.reshape(len(events), -1).sum(axis=1).astype(float)


@pytest.mark.parametrize("name", OF_JAX)
def test_what_jax_computes_is_the_same(name):
    matrix = np.random.default_rng(0).normal(0, 2, (500, 4))
    precisions = {"float32": 2e-6} if name == "normal" else {"float32": 2e-6, "float64": 1e-14}
    for dtype, tolerance in precisions.items():
        observable = Computing(EDGES, NAMES, "", OF_JAX[name], dtype)
        expected = np.asarray(eqx.filter_jit(observable)(matrix))
        score, _ = run(onnx_model([observable], name, {}), matrix)
        largest = np.abs(expected).max()
        np.testing.assert_allclose(score, expected, rtol=0, atol=tolerance * largest)


def test_what_is_not_written_is_named():
    of_jax = {
        "JAX's operator 'sort' is not among": lambda x: jnp.sort(x, axis=1),
        "'and' on the bits of numbers": lambda x: x.astype(int) & 1,
        "onnxruntime has erf in float32 only": jax.scipy.special.erf,
        "elements at places that depend": lambda x: x[0, x.astype(int)],
        "elements at places that an array does not": lambda x: x[:, jnp.array([0, 9])],
        "'convert_element_type' on bfloat16": lambda x: x.astype("bfloat16"),
        "'convert_element_type' on uint8": lambda x: x.astype("uint8"),
        "ONNX has not all of what it computes": lambda x: jnp.maximum(x > 0, x < 1),
        "random numbers": lambda x: x * jax.random.uniform(jax.random.fold_in(KEY, x[0, 0])),
    }
    for message, function in of_jax.items():
        observable = Computing(EDGES, NAMES, "", function, "float64")
        with pytest.raises(InputError, match=f"kind 'mine' is not exported: .*{message}"):
            onnx_model([observable], "mine", {})
    score = settings_of(kind="variable", variable="score", edges=[0.0, 1.0])
    named = create_observable(score, ("score",), np.ones((2, 1)), jax.random.key(0))
    with pytest.raises(InputError, match=r"'score' has the name of another .* 1 \* score"):
        onnx_model([named], "variable", {})
