"""Signals with strengths of their own in one fit, with pyhf as the oracle."""

import copy
import itertools

import jax
import numpy as np
import pyhf
import pytest
import yaml

from hone.analysis import checked_config
from hone.analysis.files import Files
from hone.analysis.parts import of_histograms, of_model, of_training
from hone.analysis.settings import plain
from hone.errors import ConfigError
from hone.events.generate import pseudo_data
from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf
from hone.results.best_fit import stored
from hone.results.certify import certify
from hone.results.fit_results import fit_results
from hone.results.likelihood_scan import likelihood_of
from hone.results.limits import compute_limits
from hone.statmodel.filling import fill, template_model
from hone.statmodel.templates import Histogram
from hone.statmodel.workspace import build_workspace, processes
from hone.training.objectives import log_sigma_mu, resolve_objective

CONFIG = yaml.safe_load("""
analysis: small
seed: 1
samples:
  - &sample
    name: b
    process: background
    yield: 300
    distribution: [{kind: exponential, variables: [x], rate: 2}]
  - {<<: *sample, name: VBF, process: signal, yield: 40}
  - {<<: *sample, name: ggH, process: signal, yield: 90}
  - {<<: *sample, name: VH, process: signal, yield: 20}
measure:
  - {name: mu_ggH, sample: ggH, bounds: [0, 20]}
  - {name: mu_VBF, sample: [VBF, VH]}
systematics:
  - {name: rate, type: normsys, sample: [b, ggH], up: 1.1, down: 0.9}
features: [x]
observables:
  - {name: neos, kind: network, objective: generalised_variance, bins: 3}
""")
YIELDS = {"b": [150.0, 60, 20, 9], "ggH": [20.0, 30, 12, 3], "VBF": [2.0, 6, 9, 8], "VH": [1.0] * 4}
HISTOGRAMS = {n: Histogram(np.array(y), 0.05 * np.array(y)) for n, y in YIELDS.items()}
OBSERVED = [181.0, 105, 36, 19]
NAMES = ("mu_ggH", "mu_VBF")


def analysis(**changes):
    return checked_config({**copy.deepcopy(CONFIG), **changes})


@pytest.fixture(scope="module")
def spec():
    samples = processes(analysis(), "ggH")
    return build_workspace(samples, HISTOGRAMS, OBSERVED, staterror=True)


@pytest.fixture(scope="module")
def oracle(spec):
    return pyhf.Workspace(spec).model()


@pytest.fixture(scope="module")
def model(oracle):
    return from_pyhf(oracle)


@pytest.fixture(scope="module")
def data(oracle):
    return np.array(OBSERVED + oracle.config.auxdata)


def test_all_signals_are_one_hypothesis():
    whole = analysis()
    assert whole.signals == ["ggH"]
    assert Files(whole).of_seeds("limits.json")[0] == "results/small/ggH/neos/seed1/limits.json"
    for part in (of_training, of_model, of_histograms):
        again = type(whole).model_validate(part(whole, "ggH", "neos"))
        assert {s.name for s in again.hypothesis("ggH")} == {"ggH", "VBF", "VH", "b"}
        assert again.true_strengths == {"ggH": 0, "VBF": 1, "VH": 1}
    assert checked_config(plain(whole)) == whole


def test_the_workspace_scales_each_signal_by_its_strength(oracle, model):
    assert oracle.config.poi_name == "mu_ggH"
    bounds = oracle.config.suggested_bounds()
    assert tuple(bounds[oracle.config.par_slice("mu_ggH").start]) == (0, 20)
    start = np.array(oracle.config.suggested_init())
    for strengths in itertools.product((0.0, 1.0, 2.5), repeat=2):
        for name, value in zip(NAMES, strengths, strict=True):
            start[oracle.config.par_slice(name)] = value
        yields = {k: np.array(v) for k, v in YIELDS.items()}
        expected = (
            yields["b"]
            + strengths[0] * yields["ggH"]
            + strengths[1] * (yields["VBF"] + yields["VH"])
        )
        found = oracle.expected_data(start, include_auxdata=False)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    samples = processes(analysis(), "ggH")
    filled = fill(template_model(samples, 4, True), samples, HISTOGRAMS)
    assert filled.layout == model.layout


@pytest.fixture(scope="module")
def covariance(oracle):
    """Of the strengths, by central differences of pyhf's likelihood."""
    start = np.array(oracle.config.suggested_init())
    expected, step = np.asarray(oracle.expected_data(start)), 1e-3
    moves = step * np.eye(len(start))

    def nll(pars):
        return -float(np.asarray(oracle.logpdf(pars, expected)).item())

    hessian = np.array(
        [
            [
                sum(a * b * nll(start + a * p + b * q) for a in (1, -1) for b in (1, -1))
                for q in moves
            ]
            for p in moves
        ]
    ) / (4 * step**2)
    places = [oracle.config.par_slice(name).start for name in NAMES]
    return np.linalg.inv(hessian)[np.ix_(places, places)]


def test_objectives_are_of_the_strengths(model, covariance):
    wanted = {
        "generalised_variance": np.log(np.linalg.det(covariance)),
        "trace": np.log(np.trace(covariance)),
    }
    for name, value in wanted.items():
        objective = resolve_objective(name, 0.05, ".", NAMES)
        assert float(objective(model)) == pytest.approx(value, abs=1e-4)

    objective = resolve_objective("generalised_variance", 0.05, ".", NAMES)

    def of_yields(factor):
        return objective(model.replace(nominal=model.nominal * factor))

    slope = (float(of_yields(1 + 1e-4)) - float(of_yields(1 - 1e-4))) / 2e-4
    assert float(jax.grad(of_yields)(1.0)) == pytest.approx(slope, rel=1e-5)
    assert float(resolve_objective("trace", 0.05, ".")(model)) == pytest.approx(
        2 * float(log_sigma_mu(model)), rel=1e-9
    )
    assert float(log_sigma_mu(model)) == pytest.approx(0.5 * np.log(covariance[0, 0]), abs=1e-4)


