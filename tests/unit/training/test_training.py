"""Training lowers any objective; the gradient through the whole chain is exact."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from blobs import (
    CUTS,
    SAMPLES,
    chosen,
    events,
    numbers,
    problem_of,
    trained_with,
)
from ntuples import write
from scipy.stats import norm
from slopes import slopes

from hone.analysis import Template
from hone.analysis.observables import Categories, Trained
from hone.analysis.regions import ONE_REGION
from hone.errors import FitError
from hone.events.event_sets import EventSets, hard_histograms
from hone.events.sources import Source
from hone.events.stream import fill_histograms
from hone.observable import create_observable
from hone.statmodel.filling import fill, template_model
from hone.statmodel.templates import Histogram
from hone.training.batches import draw_batch
from hone.training.devices import Devices
from hone.training.loop import history_of_trial
from hone.training.objectives import OF_MODEL, log_cls
from hone.training.settings import Settings
from hone.training.step import State, make_step, with_trace


@pytest.fixture(scope="module")
def trained():
    return trained_with()[0]


def traced(histograms):
    """As validation sees them."""
    return {name: with_trace(h, h.values.sum()) for name, h in histograms.items()}


def test_training_on_cls_approaches_the_floor(trained):
    untrained, *validated = trained.history
    objectives = [row["validation_objective"] for row in validated]
    assert trained.objective == min(objectives)
    assert np.isnan(untrained["validation_objective"])  # not to be kept
    assert untrained["validation_cls"] == pytest.approx(np.exp(untrained["untrained_objective"]))
    assert untrained["untrained_objective"] > trained.objective
    assert np.exp(trained.objective) < 3e-6
    assert trained.history[-1]["skipped"] == 0
    assert [row["step"] for row in trained.history] == [0, 20, 40, 60]
    assert (np.diff(trained.observable.edges) > 0).all()
    assert not np.allclose(trained.observable.edges, np.linspace(0, 1, 5))


def test_the_history_says_what_changed(trained):
    row = trained.history[-1]
    assert row["validation_cls"] == pytest.approx(np.exp(row["validation_objective"]))
    assert row["bandwidth"] == pytest.approx(0.03)
    assert row["edge_4"] == 1
    assert 0.2 < row["validation_limit"] < 0.4
    assert 0.25 < row["validation_sigma_mu"] < 0.4
    assert row["seconds"] > 0


def test_the_kept_objective_is_that_of_the_kept_weights(trained):
    validation = events("validation")
    scores = {name: trained.observable.score(x) for name, x in validation.features.items()}
    histograms = traced(hard_histograms(trained.observable, validation, scores))
    model = fill(template_model(SAMPLES, 4, True), SAMPLES, histograms)
    assert float(log_cls(model)) == pytest.approx(trained.objective, rel=1e-9)


def test_same_seed_same_weights(trained, caplog):
    with jax.log_compiles():
        again = trained_with()[0]
    for a, b in zip(numbers(trained.observable), numbers(again.observable), strict=True):
        np.testing.assert_array_equal(a, b)
    # a program of many steps, called three times, takes seconds to compile
    assert caplog.text.count("Compiling jit(steps)") == 1


def test_cross_entropy_separates_and_varied_samples_can_be_added():
    """The varied backgrounds lie where the classifier would not look for background."""
    plain, augmented = (
        trained_with([2], objective=name, edges="equal")[0] for name in ("bce", "bce_augmented")
    )
    assert plain.objective < 0.3
    np.testing.assert_allclose(plain.observable.edges, np.linspace(0, 1, 5))
    varied = events("validation").features["background__shape_up"]
    assert augmented.observable.score(varied).mean() < plain.observable.score(varied).mean() - 0.02
    assert augmented.objective > plain.objective


def test_a_classifier_of_categories():
    classes = [["background"], ["signal"]]
    changes = {"kind": "categories", "bins": [1, 2], "hidden": [16], "classes": classes}
    (found,) = trained_with(objective="cross_entropy", steps=40, validate_every=20, **changes)
    assert found.objective < 0.35
    validation = events("validation")
    background, signal = (found.observable.score(validation.features[n]) for (n,) in classes)
    # A short training is near the best, Phi(sqrt(2)); the background has the first of three bins.
    right = (background < 1).mean() / 2 + (signal > 1).mean() / 2
    assert right == pytest.approx(norm.cdf(np.sqrt(2)), abs=0.02)


@pytest.mark.parametrize(
    "observable",
    [
        {"objective": "sigma_mu", "smoothing": "learned", "edges": "learned"},
        {"objective": "generalised_variance", "kind": "softmax", "temperature": [1, 0.2]},
        {"objective": "z_a_uncertain", "kind": "cuts", "cuts": CUTS, "learning_rate": 0.05},
        {
            "objective": "limit",
            "smoothing": "adaptive",
            "edges": "learned",
            "cuts": CUTS,
            "failing": "bin",
        },
        {"objective": "p0", "kind": "categories", "bins": [2, 1, 1], "hidden": [16]},
    ],
    ids=lambda o: f"{o.get('kind', 'network')}-{o['objective']}",
)
def test_every_kind_learns(observable):
    found = trained_with(**observable)[0]
    training = events("training")
    nominal = np.concatenate([training.features[s.name] for s in SAMPLES])
    key = jax.random.split(jax.random.key(1))[0]
    fresh = create_observable(chosen(**observable), ["x", "y"], nominal, key)
    validation, objective = events("validation"), OF_MODEL[observable["objective"]]

    def at(observable):
        scores = {name: observable.score(x) for name, x in validation.features.items()}
        histograms = traced(hard_histograms(observable, validation, scores))
        return float(
            objective(fill(template_model(SAMPLES, fresh.bins, True), SAMPLES, histograms))
        )

    assert at(found.observable) == pytest.approx(found.objective, rel=1e-9)
    before = at(fresh)
    assert not np.isfinite(before) or found.objective < before - 0.01


@pytest.mark.parametrize("objective", ["cls", "limit", "bce"])
def test_gradient_through_the_whole_chain(objective):
    """From events by network, histogram, likelihood and fit to the objective and back."""
    edges = "equal" if objective == "bce" else "learned"
    problem, data, observable = (
        problem_of(
            objective=objective,
            edges=edges,
            batch=200,
            minimum_background=5.0,
            maximum_mc_error=0.05,
        )
        if objective != "bce"
        else problem_of(objective=objective, edges=edges, batch=200)
    )
    free, frozen = eqx.partition(observable, observable.trainable())
    batch = draw_batch(data, 200, jax.random.key(9))
    both = jax.jit(jax.value_and_grad(lambda t: problem.loss(eqx.combine(t, frozen), batch, 0.5)))
    for by_gradient, by_difference in slopes(both, free, seed=0):
        assert by_difference == pytest.approx(by_gradient, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("fitted", ["hard", "soft"])
def test_variances_of_the_training_are_those_of_the_evaluation(tmp_path, fitted):
    """Of a batch of all events, at the end of the training."""
    sets = events("evaluation")
    changes = {"batch": 10_000, "edges": "equal", "histograms": fitted, "bandwidth": [0.1, 0.05]}
    problem, data, made = problem_of(sets, **changes)
    trained = jax.jit(lambda data: problem.histograms(made, data, 1.0))(data)
    sources = []
    for name in ("signal", "background"):
        x, y = sets.features[name].T
        write(tmp_path / f"{name}.root", {"x": x, "y": y, "w": sets.weights[name]})
        path = str(tmp_path / f"{name}.root")
        sources.append(Source(Template(name), (path,), "events", {name: "w"}))
    filled = fill_histograms([made], sources, [ONE_REGION], {}, ["x", "y"])
    for name in ("signal", "background"):
        total, found = sets.weights[name].sum(), np.asarray(trained[name].variances)
        if fitted == "soft":
            right = with_trace(filled["soft"][name], total).variances
            np.testing.assert_allclose(found, right, rtol=1e-9)
        else:
            # Of counts: all weights are equal, and so are the variances of a weight in each bin.
            squares = (sets.weights[name] ** 2).sum()
            assert found.sum() == pytest.approx(squares, rel=1e-6)
            trace = with_trace(Histogram(np.zeros(4), np.zeros(4)), total)
            shares = (np.asarray(trained[name].values) - trace.values) / total
            np.testing.assert_allclose(found - trace.variances, squares * shares, rtol=1e-9)
            counted = filled["hard"][name]
            assert counted.variances.sum() == pytest.approx(squares, rel=1e-9)


def test_training_with_negative_weights():
    """Of every fourth event: the yields are the same to the last digit, and so is the program."""
    sets = events("training")
    weights = {n: 2 * w * np.resize([1, 1, 1, -1], len(w)) for n, w in sets.weights.items()}
    assert EventSets(sets.features, weights).yields == sets.yields
    found = trained_with(training=EventSets(sets.features, weights))[0]
    assert np.exp(found.objective) < 1e-5
    assert found.history[-1]["skipped"] == 0


def test_the_training_step_lowers_for_cuda():
    """No GPU is needed to lower; nothing runs on one here. Two seeds at once, on two devices."""
    devices = Devices.of(2)
    problem, data, observable = problem_of(precision="bfloat16")
    free, frozen = eqx.partition(observable, observable.trainable())
    state = jax.tree.map(lambda x: jnp.stack([x, x]), State.first(problem.settings, free))
    step = make_step(problem._replace(devices=devices), frozen)

    def steps(state, raw, number, data):
        key = jax.random.wrap_key_data(raw)
        return jax.vmap(step, in_axes=(0, None, None, None))(state, key, number, data)

    start = devices.put((state, jax.random.key_data(jax.random.key(0)), jnp.array(0), data))
    exported = jax.export.export(jax.jit(steps), platforms=["cpu", "cuda"])(*start)
    assert set(exported.platforms) == {"cpu", "cuda"}
    assert exported.nr_devices == 2


def test_settings_are_the_configs():
    names = {field.name for field in dataclasses.fields(Settings)}
    of_config = set(Trained.model_fields) | set(Categories.model_fields)
    assert names - {"staterror", "histograms", "evaluation_events"} <= of_config


def test_a_bin_that_only_a_variation_reaches_has_a_fit():
    """Without a trace there is none: the interpolated rate is negative for one sign of alpha."""
    values = {"signal": [0.0, 2.0, 15.0], "background": [0.0, 95.0, 3.0],
              "background__shape_up": [0.1, 50.0, 30.0],
              "background__shape_down": [0.0, 55.0, 26.0]}  # fmt: skip
    empty = {n: Histogram(np.array(v), 1e-3 * np.array(v)) for n, v in values.items()}
    model = template_model(SAMPLES, 3, True)
    assert np.isfinite(OF_MODEL["cls"](fill(model, SAMPLES, traced(empty))))


def test_a_trial_that_fails_has_no_objective(trained):
    def fails():
        raise FitError("all steps were skipped")

    assert history_of_trial(lambda: [trained]) == trained.history
    (row,) = history_of_trial(fails)
    assert np.isnan(row["validation_objective"])
