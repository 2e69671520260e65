"""Hypothesis tests and limits agree with pyhf."""

import time

import jax
import numpy as np
import pyhf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from specs import MODELS, blobs_like, multimodal, pseudo_data, typical

from hone.errors import FitError, InputError
from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf
from hone.likelihood.infer import patience
from hone.likelihood.infer.intervals.upper_limits import all_limits, median_limit
from hone.results.limits import scan_cls
from hone.training.objectives import log_cls


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("test_stat", ["qtilde", "q", "q0"])
def test_hypotest_agrees_with_pyhf(name, test_stat):
    oracle = MODELS[name]
    model, data = from_pyhf(oracle), pseudo_data(oracle, seed=2)
    bounds = [tuple(b) for b in oracle.config.suggested_bounds()]
    if test_stat != "qtilde":
        bounds[oracle.config.poi_index] = (-1.0, 10.0)
    options = {
        "par_bounds": bounds,
        "test_stat": test_stat,
        "return_tail_probs": True,
        "return_expected": True,
        "return_expected_set": True,
    }
    mu = 0.0 if test_stat == "q0" else 1.0
    ours = infer.hypotest(mu, data, model, **options)
    theirs = pyhf.infer.hypotest(mu, data, oracle, **options)
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    np.testing.assert_allclose(
        np.log(jax.tree.leaves(ours)), np.log(jax.tree.leaves(theirs)), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("name", ["simple", "typical"])
def test_limits_are_where_pyhf_finds_the_level(name):
    oracle = MODELS[name]
    data = pseudo_data(oracle, seed=8)
    observed, expected = infer.upper_limit(data, oracle, level=0.1)
    assert pyhf.infer.hypotest(float(observed), data, oracle) == pytest.approx(0.1, rel=1e-4)
    for i, limit in enumerate(expected):
        band = pyhf.infer.hypotest(float(limit), data, oracle, return_expected_set=True)[1]
        assert band[i] == pytest.approx(0.1, rel=1e-4)


@pytest.mark.parametrize(("signal", "background"), [([3.0], [0.0]), ([3.0, 4.0], [0.0, 10.0])])
def test_no_background_is_no_error(signal, background):
    errors = [0.1 * b for b in background]
    oracle = pyhf.simplemodels.uncorrelated_background(signal, background, errors)
    data = np.array([*background, *oracle.config.auxdata])
    for mu in (0.5, 2.0):
        ours = infer.hypotest(mu, data, oracle, return_expected_set=True)
        theirs = pyhf.infer.hypotest(mu, data, oracle, return_expected_set=True)
        np.testing.assert_allclose(
            np.log(jax.tree.leaves(ours)), np.log(jax.tree.leaves(theirs)), rtol=1e-6
        )


@pytest.mark.parametrize("seed", [17, 20, 38, 79, 81, 94, 103])
def test_limits_among_several_minima(seed):
    """A test at each limit finds the level, though its fits begin elsewhere."""
    oracle, data = multimodal(seed)
    model = from_pyhf(oracle)
    observed, expected = infer.upper_limit(data, model)
    for i, limit in enumerate([observed, *expected]):
        cls, band = infer.hypotest(limit, data, model, return_expected_set=True)
        assert float([cls, *band][i]) == pytest.approx(0.05, rel=1e-5)


@pytest.mark.parametrize(("counts", "cls"), [([20.0, 25.0], 0.00550), ([47.0, 57.0], 0.33765)])
def test_qtilde_compares_with_no_signal_where_the_best_fit_is_negative(counts, cls, caplog):
    """Whatever the POI's bound is (arXiv:1007.1727, eq. 16); values by a scan of the profile."""
    oracle = pyhf.simplemodels.uncorrelated_background([5.0, 5.0], [50.0, 60.0], [5.0, 6.0])
    data = [*counts, *oracle.config.auxdata]
    bounds = [tuple(b) for b in oracle.config.suggested_bounds()]
    bounds[oracle.config.poi_index] = (-5.0, 10.0)
    narrow, wide = (infer.hypotest(1.0, data, oracle, par_bounds=b) for b in (None, bounds))
    assert float(narrow) == pytest.approx(cls, rel=1e-3)
    assert float(wide) == pytest.approx(float(narrow), rel=1e-9)
    assert "the lower bound of mu, -5, counts as 0" in caplog.text
    limits = [infer.upper_limit(data, oracle, par_bounds=b)[0] for b in (None, bounds)]
    assert float(limits[1]) == pytest.approx(float(limits[0]), rel=1e-9)


def test_q0_only_tests_zero(caplog):
    oracle = MODELS["simple"]
    data = pseudo_data(oracle, seed=2, mu=1.0)
    ours = infer.hypotest(1.0, data, oracle, test_stat="q0", return_expected_set=True)
    assert "q0 tests POI = 0" in caplog.text
    theirs = pyhf.infer.hypotest(1.0, data, oracle, test_stat="q0", return_expected_set=True)
    np.testing.assert_allclose(
        np.log(jax.tree.leaves(ours)), np.log(jax.tree.leaves(theirs)), rtol=1e-4
    )


def test_clipped_normal_agrees_with_pyhf():
    oracle = MODELS["simple"]
    data = pseudo_data(oracle, seed=2)
    options = {"calc_base_dist": "clipped_normal", "return_expected_set": True}
    ours = infer.hypotest(0.5, data, oracle, **options)
    theirs = pyhf.infer.hypotest(0.5, data, oracle, **options)
    np.testing.assert_allclose(
        np.log(jax.tree.leaves(ours)), np.log(jax.tree.leaves(theirs)), rtol=1e-4
    )


def test_scanned_limits_equal_pyhfs():
    oracle = MODELS["simple"]
    data, scan = pseudo_data(oracle, seed=8), np.linspace(0, 5, 11)
    ours = infer.upper_limit(data, oracle, scan, return_results=True)
    theirs = pyhf.infer.intervals.upper_limits.upper_limit(data, oracle, scan, return_results=True)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-5)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-5)
    np.testing.assert_array_equal(ours[2][0], theirs[2][0])


