"""What trained observables are compared with: the grid of cuts, the best edges, the floor."""

import equinox as eqx
import jax
import numpy as np
import pytest
from blobs import CONFIG, CUTS, SAMPLES, chosen, events, trained_with
from settings import observable

from hone.events.event_sets import hard_histograms
from hone.observable import create_observable
from hone.results.floor import classifier_cls, figures_of_merit, fine_histograms
from hone.statmodel.filling import fill, template_model
from hone.statmodel.templates import count
from hone.training.bin_edges import optimise_edges
from hone.training.cut_search import search_cuts
from hone.training.objectives import OF_MODEL, log_cls


def test_gradients_find_the_cuts_of_the_grid():
    # few events would have their own best place
    training = events("training", size=50_000)
    cuts = {"kind": "cuts", "cuts": CUTS, "objective": "z_a", "steps": 150, "validate_every": 50}
    nominal = np.concatenate([training.features[s.name] for s in SAMPLES])
    blank = create_observable(chosen(**cuts), ["x", "y"], nominal, jax.random.key(0))
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
    found = trained_with(training=training, **cuts, learning_rate=0.04, batch=5000)[0]
    np.testing.assert_allclose(found.observable.cuts.values(), best.cuts.values(), atol=0.35)
    scores = {name: found.observable.score(x) for name, x in training.features.items()}
    model = fill(model, SAMPLES, hard_histograms(found.observable, training, scores))
    assert float(OF_MODEL["z_a"](model)) == pytest.approx(value, rel=0.02)


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

    def least(edges):
        return count(scores["background"], validation.weights["background"], edges).values.min()

    # the same safeguard as of a training
    wanted = 2 * least(edges)
    safe = observable(kind="rebinned", source="bce", minimum_background=wanted)
    guarded, worse, _ = optimise_edges(scores, validation, SAMPLES, 4, True, safeguards=safe)
    assert least(guarded) > 0.9 * wanted
    assert worse > value


def test_floor_of_the_benchmark():
    """arXiv:2203.05570's blobs: no observable can be below 2.89e-7, 0.201 and 0.256."""
    fine = fine_histograms(CONFIG, SAMPLES)
    found = figures_of_merit(SAMPLES, fine, level=0.05)
    assert found["expected_cls"] == pytest.approx(2.89e-7, rel=5e-3)
    assert found["expected_limit"] == pytest.approx(0.201, abs=5e-4)
    assert found["sigma_mu"] == pytest.approx(0.256, abs=5e-4)
    assert classifier_cls(SAMPLES, fine, 5, 0.05) == pytest.approx(5.7e-6, rel=0.03)
