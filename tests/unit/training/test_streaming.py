"""Training on events that stay on disk is the training on the same events in memory."""

from dataclasses import replace
from io import FileIO

import jax
import numpy as np
import pytest
from ntuples import ALL, FEATURES, columns, write, write_analysis

from hone.analysis import checked_config
from hone.analysis.files import Files
from hone.errors import InputError
from hone.events import row_file
from hone.events.load import load_events
from hone.events.row_file import RowFile
from hone.events.sources import sources
from hone.events.streamed_sets import stream_events
from hone.events.survey import survey
from hone.statmodel.workspace import processes
from hone.training.objectives import OF_MODEL
from hone.training.settings import Settings
from hone.training.step import Problem
from hone.training.streaming import draw


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    """Of ntuples in two of three regions, with varied weights, and varied events of the same
    numbers; every fifth weight of the signal is negative. In memory and on disk."""
    folder = tmp_path_factory.mktemp("ntuples")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        config = write_analysis(folder)
        signal = columns(4000, 1, True)
        signal["w"] *= np.where(signal["event"] % 5, 1, -1)
        write(folder / "signal.root", signal)
        config["regions"][2]["fit"] = "observable"
        config = checked_config(config)
        files = Files(config).ntuples
        names = [template.name for template in config.event_templates(config.simulated)]
        found = sources(config, {name: files[name] for name in names})
        surveys = {s.name: survey(s, FEATURES, config.channels) for s in found}
        given = (found, FEATURES, config.channels, surveys)
        return config, *(load(*given, "training", ALL) for load in (load_events, stream_events))


@pytest.mark.parametrize(("objective", "size"), [("cls", 300), ("cls", 1400), ("bce", 300)])
def test_batches_are_the_same(events, objective, size):
    """To the last bit: features, weights, regions, rows, and what is known of all events."""
    config, *both = events
    how = replace(Settings.of(config, config.observables[0]), objective=objective, batch=size)
    samples = processes(config, "signal")
    (one, in_memory), (other, on_disk) = (
        Problem.of(how, samples, sets, OF_MODEL["cls"], 3) for sets in both
    )
    small = {300: [], 1400: sorted(set(both[0].sizes) - {"signal"})}
    assert list(on_disk.small) == (small[size])
    assert both[1].digest() not in ("", both[0].digest())
    assert one.templates == other.templates
    assert one.yields == other.yields
    assert one.evaluation == other.evaluation
    for template, histograms in one.fixed.items():
        np.testing.assert_allclose(histograms, other.fixed[template], rtol=1e-14)
    for seed in range(3):
        ours, theirs = (draw(data, size, jax.random.key(seed)) for data in (on_disk, in_memory))
        assert list(ours) == list(theirs)
        jax.tree.map(np.testing.assert_array_equal, ours, theirs)
        for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
            assert a.dtype == b.dtype


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_rows_come_back_as_they_were(kind, monkeypatch):
    """Also if the first of them are float32 and the last ones are not."""
    monkeypatch.setattr(row_file, "_WINDOW", 1000)
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(500, 7)).astype("float32").astype(float)
    if kind == "float64":
        rows[400:] *= 1 + 1e-12
    file = RowFile(7, "sample 's'")
    for part in (slice(0, 123), slice(123, 123), slice(123, 450), slice(450, None)):
        file.append(rows[part])
    assert len(file) == 500
    places = rng.integers(0, 500, 300)
    found = file.take(places)
    assert found.dtype == kind
    np.testing.assert_array_equal(found, rows[places])
    np.testing.assert_array_equal(np.concatenate(list(file.pieces())), rows)
    np.testing.assert_array_equal(file.column(3), rows[:, 3])
    other = RowFile(7, "sample 's'")
    other.append(rows[::-1])
    assert file.digest() != other.digest()


def test_a_full_disk_is_named(monkeypatch):
    full = FileIO("/dev/full", "r+")
    monkeypatch.setattr(row_file, "_nameless", lambda: full)
    message = r"sample 's': .* has no room for its training events.*No space left.*TMPDIR"
    with pytest.raises(InputError, match=message):
        RowFile(2, "sample 's'").append(np.ones((10, 2)))


def test_a_folder_without_files_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(InputError, match=r"no temporary file .*No such file.*TMPDIR"):
        RowFile(3, "sample 's'")
