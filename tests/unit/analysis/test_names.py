"""Names are text and stay apart: no two make one file, rule, patch, parameter or macro."""

import copy
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from allowed import LONGEST, NAMES
from hypothesis import given
from hypothesis import strategies as st

from hone.analysis import Analysis, Template, checked_config
from hone.analysis.names import name_problems
from hone.analysis.observables import VariableBins
from hone.analysis.report_items import ITEMS
from hone.analysis.samples import GeneratedSample
from hone.analysis.sections import Study
from hone.analysis.short_names import letters, underscored
from hone.analysis.systematics import Normsys
from hone.analysis.variations import SIDES
from hone.errors import ConfigError
from hone.reporting.describe import kind_of

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def default():
    return yaml.safe_load((ROOT / "config" / "config.yaml").read_text())


@pytest.fixture
def config(default):
    return copy.deepcopy(default)


LISTS = {
    "samples": {"process": "background", "yield": 1},
    "regions": {"fit": "observable"},
    "systematics": {"type": "normsys", "sample": "background", "up": 1.1, "down": 0.9},
    "normfactors": {"sample": "background"},
    "observables": {"kind": "variable", "variable": "x", "edges": [0, 1]},
    "studies": {"against": "batch", "lines": ["kind"], "observables": ["neos", "bce"]},
}


def add(config, key, name):
    entry = {"name": name, **LISTS[key]}
    if key == "samples":
        entry["distribution"] = config["samples"][0]["distribution"]
    config.setdefault(key, []).append(entry)


@pytest.mark.parametrize("key", LISTS)
@pytest.mark.parametrize(
    ("one", "other"), [("zp-500", "zp_500"), ("Background2", "background2"), ("a-B_c", "A_b-c")]
)
def test_names_that_are_alike_are_refused_together(config, key, one, other):
    add(config, key, one)
    checked_config(copy.deepcopy(config))
    add(config, key, other)
    with pytest.raises(ConfigError, match=rf"{key}.*'{one}' and '{other}' differ in nothing but"):
        checked_config(config)


def test_a_systematic_and_a_normfactor_that_are_alike_are_refused(config):
    add(config, "systematics", "k-tt")
    add(config, "normfactors", "K_tt")
    with pytest.raises(ConfigError, match="'k-tt' and 'K_tt' differ in nothing but"):
        checked_config(config)


def test_entries_of_one_systematic_share_its_name(config):
    for _ in range(2):
        add(config, "systematics", "rate")
    config["systematics"][-1]["sample"] = "signal"
    checked_config(config)


def test_studies_have_different_names(config):
    for _ in range(2):
        add(config, "studies", "batch")
    with pytest.raises(ConfigError, match="studies: the name 'batch' is used more than once"):
        checked_config(config)


@pytest.mark.parametrize("key", ["analysis", *LISTS])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a\n", "is not a valid name: at most 64 letters"),
        ("bkg_", "is not a valid name"),
        ("_bkg", "is not a valid name"),
        ("a_-b", "is not a valid name"),
        ("a__b", "is not a valid name"),
        ("a" * (LONGEST + 1), "is not a valid name"),
        (600, r"600 is not of type string .YAML does not read this as text; put it in quotes"),
        ("publication", "is not a valid name"),
        ("Events", "'Events' is reserved, whatever its capitals"),
    ],
)
def test_what_is_no_name_is_refused(config, key, name, message):
    if key == "analysis":
        config["analysis"] = name
    else:
        add(config, key, name)
    with pytest.raises(ConfigError, match=message):
        checked_config(config)


def test_no_pattern_lets_a_line_feed_pass(config):
    config["samples"][0]["parameters"] = {"mass\n": 1}
    config["samples"][0]["distribution"][0]["variables"] = ["x\n", "y"]
    config["observables"][0]["objective"] = "cls\n"
    with pytest.raises(ConfigError) as error:
        checked_config(config)
    assert str(error.value).count("\\n") == 3


def test_results_with_the_same_macros_are_refused(config):
    config["samples"][0]["name"] = "a-b"
    config["samples"].append({**copy.deepcopy(config["samples"][0]), "name": "a"})
    add(config, "observables", "c")
    add(config, "observables", "b-c")
    with pytest.raises(ConfigError, match=r"of a-b, c and of a, b-c would .* \\honeABC\.\.\."):
        checked_config(config)


def test_an_analysis_is_not_called_as_an_experiment_of_mlflow(config):
    config.update(analysis="Default", tracking="none")
    checked_config(copy.deepcopy(config))
    config["tracking"] = "mlflow"
    with pytest.raises(ConfigError, match="MLflow has an experiment 'Default' already"):
        checked_config(config)


SOME = st.lists(NAMES, min_size=1, max_size=4, unique=True)


@given(SOME, SOME, SOME, SOME)
def test_allowed_names_stay_apart(signals, systematics, observables, studies):
    analysis = Analysis.model_construct(
        analysis="a",
        samples=[GeneratedSample.model_construct(name=n, process="signal") for n in signals],
        systematics=[Normsys.model_construct(name=name) for name in systematics],
        observables=[VariableBins.model_construct(name=name) for name in observables],
        studies=[Study.model_construct(name=name) for name in studies],
    )
    if list(name_problems(analysis)):
        return
    templates = [
        Template(sample, systematic, side).name
        for sample in signals
        for systematic in systematics
        for side in SIDES
    ]
    figures = {f"{s}/{o}/templates": "templates" for s in signals for o in observables}
    figures |= {f"{s}/{kind}": kind for s in signals for kind in ("comparison", "gain")}
    figures |= {f"{o}/{kind}": kind for o in observables for kind in ("limits", "exclusion")}
    figures |= {f"{s}/study_{study}": "study" for s in signals for study in studies}
    for name, kind in figures.items():
        assert kind_of(f"results/a/figures/{name}.png") == kind
    for made in (
        [*signals, *templates],
        list(figures),
        [underscored(name) for name in signals],
        [underscored(name) for name in observables],
        [letters(signal) + letters(name) for signal in signals for name in observables],
    ):
        assert max(Counter(name.casefold() for name in made).values()) == 1
    assert all(re.fullmatch("[A-Za-z0-9_]+", underscored(name)) for name in signals)


def test_the_longest_names_fit_into_a_file_system():
    """Of every path that a rule names, with what marks a file that is being written."""
    text = "".join(path.read_text() for path in sorted(ROOT.glob("workflow/rules/*.smk")))
    paths = set(re.findall(r"\"(?:<|\{)[^\" ]*\"", text))
    paths |= {f"{{signal}}/{{observable}}/{kind}.png" for kind in ITEMS}
    assert any("{signal}/{study}" in path for path in paths)
    longest = "a" * LONGEST
    template = f"{longest}__{longest}_down"
    for path in paths:
        named = re.sub(r"\{(\w+)\}", lambda w: template if "template" in w[1] else longest, path)
        for part in named.split("/"):
            assert len(part) + len(".4194304.partial") <= 255, path
