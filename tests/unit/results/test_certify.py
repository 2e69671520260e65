"""pyhf's verdict: passes good numbers, fails wrong ones, names pyhf's own failures."""

import numpy as np
import pytest
from specs import blobs_like, typical

from hone.errors import FitError
from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf
from hone.reporting.figures.limits import draw_cls_scan
from hone.results.certify import TOLERANCE, certify, difference
from hone.results.limits import compute_limits, scan_cls


def found_and_checked(oracle, observed, spoil=lambda _: None):
    model = from_pyhf(oracle)
    limits = compute_limits(model, observed, 0.05)
    spoil(limits)
    nominal = np.asarray(infer.nominal_asimov(model, 0.0))
    return limits, certify(model, oracle, nominal, observed, limits, 0.05)


OBSERVED = np.concatenate([[57.0, 31.0, 9.0, 2.0, 1.0], typical().config.auxdata])


def test_good_numbers_pass():
    limits, check = found_and_checked(typical(), OBSERVED)
    assert check["agrees"]
    assert check["max_difference"] < 1e-6
    assert check["observed_limit"] == pytest.approx(0.05, abs=1e-6)
    assert limits["expected_limits"] == sorted(limits["expected_limits"])
    assert limits["reasons"] == {}


def test_an_observation_without_a_likelihood_takes_nothing_else_with_it():
    """Events in a bin that only the signal fills: nothing after a fit, all that is nominal."""
    oracle = blobs_like([4.0, 6.0], [50.0, 0.0], [55.0, 0.0], [46.0, 0.0])
    limits, check = found_and_checked(oracle, np.array([52.0, 3.0, 0.0]))
    assert limits["observed_limit"] is limits["observed_cls"] is limits["observed_p0"] is None
    assert limits["expected_limits_postfit"] == limits["expected_cls_postfit"] == [None] * 5
    assert all(
        "bin 2 has 3 events" in limits["reasons"][f"observed {name}"] for name in ("CLs", "p0")
    )
    assert "bin 2 has 3 events" in limits["reasons"]["observed limit, post-fit"]
    assert limits["expected_limits"] == sorted(limits["expected_limits"])
    assert check["agrees"]
    scan = scan_cls(from_pyhf(oracle), [52.0, 3.0, 0.0], 2.0, points=3)
    assert scan == {"mu": [], "observed": [], "expected": [[]] * 5}
    figure = draw_cls_scan({**limits, "scan": scan}, "neos")
    assert any("bin 2 has 3 events" in " ".join(t.get_text().split()) for t in figure.axes[0].texts)


def test_a_wrong_limit_fails():
    def spoil(limits):
        limits["expected_limits"][2] *= 1.1

    with pytest.raises(FitError, match=r"pyhf finds CLs = 0\.03\d+ for expected_limits\[2\]"):
        found_and_checked(typical(), OBSERVED, spoil)


def test_small_cls_are_compared_in_their_logarithm():
    """Of a CLs of 4e-7, all but 1e-3 was once agreement."""
    assert difference(0.05, 0.0505) == pytest.approx(5e-4)
    assert difference(4e-7, 4.4e-7) == difference(4.4e-7, 4e-7) == pytest.approx(np.log(1.1))
    assert difference(0.009, 0.02) == pytest.approx(np.log(20 / 9))
    # below the smallest normal number there is nothing to compare
    assert difference(0.0, 0.0) == difference(0.0, 5e-324) == 0
    assert difference(0.0, 1e-100) > TOLERANCE


@pytest.mark.parametrize("factor", [0.0, 1.002])
def test_a_wrong_cls_fails_however_small(factor):
    def spoil(limits):
        assert limits["expected_cls"][2] < 1e-6
        limits["expected_cls"][2] *= factor

    with pytest.raises(FitError, match=r"pyhf finds CLs = \d\.\d+e-\d+ for expected_cls\[2\]"):
        found_and_checked(typical(), OBSERVED, spoil)


def test_a_worse_minimum_of_pyhf_is_written_down():
    oracle = blobs_like(
        [0.5018, 1.8518, 3.0933, 5.4121, 9.141],
        [81.14, 13.803, 3.693, 1.188, 0.176],
        [47.8705, 27.8235, 14.8305, 6.887, 2.5885],
        [10.2895, 19.816, 23.06, 24.202, 22.6325],
    )
    with np.errstate(all="ignore"):
        _, check = found_and_checked(oracle, np.array([50.0, 30.0, 10.0, 5.0, 5.0, 0.0]))
    assert not check["agrees"]
    assert any("above hone's in -2 ln L" in note for note in check["notes"])
    # what is noted is not among what agrees
    assert check["max_difference"] is None or check["max_difference"] <= check["tolerance"]


def test_where_the_data_say_little_a_slightly_worse_minimum_of_pyhf_is_enough():
    """Of a test statistic of 2e-5, 1.7e-5 is nearly all."""
    oracle = blobs_like(
        [3.0, 6.0, 3.0], [1e6, 2e6, 1e6], [1.03e6, 2.02e6, 1e6], [0.97e6, 1.98e6, 1e6]
    )
    _, check = found_and_checked(oracle, np.array([1e6, 2e6, 1e6, 0.0]))
    assert any("its free fit ended 1.7e-05 above" in note for note in check["notes"])


def test_nothing_compared_is_no_agreement(monkeypatch):
    monkeypatch.setattr("hone.results.certify._pyhf_hypotest", lambda *_: None)
    _, check = found_and_checked(typical(), OBSERVED)
    assert check["max_difference"] is None
    assert not check["agrees"]
    assert check["expected_limits"] == [None] * 5


def test_a_limit_that_does_not_exist_is_null_with_a_reason():
    oracle = blobs_like([0.1, 0.2], [50.0, 20.0], [52.0, 22.0], [48.0, 18.0])
    limits, check = found_and_checked(oracle, np.array([50.0, 20.0, 0.0]))
    assert limits["expected_limits"] == [None] * 5
    assert check["expected_limits"] == [None] * 5
    reason = limits["reasons"]["expected median limit"]
    assert "at the largest mu allowed, 10; widen its bounds in the config (poi.bounds)" in reason
