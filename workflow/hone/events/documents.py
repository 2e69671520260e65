"""What is in the JSON files that survey the inputs: types for who writes and who reads them."""

from collections.abc import Mapping
from typing import NotRequired, TypedDict

__all__ = [
    "FewNumbers", "RegionSums", "Sentinel", "SurveyedFile", "SurveyedSet", "Survey", "Surveys",
    "Tallied",
]  # fmt: skip


class SurveyedFile(TypedDict):
    """A file of a source."""

    path: str
    events: int
    """That belong to the sample."""
    selected: NotRequired[str]
    """Which these are, :meth:`hone.events.membership.Membership.text`, if not all."""
    digest: NotRequired[str]
    """Of these events, in the branches that were read."""
    fingerprints: NotRequired[str]
    """Of these events, :meth:`hone.events.fingerprints.Fingerprints.text`."""
    repeated: NotRequired[float]
    """About which part of these events repeats others, if any."""
    contents: NotRequired[str]
    """Digest of the file, if it is the user's own."""


class SurveyedSet(TypedDict):
    """The training, validation or evaluation events of a source, before the regions' selections."""

    events: int
    weight: float
    """Sum of nominal weights."""


RegionSums = TypedDict(
    "RegionSums",
    {
        "events": int,
        "yield": float,
        "error": float,
        "largest": float,
        "negative": float,
        "bins": NotRequired[list[float]],
    },
)
"""A template in a region: events with a weight, yield and its MC error, the share of the yield
that the largest weight has, that of the sum without signs that negative ones have, and in regions
that are not in the bins of an observable the yield of each bin."""


class FewNumbers(TypedDict):
    """A branch whose numbers are too few to divide the events of a source by."""

    branch: str
    found: int
    """Different numbers."""
    needed: int


class Sentinel(TypedDict):
    """Repeated values far from all others: marks for missing values."""

    values: list[float]
    part: float
    """Of the events."""
    median: float
    """Of the other values."""
    user: NotRequired[str]
    """What takes them for values, of what is no feature."""


class FarOut(TypedDict):
    """A few values so far out that they alone would set the scale of a feature."""

    values: list[float]
    """Different ones, rising."""
    events: int
    low: float
    """The smallest of the other values."""
    high: float
    median: float


class Tallied(TypedDict):
    """Events, sums of weights, and the factor from weights to yields."""

    source: str
    tree: str
    files: list[SurveyedFile]
    sets: dict[str, SurveyedSet]
    factor: float
    """Yield per unit of weight; 1 if it is the sample's."""
    divided_by: float | None
    """Sum of the weights of all events in the files, if the factor is divided by that."""
    few_numbers: NotRequired[FewNumbers]
    """If ``split.branch`` has too few."""


class Survey(Tallied):
    """``inputs/<source>.json``."""

    sample: str
    split: bool
    """Whether events are divided into sets by a hash."""
    sample_factor: bool
    """Whether the factor is the sample's: here it is 1."""
    scored: dict[str, dict[str, int]]
    """Events by set and region, of regions in the bins of an observable."""
    sentinels: dict[str, Sentinel]
    """By feature that has any."""
    far_out: dict[str, FarOut]
    """By feature that has any."""
    regions: dict[str, dict[str, RegionSums]]
    """By region and template."""


Surveys = Mapping[str, Survey]
"""By source."""
