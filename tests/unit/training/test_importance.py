"""Importance of features by permutation, and the figures of features."""

import jax
import numpy as np
import pytest
import uproot
from blobs import SAMPLES, chosen, events
from settings import region

from hone.analysis import Template
from hone.analysis.leading import first_of_each, leading
from hone.analysis.sections import Split
from hone.events.event_sets import EventSets
from hone.events.first_events import few_events
from hone.events.sources import Source
from hone.observable import create_observable
from hone.observable.variable import VariableObservable
from hone.reporting.figures.features import _counts, draw_features
from hone.reporting.figures.importance import draw_importance
from hone.reporting.figures.plane import draw_plane
from hone.sentinels import PADDING, find_sentinels
from hone.training.importance import _without, rank_features, thinned

picture = pytest.mark.mpl_image_compare(savefig_kwargs={"dpi": 40}, remove_text=False)


def test_only_what_is_used_is_important():
    x = VariableObservable(np.array([-2.0, 0, 2]), ("x", "y"), "x")
    found = rank_features(x, events("validation", 2000), SAMPLES, True, seed=1, repetitions=2)
    first, second = found["features"]
    assert first["name"] == "x"
    assert first["log_ratio"] > 0.2
    assert second["log_ratio"] == 0
    assert second["expected_cls"] == [found["expected_cls"]] * 2
    again = rank_features(x, events("validation", 2000), SAMPLES, True, seed=1, repetitions=2)
    assert found == again


def test_leading_values_are_permuted_together():
    names = tuple(leading(["jet_pt[:2]"]))
    second = VariableObservable(np.array([-2.0, 0, 2]), names, names[1])
    found = rank_features(second, events("validation", 2000), SAMPLES, True, seed=1, repetitions=2)
    (both,) = found["features"]
    assert both["name"] == "jet_pt[:2]"
    assert both["log_ratio"] > 0.2
    assert first_of_each(["met", "jet_pt[:2]", "eta[:2]"])[:3] == ["met", names[0], "eta[:2][0]"]
    sets = EventSets({"b": np.zeros((50, 3))}, {"b": np.ones(50)})
    pool = np.arange(30.0).reshape(10, 3)
    drawn = _without(sets, [0, 2], pool, np.random.default_rng(0)).features["b"]
    np.testing.assert_array_equal(drawn[:, 2] - drawn[:, 0], np.full(50, 2))
    assert not drawn[:, 1].any()


def test_a_single_draw_has_no_error():
    network = create_observable(chosen(hidden=[4]), ["x", "y"], np.ones((2, 2)), jax.random.key(0))
    found = rank_features(network, events("validation", 500), SAMPLES, True, seed=1, repetitions=1)
    assert {f["name"] for f in found["features"]} == {"x", "y"}
    assert all(f["log_ratio_error"] is None for f in found["features"])


def test_thinned_events_keep_yields_and_ratios_of_weights():
    generator = np.random.default_rng(0)
    weights = generator.uniform(0.5, 1, 1000)
    sets = EventSets(
        {"b": generator.normal(size=(1000, 2)).astype("float32")},
        {"b": weights, "b__w_up": 1.1 * weights},
        place={"b": np.arange(1000) % 2},
        weighted={"b__w_up": "b"},
    )
    few = thinned(sets, 100)
    assert len(few.features["b"]) == len(few.place["b"]) == 100
    assert few.weights["b"].sum() == pytest.approx(weights.sum())
    np.testing.assert_allclose(few.weights["b__w_up"], 1.1 * few.weights["b"])
    assert thinned(sets, 5000).weights["b"] == pytest.approx(weights)


def test_thinned_events_of_both_signs_are_not_scaled_without_bound():
    """The 100 that are taken almost cancel, the others do not."""
    weights = np.ones(1000)
    places = np.unique(np.linspace(0, 999, 100).astype(int))
    weights[places[2::2]] = -1.0
    few = thinned(EventSets({"b": np.zeros((1000, 1))}, {"b": weights}), 100)
    np.testing.assert_array_equal(few.weights["b"], 10 * weights[places])


def test_few_events_are_of_the_set_and_the_region(tmp_path):
    files = []
    for k in range(20):
        files.append(str(tmp_path / f"{k}.root"))
        with uproot.recreate(files[-1]) as file:
            numbers = np.arange(1000) + 1000 * k
            file["t"] = {"x": numbers.astype(float), "w": np.where(numbers % 2, 1.0, -1.0)}
    source = Source(Template("b"), tuple(files), "t", {"b": "w"}, Split())
    high = region("high", "x > 2000")
    found = few_events([source], ["x"], (high,), "evaluation", 50)["b"][:, 0]
    assert len(np.unique(found)) == len(found) == 50
    assert (found % 2 == 1).all()
    assert (found > 2000).all()
    other = few_events([source], ["x"], (high,), "training", 10_000)["b"][:, 0]
    assert not set(found) & set(other)
    empty = few_events([source], ["x"], (region("none", "x < 0"),), "evaluation", 50)
    assert empty["b"].shape == (0, 1)


def test_what_is_missing_by_a_mark_is_in_no_bin():
    values = np.append(np.linspace(0, 1, 50), [-999.0] * 50)[:, None]
    sets = EventSets({"b": values}, {"b": np.ones(100)})
    marks = find_sentinels(values[:, 0])
    assert _counts(sets, "b", 0, np.linspace(0, 1, 5), marks).sum() == 50


def clouds(features, size=100):
    names = ("background", "signal", *(f"background__s{k}_up" for k in range(6)))
    generator = np.random.default_rng(0)
    return {n: generator.normal(k, 1, (size, features)) for k, n in enumerate(names)}


