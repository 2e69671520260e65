"""Parquet and Arrow files: the templates of the same events in ROOT files, and what is refused."""

import datetime
from pathlib import Path

import jax
import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
import uproot
from ntuples import write_analysis

from hone.analysis import checked_config
from hone.analysis.expressions import Expression
from hone.analysis.files import Files
from hone.errors import ConfigError, InputError
from hone.events.ntuples import pieces
from hone.events.sources import sources
from hone.events.stream import fill_histograms
from hone.events.survey import survey
from hone.observable import create_observable

SIZE = 500
RNG = np.random.default_rng(5)
COUNTS = RNG.poisson(2, SIZE)
JETS = pa.ListArray.from_arrays(
    np.append(0, COUNTS.cumsum()).astype("i4"), RNG.exponential(40, COUNTS.sum()).astype("f4")
)
TEXT = np.array(["ee", "eµ", ""])[np.arange(SIZE) % 3]
EVENTS = pa.table(
    {
        "x": RNG.normal(size=SIZE).astype("f4"),
        "event": np.arange(SIZE) + 2**53 + 1,
        "seed": np.arange(SIZE, dtype="u8") + 2**63,
        "flag": RNG.random(SIZE) < 0.3,
        "jet_pt": JETS,
        "lepton": pa.FixedSizeListArray.from_arrays(np.arange(3 * SIZE), 3),
        "channel": TEXT,
        "category": pa.array(TEXT).dictionary_encode(),
        "met": pa.array([None if k % 7 == 0 else k / 3 for k in range(SIZE)]),
    }
)
MET = np.where(np.arange(SIZE) % 7 == 0, np.nan, np.arange(SIZE) / 3)
VALUES = {
    "x": EVENTS["x"].to_numpy(),
    "event % 2 == 1": np.arange(SIZE) % 2 == 0,
    "event == 9007199254740995": np.arange(SIZE) == 2,
    "seed > 9223372036854775900": np.arange(SIZE) > 92,
    "!flag": ~EVENTS["flag"].to_numpy(),
    "len(jet_pt)": COUNTS,
    "alt(jet_pt[-1], -1)": [x[-1] if x else -1 for x in JETS.to_pylist()],
    "sum(lepton)": 9 * np.arange(SIZE) + 3,
    'channel == "eµ"': np.arange(SIZE) % 3 == 1,
    'isin(category, "ee", "")': np.arange(SIZE) % 3 != 1,
    "met": MET,
}


