"""A config as the workflow uses it: checked, with every default filled in."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hone.analysis.analysis import Analysis
from hone.analysis.contradictions import contradictions
from hone.analysis.names import name_problems
from hone.analysis.settings import problems
from hone.analysis.values import value_problems
from hone.errors import ConfigError

__all__ = ["checked_config"]


def checked_config(config: dict[str, Any], folder: str | Path = "config") -> Analysis:
    """The analysis that a config describes.

    Args:
        config: as read from YAML.
        folder: of the config file, where the user's own modules are if ``modules`` is not set.

    Raises:
        ConfigError: lists every setting that is wrong, with what is allowed.
    """
    if not isinstance(config, dict):
        raise ConfigError("the config is not a mapping of settings")
    _refuse(list(value_problems(config)))
    try:
        # Written down, so that the record of a config means the same in another place.
        analysis = Analysis.model_validate({"modules": str(folder), **config})
    except ValidationError as error:
        _refuse(list(dict.fromkeys(problems(error))))
        raise
    _refuse([*name_problems(analysis), *contradictions(analysis)])
    return analysis


def _refuse(found: list[str]) -> None:
    if found:
        raise ConfigError(
            "the configuration cannot be used:\n" + "\n".join(f"- {text}" for text in found)
        )
