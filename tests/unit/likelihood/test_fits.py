"""The minimum found is never above pyhf's, in hard cases too, and a failure is never a result."""

import os
from functools import partial

import numpy as np
import pyhf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from specs import MODELS, blobs_like, pseudo_data, typical, workspaces

from hone.errors import FitError, InputError
from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf
from hone.likelihood.infer.calculators import AsymptoticCalculator

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"


@pytest.mark.parametrize("name", MODELS)
def test_minimum_is_not_above_pyhfs(name):
    oracle = MODELS[name]
    model, data = from_pyhf(oracle), pseudo_data(oracle, seed=4, mu=1.0)
    for ours, theirs, head in (
        (infer.fit, pyhf.infer.mle.fit, ()),
        (infer.fixed_poi_fit, pyhf.infer.mle.fixed_poi_fit, (0.5,)),
    ):
        pars, value = ours(*head, data, model, return_fitted_val=True)
        _, best = theirs(*head, data, oracle, return_fitted_val=True)
        assert value <= best + 1e-6
        np.testing.assert_allclose(value, -2 * oracle.logpdf(np.asarray(pars), data)[0], rtol=1e-9)


def test_the_lower_of_two_minima_is_found():
    """A likelihood in which pyhf's default fit, and ours from one start, ends 13 units too high."""
    oracle = blobs_like(
        [0.5018, 1.8518, 3.0933, 5.4121, 9.141],
        [81.14, 13.803, 3.693, 1.188, 0.176],
        [47.8705, 27.8235, 14.8305, 6.887, 2.5885],
        [10.2895, 19.816, 23.06, 24.202, 22.6325],
    )
    data = np.array([50.0, 30.0, 10.0, 5.0, 5.0, 0.0])
    pars, value = infer.fit(data, oracle, return_fitted_val=True)
    starts = [[a, mu] for a in (-1.0, 0.0, 1.0) for mu in (0.1, 1.0)]
    with np.errstate(all="ignore"):
        best = min(
            float(pyhf.infer.mle.fit(data, oracle, init_pars=start, return_fitted_val=True)[1])
            for start in starts
        )
    assert value == pytest.approx(best, abs=1e-5)
    assert pars[0] > 0.5


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


def compare_with_pyhf(oracle, data, mu, **options):
    """None of the five fits of a test ends above pyhf's; where pyhf's are as low, CLs agree.

    Returns whether pyhf's fits were as low.
    """
    ours = AsymptoticCalculator(data, oracle, **options)
    statistic = ours.teststatistic(mu)
    theirs = pyhf.infer.calculators.AsymptoticCalculator(data, oracle, **options)
    with np.errstate(all="ignore"):
        try:
            expected = theirs.teststatistic(mu)
        except pyhf.exceptions.FailedMinimization:
            return False

    asimov = oracle.expected_data(ours.fitted_pars.asimov_pars)

    def minima(fitted):
        values = []
        for name in ours.fitted_pars.__dataclass_fields__:
            pars = getattr(fitted, name)
            dataset = asimov if name.endswith("asimov") else data
            # pyhf lets rates of empty bins be negative: not a minimum that is allowed
            allowed = (oracle.expected_data(pars, include_auxdata=False) >= 0).all()
            values.append(-2 * oracle.logpdf(pars, dataset)[0] if allowed else np.inf)
        return np.array(values)

    found, best = minima(ours.fitted_pars), minima(theirs.fitted_pars)
    assert np.isfinite(found).all()
    assert (found <= best + 1e-6).all()
    if not (best <= found + 1e-6).all():
        return False
    if ours.sqrtqmuA_v < 1e-4:
        # No sensitivity at all: pyhf divides rounding by rounding there.
        cls = ours.pvalues(statistic, *ours.distributions(mu))[2]
        assert float(cls) == pytest.approx(1.0, abs=1e-3)
        return False
    np.testing.assert_allclose(statistic, expected, rtol=1e-4, atol=1e-4)
    pairs = [
        (*(c.pvalues(t, *c.distributions(mu))), *c.expected_pvalues(*c.distributions(mu))[2])
        for c, t in ((ours, statistic), (theirs, expected))
    ]
    np.testing.assert_allclose(*np.log(pairs), rtol=1e-4, atol=1e-4)
    return True


