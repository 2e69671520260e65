"""What is in ``fit.json``, for who writes and who reads it.

What does not exist is None, with a reason in ``reasons``.
"""

from typing import Literal, TypedDict

from hone.results.documents import Numbers

__all__ = [
    "Breakdown",
    "Fit",
    "FitYields",
    "FittedData",
    "GoodnessByToys",
    "Group",
    "Impacts",
    "LimitParts",
    "ParameterValues",
    "Parameters",
    "Pulls",
]


class ParameterValues(TypedDict):
    """Some parameters of a fit (K)."""

    labels: list[str]
    bestfit: list[float]
    uncertainty: list[float] | None
    """0 if fixed or at a bound."""
    prefit_value: list[float]
    prefit_uncertainty: Numbers
    """Width of the constraint; None without one."""


class GoodnessByToys(TypedDict):
    """p-value of the saturated goodness of fit, by toys drawn at the best fit."""

    p: float
    error: float | None
    """Binomial standard deviation; None if no toy, or every toy, is as far from its best fit."""
    toys: int
    """Whose fits converged."""


class Parameters(ParameterValues):
    """All parameters (P) of the unconditional fit."""

    correlation: list[list[float]] | None
    on_bound: list[str]
    twice_nll: float
    deviance: float
    degrees_of_freedom: int
    goodness_of_fit: float | None
    """Chi-squared probability of the deviance."""
    goodness_of_fit_toys: GoodnessByToys | None
    bins: int


class FittedData(TypedDict):
    """The data of a fit: the observation, or nominal Asimov data at ``mu``."""

    data: Literal["observation", "expected"]
    mu: float | None
    negative: bool
    """Whether the POI may be negative, unlike in limits."""


class Pulls(ParameterValues, FittedData):
    """All parameters (P) of the fit that ranking and breakdown are of, too."""

    correlation: list[list[float]]
    on_bound: list[str]


class Impacts(ParameterValues, FittedData):
    """Shifts of the POI in fits with one parameter fixed one standard deviation from its best fit.

    None if there is no width, if the value is outside the bounds, or if the fit did not converge.
    """

    prefit_up: Numbers
    prefit_down: Numbers
    postfit_up: Numbers
    postfit_down: Numbers
    linear: list[float]
    """By the covariance, for the post-fit width up."""
    cut_off: list[str]
    """Parameters whose shifts are limited by the bound of the POI."""
    parameters: int
    """Number of free parameters besides the POI."""
    poi_value: float
    poi_uncertainty: float


class Group(TypedDict):
    """Uncertainty of the POI from a group, see :mod:`hone.likelihood.infer.impacts`."""

    parameters: list[str]
    uncertainty: float
    """Difference in quadrature to a fit with the group fixed at its best fit."""
    refitted: bool
    """Whether that is from a fit, or else, of the smaller of many groups, from the Hessian."""
    component: float
    """From the auxiliary measurements of the group, by the Hessian."""


class Breakdown(FittedData):
    """Parts of the uncertainty of the POI, in the fit that the ranking is of.

    Uncertainties are half the widths of intervals where -2 ln L rises by 1; where that of the whole
    fit ends at a bound of the POI, the other side alone.
    """

    total: float
    interval: Numbers
    """Its ends, in the whole fit; None where a bound of the POI comes first."""
    hessian: float
    """The total by the Hessian; far from it, the likelihood is not Gaussian."""
    statistical: float
    """With all parameters fixed that have a constraint; normalisations without one are free."""
    counts: float
    """With all other parameters fixed: less than ``statistical`` by free normalisations."""
    systematic: float
    """The difference of total and statistical in quadrature."""
    data_component: float | None
    """From the counts in the bins: with the groups' components it adds up to ``hessian`` in
    quadrature. None if these are larger."""
    free: Group | None
    """Normalisations without a constraint."""
    groups: dict[str, Group]
    """Of parameters with a constraint."""
    on_bound: list[str]
    """Parameters at a bound."""


class FitYields(TypedDict):
    """Yields of a channel (B,), with total uncertainties."""

    samples: dict[str, list[float]]
    uncertainty: list[float]
    """Each parameter contributes the larger of its shifts."""
    below: list[float]
    """Width of the band below, before the fit by shifts to that side; after it ``uncertainty``."""
    above: list[float]
    total: float
    total_uncertainty: float


class LimitParts(TypedDict):
    """Median expected limits on nominal Asimov data; None for one that does not exist."""

    expected: float | None
    statistical: float | None
    """With all parameters fixed that have a constraint."""
    groups: dict[str, float | None]
    """With those of one group fixed."""


class Fit(TypedDict):
    """``fit.json``."""

    poi: str
    signals: list[str]
    """Samples that are scaled by the POI."""
    blind: bool
    """The observation is the expectation, and not shown."""
    fit: Parameters | None
    pulls: Pulls | None
    ranking: Impacts | None
    breakdown: Breakdown | None
    limit: LimitParts | None
    observation: dict[str, list[float]] | None
    """Counts of each channel."""
    prefit: dict[str, FitYields]
    postfit: dict[str, FitYields] | None
    reasons: dict[str, str]
    notes: list[str]
