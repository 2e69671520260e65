"""Runs where there are results: what they plan and say, and what they do with bad files."""

import os
import re

import pytest
from conftest import SMALL, snakemake


@pytest.mark.usefixtures("run")
def test_a_run_says_what_it_did_and_a_quiet_one_nothing(clone):
    """At the end: jobs and times by rule, the result, the paths. With --quiet all only errors."""
    again = ("results/small/README.md", "--force", *SMALL)
    code, output = snakemake(clone, *again)
    assert code == 0
    end = output[output.index("Jobs of this run") :]
    assert re.search(r"^describe_results +1 ", end, re.MULTILINE)
    assert "compute_limits" not in end
    for words in ("the lowest expected limit on mu", "report   results/small/report.html"):
        assert words in end
    code, output = snakemake(clone, *again, "--quiet", "all")
    assert code == 0
    # Snakemake's own, before it looks at its options
    profile = "Using workflow specific profile profiles/default for setting default command line"
    assert [line for line in output.splitlines() if not line.startswith(profile)] == []


@pytest.mark.usefixtures("run")
def test_a_second_run_has_nothing_to_do_and_the_recorded_config_is_the_same_analysis(clone):
    code, output = snakemake(clone, "--dry-run", "--configfile", "results/small/config.yaml")
    assert code == 0
    assert "Nothing to be done" in output


def test_what_is_deleted_is_made_again(run, clone):
    """A file that others were made of counts as well, though these are there."""
    gone = [
        run / path
        for path in (
            "signal/neos/seed1/limits.json", "signal/600/seed1/systematics.csv",
            "signal/floor.json", "signal/neos/importance.json",
            "figures/signal/600/templates.pdf",
        )
    ]  # fmt: skip
    plans = {}
    try:
        for path in gone:
            path.rename(path.with_suffix(".kept"))
        for target in ("all", "limits"):
            code, plans[target] = snakemake(clone, target, *SMALL, "--dry-run")
            assert code == 0
    finally:
        for path in gone:
            path.with_suffix(".kept").rename(path)
    rules = {t: set(re.findall(r"^(\w+) +\d+$", plan, re.MULTILINE)) for t, plan in plans.items()}
    assert {
        "compute_limits", "build_workspace", "compute_floor", "rank_features", "plot_histograms",
    } <= rules["all"]  # fmt: skip
    assert "Training " not in plans["all"]
    # the result without all that draws
    assert rules["limits"] == {
        "compute_limits", "compute_floor", "compare_observables", "limits", "total",
    }  # fmt: skip


@pytest.mark.usefixtures("run")
def test_another_caption_is_written_into_report_and_readme(clone):
    path = clone / "workflow" / "report" / "impacts.rst"
    text = path.read_text()
    try:
        path.write_text(text + "\nAnd that is that.\n")
        code, output = snakemake(clone, *SMALL, "--dry-run")
    finally:
        path.write_text(text)
    assert code == 0
    planned = set(re.findall(r"^(\w+) +\d+$", output, re.MULTILINE))
    assert planned == {"make_report", "describe_results", "all", "total"}


@pytest.mark.usefixtures("run")
def test_an_own_objective_is_part_of_what_a_result_depends_on(clone):
    """Another function in what it imports: its observable, and no other, is trained again."""
    path = clone / "config" / "helper.py"
    text = path.read_text()
    try:
        path.write_text(text.replace("inverse_z_a", "z_a"))
        code, output = snakemake(clone, *SMALL, "--dry-run")
    finally:
        path.write_text(text)
    assert code == 0
    trained = re.findall(r"Training (\S+) for signal, (\w+ \d)", output)
    assert sorted(trained) == [("600", "seed 1"), ("600", "trial 1"), ("600", "trial 2")]


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        (
            # Snakemake itself would leave the number as text
            ("--config", "obervables=1", "limits={level: 2}", "seed=2"),
            [
                "unknown setting 'obervables'; did you mean 'observables'?",
                "- limits.level: 2 must be below 1",
            ],
        ),
        (
            ("--configfile", "config/config.yaml", "config/small.yaml"),
            ["--configfile: 2 files are given, but a file describes a whole analysis; give one"],
        ),
        (
            ("--configfile=config/small.yaml", "nobody"),
            ["No rule to produce nobody"],
        ),
    ],
)
def test_bad_settings_stop_before_any_job(clone, arguments, messages):
    code, output = snakemake(clone, *arguments)
    assert code != 0
    for message in messages:
        assert message in output
    if "--config" in arguments:
        assert "config/config.yaml cannot be used:" in output
        assert "common.smk" not in output
    assert not (clone / "results" / "blobs").exists()


@pytest.mark.parametrize(
    ("broken", "edit", "target", "gone", "message"),
    [
        (
            "events/evaluation/signal.root",
            lambda content: content[:2000],
            "signal/neos/seed1/histograms.root",
            "inputs/signal.json",
            "events/evaluation/signal.root cannot be read",
        ),
        (
            "signal/neos/seed1/workspace.json",
            lambda content: content.replace(b"normfactor", b"normfaktor"),
            "signal/neos/seed1/limits.json",
            "signal/neos/seed1/limits.json",
            "signal/neos/seed1/workspace.json: not a valid pyhf workspace",
        ),
        (
            "signal/neos/seed1/workspace.json",
            lambda content: re.sub(rb'("data": \[\s*)', rb"\g<1>1", content, count=1),
            "signal/neos/seed1/limits.json",
            "signal/neos/seed1/limits.json",
            "workspace.json is not what results/small/signal/neos/seed1/histograms.root gives",
        ),
    ],
)
def test_broken_files_are_named_and_leave_nothing(run, clone, broken, edit, target, gone, message):
    victim, result = run / broken, run / gone
    kept = {path: (path.read_bytes(), path.stat()) for path in (victim, result)}
    good = kept[victim][0]
    try:
        victim.write_bytes(edit(good))
        made = str((run / target).relative_to(clone))
        code, output = snakemake(clone, made, *SMALL, "--logger", "hone")
        assert code != 0
        # the one sentence that says it is the last, after the place of the log
        assert output.count(message) == 1
        assert message in output.splitlines()[-1]
        assert len(output.splitlines()) <= 4
        assert not result.exists()
        assert not list(result.parent.glob("*.partial*"))
    finally:
        for path, (content, times) in kept.items():
            path.write_bytes(content)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