def write(path, table, size=200):
    """Files of several batches; a Feather file is an Arrow file."""
    if path.endswith(".parquet"):
        pa.parquet.write_table(table, path, row_group_size=size)
    elif path.endswith(".feather"):
        pa.feather.write_feather(table, path, chunksize=size)
    else:
        with pa.OSFile(path, "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table, size)


def read(path, branches, tree="events"):
    return list(pieces([path], tree, dict.fromkeys(branches, "a feature"), "sample 's'"))


@pytest.mark.parametrize("ending", ["parquet", "feather", "arrow"])
def test_values_of_all_types(tmp_path, monkeypatch, ending):
    monkeypatch.chdir(tmp_path)
    write(f"a.{ending}", EVENTS)
    path = f"s3:a [1]#.{ending}"  # whatever its name looks like
    Path(f"a.{ending}").rename(path)
    for text, right in VALUES.items():
        expression = Expression(text)
        found = read(path, expression.branches)
        assert sum(piece.size for piece in found) == SIZE
        values = np.concatenate([np.asarray(expression(piece.columns)) for piece in found])
        np.testing.assert_array_equal(values, right, err_msg=text)


def test_large_batches_are_cut(tmp_path, monkeypatch):
    monkeypatch.setattr("hone.events.tables._STEP", 2000)
    for ending in ("parquet", "feather"):
        path = str(tmp_path / f"a.{ending}")
        write(path, EVENTS, SIZE)
        found = read(path, ["jet_pt", "event"])
        assert len(found) > 4
        assert max(sum(x.nbytes for x in piece.columns["jet_pt"].arrays) for piece in found) < 8000
        numbers = np.concatenate([piece.columns["event"] for piece in found])
        np.testing.assert_array_equal(numbers, EVENTS["event"].to_numpy())
        assert [piece.start for piece in found][1:] == np.cumsum([p.size for p in found])[
            :-1
        ].tolist()


def templates(config):
    """Surveys and templates of all samples."""
    analysis = checked_config(config)
    files = Files(analysis)
    found = sources(analysis, {n: files.ntuples[n] for n in files.templates("signal", "o")})
    surveys = {s.name: survey(s, analysis.features, analysis.channels) for s in found}
    observable = create_observable(
        analysis.observables[0], analysis.features, np.ones((2, 2)), jax.random.key(0)
    )
    return surveys, fill_histograms(
        [observable], found, analysis.channels, surveys, analysis.features
    )["hard"]


def test_templates_are_those_of_root_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = write_analysis(tmp_path, size=600)
    config["observables"] = [
        {"name": "o", "kind": "variable", "variable": "mass", "edges": [90, 120, 130, 160]}
    ]
    surveys, right = templates(config)
    for path in tmp_path.glob("*.root"):
        with uproot.open(path) as file:
            table = pa.table(file["events"].arrays(library="np"))
        ending = "feather" if path.stem == "background_up" else "parquet"
        if path.stem != "background_1":  # one in ROOT among them
            path.unlink()
            write(f"{path.stem}.{ending}", table, 600)
    _, background, data = config["samples"]
    config["samples"][0]["files"], data["files"] = "signal.parquet", "data.parquet"
    background["files"] = ["background_1.root", "background_2.parquet"]
    scale = config["systematics"][0]
    scale |= {"up": {"files": "background_up.feather"}, "down": {"files": "*_down.parquet"}}
    found, filled = templates(config)
    assert filled.keys() == right.keys()
    for name in right:
        for one, other in zip(filled[name], right[name], strict=True):
            np.testing.assert_array_equal(one, other)
    for name, survey_of_root in surveys.items():
        digests = [[f["digest"] for f in s["files"]] for s in (found[name], survey_of_root)]
        assert digests[0] == digests[1]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([datetime.datetime(2026, 1, 1)]), r"branch 'x' holds timestamp\[us\]; an expr"),
        (pa.array([{"a": 1}]), "branch 'x' holds struct<a: int64>; "),
        (pa.array([[[1]]]), "branch 'x' holds list<.*list<.*int64>>; "),
        (pa.array([["a"]]), "branch 'x' holds list<.*string>; "),
        (pa.array([5, None]), r"a.parquet, event 1: branch 'x' has no value \(null\)"),
        (pa.array([[1, 2], [3, None]]), "event 1: branch 'x' has no value"),
        (pa.array(["a", None]), "event 1: branch 'x' has no value"),
        (pa.array([[1.0], None]), "event 1: branch 'x' has no value"),
    ],
)
def test_columns_that_no_expression_is_for(tmp_path, column, message):
    path = str(tmp_path / "a.parquet")
    write(path, pa.table({"x": column}))
    with pytest.raises(InputError, match=f"sample 's': .*{message}"):
        read(path, ["x"])


def test_missing_columns_empty_and_damaged_files(tmp_path):
    path = str(tmp_path / "a.parquet")
    write(path, EVENTS[:0])
    assert read(path, ["x", "jet_pt", "channel"]) == []
    with pytest.raises(InputError, match=r"a.parquet: there is no branch 'y' in it, for a feature"):
        read(path, ["y"])
    write(path, pa.table([[1], [2]], names=["x", "x"]))
    with pytest.raises(InputError, match=r"a.parquet: there are several columns 'x' in it"):
        read(path, ["x"])
    for ending in ("parquet", "feather", "arrow"):
        other = tmp_path / f"b.{ending}"
        write(str(other), EVENTS)
        for content in (other.read_bytes()[:-3000], b"", b"root"):
            other.write_bytes(content)
            with pytest.raises(InputError, match=rf"b.{ending} cannot be read \(.*not complete"):
                read(str(other), ["x"])


def test_tables_have_no_trees_and_no_histograms(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = write_analysis(tmp_path, size=30)
    write("b.parquet", EVENTS)
    config["samples"][1]["files"] = "b.parquet"
    config["systematics"][0]["up"] = {"tree": "jes_up"}
    with pytest.raises(
        ConfigError, match=r"systematics\['scale'\].up.tree: b.parquet has no trees"
    ):
        checked_config(config)
    del config["systematics"][0]
    config["samples"][1]["tree"] = "tree"
    with pytest.raises(ConfigError, match=r"samples\['background'\].tree: b.parquet has no trees"):
        checked_config(config)
    config["samples"][1] = {
        "name": "background", "process": "background", "histograms": {"files": "b.parquet"}
    }  # fmt: skip
    with pytest.raises(ConfigError, match=r"histograms.files: b.parquet has events, no histograms"):
        checked_config(config)
    config["samples"][0]["files"] = "https://host/a.parquet"
    with pytest.raises(ConfigError, match=r"a.parquet: only ROOT files are read from servers"):
        checked_config(config)
