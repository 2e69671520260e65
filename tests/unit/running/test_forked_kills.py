"""Kills of a run, its server and its jobs: none of these is left behind."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from waiting import wait_for

LIBRARY = Path(__file__).parents[3] / "workflow"
RUN = """
import os, sys
from pathlib import Path
from hone.running.forked_jobs import ForkServer
popen = ForkServer().popen
options = {"shell": True, "executable": "/bin/bash", "env": dict(os.environ)}
for script in sys.argv[1:]:
    job = popen(f"set -euo pipefail;  {sys.executable} {script}", **options)
    print(job.wait(), type(job).__name__, flush=True)
"""
JOB = """
import os, time
import slow
from pathlib import Path
from hone.running.script import _end_with_the_run
if not os.fork():
    # A child that outlives the job.
    os.closerange(0, 3)
    while not Path("over").exists():
        time.sleep(0.01)
    os._exit(0)
_end_with_the_run()
Path("began").write_text(str(os.getpid()))
time.sleep(600)
"""


@pytest.fixture
def alone(tmp_path):
    """A run of one long job and one short one, in a group of its own."""
    scripts = tmp_path / ".snakemake" / "scripts"
    scripts.mkdir(parents=True)
    (tmp_path / "slow.py").write_text(
        "import time\nfrom pathlib import Path\nPath('importing').touch()\ntime.sleep(0.5)\n"
    )
    (scripts / "a.long.py").write_text(JOB)
    (scripts / "b.short.py").write_text("")
    paths = [f".snakemake/scripts/{name}.py" for name in ("a.long", "b.short")]
    path = f"{LIBRARY}{os.pathsep}{tmp_path}"
    with subprocess.Popen(
        [sys.executable, "-c", RUN, *paths], cwd=tmp_path, env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as run:  # fmt: skip
        try:
            yield run
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)


def in_group(run):
    """Processes of a run that are still there."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getsid(process.pid) == run.pid and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


@pytest.mark.parametrize(
    ("victim", "moment"),
    [
        *((victim, "began") for victim in ("run", "server", "job", "all, by Ctrl-C", "all")),
        ("run of a busy server", "began"),
        *((victim, "importing") for victim in ("run", "server", "all, by Ctrl-C", "all")),
    ],
)
def test_a_kill_leaves_no_job_and_no_server(victim, moment, alone, tmp_path):
    wait_for((tmp_path / moment).exists)
    (server,) = psutil.Process(alone.pid).children()
    if victim == "run":
        alone.kill()
    elif victim == "server":
        server.kill()
    elif victim == "job":
        psutil.Process(int(wait_for((tmp_path / "began").read_text))).kill()
    elif victim == "run of a busy server":
        job = psutil.Process(int(wait_for((tmp_path / "began").read_text)))
        server.suspend()
        alone.kill()
        wait_for(lambda: job.status() == psutil.STATUS_ZOMBIE)
        server.kill()
    else:
        os.killpg(alone.pid, signal.SIGINT if "Ctrl-C" in victim else signal.SIGTERM)
    if (victim, moment) == ("server", "importing"):
        # Started without it: the job is there, and ends with the run.
        wait_for((tmp_path / "began").exists)
        alone.kill()
    said, _ = alone.communicate(timeout=60)
    (tmp_path / "over").touch()
    wait_for(lambda: not in_group(alone))
    ends = [line.split() for line in said.splitlines()]
    if victim == "job":
        assert ends == [["-9", "ForkedJob"], ["0", "ForkedJob"]]
    elif (victim, moment) == ("server", "began"):
        assert ends == [["-9", "ForkedJob"], ["0", "Popen"]]
    if moment == "importing" and victim != "server":
        assert not (tmp_path / "began").exists()
