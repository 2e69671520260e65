"""Training lowers any objective; the gradient through the whole chain is exact."""

import dataclasses
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import yaml

from hone.config import checked_config, templates
from hone.edges import optimise_edges
from hone.errors import FitError, InputError
from hone.event_sets import EventSets, hard_histograms
from hone.events import generate
from hone.fillable import fill, template_model
from hone.floor import classifier_cls, figures_of_merit, fine_histograms
from hone.grid import search_cuts
from hone.objectives import OF_MODEL, log_cls, resolve_objective
from hone.observable import create_observable
from hone.templates import count
from hone.training import Checkpoint, Settings, loop, train
from hone.training.penalties import effective_events, penalty
from hone.training.step import Problem, State, draw_batch, make_optimiser, make_step, on_device
from hone.workspace import processes

ROOT = Path(__file__).parents[2]
CONFIG = checked_config(yaml.safe_load((ROOT / "config" / "config.yaml").read_text()))
CONFIG["events"] = {"training": 3000, "validation": 10_000, "evaluation": 10_000}
SAMPLES = processes(CONFIG, "signal")
NETWORK = {
    "kind": "network", "objective": "cls", "bins": 4, "edges": "learned", "bandwidth": [0.1, 0.03],
    "hidden": [16], "steps": 60, "batch": 1000, "learning_rate": 0.01, "validate_every": 20,
}  # fmt: skip
CUTS = [{"variable": "x", "side": "below"}, {"variable": "y", "side": "above"}]


def events(name, size=None):
    config = CONFIG | {"events": {name: size or CONFIG["events"][name]}}
    made = {t: generate(config, t, name) for t in templates(CONFIG, "signal")}
    features = {
        t: np.stack([e["x"], e["y"]], axis=1).astype("float32") for t, (e, _) in made.items()
    }
    return EventSets(features, {t: weights for t, (_, weights) in made.items()})


def settings(**changes):
    return Settings.of(NETWORK | changes, staterror=True, evaluation_events=10_000)


def trained_with(seeds=(1,), training=None, checkpoint=None, of_model=None, **changes):
    chosen = NETWORK | changes
    return train(
        settings(**changes), chosen, ["x", "y"], SAMPLES, training or events("training"),
        events("validation"), list(seeds),
        of_model or resolve_objective(chosen["objective"], 0.05, ROOT), checkpoint=checkpoint,
    )  # fmt: skip


def numbers(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_array))]


@pytest.fixture(scope="module")
def trained():
    return trained_with()[0]


def test_training_on_cls_approaches_the_floor(trained):
    objectives = [row["validation_objective"] for row in trained.history]
    assert trained.objective == min(objectives)
    assert np.exp(trained.objective) < 3e-6
    assert trained.history[-1]["skipped"] == 0
    assert [row["step"] for row in trained.history] == [20, 40, 60]
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
    histograms = hard_histograms(trained.observable, validation, scores)
    model = fill(template_model(SAMPLES, 4, True), SAMPLES, histograms)
    assert float(log_cls(model)) == pytest.approx(trained.objective, rel=1e-9)


