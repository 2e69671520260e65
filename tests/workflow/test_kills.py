"""Runs that are killed, starved or refused: the next plain run resumes and gives the same numbers.

With ``HYPOTHESIS_PROFILE=nightly`` twenty kills, two in each rule; three otherwise.
"""

import contextlib
import csv
import os
import random
import shutil
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import tiny
from conftest import command, environment

LONGEST = 600
# In the order in which they run.
RULES = [
    "simulate_events", "simulate_observation", "survey_events", "check_inputs", "train_observable",
    "select_seed", "fill_histograms", "build_workspace", "compute_limits", "plot_training",
]  # fmt: skip
NAMES = [rule[:15] for rule in RULES]  # as the kernel keeps them
KILLS = [
    ("train_observable", "job"), ("fill_histograms", "run"), ("compute_limits", "job"),
]  # fmt: skip
if os.environ.get("HYPOTHESIS_PROFILE") == "nightly":
    KILLS = [(rule, victim) for rule in RULES for victim in ("run", "job")]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Contents of a run, and CPU seconds of the shortest job of each rule."""
    folder = tiny.made(tmp_path_factory)
    shortest = {}
    times = folder / "results" / "tiny" / "benchmarks"
    for path in times.rglob("*.tsv"):
        rule = path.relative_to(times).with_suffix("").parts[0]
        with path.open(newline="") as file:
            took = next(csv.DictReader(file, delimiter="\t"))["cpu_time"]
        took = 0.0 if took == "NA" else float(took)
        shortest[rule] = min(took, shortest.get(rule, took))
    return tiny.contents(folder), shortest


@contextlib.contextmanager
def begin(folder, *arguments, cores=2):
    """A run that goes on beside the test, and not after it."""
    config = ("--configfile", "config/tiny.yaml")
    with subprocess.Popen(
        command(*tiny.EVERYTHING, *arguments, *config, cores=cores), cwd=folder, env=environment(),
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as run:  # fmt: skip
        try:
            yield run
        finally:
            run.kill()


def jobs_of(run, rule=""):
    """Processes forked to be jobs (of a rule), which have the names of their scripts.

    There is none if Snakemake starts jobs in a way that `hone.running.forked_jobs` does not know.
    """
    found = []
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(run.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error, OSError):
                forked = "hone.running.fork_server" in process.cmdline()
                name = Path("/proc", str(process.pid), "comm").read_text().strip()
                if forked and name in ([rule[:15]] if rule else NAMES):
                    found.append(process)
    return found


def runs(process):
    """Whether it has not ended; one that has may wait for the system to forget it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def kill(process):
    with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
        process.kill()


def nothing_partial(folder):
    """Every file that is there is whole: what is half-written has another name."""
    good = [p for p in folder.glob("results/tiny/**/*") if ".partial" not in p.name]
    return all(p.stat().st_size > 0 for p in good if p.is_file() and p.suffix != ".log")


def seconds_of(job):
    """CPU seconds that a job has used, whatever else runs on this machine."""
    with contextlib.suppress(psutil.Error):
        times = job.cpu_times()
        return times.user + times.system
    return float("inf")


def kill_in(run, rule, victim, chance, shortest):
    """Kill the run, or a job of a rule, while such a job runs; whether it was in time."""
    while not (jobs := jobs_of(run, rule)):
        if run.poll() is not None:
            return False
        time.sleep(0.02)
    moment = chance.uniform(0.0, shortest[rule])
    while seconds_of(jobs[0]) < moment:
        time.sleep(0.02)
    jobs = jobs_of(run, rule)
    if jobs:
        kill(chance.choice(jobs) if victim == "job" else run)
    return bool(jobs)


def test_killed_runs_go_on(tmp_path, undisturbed, monkeypatch):
    """To the same contents, on another number of cores, in another place.

    With programs where they are by default, in .snakemake, which a kill may leave half written.
    """
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    expected, shortest = undisturbed
    folder = tiny.copy_workflow(tmp_path / "hone")
    chance = random.Random(5)
    said, left = [], [*KILLS]
    for _ in range(3 * len(KILLS)):
        if not left:
            break
        rule, victim = left[0]
        with begin(folder, "--forcerun", rule, cores=1) as run:
            if kill_in(run, rule, victim, chance, shortest):
                left.pop(0)
            else:
                # Too late for a job that needed less than the one before: once more.
                shortest[rule] /= 2
            said.append(run.communicate(timeout=LONGEST)[0])
        assert nothing_partial(folder)
        for path, content in tiny.contents(folder).items():
            if path in expected and not path.startswith("results/tiny/logs"):
                assert content == expected[path]
    assert not left, "not every rule had a job to be killed in"
    code, output = tiny.run(folder, targets=tiny.EVERYTHING, cores=1)
    assert code == 0, output[-4000:]
    assert tiny.contents(folder) == expected
    if any("Resuming after a killed run" in text for text in [*said, output]):
        assert not list((folder / ".snakemake" / "locks").glob("*.lock"))


def test_the_lock_of_a_killed_run_is_nobodys(tmp_path):
    folder = tiny.copy_workflow(tmp_path / "hone")
    with begin(folder) as run:
        while not jobs_of(run):
            assert run.poll() is None, "ended without a job"
            time.sleep(0.1)
        # while it runs the lock is its own
        code, output = tiny.run(folder)
        assert code != 0
        assert "cannot be locked" in output
        jobs = jobs_of(run)
        run.kill()
        run.communicate(timeout=LONGEST)
    time.sleep(2)
    assert not [job for job in jobs if runs(job)], "jobs went on without a run"
    code, output = tiny.run(folder, targets=["results/tiny/config.yaml"])
    assert code == 0, output[-3000:]
    assert "Resuming after a killed run" in output


@pytest.mark.parametrize(
    ("limit", "first", "sign"),
    [
        pytest.param(
            "--fsize=30000", ["results/tiny/events/training/signal.root"],
            "File too large", id="disk full",
        ),
        pytest.param(
            "--as=1000000000", [f"{tiny.SEED}/histograms.root"],
            "Error in rule fill_histograms", id="memory",
        ),
    ],
)  # fmt: skip
def test_a_job_that_starves_leaves_nothing_and_the_next_run_goes_on(
    tmp_path_factory, tmp_path, limit, first, sign
):
    folder = shutil.copytree(tiny.made(tmp_path_factory), tmp_path / "hone")
    (folder / first[0]).unlink()
    code, output = tiny.run(folder, targets=first, within=("prlimit", limit))
    assert code != 0
    assert sign in output
    assert not (folder / first[0]).exists()
    assert not list(folder.glob("results/**/*.partial*"))
    code, output = tiny.run(folder, targets=first)
    assert code == 0, output[-3000:]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    folder = tiny.copy_workflow(tmp_path / "hone")
    (folder / "results").mkdir()
    inner = " ".join(command("results/tiny/config.yaml", "--configfile", "config/tiny.yaml"))
    mounted = ["unshare", "--mount", "sh", "-c", f"mount -t tmpfs -o ro none results && {inner}"]
    if subprocess.run(
        [*mounted[:-1], "mount -t tmpfs -o ro none results"], cwd=folder, check=False
    ).returncode:
        pytest.skip("only root may mount a file system")
    done = subprocess.run(
        mounted, cwd=folder, env=environment(), text=True, capture_output=True, check=False
    )
    assert done.returncode != 0
    assert "results cannot be written to" in done.stdout + done.stderr.replace(
        "results/tiny", "results"
    )
