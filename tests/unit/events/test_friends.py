"""Friend trees: entry by entry those of the ntuples, and together the histograms."""

import numpy as np
import pytest
import uproot
from ntuples import columns, write
from settings import region
from small_results import write_results

import hone
from hone.analysis import Template
from hone.analysis.files import Files
from hone.analysis.sections import Split
from hone.events import trees
from hone.events.friends import write_friends
from hone.events.load import read_surveys
from hone.events.sources import Source, data_source, sources
from hone.observable import VariableObservable, load_observable
from hone.results.scored_regions import with_scored_regions
from hone.statmodel.templates import read_histograms

TEMPLATES = ("signal", "background", "background__scale_up")


@pytest.fixture(scope="module", params=[None, 3], ids=["one network", "folds"])
def scored(request, tmp_path_factory):
    """The folder, the networks, and the friends of each template by file."""
    folder = tmp_path_factory.mktemp("analysis")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(trees, "_STEP", 30_000)
        analysis = write_results(folder, folds=request.param, scored=True)
        files = Files(analysis)
        networks, others = (
            [load_observable(p)[0] for p in files.networks("model.safetensors", "signal", name, 2)]
            for name in ("neos", "other")
        )
        analysis = with_scored_regions(analysis, files.of_regions("signal", "neos"))
        surveys = read_surveys(files.surveys(["signal", "background", "background__scale_up"]))
        found = {}
        for source in sources(analysis, {name: files.ntuples[name] for name in TEMPLATES}):
            made = write_friends(
                networks, source, analysis.channels, surveys, f"friends/{source.name}", {}
            )
            found[source.name] = dict(zip(source.files, made, strict=True))
        data = data_source(analysis, files.observed)
        (made,) = write_friends(networks, data, analysis.channels, {}, "friends/data", {})
        yield folder, (networks, others), found | {"data": {"data.root": made}}


def read(folder, paths):
    parts = [uproot.open(folder / path)["scores"].arrays(library="np") for path in paths]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@pytest.mark.parametrize("template", TEMPLATES)
def test_bins_with_weights_are_the_histograms(scored, template):
    folder, _, found = scored
    friend = read(folder, found[template].values())
    path = folder / "results/ntuples/signal/neos/seed2/histograms.root"
    expected, _ = read_histograms(path, "hard")
    names = {"weight": template, "weight__trigger_up": f"{template}__trigger_up"}
    assert ("weight__trigger_up" in friend) == (template in ("signal", "background"))
    for column, name in names.items():
        if column in friend:
            weights = friend[column]
            counted = []
            for k, bins in enumerate((3, 2, 3)):
                own = friend["region"] == k
                counted.append(np.bincount(friend["bin"][own], weights[own], minlength=bins))
            total = np.concatenate(counted)
            np.testing.assert_allclose(total, expected[name].values, rtol=1e-9)
    assert {name: values.dtype for name, values in friend.items() if "w" not in name} == {
        "score": "float64", "bin": "int32", "region": "int32", "fold": "int32",
    }  # fmt: skip


def test_entries_are_those_of_the_tree(scored):
    """With each event its own score, and nothing for those that are in no region."""
    folder, (networks, others), found = scored
    for path, friend_path in found["background"].items():
        with uproot.open(folder / path) as file:
            events = file["events"].arrays(["mass", "pt", "event"], library="np")
        friend = read(folder, [friend_path])
        assert len(friend["score"]) == len(events["mass"])
        mass = events["mass"]
        region = np.select([mass <= 90, mass >= 160], [0, 1], 2)
        np.testing.assert_array_equal(friend["region"], region)
        np.testing.assert_array_equal(np.isnan(friend["score"]), region != 2)
        assert set(friend["fold"]) == set(range(1, len(networks) + 1))
        features = np.stack([mass, np.log(events["pt"])], axis=1)
        for k, network in enumerate(networks, 1):
            own = (friend["fold"] == k) & (region == 2)
            np.testing.assert_array_equal(friend["score"][own], network.score(features[own]))
            # A region in the bins of another observable has that of the same fold.
            high, other = (friend["fold"] == k) & (region == 1), others[k - 1]
            expected = other.score(features[high]) >= np.asarray(other.edges)[1]
            np.testing.assert_array_equal(friend["bin"][high], expected)
            assert set(friend["bin"][high]) == {0, 1}


def test_data_count_once_and_go_to_their_network(scored):
    folder, (networks, _), found = scored
    friend = read(folder, found["data"].values())
    assert set(friend["weight"]) == {1}
    assert len(friend["score"]) == 300
    assert set(friend["fold"]) == set(range(1, len(networks) + 1))


def test_three_lines_of_python_score_any_file(scored, tmp_path):
    """Of files that are not the sample's own nobody knows the weights."""
    folder, _, found = scored
    neos = hone.load(folder / "results/ntuples")["signal"]["neos"]
    for made, path in zip(
        neos.write_scores(tmp_path, "background"), found["background"].values(), strict=True
    ):
        own, expected = read(folder, [made]), read(folder, [path])
        for name in expected:
            np.testing.assert_array_equal(own[name], expected[name])
    (made,) = neos.write_scores(tmp_path / "others", "background", files=[folder / "data.root"])
    friend, data = read(folder, [made]), read(folder, found["data"].values())
    assert list(friend) == ["score", "bin", "region", "fold"]
    np.testing.assert_array_equal(friend["score"], data["score"])


def test_events_out_of_the_selection_and_without_weight_have_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    events = columns(100, 1, True)
    events["w"][:10] = 0
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "x.root", events)
    files, selection = ("a/x.root", "b/x.root"), "event >= 1020"
    # With folds: the variable is that of all of them.
    split = Split(branch="event", folds=3)
    source = Source(Template("data"), files, "events", {"data": "w"}, split, selection=selection)
    variable = VariableObservable(np.array([0.0, 125.0, 200.0]), ("mass",), "mass")
    made = write_friends([variable], source, [region("all")], {}, "friends", {})
    assert [path.name for path in made] == ["1_x.root", "2_x.root"]
    friend = read(tmp_path, made[1:])
    assert (friend["bin"][:20] == -1).all()
    assert (friend["weight"][:20] == 0).all()
    np.testing.assert_array_equal(friend["score"][20:], events["mass"][20:])
    np.testing.assert_array_equal(friend["bin"][20:], events["mass"][20:] >= 125)
    np.testing.assert_array_equal(friend["weight"][20:], events["w"][20:])
