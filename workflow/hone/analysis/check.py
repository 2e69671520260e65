"""A config as the workflow uses it: checked, with every default filled in."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hone.analysis.analysis import Analysis
from hone.analysis.contradictions import contradictions
from hone.analysis.histogram_edges import with_edges, without_edges
from hone.analysis.names import name_problems
from hone.analysis.observables import VariableBins
from hone.analysis.places import named
from hone.analysis.regions import COUNTED
from hone.analysis.settings import problems
from hone.analysis.values import value_problems
from hone.errors import ConfigError, InputError

__all__ = ["checked_config"]


def checked_config(config: Any, file: str | Path = "config/config.yaml") -> Analysis:
    """The analysis that a config describes.

    Args:
        config: as read from YAML.
        file: that it was read from; the user's own modules are beside it if ``modules`` is not set.

    Raises:
        ConfigError: lists every setting that is wrong, with what is allowed.
    """
    if not isinstance(config, dict):
        raise ConfigError(f"{file} is not a mapping of settings")
    _refuse(file, value_problems(config), config)
    try:
        # Written down, so that the record of a config means the same in another place.
        analysis = with_edges(
            Analysis.model_validate({"modules": str(Path(file).parent), **config})
        )
    except ValidationError as error:
        _refuse(file, problems(error), config)
        raise
    except InputError as error:
        _refuse(file, [str(error)], config)
        raise
    missing = [text for _, text in without_edges(analysis)]
    if not analysis.observables:
        analysis = _of_regions_only(analysis)
    found = [*missing, *name_problems(analysis), *contradictions(analysis)]
    _refuse(file, found, config)
    if not analysis.learning:
        return analysis.model_copy(update={"split": analysis.split.without_training()})
    return analysis


def _of_regions_only(analysis: Analysis) -> Analysis:
    """Without observables: the first region with a variable has it as the observable; where events
    are only counted, none has it."""
    if not analysis.regions or any(r.is_trained for r in analysis.regions):
        return analysis
    first = next((r for r in analysis.regions if r.fit == "variable"), None)
    variable, edges = (first.variable, first.edges) if first else (COUNTED, None)
    observable = VariableBins.model_validate(
        {
            "name": "regions",
            "kind": "variable",
            "variable": variable,
            "edges": edges or [0.0, 1.0],  # of a variable refused afterwards, with all else
        }
    )
    of_observable = {"fit": "observable", "variable": None, "edges": None}
    regions = [r.model_copy(update=of_observable) if r is first else r for r in analysis.regions]
    return analysis.model_copy(
        update={"features": [variable], "regions": regions, "observables": [observable]}
    )


def _refuse(file: str | Path, problems: Iterable[str], config: Any) -> None:
    """Raise an error with all problems; what is wrong in several places is said once."""
    places: dict[str, list[str]] = {}
    for text in problems:
        place, colon, what = named(text, config).partition(": ")
        places.setdefault(f"{colon}{what}" or place, []).append(place if colon else "")
    lines = [f"\n- {', '.join(dict.fromkeys(found))}{what}" for what, found in places.items()]
    if lines:
        raise ConfigError(f"{file} cannot be used:" + "".join(lines))
