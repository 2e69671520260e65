"""Sets without common events, folds that no network has seen, yields that stay."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ntuples import ALL, FEATURES
from settings import region

from hone.analysis.sections import SETS, Sizes, Split
from hone.errors import InputError
from hone.events.load import load_events, load_set, total_of_set
from hone.events.reader import Reader
from hone.events.split import fold_of, rotated, uniform
from hone.events.survey import survey
from hone.running.files import write_json
from hone.sums import Sums


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=50, unique=True))
def test_an_event_is_in_one_set(numbers):
    place = uniform(np.array(numbers))
    assert ((place >= 0) & (place < 1)).all()
    split = Split(branch="event", training=0.4, validation=0.2)
    inside = [(place >= low) & (place < high) for low, high in map(split.range, SETS)]
    np.testing.assert_array_equal(np.sum(inside, axis=0), 1)


@given(
    st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=50),
    st.integers(3, 50),
)
def test_an_event_is_in_one_fold_and_no_network_has_seen_it(numbers, folds):
    place, split = np.array(numbers), Split(folds=folds)
    scored = np.zeros(len(place), dtype=int)
    for fold in range(1, folds + 1):
        counted = rotated(place, folds, fold)
        training, validation, evaluation = (
            (counted >= low) & (counted < high) for low, high in map(split.range, SETS)
        )
        np.testing.assert_array_equal(1 * training + validation + evaluation, 1)
        np.testing.assert_array_equal(evaluation, fold_of(counted, folds, fold) == fold)
        np.testing.assert_array_equal(
            validation, fold_of(counted, folds, fold) == (fold - 2) % folds + 1
        )
        scored += evaluation
    np.testing.assert_array_equal(scored, 1)


def test_the_hash_is_uniform():
    counts, _ = np.histogram(uniform(np.arange(100_000)), bins=20, range=(0, 1))
    # 20 bins of 5,000: chi-squared of 19 degrees of freedom
    assert 5 < ((counts - 5000) ** 2 / 5000).sum() < 45


def test_numbers_of_events_must_be_integers():
    np.testing.assert_array_equal(uniform(np.array([3.0])), uniform(np.array([3])))
    with pytest.raises(InputError, match="must be integers"):
        uniform(np.array([0.5]))


def test_each_set_has_the_yield_of_all(analysis):
    _, found, _ = analysis
    everything = (region("all"),)
    known = {s.name: survey(s, FEATURES, everything) for s in found}
    for events_set in SETS:
        sets = load_events(found, FEATURES, everything, known, events_set, ALL)
        assert sets.weights["background"].sum() == pytest.approx(1000, rel=1e-9)
        assert sets.weights["signal"].sum() == pytest.approx(30, rel=1e-9)
        # the weight varies the yield by its mean effect, 1 + 0.001 <pt>
        assert sets.weights["signal__trigger_up"].sum() == pytest.approx(30 * 1.06, rel=0.01)


def test_a_set_of_weights_that_cancel_is_not_scaled_to_all(analysis):
    """The ratio of two sums near zero would be any number."""
    source = next(s for s in analysis[1] if s.split is not None)
    kept = Sums(1)
    kept.count(np.repeat([1.0, -1.0], [520, 480])[None])  # 40 ± 32
    surveys = {source.name: {"sets": {"evaluation": {"weight": 100.0}}}}
    with pytest.raises(InputError, match=r"evaluation events add up to 40 ± 31\.6.*cancel too far"):
        total_of_set(source, surveys, kept, "evaluation")
    surveys[source.name]["sets"]["evaluation"]["weight"] = 40.0  # nothing is to be scaled
    assert total_of_set(source, surveys, kept, "evaluation") == 40.0
    kept.count(np.ones((1, 400)))
    assert total_of_set(source, surveys, kept, "evaluation") == 440.0


def test_sets_have_no_event_in_common_and_leave_none_out(analysis):
    _, found, _ = analysis
    background = [s for s in found if s.name == "background"]
    everything = (region("all"),)
    known = {"background": survey(background[0], ["event"], everything)}
    numbers = [
        load_events(background, ["event"], everything, known, name, ALL).features["background"]
        for name in SETS
    ]
    joined = np.concatenate(numbers)[:, 0]
    assert len(np.unique(joined)) == len(joined) == 4000


def test_nominal_and_varied_events_are_in_the_same_set(analysis):
    _, found, _ = analysis
    events = [dict.fromkeys(SETS), dict.fromkeys(SETS)]
    for k, name in enumerate(("background", "background__scale_up")):
        source = next(s for s in found if s.name == name)
        reader = Reader(source, ["event"], (region("all"),))
        for events_set in SETS:
            parts = [b.features[:, 0] for b in reader.batches(*source.split.range(events_set))]
            events[k][events_set] = np.concatenate(parts)
    for events_set in SETS:
        np.testing.assert_array_equal(events[0][events_set], events[1][events_set])


def test_fewer_events_are_taken_evenly(analysis):
    config, found, surveys = analysis
    fewer = Sizes.model_validate(dict.fromkeys(SETS, 500))
    some = load_events(found, FEATURES, config.channels, surveys, "training", fewer)
    everything = load_events(found, FEATURES, config.channels, surveys, "training", ALL)
    for name in ("signal", "background"):
        taken, there = len(some.features[name]), len(everything.features[name])
        assert taken < there
        assert some.weights[name].sum() == pytest.approx(everything.weights[name].sum(), rel=0.2)
    for name, document in surveys.items():
        write_json(f"{name}.json", document)
    files = {"training": {source.name: source.files for source in found}}
    known = [f"{name}.json" for name in surveys]
    asked = load_set(config, files, "training", known, most=500)
    np.testing.assert_array_equal(asked.features["background"], some.features["background"])
