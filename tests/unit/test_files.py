"""Tables come back as they were written: numbers as numbers, names and other text as text."""

import csv
import math

import numpy as np
import pytest
from allowed import NAMES, TEXTS
from hypothesis import given
from hypothesis import strategies as st
from test_tables import row as limits_row

from hone.errors import InputError
from hone.results.gains import compared
from hone.running.files import read_csv, write_csv
from hone.statmodel.postprocessing import Effect

# A text that is a number is one, but in a column of names.
TEXTS = TEXTS.filter(lambda text: not text.removeprefix("-")[:1].isdecimal())
NUMBERS = st.none() | st.integers(-(10**20), 10**20) | st.floats()


def returned(folder, rows):
    write_csv(folder / "a.csv", rows)
    return read_csv(folder / "a.csv")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("csv")


@given(st.lists(st.tuples(NAMES, NAMES, NUMBERS, TEXTS), min_size=1), TEXTS)
def test_what_was_written_is_read(folder, cells, variable):
    rows = [
        {"signal": signal, "observable": name, "level": level, variable + "_above": 0.5, "why": why}
        for signal, name, level, why in cells
    ]
    found = returned(folder, rows)
    for row in rows:
        if isinstance(row["level"], float) and not math.isfinite(row["level"]):
            row["level"] = None
    assert list(map(repr, found)) == list(map(repr, rows))


@pytest.mark.parametrize("name", ["600", "1_000", "1e5", "nan", "inf", "infinity", "-1", "True"])
def test_columns_of_names_are_text(folder, name):
    """In every table that the workflow writes."""
    of_limits = {**limits_row(name, 1, 0.1, 0.2), "signal": name}
    effect = Effect(*[0.5] * len(Effect._fields))._replace(
        region=name, sample=name, systematic=name
    )
    yields = {"region": name, "sample": name, "variation": "", "events": 3, "yield": 0.5}
    for rows, columns in (
        ([of_limits], ("signal", "observable")),
        (compared([of_limits], name), ("signal", "observable", "baseline")),
        ([effect._asdict()], ("region", "sample", "systematic")),
        ([yields], ("region", "sample")),
    ):
        (found,) = returned(folder, rows)
        assert [found[column] for column in columns] == [name] * len(columns)


@pytest.mark.parametrize("text", ["=1+2", "+x", "-x", "@a", "\tx", "\r=x", "\nx", "'=x", "'"])
def test_a_spreadsheet_finds_no_formula(folder, text):
    assert returned(folder, [{text: text, "number": -1.5}]) == [{text: text, "number": -1.5}]
    with (folder / "a.csv").open(newline="") as file:
        head, cells = csv.reader(file)
    assert head[0][0] == cells[0][0] == "'"
    assert cells[1] == "-1.5"


def test_what_is_not_finite_is_left_empty(folder):
    values = [np.float32("nan"), np.inf, None, np.float64(0.1), np.int64(3)]
    (found,) = returned(folder, [dict(zip("abcde", values, strict=True))])
    assert list(found.values()) == [None, None, None, 0.1, 3]


@pytest.mark.parametrize("text", ["", "a,b\n1\n", "a,b\n1,2,3\n", "\xff"])
def test_what_is_no_table_is_said(tmp_path, text):
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match="not readable as CSV"):
        read_csv(path)