def test_limits_and_discovery_profile_the_other_strength(oracle, model, data, covariance):
    limits = compute_limits(model, data, 0.05, strengths=NAMES)
    nominal = np.asarray(infer.nominal_asimov(model, 0.0))
    assert certify(model, oracle, nominal, data, limits, 0.05)["agrees"]
    assert limits["reasons"] == {}
    assert limits["sigmas"]["mu_ggH"] == pytest.approx(limits["sigma_mu"], rel=1e-12)
    for name, variance in zip(NAMES, np.diag(covariance), strict=True):
        assert limits["sigmas"][name] == pytest.approx(np.sqrt(variance), rel=1e-4)
    alone = np.array(oracle.config.suggested_fixed()) | np.isin(model.config.par_names, NAMES[1:])
    fixed = infer.upper_limit(nominal, model, fixed_params=alone.tolist())[1][2]
    assert limits["expected_limits"][2] > 1.05 * float(fixed)


def test_a_limit_beyond_the_bounds_names_the_setting_of_the_strength():
    narrow = {**CONFIG["measure"][0], "bounds": [0, 2]}
    whole = analysis(measure=[narrow, CONFIG["measure"][1]])
    faint = HISTOGRAMS | {"ggH": Histogram(0.01 * HISTOGRAMS["ggH"].values, np.zeros(4))}
    spec = build_workspace(processes(whole, "ggH"), faint, OBSERVED, staterror=True)
    model = from_pyhf(spec)
    data = np.append(OBSERVED, model.config.auxdata)
    found = compute_limits(model, data, 0.05, bounds_setting=whole.bounds_setting)
    assert found["expected_limits"] == [None] * 5
    reason = found["reasons"]["observed limit, post-fit"]
    assert reason.endswith(
        "mu_ggH allowed, 2; widen its bounds in the config (measure['mu_ggH'].bounds)"
    )
    assert analysis(measure=[]).bounds_setting == "poi.bounds"


def test_the_best_fit_has_both_strengths_and_a_contour(spec, oracle, model, data):
    reasons = {}
    fits, _, contour = likelihood_of(model, data, reasons, NAMES[1:])
    assert not reasons
    assert contour["parameter"] == "mu_VBF"
    assert contour["levels"] == pytest.approx([2.296, 6.180], abs=1e-3)
    fit = fit_results(spec, known=stored(fits["observed"]))["fit"]
    places = [fit["labels"].index(name) for name in NAMES]
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(tolerance=1e-3))
    try:
        best, lowest = pyhf.infer.mle.fit(data, oracle, return_fitted_val=True)
        for k, place in enumerate(places):
            assert fit["bestfit"][place] == pytest.approx(float(best[place]), abs=2e-3)
            assert contour["observed"]["best_fit"][k] == fit["bestfit"][place]
        # One point of the contour, with both strengths fixed in pyhf.
        i, j = 4, 9
        start, fixed = np.array(best), np.array(oracle.config.suggested_fixed())
        start[places], fixed[places] = (contour["mu"][j], contour["value"][i]), True
        _, there = pyhf.infer.mle.fit(
            data, oracle, start.tolist(), fixed_params=fixed.tolist(), return_fitted_val=True
        )
        assert contour["observed"]["q"][i][j] == pytest.approx(float(there - lowest), abs=2e-3)
    finally:
        pyhf.set_backend("numpy")
    assert -1 < fit["correlation"][places[0]][places[1]] < 0
    assert all(fit["uncertainty"][place] > 0 for place in places)
    assert fit["prefit_uncertainty"][places[1]] is None
    assert fit["degrees_of_freedom"] == 2


def test_the_pseudo_data_have_the_other_signals_at_one():
    seeds = [analysis(observation={"seed": k, "mu": 2}) for k in range(60)]
    sizes = [len(pseudo_data(observed)["x"]) for observed in seeds]
    expected = 300 + 2 * 90 + 40 + 20
    assert np.mean(sizes) == pytest.approx(expected, abs=4 * np.sqrt(expected / 60))


def entry(place, **changes):
    return lambda c: c["measure"][place].update(changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (entry(1, sample="VBF"), "measure: the signal 'VH' has no strength; add it to an entry"),
        (
            entry(1, sample=["VBF", "VH", "ggH"]),
            r"'ggH' has a strength already, in measure\['mu_ggH'\]",
        ),
        (entry(0, sample="b"), r"measure\['mu_ggH'\].sample: there is no signal 'b'; signals are"),
        (
            entry(0, bounds=[0.5, 5]),
            r"measure\['mu_ggH'\].bounds: .* must begin at 0, and end above 1",
        ),
        (entry(1, name="rate"), "'rate' is the name of another parameter"),
        (entry(1, name="mu_ggH"), "measure: the name 'mu_ggH' is used more than once"),
        (lambda c: c.update(poi={"bounds": [0, 5]}), "poi: the first entry of measure is the POI"),
        (
            lambda c: c.update(observation={"signal": "VBF"}),
            "observation.signal: mu is the strength 'mu_ggH'; remove it",
        ),
    ],
)
def test_contradictions_are_named(change, message):
    config = copy.deepcopy(CONFIG)
    change(config)
    with pytest.raises(ConfigError, match=message):
        checked_config(config)
