"""hone.likelihood.infer in place of pyhf.infer: the same names, arguments, orders and types."""

import inspect
import logging

import numpy as np
import pyhf
import pyhf.infer.intervals.upper_limits
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hone.errors import ModelError
from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf

PYHF = pyhf.simplemodels.uncorrelated_background([12.0, 11.0], [50.0, 52.0], [3.0, 7.0])
MODEL = from_pyhf(PYHF)
DATA = [51.0, 48.0, *PYHF.config.auxdata]
ROOMS = {
    "calculators": pyhf.infer.calculators.__all__,
    "intervals.upper_limits": pyhf.infer.intervals.upper_limits.__all__,
    "mle": pyhf.infer.mle.__all__,
    "test_statistics": pyhf.infer.test_statistics.__all__,
    "utils": pyhf.infer.utils.__all__,
}
NAMES = [f"{room}.{name}" for room, names in ROOMS.items() for name in names] + ["hypotest"]
STATISTICS = ("q0", "qmu", "qmu_tilde", "tmu", "tmu_tilde")


def found(module, name):
    for part in name.split("."):
        module = getattr(module, part)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_names_and_arguments_are_those_of_pyhf(name):
    """A call that pyhf takes is taken, by position and by name."""
    ours, theirs = found(infer, name), found(pyhf.infer, name)
    expected = inspect.signature(theirs).parameters
    given = inspect.signature(ours).parameters
    named = [p.name for p in expected.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert list(given)[: len(named)] == named
    for parameter in named:
        if expected[parameter].default is not inspect.Parameter.empty:
            assert given[parameter].default is not inspect.Parameter.empty


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({}, 0),
        ({"return_tail_probs": True, "return_expected": True, "return_expected_set": True}, 4),
    ],
)
def test_tests_give_arrays_of_numpy(options, size):
    ours = infer.hypotest(1.0, DATA, MODEL, **options)
    theirs = pyhf.infer.hypotest(1.0, DATA, PYHF, **options)
    pairs = list(zip(_flat(ours), _flat(theirs), strict=True))
    assert len(ours if size else [ours]) == max(size, 1)
    for one, other in pairs:
        assert type(one) is type(other) is np.ndarray
        assert one.shape == other.shape == ()
        assert one == pytest.approx(other, rel=1e-5)


def _flat(x):
    return [leaf for part in x for leaf in _flat(part)] if isinstance(x, (tuple, list)) else [x]


def test_fits_give_arrays_of_numpy():
    options = {"return_fitted_val": True}
    for one, other in zip(
        infer.fit(DATA, MODEL, **options), pyhf.infer.mle.fit(DATA, PYHF, **options), strict=True
    ):
        assert type(one) is np.ndarray
        assert one.shape == np.shape(other)
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", STATISTICS)
@given(mu=st.floats(0, 5), low=st.sampled_from([0.0, -1.0]), seed=st.integers(0, 99))
def test_statistics_are_pyhfs(name, mu, low, seed):
    mu = 0.0 if name == "q0" else mu
    rng = np.random.default_rng(seed)
    data = [*rng.poisson([50.0, 52.0]).astype(float), *PYHF.config.auxdata]
    bounds = PYHF.config.suggested_bounds()
    bounds[PYHF.config.poi_index] = (low, 10.0)
    options = (PYHF.config.suggested_init(), bounds, PYHF.config.suggested_fixed())
    ours, (fixed, free) = found(infer.test_statistics, name)(
        mu, data, MODEL, *options, return_fitted_pars=True
    )
    theirs = found(pyhf.infer.test_statistics, name)(mu, data, PYHF, *options)
    assert type(ours) is np.ndarray
    assert ours == pytest.approx(theirs, abs=1e-6)
    assert fixed[0] == mu
    assert low <= free[0] <= 10


@pytest.mark.parametrize(
    ("name", "low", "other"),
    [("qmu", 0.0, "qmu_tilde"), ("tmu", 0.0, "tmu_tilde"), ("qmu_tilde", -1.0, "qmu")],
)
def test_statistics_of_other_bounds_are_said(name, low, other, caplog):
    bounds = PYHF.config.suggested_bounds()
    bounds[PYHF.config.poi_index] = (low, 10.0)
    with caplog.at_level(logging.WARNING):
        found(infer.test_statistics, name)(1.0, DATA, MODEL, par_bounds=bounds)
    assert f"{name} test statistic used for fit" in caplog.text
    assert f"use {other}" in caplog.text