def test_training_objective_is_the_expected_cls():
    oracle = typical()
    model = from_pyhf(oracle)
    nominal = infer.nominal_asimov(model, 0.0)
    pyhf_cls = pyhf.infer.hypotest(1.0, np.asarray(nominal), oracle, return_expected=True)[1]
    assert np.exp(log_cls(model)) == pytest.approx(float(pyhf_cls), rel=1e-5)
    assert infer.expected_cls(model)[2] == pytest.approx(float(pyhf_cls), rel=1e-5)


@given(scale=st.floats(0.2, 5.0), mu=st.floats(0.1, 2.0))
def test_signal_strength_and_yield_are_interchangeable(scale, mu):
    """Scaling the signal by s and mu by 1/s changes nothing."""
    model = from_pyhf(blobs_like([1.0, 9.0], [50.0, 4.0], [47.0, 4.6], [53.0, 3.5]))
    signal = model.config.samples.index("signal")
    scaled = model.replace(nominal=model.nominal.at[signal].multiply(scale))
    np.testing.assert_allclose(
        infer.asimov_qmu(scaled, mu / scale), infer.asimov_qmu(model, mu), rtol=1e-9
    )


@pytest.mark.parametrize("calctype", ["asymptotics", "toybased"])
def test_returns_stand_in_pyhfs_order(calctype):
    oracle = MODELS["simple"]
    data = pseudo_data(oracle, seed=2)
    wanted = ["tail_probs", "expected", "expected_set", "calculator"]
    options = {"calctype": calctype} | ({"ntoys": 20, "rng": 1} if calctype == "toybased" else {})
    cls, tails, median, band, calculator = infer.hypotest(
        1.0, data, oracle, **{f"return_{name}": True for name in wanted}, **options
    )
    assert float(cls) == pytest.approx(float(tails[0] / tails[1]))
    assert median == band[2]
    base = pyhf.infer.utils.create_calculator(calctype, data, oracle).__class__
    assert isinstance(calculator, base)
    if calctype == "asymptotics":
        theirs = pyhf.infer.hypotest(1.0, data, oracle, return_calculator=True)[1]
        for name in theirs.fitted_pars.__dataclass_fields__:
            ours = getattr(calculator.fitted_pars, name)
            np.testing.assert_allclose(ours, getattr(theirs.fitted_pars, name), atol=1e-3)
        statistic = calculator.teststatistic(1.0)
        assert float(statistic) == pytest.approx(float(theirs.teststatistic(1.0)), abs=1e-4)


