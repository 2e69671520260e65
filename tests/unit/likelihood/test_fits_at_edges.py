"""Fits where rates vanish, at bounds and at kinks."""

import copy

import numpy as np
import pyhf
import pytest
from scipy.stats import norm
from specs import blobs_like, typical

from hone.errors import FitError
from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf


def test_minimum_on_the_edge_of_negative_rates():
    """Empty bins pull the rate to zero and beyond; beyond is not allowed."""
    oracle = blobs_like([1.0, 9.0], [80.0, 0.2], [50.0, 3.0], [10.0, 24.0])
    data = np.array([80.0, 0.0, 0.0])
    pars = infer.fit(data, oracle)
    rates = from_pyhf(oracle).expected_actualdata(pars)
    assert 0 <= rates[1] < 1e-8
    alphas = np.linspace(-0.5, 0.5, 100_001)
    values = [-2 * oracle.logpdf(np.array([a, 0.0]), data)[0] for a in alphas[::500]]
    allowed = [
        v for v, a in zip(values, alphas[::500], strict=True)
        if oracle.expected_data(np.array([a, 0.0]), include_auxdata=False)[1] >= 0
    ]  # fmt: skip
    assert infer.fit(data, oracle, return_fitted_val=True)[1] <= min(allowed) + 1e-6


@pytest.mark.parametrize("bins", [[0, 1, 2], [0, 1, 3, 2], [0, 1, 4, 3, 2]])
def test_edges_of_empty_bins_that_meet_at_a_bound(bins):
    """Nominal background of zero where one side of a template is not: mu, a shape and two rates end
    at zero together. Such bins are what a learned edge leaves far from the background."""
    signal, background = [0.007, 0.042, 11.9, 0.2, 2.0], [0.0, 0.0, 32.7, 0.1, 1.9]
    shapes = {
        "lambda": ([0.0, 0.0, 32.0, 0.0, 1.0], [0.02, 0.09, 34.2, 0.5, 4.5]),
        "r": ([0.0, 0.01, 28.0, 0.04, 1.5], [0.0, 0.0, 37.8, 0.07, 1.8]),
    }

    def chosen(values):
        return [values[k] for k in bins]

    modifiers = [
        {"name": name, "type": "histosys", "data": {"hi_data": chosen(up), "lo_data": chosen(low)}}
        for name, (up, low) in shapes.items()
    ]
    modifiers.append({"name": "rate", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}})
    mu = {"name": "mu", "type": "normfactor", "data": None}
    samples = [
        {"name": "background", "data": chosen(background), "modifiers": modifiers},
        {"name": "signal", "data": chosen(signal), "modifiers": [mu]},
    ]
    oracle = pyhf.Model({"channels": [{"name": "SR", "samples": samples}]}, poi_name="mu")
    model = from_pyhf(oracle)
    nominal = infer.nominal_asimov(model, 0.0)
    # The data are what is expected at the start, which nothing allowed can describe better.
    at_truth = np.array(oracle.config.suggested_init())
    at_truth[oracle.config.poi_index] = 0.0
    best = -2 * oracle.logpdf(at_truth, np.asarray(nominal))[0]
    pars, value = infer.fit(nominal, model, return_fitted_val=True)
    assert value == pytest.approx(best, abs=1e-8)
    np.testing.assert_allclose(pars, at_truth, atol=1e-6)
    q = infer.fixed_poi_fit(1.0, nominal, model, return_fitted_val=True)[1] - value
    expected = infer.hypotest(1.0, nominal, model, return_expected=True)[1]
    assert expected == pytest.approx(2 * norm.sf(np.sqrt(q)), rel=1e-6)


