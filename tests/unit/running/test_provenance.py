"""What a rule depends on is found from the imports; comments do not count."""

import shutil
from pathlib import Path

import pytest

from hone.errors import InputError
from hone.running import provenance

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A copy of the library in which files can be edited, and its digests."""
    library = tmp_path_factory.mktemp("library") / "workflow"
    shutil.copytree(ROOT / "workflow", library, ignore=shutil.ignore_patterns("__pycache__"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provenance, "_LIBRARY", library / "hone")
        yield library, digests(library)


def digests(library):
    provenance.code_digest.cache_clear()
    provenance._read.cache_clear()
    return {p.stem: provenance.code_digest(p) for p in (library / "scripts").glob("*.py")}


def changed(copied, *edits):
    """Scripts with another digest once texts in some files are others."""
    library, before = copied
    texts = {path: (library / path).read_text() for path, _, _ in edits}
    try:
        for path, old, new in edits:
            assert old in texts[path]
            (library / path).write_text(texts[path].replace(old, new, 1))
        after = digests(library)
    finally:
        for path, text in texts.items():
            (library / path).write_text(text)
    return {name for name in before if before[name] != after[name]}


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        pytest.param(
            ("hone/reporting/figures/training.py", 'marker="."', 'marker="o"'),
            {"plot_training"}, id="how the training is drawn",
        ),
        pytest.param(
            ("hone/reporting/figures/histograms.py", "30 * max", "31 * max"),
            {"plot_histograms"}, id="how histograms are drawn",
        ),
        pytest.param(
            ("hone/results/certify.py", "TOLERANCE = 1e-3", "TOLERANCE = 1e-4"),
            {"compute_limits"}, id="the certificate of the limits",
        ),
        pytest.param(
            ("scripts/select_seed.py", "**chosen", "**dict(chosen)"),
            {"select_seed"}, id="a script",
        ),
    ],
)  # fmt: skip
def test_an_edit_concerns_what_imports_it(copied, edit, expected):
    assert changed(copied, edit) == expected


@pytest.mark.parametrize(
    ("edit", "some", "others"),
    [
        pytest.param(
            ("hone/reporting/figures/style.py", "set_dpi(150)", "set_dpi(160)"),
            {"plot_training", "plot_comparison"}, {"train_observable", "compute_limits"},
            id="the style of all figures",
        ),
        pytest.param(
            ("hone/likelihood/infer/minimum.py", "_MAX_ITERATIONS = 400", "_MAX_ITERATIONS = 401"),
            {"train_observable", "optimise_edges", "compute_limits", "compute_floor"},
            {"simulate_events", "fill_histograms", "plot_training"}, id="the fit",
        ),
        pytest.param(
            ("hone/observable/layers.py", "jax.nn.relu", "jax.nn.elu"),
            {"train_observable", "fill_histograms"}, {"simulate_events", "survey_events"},
            id="the network",
        ),
        pytest.param(
            ("hone/events/generate.py", '"observation"', '"observed"'),
            {"simulate_events", "simulate_observation"}, {"plot_comparison", "compare_observables"},
            id="the generator",
        ),
        pytest.param(
            ("hone/events/survey.py", '"largest": float(', '"largest": 1 * float('),
            {"survey_events"}, {"simulate_events"}, id="the first look at inputs",
        ),
    ],
)  # fmt: skip
def test_an_edit_concerns_all_that_runs_it(copied, edit, some, others):
    found = changed(copied, edit)
    assert some <= found
    assert not others & found


def test_comments_and_docstrings_change_nothing(copied):
    found = changed(
        copied,
        ("hone/likelihood/infer/minimum.py", '"""The minimum of', '"""A minimum of'),
        ("hone/training/step.py", "# The batch depends", "# A batch depends"),
    )
    assert found == set()


@pytest.fixture
def own(tmp_path):
    """Files of a user's: an objective, and all ways in which it can import others beside it."""
    files = {
        "mine.py": "import helper\nfrom stats import tools\nfrom stats.deep import depth\n\n\n"
        "def loss(model):\n    import lazy as l\n    return l.f(model)\n",
        "helper.py": "from other import x\n",
        "other.py": "x = 1\n",
        "lazy.py": "def f(model): return 1\n",
        "stats/__init__.py": "y = 1\n",
        "stats/tools.py": "from . import sibling\nfrom .deep.depth import z\n",
        "stats/sibling.py": "from .. import beyond\n",
        "beyond.py": "z = 1\n",
        "stats/deep/depth.py": "z = 1\n",
        "unused.py": "import mine\n",
        "stats/unused.py": "z = 1\n",
    }
    for name, text in files.items():
        path = tmp_path / "config" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "config"


def digest_of(own):
    provenance.code_digest.cache_clear()
    provenance._read.cache_clear()
    return provenance.code_digest(own / "mine.py", own)


def test_an_own_objective_is_followed_to_the_files_beside_it(own):
    before = digest_of(own)
    matters = {}
    for path in sorted(own.rglob("*.py")):
        text = path.read_text()
        path.write_text(text + "a = 2\n")
        matters[str(path.relative_to(own))] = digest_of(own) != before
        path.write_text(text + "# only a comment\n")
        assert digest_of(own) == before
        path.write_text(text)
    assert {name for name, counts in matters.items() if not counts} == {
        "unused.py", "stats/unused.py",
    }  # fmt: skip


def test_an_own_objective_is_followed_into_hone(own, copied):
    (own / "other.py").write_text("from hone.training.objectives import OF_MODEL\n")
    before = digest_of(own)
    path = copied[0] / "hone" / "training" / "objectives.py"
    text = path.read_text()
    try:
        path.write_text(text + "a = 2\n")
        assert digest_of(own) != before
    finally:
        path.write_text(text)


def test_what_is_no_python_is_named(own):
    (own / "helper.py").write_text("def f(:\n")
    with pytest.raises(InputError, match=r"helper.py is not Python"):
        digest_of(own)


def test_code_is_parsed_once_for_all_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    script, texts = tmp_path / "one.py", ("x = 1\n", "x = 2\n", "x = 1  # again\n")

    def found(text):
        script.write_text(text)
        provenance._memory.cache_clear()
        provenance.code_digest.cache_clear()
        provenance._read.cache_clear()
        return provenance.code_digest(script)

    first = [found(text) for text in texts]
    assert first[0] == first[2] != first[1]
    monkeypatch.setattr(provenance.ast, "parse", lambda *_: pytest.fail("parsed again"))
    assert [found(text) for text in texts] == first
    monkeypatch.undo()
    provenance._memory.cache_clear()
