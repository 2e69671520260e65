"""Files as ROOT writes them, files on servers, files that a text file lists."""

import gc
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import uproot
from ntuples import columns, write

from hone.analysis.expressions import Expression
from hone.analysis.paths import matching
from hone.analysis.variations import Variation
from hone.errors import InputError
from hone.events.ntuples import pieces

OF_ROOT = Path(__file__).with_name("written_by_root.root")
"""By ROOT 6.40: the tree ``events`` of 12 events in two cycles, the first with 5, and a TNtuple."""
EVENT = np.arange(12)
COUNT = EVENT % 4


def value(path, tree, text):
    expression = Expression(text)
    found = pieces([path], tree, dict.fromkeys(expression.branches, "a feature"), "sample 's'")
    return np.concatenate([np.asarray(expression(piece.columns)) for piece in found])


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("alt(vector[0], -1)", np.where(COUNT > 0, EVENT, -1)),
        ("sum(vector)", COUNT * EVENT + COUNT * (COUNT - 1) / 4),
        ("any(flags)", COUNT > 1),
        ("sum(array)", COUNT * EVENT - COUNT * (COUNT - 1) / 2),
        ("len(array) == n", np.full(12, True)),
        ("three[2] - three[1]", EVENT),
        ('text == "odd"', EVENT % 2 == 1),
    ],
)
def test_vectors_arrays_and_strings_of_root(text, right):
    np.testing.assert_array_equal(value(OF_ROOT, "events", text), right)


def test_a_tntuple_and_the_cycles_of_a_tree():
    np.testing.assert_array_equal(value(OF_ROOT, "ntuple", "b - a"), np.arange(5))
    for tree, size in (("events", 12), ("events;2", 12), ("events;1", 5)):
        assert len(value(OF_ROOT, tree, "n")) == size
    for tree, there in (("events;3", "events;2, events;1, ntuple;1"), ("Event", "events, ntuple")):
        with pytest.raises(InputError, match=f"has no tree '{tree}'; it has {there}$"):
            value(OF_ROOT, tree, "n")


def test_vectors_of_vectors_are_refused():
    with pytest.raises(InputError, match=r"branch 'nested' holds var \* var \* float32; "):
        value(OF_ROOT, "events", "len(nested)")


def test_names_that_look_alike_are_one_branch(tmp_path):
    """Python's parser spells the micro sign (U+00B5) as a Greek mu (U+03BC)."""
    path, right = tmp_path / "a.root", np.arange(5.0)
    for in_file in ("\u00b5_pt", "\u03bc_pt"):
        with uproot.recreate(path) as file:
            file.mkrntuple("events", {in_file: right, "other": -right})
        for text in ("\u00b5_pt", "\u03bc_pt", 'get("\u00b5_pt")'):
            np.testing.assert_array_equal(value(path, "events", text), right)
    varied = Variation(replace={"\u00b5_pt": "other"})
    assert list(varied.replace) == list(Expression("\u00b5_pt").branches)


def test_events_are_counted_without_any_branch(tmp_path):
    events = columns(500, 1, True)
    for rntuple in (False, True):
        write(tmp_path / "a.root", events, rntuple=rntuple)
        found = pieces([tmp_path / "a.root"], "events", {}, "sample 's'")
        assert sum(piece.size for piece in found) == 500


def test_a_file_of_histograms_says_what_it_has(tmp_path):
    path = tmp_path / "a.root"
    with uproot.recreate(path) as file:
        file["region/mass"] = np.histogram([1.0, 2.0])
    with pytest.raises(InputError, match=r"no other: it has region/mass \(TH1D\); events are read"):
        value(path, "events", "n")
    with uproot.recreate(path):
        pass
    with pytest.raises(InputError, match="no other: it has nothing; events are read from trees"):
        value(path, "events", "n")


class Ranges(BaseHTTPRequestHandler):
    """Serves one range of a file at a time, as small servers do."""

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.server.folder / self.path.lstrip("/")
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        part = content[int(asked[1]) : int(asked[2]) + 1] if asked else content
        self.send_response(206 if asked else 200)
        if asked:
            last = int(asked[1]) + len(part) - 1
            self.send_header("Content-Range", f"bytes {asked[1]}-{last}/{len(content)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(part)

    def log_message(self, *_):
        """Nothing on the screen."""


@pytest.fixture
def server(tmp_path):
    """The address at which the files of a folder are."""
    found = ThreadingHTTPServer(("127.0.0.1", 0), Ranges)
    found.folder = tmp_path
    thread = threading.Thread(target=found.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{found.server_port}"
    found.shutdown()
    thread.join()
    found.server_close()


def test_files_on_a_server(server, tmp_path):
    events = columns(500, 1, True)
    write(tmp_path / "a.root", events)
    np.testing.assert_array_equal(value(f"{server}/a.root", "events", "mass"), events["mass"])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_file_that_is_not_on_a_server(server):
    with pytest.raises(
        InputError, match=rf"sample 's': {server}/b.root cannot be read .*: copy it, and read the"
    ):
        value(f"{server}/b.root", "events", "mass")
    gc.collect()  # uproot leaves a socket open


def test_what_opens_an_address_may_have_to_be_installed():
    with pytest.raises(InputError, match=r"root://host//a.root: .*install .*fsspec-xrootd"):
        value("root://host//a.root", "events", "mass")


def test_a_list_of_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a1", "a2", "b"):
        Path(f"{name}.root").touch()
    text = "a[12].root # both\n# signal\n\n  root://host//c.root \n"
    Path("list.txt").write_text(text, encoding="utf-8-sig")  # with a byte order mark
    assert matching("list.txt") == ["a1.root", "a2.root", "root://host//c.root"]
    assert len(matching(["list.txt", "b.root"])) == 4
    Path("list.txt").write_text("nothing.root\n")
    assert matching("list.txt") == []
