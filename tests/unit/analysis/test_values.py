"""Every number of a config is finite and of its type, every key is text, the whole of some size."""

import json
import re
from pathlib import Path

import pytest
import yaml

from hone.analysis import checked_config, refuse_duplicates
from hone.analysis.places import named
from hone.analysis.schema import json_schema
from hone.analysis.values import value_problems
from hone.errors import ConfigError

ROOT = Path(__file__).parents[3]
SCHEMA = json_schema()


def numeric(schema, path=(), tags=()):
    """Every numeric setting, as its path, with its type and the tags of the kinds it is in."""
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[-1]]
    if schema.get("type") in ("number", "integer"):
        yield path, (schema["type"], tags)
    own = {k: sub["const"] for k, sub in schema.get("properties", {}).items() if "const" in sub}
    if own:
        tags = (*tags, (path, own))
    for key, sub in schema.get("properties", {}).items():
        yield from numeric(sub, (*path, key), tags)
    for sub in schema.get("patternProperties", {}).values():
        yield from numeric(sub, (*path, "mass"), tags)
    if "items" in schema:
        yield from numeric(schema["items"], (*path, 0), tags)
    for sub in (*schema.get("anyOf", []), *(part["then"] for part in schema.get("allOf", []))):
        yield from numeric(sub, path, tags)


SETTINGS = dict(numeric(SCHEMA))


def name_of(path):
    return "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in path).lstrip(".")


def with_value(path, value):
    """A config of one setting, and what tells the kinds apart that it is a setting of."""
    tags = dict(SETTINGS[path][1])
    for k in range(len(path), 0, -1):
        key = path[k - 1]
        value = [value] if isinstance(key, int) else {key: value, **tags.get(path[: k - 1], {})}
    return value


def at(config, path):
    for key in path:
        config = config[key]
    return config


def test_every_kind_of_number_is_found():
    names = set(map(name_of, SETTINGS))
    assert len(names) > 50
    assert {
        "seed", "limits.level", "samples[0].parameters.mass", "systematics[0].up",
        "events.training", "systematics[0].down[0].covariance[0][0]",
        "systematics[0].up.sum_of_weights",
        "observables[0].edges[0]", "observables[0].cuts[0].start", "samples[0].dimuons.events",
    } < names  # fmt: skip


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "nan is not a finite number"),
        (float("inf"), "inf is not a finite number"),
        (-float("inf"), "-inf is not a finite number"),
        (10**400, "an integer is at most 9223372036854775807; write a large number as 1.0e+20"),
        (-(10**400), "an integer is at most 9223372036854775807; write a large number as 1.0e+20"),
    ],
    ids=["nan", "inf", "-inf", "10^400", "-10^400"],
)
def test_every_number_is_finite(value, message):
    for path in SETTINGS:
        assert list(value_problems(with_value(path, value))) == [f"{name_of(path)}: {message}"]
    config = with_value(path, value)
    with pytest.raises(ConfigError) as error:
        checked_config(config)
    assert str(error.value).splitlines()[1:] == [f"- {named(name_of(path), config)}: {message}"]


INTEGERS = [path for path, (kind, _) in SETTINGS.items() if kind == "integer"]


def test_a_whole_number_may_be_written_with_a_point():
    assert len(INTEGERS) > 15
    for path in INTEGERS:
        with pytest.raises(ConfigError) as error:
            checked_config(with_value(path, 20.0))
        assert "integer" not in str(error.value), path


@pytest.mark.parametrize("value", [20.5, 1e300, True, "20"])
def test_a_whole_number_is_nothing_else(value):
    for path in INTEGERS:
        config = with_value(path, value)
        wrong = f"{named(name_of(path), config)}: {json.dumps(value)} is not of type integer"
        with pytest.raises(ConfigError, match=re.escape(wrong)):
            checked_config(config)


