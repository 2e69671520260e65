"""Bad settings are refused with an error that names the key and what is allowed."""

import copy
from pathlib import Path

import pytest
import yaml

from hone.config import checked_config, load_schema, seeds, signals, templates
from hone.errors import ConfigError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def config():
    return yaml.safe_load((ROOT / "config" / "config.yaml").read_text())


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda p: p.stem)
def test_ready_analyses_are_valid(path):
    checked = checked_config(yaml.safe_load(path.read_text()))
    assert checked_config(copy.deepcopy(checked)) == checked


def test_defaults_are_the_schemas(config):
    del config["events"]
    checked = checked_config(config)
    described = load_schema()["properties"]["events"]["properties"]
    assert checked["events"] == {key: value["default"] for key, value in described.items()}
    assert "steps" not in checked["observables"][2]


def test_whole_numbers_and_floats_are_the_same_setting(config):
    config["samples"][0]["yield"] = 20
    first = checked_config(copy.deepcopy(config))
    config["samples"][0]["yield"] = 20.0
    assert repr(first) == repr(checked_config(config))


def test_names_of_an_analysis(config):
    checked = checked_config(config)
    assert signals(checked) == ["signal"]
    assert templates(checked, "signal") == [
        "signal", "background", "background__shape_up", "background__shape_down",
    ]  # fmt: skip
    assert seeds(checked, "bce-edges") == seeds(checked, "bce") == 3


BAD = {
    "misspelled": (
        lambda c: c.update(anlysis="a"),
        "unknown setting 'anlysis'; did you mean 'analysis'",
    ),
    "missing": (lambda c: c.pop("seed"), "'seed' is missing"),
    "text for a number": (
        lambda c: c["observables"][0].update(learning_rate="1e-1"),
        r'observables\[0\].learning_rate: "1e-1" is not of type number .YAML reads this as text',
    ),
    "out of range": (lambda c: c.update(limits={"level": 1}), "limits.level: 1 must be below 1"),
    "unknown objective": (
        lambda c: c["observables"][0].update(objective="clss"),
        r'observables\[0\].objective: "clss" is not allowed; allowed are cls, bce',
    ),
    "unknown observable": (
        lambda c: c["observables"][2].update(source="xgb"),
        r"observables\[2\].source: there is no network 'xgb'; networks are neos, bce",
    ),
    "unknown kind": (
        lambda c: c["observables"][0].update(kind="tree"),
        "allowed are network, rebinned",
    ),
    "not for this kind": (
        lambda c: c["observables"][2].update(steps=10),
        r"observables\[2\]: 'steps' does not apply to 'rebinned'",
    ),
    "reserved name": (lambda c: c["samples"][0].update(name="events"), "is not a valid name"),
    "two underscores": (lambda c: c["samples"][0].update(name="a__b"), "is not a valid name"),
    "outside results": (lambda c: c.update(analysis="../up"), "analysis: .* is not a valid name"),
    "duplicate": (
        lambda c: c["samples"][1].update(name="signal"),
        "'signal' is used more than once",
    ),
    "no signal": (
        lambda c: c["samples"][0].update(process="background"),
        "no sample of process 'signal'",
    ),
    "unknown sample": (
        lambda c: c["systematics"][0].update(sample="bkg"),
        r"systematics\[0\].sample: there is no sample 'bkg'; samples are signal, background",
    ),
    "an up without a down": (lambda c: c["systematics"][0].pop("down"), "'down' is missing"),
    "wrong kind of up": (
        lambda c: c["systematics"][0].update(type="normsys"),
        r"systematics\[0\].up: .* is not of type number",
    ),
    "covariance": (
        lambda c: c["samples"][0]["distribution"][0].update(covariance=[[1, 2], [2, 1]]),
        "must be symmetric and positive definite",
    ),
    "mean": (
        lambda c: c["samples"][0]["distribution"][0].update(mean=[1]),
        r"distribution\[0\].mean: needs 2 numbers",
    ),
    "unknown feature": (lambda c: c.update(features=["x", "z"]), "the feature 'z' is not among"),
    "batch": (
        lambda c: c["events"].update(training=100),
        r"observables\[0\].batch: 2000 events are more than the 100",
    ),
    "learned edges of bce": (
        lambda c: c["observables"][1].update(edges="learned"),
        r"observables\[1\].edges: learned edges need the objective cls",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_settings_are_refused(config, case):
    change, message = BAD[case]
    change(config)
    with pytest.raises(ConfigError, match=message):
        checked_config(config)
