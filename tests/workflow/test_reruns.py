"""What runs again after an edit or in another clone; nothing is silently stale."""

import contextlib
import json
import re
import shutil
from base64 import urlsafe_b64encode

import pytest
import tiny

DRAWING = {"plot_training"}
FIT = {"build_workspace", "compute_limits"}
LATER = {"fill_histograms", *FIT}
TRAINING = {"train_observable", "select_seed", *LATER, *DRAWING}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reruns") / "hone"
    return shutil.copytree(tiny.made(tmp_path_factory), folder)


def planned(folder):
    """Rules that a run would start."""
    code, output = tiny.run(folder, "--dry-run")
    assert code == 0, output
    jobs = jobs_in(output)
    assert jobs or "Nothing to be done" in output
    return set(jobs)


def jobs_in(output):
    """Number of jobs by rule in a plan."""
    table = re.search(r"Job stats:\n.*?\n-+.*?\n(.*?)\ntotal", output, re.DOTALL)
    lines = table.group(1).splitlines() if table else []
    return {rule: int(count) for rule, count in map(str.split, lines)}


# Which scripts an edit of the code concerns: tests/unit/running/test_provenance.py.
EDITS = {
    "the fit": (
        "workflow/hone/likelihood/infer/minimum.py", "_MAX_ITERATIONS = 400",
        "_MAX_ITERATIONS = 401", TRAINING,
    ),
    "a package's submodule, imported inside a function": (
        "workflow/hone/statmodel/postprocessing.py", "_FEWEST_BINS = 3", "_FEWEST_BINS = 4", FIT,
    ),
    "the level of the limits": (
        "config/tiny.yaml", "seed: 1", "seed: 1\nlimits: {level: 0.1}", TRAINING,
    ),
    "pruning": (
        "config/tiny.yaml", "seed: 1", "seed: 1\nworkspace: {pruning: 0.01}", FIT,
    ),
}  # fmt: skip


@contextlib.contextmanager
def edited(folder, *edits):
    """Files with some text instead of other text, as long as it takes."""
    before = {folder / name: (folder / name).read_text() for name, _, _ in edits}
    try:
        for name, old, new in edits:
            assert old in before[folder / name]
            (folder / name).write_text(before[folder / name].replace(old, new, 1))
        yield
    finally:
        for path, text in before.items():
            path.write_text(text)


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_runs_again_what_it_can_change(made, edit):
    *change, expected = EDITS[edit]
    with edited(made, change):
        assert planned(made) == expected


OTHER_BATCH = ("config/tiny.yaml", "batch: 500", "batch: 400")


@pytest.mark.parametrize(
    ("options", "code"), [(["--touch"], 1), (["--rerun-triggers", "mtime", "--dry-run"], 0)]
)
def test_options_do_not_make_results_of_another_config_current(made, options, code):
    """A plan says so, a run fails, and nothing is different afterwards."""
    with edited(made, OTHER_BATCH):
        found, output = tiny.run(made, *options)
        assert found == code
        assert f"taken for up to date: {options[0]} wants it so" in output
        assert f"- other settings in train_observable: {tiny.SEED}/model.safetensors" in output
        if "--dry-run" not in options:
            assert planned(made) == TRAINING


def test_another_seed_trains_that_seed_alone(made):
    """And what looks at all seeds; nothing of the one that is there."""
    with edited(made, ("config/tiny.yaml", "seeds: 1", "seeds: 2")):
        code, output = tiny.run(made, "--dry-run")
    assert code == 0
    assert re.findall(r"Training neos for signal, seed (\d)", output) == ["2"]
    assert jobs_in(output) == {"train_observable": 1, "select_seed": 1, "plot_training": 1}


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


def test_other_results_without_records_are_named(without_records):
    with edited(
        without_records,
        OTHER_BATCH,
        ("workflow/hone/results/certify.py", "TOLERANCE = 1e-3", "TOLERANCE = 1e-4"),
        (
            "workflow/hone/running/provenance.py",
            'found = {"python": platform.python_version()}',
            'found = {"python": "2.7.18"}',
        ),
    ):
        code, output = tiny.run(without_records, "--dry-run")
    assert code != 0
    for what in (
        "other settings in train_observable",
        "other code in compute_limits",
        "other versions (python 3.",
        "rm -r results/tiny",
    ):
        assert what in output


def test_results_of_another_config_are_named_where_snakemake_has_records_of_its_own(made, tmp_path):
    """As ``cp -a other/results .``, or a folder of results that two clones share by a link."""
    other = tiny.copy_workflow(tmp_path / "other")
    shutil.copytree(made / ".snakemake", other / ".snakemake")
    (other / "results").symlink_to(made / "results")
    record = made / "results/tiny/logs/train_observable/signal/neos/seed1.json"
    before = record.read_text()
    content = json.loads(before)
    content["provenance"]["settings"] = "those of batches of 400"
    try:
        record.write_text(json.dumps(content))
        code, output = tiny.run(other, "--dry-run")
        assert code != 0
        assert f"- other settings in train_observable: {tiny.SEED}/model.safetensors" in output
        # a run that was killed before Snakemake knew that a job had ended: it goes on
        name = urlsafe_b64encode(f"{tiny.SEED}/model.safetensors".encode()).decode()
        (other / ".snakemake" / "incomplete" / name).write_text("{}")
        assert planned(other) == TRAINING
    finally:
        record.write_text(before)
