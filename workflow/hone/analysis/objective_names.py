"""Names of objectives in the config."""

import json
import re
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from hone.analysis.own_code import PATTERN
from hone.analysis.settings import refuse
from hone.errors import did_you_mean

__all__ = ["CLASSIFIERS", "OBJECTIVES", "ObjectiveName"]

OBJECTIVES = (
    "cls", "limit", "p0", "sigma_mu", "generalised_variance", "trace", "z_a", "z_a_uncertain",
    "inverse_z_a", "inverse_z_a_uncertain", "bce", "bce_augmented", "cross_entropy",
)  # fmt: skip
CLASSIFIERS = ("bce", "bce_augmented", "cross_entropy")
"""Objectives of events, which do not depend on bins."""


def _objective(text: str) -> str:
    if text not in OBJECTIVES and not re.fullmatch(PATTERN, text):
        hint = " ".join([did_you_mean(text, OBJECTIVES), "allowed are"]).strip()
        raise refuse(
            f"there is no objective {json.dumps(text)}; {hint} {', '.join(OBJECTIVES)}, and "
            "module:function"
        )
    return text


ObjectiveName = Annotated[
    str,
    AfterValidator(_objective),
    WithJsonSchema({"anyOf": [{"enum": list(OBJECTIVES)}, {"pattern": f"^{PATTERN}$"}]}),
]
