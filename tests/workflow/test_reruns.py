"""What runs again after an edit, in another clone, with other cores; nothing is silently stale."""

import re
import shutil

import pytest
import tiny

DRAWING = {"plot_training"}
FIT = {"build_workspace", "compute_limits"}
LATER = {"fill_histograms", *FIT}
TRAINING = {"train_observable", "select_seed", *LATER, *DRAWING}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tiny.copy_workflow(tmp_path_factory.mktemp("reruns") / "hone")
    code, output = tiny.run(folder)
    assert code == 0, output[-4000:]
    return folder


def planned(folder):
    """Rules that a run would start."""
    code, output = tiny.run(folder, "--dry-run")
    assert code == 0, output
    table = re.search(r"Job stats:\n.*?\n-+.*?\n(.*?)\ntotal", output, re.DOTALL)
    rules = {line.split()[0] for line in table.group(1).splitlines()} if table else set()
    assert rules or "Nothing to be done" in output
    return rules


EDITS = {
    "how the training is drawn": (
        "workflow/hone/figures/training.py", 'marker="."', 'marker="o"', DRAWING,
    ),
    "the style of all figures": (
        "workflow/hone/figures/style.py", "dpi=150", "dpi=160", DRAWING,
    ),
    "the fit": (
        "workflow/hone/infer/minimum.py", "_MAX_ITERATIONS = 400", "_MAX_ITERATIONS = 401",
        TRAINING,
    ),
    "the certificate of the limits": (
        "workflow/hone/certify.py", "TOLERANCE = 1e-3", "TOLERANCE = 1e-4", {"compute_limits"},
    ),
    "a package's submodule, imported inside a function": (
        "workflow/hone/postprocessing.py", "_FEWEST_BINS = 3", "_FEWEST_BINS = 4", FIT,
    ),
    "the network": (
        "workflow/hone/observable/network.py", "jax.nn.relu", "jax.nn.elu", TRAINING,
    ),
    "the first look at inputs": (
        "workflow/hone/inputs/survey.py", '"largest": float(', '"largest": 1 * float(',
        {"survey_events", *TRAINING},
    ),
    "a script": (
        "workflow/scripts/select_seed.py", "min(objectives", "max(objectives",
        {"select_seed"},
    ),
    "a comment of the training": (
        "workflow/hone/training/step.py", "# The batch depends", "# A batch depends", set(),
    ),
    "a docstring of the fit": (
        "workflow/hone/infer/minimum.py", '"""The minimum of', '"""A minimum of', set(),
    ),
    "the README": ("README.md", "# hone", "# Hone", set()),
    "the batch": ("config/tiny.yaml", "batch: 500", "batch: 400", TRAINING),
    "the level of the limits": (
        "config/tiny.yaml", "seed: 1", "seed: 1\nlimits: {level: 0.1}", TRAINING,
    ),
    "pruning": (
        "config/tiny.yaml", "seed: 1", "seed: 1\nworkspace: {pruning: 0.01}", FIT,
    ),
    "an uncertainty": ("config/tiny.yaml", "up: 1.1", "up: 1.2", TRAINING),
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_runs_again_what_it_can_change(made, edit):
    name, old, new, expected = EDITS[edit]
    path = made / name
    before = path.read_text()
    assert old in before
    try:
        path.write_text(before.replace(old, new, 1))
        assert planned(made) == expected
    finally:
        path.write_text(before)


def test_nothing_runs_again_in_a_younger_clone_with_the_records(made, tmp_path):
    other = tiny.copy_workflow(tmp_path / "other")
    for path in (p for p in other.rglob("*") if p.is_file()):
        path.touch()
    for part in ("results", ".snakemake"):
        shutil.copytree(made / part, other / part)
    assert planned(other) == set()


@pytest.fixture
def without_records(made, tmp_path):
    """Another clone with the results, without what Snakemake knows about them."""
    other = tiny.copy_workflow(tmp_path / "other")
    shutil.copytree(made / "results", other / "results")
    return other


def test_equal_results_without_records_are_taken(without_records):
    assert planned(without_records) == set()


@pytest.mark.parametrize(
    ("path", "old", "new", "message"),
    [
        ("config/tiny.yaml", "batch: 500", "batch: 400", "other settings in train_observable"),
        (
            "workflow/hone/certify.py", "TOLERANCE = 1e-3", "TOLERANCE = 1e-4",
            "other code in compute_limits",
        ),
        (
            "workflow/hone/provenance.py", 'found = {"python": platform.python_version()}',
            'found = {"python": "2.7.18"}', "other versions (python 3.",
        ),
    ],
)  # fmt: skip
def test_other_results_without_records_are_named(without_records, path, old, new, message):
    file = without_records / path
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    code, output = tiny.run(without_records, "--dry-run")
    assert code != 0
    assert message in output
    assert "rm -r results/tiny" in output


def test_contents_do_not_depend_on_place_and_cores(made, tmp_path, monkeypatch):
    other = tiny.copy_workflow(tmp_path / "other")
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    code, output = tiny.run(other, cores=1)
    assert code == 0, output[-4000:]
    assert tiny.contents(other) == tiny.contents(made)
