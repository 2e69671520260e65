"""The minimum found is never above pyhf's, in hard cases too, and a failure is never a result."""

import os
from functools import partial

import jax
import numpy as np
import pyhf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from specs import MODELS, blobs_like, pseudo_data, typical, workspaces

from hone.errors import FitError, InputError
from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf
from hone.likelihood.infer import minimum
from hone.likelihood.infer.calculators import AsymptoticCalculator
from hone.likelihood.infer.minimum import descend
from hone.likelihood.infer.setup import FitSetup

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


def test_fits_one_after_the_other_end_where_fits_side_by_side_do(monkeypatch):
    """As those of many parameters run; one that is not wanted is no result."""
    oracle = typical()
    model, data = from_pyhf(oracle), pseudo_data(oracle, seed=4, mu=1.0)
    setup, wanted = FitSetup.of(model), np.array([True, True, False, True])

    def fitted():
        def all_of(model):
            starts = setup.starts(model.prepare())
            every, free = (np.tile(x, (4, 1)) for x in (data, setup.free))
            bounds = setup.lower, setup.upper
            return descend(model.prepare(), every, starts, *bounds, free, wanted)

        return jax.jit(all_of)(model)

    together = fitted()
    monkeypatch.setattr(minimum, "_MANY", 0)
    alone = fitted()
    assert np.isfinite(alone.value).tolist() == wanted.tolist()
    np.testing.assert_allclose(alone.value, together.value, rtol=1e-12)
    np.testing.assert_allclose(alone.pars, together.pars, atol=1e-8)
    assert alone.evaluations.tolist() == together.evaluations.tolist()


def test_a_start_that_is_not_allowed_leaves_the_others_alone():
    """At -3 sigma the rate is negative. Without derivatives, that start is close to any other."""
    spec = blobs_like([1.0], [10.0], [16.0], [4.0]).spec
    oracle = pyhf.Model(spec, poi_name="mu")
    model, data = from_pyhf(oracle), np.array([9.0, *oracle.config.auxdata])
    setup, likelihood = jax.tree.map(np.asarray, (FitSetup.of(model), model.prepare()))
    best = pyhf.infer.mle.fit(data, oracle)
    starts = np.array([best, best + 0.1])
    starts[0, oracle.config.par_slice("shape")] = -3.0
    every, free = (np.tile(x, (2, 1)) for x in (data, setup.free))
    with np.errstate(all="ignore"):
        found = descend(likelihood, every, starts, setup.lower, setup.upper, free, starts=2)
    assert found.reason[0] == minimum.Reason.NEGATIVE_RATE
    np.testing.assert_allclose(found.pars[1], best, atol=1e-4)


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


def test_options_of_other_minimisers_are_refused():
    oracle = MODELS["simple"]
    data = np.array([55.0, 60.0, *oracle.config.auxdata])
    with pytest.raises(InputError, match="'tolerance' is no option"):
        infer.fit(data, oracle, tolerance=1e-3)
