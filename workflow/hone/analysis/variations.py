"""One side of a systematic: a varied density, varied events, weights or histograms."""

import json
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from unicodedata import normalize

from annotated_types import Len
from pydantic import AfterValidator, TypeAdapter, WrapValidator, model_validator

from hone.analysis.distributions import Distribution
from hone.analysis.fields import (
    ExpressionText,
    Files,
    HistogramPath,
    several,
)
from hone.analysis.settings import NonNegative, Positive, Settings, Text, refuse

if TYPE_CHECKING:  # it imports JAX
    pass

__all__ = ["SAMPLE", "SIDES", "Side", "Variation"]

SIDES = ("up", "down")
SAMPLE = "{sample}"
"""Stands for the sample's name."""


def _as_in_expressions(replaced: dict[str, str]) -> dict[str, str]:
    """Names that are replaced, spelt as Python spells those in expressions."""
    return {normalize("NFKC", name): other for name, other in replaced.items()}


class Variation(Settings):
    """One side of a systematic of a sample with ntuples: how its events or weights differ; or of
    one with histograms: where its varied histograms are."""

    files: Files | None = None
    path: HistogramPath | None = None
    tree: Text | None = None
    weight: ExpressionText | None = None
    replace: Annotated[dict[Text, Text], Len(1), AfterValidator(_as_in_expressions)] | None = None
    normalise: Literal["nominal", "own"] | None = None
    sum_of_weights: Positive | None = None
    muon_scale: Positive | None = None
    muon_resolution: NonNegative | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = {key for key, value in self if value is not None}
        if not given:
            raise refuse(
                "{} is not allowed: a variation has files, a tree, a weight or branches to replace "
                "(of histograms a path)"
            )
        for key in ("files", "tree"):
            texts = several(getattr(self, key) or [])
            braces = {found for text in texts for found in re.findall(r"\{[^}]*\}?|\}", text)}
            for unknown in sorted(braces - {SAMPLE}):
                raise refuse(f"{unknown} is not allowed; {SAMPLE} is the sample's name", key)
        for branch, other in (self.replace or {}).items():
            if branch == other:
                raise refuse(f"{branch!r} is replaced by itself", "replace")
        normalisation = given & {"normalise", "sum_of_weights"}
        if normalisation and not given & {"files", "tree"}:
            key = min(normalisation)
            raise refuse("only varied files or trees have a normalisation", key)
        if self.sum_of_weights is not None and self.normalise == "nominal":
            raise refuse("there is a sum_of_weights as well; give one of both", "normalise")
        return self

    def of(self, sample: str) -> "Variation":
        """The same, with the sample's name in files and tree."""
        files, tree = self.files, self.tree
        if isinstance(files, str):
            files = files.replace(SAMPLE, sample)
        elif files is not None:
            files = [file.replace(SAMPLE, sample) for file in files]
        tree = tree and tree.replace(SAMPLE, sample)
        return self.model_copy(update={"files": files, "tree": tree})

    def muons(self) -> dict[str, float]:
        """What differs in the muons of dimuons."""
        found = {"muon_scale": self.muon_scale, "muon_resolution": self.muon_resolution}
        return {key: value for key, value in found.items() if value is not None}

    @property
    def has_events(self) -> bool:
        """Whether it has events of its own, not only other weights."""
        return any(value is not None for key, value in self if key != "weight")

    @property
    def has_own_normalisation(self) -> bool:
        """Whether its events are scaled to the sample's yield, instead of having its factor."""
        return self.sum_of_weights is not None or self.normalise == "own"


def _of_its_type(value: Any, _: Any) -> Any:
    """Errors are those of a distribution where there is a list, and of a mapping elsewhere."""
    if isinstance(value, list):
        return TypeAdapter(Distribution).validate_python(value)
    if not isinstance(value, dict | Variation):
        raise refuse(
            f"{json.dumps(value, default=str)} is not allowed; allowed are a distribution (a list "
            "of blocks), and a mapping with files, tree, weight or replace (of dimuons muon_scale "
            "or muon_resolution)"
        )
    return Variation.model_validate(value)


Side = Annotated[Variation | Distribution, WrapValidator(_of_its_type)]
