"""Histograms of events read piece by piece are those of events in memory."""

import itertools
import math
import weakref
from dataclasses import replace

import jax
import numpy as np
import pytest
from ntuples import ALL, FEATURES, columns, write, write_analysis
from settings import observable as settings_of
from settings import region

from hone.analysis import Template, checked_config
from hone.analysis.files import Files
from hone.analysis.sections import Observation, Split
from hone.analysis.settings import plain
from hone.errors import InputError
from hone.events import bin_shares, fold_histograms
from hone.events import trees as trees_module
from hone.events.event_sets import hard_histograms, scores_of
from hone.events.fold_histograms import FoldHistograms
from hone.events.load import load_events
from hone.events.observation import observe
from hone.events.reader import Reader
from hone.events.sources import Source, sources
from hone.events.split import uniform
from hone.events.stream import draw_data, fill_histograms
from hone.events.survey import survey
from hone.observable import create_observable


@pytest.mark.parametrize("smoothing", ["annealed", "scott", "adaptive"])
def test_streamed_histograms_are_those_of_events_in_memory(analysis, monkeypatch, smoothing):
    config, found, surveys = analysis
    regions = config.channels
    events = load_events(found, FEATURES, regions, surveys, "evaluation", ALL)
    observable = create_observable(
        settings_of(kind="network", bins=3, hidden=[8], smoothing=smoothing), FEATURES,
        events.features["background"], jax.random.key(0),
    )  # fmt: skip
    scores = {name: observable.score(x) for name, x in events.features.items()}
    in_memory = hard_histograms(observable, events, scores)
    streamed = fill_histograms([observable], found, regions, surveys, FEATURES)
    assert set(streamed["hard"]) == set(in_memory)
    # pieces that no file of these fills, and none but the last is whole
    monkeypatch.setattr(bin_shares, "PIECE", 100)
    monkeypatch.setattr(bin_shares, "BLOCK", 50)
    monkeypatch.setattr(trees_module, "_STEP", 10_000)
    again = fill_histograms([observable], found, regions, surveys, FEATURES)
    for name, histogram in in_memory.items():
        for group in ("hard", "soft"):
            one, other = streamed[group][name], again[group][name]
            # to the rounding of a float32 network in matrices of another size
            np.testing.assert_allclose(one.values, other.values, rtol=1e-6, atol=1e-9)
            np.testing.assert_allclose(one.variances, other.variances, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(streamed["hard"][name].values, histogram.values, rtol=1e-9)
        np.testing.assert_allclose(streamed["hard"][name].variances, histogram.variances, rtol=1e-9)
        # soft bins share events, and lose none
        assert np.sum(streamed["soft"][name].values) == pytest.approx(np.sum(histogram.values))
    # bins in the order of the names: control_region (3), high (1), signal_region (3)
    nominal = streamed["hard"]["background"].values
    masses = columns(4000, 2, False)["mass"]
    assert nominal[3] / nominal.sum() == pytest.approx((masses >= 160).mean(), abs=0.03)


@pytest.mark.parametrize("smoothing", ["annealed", "scott"])
def test_with_folds_all_events_are_counted_each_by_the_network_of_its_fold(
    tmp_path, monkeypatch, smoothing
):
    monkeypatch.chdir(tmp_path)
    folds, settings = 3, settings_of(kind="network", bins=3, hidden=[8], smoothing=smoothing)
    config = checked_config(
        {**write_analysis(tmp_path), "split": {"branch": "event", "folds": folds}}
    )
    regions, files = config.channels, Files(config).ntuples
    samples = {name: files[name] for name in ("signal", "background")}
    found = sources(config, samples)
    surveys = {s.name: survey(s, FEATURES, regions) for s in found}
    networks = [
        create_observable(settings, FEATURES, np.ones((5, 2)), jax.random.key(k))
        for k in range(folds)
    ]
    streamed = fill_histograms(networks, found, regions, surveys, FEATURES)
    hard = streamed["hard"]
    for name, group in itertools.product(samples, ("hard", "soft")):
        yields = surveys[name]["regions"].values()
        expected = sum(templates[name]["yield"] for templates in yields)
        assert streamed[group][name].values.sum() == pytest.approx(expected, rel=1e-9)
    # the same from each fold in memory, which is scaled to the yield of all
    total = dict.fromkeys(hard, 0.0)
    for fold, network in enumerate(networks, 1):
        of_fold = sources(config, samples, fold)
        events = load_events(of_fold, FEATURES, regions, surveys, "evaluation", ALL)
        scores = {name: network.score(x) for name, x in events.features.items()}
        for source in of_fold:
            low, high = config.split.range("evaluation")
            kept = sum(b.nominal.sum() for b in Reader(source, [], regions).batches(low, high))
            everything = sum(b.nominal.sum() for b in Reader(source, [], regions).batches())
            for name in source.weights:
                counted = hard_histograms(network, events, scores)[name].values
                total[name] += np.asarray(counted) * kept / everything
    for name, values in total.items():
        np.testing.assert_allclose(hard[name].values, values, rtol=1e-9)
    # pseudo-data of all events
    nominal = [s for s in found if s.name == s.sample]
    drawn = draw_data(networks, nominal, regions, surveys, FEATURES, {"signal": 0.0}, 1)
    mean = hard["background"].values.sum()
    assert abs(drawn.values.sum() - mean) < 5 * np.sqrt(mean)
    counted = observe(
        config.model_copy(update={"observation": Observation(unblind=True)}),
        "signal", networks, found, [], surveys, ["data.root"], hard,
    )  # fmt: skip
    assert counted.values.sum() == 300


def test_nothing_is_lost_where_nothing_is_trained(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = write_analysis(tmp_path, size=300)
    config["observables"] = [
        {"name": "v", "kind": "variable", "variable": "mass", "edges": [0, 125, 200]}
    ]
    checked = checked_config({**config, "split": {"branch": "event"}})
    assert checked.split.sets == ["evaluation"]
    assert checked.choosing_set == "evaluation"
    (source, *_) = sources(checked, {"signal": Files(checked).ntuples["signal"]})
    surveys = {"signal": survey(source, FEATURES, checked.channels)}
    observable = create_observable(
        checked.observables[0], FEATURES, np.ones((2, 2)), jax.random.key(0)
    )
    filled = fill_histograms([observable], [source], checked.channels, surveys, FEATURES)
    weights = columns(300, 1, True)["w"]
    factor = 30 / weights.sum()
    variance = (factor**2 * weights**2).sum()
    assert filled["hard"]["signal"].values.sum() == pytest.approx(30, rel=1e-9)
    assert filled["hard"]["signal"].variances.sum() == pytest.approx(variance, rel=1e-9)


@pytest.mark.parametrize("only_counts", [False, True])
def test_a_workspace_without_observables_counts_the_regions(tmp_path, monkeypatch, only_counts):
    monkeypatch.chdir(tmp_path)
    config = write_analysis(tmp_path, size=300)
    for key in ("features", "observables", "split"):
        del config[key]
    config["regions"][0] |= {"fit": "variable", "variable": "pt", "edges": [0, 40, 300]}
    if only_counts:
        for given in config["regions"]:
            given["fit"] = "count"
            given.pop("variable", None), given.pop("edges", None)
    else:
        whole = {"name": "whole", "fit": "variable", "variable": "pt", "edges": [0, 300]}
        first = checked_config({**config, "regions": [whole, *config["regions"]]}).regions[0]
        assert first.is_trained
        assert first.selection is None
    checked = checked_config(config)
    # the record of a run is its config
    assert checked_config(plain(checked)) == checked
    assert [o.name for o in checked.observables] == ["regions"]
    source = sources(checked, {"signal": Files(checked).ntuples["signal"]})[0]
    regions, features = checked.channels, checked.features
    surveys = {"signal": survey(source, features, regions)}
    observable = create_observable(
        checked.observables[0], features, np.ones((2, 1)), jax.random.key(0)
    )
    if only_counts:  # nothing is scored, nor compiled
        monkeypatch.setattr(fold_histograms, "BinShares", None)
    filled = fill_histograms([observable], [source], regions, surveys, features)
    events = columns(300, 1, True)
    inside = (events["mass"] > 90) & (events["mass"] < 160)
    weights = 30 * events["w"] / events["w"].sum()
    expected, _ = np.histogram(
        np.clip(events["pt"], 0, 299)[inside], [0, 40, 300], weights=weights[inside]
    )
    # of control_region (3), high (1), signal_region (2)
    found = filled["hard"]["signal"].values[2 if only_counts else 4 :]
    right = [expected.sum()] if only_counts else expected
    np.testing.assert_allclose(found, right, rtol=1e-9)
    figures = [path.rpartition("/")[2] for path in Files(checked).figures("png")]
    assert ("features.png" in figures) is not only_counts


@pytest.mark.parametrize("precision", ["f4", "f8"])
def test_a_region_and_an_observable_bin_a_value_alike(tmp_path, precision):
    """As a double, whatever the branch: 0.7 in single precision is below the edge 0.7."""
    values = np.repeat(np.arange(11) / 10, 20).astype(precision)
    write(tmp_path / "a.root", {"v": values})
    source = Source(Template("s"), (str(tmp_path / "a.root"),), "events", {"s": "1"})
    edges = [0.0, 0.3, 0.7, 1.0]
    right = np.histogram(values.astype("f8"), edges)[0]
    binned = (region("r", fit="variable", variable="v", edges=edges),)
    assert survey(source, [], binned, "training")["regions"]["r"]["s"]["bins"] == right.tolist()
    settings = settings_of(kind="variable", variable="v", edges=edges)
    observable = create_observable(settings, ["v"], np.ones((2, 1)), jax.random.key(0))
    filled = fill_histograms([observable], [source], (region("r"),), {}, ["v"])
    np.testing.assert_array_equal(filled["hard"]["s"].values, right)
    np.testing.assert_array_equal(filled["soft"]["s"].values, right)


def test_an_event_without_a_score_is_named_with_its_file(tmp_path):
    """1e300 is no number for a network in single precision; NaN is the sign of a cut."""
    regions = (region("low", "mass < 90", "count"), region("high", "mass >= 90"))
    events = columns(300, 1, True)
    inside = np.flatnonzero(events["mass"] >= 90)
    split = Split()
    evaluated = inside[uniform(inside) >= 0.6]
    events["pt"][evaluated[5]] = 1e300
    write(tmp_path / "huge.root", events)
    source = Source(Template("s"), (str(tmp_path / "huge.root"),), "events", {"s": "w"}, split)
    observable = create_observable(
        settings_of(kind="network", bins=3, hidden=[8, 8]), ["mass", "pt"],
        np.random.default_rng(0).normal([120, 50], [30, 40], (100, 2)), jax.random.key(0),
    )  # fmt: skip
    known = {"s": survey(source, ["mass", "pt"], regions)}
    with pytest.raises(
        InputError,
        match=rf"sample 's': .*huge.root, event {evaluated[5]} has a score that is not a number; "
        r"its most extreme features: pt = 1e\+300, mass = ",
    ):
        fill_histograms([observable], [source], regions, known, ["mass", "pt"])
    sets = load_events([source], ["mass", "pt"], regions, known, "evaluation", ALL)
    with pytest.raises(InputError, match="'s': event 5 has a score that is not a number"):
        scores_of(observable, sets)


@pytest.mark.parametrize("kind", ["network", "failing", "cuts", "joint"])
def test_histograms_have_all_the_weight_of_their_events(analysis, kind):
    """Of both signs too; of observables with cuts that of the events that pass."""
    _, found, _ = analysis
    background = [s for s in found if s.name == "background"]
    cuts = [{"variable": "mass", "side": "above", "start": 100.0}]
    network = {"kind": "network", "bins": 3, "hidden": [8]}
    settings = {
        "network": network,
        "failing": {**network, "cuts": cuts, "failing": "bin"},
        "cuts": {"kind": "cuts", "cuts": cuts},
        "joint": {**network, "cuts": cuts},
    }[kind]
    (source,) = (replace(s, weights={"background": "w - 1.2 * (event % 2)"}) for s in background)
    everything = (region("all"),)
    known = {"background": survey(source, FEATURES, everything)}
    observable = create_observable(
        settings_of(**settings), FEATURES,
        np.random.default_rng(0).normal([120, 3], [30, 1], (100, 2)), jax.random.key(0),
    )  # fmt: skip
    sets = load_events([source], FEATURES, everything, known, "evaluation", ALL)
    weights = sets.weights["background"]
    assert weights.min() < 0
    passing = sets.features["background"][:, 0] > 100 if kind in ("cuts", "joint") else weights != 0
    filled = fill_histograms([observable], [source], everything, known, FEATURES)
    total = math.fsum(weights[passing])
    assert filled["hard"]["background"].values.sum() == pytest.approx(total, rel=1e-9)
    counted = hard_histograms(observable, sets, scores_of(observable, sets))["background"]
    np.testing.assert_allclose(filled["hard"]["background"].values, counted.values, rtol=1e-9)
    if kind in ("network", "failing"):
        assert filled["soft"]["background"].values.sum() == pytest.approx(total, rel=1e-9)


def test_scores_that_are_not_numbers_do_not_make_a_histogram(analysis):
    config, found, surveys = analysis
    sets = load_events(found, FEATURES, config.channels, surveys, "evaluation", ALL)
    observable = create_observable(
        settings_of(kind="network", bins=3, hidden=[8]),
        FEATURES,
        np.ones((5, 2)),
        jax.random.key(0),
    )
    scores = scores_of(observable, sets)
    scores["signal"] = np.where(np.arange(len(scores["signal"])) == 3, np.nan, scores["signal"])
    with pytest.raises(InputError, match="histogram 'signal': its bins add up to"):
        hard_histograms(observable, sets, scores)


def test_an_observable_may_be_on_another_device(analysis):
    """As one of a training on several."""
    _, found, surveys = analysis
    everything = (region("all"),)
    observable = create_observable(
        settings_of(kind="network", bins=3, hidden=[8]), FEATURES,
        np.random.default_rng(0).normal([120, 3], [30, 1], (100, 2)), jax.random.key(0),
    )  # fmt: skip
    here, there = (
        fill_histograms([network], found, everything, surveys, FEATURES)["soft"]["signal"].values
        for network in (observable, jax.device_put(observable, jax.devices()[1]))
    )
    np.testing.assert_array_equal(here, there)


@pytest.mark.parametrize(("bins", "size", "most"), [(3, 90_000, 5), (600, 40_000, 2)])
def test_what_is_scored_ahead_takes_little_memory(tmp_path, monkeypatch, bins, size, most):
    """Neither the shares of many bins, nor batches of which hardly any event is scored."""
    write(tmp_path / "few.root", {"v": (np.arange(600) % 100 > 0) * 2.0})
    write(tmp_path / "all.root", {"v": np.zeros(size)})
    regions = region("a", "v < 1"), region("b", "v >= 1", "count")
    observable = create_observable(
        settings_of(kind="variable", variable="v", edges=np.linspace(0, 1, bins + 1).tolist()),
        ["v"], np.ones((2, 1)), jax.random.key(0),
    )  # fmt: skip
    held = {"pieces": 0, "batches": 0}
    arrays: dict[str, list[weakref.ref]] = {"pieces": [], "batches": []}

    def seen(kind, array):
        arrays[kind].append(weakref.ref(array))
        held[kind] = max(held[kind], sum(one() is not None for one in arrays[kind]))

    class Spied(bin_shares.BinShares):
        def __call__(self, *arguments):
            found = super().__call__(*arguments)
            seen("pieces", found)
            return found

    monkeypatch.setattr(fold_histograms, "BinShares", Spied)
    for name, step, expected in (("few", 100, 6), ("all", size, size)):
        monkeypatch.setattr(trees_module, "_STEP", 8 * step)
        source = Source(Template("s"), (str(tmp_path / f"{name}.root"),), "events", {"s": "1"})
        filling = FoldHistograms([observable], regions, ["s"])
        batches = Reader(source, ["v"], regions).batches()
        filling.add(seen("batches", batch.place) or batch for batch in batches)
        assert filling.result(1.0)["hard"]["s"].values[0] == expected
    assert held["pieces"] == most
    assert held["batches"] <= 3
