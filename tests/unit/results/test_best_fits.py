"""The best fit of a workspace: pyhf, Minuit through cabinetry, and scans are the oracle."""

import json

import cabinetry
import numpy as np
import pyhf
import pytest
import specs
from scipy.stats import chi2

from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf
from hone.results.best_fit import stored
from hone.results.fit_results import fit_results
from hone.results.likelihood_scan import likelihood_of


@pytest.fixture
def fit_alone(monkeypatch):
    """Without impacts and breakdown: fits by the dozen."""
    for what in ("impacts_of", "breakdown_of"):
        monkeypatch.setattr(f"hone.results.fit_results.{what}", lambda *_: None)


def test_the_best_fit_is_that_of_pyhf(fitted):
    model, data, content = fitted
    pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer(tolerance=1e-12))
    best, value = pyhf.infer.mle.fit(data, model, return_fitted_val=True)
    fit = content["fit"]
    assert fit["labels"] == model.config.par_names
    np.testing.assert_allclose(fit["bestfit"], best, atol=1e-4)
    assert fit["twice_nll"] == pytest.approx(float(value), abs=1e-6)
    assert content["reasons"] == {}
    assert 0 < fit["goodness_of_fit"] < 1
    assert content["observation"] == {"SR": data[:5].tolist()}


def multimodal(seed):
    model, data = specs.multimodal(seed)
    return model, np.concatenate([data[:5], model.config.auxdata])


MULTIMODAL = {f"multimodal{seed}": multimodal(seed) for seed in (0, 2, 3, 9)}


FITTED = {name: (model, specs.pseudo_data(model, 4, 1.0)) for name, model in specs.MODELS.items()}


def inverse_hessian(model, data, pars, free, step=1e-3):
    """Of pyhf's -ln L by central differences, 0 for what is not free."""
    units = step * np.eye(len(pars))[free]
    hessian = np.zeros((len(units), len(units)))

    def value(shift):
        return -float(model.logpdf(pars + shift, data)[0])

    for i, a in enumerate(units):
        for j, b in enumerate(units[: i + 1]):
            differences = value(a + b) - value(a - b) - value(b - a) + value(-a - b)
            hessian[i, j] = hessian[j, i] = differences / (4 * step**2)
    found = np.zeros((len(pars), len(pars)))
    found[np.ix_(free, free)] = np.linalg.inv(hessian)
    return found


@pytest.mark.usefixtures("fit_alone")
@pytest.mark.parametrize("name", [*FITTED, *MULTIMODAL])
def test_the_fit_is_that_of_minuit_and_no_fit_of_minuit_is_deeper(name):
    model, data = (FITTED | MULTIMODAL)[name]
    fit = fit_results(specs.workspace(model, data))["fit"]
    pars, errors, matrix = (np.array(fit[k]) for k in ("bestfit", "uncertainty", "correlation"))
    held = errors == 0
    covariance = inverse_hessian(model, data, pars, ~held)
    np.testing.assert_allclose(matrix * np.outer(errors, errors), covariance, rtol=0, atol=1e-3)
    np.testing.assert_allclose(errors, np.sqrt(np.diag(covariance)), rtol=1e-3)

    on_bound = np.isin(fit["labels"], fit["on_bound"])
    start = pars if name in MULTIMODAL else np.array(model.config.suggested_init())
    for fixed in (held & ~on_bound, held) if on_bound.any() else (held,):
        minuit = cabinetry.fit.fit(
            model, data.tolist(), init_pars=np.where(fixed, pars, start).tolist(),
            fix_pars=fixed.tolist(), strategy=2, tolerance=1e-3,
        )  # fmt: skip
        assert fit["twice_nll"] < minuit.best_twice_nll + 1e-6
    assert fit["twice_nll"] == pytest.approx(minuit.best_twice_nll, abs=1e-4)
    assert (abs(pars - minuit.bestfit) <= 0.01 * minuit.uncertainty + 1e-9).all()
    # Its second derivatives are differences of large steps: with many parameters, those of pyhf's
    # likelihood by small ones, above, are not its own.
    np.testing.assert_allclose(errors, minuit.uncertainty, rtol=0.1)
    found = np.where(np.logical_or.outer(held, held), 0.0, minuit.corr_mat)
    np.testing.assert_allclose(matrix, found, atol=0.1)


