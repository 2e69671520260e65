"""Results in Python: what is loaded agrees with the histograms, and wrong names list right ones."""

import awkward as ak
import hist
import jax
import numpy as np
import pytest
import uproot
from settings import observable as settings_of
from small_results import FEATURES, write_results

import hone
from hone.analysis.leading import leading
from hone.errors import InputError
from hone.observable import create_observable, save_observable
from hone.results.trained_observable import TrainedObservable
from hone.sentinels import PADDING

EXPECTED = "results/ntuples"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("analysis")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(found)
        write_results(found)
    return found


@pytest.fixture(scope="module")
def results(folder):
    """From another place than where the workflow ran."""
    return hone.load(folder / EXPECTED)


@pytest.mark.parametrize("template", ["background", "background__scale_up", "signal"])
def test_events_weights_and_observable_make_the_histogram(results, template):
    neos = results["signal"]["neos"]
    events = results.events["evaluation"][template]
    score, bins = neos.observable(events)
    expected = neos.histograms["signal_region"][template]
    found = hist.Hist(expected.axes[0], storage="weight").fill(score, weight=events.weight)
    np.testing.assert_allclose(found.values(), expected.values(), rtol=1e-12)
    np.testing.assert_allclose(found.variances(), expected.variances(), rtol=1e-12)
    by_bin = np.bincount(bins, np.asarray(events.weight), minlength=3)
    np.testing.assert_allclose(by_bin, expected.values(), rtol=1e-12)


def test_varied_weights_are_columns(results):
    neos, events = results["signal"]["neos"], results.events["evaluation"]["background"]
    found = np.bincount(neos.observable(events).bin, np.asarray(events["weight__trigger_up"]))
    expected = neos.histograms["signal_region"]["background", "trigger", "up"]
    np.testing.assert_allclose(found, expected.values(), rtol=1e-12)


def test_each_set_has_the_yield_of_all(results):
    """In regions with the observable, within the statistics of the sets."""
    sets = ("training", "validation", "evaluation")
    yields = [float(ak.sum(results.events[name]["background"].weight)) for name in sets]
    np.testing.assert_allclose(yields, yields[0], rtol=0.1)


def test_data_count_once(results, folder):
    with uproot.open(folder / "data.root") as file:
        mass = file["events/mass"].array(library="np")
    events = results.events["observed"]["data"]
    assert set(np.asarray(events.weight)) == {1}
    np.testing.assert_array_equal(events.mass, mass[(mass > 90) & (mass < 160)])


def test_columns_may_be_features_branches_or_a_matrix(results):
    observable = results["signal"]["neos"].observable
    events = results.events["evaluation"]["signal"][:50]
    expected = observable(events)
    branches = {"mass": events.mass, "pt": np.exp(events["log(pt)"]), "other": events.weight}
    np.testing.assert_allclose(observable(branches).score, expected.score, rtol=1e-6)
    matrix = np.stack([np.asarray(events[name]) for name in FEATURES], axis=1)
    np.testing.assert_array_equal(observable(matrix).score, expected.score)
    with pytest.raises(InputError, match="no column 'pt'; there is mass"):
        observable({"mass": branches["mass"]})
    with pytest.raises(InputError, match=r"shape \(50, 1\) is given for 2 features"):
        observable(matrix[:, :1])


def test_columns_may_have_several_values(tmp_path):
    jets, met = ak.Array([[50.0, 20.0], [], [40.0]]), np.array([30.0, 60.0, 10.0])
    features = ("met", *leading(["jet_pt[:2]"]))
    matrix = np.c_[met, [50, PADDING, 40], [20, PADDING, PADDING]]
    settings = settings_of(kind="network", hidden=[4])
    made = create_observable(settings, features, matrix, jax.random.key(0))
    save_observable(tmp_path / "model.safetensors", made, settings, {})
    found = TrainedObservable([tmp_path / "model.safetensors"])
    expected = found(matrix).score
    assert len(set(expected)) == 3
    objects = np.array([np.array(x) for x in jets.to_list()], dtype=object)  # uproot's, pandas'
    for several in (jets, jets.to_list(), objects):
        np.testing.assert_array_equal(found({"met": met, "jet_pt": several}).score, expected)
    np.testing.assert_array_equal(found(ak.Array({"met": met, "jet_pt": jets})).score, expected)


def test_the_selected_seed_is_the_default(results):
    neos = results["signal"]["neos"]
    assert (neos.seed, neos.of_seed(1).seed) == (2, 1)
    assert neos.history["validation_objective"].tolist() == pytest.approx([0.3])
    assert neos.of_seed(1).history["validation_objective"].tolist() == pytest.approx([0.4])
    assert neos.workspace.channels == ["control_region", "high", "signal_region"]
    assert neos.limits["expected_limits"][2] == 3
    observed = neos.observed["high"]
    np.testing.assert_allclose(observed.values(), neos.histograms["high"]["background"].values())


def test_names_complete_and_wrong_ones_are_answered_with_those_that_exist(results, folder):
    neos = results["signal"]["neos"]
    assert results._ipython_key_completions_() == ["signal"]
    assert "load" in dir(hone)
    assert list(neos.histograms) == ["control_region", "high", "signal_region"]
    for wrong, message in (
        (lambda: results["sgnal"], "no 'sgnal' in .*; there is signal"),
        (lambda: results["signal"]["neo"], "there is neos"),
        (lambda: neos.of_seed(3), "neos has no seed 3; there is 1, 2"),
        (lambda: neos.histograms["high"]["ttbar"], "region high; there is .*background__scale_up"),
        (
            lambda: neos.histograms["high"]["background", "scale"],
            r"no \('background', 'scale'\) in .*; there is .*\('background', 'scale', 'up'\)",
        ),
        (lambda: neos.histograms["high"]["background", "scale", "up", "1"], "there is .*signal"),
        (lambda: results.events["eval"], "there is training, validation, evaluation, observed"),
        (lambda: results.comparison, "comparison.csv is not there"),
        (lambda: hone.load(folder / "results"), "; in it there are those of ntuples$"),
        (lambda: hone.load(folder / "results" / "nutples"), "beside it there are those of ntuples"),
    ):
        with pytest.raises(InputError, match=message):
            wrong()
    assert results.get("sgnal") is None
