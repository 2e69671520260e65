"""Regions in the bins of another observable: what is counted there, in training and in the end."""

import jax
import numpy as np
import pyhf
import pytest
import uproot
from ntuples import write_analysis
from settings import observable

from hone.analysis import checked_config
from hone.analysis.files import Files
from hone.events.load import load_events
from hone.events.scored_regions import ScoredRegion
from hone.events.sources import sources
from hone.events.split import rotated, uniform
from hone.events.stream import fill_histograms
from hone.events.survey import survey
from hone.observable import VariableObservable, create_observable
from hone.statmodel.channels import Channels
from hone.statmodel.workspace import build_workspace, processes

FEATURES = ("mass", "log(pt)")
PER_FOLD = [
    VariableObservable(np.array([0.0, edge, 9.0]), FEATURES, "log(pt)") for edge in (2, 3, 4)
]
OWN = VariableObservable(np.array([90.0, 115, 135, 160]), FEATURES, "mass")


@pytest.fixture(scope="module")
def analysis(tmp_path_factory):
    """With folds, and the region ``high`` in the bins of ``other``; events, sources, surveys."""
    folder = tmp_path_factory.mktemp("analysis")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        config = write_analysis(folder, size=2000)
        config["split"] = {"branch": "event", "folds": 3}
        config["regions"][2] |= {"fit": "observable", "observable": "other"}
        config["observables"].append(config["observables"][0] | {"name": "other"})
        config["systematics"] = config["systematics"][2:]
        found = checked_config(config)
        files = {name: Files(found).ntuples[name] for name in ("signal", "background")}
        surveys = {s.name: survey(s, FEATURES, found.channels) for s in sources(found, files)}
        yield found, files, surveys


def regions_with(analysis, networks):
    return [
        region if region.observable is None else ScoredRegion.of(region, networks)
        for region in analysis.channels
    ]


def background():
    parts = [uproot.open(f"background_{k}.root")["events"].arrays(library="np") for k in (1, 2)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def by_hand(events, where):
    """Yields of the background in the bins of its fold's network, scaled to its cross section."""
    fold = np.floor(uniform(events["event"]) * 3).astype(int)
    second = np.log(events["pt"]) >= np.array([2, 3, 4])[fold]
    inside = where & (events["mass"] >= 160)
    counted = np.bincount(second[inside], events["w"][inside], minlength=2)
    return 0.1 * 10.0 * 1000 / events["w"][where].sum() * counted


def test_each_event_is_scored_by_the_network_of_its_fold_in_every_set(analysis):
    """In a training, too, in which the sets are counted from another fold."""
    found, files, surveys = analysis
    regions, events = regions_with(found, PER_FOLD), background()
    sets = load_events(
        sources(found, files, fold=2), FEATURES, regions, surveys, "training", found.events
    )
    low, high = found.split.range("training")
    numbers = rotated(uniform(events["event"]), 3, 2)
    training = by_hand(events, (numbers >= low) & (numbers < high))
    place = [region.name for region in regions if not region.is_trained].index("high")
    np.testing.assert_allclose(sets.fixed["background"][place].values, training, rtol=1e-12)
    assert not sets.place, "one region has the observable that is trained"

    of_data = fill_histograms([OWN], sources(found, files), regions, surveys, FEATURES)["hard"]
    everything = by_hand(events, np.ones(len(events["w"]), bool))
    np.testing.assert_allclose(of_data["background"].values[3:5], everything, rtol=1e-12)
    channels = Channels(tuple(regions), 3)
    np.testing.assert_allclose(channels.edges(OWN.edges)["high"], [0, 3, 9])
    assert list(channels.sizes.values()) == [3, 2, 3]

    spec = build_workspace(
        processes(found, "signal"), of_data, of_data["background"].values, True, channels.sizes
    )
    model = pyhf.Workspace(spec).model()
    start = np.array(model.config.suggested_init())
    start[model.config.poi_index] = 0
    at_zero = model.expected_actualdata(start)[model.config.channel_slices["high"]]
    np.testing.assert_allclose(at_zero, everything, rtol=1e-12)
    best = pyhf.infer.mle.fit(pyhf.Workspace(spec).data(model), model)
    assert best[model.config.poi_index] == pytest.approx(0, abs=1e-3)


def test_events_that_fail_a_cut_of_it_are_in_no_bin(analysis):
    found, files, surveys = analysis
    events = background()
    matrix = np.stack([events["mass"], np.log(events["pt"])], axis=1)
    cut = {"variable": "mass", "side": "above", "start": 170.0}
    cuts = create_observable(
        observable(kind="cuts", cuts=[cut]), FEATURES, matrix, jax.random.key(0)
    )
    filled = fill_histograms(
        [OWN], sources(found, files), regions_with(found, [cuts]), surveys, FEATURES
    )
    expected = events["w"][events["mass"] > 170].sum() / events["w"].sum() * 1000
    np.testing.assert_allclose(filled["hard"]["background"].values[3], expected, rtol=1e-12)


def test_an_event_without_a_score_is_named(analysis):
    found, files, surveys = analysis

    class Broken(VariableObservable):
        def respond(self, events):
            return super().respond(events) / (events[:, 0] < 199)

    broken = Broken(np.array([0.0, 1, 2]), FEATURES, "mass")
    with pytest.raises(Exception, match=r"'background': background_1.root, event \d+ has a score"):
        fill_histograms(
            [OWN], sources(found, files), regions_with(found, [broken]), surveys, FEATURES
        )
