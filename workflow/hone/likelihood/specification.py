"""Workspaces in the JSON format of pyhf, whose schema says what is valid; B bins of a channel."""

from typing import Literal, NotRequired, TypedDict

__all__ = [
    "BinErrors", "Channel", "Factor", "Factors", "Histosys", "Measurement", "MeasurementConfig",
    "Modifier", "Normsys", "Observation", "Parameter", "Sample", "Specification", "Templates",
    "Workspace",
]  # fmt: skip


class Factors(TypedDict):
    """On a yield, at one standard deviation."""

    hi: float
    lo: float


class Templates(TypedDict):
    """Yields (B,) at one standard deviation."""

    hi_data: list[float]
    lo_data: list[float]


class Normsys(TypedDict):
    """A factor on all bins that the parameter interpolates."""

    name: str
    """Of the parameter, as of all modifiers."""
    type: Literal["normsys"]
    data: Factors


class Histosys(TypedDict):
    """A template that the parameter interpolates."""

    name: str
    type: Literal["histosys"]
    data: Templates


class BinErrors(TypedDict):
    """A factor for each bin, with these uncertainties of the yields (B,)."""

    name: str
    type: Literal["shapesys", "staterror"]
    data: list[float]


class Factor(TypedDict):
    """The parameter is the factor, of all bins or of each."""

    name: str
    type: Literal["lumi", "normfactor", "shapefactor"]
    data: None


Modifier = Normsys | Histosys | BinErrors | Factor
"""What a parameter changes of a sample in a channel."""


class Sample(TypedDict):
    """A sample in a channel."""

    name: str
    data: list[float]
    """Yields (B,)."""
    modifiers: list[Modifier]


class Channel(TypedDict):
    """A region of the fit."""

    name: str
    samples: list[Sample]


class Observation(TypedDict):
    """Counts (B,) of a channel."""

    name: str
    data: list[float]


class Parameter(TypedDict):
    """Settings of a parameter that are not those of its modifiers."""

    name: str
    inits: NotRequired[list[float]]
    bounds: NotRequired[list[list[float]]]
    auxdata: NotRequired[list[float]]
    sigmas: NotRequired[list[float]]
    fixed: NotRequired[bool]


class MeasurementConfig(TypedDict):
    """The parameter of interest, and settings of parameters."""

    poi: str
    parameters: list[Parameter]


class Measurement(TypedDict):
    """A fit of the workspace."""

    name: str
    config: MeasurementConfig


class Specification(TypedDict):
    """Of which pyhf makes a model."""

    channels: list[Channel]
    parameters: NotRequired[list[Parameter]]


class Workspace(TypedDict):
    """``workspace.json``."""

    channels: list[Channel]
    observations: list[Observation]
    measurements: list[Measurement]
    version: str