def test_statistics_need_a_poi():
    model = from_pyhf({"channels": PYHF.spec["channels"]}, poi_name=None)
    for name in STATISTICS:
        with pytest.raises(pyhf.exceptions.UnspecifiedPOI, match="No POI is defined"):
            found(infer.test_statistics, name)(0.0, DATA, model)
    with pytest.raises(pyhf.exceptions.InvalidTestStatistic, match="allowed: q0, q, qtilde"):
        infer.utils.get_test_stat("t")


def test_models_are_made_of_whatever_pyhf_makes_them_of():
    workspace = pyhf.Workspace.build(PYHF, DATA)
    for known in (PYHF, workspace, dict(workspace), PYHF.spec):
        assert from_pyhf(known).layout == MODEL.layout
    assert from_pyhf(workspace, poi_name=None).config.poi_name is None
    with pytest.raises(ModelError, match="list is no model"):
        from_pyhf([PYHF])
    with pytest.raises(ModelError, match="'poi_name' is an option of a workspace"):
        from_pyhf(PYHF, poi_name=None)


def test_a_model_of_shifts_alone():
    """No modifier whose parameter multiplies the yields."""
    shift = {"name": "shift", "type": "normsys", "data": {"lo": 0.9, "hi": 1.2}}
    sample = {"name": "background", "data": [10.0, 20.0], "modifiers": [shift]}
    spec = {"channels": [{"name": "channel", "samples": [sample]}]}
    ours, theirs = from_pyhf(spec, poi_name=None), pyhf.Model(spec, poi_name=None)
    data = [12.0, 20.0, 0.0]
    assert ours.logpdf([0.3], data) == pytest.approx(theirs.logpdf([0.3], data)[0])


def test_parts_of_the_likelihood():
    pars, main, aux = [1.2, 0.9, 1.1], DATA[:2], DATA[2:]
    one, other = MODEL.mainlogpdf(main, pars), MODEL.constraint_logpdf(aux, pars)
    assert one == pytest.approx(PYHF.mainlogpdf(np.array(main), np.array(pars)), rel=1e-12)
    assert other == pytest.approx(PYHF.constraint_logpdf(np.array(aux), np.array(pars)), rel=1e-12)
    assert MODEL.pdf(pars, DATA) == pytest.approx(np.exp(one + other), rel=1e-12)
    assert MODEL.batch_size is PYHF.batch_size is None
    np.testing.assert_array_equal(MODEL.nominal_rates, PYHF.nominal_rates)
    for name, entry in PYHF.config.par_map.items():
        assert MODEL.config.par_map[name]["slice"] == entry["slice"]


def test_distribution_of_data():
    pars = [1.2, 0.9, 1.1]
    ours, theirs = MODEL.make_pdf(pars), PYHF.make_pdf(np.array(pars))
    np.testing.assert_allclose(ours.expected_data(), theirs.expected_data())
    toys = ours.sample((5,), rng=1)
    np.testing.assert_allclose(ours.log_prob(toys), theirs.log_prob(toys), rtol=1e-12)
    np.testing.assert_array_equal(toys, ours.sample((5,), rng=1))
    assert ours.sample().shape == (4,)


def test_limits_with_tail_probabilities_of_their_tests():
    """As pyhf's main branch; 0.7.6 raises an IndexError."""
    scan = np.linspace(0, 5, 6)
    options = {"scan": scan, "return_results": True}
    *limits, (_, tests) = infer.upper_limit(DATA, MODEL, **options, return_tail_probs=True)
    *wanted, (_, others) = infer.upper_limit(DATA, MODEL, **options)
    assert limits == wanted
    for (cls, (clsb, clb), expected), (same, same_expected) in zip(tests, others, strict=True):
        assert (cls, expected) == (same, same_expected)
        assert clsb / clb == pytest.approx(cls)
