"""Names of objectives in the config."""

import difflib
import json
import re
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from hone.analysis.own_code import PATTERN
from hone.analysis.settings import refuse

__all__ = ["CLASSIFIERS", "OBJECTIVES", "ObjectiveName"]

OBJECTIVES = (
    "cls", "limit", "p0", "sigma_mu", "generalised_variance", "trace", "z_a", "z_a_uncertain",
    "inverse_z_a", "inverse_z_a_uncertain", "bce", "bce_augmented",
)  # fmt: skip
CLASSIFIERS = ("bce", "bce_augmented")
"""Objectives of events, which do not depend on bins."""


def _objective(text: str) -> str:
    if text not in OBJECTIVES and not re.fullmatch(PATTERN, text):
        close = difflib.get_close_matches(text, OBJECTIVES, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise refuse(
            f"there is no objective {json.dumps(text)}; {hint}allowed are {', '.join(OBJECTIVES)}, "
            "and module:function"
        )
    return text


ObjectiveName = Annotated[
    str,
    AfterValidator(_objective),
    WithJsonSchema({"anyOf": [{"enum": list(OBJECTIVES)}, {"pattern": f"^{PATTERN}$"}]}),
]
