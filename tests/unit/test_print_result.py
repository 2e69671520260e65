"""What make prints in the end is of the analysis in the config file, however that is written."""

import runpy
import sys
from pathlib import Path

import pytest

from hone.running.result_text import result_text

SCRIPT = Path(__file__).parents[2] / "workflow" / "print_result.py"


@pytest.mark.parametrize(
    "text",
    [
        "analysis : x",
        "seed: &n x\nanalysis: *n",
        '{\n\t"analysis":\n\t"x"\n}',
        "'analysis': \"x\"  # analysis: y",
        "samples:\n- analysis: y\nanalysis:\n  x",
    ],
)
def test_the_analysis_is_found(text, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "results" / "x"
    folder.mkdir(parents=True)
    (folder / "headline.txt").write_text("The limit is 0.2.\n")
    (folder / "summary.txt").write_text("table\n")
    (tmp_path / "my config.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "my config.yaml"])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert capsys.readouterr().out == "The limit is 0.2.\n\ntable\n"


def test_only_files_that_are_there_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Path("results", "x")
    (folder / "figures").mkdir(parents=True)
    for name in ("headline.txt", "summary.txt", "table.csv", "comparison.csv"):
        (folder / name).write_text(f"{name}\n")
    drawn = "figures  results/x/figures/\n"
    table = "tables   results/x/table.csv, comparison.csv\n"
    assert result_text(folder) == f"headline.txt\n\nsummary.txt\n\n{drawn}{table}"
    (folder / "figures").rmdir()
    (folder / "report.html").touch()
    report = "report   results/x/report.html\n"
    assert result_text(folder) == f"headline.txt\n\nsummary.txt\n\n{table}{report}"
