"""Intervals and contours: where the profile likelihood ratio is a chi-squared quantile."""

import numpy as np
import pyhf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2
from specs import pseudo_data, typical

from hone.errors import InputError
from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf
from hone.likelihood.infer.intervals import regions


def two_signals(seed=0):
    """Two signals with strengths of their own, of which two channels see mixtures."""
    rng = np.random.default_rng(seed)
    channels = []
    for k, mixture in enumerate(([8.0, 2.0], [2.0, 6.0])):
        samples = [
            {
                "name": f"signal{i}",
                "data": (scale * rng.uniform(0.8, 1.2, 3)).tolist(),
                "modifiers": [{"name": f"mu{i}", "type": "normfactor", "data": None}],
            }
            for i, scale in enumerate(mixture)
        ]
        uncertainty = {"name": "rate", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}}
        background = {"name": "background", "data": [20.0, 15.0, 10.0], "modifiers": [uncertainty]}
        channels.append({"name": f"SR{k}", "samples": [*samples, background]})
    return pyhf.Model({"channels": channels}, poi_name="mu0")


@given(seed=st.integers(0, 50), level=st.sampled_from([0.6827, 0.95]))
@settings(max_examples=10)
def test_at_the_ends_of_an_interval_the_ratio_is_the_quantile(seed, level):
    oracle = typical()
    data = pseudo_data(oracle, seed=seed, mu=2.0)
    low, high = regions.interval("mu", data, oracle, level)
    best = float(infer.fit(data, oracle)[oracle.config.poi_index])
    assert 0 <= low <= best < high
    _, lowest = infer.fit(data, oracle, return_fitted_val=True)
    for end in (low, high):
        _, value = infer.fixed_poi_fit(end, data, oracle, return_fitted_val=True)
        if end > 0:
            assert value - lowest == pytest.approx(chi2.ppf(level, 1), rel=1e-6)
        else:
            assert value - lowest <= chi2.ppf(level, 1)


def test_any_parameter_may_be_of_interest():
    oracle = two_signals()
    data = [28.0, 22.0, 14.0, 25.0, 20.0, 18.0, *oracle.config.auxdata]
    model = from_pyhf(oracle)
    other = pyhf.Model(oracle.spec, poi_name="mu1")
    found = infer.upper_limit(data, model.with_poi("mu1"))
    wanted = infer.upper_limit(data, other)
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-12)
    assert model.with_poi("mu1").with_poi("mu0").layout == model.layout
    with pytest.raises(InputError, match="no parameter 'mu2', allowed: mu0, mu1, rate"):
        model.with_poi("mu2")


def test_a_contour_is_where_pyhf_finds_the_quantile():
    oracle = two_signals()
    data = [48.0, 43.0, 30.0, 45.0, 42.0, 35.0, *oracle.config.auxdata]
    names = ["mu0", "mu1"]
    points = regions.contour(names, data, oracle, 0.95, points=12)
    _, lowest = pyhf.infer.mle.fit(data, oracle, return_fitted_val=True)
    places = [oracle.config.par_slice(name).start for name in names]
    inside = 0
    for point in points:
        init, fixed = np.array(oracle.config.suggested_init()), np.zeros(3, dtype=bool)
        init[places], fixed[places] = point, True
        _, value = pyhf.infer.mle.fit(
            data, oracle, init.tolist(), fixed_params=fixed.tolist(), return_fitted_val=True
        )
        if (point > 0).all():
            assert value - lowest == pytest.approx(chi2.ppf(0.95, 2), rel=1e-4)
            inside += 1
        else:
            assert value - lowest <= chi2.ppf(0.95, 2) + 1e-4
    assert inside >= 6
    low, high = regions.interval("mu0", data, oracle)
    t = regions.profile(["mu0"], [[low], [high]], data, oracle).t
    assert t[1] == pytest.approx(1.0, rel=1e-6)


def test_errors_of_a_gaussian_likelihood_are_its_interval():
    """Many events: the interval is the best fit and one standard deviation."""
    oracle = pyhf.simplemodels.uncorrelated_background([1e4, 2e4], [5e6, 6e6], [5e3, 6e3])
    data = [*oracle.expected_data([1.3, 1.0, 1.0])]
    (best, error), *_ = infer.fit(data, oracle, return_uncertainties=True)
    low, high = regions.interval("mu", data, oracle)
    assert high - best == pytest.approx(error, rel=1e-2)
    assert best - low == pytest.approx(error, rel=1e-2)


@pytest.mark.parametrize(
    ("names", "level", "message"),
    [
        (["nu"], 0.9, "there is no parameter 'nu'"),
        (["mu", "mu"], 0.9, "must be different"),
        (["mu"], 1.0, r"level is 1.0, it must lie in \(0, 1\)"),
    ],
)
def test_bad_regions_are_refused(names, level, message):
    oracle = typical()
    data = pseudo_data(oracle, seed=1)
    call = regions.interval if len(names) == 1 else regions.contour
    with pytest.raises(InputError, match=message):
        call(names[0] if len(names) == 1 else names, data, oracle, level)


def test_fixed_parameters_have_no_interval():
    oracle = typical()
    fixed = [name == "mu" for name in oracle.config.par_names]
    with pytest.raises(InputError, match="'mu' is fixed"):
        regions.interval("mu", pseudo_data(oracle, seed=1), oracle, fixed_params=fixed)


def counting(background=0.1):
    """One bin, in which t = 2 (mu + b - n + n ln(n / (mu + b))) exactly."""
    mu = {"name": "mu", "type": "normfactor", "data": None}
    samples = [
        {"name": "signal", "data": [1.0], "modifiers": [mu]},
        {"name": "background", "data": [background], "modifiers": []},
    ]
    return pyhf.Model({"channels": [{"name": "SR", "samples": samples}]}, poi_name="mu")


@pytest.mark.parametrize("level", [0.6827, 0.9, 0.95, 0.9973])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
def test_intervals_of_few_events(count, level):
    """t is far from a parabola, and without events the fit has no uncertainty."""
    low, high = regions.interval("mu", [count], counting(), level)
    rates = np.array([low, high]) + 0.1
    n_log = count * np.log(count / rates) if count else 0.0
    best = max(count, 0.1)
    at_best = best - count + (count * np.log(count / best) if count else 0.0)
    t = 2 * (rates - count + n_log - at_best)
    for value, end, bound in zip(t, (low, high), (0.0, 10.0), strict=True):
        if end == bound:
            assert value <= chi2.ppf(level, 1)
        else:
            assert value == pytest.approx(chi2.ppf(level, 1), rel=1e-6)


def test_a_contour_at_a_bound_reaches_its_corners():
    oracle = pyhf.simplemodels.uncorrelated_background([1.0, 2.0], [5.0, 6.0], [1.0, 1.0])
    data = [3.0, 3.0, *oracle.config.auxdata]
    names = ["mu", "uncorr_bkguncrt[0]"]
    points = regions.contour(names, data, oracle)
    assert (points >= 0).all()
    for corner in (points[:, 1].min(), points[:, 1].max()):
        t = regions.profile(names, [[0.0, corner]], data, oracle).t[0]
        assert t == pytest.approx(chi2.ppf(0.6827, 2), rel=1e-3)
