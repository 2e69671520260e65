"""What is in the JSON files about a trained observable: types for who writes and who reads them."""

from typing import NotRequired, TypedDict

__all__ = ["Differences", "FeatureImportance", "GradientCheck", "Importance"]

Numbers = list[float | None]


class Differences(TypedDict):
    """Derivatives of the objective in D directions, by JAX and by differences with H steps.

    Numbers that are not finite are None.
    """

    objective: float
    parameters: int
    """Their number."""
    gradient_norm: float
    steps: list[float]
    autodiff: list[float]
    differences: list[Numbers]
    """(D, H)"""
    relative: list[Numbers]
    """(D, H): distance of both over the larger of the derivative and its expected size, |gradient|
    / sqrt(parameters)."""


class GradientCheck(Differences):
    """``gradient.json``."""

    seed: int
    objective_name: str
    precision: str
    """Of the network in training."""
    reason: str | None
    """Why there are no differences."""


class FeatureImportance(TypedDict):
    """What happens if a feature is permuted."""

    name: str
    expected_cls: Numbers
    """Of all repetitions."""
    log_ratio: float | None
    """Mean of ln(CLs / CLs before)."""
    log_ratio_error: float | None
    """Its standard deviation over repetitions."""
    reason: NotRequired[str]


class Importance(TypedDict):
    """``importance.json``."""

    expected_cls: float | None
    repetitions: int
    events: dict[str, int]
    """Of each set."""
    features: list[FeatureImportance]
    """The largest log_ratio first."""