@pytest.mark.parametrize("seed", [1, 7, 56, 77, 82])
def test_large_shapes_in_almost_empty_bins(seed):
    """Fits that go round in circles, or a flat way, before they end where nothing is lower."""
    draw = np.random.default_rng(8000 + seed)
    background = np.where(draw.random(5) < 0.5, 0.0, draw.gamma(1, 5, 5))
    background[-1] = 20.0
    signal = draw.gamma(0.5, 2, 5)

    def shifted():
        scale, chance, add = draw.gamma(0.7, 1.4, 5), draw.random(5), draw.gamma(0.5, 0.5, 5)
        return (background * scale + (background == 0) * np.where(chance < 0.6, add, 0)).tolist()

    modifiers = [
        {
            "name": f"shape{k}",
            "type": "histosys",
            "data": {"hi_data": shifted(), "lo_data": shifted()},
        }
        for k in range(3)
    ]
    modifiers.append({"name": "rate", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}})
    mu = {"name": "mu", "type": "normfactor", "data": None}
    samples = [
        {"name": "background", "data": background.tolist(), "modifiers": modifiers},
        {"name": "signal", "data": signal.tolist(), "modifiers": [mu]},
    ]
    oracle = pyhf.Model({"channels": [{"name": "SR", "samples": samples}]}, poi_name="mu")
    observed = draw.poisson(background * 0.5) * (draw.random(5) < 0.7)
    data = np.array([*observed, *oracle.config.auxdata], dtype=float)
    pars, value = infer.fit(data, from_pyhf(oracle), return_fitted_val=True)
    assert value == pytest.approx(-2 * oracle.logpdf(pars, data)[0], abs=1e-9)
    lower, upper = np.transpose(oracle.config.suggested_bounds())
    for size in (1e-1, 1e-2, 1e-4):
        for near in np.clip(pars + size * draw.normal(size=(100, len(pars))), lower, upper):
            if (oracle.expected_actualdata(near) >= 0).all():
                assert -2 * oracle.logpdf(near, data)[0] > value - 1e-9


@pytest.mark.parametrize(
    ("background", "reason"),
    [
        (0.0, "has 3 events where at mu = 0 none is"),
        (-0.3, "has a negative expected rate at mu = 0"),
    ],
)
def test_a_bin_that_needs_the_signal(background, reason):
    """Its likelihood without signal is zero: there is no Asimov data, for no entry point."""
    poi = {"name": "mu", "type": "normfactor", "data": None}
    norm = {"name": "n", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}}
    samples = [
        {"name": "signal", "data": [4.0, 6.0], "modifiers": [poi]},
        {"name": "background", "data": [50.0, background], "modifiers": [norm]},
    ]
    oracle = pyhf.Model({"channels": [{"name": "SR", "samples": samples}]}, poi_name="mu")
    data, where = [52.0, 3.0, 0.0], f"at POI = 0.*: channel 'SR', bin 2 {reason}"
    assert infer.fit(data, oracle)[oracle.config.poi_index] > 0
    with pytest.raises(FitError, match=where):
        infer.fixed_poi_fit(0.0, data, oracle)
    with pytest.raises(FitError, match=where):
        infer.hypotest(1.0, data, oracle)
    with pytest.raises(FitError, match=where):
        infer.upper_limit(data, oracle)


def kinked(lo, hi):
    """One bin of background with a shape and a norm whose slopes jump at zero, and a signal."""
    oracle = blobs_like([5.0], [50.0], [hi], [lo])
    norm = {"name": "n", "type": "normsys", "data": {"hi": 1.25, "lo": 1.15}}
    oracle.spec["channels"][0]["samples"][1]["modifiers"].append(norm)
    return pyhf.Model(oracle.spec, poi_name="mu", modifier_settings={})


@pytest.mark.parametrize(
    ("lo", "hi", "count"), [(58.0, 60.0, 40.0), (58.0, 60.0, 75.0), (42.0, 53.0, 44.0)]
)
def test_minima_at_and_beside_a_kink(lo, hi, count):
    """Both sides of the shape and of the norm add events: of a deficit nothing is lower than 0."""
    oracle = kinked(lo, hi)
    pars, value = infer.fixed_poi_fit(0.2, [count, 0.0, 0.0], oracle, return_fitted_val=True)
    grid = np.linspace(-3, 3, 121)
    mu, n, shape = (oracle.config.par_slice(name).start for name in ("mu", "n", "shape"))
    points = np.zeros((grid.size**2, 3))
    points[:, mu] = 0.2
    points[:, n], points[:, shape] = (x.ravel() for x in np.meshgrid(grid, grid))
    lowest = min(-2 * oracle.logpdf(p, np.array([count, 0.0, 0.0]))[0] for p in points[::7])
    assert value == pytest.approx(-2 * oracle.logpdf(np.asarray(pars), [count, 0.0, 0.0])[0])
    assert value < lowest + 1e-9
    if count == 40.0:
        assert pars[n] == 0
        assert pars[shape] == 0


