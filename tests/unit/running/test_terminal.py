"""The line that says how far a run is, and what is said of jobs that failed."""

import io
import logging
import os
import sys
from types import SimpleNamespace

import pytest
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry
from snakemake_logger_plugin_hone.terminal import LogHandler, Progress

from hone.running.job_records import write_error
from hone.running.script import QUIET

SAYS_NOTHING_MORE = dict.fromkeys(
    ("dryrun", "verbose", "debug_dag", "printshellcmds", "show_failed_logs", "nocolor", "stdout"),
    False,
)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def handler(monkeypatch):
    """Makes a handler that writes to ``stream``."""

    def make(stream, quiet=(Quietness.REASON,), **settings):
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv(QUIET, "")
        return LogHandler(SimpleNamespace(quiet=quiet, **SAYS_NOTHING_MORE | settings), None)

    return make


def tell(handler, event=None, text="", level=logging.INFO, **fields):
    record = logging.LogRecord("snakemake", level, "", 0, text, None, None)
    vars(record).update(event=event, **fields)
    handler.handle(record)


def start(handler, job, rule="draw", log=()):
    known = {"jobid": job, "rule_name": rule, "rule_msg": f"Doing {job}", "log": log}
    tell(handler, LogEvent.JOB_INFO, **known)


def finish(handler, job, done, total):
    tell(handler, LogEvent.JOB_FINISHED, job_id=job)
    tell(handler, LogEvent.PROGRESS, done=done, total=total)


def test_the_line_tells_jobs_the_last_cls_of_a_training_and_the_time_left(tmp_path):
    """Trainings take ten times as long as drawings, by their weights or as measured."""
    log, now = tmp_path / "train.log", [0.0]
    progress = Progress(lambda: now[0])
    progress.weights = {"train_observable": 100.0, "draw": 10.0}
    progress.plan({"draw": 6, "train_observable": 2, "total": 8})
    assert str(progress) == "0/8 jobs"
    for job in range(5):
        progress.start(job, "draw", f"Drawing {job}")
        now[0] += 3.0
        progress.finish(job)
        progress.done += 1
    assert str(progress) == "5/8 jobs, about 60 s left"
    progress.start(6, "train_observable", "Training neos, seed 3", [str(log)])
    assert str(progress) == "5/8 jobs, training neos, seed 3, about 60 s left"
    log.write_text("step 100/200  CLs 4.25e-07\nstep 200/200  CLs 4.1e-07\n")
    progress.start(7, "draw", "Drawing 7")
    now[0] += 3.0
    assert str(progress).startswith("5/8 jobs, training neos, seed 3, CLs 4.1e-7, ")
    # a job that needs ten times as long does not throw the estimate up at once
    before = progress.seconds_left()
    now[0] += 30.0
    progress.finish(7)
    progress.done += 1
    now[0] += 0.5
    assert 0 < progress.seconds_left() < before + 5


def test_what_is_no_terminal_gets_a_plain_line_for_each_tenth(handler):
    stream = io.StringIO()
    brief = handler(stream)
    assert os.environ[QUIET] == "1"  # of the jobs, too
    tell(brief, text="Building DAG of jobs...")
    tell(brief, LogEvent.RUN_INFO, stats={"draw": 83, "total": 83})
    for job in range(83):
        tell(brief, text="Select jobs to execute...")
        start(brief, job)
        finish(brief, job, job + 1, 83)
    brief.close()
    lines = stream.getvalue().splitlines()
    assert [lines[0], lines[-1]] == ["9/83 jobs", "83/83 jobs"]
    assert len(lines) == 10
    assert "".join(lines).isprintable()


def test_on_a_terminal_the_line_is_rewritten_and_goes_when_results_come(handler):
    stream = Terminal()
    brief = handler(stream)
    tell(brief, LogEvent.RUN_INFO, stats={"draw": 2, "total": 2})
    start(brief, 1)
    brief._draw()
    finish(brief, 1, 1, 2)
    tell(brief, text="something strange", level=logging.WARNING)
    brief._draw()
    brief.end_of_jobs()
    assert stream.getvalue().endswith(
        "\r\x1b[K0/2 jobs, doing 1\r\x1b[Ksomething strange\n\r\x1b[K1/2 jobs\r\x1b[K"
    )
    brief.close()


