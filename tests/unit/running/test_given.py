"""What a call of Snakemake gives: one config file, single settings, a profile's resources."""

from types import SimpleNamespace

import pytest
from snakemake.cli import parse_config
from snakemake.settings.types import ResourceSettings

from hone.errors import ConfigError
from hone.running.given import config_file, share_resources


def call(files=(), settings=()):
    return SimpleNamespace(
        configfiles=list(files), config_settings=SimpleNamespace(config_args=list(settings))
    )


def test_a_file_describes_a_whole_analysis():
    assert str(config_file(call(), {}, "config/config.yaml")) == "config/config.yaml"
    assert str(config_file(call(["mine.yaml"]), {}, "config/config.yaml")) == "mine.yaml"
    with pytest.raises(ConfigError, match=r"2 files are given.* give one, with targets before it"):
        config_file(call(["a.yaml", "b.yaml"]), {}, "config/config.yaml")


def test_numbers_within_a_setting_are_numbers():
    """As Snakemake leaves them: text."""
    given = [
        "seed=2", "luminosity=1.5", "limits={level: 0.1}", "features=[x, y]",
        "samples=[{name: s, yield: 20, distribution: [{mean: [-1, 1.5]}]}]",
        "observation={unblind: true}",
    ]  # fmt: skip
    config = parse_config(given)
    assert config["limits"] == {"level": "0.1"}
    config_file(call(settings=given), config, "a")
    assert config == {
        "seed": 2, "luminosity": 1.5, "limits": {"level": 0.1}, "features": ["x", "y"],
        "samples": [{"name": "s", "yield": 20, "distribution": [{"mean": [-1, 1.5]}]}],
        "observation": {"unblind": True},
    }  # fmt: skip


def test_a_profiles_resources_are_those_of_the_other_rules_too():
    settings = ResourceSettings(overwrite_resources={"train": {"gpu": 1}, "own": {"gpu": 2}})
    share_resources(SimpleNamespace(resource_settings=settings), "train", "together", "own")
    found = settings._parsed_overwrite_resources
    assert {rule: found[rule]["gpu"].value for rule in found} == {
        "train": 1, "own": 2, "together": 1,
    }  # fmt: skip


def test_nothing_is_shared_where_nothing_is_given():
    settings = ResourceSettings()
    share_resources(SimpleNamespace(resource_settings=settings), "train", "together")
    assert not settings._parsed_overwrite_resources
