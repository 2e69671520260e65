"""The parameter of interest, as the config names and bounds it."""

import copy

import numpy as np
import pyhf
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hone.analysis import checked_config
from hone.analysis.parts import of_model, of_training
from hone.errors import ConfigError
from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf
from hone.results.certify import certify
from hone.results.limits import compute_limits, scan_cls, scan_range
from hone.statmodel.filling import fill, template_model
from hone.statmodel.templates import Histogram
from hone.statmodel.workspace import build_workspace, processes

CONFIG = yaml.safe_load("""
analysis: small
seed: 1
samples:
  - name: s
    process: signal
    yield: 6
    distribution: [{kind: exponential, variables: [x], rate: 1}]
  - name: b
    process: background
    yield: 40
    distribution: [{kind: exponential, variables: [x], rate: 2}]
systematics:
  - {name: rate, type: normsys, sample: b, up: 1.1, down: 0.9}
features: [x]
observables:
  - {name: cut, kind: variable, variable: x, edges: [0, 1, 2, 3]}
""")
OBSERVED = [19.0, 14.0, 7.0]


def analysis(**changes):
    return checked_config({**copy.deepcopy(CONFIG), **changes})


def results(scale, **changes):
    """Limits of a signal with yields scaled by this, and pyhf's verdict."""
    histograms = {
        "s": Histogram(scale * np.array([1.0, 2.0, 3.0]), np.zeros(3)),
        "b": Histogram(np.array([20.0, 12.0, 5.0]), np.zeros(3)),
    }
    spec = build_workspace(processes(analysis(**changes), "s"), histograms, OBSERVED, False)
    oracle = pyhf.Workspace(spec).model()
    model, data = from_pyhf(oracle), np.array(OBSERVED + oracle.config.auxdata)
    limits = compute_limits(model, data, 0.05)
    nominal = np.asarray(infer.nominal_asimov(model, 0.0))
    return model, data, limits, certify(model, oracle, nominal, data, limits, 0.05)


@pytest.fixture(scope="module")
def ordinary():
    return results(1.0)[2]


@settings(max_examples=3, deadline=None)
@given(st.floats(-3, 0.6).map(lambda exponent: 10**exponent))
def test_limits_scale_with_the_yield_if_the_bounds_do(ordinary, factor):
    bounds = [0, 10 / factor]
    model, data, scaled, check = results(factor, poi={"name": "mu_H", "bounds": bounds})
    assert check["agrees"]
    assert scaled["poi"] == model.config.poi_name == "mu_H"
    for name in ("expected_limits", "expected_limits_postfit"):
        np.testing.assert_allclose(
            factor * np.array(scaled[name]), ordinary[name], rtol=1e-7, err_msg=name
        )
    assert factor * scaled["observed_limit"] == pytest.approx(ordinary["observed_limit"], rel=1e-7)
    assert scaled["reasons"] == {}
    scan = scan_cls(model, data, scan_range(model, scaled), points=3)
    assert scan["mu"][-1] <= bounds[1]


def test_a_nominal_strength_is_where_fits_begin_and_changes_no_result(ordinary):
    model, _, limits, check = results(1.0, poi={"nominal": 3})
    assert model.config.suggested_init()[model.config.poi_index] == 3
    assert check["agrees"]
    for name in ("expected_limits", "expected_limits_postfit", "observed_limit"):
        np.testing.assert_allclose(limits[name], ordinary[name], rtol=1e-7, err_msg=name)
    with pytest.raises(ConfigError, match=r"poi.nominal: 20 is beyond the bounds \[0.0, 10.0\]"):
        analysis(poi={"nominal": 20})


def test_a_limit_beyond_the_bounds_says_which_setting_to_widen():
    model, data, limits, _ = results(0.1, poi={"bounds": [0, 12]})
    at_end, expected = infer.hypotest(12.0, data, model, return_expected_set=True)
    assert float(at_end) > 0.05 > float(expected[0])
    assert limits["observed_limit"] is None
    assert limits["expected_limits_postfit"][0] is not None
    assert limits["reasons"]["observed limit, post-fit"] == (
        f"the observed limit does not exist: CLs is {float(at_end):.3g} at the largest mu allowed, "
        "12; widen its bounds in the config (poi.bounds)"
    )


def test_training_fills_the_model_of_the_workspace():
    samples = processes(analysis(poi={"name": "r", "bounds": [0, 250]}), "s")
    histograms = {n: Histogram(np.array([2.0, 1.0]), np.array([0.1, 0.2])) for n in "sb"}
    written = from_pyhf(build_workspace(samples, histograms, np.zeros(2), staterror=True))
    filled = fill(template_model(samples, 2, True), samples, histograms)
    assert filled.layout == written.layout
    assert filled.config.suggested_bounds()[filled.config.poi_index] == (0, 250)


def test_wider_bounds_train_nothing_again():
    trained = {"name": "neos", "kind": "network", "objective": "limit", "bins": 3}
    narrow, wide = (analysis(poi={"bounds": [0, end]}, observables=[trained]) for end in (10, 1000))
    assert of_training(narrow, "s", "neos") == of_training(wide, "s", "neos")
    assert of_model(narrow, "s", "neos") != of_model(wide, "s", "neos")
