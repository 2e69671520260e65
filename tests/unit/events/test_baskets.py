"""Columns that are read basket by basket are those of ``uproot.iterate``."""

import awkward as ak
import numpy as np
import pytest
import uproot

from hone.errors import InputError
from hone.events import trees
from hone.events.baskets import read_baskets
from hone.events.ntuples import pieces

BASKETS = [70, 1, 0, 29, 5, 195]
KINDS = {"x": "f8", "w": "f4", "n": "i4", "b": "bool", "u": "u2"}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path, rng = tmp_path_factory.mktemp("baskets") / "a.root", np.random.default_rng(0)
    with uproot.recreate(path) as file:
        file.mktree("events", KINDS | {"jets": "var * float32"})
        for size in BASKETS:
            numbers = {k: rng.uniform(0, 100, size).astype(kind) for k, kind in KINDS.items()}
            counts = rng.poisson(2, size)
            jets = ak.unflatten(rng.normal(size=counts.sum()).astype("f4"), counts)
            file["events"].extend(numbers | {"jets": jets})
    return path


@pytest.mark.parametrize("step", [1, 300, 2_000, 10**9])
@pytest.mark.parametrize("names", [["x", "w", "n", "b", "u"], ["n", "jets", "x"], ["jets"]])
def test_pieces_of_any_size_are_the_columns_of_the_file(path, monkeypatch, step, names):
    # of one event, of fewer than a basket has, of several baskets, and of all
    monkeypatch.setattr(trees, "_STEP", step)
    found = list(pieces([path], "events", dict.fromkeys(names, "a test"), "sample 's'"))
    starts = np.cumsum([0, *(piece.size for piece in found)])
    assert [piece.start for piece in found] == starts[:-1].tolist()
    expected = uproot.open(path)["events"].arrays(names, library="ak")
    for name in names:
        parts = [piece.columns[name] for piece in found]
        if name == "jets":
            content = np.concatenate([part.content for part in parts])
            assert np.array_equal(content, ak.ravel(expected[name]))
            counts = np.concatenate([part.counts for part in parts])
            assert np.array_equal(counts, ak.num(expected[name]))
            continue
        together = np.concatenate(parts)
        assert together.dtype == KINDS[name]
        assert np.array_equal(together, expected[name])


def test_a_branch_that_ends_early_is_no_shorter_sample(path):
    class Lost:
        """A branch whose last basket has lost an event."""

        def __init__(self, branch):
            self.name, self.interpretation = branch.name, branch.interpretation
            self.entry_offsets, self.basket = [*branch.entry_offsets[:-1], 301], branch.basket

    with uproot.open(path) as file:
        branch = file["events"]["x"]
        (column,) = zip(*read_baskets([branch], 100), strict=True)
        assert list(map(len, column)) == [100, 100, 100]
        with pytest.raises(ValueError, match="basket 5 of 'x' ends at 300, not at 301"):
            list(read_baskets([Lost(branch)], 100))


def test_entries_of_branches_that_the_tree_does_not_count_are_no_events(path, monkeypatch):
    """As in ROOT, where ``GetEntries`` says how many events there are."""
    monkeypatch.setattr(uproot.behaviors.TTree.TTree, "num_entries", 170)
    found = list(pieces([path], "events", {"x": "a test", "n": "a test"}, "sample 's'"))
    assert sum(piece.size for piece in found) == 170


@pytest.mark.parametrize("names", [["x", "n"], ["jets", "n"]])
def test_a_branch_with_fewer_entries_than_its_tree_is_no_shorter_sample(path, monkeypatch, names):
    monkeypatch.setattr(uproot.behaviors.TTree.TTree, "num_entries", 320)
    with pytest.raises(InputError, match=r"cannot be read .* has 300 of 320 entries"):
        list(pieces([path], "events", dict.fromkeys(names, "a test"), "sample 's'"))
