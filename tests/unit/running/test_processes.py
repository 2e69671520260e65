"""A job becomes the launcher that the profile names; `make test-slurm` runs one for real."""

import sys

import pytest

from hone.errors import InputError
from hone.running import processes


@pytest.fixture
def script(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["train.py"])
    calls = []
    monkeypatch.setattr(processes.os, "execvp", lambda *call: calls.append(call))
    return calls


@pytest.mark.parametrize(
    "tasks", [{"tasks": 4, "nodes": 2}, {"tasks_per_node": 2, "nodes": 2}, {"tasks_per_node": 4}]
)
def test_the_launcher_starts_the_script_again(script, tasks):
    processes.start_processes({"mpi": "srun --kill-on-bad-exit", **tasks})
    ((program, command),) = script
    assert program == "srun"
    assert command[:4] == ["srun", "--kill-on-bad-exit", "-n", "4"]
    assert command[4:6] == [sys.executable, "train.py"]
    sys.argv = command[5:]
    assert processes.launched()


def test_without_a_launcher_there_is_one_process(script):
    processes.start_processes({"tasks": 2})
    assert not script
    assert processes.is_first()
    processes.end_all_but_first()


def test_a_profile_that_says_too_little_is_an_error_that_names_its_setting():
    with pytest.raises(InputError, match=r"^the profile has mpi: srun, but neither tasks nor"):
        processes.start_processes({"mpi": "srun"})
    with pytest.raises(InputError, match=r"mpi: no-such -x, which cannot be started \(No such"):
        processes.start_processes({"mpi": "no-such -x", "tasks": 2})
