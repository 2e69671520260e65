"""Check of hone's results by pyhf, which tests each limit at the value found."""

import logging
import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pyhf

from hone.errors import FitError
from hone.likelihood import infer
from hone.likelihood.histfactory import Model
from hone.results.documents import Limits, Numbers, PyhfCheck
from hone.results.pyhf_fits import Optimiser

__all__ = ["LOGARITHMIC_BELOW", "TOLERANCE", "certify", "difference"]

log = logging.getLogger(__name__)

TOLERANCE = 1e-3
"""Largest :func:`difference` that passes."""
LOGARITHMIC_BELOW = 1e-2
"""CLs below which differences are those of ln CLs."""
_ROOT = TOLERANCE / 3
"""Error of the root of a test statistic that changes an expected CLs by up to the tolerance: two
sigma below the median, CLs falls 2.4 times as fast as the root rises."""
# Smaller p-values are denormal numbers.
_SMALLEST = float(np.finfo(float).tiny)


def difference(cls: float, other: float) -> float:
    """Difference of two CLs, or of their logarithms if one is below 0.01.

    An absolute difference of 1e-3 would say nothing about a CLs of 4e-7.
    """
    if min(cls, other) >= LOGARITHMIC_BELOW:
        return abs(cls - other)
    return float(abs(np.log(max(cls, _SMALLEST)) - np.log(max(other, _SMALLEST))))


def certify(
    model: Model, oracle: pyhf.Model, nominal: Any, observed: Any, found: Limits, level: float
) -> PyhfCheck:
    """Test each limit of ``found`` with pyhf, and compute the expected CLs at mu = 1.

    Args:
        model: the compiled model.
        oracle: the pyhf model it came from.
        nominal: nominal Asimov data (D,), for the ``expected_*`` numbers.
        observed: the observation with auxiliary data (D,), for the observed and post-fit numbers.
        found: ``limits.json`` without its check.
        level: CLs at a limit.

    Raises:
        FitError: pyhf disagrees by more than ``TOLERANCE``, and not because of its fits.
    """
    notes: list[str] = []
    differences: list[float] = []
    # The five expected CLs at mu = 1 are of one test.
    tests: dict[tuple[float, int], Any] = {}
    optimisers = [Optimiser(tolerance=tolerance) for tolerance in (1e-10, None)]

    def test(name: str, mu: Any, data: Any, index: int, wanted: float) -> float | None:
        """pyhf's CLs: the observed one (index -1), or one of the expected set."""
        if mu is None:
            return None
        if (mu, id(data)) not in tests:
            tests[mu, id(data)] = _pyhf_hypotest(mu, data, oracle, optimisers)
        tested = tests[mu, id(data)]
        if tested is None:
            note(f"{name}: pyhf's own fit failed")
            return None
        observed_cls, expected, calculator = tested
        value = float(observed_cls if index < 0 else expected[index])
        if not np.isfinite(value):
            note(f"{name}: pyhf's CLs is not a number")
            return None
        distance = difference(value, wanted)
        if distance <= TOLERANCE:
            differences.append(distance)
            return value
        worse = _pyhf_above(model, oracle, mu, data, calculator.fitted_pars)
        if not worse:
            raise FitError(
                f"pyhf finds CLs = {value:.6g} for {name} at mu = {mu:.6g}, hone {wanted:.6g}, "
                "and pyhf's fits are as good as hone's: please report this workspace"
            )
        note(f"{name}: pyhf finds CLs = {value:.6g}, but {worse}")
        return value

    def note(text: str) -> None:
        notes.append(text)
        log.warning(text)

    def limits(key: Literal["expected_limits", "expected_limits_postfit"], data: Any) -> Numbers:
        return [test(f"{key}[{i}]", mu, data, i, level) for i, mu in enumerate(found[key])]

    return {
        "observed_limit": test("observed_limit", found["observed_limit"], observed, -1, level),
        "expected_limits": limits("expected_limits", nominal),
        "expected_limits_postfit": limits("expected_limits_postfit", observed),
        "expected_cls": [
            test(f"expected_cls[{i}]", 1.0, nominal, i, wanted)
            for i, wanted in enumerate(found["expected_cls"])
        ],
        "max_difference": max(differences, default=None),
        "tolerance": TOLERANCE,
        "logarithmic_below": LOGARITHMIC_BELOW,
        "agrees": not notes,
        "notes": notes,
        "pyhf": pyhf.__version__,
    }


def _pyhf_hypotest(
    mu: float, data: Any, oracle: pyhf.Model, optimisers: Sequence[Optimiser]
) -> Any:
    """pyhf's hypothesis test with its calculator; None if its fits fail with each optimiser."""
    logger = logging.getLogger("pyhf.optimize.mixins")
    level = logger.level
    # pyhf logs a traceback for each failed fit; failures are noted here instead.
    logger.setLevel(logging.CRITICAL)
    try:
        for optimiser in optimisers:
            pyhf.set_backend("numpy", optimiser)
            try:
                with np.errstate(invalid="ignore", divide="ignore"):
                    return pyhf.infer.hypotest(
                        mu, data, oracle, return_expected_set=True, return_calculator=True
                    )
            except pyhf.exceptions.FailedMinimization:
                continue
    finally:
        logger.setLevel(level)
    return None


def _pyhf_above(model: Model, oracle: pyhf.Model, mu: float, data: Any, fitted: Any) -> str:
    """Which of the five fits of pyhf ended above hone's minimum, or at a negative rate."""
    asimov = np.asarray(oracle.expected_data(fitted.asimov_pars))
    found = []
    # Of data and Asimov data, the test statistic that the fits give.
    statistics: dict[int, float] = {}
    for name, pars, dataset, fixed in (
        ("free fit", fitted.free_fit_to_data, data, None),
        (f"fit at mu = {mu:.6g}", fitted.fixed_poi_fit_to_data, data, mu),
        ("fit at mu = 0", fitted.asimov_pars, data, 0.0),
        ("free fit to Asimov data", fitted.free_fit_to_asimov, asimov, None),
        (f"fit to Asimov data at mu = {mu:.6g}", fitted.fixed_poi_fit_to_asimov, asimov, mu),
    ):
        rates = np.asarray(oracle.expected_data(pars, include_auxdata=False))
        if (rates < 0).any():
            where = model.layout.name_of(int(np.argmin(rates)))
            found.append(f"its {name} has a negative rate in {where}")
            continue
        if (dataset < 0).any():
            continue
        if fixed is None:
            _, free = infer.fit(dataset, model, return_fitted_val=True)
            _, at_mu = infer.fixed_poi_fit(mu, dataset, model, return_fitted_val=True)
            statistics[id(dataset)] = max(float(at_mu - free), 0.0)
            best = free
        else:
            _, best = infer.fixed_poi_fit(fixed, dataset, model, return_fitted_val=True)
        above = -2 * float(oracle.logpdf(pars, dataset)[0]) - float(best)
        # What changes the root of the statistic, and with it a CLs, enough to be seen.
        statistic = statistics.get(id(dataset), 0.0)
        if above > min(1e-4, _ROOT**2 + 2 * _ROOT * math.sqrt(statistic)):
            found.append(f"its {name} ended {above:.2g} above hone's in -2 ln L")
    return ", ".join(found)