@pytest.mark.usefixtures("fit_alone")
@pytest.mark.parametrize("seed", [0, 1, 3])
def test_the_deepest_of_several_minima_is_found(seed):
    model, data = multimodal(seed)
    _, best = infer.fit(data, from_pyhf(model), return_fitted_val=True)
    assert fit_results(specs.workspace(model, data))["fit"]["twice_nll"] <= float(best) + 1e-6


def test_impacts_and_breakdown_are_those_of_the_deepest_minimum():
    model, data = multimodal(2)
    _, best = infer.fit(data, from_pyhf(model), return_fitted_val=True)
    content = fit_results(specs.workspace(model, data))
    assert content["fit"]["twice_nll"] <= float(best) + 1e-6
    assert content["reasons"] == {}
    ranking, poi = content["ranking"], model.config.poi_index
    for k, name in enumerate(ranking["labels"]):
        pars = np.array(content["fit"]["bestfit"])
        index = model.config.par_names.index(name)
        pars[index] += ranking["uncertainty"][k]
        shifted = pyhf.infer.mle.fit(
            data, model, init_pars=pars.tolist(),
            fixed_params=[i == index for i in range(len(pars))],
        )  # fmt: skip
        assert ranking["postfit_up"][k] == pytest.approx(
            shifted[poi] - content["fit"]["bestfit"][poi], abs=2e-4
        )
    assert content["breakdown"]["total"] > content["breakdown"]["statistical"]


def few_events(seed):
    """Random templates as those of a trained observable, and a handful of events."""
    rng = np.random.default_rng(seed)
    signal = np.sort(rng.dirichlet(np.ones(5))) * 12
    background = np.sort(rng.dirichlet(0.5 * np.ones(5)))[::-1] * 25 + 0.05
    up, down = (background * np.exp(rng.normal(0, 0.6, 5)) for _ in range(2))
    errors = [(0.05 * signal).tolist(), (0.1 * background).tolist()]
    model = specs.blobs_like(
        signal.tolist(), background.tolist(), up.tolist(), down.tolist(), errors
    )
    counts = rng.poisson(background + rng.choice([0.0, 1.0]) * signal)
    return model, np.concatenate([counts, model.config.auxdata])


@pytest.mark.usefixtures("fit_alone")
def test_fit_profile_and_contour_have_one_best_fit():
    """Cabinetry's fit was another one than that of the scans: mu-hat 0 and 0.02."""
    for seed in range(6):
        oracle, data = few_events(seed)
        model, spec = from_pyhf(oracle), specs.workspace(oracle, data)
        fits, profile, contour = likelihood_of(model, data, reasons := {})
        assert reasons == {}
        fit = fit_results(spec, known=json.loads(json.dumps(stored(fits["observed"]))))["fit"]
        poi = oracle.config.poi_index
        leading = fit["labels"].index(contour["parameter"])
        assert fit["bestfit"][poi] == profile["observed"]["best_fit"]
        assert [fit["bestfit"][k] for k in (poi, leading)] == contour["observed"]["best_fit"]
        mus, rise = profile["mu"], profile["observed"]["profiled"]
        for k in (0, 20, 60):
            value = infer.fixed_poi_fit(mus[k], data, model, return_fitted_val=True)[1]
            assert rise[k] + fit["twice_nll"] == pytest.approx(float(value), abs=1e-6)
        # what it finds by itself
        alone = fit_results(spec)["fit"]
        assert alone["bestfit"][poi] == pytest.approx(fit["bestfit"][poi], abs=1e-6)
        assert alone["twice_nll"] == pytest.approx(fit["twice_nll"], abs=1e-6)
        assert alone["deviance"] == pytest.approx(fit["deviance"], abs=1e-6)


def test_the_only_parameter_on_its_bound_leaves_nothing_to_fit():
    model = specs.everything(only="normfactor")
    data = [0.5 * x for x in model.expected_data(np.zeros(1))]
    content = fit_results(specs.workspace(model, data))
    fit = content["fit"]
    assert (fit["on_bound"], fit["bestfit"], fit["uncertainty"]) == (["mu"], [0.0], [0.0])
    assert fit["twice_nll"] == pytest.approx(-2 * float(model.logpdf([0.0], data)[0]))
    # nothing is fitted: every bin counts
    assert fit["degrees_of_freedom"] == 7
    assert fit["goodness_of_fit"] == pytest.approx(chi2.sf(fit["deviance"], 7))
    for channel in content["postfit"].values():
        assert set(channel["uncertainty"]) == {0.0}


