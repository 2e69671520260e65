"""What a call of Snakemake gives: its config file, single settings, resources of a profile."""

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import yaml
from snakemake.utils import update_config

from hone.errors import ConfigError

__all__ = ["config_file", "share_resources"]


def config_file(workflow: Any, config: MutableMapping[str, object], default: str) -> Path:
    """The config file; ``config`` gets the lists and mappings of ``--config``.

    Args:
        workflow: Snakemake's object.
        config: what Snakemake has read.
        default: the file if none is given.

    Raises:
        ConfigError: more than one file is given.
    """
    files = workflow.configfiles or [default]
    if len(files) > 1:
        raise ConfigError(
            f"--configfile: {len(files)} files are given, but a file describes a whole "
            "analysis; give one, with targets before it (--configfile takes all that follows), and "
            "change single settings with --config, e.g. --config seed=2"
        )
    # Snakemake leaves numbers within a list or a mapping of --config as text.
    for entry in workflow.config_settings.config_args or []:
        key, _, text = entry.partition("=")
        if isinstance(config.get(key), (dict, list)):
            update_config(config, {key: yaml.safe_load(text)})
    return Path(files[0])


def share_resources(workflow: Any, rule: str, *others: str) -> None:
    """Give a profile's resources of a rule, e.g. a GPU, to others whose names it cannot know.

    A profile names single rules, no patterns. Snakemake reads it at its first rule: call this
    before.
    """
    given = workflow.resource_settings.overwrite_resources
    if rule in given:
        for other in others:
            given.setdefault(other, given[rule])
