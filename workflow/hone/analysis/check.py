"""A config as the workflow uses it: checked, with every default filled in."""

from copy import deepcopy
from pathlib import Path
from typing import Any

from hone.analysis.contradictions import contradictions
from hone.analysis.names import name_problems
from hone.analysis.schema import load_schema, problems_with_schema, with_defaults
from hone.analysis.values import value_problems
from hone.errors import ConfigError

__all__ = ["checked_config"]


def checked_config(config: dict[str, Any], folder: str | Path = "config") -> dict[str, Any]:
    """A copy of ``config`` with every default filled in.

    Args:
        config: as read from YAML.
        folder: of the config file, where the user's own modules are if ``modules`` is not set.

    Raises:
        ConfigError: lists every setting that is wrong, with what is allowed.
    """
    schema = load_schema()
    problems = list(value_problems(config)) or problems_with_schema(config, schema)
    if not problems:
        config = with_defaults(deepcopy(config), schema, schema)
        # Written down, so that the record of a config means the same in another place.
        config.setdefault("modules", str(folder))
        reserved = schema["$defs"]["name"]["not"]["enum"]
        problems = [
            *name_problems(config, reserved),
            *contradictions(config, config["modules"]),
        ]
    if problems:
        raise ConfigError(
            "the configuration cannot be used:\n" + "\n".join(f"- {p}" for p in problems)
        )
    return config
