"""Configs: defaults, ready analyses, and what an editor or hone says of a bad one."""

import copy
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from hone.analysis import checked_config, refuse_duplicates
from hone.analysis.objective_names import OBJECTIVES
from hone.analysis.schema import json_schema
from hone.analysis.settings import plain
from hone.errors import ConfigError
from hone.training.objectives import LOGARITHMS, OF_EVENTS, OF_MODEL

ROOT = Path(__file__).parents[3]


@pytest.fixture
def config():
    return yaml.safe_load((ROOT / "config" / "config.yaml").read_text())


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda p: p.stem)
def test_ready_analyses_are_valid(path):
    refuse_duplicates(path)
    # as an editor does
    jsonschema.validate(yaml.safe_load(path.read_text()), json_schema())
    checked = checked_config(yaml.safe_load(path.read_text()))
    assert checked_config(plain(checked)) == checked


@pytest.mark.parametrize("page", ["README.md", "docs/ntuples.md"])
def test_the_config_of_the_page_is_valid(page, tmp_path, monkeypatch):
    text = (ROOT / page).read_text()
    (config,) = re.findall(r"```yaml\n(analysis: .*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path("ntuples").mkdir()
    for name in ("signal_1", "bkg", "data"):
        Path("ntuples", f"{name}.root").touch()
    Path("mine.py").write_text("def loss(model):\n    return 0.0\n")
    assert checked_config(yaml.safe_load(config), "mine.yaml").analysis == "mine"


def test_defaults_are_the_schemas(config):
    del config["events"]
    checked = checked_config(config)
    described = json_schema()["$defs"]["Sizes"]["properties"]
    assert plain(checked)["events"] == {key: s["default"] for key, s in described.items()}
    assert "steps" not in plain(checked)["observables"][2]


def test_whole_numbers_and_floats_are_the_same_setting(config):
    config["samples"][0]["yield"] = 20
    first = checked_config(copy.deepcopy(config))
    config["samples"][0]["yield"] = 20.0
    assert repr(first) == repr(checked_config(config))


@pytest.mark.parametrize(
    ("given", "every"),
    [({}, 100), ({"steps": 101}, 100), ({"steps": 100}, 20), ({"steps": 50.0}, 10),
     ({"steps": 3}, 1), ({"steps": 100, "validate_every": 100}, 100)],
)  # fmt: skip
def test_a_short_training_is_validated_too(config, given, every):
    for key in ("steps", "validate_every"):
        config["observables"][0].pop(key, None)
    config["observables"][0].update(given)
    assert checked_config(config).observables[0].validate_every == every


def test_observables_may_leave_systematics_out(config):
    config["observables"][1]["systematics"] = []
    checked = checked_config(config)

    def templates(signal, observable):
        return [t.name for t in checked.templates_of(signal, observable)]

    assert templates("signal", "bce") == ["signal", "background"]
    # rebinned observables follow their source, others keep all
    assert templates("signal", "bce-edges") == ["signal", "background"]
    assert len(templates("signal", "neos")) == 4


def test_objectives_of_the_settings_are_those_of_the_library():
    assert list(OBJECTIVES) == [*OF_MODEL, *OF_EVENTS]
    assert {name for name, f in OF_MODEL.items() if f.__name__.startswith("log_")} == LOGARITHMS


def test_a_key_that_is_given_twice_is_refused(tmp_path):
    """YAML takes the last one: systematics would be gone in silence."""
    path = tmp_path / "a.yaml"
    path.write_text("x: &x {p: 1}\nsamples:\n  - {name: s, yield: 1, name: t}\ny: {<<: *x}\nx: 2\n")
    with pytest.raises(ConfigError) as error:
        refuse_duplicates(path)
    assert str(error.value).splitlines() == [
        f"{path}: samples['t'].name is given twice, in lines 3 and 3; keep one of them",
        f"{path}: x is given twice, in lines 1 and 5; keep one of them",
    ]


def test_names_of_an_analysis(config):
    checked = checked_config(config)
    assert checked.signals == ["signal"]
    assert [t.name for t in checked.templates_of("signal")] == [
        "signal", "background", "background__shape_up", "background__shape_down",
    ]  # fmt: skip
    assert checked.seeds("bce-edges") == checked.seeds("bce") == range(1, 4)


def complaints(config):
    """What an editor says about a config, with the place."""
    validator = jsonschema.Draft202012Validator(json_schema())
    return [(list(error.path), error.message) for error in validator.iter_errors(config)]


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        (lambda c: c["observables"][0].update(bins="5"), ["observables", 0, "bins"], "'5' is not"),
        (lambda c: c["observables"][0].update(binz=5), ["observables", 0], "'binz' was unexpected"),
        (lambda c: c["observables"][0].update(kind="netwrk"), ["observables", 0, "kind"], "netwrk"),
        (lambda c: c["samples"][0].update({"yield": 0}), ["samples", 0, "yield"], "0 is less than"),
        (lambda c: c["systematics"][0].pop("up"), ["systematics", 0], "'up' is a required"),
    ],
)
def test_the_schema_speaks_of_the_kind_that_is_meant(config, change, place, words):
    assert complaints(config) == []
    change(config)
    ((where, message),) = complaints(config)
    assert where == place
    assert words in message


def test_the_config_file_is_named_once(config):
    with pytest.raises(ConfigError) as error:
        checked_config({**config, "seed": 0.5, "sede": 1}, "mine/search.yaml")
    first, *problems = str(error.value).splitlines()
    assert first == "mine/search.yaml cannot be used:"
    assert len(problems) == 2
    assert "search.yaml" not in "".join(problems)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda c: [o.update(features=["x[:]"]) for o in c["observables"][:2]],
            "observables['neos'].features[1st], observables['bce'].features[1st]: 'x[:]': a ",
        ),
        (
            lambda c: (c.pop("features"), c["observables"][1].update(features=["x"])),
            "features: there are none; neos, bce, bce-edges",
        ),
    ],
)
def test_what_is_wrong_in_several_places_is_said_once(config, change, message):
    change(config)
    with pytest.raises(ConfigError) as error:
        checked_config(config)
    (problem,) = str(error.value).splitlines()[1:]
    assert problem.startswith(f"- {message}")


def test_problems_without_a_place_are_lines_of_their_own(config, monkeypatch):
    said = ["the first", "another", "the first"]
    monkeypatch.setattr("hone.analysis.check.contradictions", lambda _: said)
    with pytest.raises(ConfigError, match=r"used:\n- the first\n- another$"):
        checked_config(config)


def test_every_problem_of_an_object_is_said_at_once(config):
    config["observables"][0].update(accumulate=3, validate_every=10**6, objective="clss")
    config["observables"][1].update(accumulate=3, validate_every=10**6)
    config["seed"] = None
    with pytest.raises(ConfigError) as error:
        checked_config(config)
    text = str(error.value)
    for words in (
        "seed: has no value; give one\n",
        "observables['neos'].objective: there is no objective",
        "observables['bce'].accumulate: the batch of 2000 is not a multiple of 3",
        "observables['bce'].validate_every: must be at most steps",
    ):
        assert words in text


def test_a_list_is_no_config():
    with pytest.raises(ConfigError, match="is not a mapping"):
        checked_config([])