def test_same_seed_same_weights(trained):
    for a, b in zip(
        numbers(trained.observable), numbers(trained_with()[0].observable), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_training_on_cross_entropy_separates():
    found = trained_with([2], objective="bce", edges="equal")[0]
    assert found.objective < 0.3
    np.testing.assert_allclose(found.observable.edges, np.linspace(0, 1, 5))


def test_varied_samples_can_be_added_to_the_cross_entropy():
    """The varied backgrounds lie where the classifier would not look for background."""
    plain, augmented = (
        trained_with(objective=name, edges="equal")[0] for name in ("bce", "bce_augmented")
    )
    varied = events("validation").features["background__shape_up"]
    assert augmented.observable.score(varied).mean() < plain.observable.score(varied).mean() - 0.02
    assert augmented.objective > plain.objective


@pytest.mark.parametrize(
    "observable",
    [
        {"objective": "sigma_mu", "smoothing": "learned", "edges": "learned"},
        {"objective": "limit", "smoothing": "adaptive", "edges": "learned"},
        {"objective": "p0", "smoothing": "scott", "edges": "equal"},
        {"objective": "generalised_variance", "kind": "softmax", "temperature": [1, 0.2]},
        {"objective": "z_a_uncertain", "kind": "cuts", "cuts": CUTS, "learning_rate": 0.05},
        {"objective": "limit", "edges": "learned", "cuts": CUTS},
    ],
    ids=lambda o: f"{o.get('kind', 'network')}-{o['objective']}",
)
def test_every_kind_learns(observable):
    found = trained_with(**observable, bins=1 if observable.get("kind") == "cuts" else 4)[0]
    chosen = NETWORK | observable | ({"bins": 1} if observable.get("kind") == "cuts" else {})
    training = events("training")
    nominal = np.concatenate([training.features[s.name] for s in SAMPLES])
    key = jax.random.split(jax.random.key(1))[0]
    fresh = create_observable(chosen, ["x", "y"], nominal, key)
    validation, objective = events("validation"), OF_MODEL[observable["objective"]]

    def at(observable):
        scores = {name: observable.score(x) for name, x in validation.features.items()}
        histograms = hard_histograms(observable, validation, scores)
        return float(
            objective(fill(template_model(SAMPLES, fresh.bins, True), SAMPLES, histograms))
        )

    assert at(found.observable) == pytest.approx(found.objective, rel=1e-9)
    before = at(fresh)
    assert not np.isfinite(before) or found.objective < before - 0.01


def problem_of(**changes):
    chosen = settings(**changes)
    data, names = on_device(events("training"), nominal_only=chosen.objective == "bce")
    model = template_model(SAMPLES, 4, True)
    of_model = resolve_objective(chosen.objective, 0.05, ROOT)
    observable = create_observable(
        NETWORK | {"precision": "float64"} | changes, ["x", "y"],
        np.concatenate([events("training").features[s.name] for s in SAMPLES]), jax.random.key(0),
    )  # fmt: skip
    return Problem(chosen, SAMPLES, model, of_model, names), data, observable


def loss_and_gradient(problem, data, observable):
    free, frozen = eqx.partition(observable, observable.trainable())
    batch = draw_batch(data, problem.settings.batch, jax.random.key(9))
    return jax.jit(jax.value_and_grad(lambda t: problem.loss(eqx.combine(t, frozen), batch, 0.5)))(
        free
    )


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
    value = jax.jit(lambda t: problem.loss(eqx.combine(t, frozen), batch, 0.5))
    gradient = jax.grad(value)(free)
    rng = np.random.default_rng(0)
    for _ in range(3):
        way = jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape)), free)
        expected = sum(
            jax.tree.leaves(jax.tree.map(lambda a, b: float((a * b).sum()), gradient, way))
        )
        ends = [value(jax.tree.map(lambda x, d, h=h: x + h * d, free, way)) for h in (1e-6, -1e-6)]
        assert float(ends[0] - ends[1]) / 2e-6 == pytest.approx(expected, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("objective", ["cls", "bce"])
def test_pieces_of_a_batch_add_up_to_the_whole(objective):
    edges = "equal" if objective == "bce" else "learned"
    whole, pieces = (
        loss_and_gradient(*problem_of(objective=objective, edges=edges, accumulate=k))
        for k in (1, 5)
    )
    for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(pieces), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_a_batch_has_the_yields_whatever_its_weights():
    """Negative weights too: each set is scaled as a whole."""
    rng = np.random.default_rng(0)
    sets = events("training")
    weights = {
        n: w * rng.choice([-1, 3], p=[0.25, 0.75], size=len(w)) for n, w in sets.weights.items()
    }
    weights["background__trigger_up"] = 1.1 * weights["background"]
    negative = EventSets(sets.features, weights)
    data, names = on_device(negative)
    assert names["background"] == ["background", "background__trigger_up"]
    batch = draw_batch(data, 500, jax.random.key(0))
    for name, (_, drawn) in batch.items():
        assert float(drawn[:, 0].sum()) == pytest.approx(weights[name].sum())
    assert float(batch["background"][1][:, 1].sum()) == pytest.approx(
        1.1 * weights["background"].sum()
    )


def test_training_with_negative_weights():
    rng = np.random.default_rng(0)
    sets = events("training")
    signs = {n: rng.choice([-1, 1], p=[0.2, 0.8], size=len(w)) for n, w in sets.weights.items()}
    weights = {n: w * signs[n] / signs[n].mean() for n, w in sets.weights.items()}
    found = trained_with(training=EventSets(sets.features, weights))[0]
    assert np.exp(found.objective) < 1e-5
    assert found.history[-1]["skipped"] == 0


def test_a_sample_without_weight_is_named():
    sets = events("training")
    with pytest.raises(InputError, match="the weights of 'signal' add up to 0: a sample must have"):
        EventSets(sets.features, sets.weights | {"signal": np.zeros(3000)})


def test_fewer_events_than_a_batch_are_named():
    with pytest.raises(InputError, match=r"batch: a batch of 5000 events is more than the 3000"):
        trained_with(batch=5000)


def test_penalties_begin_where_the_safeguards_end():
    both = settings(minimum_background=2.0, maximum_mc_error=0.1)
    good = penalty(both, jnp.array([2.0, 50.0]), jnp.array([0.039, 1.0]))
    assert float(good) == 0
    assert float(penalty(both, jnp.array([1.9, 50.0]), jnp.array([0.03, 1.0]))) > 0
    assert float(penalty(both, jnp.array([2.0, 50.0]), jnp.array([0.05, 1.0]))) > 0
    # negative and empty bins have no events that are worth anything
    np.testing.assert_array_equal(
        effective_events(jnp.array([-2.0, 0.0]), jnp.array([1.0, 0.0])), [-4, 0]
    )


def test_safeguards_hold_on_hard_histograms():
    longer = {"steps": 160, "smoothing": "fixed", "bandwidth": [0.02]}
    found = trained_with(minimum_background=4.0, **longer)[0]
    kept = min(found.history, key=lambda row: row["validation_objective"])
    assert kept["lowest_background"] > 0.85 * 4
    without = trained_with(**longer)[0]
    validation = events("validation")
    scores = {n: without.observable.score(x) for n, x in validation.features.items()}
    assert hard_histograms(without.observable, validation, scores)["background"].values.min() < 3.5


def test_early_stopping_ends_and_keeps_the_best():
    found = trained_with(objective="bce", edges="equal", learning_rate=1e-30, patience=2, steps=200)
    assert [row["step"] for row in found[0].history] == [20, 40, 60]
    assert found[0].objective == min(r["validation_objective"] for r in found[0].history)


def test_seeds_together_are_seeds_apart():
    """First step: equal to 1e-5; later the rounding of other sums may grow."""
    together = trained_with([1, 2], steps=1, validate_every=1)
    for seed, found in zip((1, 2), together, strict=True):
        alone = trained_with([seed], steps=1, validate_every=1)[0]
        for key in ("training_objective", "validation_objective"):
            assert found.history[0][key] == pytest.approx(alone.history[0][key], rel=1e-5)
        # Adam's first step is the learning rate times the sign: compare the gradients themselves
        for a, b in zip(numbers(found.observable), numbers(alone.observable), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_gradients_together_are_gradients_apart():
    problem, data, observable = problem_of()
    free, frozen = eqx.partition(observable, observable.trainable())
    other = jax.tree.map(lambda x: 1.1 * x, free)
    batch = draw_batch(data, 1000, jax.random.key(9))
    step = jax.value_and_grad(lambda t: problem.loss(eqx.combine(t, frozen), batch, 0.5))
    both = jax.jit(jax.vmap(step))(jax.tree.map(lambda *x: jnp.stack(x), free, other))
    for k, one in enumerate((free, other)):
        for a, b in zip(jax.tree.leaves(jax.jit(step)(one)), jax.tree.leaves(both), strict=True):
            np.testing.assert_allclose(a, b[k], rtol=1e-5, atol=1e-8)


def test_a_killed_training_goes_on_as_if_it_had_not_been(tmp_path, monkeypatch, caplog):
    identity = {"settings": "a", "code": "b", "events": "c"}
    path = tmp_path / "checkpoint.safetensors"
    undisturbed = trained_with([1, 2])
    calls = []

    def kill(*_):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(loop, "_report", kill)
        with pytest.raises(KeyboardInterrupt):
            trained_with([1, 2], checkpoint=Checkpoint(path, identity))
    with caplog.at_level("INFO", logger="hone"):
        resumed = trained_with([1, 2], checkpoint=Checkpoint(path, identity))
    assert "going on from step 20" in caplog.text
    for a, b in zip(undisturbed, resumed, strict=True):
        assert a.objective == b.objective
        for x, y in zip(numbers(a.observable), numbers(b.observable), strict=True):
            np.testing.assert_array_equal(x, y)
        for x, y in zip(a.history, b.history, strict=True):
            assert {**x, "seconds": 0} == {**y, "seconds": 0}


def test_a_checkpoint_of_something_else_is_not_used(tmp_path, caplog):
    path = tmp_path / "checkpoint.safetensors"
    trained_with(steps=20, checkpoint=Checkpoint(path, {"code": "a", "events": "b"}))
    with caplog.at_level("INFO", logger="hone"):
        found = trained_with(steps=20, checkpoint=Checkpoint(path, {"code": "x", "events": "b"}))[0]
    assert "is of other code: training starts anew" in caplog.text
    assert len(found.history) == 1
    path.write_bytes(path.read_bytes()[:100])
    trained_with(steps=20, checkpoint=Checkpoint(path, {"code": "x", "events": "b"}))
    assert "cannot be read" in caplog.text


def test_steps_that_are_not_finite_change_nothing():
    problem, data, observable = problem_of()
    bad = dict(data)
    bad["signal"] = (data["signal"][0] * jnp.nan, data["signal"][1])
    free, frozen = eqx.partition(observable, observable.trainable())
    optimiser = make_optimiser(problem.settings)
    state = State(free, optimiser.init(free), jnp.array(0), jnp.array(-1))
    step = jax.jit(make_step(problem, frozen))
    after, loss = step(state, jax.random.key(0), jnp.array(7), bad)
    assert not np.isfinite(loss)
    assert (int(after.skipped), int(after.last_skipped)) == (1, 7)
    for a, b in zip(jax.tree.leaves(state[:2]), jax.tree.leaves(after[:2]), strict=True):
        np.testing.assert_array_equal(a, b)
    better, _ = step(after, jax.random.key(0), jnp.array(8), data)
    assert int(better.skipped) == 1
    assert float(optax.tree.norm(jax.tree.map(jnp.subtract, better.trainable, free))) > 0


def test_too_many_skipped_steps_end_with_their_cause():
    sets = events("training")
    features = sets.features | {"background__shape_up": np.full((3000, 2), np.nan, "float32")}
    with pytest.raises(
        FitError,
        match=r"seed 1: 20 steps had .* not finite, the last one step 19; 5 are allowed "
        r"\(max_skipped\)\. Events of 'background__shape_up' have a feature that is not finite",
    ):
        trained_with(training=EventSets(features, sets.weights), max_skipped=5)
    # an objective that is NaN whatever the histograms
    with pytest.raises(FitError, match=r"All histograms are finite, .* lowest background is"):
        trained_with(of_model=lambda m: jnp.log(-m.nominal.sum()), max_skipped=5)


def test_the_training_step_lowers_for_cuda():
    """No GPU is needed to lower; nothing runs on one here."""
    problem, data, observable = problem_of(precision="float32")
    free, frozen = eqx.partition(observable, observable.trainable())
    state = State(free, make_optimiser(problem.settings).init(free), jnp.array(0), jnp.array(-1))
    step = jax.jit(make_step(problem, frozen))
    for program, start in (
        (step, state),
        (
            jax.jit(jax.vmap(make_step(problem, frozen), in_axes=(0, None, None, None))),
            jax.tree.map(lambda x: jnp.stack([x, x]), state),
        ),
    ):
        raw = jax.random.key_data(jax.random.key(0))
        lowered = jax.jit(
            lambda s, k, n, d, program=program: program(s, jax.random.wrap_key_data(k), n, d)
        )
        exported = jax.export.export(lowered, platforms=["cpu", "cuda"])(
            start, raw, jnp.array(0), data
        )
        assert set(exported.platforms) == {"cpu", "cuda"}


def test_gradients_find_the_cuts_of_the_grid():
    # few events would have their own best place
    training = events("training", size=50_000)
    cuts = {"kind": "cuts", "cuts": CUTS, "objective": "z_a", "steps": 300, "validate_every": 100}
    nominal = np.concatenate([training.features[s.name] for s in SAMPLES])
    blank = create_observable(cuts, ["x", "y"], nominal, jax.random.key(0))
    best, value = search_cuts(blank, training, SAMPLES, True, OF_MODEL["z_a"], 60)
    scores = {name: best.score(x) for name, x in training.features.items()}
    histograms = hard_histograms(best, training, scores)
    model = fill(template_model(SAMPLES, 1, True), SAMPLES, histograms)
    assert float(OF_MODEL["z_a"](model)) == pytest.approx(value, rel=1e-12)
    # no threshold nearby is better
    for shift in ([0.2, 0], [-0.2, 0], [0, 0.2], [0, -0.2]):
        moved = eqx.tree_at(lambda o: o.cuts, best, best.cuts.at(best.cuts.values() + shift))
        scores = {name: moved.score(x) for name, x in training.features.items()}
        other = fill(model, SAMPLES, hard_histograms(moved, training, scores))
        assert float(OF_MODEL["z_a"](other)) > value - 0.02
    found = trained_with(training=training, **cuts, bins=1, learning_rate=0.02, batch=5000)[0]
    np.testing.assert_allclose(found.observable.cuts.values(), best.cuts.values(), atol=0.35)
    scores = {name: found.observable.score(x) for name, x in training.features.items()}
    model = fill(model, SAMPLES, hard_histograms(found.observable, training, scores))
    assert float(OF_MODEL["z_a"](model)) == pytest.approx(value, rel=0.02)


def test_settings_are_the_configs():
    names = {field.name for field in dataclasses.fields(Settings)}
    assert names - {"staterror", "evaluation_events"} <= set(
        checked_config(yaml.safe_load((ROOT / "config" / "config.yaml").read_text()))[
            "observables"
        ][0]
    )


def test_optimised_edges_are_better_than_equal_ones():
    validation = events("validation")
    # a score that is monotone in the true signal-to-background ratio
    scores = {n: 1 / (1 + np.exp(-2 * (x[:, 1] - x[:, 0]))) for n, x in validation.features.items()}
    edges, value, history = optimise_edges(scores, validation, SAMPLES, 4, True)
    assert (np.diff(edges) > 0).all()
    assert (edges[0], edges[-1]) == (0, 1)
    assert history[-1]["validation_objective"] == value

    def at(edges):
        histograms = {n: count(scores[n], validation.weights[n], edges) for n in scores}
        return float(log_cls(fill(template_model(SAMPLES, 4, True), SAMPLES, histograms)))

    assert at(edges) == pytest.approx(value, rel=1e-9)
    assert value < at(np.linspace(0, 1, 5)) - 0.5


def test_floor_of_the_benchmark():
    """arXiv:2203.05570's blobs: no observable can be below 2.89e-7, 0.201 and 0.256."""
    fine = fine_histograms(CONFIG, SAMPLES)
    found = figures_of_merit(SAMPLES, fine, level=0.05)
    assert found["expected_cls"] == pytest.approx(2.89e-7, rel=5e-3)
    assert found["expected_limit"] == pytest.approx(0.201, abs=5e-4)
    assert found["sigma_mu"] == pytest.approx(0.256, abs=5e-4)
    assert classifier_cls(SAMPLES, fine, 5, 0.05) == pytest.approx(5.7e-6, rel=0.03)
