"""Snakemake makes the report by its command line: the options are there, and failures are named."""

import sys
from types import SimpleNamespace

import pytest
from snakemake.cli import get_argument_parser

from hone.errors import HoneError
from hone.running.nested_report import report_options, texts_digest, written_report


def test_snakemake_knows_the_options():
    options = ["--nolock", "--snakefile", "S", "--configfile", "c", "--config", "seed=2"]
    options += ["--report", "r.html", "--report-stylesheet", "s.css", "--", "results"]
    known = get_argument_parser().parse_args(options)
    assert str(known.report) == "r.html"
    assert str(known.report_stylesheet) == "s.css"
    assert known.targets == ["results"]


@pytest.mark.parametrize(
    ("is_main", "options"),
    [(True, ["--configfile", "results/a/config.yaml"]), (False, ["--config", "seed=2"])],
)
def test_the_report_is_of_the_config_of_the_run(is_main, options):
    workflow = SimpleNamespace(
        modifier=SimpleNamespace(is_main_snakefile=lambda: is_main),
        config_settings=SimpleNamespace(config_args=["seed=2"]),
    )
    assert report_options(workflow, "results/a") == options


def test_a_failure_is_named_with_the_last_line_and_logged(tmp_path, monkeypatch):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho first >&2\necho last >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    log = tmp_path / "log"
    arguments = "r.html", "Snakefile", [], "s.css", log
    with pytest.raises(HoneError, match=r"\(last\); see .*log"), written_report(*arguments):
        pass
    assert log.read_text() == "first\nlast\n"
    python.write_text("#!/bin/sh\nexec sleep 100\n")
    with pytest.raises(ZeroDivisionError), written_report(*arguments):
        1 / 0  # noqa: B018


def test_captions_and_style_count(tmp_path):
    (tmp_path / "report").mkdir()
    seen = set()
    for name in ("a.rst", "report.css", "docutils.conf"):
        (tmp_path / "report" / name).write_text("text")
        seen.add(texts_digest(tmp_path))
    assert len(seen) == 2
