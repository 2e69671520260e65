"""Fits, test statistics, CLs and limits, with the names and orders of ``pyhf.infer``."""

from hone.likelihood.infer import calculators, intervals, mle, test_statistics, utils
from hone.likelihood.infer.best_fit import best_fit
from hone.likelihood.infer.goodness import goodness_of_fit
from hone.likelihood.infer.hypotest import hypotest
from hone.likelihood.infer.impacts import breakdown, impacts
from hone.likelihood.infer.intervals.upper_limits import upper_limit
from hone.likelihood.infer.mle import fit, fixed_poi_fit
from hone.likelihood.infer.nominal import (
    asimov_limit,
    asimov_qmu,
    expected_cls,
    expected_p0,
    nominal_asimov,
    nominal_hessian,
    sigma_mu,
)

__all__ = [
    "asimov_limit",
    "asimov_qmu",
    "best_fit",
    "breakdown",
    "calculators",
    "expected_cls",
    "expected_p0",
    "fit",
    "fixed_poi_fit",
    "goodness_of_fit",
    "hypotest",
    "impacts",
    "intervals",
    "mle",
    "nominal_asimov",
    "nominal_hessian",
    "sigma_mu",
    "test_statistics",
    "upper_limit",
    "utils",
]
