"""pyhf's calculators with hone's fits; distributions and p-values are pyhf's."""

import logging
from typing import Any

import numpy as np
import pyhf
from pyhf.infer.calculators import AsymptoticTestStatDistribution, HypoTestFitResults
from scipy.special import ndtr

from hone.errors import FitError, InputError
from hone.likelihood.floats import as_floats
from hone.likelihood.histfactory import Model
from hone.likelihood.infer.asymptotics import TestStatistic
from hone.likelihood.infer.mle import fixed_poi_fit
from hone.likelihood.infer.profile import (
    asimov_poi,
    failed_test,
    setup_for_test,
    test_statistic,
    tested_poi,
)
from hone.likelihood.infer.setup import as_model
from hone.likelihood.infer.toys import SAME, sample_toys, toy_statistics

__all__ = [
    "AsymptoticCalculator",
    "AsymptoticTestStatDistribution",
    "EmpiricalDistribution",
    "HypoTestFitResults",
    "ToyCalculator",
    "generate_asimov_data",
]

log = logging.getLogger(__name__)


def generate_asimov_data(
    asimov_mu: Any,
    data: Any,
    pdf: Model | pyhf.Model,
    init_pars: Any = None,
    par_bounds: Any = None,
    fixed_params: Any = None,
    return_fitted_pars: bool = False,
) -> Any:
    """Asimov data (D,) of a POI value: the expectation at the fit with the POI fixed there.

    As ``pyhf.infer.calculators.generate_asimov_data``; with ``return_fitted_pars`` also the fitted
    parameters (P,). Raises as :func:`.mle.fixed_poi_fit`.

    >>> asimov = infer.calculators.generate_asimov_data(1.0, data, model)
    >>> [round(x, 2) for x in asimov.tolist()]
    [61.37, 59.52, 274.26, 51.5]
    """
    model = as_model(pdf)
    pars = fixed_poi_fit(asimov_mu, data, model, init_pars, par_bounds, fixed_params)
    asimov = model.expected_data(pars)
    return (asimov, pars) if return_fitted_pars else asimov


class AsymptoticCalculator(pyhf.infer.calculators.AsymptoticCalculator):
    """As ``pyhf.infer.calculators.AsymptoticCalculator``; :meth:`teststatistic` is hone's.

    >>> calculator = infer.calculators.AsymptoticCalculator(data, model)
    >>> statistic = calculator.teststatistic(1.0)
    >>> _, _, cls = calculator.pvalues(statistic, *calculator.distributions(1.0))
    >>> round(float(cls), 4), calculator.fitted_pars.free_fit_to_data.round(4).tolist()
    (0.2121, [0.4766, 1.0036, 0.9801])
    """

    def __init__(
        self,
        data: Any,
        pdf: Model | pyhf.Model,
        init_pars: Any = None,
        par_bounds: Any = None,
        fixed_params: Any = None,
        test_stat: TestStatistic = "qtilde",
        calc_base_dist: str = "normal",
    ) -> None:
        model = as_model(pdf)
        self.setup = setup_for_test(model, test_stat, init_pars, par_bounds, fixed_params)
        super().__init__(
            model.checked_data(data),
            model,
            *_lists(init_pars, par_bounds, fixed_params),
            test_stat,
            calc_base_dist,
        )

    def teststatistic(self, poi_test: Any) -> np.ndarray:
        """Test statistic of the data at ``poi_test``; fills ``fitted_pars``.

        Raises:
            FitError: a fit did not converge.
        """
        poi_test = tested_poi(poi_test, self.test_stat)
        value, q_asimov, fitted = test_statistic(
            as_floats(poi_test), self.data, self.pdf, self.setup, self.test_stat
        )
        if not np.isfinite([value, q_asimov]).all():
            raise failed_test(self.pdf, self.data, self.setup, float(poi_test), self.test_stat)
        self.sqrtqmuA_v = np.sqrt(q_asimov)
        self.fitted_pars = HypoTestFitResults(
            asimov_pars=np.asarray(fitted.asimov),
            free_fit_to_data=np.asarray(fitted.free),
            # Asimov data is fitted perfectly by its own parameters.
            free_fit_to_asimov=np.asarray(fitted.asimov),
            fixed_poi_fit_to_data=np.asarray(fitted.fixed),
            fixed_poi_fit_to_asimov=np.asarray(fitted.fixed_asimov[0]),
        )
        return np.asarray(value)


class EmpiricalDistribution(pyhf.infer.calculators.EmpiricalDistribution):
    """As pyhf's, but with rounding errors of the toys' statistics.

    Many toys may have the same statistic as the observation (e.g. all without an event in a signal
    bin); rounding would put them on either side of it.

    >>> toys = infer.calculators.EmpiricalDistribution([0.0, 0.0, 0.5, 2.0])
    >>> float(toys.pvalue(0.5 + 1e-9))
    0.5
    """

    def pvalue(self, value: Any) -> np.ndarray:
        """Fraction of toys with a statistic of at least ``value``, within rounding."""
        samples = np.sort(self.samples)
        below = np.searchsorted(samples, np.asarray(value) - SAME, side="left")
        return 1 - below / len(samples)

    def expected_value(self, nsigma: Any) -> np.ndarray:
        """Test statistic at ``nsigma`` standard deviations of a unit normal.

        By NumPy: the call in pyhf 0.7.6 fails with NumPy 2.4.
        """
        return np.percentile(self.samples, 100 * ndtr(nsigma))


