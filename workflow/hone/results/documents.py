"""What is in the JSON files of results: types for who writes and who reads them.

What does not exist is None, with a reason in ``reasons``.
"""

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict

from pydantic import JsonValue

from hone.running.job_records import Provenance

__all__ = [
    "Agreement", "LimitOfSet", "Overtraining",
    "SelectedSeed",
    "ClsScan", "Contour", "ContourData", "ContourScans", "DataSet",
    "Floor", "GradientField", "Likelihood", "Limits",
    "Numbers", "PValues", "Profile", "ProfileCurve", "PyhfCheck",
    "Row", "StoredFit", "ToyData", "ToyHistogram", "ToyTest", "Trial", "TunedSettings",
    "Verdict",
]  # fmt: skip

Numbers = list[float | None]
Row = Mapping[str, Any]
"""A row of ``comparison.csv``, or of the table that :func:`.gains.compared` makes of it."""
DataSet = Literal["asimov", "observed"]
"""Nominal Asimov data at POI 1, or the observation."""


class PyhfCheck(TypedDict):
    """pyhf's CLs at each limit, and its expected CLs at mu = 1."""

    observed_limit: float | None
    expected_limits: Numbers
    expected_limits_postfit: Numbers
    expected_cls: Numbers
    max_difference: float | None
    """Largest :func:`.certify.difference` of those that pass; None if pyhf has no value."""
    tolerance: float
    logarithmic_below: float
    agrees: bool
    notes: list[str]
    """On fits of pyhf that failed or ended above hone's minimum."""
    pyhf: str
    """Its version."""


class ClsScan(TypedDict):
    """CLs against the signal strength."""

    mu: list[float]
    observed: list[float] | None
    expected: list[list[float]]
    """Five curves, -2 to +2 sigma, after the fit to the observation."""


class Limits(TypedDict):
    """``limits.json``. Sets of five are in pyhf's order, -2 to +2 sigma; CLs are at mu = 1.

    ``expected_*`` and ``sigma_mu`` are on nominal Asimov data, ``*_postfit`` are pyhf's expected
    values for the observation.
    """

    observed_limit: float | None
    expected_limits: Numbers
    observed_cls: float | None
    expected_cls: list[float]
    observed_p0: float | None
    expected_p0: float | None
    sigma_mu: float
    sigmas: NotRequired[dict[str, float]]
    """With ``measure``: as ``sigma_mu``, of each strength by name, with all of them at 1."""
    expected_limits_postfit: Numbers
    expected_cls_postfit: Numbers
    expected_p0_postfit: float | None
    level: float
    """CLs at a limit."""
    poi: str
    npars: int
    reasons: dict[str, str]
    notes: list[str]
    without_staterror: NotRequired[dict[str, float | None]]
    """Of :func:`.bootstrap.nominal_without_staterror`."""
    pyhf_check: NotRequired[PyhfCheck]
    scan: NotRequired[ClsScan]
    provenance: NotRequired[Provenance]


class Floor(TypedDict, total=False):
    """``floor.json``: figures of merit that no observable can be below."""

    expected_cls: float | None
    expected_limit: float | None
    expected_p0: float | None
    sigma_mu: float | None
    in_bins: dict[str, dict[str, float | None]]
    """The lowest that are found for observables with so many bins; each has its own bins."""
    classifier_expected_cls: dict[str, float | None]
    """Of the exact-density classifier, by number of bins."""
    reason: str
    of_observables: "dict[str, Floor]"
    """Of observables with a subset of the systematics."""


class SelectedSeed(TypedDict):
    """``selected.json``."""

    seed: int
    validation_objective: dict[str, float]
    """The smallest of each seed."""


class Trial(TypedDict):
    """A trial of settings that are searched."""

    trial: int
    """Its number in the grid."""
    settings: dict[str, JsonValue]
    validation_objective: float | None
    """The smallest; None if the training failed."""


class TunedSettings(TypedDict):
    """``tuned.json``."""

    trial: int
    """The one that was chosen."""
    settings: dict[str, JsonValue]
    """Its settings, with which the observable is trained."""
    trials: list[Trial]


class StoredFit(TypedDict):
    """A :class:`hone.likelihood.infer.best_fit.BestFit` without its data."""

    value: float
    pars: list[float]
    fixed: list[bool]
    at_bound: list[bool]
    errors: list[float] | None
    correlation: list[list[float]] | None
    reason: str | None


