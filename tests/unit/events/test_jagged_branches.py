"""Branches with several values for each event, and text, in TTrees and RNTuples."""

from dataclasses import replace

import awkward as ak
import numpy as np
import pytest
import uproot
from settings import region

from hone.analysis import Template
from hone.analysis.sections import Split
from hone.errors import InputError
from hone.events.reader import Reader
from hone.events.sources import Source
from hone.events.survey import survey
from hone.sentinels import PADDING

SIZE = 300
RNG = np.random.default_rng(5)
COUNTS = RNG.poisson(2, SIZE)
JETS = ak.unflatten(RNG.exponential(40, COUNTS.sum()), COUNTS)
EVENTS = {
    "jet_pt": ak.values_astype(JETS, "float32"),
    "jet_id": ak.unflatten(RNG.integers(0, 3, COUNTS.sum()).astype("u1"), COUNTS),
    "lepton": np.arange(3 * SIZE, dtype="float32").reshape(SIZE, 3),
    "channel": ak.Array([["ee", "emu", "mumu"][k % 3] for k in range(SIZE)]),
    "met": RNG.exponential(30, SIZE),
}


@pytest.fixture(scope="module", params=["TTree", "RNTuple"])
def path(request, tmp_path_factory):
    """A file with all of these in 3 pieces on disk."""
    found = tmp_path_factory.mktemp("jagged") / f"{request.param}.root"
    with uproot.recreate(found) as file:
        parts = [{name: x[k : k + 100] for name, x in EVENTS.items()} for k in range(0, SIZE, 100)]
        if request.param == "TTree":
            file.mktree("events", parts[0])
        else:
            file.mkrntuple("events", parts[0])
        for part in parts[1:]:
            file["events"].extend(part)
    return found


def source(path, weight="1"):
    return Source(Template("s"), (str(path),), "events", {"s": weight}, Split())


def batch(path, features, weight="1", **part):
    (found,) = Reader(source(path, weight), features, (region("all"),)).batches(**part)
    return found


PT = EVENTS["jet_pt"]
FEATURES = {
    "alt(jet_pt[0], -1)": ak.fill_none(ak.firsts(PT), -1),
    "len(jet_pt)": COUNTS,
    "jet_pt[:3][1]": ak.fill_none(ak.pad_none(PT, 2, axis=1)[:, 1], PADDING),
    "sum(jet_pt[jet_id == 2])": ak.sum(ak.values_astype(PT, float)[EVENTS["jet_id"] == 2], axis=1),
    "lepton[2] - lepton[0]": np.full(SIZE, 2),
    'channel == "emu"': np.arange(SIZE) % 3 == 1,
    "met": EVENTS["met"],
}  # fmt: skip


def test_features_are_awkwards(path):
    found = batch(path, list(FEATURES))
    for k, right in enumerate(FEATURES.values()):
        np.testing.assert_allclose(found.features[:, k], np.asarray(right, float), rtol=1e-12)


def test_leading_values_of_a_varied_branch(path):
    varied = replace(source(path), replaced={"jet_pt": "jet_id"})
    (found,) = Reader(varied, ["(2 * jet_pt)[:2][1]"], (region("all"),)).batches()
    right = ak.fill_none(2 * ak.pad_none(EVENTS["jet_id"], 2, axis=1)[:, 1], PADDING)
    np.testing.assert_array_equal(found.features[:, 0], right)


def test_the_events_of_a_set(path):
    features = list(FEATURES)[:4]
    whole, part = batch(path, features), batch(path, features, low=0.3, high=0.6)
    chosen = (whole.uniform >= 0.3) & (whole.uniform < 0.6)
    assert 50 < chosen.sum() < 150
    np.testing.assert_array_equal(part.features, whole.features[chosen])


def test_weights_selections_and_variables(path):
    regions = (
        region("signal", "len(jet_pt) > 1 && jet_pt[1] > 20"),
        region("control", "Length$(jet_pt) == 1", "variable", "jet_pt[0]", (0, 40, 80)),
        region("none", "!len(jet_pt)", "count"),
    )
    found = survey(source(path, "1 + any(jet_pt > 50)"), ["jet_pt[0] / jet_pt[1]"], regions)
    second = ak.fill_none(ak.pad_none(PT, 2, axis=1)[:, 1], 0)
    weight = 1 + np.asarray(ak.any(PT > 50, axis=1))
    expected = {"signal": np.asarray(second > 20), "control": COUNTS == 1, "none": COUNTS == 0}
    for name, inside in expected.items():
        sums = found["regions"][name]["s"]
        assert sums["events"] == inside.sum()
        assert sums["yield"] == weight[inside].sum()
    first = np.asarray(ak.fill_none(ak.firsts(PT), 0))
    inside = expected["control"]
    assert found["regions"]["control"]["s"]["bins"] == [
        weight[inside & (first < 40)].sum(), weight[inside & (first >= 40)].sum()
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["jet_pt[0]", "max(jet_pt)"])
def test_an_event_without_jets_is_named(path, text):
    event = int(np.argmax(COUNTS == 0))
    name = path.name
    with pytest.raises(InputError, match=rf"sample 's': .*{name}, event {event}: feature .*alt\("):
        batch(path, [text])
    uniform = batch(path, ["met"]).uniform
    later = int(np.flatnonzero((COUNTS == 0) & (uniform >= 0.5))[0])
    with pytest.raises(InputError, match=rf"event {later}: weight '.*alt\("):
        batch(path, ["met"], weight=text, low=0.5)


def test_a_bare_branch_is_refused(path):
    for name, message in (("jet_pt", r"'jet_pt' has several values"), ("channel", "is text")):
        with pytest.raises(InputError, match=rf"sample 's': .*root: feature '{name}': .*{message}"):
            batch(path, [name])


def test_lists_of_lists_are_refused(tmp_path):
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mkrntuple("events", {"hits": ak.Array([[[1.0], []], []])})
    with pytest.raises(InputError, match=r"a.root: branch 'hits' holds var \* var \* float64"):
        batch(tmp_path / "a.root", ["sum(hits)"])
