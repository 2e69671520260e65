"""Soft bins lose nothing and become the sharp ones; observables survive storage."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from settings import observable as settings_of
from slopes import slopes

from hone.errors import InputError, ModelError
from hone.observable import (
    create_observable,
    load_observable,
    save_observable,
)
from hone.statmodel.templates import count

EDGES = np.array([0.0, 0.15, 0.4, 0.85, 1.0])
CUTS = [{"variable": "x", "side": "above", "start": 0.5}, {"variable": "y", "side": "below"}]
NETWORK = {"kind": "network", "bins": 4, "hidden": [8, 8], "bandwidth": [0.1, 0.02]}
OF_OUTPUTS = ("two_dimensional", "categories")
END = np.ones(())
"""Progress of a training at its end."""
KINDS = {
    "network": NETWORK,
    "float64": NETWORK | {"precision": "float64"},
    "fixed edges": NETWORK | {"edges": EDGES.tolist(), "precision": "bfloat16"},
    "learned": NETWORK | {"edges": "learned", "smoothing": "learned"},
    "scott": NETWORK | {"smoothing": "scott"},
    "adaptive": NETWORK | {"smoothing": "adaptive"},
    "joint": NETWORK | {"edges": "learned", "cuts": CUTS},
    "failing": NETWORK | {"edges": "learned", "cuts": CUTS, "failing": "bin"},
    "softmax": {"kind": "softmax", "bins": 3, "hidden": [8], "temperature": [1, 0.1]},
    "two_dimensional": {
        "kind": "two_dimensional",
        "bins": [3, 4],
        "hidden": [8],
        "edges": "learned",
    },
    "categories": {"kind": "categories", "bins": [3, 1, 2], "hidden": [8], "edges": "learned"},
    "cuts": {"kind": "cuts", "cuts": CUTS},
    "variable": {"kind": "variable", "variable": "y", "edges": [-5.0, -2.0, 0.0]},
}


def sample(size=100, seed=0):
    return np.random.default_rng(seed).normal([1, -2], [2, 3], (size, 2))


def observable(kind="network", **changes):
    return create_observable(
        settings_of(**KINDS[kind] | changes), ("x", "y"), sample(), jax.random.key(3)
    )


@eqx.filter_jit
def shares_of(chosen, events, progress=END):
    response = chosen.respond(events)
    return chosen.shares(response, chosen.widths(response, jnp.ones(len(events)), progress))


@pytest.mark.parametrize("kind", KINDS)
def test_every_event_is_shared_once_or_cut(kind):
    chosen, events = observable(kind), sample(200, seed=5)
    for progress in np.array([0.0, 0.5, 1.0]):
        total = np.asarray(shares_of(chosen, events, progress).sum(axis=1))
        assert (total <= 1 + 1e-12).all()
        assert (total >= 0).all()
        if kind not in ("joint", "cuts"):
            np.testing.assert_allclose(total, 1.0, rtol=1e-12)
    assert shares_of(chosen, events).shape == (200, chosen.bins)
    assert shares_of(chosen, events).dtype == "float64"


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("network", {"smoothing": "fixed", "bandwidth": [1e-9]}),
        ("softmax", {"smoothing": "fixed", "temperature": [1e-9]}),
        ("two_dimensional", {"smoothing": "fixed", "bandwidth": [1e-9]}),
        ("categories", {"smoothing": "fixed", "bandwidth": [1e-9], "temperature": [1e-9]}),
        ("cuts", {"cuts": [cut | {"slope": 1e9} for cut in CUTS]}),
        (
            "joint",
            {"smoothing": "fixed", "bandwidth": [1e-9], "cuts": [c | {"slope": 1e9} for c in CUTS]},
        ),
        (
            "failing",
            {"smoothing": "fixed", "bandwidth": [1e-9], "cuts": [c | {"slope": 1e9} for c in CUTS]},
        ),
        ("variable", {}),
    ],
)
def test_sharp_shares_are_the_counts(kind, changes):
    chosen, events = observable(kind, **changes), sample(500, seed=6)
    weights = np.random.default_rng(1).uniform(0.5, 1.5, 500)
    hard = count(chosen.score(events), weights, np.asarray(chosen.edges))
    np.testing.assert_allclose(weights @ shares_of(chosen, events), hard.values, atol=1e-9)
    assert hard.values.sum() > 0


@pytest.mark.parametrize(
    "kind", ["learned", "scott", "adaptive", "joint", "failing", "softmax", *OF_OUTPUTS, "cuts"]
)
def test_gradient_of_the_soft_histogram(kind):
    """By all that may be trained, along random directions, against finite differences."""
    changes = {} if kind == "cuts" else {"precision": "float64"}
    if kind in ("softmax", *OF_OUTPUTS):
        changes["smoothing"] = "learned"
    chosen, events = observable(kind, **changes), sample(40, seed=7)
    marks = chosen.trainable() if kind not in ("scott", "adaptive") else _all_numbers(chosen)
    free, frozen = eqx.partition(chosen, marks)
    target = jnp.asarray(np.random.default_rng(2).normal(size=chosen.bins))

    @jax.jit
    @jax.value_and_grad
    def both(free):
        return (shares_of(eqx.combine(free, frozen), events, 0.3) @ target).sum()

    gradient = both(free)[1]
    assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradient) if leaf.ndim == 0)
    for by_gradient, by_difference in slopes(both, free, seed=3):
        assert by_difference == pytest.approx(by_gradient, rel=1e-5, abs=1e-7)


def _all_numbers(chosen):
    marks = jax.tree.map(lambda _: False, chosen)
    return eqx.tree_at(
        lambda o: (o.network, o.edge_logits), marks, (chosen.network.trainable(), True)
    )


@given(st.sampled_from([1, 3, 12]).flatmap(lambda n: st.tuples(*[st.floats(-20, 20)] * n)))
def test_edges_rise_whatever_the_logits(logits):
    free = eqx.tree_at(lambda o: o.edge_logits, observable(), jnp.asarray(logits))
    edges = np.asarray(free.edges)
    assert edges[0] == 0
    assert edges[-1] == 1
    assert (np.diff(edges) >= 0).all()


def test_cuts_keep_their_side_and_their_unit():
    cut = observable("cuts").cuts
    moved = cut.at(np.array([1.5, -2.5]))
    np.testing.assert_allclose(moved.values(), [1.5, -2.5])
    events = np.array([[1.6, -2.6], [1.4, -2.6], [1.6, -2.4]])
    assert list(np.asarray(moved.hard(moved.respond(events)))) == [True, False, False]
    assert moved.summary()["x_above"] == pytest.approx(1.5)


def test_events_that_fail_a_cut_are_in_a_bin_of_their_own():
    """The others are where they would be without it."""
    lost, kept, events = observable("joint"), observable("failing"), sample(500, seed=6)
    np.testing.assert_array_equal(kept.edges, [-1, *np.asarray(lost.edges)])
    scores = lost.score(events)
    assert 0 < np.isnan(scores).sum() < 500
    np.testing.assert_array_equal(kept.score(events), np.nan_to_num(scores, nan=-0.5))
    of_lost, of_kept = (np.asarray(shares_of(o, events)) for o in (lost, kept))
    np.testing.assert_array_equal(of_kept[:, 1:], of_lost)
    assert (lost.has_cuts, kept.has_cuts) == (True, False)


def test_what_is_trained_is_what_was_asked_for():
    assert not observable("network").trainable().edge_logits
    learned = observable("learned").trainable()
    assert learned.edge_logits
    assert learned.softness.growth
    assert not learned.network.mean
    assert not any(jax.tree.leaves(observable("variable").trainable()))


def test_scores_do_not_depend_on_the_piece_size():
    events = sample(70_000, seed=5)
    scores = observable().score(events)
    np.testing.assert_allclose(scores[-100:], observable().score(events[-100:]), rtol=1e-6)
    assert ((scores > 0) & (scores < 1)).all()


def test_a_score_that_is_not_a_number_is_no_cut():
    events = sample(9000, seed=5)
    events[8500] = [1.5, 1e300]
    for kind in ("network", "joint", "softmax", *OF_OUTPUTS):
        with pytest.raises(
            InputError, match=r"event 8500 has a score .* y = 1e\+300, x = 1\.5\. Exclude"
        ):
            observable(kind).score(events)
    cuts = observable("cuts")
    bad = eqx.tree_at(lambda o: o.cuts.thresholds, cuts, jnp.array([jnp.nan, 0.0]))
    with pytest.raises(InputError, match="event 0 has a score that is not a number"):
        bad.score(events[:10])
    assert np.isnan(cuts.score(events[:100])).any()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_neither_written_nor_read(tmp_path, value):
    path, good = tmp_path / "model.safetensors", observable()
    bad = eqx.tree_at(lambda o: o.network.last.weight, good, replace_fn=lambda w: w * value)
    with pytest.raises(InputError, match=r"tensor network.last.weight is not finite"):
        save_observable(path, bad, settings_of(**NETWORK), {})
    with pytest.raises(InputError, match="an edge, a setting or the objective of the observable"):
        save_observable(path, good, settings_of(**NETWORK), {"validation_objective": value})
    assert not list(tmp_path.iterdir())
    save_observable(path, good, settings_of(**NETWORK), {})
    tensors = load_file(path)
    tensors["network.last.weight"][0, 1] = value
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    save_file(tensors, path, metadata=metadata)
    with pytest.raises(InputError, match=r"model.safetensors: .*last.weight is not finite"):
        load_observable(path)


@pytest.mark.parametrize("kind", KINDS)
def test_stored_observables_are_the_same(tmp_path, kind):
    first = observable(kind)
    given = settings_of(**KINDS[kind])
    save_observable(tmp_path / "model.safetensors", first, given, {"seed": 3})
    second, settings = load_observable(tmp_path / "model.safetensors")
    events = sample(100, seed=5)
    np.testing.assert_array_equal(first.score(events), second.score(events))
    np.testing.assert_array_equal(first.edges, second.edges)
    np.testing.assert_array_equal(shares_of(first, events), shares_of(second, events))
    assert second.features == ("x", "y")
    assert settings == given


def test_damaged_observables_are_refused_by_name(tmp_path):
    path = tmp_path / "model.safetensors"
    save_observable(path, observable(), settings_of(**NETWORK), {})
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match=r"model\.safetensors: not a trained observable"):
        load_observable(path)


def test_without_64_bits_no_good_file_is_blamed(tmp_path):
    path = tmp_path / "model.safetensors"
    save_observable(path, observable(), settings_of(**NETWORK), {})
    with jax.enable_x64(False), pytest.raises(ModelError, match="jax_enable_x64") as caught:
        load_observable(path)
    assert "delete" not in str(caught.value)


def test_equal_observables_are_equal_files(tmp_path):
    """In other processes too, where safetensors orders metadata otherwise."""
    settings = settings_of(kind="network", bins=3, hidden=[4])
    observable = create_observable(settings, ["x", "y"], np.ones((5, 2)), jax.random.key(0))
    path = tmp_path / "model.safetensors"
    save_observable(path, observable, settings, {"rule": "é"})
    header = path.read_bytes()[8:]
    assert header.startswith(b'{"__metadata__":{"observable":')
    assert int.from_bytes(path.read_bytes()[:8], "little") % 8 == 0
    loaded, _ = load_observable(path)
    np.testing.assert_array_equal(loaded.score(np.ones((1, 2))), observable.score(np.ones((1, 2))))


@pytest.mark.parametrize("precision", ["f8", "f4"])
def test_values_on_edges_are_binned_as_doubles(precision):
    """0.3 and 0.7 of a branch in single precision are not the edges 0.3 and 0.7."""
    edges, values = [0.0, 0.3, 0.7, 1.0], (np.arange(11) / 10).astype(precision)
    chosen, events = observable("variable", edges=edges), np.stack([values, values], axis=1)
    found = count(chosen.score(events), np.ones(11), np.asarray(chosen.edges))
    np.testing.assert_array_equal(found.values, np.histogram(values.astype("f8"), edges)[0])
    np.testing.assert_array_equal(shares_of(chosen, events).sum(axis=0), found.values)


@pytest.mark.parametrize("side", ["above", "below"])
def test_events_on_a_threshold_fail_the_cut(side):
    """Whatever the unit: thresholds of a grid are values of events where these are integers."""
    counts = np.random.default_rng(1).poisson(4, (300, 2)).astype(float)
    settings = settings_of(kind="cuts", cuts=[{"variable": "x", "side": side}])
    chosen = create_observable(settings, ("x", "y"), counts, jax.random.key(0))
    for threshold in range(1, 9):
        cuts = chosen.cuts.at(np.array([float(threshold)]))
        moved = eqx.tree_at(lambda o: o.cuts, chosen, cuts)
        passing = ~np.isnan(moved.score(counts))
        right = counts[:, 0] > threshold if side == "above" else counts[:, 0] < threshold
        np.testing.assert_array_equal(passing, right)
        assert cuts.values() == [threshold]