class ToyCalculator(pyhf.infer.calculators.ToyCalculator):
    """As ``pyhf.infer.calculators.ToyCalculator``, with all toys fitted in batches.

    Toys whose fits do not converge from any start are left out of the distributions. ``rng`` is a
    seed or a ``numpy.random.Generator``; with None, toys differ each time. There is no progress
    bar: ``track_progress`` is accepted for compatibility with pyhf.

    >>> calculator = infer.calculators.ToyCalculator(data, model, ntoys=100, rng=1)
    >>> signal, background = calculator.distributions(1.0)
    >>> len(signal.samples), bool(signal.expected_value(0.0) < background.expected_value(0.0))
    (100, True)
    """

    def __init__(
        self,
        data: Any,
        pdf: Model | pyhf.Model,
        init_pars: Any = None,
        par_bounds: Any = None,
        fixed_params: Any = None,
        test_stat: TestStatistic = "qtilde",
        ntoys: int = 2000,
        track_progress: bool = True,
        rng: int | np.random.Generator | None = None,
    ) -> None:
        if not ntoys >= 1:
            raise InputError(f"ntoys is {ntoys}, it must be at least 1")
        model = as_model(pdf)
        self.setup = setup_for_test(model, test_stat, init_pars, par_bounds, fixed_params)
        super().__init__(
            model.checked_data(data),
            model,
            *_lists(init_pars, par_bounds, fixed_params),
            test_stat,
            ntoys,
            track_progress,
        )
        self.rng = np.random.default_rng(rng)

    def distributions(
        self,
        poi_test: Any,
        track_progress: bool | None = None,  # noqa: ARG002
    ) -> tuple[EmpiricalDistribution, EmpiricalDistribution]:
        """The statistic's distributions for signal plus background and for background only.

        Toys are drawn at the conditional best fit of each hypothesis. A distribution has fewer than
        ``ntoys`` if fits of toys did not converge.

        Raises:
            FitError: a fit of the data, or of every toy, did not converge.
        """
        hypotheses = []
        for poi in (float(poi_test), asimov_poi(self.test_stat)):
            truth = self._fixed_fit(poi)
            toys = sample_toys(self.pdf, truth, self.ntoys, self.rng)
            found = self._statistics(toys, float(poi_test), truth)
            known = found[np.isfinite(found)]
            if not len(known):
                raise FitError(f"no fit of {self.ntoys} toys of POI = {poi:g} converged")
            hypotheses.append(EmpiricalDistribution(known))
        return hypotheses[0], hypotheses[1]

    def check_failures(
        self,
        teststat: Any,
        sig_plus_bkg_distribution: EmpiricalDistribution,
        bkg_only_distribution: EmpiricalDistribution,
    ) -> None:
        """Check that failed toys change the p-values by less than the statistical error.

        Each of f failed toys may or may not be as extreme as the observation, in addition to k that
        are. A warning gives the bounds on CLs; f > sqrt(k + 1) is an error.

        Raises:
            FitError: too many fits of toys did not converge.
        """
        both = (sig_plus_bkg_distribution, bkg_only_distribution)
        failed = [self.ntoys - len(toys.samples) for toys in both]
        extreme = [round(float(toys.pvalue(teststat)) * len(toys.samples)) for toys in both]
        if not any(failed):
            return
        count = f"{' and '.join(map(str, failed))} of {self.ntoys} toys with and without the signal"
        matters = zip(failed, extreme, strict=True)
        if any(f > np.sqrt(k + 1) for f, k in matters):
            raise FitError(
                f"the fits of {count} did not converge: too many compared to the "
                f"{' and '.join(map(str, extreme))} that are as extreme as the observation"
            )
        low = extreme[0] / (extreme[1] + failed[1])
        high = (extreme[0] + failed[0]) / extreme[1] if extreme[1] else np.inf
        log.warning(
            "the fits of %s did not converge and are left out: CLs is between %.4g and %.4g",
            count,
            low,
            high,
        )

    def expected_pvalues(
        self,
        sig_plus_bkg_distribution: EmpiricalDistribution,
        bkg_only_distribution: EmpiricalDistribution,
    ) -> list[list[np.ndarray]]:
        """CLs+b, CLb and CLs at -2 to +2 sigma of the background-only toys."""
        values = np.asarray(bkg_only_distribution.samples)
        clsb, clb = (
            toys.pvalue(values) for toys in (sig_plus_bkg_distribution, bkg_only_distribution)
        )
        percentiles = 100 * ndtr([-2.0, -1.0, 0.0, 1.0, 2.0])
        return [list(np.percentile(p, percentiles)) for p in (clsb, clb, clsb / clb)]

    def teststatistic(self, poi_test: Any) -> np.ndarray:
        """Test statistic of the data at ``poi_test``.

        Raises:
            FitError: a fit did not converge.
        """
        tested = float(tested_poi(poi_test, self.test_stat))
        data = np.asarray(self.data)[None]
        found = self._statistics(data, tested, self._fixed_fit(tested))[0]
        if not np.isfinite(found):
            raise failed_test(self.pdf, data[0], self.setup, tested, self.test_stat)
        return np.asarray(found)

    def _fixed_fit(self, poi: float) -> np.ndarray:
        fitted = fixed_poi_fit(
            poi, self.data, self.pdf, self.init_pars, self.par_bounds, self.fixed_params
        )
        return np.asarray(fitted)

    def _statistics(self, toys: np.ndarray, mu: float, truth: np.ndarray) -> np.ndarray:
        return toy_statistics(self.pdf, toys, self.setup, mu, truth, self.test_stat)


def _lists(*options: Any) -> list[list[Any] | None]:
    return [None if option is None else list(option) for option in options]