def test_a_job_that_failed_is_named_once_if_it_has_not_said_why(handler, tmp_path):
    stream = io.StringIO()
    brief = handler(stream)
    tell(brief, LogEvent.RUN_INFO, stats={"draw": 3, "total": 3})
    logs = [str(tmp_path / f"{job}.log") for job in range(3)]
    for job, log in enumerate(logs):
        start(brief, job, log=[log])
        exception = {"exception": "RuleException"}
        tell(brief, LogEvent.ERROR, "CalledProcessError", logging.ERROR, **exception)
        tell(brief, LogEvent.JOB_ERROR, level=logging.ERROR, jobid=job, rule_name="draw", log=[log])
    finish(brief, 0, 1, 3)  # the second try
    write_error(
        logs[1], "rule draw: no bins", {"wildcards": [], "inputs": []}
    )  # which the run says last
    tell(brief, text="Exiting because a job execution failed.", level=logging.ERROR)
    tell(brief, text="Complete log(s): there")
    brief.close()
    assert stream.getvalue().splitlines() == [
        "1/3 jobs, doing 2",
        "Complete log(s): there",
        f"rule draw failed and could not say why (killed?); its log: {logs[2]}",
    ]


def test_a_group_that_failed_is_named_once_if_none_of_its_jobs_has_said_why(handler, tmp_path):
    """On a cluster; Snakemake names all jobs of the group, also those that ended well."""
    stream = io.StringIO()
    brief = handler(stream)
    tell(brief, LogEvent.RUN_INFO, stats={"fill": 2, "draw": 2, "total": 4})
    jobs = [
        {"jobid": k, "rule_name": rule, "log": [str(tmp_path / f"{k}.log")]}
        for k, rule in enumerate(("fill", "draw", "fill", "draw"))
    ]
    for group, aux in ((jobs[:2], []), (jobs[2:], ["slurm.log"])):
        known = {"groupid": "limits", "aux_logs": aux, "job_error_info": group}
        tell(brief, LogEvent.GROUP_ERROR, level=logging.ERROR, **known)
        for job in group:
            tell(brief, LogEvent.JOB_ERROR, level=logging.ERROR, **job)
    write_error(tmp_path / "1.log", "rule draw: no bins", {"wildcards": [], "inputs": []})
    brief.close()
    assert stream.getvalue() == (
        "one of the rules fill, draw failed and could not say why (killed?); its log: slurm.log\n"
    )


def test_who_stops_a_run_is_not_told_that_jobs_failed(handler):
    stream = io.StringIO()
    brief = handler(stream)
    tell(brief, LogEvent.RUN_INFO, stats={"draw": 1, "total": 1})
    start(brief, 0)
    tell(brief, text="Terminating processes on user request, this might take some time.")
    tell(brief, LogEvent.JOB_ERROR, level=logging.ERROR, jobid=0, rule_name="draw", log=[])
    tell(brief, text="At least one job did not complete.", level=logging.ERROR)
    brief.close()
    assert len(stream.getvalue().splitlines()) == 1


def test_without_jobs_and_with_options_snakemake_speaks(handler):
    stream = io.StringIO()
    idle = handler(stream)
    tell(idle, text="Nothing to be done")
    idle.close()
    assert stream.getvalue() == "Nothing to be done\n"
    for chosen in ({"verbose": True}, {"quiet": (Quietness.ALL,)}, {"dryrun": True}):
        stream = io.StringIO()
        plain = handler(stream, **chosen)
        assert not plain.is_brief
        assert os.environ[QUIET] == ""
        tell(plain, text="Select jobs to execute...")
        assert stream.getvalue() == ("" if "quiet" in chosen else "Select jobs to execute...\n")


def test_snakemake_finds_it():
    assert LoggerPluginRegistry().get_plugin("hone").log_handler is LogHandler