def test_bad_questions_are_refused():
    oracle = typical()
    data = np.array([66.0, 33.0, 9.0, 3.0, 2.0, *oracle.config.auxdata])
    with pytest.raises(InputError, match="outside its bounds"):
        infer.hypotest(11.0, data, oracle)
    with pytest.raises(InputError, match=r"level is 1\.5"):
        infer.upper_limit(data, oracle, level=1.5)
    with pytest.raises(InputError, match="allowed: q, qtilde, q0"):
        infer.hypotest(1.0, data, oracle, test_stat="t")
    with pytest.raises(InputError, match="'ntoys' is no option"):
        infer.upper_limit(data, oracle, ntoys=3)
    bounds = [(0.5, 10.0) if n == "mu" else (-5, 5) for n in ("shape", "mu")] + [(0.1, 9)] * 5
    with pytest.raises(InputError, match=r"Asimov data.*outside its bounds \[0\.5, 10\]"):
        infer.hypotest(1.0, data, oracle, par_bounds=bounds)
    with pytest.raises(FitError, match="not inside the scan"):
        infer.upper_limit(data, oracle, np.linspace(0, 0.01, 3))
    without_poi = pyhf.Model(oracle.spec, poi_name=None)
    with pytest.raises(pyhf.exceptions.UnspecifiedPOI):
        infer.hypotest(1.0, data, without_poi)
    fixed = [False] * 7
    fixed[oracle.config.poi_index] = True
    with pytest.raises(pyhf.exceptions.InvalidModel):
        infer.hypotest(1.0, data, oracle, fixed_params=fixed)


def test_a_limit_beyond_the_bounds_takes_no_other_with_it(caplog):
    oracle = MODELS["simple"]
    data = pseudo_data(oracle, seed=8)
    observed, expected = infer.upper_limit(data, oracle)
    bounds = [tuple(b) for b in oracle.config.suggested_bounds()]
    bounds[oracle.config.poi_index] = (0.0, 1.1 * float(expected[3]))
    limits = infer.upper_limit(data, oracle, par_bounds=bounds)
    np.testing.assert_allclose([limits[0], *limits[1][:4]], [observed, *expected[:4]], rtol=1e-6)
    assert np.isnan(limits[1][4])
    assert "the expected +2 sigma limit does not exist: CLs does not cross 0.05" in caplog.text


def test_no_limit_within_the_bounds_is_an_error():
    oracle = blobs_like([1e-4, 2e-4], [50.0, 20.0], [52.0, 22.0], [48.0, 18.0])
    with pytest.raises(FitError, match="observed limit does not exist"):
        infer.upper_limit([50.0, 20.0, 0.0], oracle)


def test_a_slow_search_says_what_it_does(monkeypatch, caplog):
    monkeypatch.setattr(patience, "_FIRST", 0.01)
    with patience.said_if_slow("the limits of 600 parameters"):
        time.sleep(0.1)
    spoken = len(caplog.records)
    assert 2 <= spoken < 6
    assert "still computing the limits of 600 parameters" in caplog.text
    time.sleep(0.05)
    assert len(caplog.records) == spoken


def test_numbers_alone_compile_nothing(caplog):
    oracle = pyhf.simplemodels.uncorrelated_background([12.0] * 4, [50.0] * 4, [5.0] * 4)
    model, data = from_pyhf(oracle), pseudo_data(oracle, seed=2)
    with jax.log_compiles():
        infer.fit(data, model, return_uncertainties=True)
        infer.hypotest(1.0, data, model)
        infer.upper_limit(data, model)
        scan_cls(model, data, 2.0, points=2)
    assert "Compiling" not in caplog.text


def test_a_traced_test_is_compiled_once(caplog):
    """Whatever kind of number the POI is, and whoever asks: a program takes seconds to compile."""
    # of a shape that no other test has
    oracle = pyhf.simplemodels.uncorrelated_background([12.0] * 4, [50.0] * 4, [5.0] * 4)
    model, data = from_pyhf(oracle), pseudo_data(oracle, seed=2)
    found = []
    with jax.log_compiles():
        for mu in (1.0, 0.7):
            jax.grad(lambda mu: infer.hypotest(mu, data, model))(mu)
            jax.grad(lambda mu: infer.hypotest(mu, data, model, test_stat="qtilde"))(mu)
            found.append(caplog.text.count("Compiling jit(_log_hypotest)"))
    assert found[0] == found[1] > 0


@pytest.mark.parametrize("name", MODELS)
def test_the_median_limit_alone_is_that_of_all(name):
    oracle = MODELS[name]
    model, data = from_pyhf(oracle), pseudo_data(oracle, seed=1)
    fixed = [k == 1 or already for k, already in enumerate(oracle.config.suggested_fixed())]
    fixed[oracle.config.poi_index] = False
    expected = all_limits(data, model, fixed_params=fixed)[3]
    assert median_limit(data, model, fixed_params=fixed) == pytest.approx(expected, rel=1e-9)


def test_a_median_limit_that_does_not_exist_is_nan():
    oracle = blobs_like([0.001], [50.0], [60.0], [45.0])
    model, data = from_pyhf(oracle), pseudo_data(oracle, seed=1)
    assert np.isnan(median_limit(data, model))
    assert np.isnan(all_limits(data, model)[3])