@picture
def test_planes_of_the_most_important_of_many_features():
    def score(x):
        return np.where(x[:, 0] < 3, 1 / (1 + np.exp(-x[:, 0] * x[:, 2] + x[:, 3])), np.nan)

    names = ("pt", "eta", "log(mass)", "sqrt(long_expression * 2)", "q")
    order = ["log(mass)", "pt", "sqrt(long_expression * 2)", "q", "eta"]
    figure = draw_plane(score, [0, 0.2, 0.5, 1], clouds(5), names, "o", order, "signal")
    labels = [a.get_xlabel() for a in figure.axes if a.get_xlabel()]
    assert labels == ["log(mass)", "pt", "sqrt(long_express..."]
    return figure


@picture
def test_features_by_process_with_what_varies_them():
    """A background and a signal 1 apart; `s` shifts the background by 0.1, `w` doubles it."""
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(4000, 3))
    matrix[:, 1] += matrix[:, 0]
    features = {"signal": matrix + 1, "background": matrix, "background__s_up": matrix + 0.1}
    weights = {name: np.full(4000, 0.01) for name in features}
    weights["background__w_up"] = np.full(4000, 0.02)
    events = EventSets(features, weights, weighted={"background__w_up": "background"})
    templates = [
        Template("signal"), Template("background"), Template("background", "s", "up"),
        Template("background", "w", "up"),
    ]  # fmt: skip
    figure = draw_features(events, ("x", "y", "z"), templates, ["signal"], "o", ("z", "x", "y"))
    main, ratio = figure.axes[0], figure.axes[3]
    for patch in main.patches:  # of unit area
        values, edges, _ = patch.get_data()
        assert np.sum(values * np.diff(edges)) == pytest.approx(1)
    twice, shifted = (patch.get_data().values for patch in ratio.patches)
    np.testing.assert_allclose(twice[np.isfinite(twice)], 2)
    assert np.nanmean(shifted[-10:]) > 1.05
    # a systematic has one colour, in the feature that it does not change, too
    of_x = EventSets(
        features | {"background__s_up": matrix + np.array([3, 0, 0])},
        weights,
        weighted=events.weighted,
    )
    for drawn in (figure, draw_features(of_x, ("x", "y"), templates, ["signal"], "o")):
        looks = [
            {p.get_label(): p.get_edgecolor() for p in axes.patches}
            for axes in drawn.axes[len(drawn.axes) // 3 : 2 * len(drawn.axes) // 3]
        ]
        assert len(looks[0]) == 2
        assert all(look == looks[0] for look in looks)
    percent = [text.get_text() for text in figure.axes[6].texts]
    assert percent[0] == percent[4] == percent[8] == "100"
    assert abs(float(percent[5]) - 71) < 3  # x and y
    # What is measured together with the signal is no background; some events have no z.
    matrix = np.where([False, False, True] & (matrix[:, :1] > 0), PADDING, matrix)
    both = [*templates, Template("other")]
    more = EventSets(
        dict.fromkeys([*features, "other"], matrix),
        weights | {"other": weights["signal"]},
        weighted=events.weighted,
    )
    names = ("x", "y", "jet_pt[:1][0]")
    again = draw_features(more, names, both, ["signal", "other"], "o", (names[2], "x", "y"))
    assert again.axes[3].get_xlabel() == "jet_pt[0]"
    assert again.axes[0].patches[0].get_data().values[0] < 0.1  # nothing in place of no jet
    twice = again.axes[3].patches[0].get_data().values
    np.testing.assert_allclose(twice[np.isfinite(twice)], 2)
    percent = [int(text.get_text()) for text in again.axes[6].texts]
    have = matrix[:, 2] != PADDING
    expected = 100 * np.corrcoef(matrix[have][:, [2, 0, 1]].T)
    np.testing.assert_allclose(np.reshape(percent, (3, 3))[0], expected[0], atol=2)
    assert percent[5] == round(100 * np.corrcoef(matrix[:, :2].T)[0, 1])
    return figure


@picture
def test_plane_of_a_single_feature():
    return draw_plane(lambda x: np.tanh(x[:, 0]), [-1, 0, 1], clouds(1), ("pt",), "o", (), "signal")


def test_planes_where_all_or_nothing_is_cut_away_and_a_feature_is_constant():
    events = clouds(3)
    for points in events.values():
        points[:, 1] = 7.0
    figure = draw_plane(lambda x: np.full(len(x), np.nan), [0, 1], events, ("a", "b", "c"), "o")
    assert "grey is cut away" in figure.get_suptitle()
    draw_plane(lambda x: np.full(len(x), 0.5), [0, 0.2, 1], events, ("a", "b", "c"), "o")


@picture
def test_importance():
    features = [
        {"name": f"feature_{k}", "log_ratio": 5 / (k + 1) - 0.3, "log_ratio_error": 0.2}
        for k in range(22)
    ]
    features[3] |= {"log_ratio": None, "log_ratio_error": None}
    features[4]["name"] = "sqrt(pow(a_long_expression, 2))"
    features[5]["log_ratio_error"] = None
    return draw_importance({"expected_cls": 1e-6, "features": features}, "neos")


def test_an_observable_that_owes_nothing_to_any_feature():
    features = [{"name": "x", "log_ratio": 0.0, "log_ratio_error": 0.0}]
    figure = draw_importance({"expected_cls": None, "features": features}, "o")
    assert figure.axes[0].get_xlim()[1] > 0.04
