"""Documents of HS3, as far as HistFactory goes; B bins of a channel.

The standard: https://github.com/hep-statistics-serialization-standard.
"""

from typing import Literal, NotRequired, TypedDict

__all__ = [
    "Analysis", "Axis", "BinFactors", "Binned", "Channel", "Constraint", "Distribution",
    "Document", "Domain", "Errors", "Factors", "HistoSys", "Likelihood", "Metadata", "Modifier",
    "ModifierOfBins", "NormFactor", "NormSys", "Package", "Point", "Sample", "SampleData",
    "ScalarModifier", "Setting", "ShapeSys", "Templates", "Widths",
]  # fmt: skip


class Axis(TypedDict):
    """Of an observable, with equal bins; or the range of a parameter."""

    name: str
    min: float
    max: float
    nbins: NotRequired[int]


class SampleData(TypedDict):
    """Yields and their statistical errors (B,)."""

    contents: list[float]
    errors: NotRequired[list[float]]


class Factors(TypedDict):
    """On a yield, at one standard deviation."""

    lo: float
    hi: float
    interpolation: NotRequired[int | str]


class Templates(TypedDict):
    """Yields at one standard deviation."""

    lo: SampleData
    hi: SampleData
    interpolation: NotRequired[int | str]


class _Modifier(TypedDict):
    name: str
    constraint: NotRequired[str]
    constraint_name: NotRequired[str]
    constraint_type: NotRequired[str]
    interpolation: NotRequired[int | str]


class NormFactor(_Modifier):
    """The parameter is the factor; with a constraint it is what pyhf calls the luminosity."""

    type: Literal["normfactor"]
    parameter: str


class NormSys(_Modifier):
    """A factor that the parameter interpolates."""

    type: Literal["normsys"]
    parameter: str
    data: Factors


class HistoSys(_Modifier):
    """A template that the parameter interpolates."""

    type: Literal["histosys"]
    parameter: str
    data: Templates


class Widths(TypedDict):
    """Relative uncertainties (B,)."""

    vals: list[float]


class ShapeSys(_Modifier):
    """A factor for each bin with the uncertainty of its yield."""

    type: Literal["shapesys"]
    parameters: list[str]
    data: Widths


class BinFactors(_Modifier):
    """A factor for each bin, free or with the error of the sample's data."""

    type: Literal["shapefactor", "staterror"]
    parameters: list[str]


ScalarModifier = NormFactor | NormSys | HistoSys
ModifierOfBins = ShapeSys | BinFactors
Modifier = ScalarModifier | ModifierOfBins


class Sample(TypedDict):
    """A sample in a channel."""

    name: str
    data: SampleData
    modifiers: NotRequired[list[Modifier]]


class Errors(TypedDict):
    """ROOT's settings of the statistical errors of a channel."""

    constraint_type: str
    relThreshold: float


class Channel(TypedDict):
    """A region of the fit."""

    name: str
    type: Literal["histfactory_dist"]
    axes: list[Axis]
    samples: list[Sample]
    staterror: NotRequired[Errors]


class Constraint(TypedDict):
    """A normal constraint; ``mean`` and ``sigma`` are numbers or names of parameters."""

    name: str
    type: Literal["gaussian_dist"]
    x: str
    mean: float | str
    sigma: float | str


Distribution = Channel | Constraint


class Binned(TypedDict):
    """Counts (B,) of a channel."""

    name: str
    type: Literal["binned"]
    axes: list[Axis]
    contents: list[float]


class Likelihood(TypedDict):
    """Channels, and the data of each."""

    name: str
    distributions: list[str]
    data: list[str]


class Analysis(TypedDict):
    """A likelihood and its parameters of interest."""

    name: str
    likelihood: str
    domains: NotRequired[list[str]]
    parameters_of_interest: NotRequired[list[str]]
    init: NotRequired[str]


class Domain(TypedDict):
    """Ranges of parameters."""

    name: str
    type: Literal["product_domain"]
    axes: list[Axis]


class Setting(TypedDict):
    """Of a parameter."""

    name: str
    value: NotRequired[float]
    const: NotRequired[bool]


class Point(TypedDict):
    """Values of parameters."""

    name: str
    parameters: list[Setting]


class Package(TypedDict):
    """What has written a document."""

    name: str
    version: str


class Metadata(TypedDict):
    """Version of the standard, and of what has written a document."""

    hs3_version: str
    packages: list[Package]


class Document(TypedDict):
    """The whole."""

    metadata: Metadata
    distributions: list[Distribution]
    data: list[Binned]
    likelihoods: list[Likelihood]
    analyses: NotRequired[list[Analysis]]
    domains: NotRequired[list[Domain]]
    parameter_points: NotRequired[list[Point]]
