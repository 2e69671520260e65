"""What is used of Snakemake beyond its interface is there, and does what it is used for."""

import gc
import os
from types import SimpleNamespace

import pytest
import snakemake.sourcecache
from snakemake.api import Workflow
from snakemake.persistence.file import FilePersistence
from snakemake.scheduling.job_scheduler import JobScheduler
from snakemake.sourcecache import LocalSourceFile

from hone.running import around_runs
from hone.running.around_runs import Run, plan_faster


def test_a_file_of_a_killed_job_is_incomplete(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    persistence = FilePersistence()
    assert not persistence._filter_incomplete_keys(["made.txt"])
    persistence._mark_incomplete("made.txt", None)
    assert set(persistence._filter_incomplete_keys(["made.txt"])) == {"made.txt"}


def test_addresses_of_scripts_are_parsed_once(monkeypatch):
    parse, parsed = snakemake.sourcecache.parse_uri, []

    def counted(uri):
        parsed.append(uri)
        return parse(uri)

    monkeypatch.setattr(snakemake.sourcecache, "parse_uri", counted)
    before = gc.get_threshold()
    try:
        plan_faster()
    finally:
        gc.set_threshold(*before)
    for _ in range(3):
        LocalSourceFile("scripts/a.py").get_cache_path()
    assert len(parsed) == 1


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ((), ""),
        (("limits", "results/made.txt", "there.txt"), ""),
        (
            ("limts", "limits"),
            "limts: no rule has this name or makes this file (did you mean limits?). Targets are "
            "all, limits, and",
        ),
        (("fit",), "fit: no rule has this name or makes this file. Targets are all, limits, and"),
    ],
)
def test_what_can_be_asked_for_is_said(targets, said, tmp_path, monkeypatch):
    """Snakemake says no more than that there is no rule."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.txt").touch()
    rules = [
        SimpleNamespace(name=name, output=output, is_producer=output.__contains__)
        for name, output in (("limits", []), ("all", []), ("make", ["results/made.txt"]))
    ]
    workflow = SimpleNamespace(
        output_settings=SimpleNamespace(quiet=()), rules=rules, is_main_process=True,
        dag_settings=SimpleNamespace(targets=frozenset(targets)),
    )  # fmt: skip
    words = Run(workflow, "results/tiny").last_words()
    assert words.strip().startswith(said) if said else not words


@pytest.mark.parametrize("brief", [True, False])
def test_the_first_look_is_shown_on_a_terminal(brief, tmp_path, monkeypatch, capsys):
    """There its job writes into Snakemake's log alone; elsewhere it has printed the table."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inputs").mkdir()
    (tmp_path / "inputs/yields.txt").write_text("signal 20\n")
    handler = SimpleNamespace(is_brief=brief, end_of_jobs=lambda: None)
    workflow = SimpleNamespace(
        output_settings=SimpleNamespace(quiet=()), logger_manager=SimpleNamespace(
            get_log_handlers=lambda: [handler]
        ), dag_settings=SimpleNamespace(targets=frozenset(["check_inputs"])),
    )  # fmt: skip
    Run(workflow, tmp_path).end(well=True)
    assert ("signal 20" in capsys.readouterr().out) == brief
    # how to have the report, where limits were asked for alone
    monkeypatch.delenv("MAKELEVEL", raising=False)
    for target, there in (("limits", False), ("all", False), ("limits", True)):
        workflow.dag_settings.targets = frozenset([target])
        if there:
            (tmp_path / "report.html").touch()
        Run(workflow, tmp_path).end(well=True)
        told = "report.html come with the same command without `limits`" in capsys.readouterr().out
        assert told == (target == "limits" and not there)


@pytest.mark.parametrize("local", [True, False])
def test_a_local_run_does_not_limit_the_rate_of_its_jobs(tmp_path, monkeypatch, local):
    """What is set is what Snakemake asks for."""
    assert "job_rate_limiter" in JobScheduler.schedule.__code__.co_names
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    scheduler = SimpleNamespace(job_rate_limiter="100 in a second")
    workflow = SimpleNamespace(
        output_settings=SimpleNamespace(quiet=()), local_exec=local, scheduler=scheduler,
        logger_manager=SimpleNamespace(get_log_handlers=list),
    )  # fmt: skip
    run = Run(workflow, "results/tiny")
    monkeypatch.setattr(run, "left_behind", lambda: "")
    run.begin(tmp_path / "plan.json", {})
    assert (scheduler.job_rate_limiter is None) == local


@pytest.mark.parametrize(
    ("differs", "ahead"),
    [
        ({}, True),
        ({"local_exec": False}, False),
        ({"dryrun": True}, False),
        ({"touch": True}, False),
        ({"executor_plugin": None}, False),
        ("made", False),
    ],
)
def test_only_a_first_run_imports_ahead(tmp_path, monkeypatch, differs, ahead):
    """Others may have nothing to do; what only lists rules never says what it plans for."""
    assert "executor_plugin" in vars(Workflow)
    started = []
    monkeypatch.setattr(around_runs, "ForkServer", started.append)
    monkeypatch.setattr(around_runs.time, "sleep", lambda _: None)
    first = {"executor_plugin": "local", "local_exec": True, "dryrun": False, "touch": False}
    if differs == "made":
        (tmp_path / "config.yaml").touch()
    else:
        first |= differs
    run = Run(SimpleNamespace(output_settings=SimpleNamespace(quiet=()), **first), tmp_path)
    run.import_ahead("a.py", "b.py")
    if run._ahead:
        run._ahead.join()
    assert started == [("a.py", "b.py")] * ahead


def test_a_server_that_cannot_start_ahead_is_left_to_the_first_job(tmp_path, monkeypatch):
    monkeypatch.setattr(around_runs, "ForkServer", lambda _: (tmp_path / "no").stat())
    first = {"executor_plugin": "local", "local_exec": True, "dryrun": False, "touch": False}
    run = Run(SimpleNamespace(output_settings=SimpleNamespace(quiet=()), **first), tmp_path)
    run.import_ahead("a.py")
    run._ahead.join()
    assert run._forks is None
