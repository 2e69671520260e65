"""Training lowers its objective; the gradient through the whole chain is exact."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml

from hone.config import checked_config, templates
from hone.edges import optimise_edges
from hone.event_sets import EventSets, hard_histograms
from hone.events import generate
from hone.fillable import fill, template_model
from hone.floor import classifier_cls, figures_of_merit, fine_histograms
from hone.objectives import log_cls
from hone.observable import soft_histogram
from hone.templates import Histogram
from hone.training import Settings, train
from hone.workspace import processes

ROOT = Path(__file__).parents[2]
CONFIG = checked_config(yaml.safe_load((ROOT / "config" / "config.yaml").read_text()))
CONFIG["events"] = {"training": 3000, "validation": 10_000, "evaluation": 10_000}
SAMPLES = processes(CONFIG, "signal")


def events(name):
    made = {t: generate(CONFIG, t, name) for t in templates(CONFIG, "signal")}
    features = {
        t: np.stack([e["x"], e["y"]], axis=1).astype("float32") for t, (e, _) in made.items()
    }
    return EventSets(features, {t: weights for t, (_, weights) in made.items()})


def settings(**changes):
    common = {
        "objective": "cls", "bins": 4, "edges": "learned", "bandwidth": (0.1, 0.03),
        "hidden": (16,), "steps": 60, "batch": 1000, "learning_rate": 0.01,
        "validate_every": 20, "staterror": True, "evaluation_events": 10_000,
    }  # fmt: skip
    return Settings(**{**common, **changes})


@pytest.fixture(scope="module")
def trained():
    return train(settings(), ["x", "y"], SAMPLES, events("training"), events("validation"), seed=1)


def test_training_on_cls_approaches_the_floor(trained):
    objectives = [row["validation_objective"] for row in trained.history]
    assert trained.objective == min(objectives)
    assert np.exp(trained.objective) < 3e-6
    assert trained.history[-1]["skipped"] == 0
    assert [row["step"] for row in trained.history] == [20, 40, 60]
    assert (np.diff(trained.observable.edges) > 0).all()
    assert not np.allclose(trained.observable.edges, np.linspace(0, 1, 5))


def test_the_kept_objective_is_that_of_the_kept_weights(trained):
    validation = events("validation")
    scores = {name: trained.observable.score(x) for name, x in validation.features.items()}
    histograms = hard_histograms(trained.observable, validation, scores)
    model = fill(template_model(SAMPLES, 4, True), SAMPLES, histograms)
    assert float(log_cls(model)) == pytest.approx(trained.objective, rel=1e-9)


def test_same_seed_same_weights(trained):
    again = train(settings(), ["x", "y"], SAMPLES, events("training"), events("validation"), seed=1)
    for a, b in zip(
        jax.tree.leaves(trained.observable), jax.tree.leaves(again.observable), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_training_on_cross_entropy_separates():
    found = train(
        settings(objective="bce", edges="equal"), ["x", "y"], SAMPLES,
        events("training"), events("validation"), seed=2,
    )  # fmt: skip
    assert found.objective < 0.3
    np.testing.assert_allclose(found.observable.edges, np.linspace(0, 1, 5))


def test_gradient_through_histogram_likelihood_and_fit():
    """d log CLs / d threshold of a line in the plane, against finite differences."""
    batch = {name: jnp.asarray(x[:500], float) for name, x in events("training").features.items()}
    model = template_model(SAMPLES, 3, staterror=True)
    edges = jnp.array([0.0, 0.4, 0.7, 1.0])

    @jax.jit
    def objective(pars):
        histograms = {}
        for name, x in batch.items():
            scores = jax.nn.sigmoid(x @ pars[:2] + pars[2])
            expected = 20.0 if name == "signal" else 100.0
            values = soft_histogram(scores, jnp.full(500, expected / 500), edges, 0.1)
            histograms[name] = Histogram(values, values * 1e-3)
        return log_cls(fill(model, SAMPLES, histograms))

    pars = jnp.array([-1.0, 1.2, 0.1])
    gradient, h = jax.grad(objective)(pars), 1e-5
    for i in range(3):
        step = h * jnp.eye(3)[i]
        numeric = (objective(pars + step) - objective(pars - step)) / (2 * h)
        assert float(gradient[i]) == pytest.approx(float(numeric), rel=1e-6)


def test_optimised_edges_are_better_than_equal_ones():
    validation = events("validation")
    # a score that is monotone in the true signal-to-background ratio
    scores = {n: 1 / (1 + np.exp(-2 * (x[:, 1] - x[:, 0]))) for n, x in validation.features.items()}
    edges, value, history = optimise_edges(scores, validation, SAMPLES, 4, True)
    assert (np.diff(edges) > 0).all()
    assert (edges[0], edges[-1]) == (0, 1)
    assert history[-1]["validation_objective"] == value

    def at(edges):
        from hone.templates import count

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
