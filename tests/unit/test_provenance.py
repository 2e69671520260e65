"""What a rule depends on is found from the imports; comments do not count."""

import shutil
from pathlib import Path

import pytest

from hone import provenance

ROOT = Path(__file__).parents[2]


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A copy of the library in which files can be edited."""
    shutil.copytree(
        ROOT / "workflow", tmp_path / "workflow", ignore=shutil.ignore_patterns("__pycache__")
    )
    monkeypatch.setattr(provenance, "_LIBRARY", tmp_path / "workflow" / "hone")
    return tmp_path / "workflow"


def digests(library):
    provenance.code_digest.cache_clear()
    provenance._read.cache_clear()
    return {p.stem: provenance.code_digest(p) for p in (library / "scripts").glob("*.py")}


def changed(library, path, old, new):
    before = digests(library)
    file = library / path
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    after = digests(library)
    return {name for name in before if before[name] != after[name]}


def test_editing_a_figure_redraws_only(library):
    found = changed(library, "hone/figures/histograms.py", "30 * max", "31 * max")
    assert found == {"plot_histograms"}


def test_editing_the_fit_retrains_and_refits(library):
    found = changed(
        library, "hone/infer/minimum.py", "_MAX_ITERATIONS = 400", "_MAX_ITERATIONS = 401"
    )
    assert {"train_observable", "optimise_edges", "compute_limits", "compute_floor"} <= found
    assert not {"simulate_events", "fill_histograms", "plot_training"} & found


def test_editing_the_generator_regenerates(library):
    found = changed(library, "hone/events/generate.py", '"observation"', '"observed"')
    assert {"simulate_events", "simulate_observation"} <= found
    assert not {"plot_comparison", "compare_observables"} & found


def test_comments_and_docstrings_change_nothing(library):
    assert (
        changed(library, "hone/infer/minimum.py", '"""The minimum of', '"""A minimum of') == set()
    )
    assert (
        changed(library, "hone/training/step.py", "# The batch depends", "# A batch depends")
        == set()
    )


def test_a_script_counts_itself(library):
    found = changed(library, "scripts/select_seed.py", "min(objectives", "max(objectives")
    assert found == {"select_seed"}