class ProfileCurve(TypedDict):
    """-2 delta ln L against the POI, for one data set."""

    profiled: Numbers
    """All other parameters fitted; None where a fit did not converge."""
    fixed: Numbers
    """All other parameters at the best fit; None where a rate is negative."""
    best_fit: float
    at_bound: bool
    interval: Numbers
    """Where the profiled curve crosses 1 below and above the best fit; None if not in the scan."""


class Profile(TypedDict):
    """Scans of the POI for nominal Asimov data at POI 1 and for the observation."""

    mu: list[float]
    asimov: NotRequired[ProfileCurve]
    observed: NotRequired[ProfileCurve]


class ContourData(TypedDict):
    """-2 delta ln L over two parameters, for one data set."""

    q: list[Numbers]
    """(points of ``value``, points of ``mu``); None where a fit did not converge."""
    best_fit: list[float]
    covariance: list[list[float]] | None


class GradientField(TypedDict):
    """Gradient of -2 ln L on a grid of two parameters."""

    mu: list[float]
    value: list[float]
    d_mu: list[Numbers]
    d_value: list[Numbers]


class ContourScans(TypedDict, total=False):
    """By data set."""

    asimov: ContourData
    observed: ContourData


class Contour(ContourScans):
    """Scans of the POI and the nuisance parameter with the largest impact on it."""

    parameter: str
    correlation: float
    levels: list[float]
    mu: list[float]
    value: list[float]
    """Of the nuisance parameter."""
    gradient: GradientField


class Asymptotic(TypedDict):
    """Asymptotic distribution of the test statistic."""

    q: list[float]
    density: list[float]
    zero: float
    """Probability of 0."""


class ToyHistogram(TypedDict):
    """Test statistics of the toys of a hypothesis."""

    kept: int
    """Toys with a statistic: the fits of others failed."""
    counts: list[int]
    """Of those above 0, in bins."""
    zero: int
    """Toys at 0."""
    beyond: int
    """Toys beyond the last edge."""
    asymptotic: Asymptotic


class PValues(TypedDict):
    """p-values at the median or at the observation, and errors of those by toys."""

    clsb: float
    clb: float
    cls: float | None
    """None where no background toy is as extreme."""
    cls_expected: NotRequired[list[float]]
    cls_expected_error: NotRequired[Numbers]
    """Of asymptotic ones the binomial errors that as many toys would have."""
    clsb_error: NotRequired[float | None]
    clb_error: NotRequired[float | None]
    cls_error: NotRequired[float | None]


class Verdict(TypedDict):
    """p-values both ways."""

    toys: PValues
    asymptotic: PValues


class ToyData(TypedDict):
    """The test of one data set."""

    q: float
    q_asimov: float
    """Of the Asimov data without signal."""
    edges: list[float]
    """Of the histograms, up to the 99.8 % quantile of the toys or further."""
    signal_background: ToyHistogram
    background: ToyHistogram
    cls: Verdict


class ToyTest(TypedDict):
    """A test with toys and with asymptotic formulae."""

    mu: float
    ntoys: int
    """Of each hypothesis."""
    expected: ToyData
    """For nominal Asimov data without a signal."""
    observed: ToyData | None
    at_limit: NotRequired[bool]
    """Whether ``mu`` is the median expected limit."""


class Likelihood(TypedDict):
    """``likelihood.json``."""

    seed: int
    poi: str
    best_fit: dict[str, StoredFit]
    """By data set."""
    profile: Profile | None
    contour: Contour | None
    toys: ToyTest | None
    reasons: dict[str, str]


class LimitOfSet(TypedDict):
    """Median expected limit on mu of a set of events, without staterror."""

    limit: float | None
    """Without the bias of few events, as the bootstrap sees it; None if it does not exist."""
    error: float | None
    """Standard deviation over bootstrap replicas of the events."""
    fewest: float
    """Smallest effective number of background events in a bin. With fewer than about ten, an empty
    bin was as likely, and the bootstrap cannot know."""


class Agreement(TypedDict):
    """Scores of a process in training events against those of evaluation events."""

    distance: float
    """The largest of the cumulative distributions."""
    p: float
    """Kolmogorov-Smirnov probability of a larger one."""


class Overtraining(TypedDict):
    """``overtraining.json``."""

    limits: dict[str, LimitOfSet]
    """By set: ``training``, ``validation`` and ``evaluation``."""
    scores: dict[str, Agreement]
    """By process."""
