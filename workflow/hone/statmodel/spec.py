"""Workspaces in the JSON format of pyhf, whose schema says what is valid."""

from typing import TypedDict

from hone.analysis.modifiers import PyhfModifier, PyhfParameter

__all__ = [
    "Channel", "Measurement", "MeasurementConfig", "Modifier", "Observation", "Parameter", "Sample",
    "Workspace",
]  # fmt: skip


class Modifier(PyhfModifier):
    """What a parameter changes of a sample in a channel."""

    name: str
    """Of the parameter."""


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


class Parameter(PyhfParameter):
    """Settings of a parameter that are not those of its modifiers."""

    name: str


class MeasurementConfig(TypedDict):
    """The parameter of interest, and settings of parameters."""

    poi: str
    parameters: list[Parameter]


class Measurement(TypedDict):
    """A fit of the workspace."""

    name: str
    config: MeasurementConfig


class Workspace(TypedDict):
    """``workspace.json``."""

    channels: list[Channel]
    observations: list[Observation]
    measurements: list[Measurement]
    version: str
