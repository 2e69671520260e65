"""ROOT files whatever their names: to uproot some are more than a path."""

import os

import numpy as np
import pytest
import uproot

from hone.analysis.paths import matching
from hone.events import write_events
from hone.events.ntuples import pieces
from hone.statmodel.templates import Histogram, read_histograms, write_histograms

NAMES = [
    "a.root:events", "a:b.root", "a::b.root", "simplecache::a.root", "http:a.root", "d::r/a.root",
    "sp ace.root", "it's.root", 'a"b.root', "br[1].root", "$x.root", "a#b.root", "a?.root",
    "ü.root", "100%20.root",
]  # fmt: skip


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d::r").mkdir()
    # what a name could be taken for
    for other in ("a.root", "b.root", "br1.root"):
        with uproot.recreate(other) as file:
            file["events"] = {"x": np.full(3, 99.0), "weight": np.ones(3)}
    return tmp_path


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("name", NAMES)
def test_events_are_written_and_read_by_any_name(here, name):
    before = files(here)
    x = np.arange(3.0)
    write_events(name, {"x": x}, np.ones(3), {"rule": "test"})
    assert {n: c for n, c in files(here).items() if n != name} == before, "a stray file"
    (piece,) = pieces([name], "events", {"x": "feature 'x'"}, "sample 'a'")
    np.testing.assert_array_equal(piece.columns["x"], x)
    assert piece.path == name
    assert matching(name) == [name]


@pytest.mark.parametrize("name", NAMES)
def test_histograms_are_written_and_read_by_any_name(here, name):
    before = files(here)
    histogram = Histogram(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    write_histograms(name, {"hard": {"a": histogram}}, {"": np.array([0.0, 1, 2])}, {})
    assert {n: c for n, c in files(here).items() if n != name} == before, "a stray file"
    found, edges = read_histograms(name, "hard")
    np.testing.assert_array_equal(found["a"].values, [1, 2])
    np.testing.assert_array_equal(edges[""], [0, 1, 2])


def test_a_pattern_is_still_a_pattern(here):
    assert matching("[ab].root") == ["a.root", "b.root"]
    assert matching(["*.root", "a.root"]) == sorted(p for p in os.listdir(here) if "." in p)
