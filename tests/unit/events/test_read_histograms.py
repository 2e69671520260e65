"""Histograms of ROOT and JSON files in the bins of regions, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import hist
import numpy as np
import pytest
import uhi.io.json
import uproot

from hone.analysis import Template
from hone.errors import InputError
from hone.events.histograms import read_template
from hone.events.sources import BinnedSource

# Finer than the bins of the regions, and ending elsewhere.


VALUES = [0.5, 1, 2, 4, 0.25]
"""Of three bins, between under- and overflow."""


def given(values, variances=None, name="sr/fakes", beyond=False):
    """The source of one histogram."""
    histogram = hist.Hist(hist.axis.Variable([0, 1, 2, 3]), storage=hist.storage.Weight())
    histogram.view(flow=True).value = values
    histogram.view(flow=True).variance = np.abs(values) if variances is None else variances
    with uproot.recreate("one.root") as file:
        file[name] = histogram
    how = Template("fakes"), ("one.root",), "{region}/fakes", {"fakes": "1"}
    return BinnedSource(*how, drops_beyond=beyond)


def read(source, edges=(0.0, 1.0, 3.0), region="sr"):
    return read_template(source, {region: None if edges is None else np.array(edges)})


@pytest.mark.parametrize(
    ("beyond", "edges", "expected"),
    [
        (False, (0.0, 1.0, 3.0), [1.5, 6.25]),
        (True, (0.0, 1.0, 3.0), [1, 6]),
        (False, (1.0, 2.0), [7.75]),
        (True, (1.0, 2.0), [2]),
        (False, None, [7.75]),
        (True, None, [7]),
    ],
)
def test_bins_beyond_the_edges_are_included_or_dropped(
    tmp_path, monkeypatch, beyond, edges, expected
):
    monkeypatch.chdir(tmp_path)
    found = read(given(VALUES, np.array(VALUES) / 4, beyond=beyond), edges)
    np.testing.assert_allclose(found.values, expected, rtol=1e-15)
    np.testing.assert_allclose(found.variances, np.array(expected) / 4, rtol=1e-15)
    source = given(VALUES)
    twice = read(replace(source, files=source.files * 2))
    np.testing.assert_allclose(twice.values, [3, 12.5], rtol=1e-15)


@pytest.mark.parametrize(
    ("source", "arguments", "message"),
    [
        (
            {"name": "sr/fake"},
            {},
            "one.root: there is no histogram 'sr/fakes'; did you mean 'sr/f",
        ),
        ({"name": "x"}, {"region": "b"}, "there is no histogram 'b/fakes'; there are 'x'"),
        ({}, {"edges": (0.0, 1.5, 3.0)}, "'sr/fakes', region 'sr': its edges are .* among them"),
        ({"values": [0, 1, np.nan, 4, 0]}, {}, "'sr/fakes', bin 2: the yield is nan"),
        ({"values": [0, 1, 2, 4, np.inf]}, {}, "'sr/fakes', the overflow: the yield is inf"),
        ({"variances": [0, 0, 2, 4, 0]}, {}, "'sr/fakes', bin 1 of region 'sr': .* its error 0"),
    ],
)
def test_bad_histograms_are_named(tmp_path, monkeypatch, source, arguments, message):
    monkeypatch.chdir(tmp_path)
    values = [0, *VALUES[1:]]
    with pytest.raises(InputError, match=message):
        read(given(**{"values": values, **source}), **arguments)


def test_other_objects_and_missing_errors_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = given(VALUES)
    with uproot.recreate("one.root") as file:
        file["sr/tree"] = {"x": np.ones(2)}
        file["sr/fakes"] = hist.Hist.new.Var([0, 1, 2, 3]).Double().fill([0.5, 1.5], weight=0.3)
        file["sr/counts"] = hist.Hist.new.Var([0, 1, 2, 3]).Double().fill([0.5, 0.5, 1.5])
    with pytest.raises(InputError, match=r"'sr/tree': it is a .*(TTree|RNTuple)"):
        read(replace(source, tree="sr/tree"))
    with pytest.raises(InputError, match=r"it has no errors \(Sumw2\)"):
        read(source)
    counts = read(replace(source, tree="sr/counts"))
    np.testing.assert_array_equal(counts.variances, [2, 1])


@pytest.mark.parametrize("ending", ["root", "json"])
@pytest.mark.parametrize("flow", [True, False])
def test_bins_of_two_axes_are_numbered_the_first_fastest(tmp_path, monkeypatch, ending, flow):
    monkeypatch.chdir(tmp_path)
    axes = (
        hist.axis.Variable([0, 1, 2, 4], underflow=flow, overflow=flow),
        hist.axis.Regular(2, 0, 2, underflow=flow, overflow=flow),
    )
    rng = np.random.default_rng(3)
    (x, y), weight = rng.uniform(-1, 5, (2, 500)), rng.uniform(0.5, 1.5, 500)
    plane = hist.Hist(*axes, storage=hist.storage.Weight()).fill(x, y, weight=weight)
    if ending == "json":
        Path("one.json").write_text(json.dumps({"sr/fakes": plane}, default=uhi.io.json.default))
    else:
        with uproot.recreate("one.root") as file:
            file["sr/fakes"] = plane
    number = np.digitize(x, [1, 2]) + 3 * np.digitize(y, [1])
    inside = (x >= 0) & (x < 4) & (y >= 0) & (y < 2)
    how = Template("fakes"), (f"one.{ending}",), "{region}/fakes", {"fakes": "1"}
    for drops in (True, False):
        kept = inside if drops or not flow else np.full(500, True)
        right = [np.bincount(number[kept], weight[kept] ** power) for power in (1, 2)]
        source = BinnedSource(*how, drops_beyond=drops)
        np.testing.assert_allclose(read(source, np.arange(7.0)), right, rtol=1e-12)
        for edges in ((0.0, 3.0, 6.0), None):  # by the second axis, and all
            merged = np.reshape(right, (2, 2 if edges else 1, -1)).sum(axis=-1)
            np.testing.assert_allclose(read(source, edges), merged, rtol=1e-12)


def test_histograms_of_hist_in_json(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    of_root = given(VALUES, np.array(VALUES) / 4)
    with uproot.open("one.root") as file:
        weighted = file["sr/fakes"].to_hist()
    edges = hist.axis.Variable([0, 1, 2, 3])
    histograms = {
        "sr/fakes": weighted,
        "sr/counts": hist.Hist(edges, storage=hist.storage.Int64()).fill([0.5, 0.5, 1.5, 7]),
        "sr/sums": hist.Hist(edges).fill([0.5, 1.5], weight=0.3),
        "sr/mean": hist.Hist(edges, storage=hist.storage.Mean()).fill([0.5], sample=[1.0]),
        "sparse/fakes": uhi.io.to_sparse(weighted._to_uhi_()),
        "nested": {"fakes": weighted},
    }
    Path("one.json").write_text(json.dumps(histograms, default=uhi.io.json.default))
    source = replace(of_root, files=("one.json",))
    for region in ("sr", "sparse", "nested"):
        for one, other in zip(read(source, region=region), read(of_root), strict=True):
            np.testing.assert_array_equal(one, other)
    counts = read(replace(source, tree="sr/counts"))
    np.testing.assert_array_equal([*counts.values, *counts.variances], [2, 2, 2, 2])
    for name, message in {
        "sums": r"it has no errors \(Sumw2\).*storage Weight",
        "mean": "it is a mean; needed are",
        "fake": "there is no histogram 'sr/fake'; did you mean 'sr/fakes'",
    }.items():
        with pytest.raises(InputError, match=f"one.json: .*{message}"):
            read(replace(source, tree=f"sr/{name}"))
    Path("one.json").write_text(json.dumps(weighted, default=uhi.io.json.default))
    with pytest.raises(InputError, match=r'without a name; write \{"sr/fakes": histogram\}'):
        read(source)
    Path("one.json").write_text("{")
    with pytest.raises(InputError, match=r"one.json cannot be read"):
        read(source)
