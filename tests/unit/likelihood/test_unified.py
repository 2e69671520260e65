"""Intervals of Feldman and Cousins, against their construction from exact Poisson probabilities."""

import numpy as np
import pyhf
import pytest
from scipy.stats import poisson

from hone.errors import InputError
from hone.likelihood import infer

BACKGROUND, NTOYS = 3.0, 300


def counting(background=BACKGROUND):
    mu = {"name": "mu", "type": "normfactor", "data": None}
    samples = [
        {"name": "signal", "data": [1.0], "modifiers": [mu]},
        {"name": "background", "data": [background], "modifiers": []},
    ]
    return pyhf.Model({"channels": [{"name": "SR", "samples": samples}]}, poi_name="mu")


def exact(count, mu, background=BACKGROUND):
    """t, and the probability of at least that t: the sum over counts that are ranked no higher."""
    counts = np.arange(200)
    best = np.maximum(counts, background)
    t = 2 * (poisson.logpmf(counts, best) - poisson.logpmf(counts, mu + background))
    return t[count], poisson.pmf(counts[t >= t[count] - 1e-9], mu + background).sum()


# Intervals at 90 % in Phys. Rev. D 57 (1998) 3873, table IV, begin at 0 up to 5 events.
@pytest.mark.parametrize(("count", "begins_at_zero"), [(3, True), (6, False)])
def test_intervals_are_those_of_the_exact_construction(count, begins_at_zero):
    step = 0.75
    scan = np.arange(0.0, 10.0, step)
    wanted = [mu for mu in np.arange(0.0, 20.0, 0.01) if exact(count, mu)[1] > 0.1]
    scan = scan[(scan < wanted[0] + step) | (scan > wanted[-1] - 2 * step)]
    found = infer.intervals.feldman_cousins([count], counting(), scan, 0.9, NTOYS, rng=1)
    t, p = np.transpose([exact(count, mu) for mu in scan])
    np.testing.assert_allclose(found.t, t, atol=1e-7)
    error = np.sqrt(p * (1 - p) / NTOYS)
    assert (np.abs(found.pvalues - p) <= 4 * error + 1e-12).all()
    np.testing.assert_allclose(
        found.errors, np.sqrt(found.pvalues * (1 - found.pvalues) / NTOYS), rtol=1e-12
    )
    assert found.low == pytest.approx(wanted[0], abs=step)
    assert found.high == pytest.approx(wanted[-1], abs=step)
    assert (found.low == 0) == begins_at_zero


def test_with_nuisance_parameters_and_many_events_it_is_the_asymptotic_interval():
    oracle = pyhf.simplemodels.uncorrelated_background([30.0], [100.0], [5.0])
    data = [145.0, *oracle.config.auxdata]
    low, high = infer.intervals.regions.interval("mu", data, oracle)
    scan = [low - 0.1, low + 0.1, high - 0.1, high + 0.1]
    found = infer.intervals.feldman_cousins(data, oracle, scan, ntoys=300, rng=2)
    assert found.low == pytest.approx(low, abs=0.1)
    assert found.high == pytest.approx(high, abs=0.1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"level": 1.0}, r"level is 1.0, it must lie in \(0, 1\)"),
        ({"ntoys": 0}, "ntoys is 0"),
        ({"scan": []}, "scan has no POI values"),
        ({"scan": [-1.0, 1.0]}, "'mu' is at -1, outside its bounds"),
        ({"scan": [4.0, 9.0]}, "its end mu = 4 is in the interval; extend the scan"),
        ({"scan": [9.0, 10.0]}, "no value of the scan of 'mu', 9 to 10, is in the interval"),
    ],
)
def test_bad_questions_are_refused(change, message):
    options = {"scan": [0.0, 9.0], "ntoys": 20, "rng": 1} | change
    with pytest.raises(InputError, match=message):
        infer.intervals.feldman_cousins([8], counting(), **options)