def entry_points_agree(oracle, data, mu):
    """All fits to the same data end in the same minimum, and limits are where tests say."""
    model = from_pyhf(oracle)
    calculator = AsymptoticCalculator(data, model)
    calculator.teststatistic(mu)
    tested = calculator.fitted_pars
    asimov = np.asarray(model.expected_data(tested.asimov_pars))
    for pars, dataset, poi in (
        (tested.free_fit_to_data, data, None),
        (tested.fixed_poi_fit_to_data, data, mu),
        (tested.asimov_pars, data, 0.0),
        (tested.asimov_pars, asimov, None),
        (tested.fixed_poi_fit_to_asimov, asimov, mu),
    ):
        fit = infer.fit if poi is None else partial(infer.fixed_poi_fit, poi)
        _, value = fit(dataset, model, return_fitted_val=True)
        assert float(value) == pytest.approx(-2 * oracle.logpdf(pars, dataset)[0], abs=1e-6)
    observed, expected = infer.upper_limit(data, model)
    for i, limit in enumerate([observed, *expected]):
        if np.isfinite(limit):
            cls, band = infer.hypotest(limit, data, model, return_expected_set=True)
            assert float([cls, *band][i]) == pytest.approx(0.05, rel=1e-5)


def test_random_workspaces():
    as_low, failures = [], []

    @given(oracle=workspaces((0.15, 0.15, 1.0)), seed=st.integers(0, 1000), mu=st.floats(0.2, 3.0))
    @settings(max_examples=settings().max_examples if NIGHTLY else 4)
    def check(oracle, seed, mu):
        data = pseudo_data(oracle, seed)
        try:
            as_low.append(compare_with_pyhf(oracle, data, mu))
            entry_points_agree(oracle, data, mu)
        except FitError:
            failures.append(seed)
        if NIGHTLY:
            pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(strategy=2, maxiter=20_000))
            compare_with_pyhf(oracle, data, mu)

    check()
    # CLs was compared in most of them, not only minima
    assert np.mean(as_low) > 0.6
    assert len(failures) <= 0.03 * len(as_low)


def anticorrelated():
    """Two backgrounds of almost the same shape, both free: only their sum is known."""
    names = ("mu", "k1", "k2")
    yields = ([2.0, 5.0, 3.0], [50.0, 40.0, 30.0], [49.0, 40.5, 30.5])
    samples = [
        {
            "name": name,
            "data": data,
            "modifiers": [{"name": name, "type": "normfactor", "data": None}],
        }
        for name, data in zip(names, yields, strict=True)
    ]
    return pyhf.Model({"channels": [{"name": "SR", "samples": samples}]}, poi_name="mu")


def histosys_with_free_norm():
    """The shape of a background whose normalisation floats (fragile in minuit)."""
    spec = blobs_like(
        [1.0, 4.0, 9.0], [60.0, 30.0, 8.0], [54.0, 33.0, 11.0], [66.0, 27.0, 5.5]
    ).spec
    spec["channels"][0]["samples"][1]["modifiers"].append(
        {"name": "k", "type": "normfactor", "data": None}
    )
    return pyhf.Model(spec, poi_name="mu")


