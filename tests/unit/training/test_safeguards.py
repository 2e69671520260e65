"""Penalties, early stopping, and what becomes of steps that are not finite."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from blobs import events, problem_of, settings, trained_with

from hone.errors import FitError, InputError
from hone.events.event_sets import EventSets, hard_histograms, scores_of
from hone.training.penalties import effective_events, penalty
from hone.training.step import State, make_step


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


# One program for several tests.
LONGER = {"objective": "z_a", "steps": 160, "smoothing": "fixed", "bandwidth": [0.02]}


def test_safeguards_hold_on_hard_histograms():
    found = trained_with(minimum_background=4.0, **LONGER)[0]
    kept = min(found.history[1:], key=lambda row: row["validation_objective"])
    assert kept["lowest_background"] > 0.85 * 4
    without = trained_with(**LONGER)[0]
    validation = events("validation")
    scores = {n: without.observable.score(x) for n, x in validation.features.items()}
    assert hard_histograms(without.observable, validation, scores)["background"].values.min() < 3.5


def test_early_stopping_ends_and_keeps_the_best():
    found = trained_with(objective="bce", edges="equal", learning_rate=1e-30, patience=2, steps=200)
    untrained, *validated = found[0].history
    assert [row["step"] for row in validated] == [20, 40, 60]
    assert found[0].objective == min(r["validation_objective"] for r in validated)
    # nothing has moved: it is not kept all the same, and no validation without improvement
    assert untrained["untrained_objective"] == pytest.approx(found[0].objective, rel=1e-6)


def test_steps_that_are_not_finite_change_nothing():
    problem, data, observable = problem_of(objective="bce", edges="equal")
    bad = dict(data)
    bad["signal"] = data["signal"]._replace(features=data["signal"].features * jnp.nan)
    free, frozen = eqx.partition(observable, observable.trainable())
    state = State.first(problem.settings, free)
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
    features = sets.features | {"background__shape_up": np.full((3000, 2), np.nan)}
    with pytest.raises(
        FitError,
        match=r"seed 1: 20 steps had .* not finite, the last one step 19; 5 are allowed "
        r"\(max_skipped\)\. Events of 'background__shape_up' have a feature that is not finite",
    ):
        trained_with(training=EventSets(features, sets.weights), max_skipped=5, **LONGER)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": "bce", "edges": "equal", "learning_rate": np.nan}, "learning_rate is nan"),
        # an objective that is NaN whatever the histograms
        (
            {"of_model": lambda m: jnp.log(-m.nominal.sum())},
            r"All histograms are finite, .* lowest background is",
        ),
        ({"objective": "bce", "edges": "equal", "learning_rate": np.inf}, "learning_rate is inf"),
    ],
)
def test_a_training_that_takes_no_step_fails(changes, message):
    """Whatever max_skipped allows: 20 of 20 steps are too many."""
    with pytest.raises(
        FitError, match=rf"20 steps had .* last one step 19; no step was .*{message}"
    ):
        trained_with(**changes)


def test_an_event_without_a_score_ends_a_training_by_name():
    sets = events("training")
    varied = sets.features["background__shape_up"].copy()
    varied[::10, 1] = 1e300
    bad = EventSets(sets.features | {"background__shape_up": varied}, sets.weights)
    with pytest.raises(
        FitError,
        match=r"In the batch of 'background__shape_up', event \d+ has a score that is not a "
        r"number; its most extreme features: y = 1e\+300, x = .* or try a lower learning_rate",
    ):
        trained_with(training=bad, **LONGER)


def test_the_largest_numbers_of_single_precision_are_trained_on():
    """1 % of a feature: every event is scored, and in a bin."""
    sets = {name: events(name) for name in ("training", "validation")}
    for of_set in sets.values():
        for x in of_set.features.values():
            x[::100, 0] = np.finfo("f4").max
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("blobs.events", sets.get)
        found = trained_with(objective="bce", edges="equal", steps=20)[0]
    assert found.history[-1]["skipped"] == 0
    validation = sets["validation"]
    filled = hard_histograms(found.observable, validation, scores_of(found.observable, validation))
    for name, weights in validation.weights.items():
        assert filled[name].values.sum() == pytest.approx(weights.sum(), rel=1e-12)


def test_a_sample_without_weight_is_named():
    sets = events("training")
    with pytest.raises(InputError, match="the weights of 'signal' add up to 0: a sample must have"):
        EventSets(sets.features, sets.weights | {"signal": np.zeros(3000)})
