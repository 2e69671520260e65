"""Nothing that is read can run code, and nothing can be written outside the results folder."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from hone.analysis import checked_config
from hone.errors import ConfigError

ROOT = Path(__file__).parents[3]
SOURCES = [
    *(ROOT / "workflow").rglob("*.py"), *(ROOT / "workflow/rules").glob("*.smk"),
    ROOT / "Snakefile",
]  # fmt: skip

UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
UNSAFE_CALLS = {"eval", "exec", "__import__", "unsafe_load", "full_load"}


def calls(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(
                function, "id", ""
            )  # fmt: skip
            of = ast.unparse(function.value) if isinstance(function, ast.Attribute) else ""
            yield name, of, node


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if p.suffix == ".py"], ids=lambda p: str(p.relative_to(ROOT))
)
def test_nothing_unpickles_or_evaluates_text(path):
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        assert not {name.partition(".")[0] for name in names} & UNSAFE_MODULES
    for name, of, node in calls(tree):
        assert name not in UNSAFE_CALLS, ast.unparse(node)
        if of == "yaml" and name == "load":
            assert "SafeLoader" in ast.unparse(node)
        assert "allow_pickle=True" not in ast.unparse(node)


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if p.suffix != ".py"], ids=lambda p: p.name
)  # fmt: skip
def test_rules_unpickle_and_evaluate_nothing(path):
    text = path.read_text()
    assert not re.search(r"\b(pickle|dill|joblib|eval|exec)\b *\(?", re.sub(r"#.*", "", text))
    assert "shell:" not in text  # no name of the config reaches a shell


NAMES = [
    "../up",
    "a/b",
    "/etc",
    ".",
    "..",
    "a__b",
    "",
    "a b",
    "a\nb",
    "$(touch x)",
    "~",
    "a;b",
    "-n",
]


def analysis():
    return yaml.safe_load((ROOT / "config/config.yaml").read_text())


PLACES = {
    "the analysis": lambda c, n: c.update(analysis=n),
    "a sample": lambda c, n: c["samples"][0].update(name=n),
    "an observable": lambda c, n: c["observables"][0].update(name=n),
    "a systematic": lambda c, n: c["systematics"][0].update(name=n),
    "a region": lambda c, n: c.update(regions=[{"name": n, "fit": "observable"}]),
    "a free normalisation": lambda c, n: c.update(
        normfactors=[{"name": n, "sample": "background"}]
    ),
    "a study": lambda c, n: c.update(
        studies=[{"name": n, "against": "bins", "observables": ["neos"]}]
    ),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", PLACES)
def test_names_cannot_leave_the_results_folder(place, name):
    config = analysis()
    PLACES[place](config, name)
    with pytest.raises(ConfigError, match=r"name|analysis"):
        checked_config(config)


@pytest.mark.parametrize("objective", ["../mine:loss", "os.path:join", "/etc/passwd:x", "a:b:c"])
def test_an_objective_is_a_function_beside_the_config(objective):
    config = analysis()
    config["observables"][0]["objective"] = objective
    with pytest.raises(ConfigError, match="objective"):
        checked_config(config)