@pytest.mark.parametrize(("counts", "sigma"), [([0.0, 1.0], 1.0), ([0.0, 2.0], 0.5**0.5)])
def test_uncertainties_beside_an_empty_bin(counts, sigma):
    """-ln L = 2 mu - n ln(1 + mu): the curvature at 0 is n, whatever keeps rates positive."""
    poi = {"name": "mu", "type": "normfactor", "data": None}
    samples = [
        {"name": "signal", "data": [1.0, 1.0], "modifiers": [poi]},
        {"name": "background", "data": [0.0, 1.0], "modifiers": []},
    ]
    oracle = pyhf.Model({"channels": [{"name": "SR", "samples": samples}]}, poi_name="mu")
    best, error = infer.fit(counts, oracle, return_uncertainties=True)[0]
    assert best == pytest.approx(0.0, abs=1e-5)
    assert error == pytest.approx(sigma, rel=1e-4)


def test_a_factor_without_events_has_no_uncertainty():
    """-ln L is a straight line in a factor of bins in which nothing is observed."""
    factors = [{"name": name, "type": "normfactor", "data": None} for name in ("mu", "k")]
    channels = [
        {"name": name, "samples": [{"name": "only", "data": [8.0], "modifiers": [factor]}]}
        for name, factor in zip(("SR", "CR"), factors, strict=True)
    ]
    oracle = pyhf.Model({"channels": channels}, poi_name="mu")
    with pytest.raises(FitError, match="does not curve upwards in 'k'"):
        infer.fit([0.0, 9.0], oracle, return_uncertainties=True)


def test_an_empty_model_bin_without_events_is_no_error():
    empty = pyhf.simplemodels.uncorrelated_background([3.0, 0.0], [5.0, 0.0], [1.0, 1.0])
    without = pyhf.simplemodels.uncorrelated_background([3.0], [5.0], [1.0])
    ours = infer.hypotest(1.0, [5.0, 0.0, *empty.config.auxdata], empty)
    theirs = infer.hypotest(1.0, [5.0, *without.config.auxdata], without)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-9)


def test_a_sample_of_negative_yields_is_fitted_as_by_pyhf():
    """Interference: its bins are negative, the total rates are not."""
    spec = copy.deepcopy(typical().spec)
    negative = np.array([-9.0, -6.0, 0.5, -0.4, -0.2])
    sides = {"hi_data": (1.3 * negative).tolist(), "lo_data": (0.8 * negative).tolist()}
    modifiers = [
        {"name": "scale", "type": "histosys", "data": sides},
        {"name": "norm", "type": "normsys", "data": {"hi": 1.2, "lo": 0.9}},
        {"name": "stat", "type": "staterror", "data": [0.2] * 5},
    ]
    interference = {"name": "interference", "data": negative.tolist(), "modifiers": modifiers}
    spec["channels"][0]["samples"].append(interference)
    oracle = pyhf.Model(spec, poi_name="mu")
    data = np.array([55.0, 20.0, 9.0, 6.0, 18.0, *oracle.config.auxdata])
    pars, value = infer.fit(data, oracle, return_fitted_val=True)
    theirs, lowest = pyhf.infer.mle.fit(data, oracle, return_fitted_val=True)
    assert value == pytest.approx(-2 * oracle.logpdf(pars, data)[0], abs=1e-9)
    assert value == pytest.approx(float(lowest), abs=1e-6)
    np.testing.assert_allclose(pars, theirs, atol=1e-3)
