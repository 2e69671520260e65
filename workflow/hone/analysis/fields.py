"""Types of settings that several kinds of entries have: names, expressions, files, edges."""

import itertools
import json
import re
from typing import Annotated

from annotated_types import Len
from pydantic import AfterValidator, WithJsonSchema

from hone.analysis.expressions import Expression
from hone.analysis.settings import Text, either, refuse, unique
from hone.errors import InputError

__all__ = [
    "NAME_RULE",
    "RESERVED",
    "Edges",
    "ExpressionText",
    "Files",
    "HistogramPath",
    "Name",
    "Names",
    "Samples",
    "Variable",
    "filled_in",
    "rising",
    "several",
]

RESERVED = (
    "events", "figures", "inputs", "patchset", "publication", "report", "logs", "benchmarks",
    "mlflow",
)  # fmt: skip
"""Names of folders beside those of the signals."""
NAME_RULE = (
    "at most 64 letters, digits, `-` and `_`, beginning with a letter or digit, which also follow "
    f"each `_`; not one of {', '.join(f'`{name}`' for name in RESERVED)}."
)
_LONGEST = 64
_NAME = "[A-Za-z0-9][A-Za-z0-9-]*(_[A-Za-z0-9][A-Za-z0-9-]*)*"
_PLACEHOLDERS = ("region", "sample", "systematic", "side")
_VARIABLE = "[A-Za-z_][A-Za-z0-9_]*"


def _name(text: str) -> str:
    if not re.fullmatch(_NAME, text) or len(text) > _LONGEST or text in RESERVED:
        raise refuse(f"{json.dumps(text)} is not a valid name: {NAME_RULE}")
    return text


def _variable(text: str) -> str:
    if not re.fullmatch(_VARIABLE, text):
        raise refuse(
            f"{json.dumps(text)} is not a valid name: letters, digits and `_`, beginning with none "
            "of the digits"
        )
    return text


def _expression(text: str) -> str:
    try:
        padded = Expression(text).is_padded
    except InputError as error:
        raise refuse(str(error)) from None
    if padded:
        raise refuse(f"{text!r}: only features are padded; write alt(x[0], -1) for x[:1][0]")
    return text


def rising(edges: list[float]) -> list[float]:
    """Bin edges that rise.

    Raises:
        ValidationError: they do not.
    """
    if any(b <= a for a, b in itertools.pairwise(edges)):
        raise refuse(f"{edges} must rise")
    return edges


def several(one_or_more: str | list[str]) -> list[str]:
    """A list of what may be given as one."""
    return [one_or_more] if isinstance(one_or_more, str) else one_or_more


Name = Annotated[
    str,
    AfterValidator(_name),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": _LONGEST,
            "pattern": f"^{_NAME}$",
            "not": {"enum": list(RESERVED)},
        }
    ),
]
Variable = Annotated[
    str, AfterValidator(_variable), WithJsonSchema({"type": "string", "pattern": f"^{_VARIABLE}$"})
]


def filled_in(pattern: str, **names: str) -> str:
    """A pattern with names in the place of ``{region}`` and the like.

    Args:
        pattern: of the path of a histogram.
        names: by what stands for them.
    """
    for key, name in names.items():
        pattern = pattern.replace(f"{{{key}}}", name)
    return pattern


def _path(text: str) -> str:
    for unknown in re.findall(r"\{[^}]*\}?|\}", text):
        if unknown[1:-1] not in _PLACEHOLDERS:
            allowed = ", ".join(f"{{{name}}}" for name in _PLACEHOLDERS)
            raise refuse(f"{unknown} is not allowed; names that can stand here are {allowed}")
    return text


HistogramPath = Annotated[Text, AfterValidator(_path)]
"""Of a histogram in a ROOT file, see :func:`filled_in`."""
ExpressionText = Annotated[Text, AfterValidator(_expression)]
"""An expression of branches, see :mod:`hone.analysis.expressions`."""
Names = Annotated[list[str], Len(1), AfterValidator(unique)]
Samples = Annotated[str | Names, either("the name of a sample, or a list of them")]
Files = Annotated[Text | Annotated[list[Text], Len(1)], either("a path, or a list of paths")]
Edges = Annotated[list[float], Len(2), AfterValidator(rising)]