HARD = {
    "POI at its lower bound": (typical(), [50.0, 22.0, 5.0, 0.0, 0.0], {}),
    "POI below zero": (typical(), [50.0, 22.0, 5.0, 1.0, 0.0], {"mu": (-5.0, 10.0)}),
    "nuisance parameter at its bound": (
        typical(),
        [66.0, 33.0, 9.0, 3.0, 2.0],
        {"shape": (-0.1, 0.1)},
    ),
    "strong anti-correlation": (anticorrelated(), [105.0, 84.0, 66.0], {}),
    "histosys with a free normfactor": (histosys_with_free_norm(), [70.0, 30.0, 15.0], {}),
    "a signal far beyond what is tested": (typical(), [60.0, 33.0, 16.0, 28.0, 70.0], {}),
    "empty bins": (typical(), [55.0, 0.0, 9.0, 0.0, 0.0], {}),
    "fractions of events": (typical(), [60.3, 30.1, 8.6, 1.51, 0.49], {}),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_fits(name):
    oracle, counts, changed = HARD[name]
    bounds = [tuple(b) for b in oracle.config.suggested_bounds()]
    for parameter, bound in changed.items():
        bounds[oracle.config.par_slice(parameter).start] = bound
    data = np.array([*counts, *oracle.config.auxdata])
    test_stat = "q" if "mu" in changed else "qtilde"
    as_low = compare_with_pyhf(oracle, data, 1.0, par_bounds=bounds, test_stat=test_stat)
    # below zero, pyhf goes on to where an empty bin has a negative rate
    assert as_low == (name != "POI below zero")


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e5])
@pytest.mark.parametrize("difference", [1e-2, 1e-4])
def test_degenerate_backgrounds(scale, difference):
    """Two free backgrounds that differ by next to nothing, with few and with many events."""
    spec = anticorrelated().spec
    samples = spec["channels"][0]["samples"]
    yields = scale * np.array([50.0, 40.0, 30.0])
    samples[1]["data"] = yields.tolist()
    samples[2]["data"] = (yields * (1 + difference * np.array([-1, 1, 2]))).tolist()
    oracle = pyhf.Model(spec, poi_name="mu")
    data = pseudo_data(oracle, seed=1, mu=1.0)
    best = pyhf.infer.mle.fit(data, oracle, return_fitted_val=True)[1]
    assert infer.fit(data, oracle, return_fitted_val=True)[1] <= best + 1e-6


def test_uncertainties_are_the_inverse_hessian():
    oracle = MODELS["simple"]
    data = np.array([55.0, 60.0, *oracle.config.auxdata])
    pars, correlations, value, result = infer.fit(
        data,
        oracle,
        return_uncertainties=True,
        return_correlations=True,
        return_fitted_val=True,
        return_result_obj=True,
    )
    best, errors = np.asarray(pars).T
    h = 1e-3
    steps = h * np.eye(3)

    def nll(x):
        return -oracle.logpdf(x, data)[0]

    def second(a, b):
        corners = nll(best + a + b), nll(best + a - b), nll(best - a + b), nll(best - a - b)
        return (corners[0] - corners[1] - corners[2] + corners[3]) / (4 * h**2)

    hessian = np.array([[second(a, b) for a in steps] for b in steps])
    covariance = np.linalg.inv(hessian)
    np.testing.assert_allclose(errors, np.sqrt(np.diag(covariance)), rtol=1e-4)
    np.testing.assert_allclose(
        correlations, covariance / np.outer(errors, errors), rtol=1e-3, atol=1e-4
    )
    assert value == result.fun
    fixed = infer.fixed_poi_fit(1.0, data, oracle, return_uncertainties=True)
    assert tuple(fixed[oracle.config.poi_index]) == (1.0, 0.0)


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


def test_a_fit_that_cannot_converge_is_an_error():
    """Events where nothing is expected: no parameters make them possible."""
    oracle = pyhf.simplemodels.uncorrelated_background([1.0, 0.0], [5.0, 0.0], [1.0, 1.0])
    data = np.array([5.0, 3.0, *oracle.config.auxdata])
    where = "did not converge: channel 'singlechannel', bin 2 has 3 events where"
    with pytest.raises(FitError, match=f"the fit of all parameters {where}"):
        infer.fit(data, oracle)
    with pytest.raises(FitError, match=f"of the hypothesis test at POI = 1, {where}"):
        infer.hypotest(1.0, data, oracle)
    with pytest.raises(FitError, match=f"observed limit does not exist: the fit .* {where}"):
        infer.upper_limit(data, oracle)


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


def test_options_of_other_minimisers_are_refused():
    oracle = MODELS["simple"]
    data = np.array([55.0, 60.0, *oracle.config.auxdata])
    with pytest.raises(InputError, match="'tolerance' is no option"):
        infer.fit(data, oracle, tolerance=1e-3)