def rewritten(value):
    """The same with 20 as 20.0 and 20.0 as 20."""
    if isinstance(value, dict):
        return {k: v if k == "parameters" else rewritten(v) for k, v in value.items()}
    if isinstance(value, list):
        return [rewritten(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


@pytest.mark.parametrize("path", sorted(ROOT.glob("config/*.yaml")), ids=lambda path: path.stem)
def test_a_number_is_the_same_setting_however_it_is_written(path):
    config = yaml.safe_load(path.read_text())
    other = rewritten(config)
    assert repr(other) != repr(config)
    assert repr(checked_config(other)) == repr(checked_config(config))


@pytest.mark.parametrize("key", [600, True, None, 1.5])
def test_keys_are_text(key):
    with pytest.raises(ConfigError, match=r"samples\[1st\].parameters: YAML does not read the key"):
        checked_config({"samples": [{"parameters": {key: 1}}]})


def nested(levels, width, first, last):
    """YAML of lists in lists, each an alias of the one before."""
    lines = [f"a0: &a0 [{', '.join(['x'] * width)}]"]
    for k in range(1, levels):
        lines.append(f"a{k}: &a{k} {first}{', '.join([f'*a{k - 1}'] * width)}{last}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (nested(12, 9, "[", "]"), "the config has more than 100000 values"),
        ("a: &a [*a]", r"a\[1st\]\[1st\].* nested more than 30 levels"),
        ("a: &a {b: *a}", r"a\.b\.b.* nested more than 30 levels"),
        ("a: " + 100 * "[" + 100 * "]", "nested more than 30 levels"),
    ],
    ids=["bomb", "list in itself", "mapping in itself", "deep"],
)
def test_a_config_has_some_size(tmp_path, text, message):
    path = tmp_path / "a.yaml"
    path.write_text(text)
    refuse_duplicates(path)
    with pytest.raises(ConfigError, match=message):
        checked_config(yaml.safe_load(text))


def test_too_deep_a_file_is_said_in_one_sentence(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("a: " + 1000 * "[" + 1000 * "]")
    with pytest.raises(ConfigError, match="nested too deeply"):
        refuse_duplicates(path)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("seed: [1\nsamples: {\n", "line 2, column 8"),
        ("a: 1\nb: c: d\n", "line 2, column 5"),
        ("a: 'x\n", "line 2, column 1"),
        ("a: 1\nb: \x01\n", "line 2, column 4"),
        ("a: *nobody\n", "line 1, column 4"),
    ],
)
def test_what_is_not_yaml_is_named_by_line_and_column(tmp_path, text, place):
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        refuse_duplicates(path)
    assert str(error.value).startswith(f"{path}, {place}: this is not YAML (")
    assert "\n" not in str(error.value)


def test_a_config_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none.yaml cannot be read \(No such file"):
        refuse_duplicates(tmp_path / "none.yaml")


def test_aliases_that_share_something_work(tmp_path):
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    block = config["samples"][0]["distribution"]
    config["systematics"][0]["up"] = config["systematics"][0]["down"] = block
    path = tmp_path / "a.yaml"
    path.write_text(text := yaml.safe_dump(config))
    assert "&id001" in text
    refuse_duplicates(path)
    checked = checked_config(yaml.safe_load(text))
    assert checked.systematics[0].up == checked.samples[0].distribution


def test_a_json_file_with_tabs_is_looked_through(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{\n\t"seed": 1,\n\t"seed": 2\n}\n')
    with pytest.raises(ConfigError, match="seed is given twice, in lines 2 and 3"):
        refuse_duplicates(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("samples[1].selection: bad", "samples['b'].selection: bad"),
        ("samples[0]: bad, as in samples[2]", "samples[1st]: bad, as in samples[3rd]"),
        ("samples[1].down[0].mean[11]: x", "samples['b'].down[1st].mean[12th]: x"),
        # what the config does not have is an expression, or a place of something else
        ("features[0]: jet_pt[0] and samples[7] of samples.a[0]", None),
        ("limits.json: [0] samples.[1]", None),
    ],
)
def test_messages_call_entries_by_name_or_count_from_one(text, words):
    samples = [{"name": "a"}, {"name": "b", "down": [{"mean": [0] * 12}]}, {"name": "a"}]
    assert named(text, {"samples": samples}) == (text if words is None else words)


def test_an_energy_that_can_only_be_meant_in_tev_is_refused():
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())

    def of(*energies, reaction="P P --> HIGGS X"):
        return config | {"publication": {"reactions": [reaction], "energies": list(energies)}}

    assert checked_config(of(13000, 10.58)).publication.energies == [13000, 10.58]
    assert checked_config(of(14, reaction="E+ E- --> JET X")).publication.energies == [14]
    for value, words in ((13, "13 TeV are 13000"), (13.6, "13.6 TeV are 13600")):
        with pytest.raises(
            ConfigError, match=rf"publication.energies: {words[:2]}.* is in GeV; {words}"
        ):
            checked_config(of(value))
    with pytest.raises(ConfigError, match=r"8000.0 is listed more than once"):
        checked_config(of(8000, 8000))