def test_uncertainties_are_right_where_the_fit_starts_at_its_minimum():
    spec = specs.workspace(specs.typical(), np.zeros(5))
    signal, background = spec["channels"][0]["samples"]
    signal["data"], background["data"] = [40.0, 10.0, 0.5, 0.1, 0.1], [2.3, 97.0, 1, 1, 1]
    background["modifiers"] = [
        {"name": "rate", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}},
    ]
    model = pyhf.Workspace(spec).model()
    expected = model.expected_data(model.config.suggested_init(), include_auxdata=False)
    spec["observations"][0]["data"] = np.asarray(expected).tolist()
    content = fit_results(spec)
    data = pyhf.Workspace(spec).data(model)
    found = np.asarray(infer.fit(data, from_pyhf(model), return_uncertainties=True))
    assert content["fit"]["labels"] == model.config.par_names
    np.testing.assert_allclose(content["fit"]["uncertainty"], found[:, 1], rtol=0.01)


def test_a_fit_that_ends_on_the_edge_of_negative_rates_says_so():
    """Minuit goes beyond; so did the fit of the figures, until negative yields were clipped."""
    model = specs.blobs_like(
        [0.8, 2.8, 3.2, 4.2, 9.0],
        [86.6, 10.6, 2.0, 0.64, 0.17],
        [53.3, 28.9, 9.9, 5.0, 2.9],
        [14.0, 25.8, 18.6, 17.2, 24.5],
    )
    data = np.array([82.0, 8, 1, 0, 0, 0])
    content = fit_results(specs.workspace(model, data))
    _, best = infer.fit(data, from_pyhf(model), return_fitted_val=True)
    assert content["fit"]["twice_nll"] == pytest.approx(float(best), abs=1e-6)
    assert "the expected rate of channel 'SR', bin 5 is zero" in content["notes"][-1]
    yields = content["postfit"]["SR"]["samples"].values()
    assert all(x >= 0 for several in yields for x in several)


def five_bins(observed, *empty):
    """A signal, a background with a norm of 10 %, and free norms of an empty sample."""

    def free(name):
        return {"name": name, "type": "normfactor", "data": None}

    norm = {"name": "n", "type": "normsys", "data": {"lo": 0.9, "hi": 1.1}}
    samples = [
        {"name": "s", "data": [5.0] * 5, "modifiers": [free("mu")]},
        {"name": "b", "data": [100.0] * 5, "modifiers": [norm]},
        *({"name": f"e{k}", "data": [0.0] * 5, "modifiers": [free(k)]} for k in empty),
    ]
    model = pyhf.Model({"channels": [{"name": "SR", "samples": samples}]}, poi_name="mu")
    return specs.workspace(model, np.array([*observed, 0.0]))


@pytest.mark.parametrize(
    ("spec", "freedom", "p"),
    [
        # mu is held at 0; right values of scipy's minimum of the deviance
        (five_bins((88, 96, 85, 90, 91)), 5, 0.9054),
        (five_bins((104, 108, 95, 110, 97)), 4, 0.7895),
        (five_bins((104, 108, 95, 110, 97), "k"), 4, 0.7895),
    ],
)
def test_what_is_held_takes_no_degree_of_freedom(spec, freedom, p):
    fit = fit_results(spec)["fit"]
    assert fit["degrees_of_freedom"] == freedom
    assert fit["goodness_of_fit"] == pytest.approx(p, abs=5e-5)
    model, data = cabinetry.model_utils.model_and_data(spec)
    minuit = cabinetry.fit.fit(
        model, data, fix_pars=[x == 0 for x in fit["uncertainty"]], tolerance=1e-3,
        init_pars=fit["bestfit"], goodness_of_fit=True,
    )  # fmt: skip
    # 0.6 counts what is held; the deviance is the same
    counted = 5 - cabinetry.model_utils.unconstrained_parameter_count(model)
    assert minuit.goodness_of_fit == pytest.approx(chi2.sf(fit["deviance"], counted), abs=1e-5)


def test_a_parameter_without_effect_does_not_spoil_the_fit():
    spec = specs.workspace(specs.typical(), specs.pseudo_data(specs.typical(), 1, 1.0))
    spec["channels"][0]["samples"].append(
        {
            "name": "empty",
            "data": [0.0] * 5,
            "modifiers": [{"name": "free", "type": "normfactor", "data": None}],
        }
    )
    fit = fit_results(spec)["fit"]
    assert fit["uncertainty"][fit["labels"].index("free")] == 0.0
    assert fit["prefit_uncertainty"][fit["labels"].index("free")] is None
