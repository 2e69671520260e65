"""A network that a function beside the config makes: trained, stored, loaded, refused by name."""

import re

import equinox as eqx
import hypothesis
import jax
import numpy as np
import onnxruntime
import pytest
import yaml
from blobs import ROOT, problem_of, trained_with
from blobs import events as blobs_events
from hypothesis import strategies as st
from settings import observable as settings_of

from hone.analysis import checked_config, own_code
from hone.analysis.leading import leading
from hone.analysis.own_code import OwnFunction
from hone.analysis.parts import of_training
from hone.errors import ConfigError, InputError
from hone.events.event_sets import EventSets
from hone.observable import create_observable, load_observable, save_observable
from hone.observable.onnx_model import onnx_model
from hone.running import provenance
from hone.sentinels import PADDING
from hone.training.gradient import check_gradient, in_double_precision
from hone.training.step import draw_batch

PAGE = (ROOT / "docs" / "own_network.md").read_text()
RNG = np.random.default_rng(0)
EVENTS = RNG.normal([1, -2], [2, 3], (50, 2))
FEATURES = ("met", *leading(["jet_pt[:5]", "jet_eta[:5]"]))
MINE = """
import equinox as eqx, jax

class Sum(eqx.Module):
    of_one: eqx.nn.MLP
    of_all: eqx.nn.MLP
    def __call__(self, x):
        return self.of_all(jax.vmap(self.of_one)(x.reshape(-1, 2)).sum(axis=0))

def own(features, outputs, key):
    one, other = jax.random.split(key)
    return Sum(eqx.nn.MLP(2, 16, 32, 1, key=one), eqx.nn.MLP(16, outputs, 32, 1, key=other))
"""
BAD = """
import equinox as eqx
import jax.numpy as jnp

class Made(eqx.Module):
    weight: jnp.ndarray
    answer: object
    def __call__(self, x):
        return self.answer(self.weight * x.sum())

def of(answer, weight=1.0):
    return Made(jnp.asarray(weight), answer)

def plain(features, outputs, key): return lambda x: x
def raises(features, outputs, key): return features[0]
def fixed(features, outputs, key): return of(lambda x: jnp.ones(outputs), 1)
def scalar(features, outputs, key): return of(lambda x: x)
def whole(features, outputs, key): return of(lambda x: jnp.ones(outputs, int))
def nan(features, outputs, key): return of(lambda x: jnp.log(jnp.full(outputs, -1 - x**2)))
def fails(features, outputs, key): return of(lambda x: x.nothing)

class Dropping(eqx.Module):
    weight: jnp.ndarray
    drop: eqx.nn.Dropout = eqx.nn.Dropout(0.5)
    def __call__(self, x, key):
        return self.drop(self.weight * x[0], key=key)
def dropping(features, outputs, key): return Dropping(jnp.ones(1))

class Keyless(Dropping):
    def __call__(self, x):
        return self.drop(self.weight * x[0])
def keyless(features, outputs, key): return Keyless(jnp.ones(1))

class Mean(eqx.Module):
    weight: jnp.ndarray
    def __call__(self, x, mask):
        return self.weight * x.sum(keepdims=True) / mask[1:].sum()
def mean(features, outputs, key): return Mean(jnp.ones(1))

class Attention(eqx.Module):
    heads: eqx.nn.MultiheadAttention
    last: eqx.nn.Linear
    def __call__(self, x, mask):
        jets = x[1:].reshape(-1, 5).T
        there = mask[1:].reshape(-1, 5).all(axis=0) | (jnp.arange(5) == 0)
        seen = self.heads(jets, jets, jets, mask=jnp.broadcast_to(there, (5, 5)))
        return self.last(seen.mean(axis=0))
def attention(features, outputs, key):
    return Attention(eqx.nn.MultiheadAttention(2, 2, key=key), eqx.nn.Linear(2, outputs, key=key))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("own")
    jets, of_flax = re.findall("```python\n(.*?)```", PAGE, re.DOTALL)
    (found / "jets.py").write_text(jets)
    (found / "of_flax.py").write_text(of_flax)
    (found / "mine.py").write_text(MINE)
    (found / "bad.py").write_text(BAD)
    return found


@pytest.fixture(scope="module")
def of_jets(folder):
    """The network of the page, the logits of its observable, and its module."""
    found, given = made(folder, "jets:deep_sets", FEATURES, jets(500)[0], precision="float64")
    module = given.architecture.load("")(len(FEATURES), 1, jax.random.key(3))
    logits, of_module = jax.jit(lambda x: found.logits(x)), jax.vmap(module)
    return found.network, logits, jax.jit(lambda x, mask: of_module(x, mask)[:, 0])


def own(folder, function="mine:own"):
    return OwnFunction(function=function).beside(folder)


def made(folder, function="mine:own", features=("x", "y"), events=EVENTS, **settings):
    given = settings_of(**{"kind": "network", "architecture": own(folder, function)} | settings)
    return create_observable(given, features, events, jax.random.key(3)), given


def jets(size, seed=0, mean=2, low=0):
    """Events with up to five jets, their pt falling; and how many each has."""
    rng = np.random.default_rng(seed)
    number = np.clip(rng.poisson(mean, size), low, 5)
    pt = -np.sort(-rng.exponential(40, (size, 5)))
    there = np.arange(5) < number[:, None]
    eta = rng.normal(size=(size, 5))
    padded = (np.where(there, x, PADDING) for x in (pt, eta))
    return np.c_[rng.exponential(30, size), *padded], number


@hypothesis.settings(max_examples=30)
@hypothesis.given(st.integers(0, 2**32 - 1), st.floats(0, 5), st.floats(-1e6, 1e6))
def test_the_order_of_jets_does_not_matter_nor_what_pads_them(of_jets, seed, mean, value):
    network, logits, outputs = of_jets
    events, number = jets(40, seed, mean)
    expected = logits(events)
    order = np.random.default_rng(seed).permuted(np.tile(np.arange(5), (40, 1)), axis=1)
    shuffled = [np.take_along_axis(events[:, k : k + 5], order, axis=1) for k in (1, 6)]
    np.testing.assert_allclose(logits(np.c_[events[:, :1], *shuffled]), expected, atol=1e-12)
    # the module itself on the jets that are there, with anything in the place of the others
    there = np.c_[np.ones(40, bool), np.tile(np.arange(5) < number[:, None], 2)]
    x = np.where(there, (events - network.mean) / network.scale, value)
    np.testing.assert_allclose(outputs(x, there), expected, atol=1e-12)


def test_what_is_padded_needs_a_mask_and_a_number_without_any(folder):
    for function, message in (
        ("mine:own", r"features jet_pt\[:5\], jet_eta\[:5\] are padded; .*\(self, x, mask\)$"),
        ("bad:mean", r"not finite before any training, for an event without any jet_pt\[:5\], jet"),
    ):
        with pytest.raises(InputError, match=f"^architecture: '{function}'.*{message}"):
            made(folder, function, FEATURES, jets(50, low=1)[0])


def jets_of(name):
    """A signal with more jets than the background, of which one variation has more, too."""
    means = {"signal": 3, "background": 2, "background__shape_up": 2.2, "background__shape_down": 2}
    seed = 10 * (name == "validation")
    features = {t: jets(1000, seed + k, mean)[0] for k, (t, mean) in enumerate(means.items())}
    return EventSets(features, blobs_events(name, 1000).weights)


def test_the_gradient_with_jets_is_that_of_differences(folder):
    how = {"architecture": own(folder, "jets:deep_sets"), "objective": "bce", "edges": "equal"}
    problem, data, found = problem_of(jets_of("training"), FEATURES, hidden=[64, 64], **how)
    batch = draw_batch(data, problem.settings.batch, jax.random.key(9))
    checked = check_gradient(
        problem, found, batch, np.random.default_rng(1), 2, (1e-3, 1e-4, 1e-5, 1e-6)
    )
    assert (np.array(checked["relative"]).min(axis=1) < 1e-6).all()


def test_dropout_is_of_training_steps_alone(folder):
    found, _ = made(folder, "bad:dropping", precision="float64")
    x = (EVENTS[:, 0] - EVENTS[:, 0].mean()) / EVENTS[:, 0].std()
    np.testing.assert_allclose(found.network(EVENTS)[:, 0], x, rtol=1e-12)
    first, again, other = (
        found.in_training(jax.random.split(jax.random.key(k), 50)).network(EVENTS)[:, 0]
        for k in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    dropped = np.asarray(first) == 0
    assert 10 < dropped.sum() < 40
    np.testing.assert_allclose(first[~dropped], 2 * x[~dropped], rtol=1e-12)


@pytest.mark.parametrize("kind", ["network", "softmax"])
def test_it_is_the_function_of_standardised_features_and_stored(folder, tmp_path, kind):
    found, given = made(folder, kind=kind, precision="float64")
    outputs = 1 if kind == "network" else given.bins
    x = (EVENTS - EVENTS.mean(axis=0)) / EVENTS.std(axis=0)
    module = given.architecture.load("")(2, outputs, jax.random.key(3))
    np.testing.assert_allclose(found.network(EVENTS), jax.vmap(module)(x), rtol=1e-12)
    trained = jax.tree.leaves(eqx.filter(found, found.trainable()))
    assert len(trained) == 8  # weights and biases of two networks of two layers
    assert {w.shape for w in found.matrices()} == {(32, 2), (16, 32), (32, 16), (outputs, 32)}
    save_observable(tmp_path / "model.safetensors", found, given, {})
    loaded, settings = load_observable(tmp_path / "model.safetensors")
    assert settings == given
    np.testing.assert_array_equal(loaded.score(EVENTS), found.score(EVENTS))
    other, _ = made(folder, kind=kind, precision="float64", start_from="o")
    np.testing.assert_array_equal(other.started_from(loaded).score(EVENTS), found.score(EVENTS))


def test_it_is_trained_and_in_double_precision_the_same(folder):
    """Two seeds in one program: their modules are of one class. Jets tell the signal."""
    how = {"architecture": own(folder, "jets:deep_sets"), "hidden": [64, 64], "objective": "bce",
           "edges": "equal"}  # fmt: skip
    sets = {name: jets_of(name) for name in ("training", "validation")}
    for result in trained_with((1, 2), steps=40, l2=1e-4, features=FEATURES, **sets, **how):
        weights = result.snapshots.numbers.network.body.of_jet.layers[0].weight
        assert not np.allclose(weights[0], weights[-1])
        signal, background = (
            np.asarray(result.observable.score(sets["validation"].features[name]))
            for name in ("signal", "background")
        )
        assert (signal[:, None] > background).mean() > 0.6  # 0.67 of the number of jets
        double = in_double_precision(result.observable, settings_of(kind="network", **how))
        leaves = jax.tree.leaves(eqx.filter(double.network.body, eqx.is_array))
        assert {leaf.dtype for leaf in leaves} == {np.dtype("float64")}
        np.testing.assert_allclose(
            double.score(sets["training"].features["signal"]),
            result.observable.score(sets["training"].features["signal"]),
            atol=1e-5,
        )


def test_a_module_of_flax_is_trained_and_stored(folder, tmp_path):
    pytest.importorskip("flax", reason="flax is not in hone's environment")
    found, given = made(folder, "of_flax:layers")
    assert {w.shape for w in found.matrices()} == {(2, 32), (32, 1)}
    assert len(jax.tree.leaves(eqx.filter(found.network, found.network.trainable()))) == 4
    save_observable(tmp_path / "model.safetensors", found, given, {})
    loaded, _ = load_observable(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.score(EVENTS), found.score(EVENTS))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("plain", "must return an equinox module, not <function"),
        ("raises", "raised TypeError: 'int' object is not subscriptable"),
        ("fixed", "returns a module without floating point arrays to train"),
        ("scalar", r"real numbers of shape \(1,\) for the .* one event, not float32 of shape \(\)"),
        ("whole", r"real numbers of shape \(1,\) for the .* one event, not int64 of shape \(1,\)"),
        ("nan", "returns numbers that are not finite before any training"),
        ("keyless", "raised RuntimeError: Dropout requires a key"),
        ("fails", r"one event \(shape \(2,\)\), raised AttributeError: .*nothing"),
    ],
)
def test_a_bad_module_names_the_setting(folder, function, message):
    with pytest.raises(InputError, match=f"^architecture: 'bad:{function}'.*{message}"):
        made(folder, f"bad:{function}")


def test_a_stored_one_needs_the_same_code(folder, tmp_path):
    module, path = tmp_path / "mine.py", tmp_path / "model.safetensors"
    text = (folder / "mine.py").read_text()
    module.write_text(text)
    save_observable(path, *made(tmp_path), {})
    for edited, message in (
        (text + "# only a comment\n", None),
        (text.replace(".sum(", ".max("), "mine.py, or a file that it imports, has changed since"),
        ("", "mine.py has no function 'own'; functions there are .none."),
        (None, "'mine:own' needs the file .*mine.py, beside the config, which is not there"),
    ):
        module.unlink()
        if edited is not None:
            module.write_text(edited)
        for of_process in (own_code._loaded, provenance.code_digest, provenance._read):
            of_process.cache_clear()
        if message is None:
            load_observable(path)
            continue
        with pytest.raises(InputError, match=f"^{path}: architecture: .*{message}"):
            load_observable(path)


@pytest.mark.parametrize("function", ["jets:deep_sets", "bad:attention"])
def test_onnxruntime_scores_as_it_does(folder, function):
    matrix = jets(500)[0]
    found, _ = made(folder, function, FEATURES, matrix)
    session = onnxruntime.InferenceSession(onnx_model([found], "", {}).SerializeToString())
    inputs = {name: matrix[:, k].copy() for k, name in enumerate(FEATURES)}
    (score,) = session.run(["score"], inputs)
    np.testing.assert_allclose(score, found.score(matrix), rtol=0, atol=1e-6)


def analysis(folder, **changes):
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    given = {"name": "sets", "kind": "network", "objective": "cls", **changes}
    return checked_config(config | {"observables": [given], "modules": str(folder)})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "mine"}, r'\].architecture: "mine" is not of the form module:function'),
        ({"architecture": "../mine:own"}, r"\].architecture: .* is not of the form"),
        ({"architecture": "mine:other"}, r"\].architecture: .*no function 'other'; .*own"),
        ({"architecture": "gone:f"}, r"\].architecture: 'gone:f' needs the file .*gone.py"),
        ({"hidden": [8]}, r"hidden: does not apply to an architecture of one's own; remove it"),
        (
            {"precision": "bfloat16"},
            "precision: an architecture of one's own casts what it multiplies",
        ),
        ({"dropout": 0.1}, "dropout: does not apply"),
        ({"frozen_layers": 1, "start_from": "o"}, "frozen_layers: does not apply"),
    ],
)
def test_a_config_is_checked_before_anything_runs(folder, changes, message):
    with pytest.raises(ConfigError, match=message):
        analysis(folder, **{"architecture": "mine:own"} | changes)


def test_its_code_is_part_of_what_a_training_depends_on(folder):
    (stored,) = of_training(analysis(folder, architecture="mine:own"), "signal", "sets")[
        "observables"
    ]
    assert stored["architecture"] == own(folder).model_dump()
