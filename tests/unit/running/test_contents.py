"""Whether a file changed is a matter of its contents: times, places and inodes do not count."""

import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from hone.errors import InputError
from hone.events.load import read_surveys
from hone.running import contents as module
from hone.running.contents import contents, look_at, planned, refuse_changed
from hone.running.files import write_json

MB = 1024 * 1024


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "events.root"
    path.write_bytes(np.random.default_rng(1).bytes(3 * MB // 2))
    return path


@pytest.fixture
def memory(tmp_path):
    return tmp_path / "memory.json"


def flipped(path, place):
    """Change a byte, and nothing of what `ls` shows."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)
        file.seek(place)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("size", [1, 256 * 1024, 3 * MB // 2, 16 * MB - 1, 16 * MB])
def test_up_to_16_mb_every_byte_counts(tmp_path, size):
    path = tmp_path / "a"
    path.write_bytes(b"\0" * size)
    seen = {contents(path)}
    places = {0, size // 3, size // 2, size - 1}
    for place in places:
        flipped(path, place)
        seen.add(contents(path))
    assert len(seen) == len(places) + 1


def test_of_larger_files_size_ends_and_blocks_between_count(tmp_path):
    path = tmp_path / "a"
    size = 50 * MB
    with path.open("wb") as file:
        file.truncate(size)
    seen = [contents(path)]
    # somewhere in each 64th part there is a block
    for place in [0, size - 1, 256 * 1024 - 1, size - 256 * 1024, (size - 256 * 1024) * 10 // 63]:
        flipped(path, place)
        seen.append(contents(path))
    with path.open("ab") as file:
        file.write(b"\0")
    seen.append(contents(path))
    assert len(set(seen)) == len(seen)


def test_a_copy_and_a_touched_file_are_the_same(file, memory):
    before = look_at([str(file)], memory)
    os.utime(file, (1e9, 1e9))
    assert look_at([str(file)], memory) == before
    copy = shutil.copy(file, file.with_name("copy"))
    os.replace(copy, file)
    assert look_at([str(file)], memory) == before


def test_an_older_file_of_the_same_size_is_noticed(file, memory, monkeypatch):
    """As ``cp -p``, ``rsync -a`` and ``tar x`` leave it."""
    monkeypatch.setattr(module, "_COARSEST", -1.0)
    before = look_at([str(file)], memory)
    time.sleep(0.05)
    flipped(file, 1000)
    assert look_at([str(file)], memory) != before


def test_exchanged_files_are_noticed(file, memory, tmp_path):
    other = tmp_path / "other.root"
    shutil.copy2(file, other)
    flipped(other, 5)
    before = look_at([str(file), str(other)], memory)
    file.rename(tmp_path / "between")
    other.rename(file)
    (tmp_path / "between").rename(other)
    after = look_at([str(file), str(other)], memory)
    assert list(after.values()) == list(before.values())[::-1] != list(before.values())


def test_files_that_are_known_are_not_read_again(file, memory, monkeypatch):
    monkeypatch.setattr(module, "_COARSEST", -1.0)
    before = look_at([str(file)], memory)
    monkeypatch.setattr(module, "contents", lambda path: pytest.fail(f"{path} was read"))
    assert look_at([str(file)], memory) == before
    refuse_changed(before, "before", memory)


def test_the_times_of_a_new_file_are_not_trusted(file, memory):
    """It may be written again within the time that the file system can tell apart."""
    look_at([str(file)], memory)
    (entry,) = json.loads(memory.read_text()).values()
    assert entry["stamp"] is None


def test_jobs_go_by_what_was_planned(file, memory):
    before = look_at([str(file)], memory)
    plan = file.with_name("plan.json")
    write_json(plan, before)
    flipped(file, 7)
    # another plan meanwhile
    look_at([str(file)], memory)
    assert planned([str(file)], plan) == before
    with pytest.raises(InputError, match=r"events.root has other contents than at the plan"):
        refuse_changed(before, "at the plan", memory)
    flipped(file, 7)
    refuse_changed(before, "at the plan", memory)


def test_a_file_that_nothing_is_known_about_is_read(file, memory):
    assert planned([str(file)], memory) == {str(file): contents(file)}  # there is no plan
    memory.write_text("{")
    assert look_at([str(file)], memory) == {str(file): contents(file)}


def test_what_cannot_be_read_is_named(tmp_path, memory):
    for path in (tmp_path / "gone.root", tmp_path):
        with pytest.raises(InputError, match=f"{path} cannot be read"):
            look_at([str(path)], memory)
        with pytest.raises(InputError, match=f"{path} cannot be read"):
            refuse_changed({str(path): "0"}, "before", memory)


def test_what_a_job_reads_is_what_the_survey_saw(file, tmp_path):
    survey = tmp_path / "background.json"
    entry = {"path": str(file), "events": 3, "contents": contents(file)}
    survey.write_text(json.dumps({"files": [entry]}))
    assert read_surveys([survey])["background"]["files"] == [entry]
    flipped(file, 100)
    with pytest.raises(InputError, match=r"events.root has other contents than when .*background"):
        read_surveys([survey])


JOB = '''
import signal
import sys
from types import SimpleNamespace
from pathlib import Path
from hone.running.files import replacing
from hone.running.script import job

class Wildcards(dict):
    """Of Snakemake: their values are what it iterates over."""

    def __iter__(self):
        return iter(self.values())

path, flip = Path(sys.argv[1]), sys.argv[3]
made_by = {"code": "", "versions": {}}
params = {"contents": {str(path): sys.argv[2]}, "made_by": made_by}
snakemake = SimpleNamespace(
    threads=1, log=["job.log"], rule="read", output=["results/a/out.json"], params=params,
    wildcards=Wildcards(signal="zp500", observable="neos"), input=[],
)
with job(snakemake):
    print("reads")
    if flip == "while":
        path.write_bytes(b"other")
    if flip == "stopped":
        with replacing("out.json") as partial:
            partial.write_text("half")
            signal.raise_signal(signal.SIGINT)
'''


def run_job(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-c", JOB, *arguments],
        cwd=folder, text=True, capture_output=True, check=False,
        env={**os.environ, "PYTHONPATH": str(module.__file__).rpartition("/hone/")[0]},
    )  # fmt: skip


def test_a_job_that_is_stopped_by_ctrl_c_leaves_nothing_and_says_nothing(file, tmp_path):
    done = run_job(tmp_path, str(file), contents(file), "stopped")
    assert (done.returncode, done.stdout, done.stderr) == (130, "reads\n", "")
    assert {path.name for path in tmp_path.iterdir()} == {file.name, "job.log"}


@pytest.mark.parametrize("when", ["never", "before", "while"])
def test_a_job_refuses_files_that_change_after_the_plan(file, tmp_path, when):
    digest = contents(file)
    if when == "before":
        flipped(file, 9)
    done = run_job(tmp_path, str(file), digest, when)
    assert ("reads" in done.stdout) == (when != "before"), done.stderr
    assert (done.returncode == 0) == (when == "never")
    if when != "never":
        assert "rule read (zp500, neos): " in done.stderr
        assert "events.root has other contents than when this run was planned" in done.stderr
        assert "Traceback" not in done.stderr
    # only what a good job made has a record
    assert (tmp_path / "job.json").exists() == (when == "never")
    assert (tmp_path / "job.error").exists() == (when != "never")
