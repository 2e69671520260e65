"""Batches: yields, variations of the same events, samples of any size and sign."""

import jax
import numpy as np
import pytest
from blobs import (
    SAMPLES,
    events,
    loss_and_gradient,
    problem_of,
)

from hone.events.event_sets import EventSets
from hone.statmodel.templates import Histogram
from hone.training.batches import draw_batch, on_device
from hone.training.devices import Devices
from hone.training.step import with_trace


def test_a_batch_has_the_yields_whatever_its_weights():
    rng = np.random.default_rng(0)
    sets = events("training")
    weights = {n: w * rng.choice([0, 1, 3], size=len(w)) for n, w in sets.weights.items()}
    weights["background__trigger_up"] = 1.1 * weights["background"]
    data, names = on_device(
        EventSets(sets.features, weights, weighted={"background__trigger_up": "background"}),
        SAMPLES,
    )
    assert names["background"] == ["background", "background__trigger_up"]
    batch = draw_batch(data, 500, jax.random.key(0))
    for name, (_, drawn, *_) in batch.items():
        assert float(drawn[:, 0].sum()) == pytest.approx(weights[name].sum())
    assert float(batch["background"][1][:, 1].sum()) == pytest.approx(
        1.1 * weights["background"].sum()
    )


def test_a_sample_and_its_variations_have_the_same_events_in_a_batch():
    """So that what differs is the variation, not the batch."""
    rng = np.random.default_rng(0)
    sets, number = events("training"), np.arange(3000)
    nominal = sets.features["background"][: len(number)]
    order, lost = rng.permutation(number), 300  # of the varied events
    features = {**sets.features, "background": nominal}
    weights = {**sets.weights, "background": np.full(len(number), 0.1)}
    rows = {"background": number}
    for name, shift in (("background__shape_up", 0.1), ("background__shape_down", -0.1)):
        kept = order[lost:]
        features[name], weights[name] = (nominal + shift)[kept], np.full(len(kept), 0.1)
        rows[name] = np.full(len(number), -1)
        rows[name][kept] = np.arange(len(kept))
    alike, _ = on_device(EventSets(features, weights, rows=rows), SAMPLES)
    apart, _ = on_device(EventSets(features, weights), SAMPLES)
    batch, other = (draw_batch(d, 500, jax.random.key(0)) for d in (alike, apart))
    up, down, middle = (batch[f"background{x}"] for x in ("__shape_up", "__shape_down", ""))
    there = np.asarray(up.weights[:, 0]) > 0
    assert 0.8 < there.mean() < 1
    np.testing.assert_allclose((up.features - middle.features)[there], 0.1, rtol=1e-9)
    np.testing.assert_allclose((down.features - middle.features)[there], -0.1, rtol=1e-9)
    for name, drawn in batch.items():
        assert float(drawn.weights[:, 0].sum()) == pytest.approx(weights[name].sum())
    for one, same in zip(batch["signal"][:2], other["signal"][:2], strict=True):
        np.testing.assert_array_equal(one, same)
    # The MC error of a set is that of the events that are there.
    problem, _, observable = problem_of(EventSets(features, weights, rows=rows), edges="equal")
    name = "background__shape_up"
    filled = jax.jit(lambda x: problem.histograms(observable, {name: x}, 1.0)[name])
    found = filled(batch[name]).variances.sum()
    evaluated = problem.evaluation.get(name, problem.settings.evaluation_events)
    expected = weights[name].sum() ** 2 / evaluated
    assert float(found) == pytest.approx(expected, rel=1e-3)


def test_a_batch_has_all_events_of_a_small_sample():
    """And of others what it has without it."""
    sets = events("training")
    few = {**sets.features, "background": sets.features["background"][:14]}
    weights = {**sets.weights, "background": np.linspace(-1, 5, 14)}
    data, _ = on_device(EventSets(few, weights), SAMPLES)
    usual, _ = on_device(sets, SAMPLES)
    batch, other = (draw_batch(d, 500, jax.random.key(0)) for d in (data, usual))
    np.testing.assert_array_equal(batch["background"].features, few["background"])
    np.testing.assert_array_equal(batch["background"].weights[:, 0], weights["background"])
    for name in set(data) - {"background"}:
        for one, same in zip(batch[name][:2], other[name][:2], strict=True):
            assert len(one) == 500
            np.testing.assert_array_equal(one, same)


def uneven(objective, accumulate=1):
    sets = events("training")
    sizes = {"background": 37, "background__shape_up": 500}
    features = {name: x[: sizes.get(name)] for name, x in sets.features.items()}
    weights = {
        name: w[: sizes.get(name)] * len(w) / len(features[name])
        for name, w in sets.weights.items()
    }
    edges = "learned" if objective == "z_a" else "equal"
    return problem_of(
        EventSets(features, weights), objective=objective, edges=edges, accumulate=accumulate,
        dropout=0.2,
    )  # fmt: skip


@pytest.mark.parametrize(("objective", "devices"), [("z_a", 8), ("bce_augmented", 1)])
def test_samples_of_different_sizes_are_trained_on(objective, devices):
    """Histograms of a batch are those of each sample alone; pieces, on any device, add up: their
    dropout is that of the whole batch."""
    problem, data, observable = uneven(objective)
    batch = draw_batch(data, problem.settings.batch, jax.random.key(9))
    assert {name: len(e.features) for name, e in batch.items()} == {
        "signal": 1000, "background": 37, "background__shape_up": 500,
        "background__shape_down": 1000,
    }  # fmt: skip
    filled = jax.jit(lambda of: problem.histograms(observable, of, 0.5))
    together = filled(batch)
    for name, own in batch.items():
        alone = filled({name: own})[name]
        np.testing.assert_allclose(together[name].values, alone.values, rtol=1e-12)
        total = with_trace(Histogram(np.zeros(4), np.zeros(4)), problem.yields[name]).values.sum()
        assert together[name].values.sum() == pytest.approx(problem.yields[name] + total)
    whole = loss_and_gradient(problem, data, observable)
    problem, data, observable = uneven(objective, accumulate=4)
    found = Devices.of(devices)
    pieces = loss_and_gradient(problem._replace(devices=found), *found.put((data, observable)))
    for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(pieces), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("part", [0.3, 0.45])
def test_a_batch_of_weights_of_both_signs_is_bounded_and_right_on_average(part):
    """200 events of which 45 % are negative add up to nothing in 2 % of the batches."""
    rng = np.random.default_rng(0)
    sets = events("training")
    signs = {
        n: rng.choice([-1, 1], p=[part, 1 - part], size=len(w)) for n, w in sets.weights.items()
    }
    weights = {n: w * signs[n] * rng.uniform(0.5, 1.5, len(w)) for n, w in sets.weights.items()}
    data, _ = on_device(EventSets(sets.features, weights), SAMPLES)
    keys = jax.random.split(jax.random.key(0), 2000)
    drawn = jax.jit(
        jax.vmap(lambda key: {n: e.weights[:, 0] for n, e in draw_batch(data, 200, key).items()})
    )(keys)
    for name, batches in drawn.items():
        own = weights[name]
        assert np.abs(batches).max() <= np.abs(own).max() * len(own) / 200 * (1 + 1e-12)
        sums = np.asarray(batches.sum(axis=1))
        error = len(own) * own.std() / np.sqrt(200 * len(keys))
        assert sums.mean() == pytest.approx(own.sum(), abs=5 * error)
