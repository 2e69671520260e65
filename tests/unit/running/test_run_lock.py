"""Locks of runs: those of the dead are removed, those of the living and of other machines stay."""

import json
import os
import subprocess
import sys

import pytest

from hone.running.run_lock import forget_run, note_run, release_stale_lock


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "0.output.lock").write_text("results/x")
    return tmp_path


def is_locked(folder):
    return any((folder / "locks").glob("*.lock"))


def test_the_lock_of_a_living_run_stays(folder):
    note_run(folder)
    assert release_stale_lock(folder) is None
    assert is_locked(folder)


def test_the_lock_of_a_dead_run_is_removed(folder):
    code = f"from hone.running.run_lock import note_run; note_run({str(folder)!r})"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert "is removed" in release_stale_lock(folder)
    assert not is_locked(folder)
    assert release_stale_lock(folder) is None


def test_another_process_with_the_same_number_is_not_that_run(folder):
    note_run(folder)
    (note,) = folder.glob("hone-run-*.json")
    note.write_text(json.dumps({**json.loads(note.read_text()), "started": "1"}))
    assert str(os.getpid()) in release_stale_lock(folder)
    assert not is_locked(folder)


def test_the_lock_of_another_machine_stays_and_is_explained(folder):
    note_run(folder)
    (note,) = folder.glob("hone-run-*.json")
    note.write_text(json.dumps({**json.loads(note.read_text()), "host": "elsewhere"}))
    assert "on elsewhere; if that run has ended" in release_stale_lock(folder)
    assert is_locked(folder)


def test_a_lock_that_nothing_is_known_about_stays(folder):
    note_run(folder)
    forget_run(folder)
    assert release_stale_lock(folder) is None
    assert is_locked(folder)


def test_the_lock_of_a_living_run_survives_a_dead_one(folder):
    code = f"from hone.running.run_lock import note_run; note_run({str(folder)!r})"
    subprocess.run([sys.executable, "-c", code], check=True)
    note_run(folder)
    assert release_stale_lock(folder) is None
    assert is_locked(folder)
    forget_run(folder)
    assert "is removed" in release_stale_lock(folder)


def test_notes_without_a_lock_are_forgotten(folder):
    """As after ``snakemake --unlock``: the next lock is not that run's."""
    note_run(folder)
    (note,) = folder.glob("hone-run-*.json")
    note.write_text(json.dumps({**json.loads(note.read_text()), "host": "elsewhere"}))
    (folder / "locks" / "0.output.lock").unlink()
    assert release_stale_lock(folder) is None
    assert not note.exists()
