"""The fit of a workspace: pyhf, Minuit through cabinetry, and scans are the oracle."""

import copy
import json
from importlib import import_module

import cabinetry
import numpy as np
import pyhf
import pytest
import specs
from scipy.stats import chi2

from hone.errors import FitError, ModelError
from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf
from hone.results.bands import envelope
from hone.results.best_fit import stored
from hone.results.fit_results import fit_results
from hone.results.likelihood_scan import likelihood_of


@pytest.fixture(scope="module")
def fitted():
    model = specs.typical()
    data = specs.pseudo_data(model, 1, 1.0)
    return model, data, fit_results(specs.workspace(model, data))


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

    def value(shift):
        return -float(model.logpdf(pars + shift, data)[0])

    hessian = [
        [
            (value(a + b) - value(a - b) - value(b - a) + value(-a - b)) / (4 * step**2)
            for b in units
        ]
        for a in units
    ]
    found = np.zeros((len(pars), len(pars)))
    found[np.ix_(free, free)] = np.linalg.inv(hessian)
    return found


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
    for fixed in (held & ~on_bound, held):
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


def test_the_goodness_of_fit_by_toys_is_stored_with_their_number(fitted):
    model, data, content = fitted
    assert content["fit"]["goodness_of_fit_toys"] is None
    fit = fit_results(specs.workspace(model, data), toys=200, seed=4)["fit"]
    found = infer.goodness_of_fit(infer.best_fit(data, model), model, 200, rng=4)
    assert fit["goodness_of_fit"] == pytest.approx(found.p_value)
    assert fit["goodness_of_fit_toys"] == {
        "p": found.p_value_toys, "error": found.p_value_toys_error, "toys": 200
    }  # fmt: skip
    blind = fit_results(specs.workspace(model, data), blind=True, toys=200)
    assert blind["fit"]["goodness_of_fit_toys"] is None


def moved_by_pyhf(model, pars, errors, place):
    """Changes of the rates in one channel by each parameter up and down, and their sums."""

    def rates(moved):
        found = model.expected_data(moved, include_auxdata=False)[place]
        return np.append(found, found.sum())

    nominal = rates(pars)
    steps = np.diag(errors)
    return (np.array([rates(pars + s * step) - nominal for step in steps]) for s in (1, -1))


def test_yields_are_pyhfs_and_their_errors_the_envelope_of_its_changes():
    model = specs.everything(only="histosys")
    data = specs.pseudo_data(model, 2, 2.0)
    content = fit_results(specs.workspace(model, data))
    assert list(content["prefit"]) == ["channel0", "channel1"]
    fit = content["fit"]
    widths = [x or 0.0 for x in fit["prefit_uncertainty"]]
    before = (fit["prefit_value"], widths, np.eye(len(widths)))
    after = (fit["bestfit"], fit["uncertainty"], fit["correlation"])
    for which, (pars, errors, matrix) in (("prefit", before), ("postfit", after)):
        yields = model.main_model.expected_data(np.array(pars), return_by_sample=True)
        for name, channel in content[which].items():
            place = model.config.channel_slices[name]
            for s, of_sample in enumerate(channel["samples"].values()):
                np.testing.assert_allclose(of_sample, yields[s, place])
            change = envelope(*moved_by_pyhf(model, np.array(pars), errors, place))
            *bins, of_all = np.sqrt(np.diag(change.T @ np.array(matrix) @ change))
            np.testing.assert_allclose(channel["uncertainty"], bins)
            assert channel["total"] == pytest.approx(yields[:, place].sum())
            assert channel["total_uncertainty"] == pytest.approx(of_all)


def test_the_band_before_the_fit_is_in_quadrature_to_each_side():
    """By hand: a shape of +30 and +10, a norm of +20 and -5 per cent, 40 events of staterror 3."""
    shape = {"hi_data": [70.0], "lo_data": [50.0]}
    strength = {"name": "mu", "type": "normfactor", "data": None}
    samples = [
        {"name": "s", "data": [0.0], "modifiers": [strength]},
        {"name": "b", "data": [40.0], "modifiers": [
            {"name": "shape", "type": "histosys", "data": shape},
            {"name": "norm", "type": "normsys", "data": {"hi": 1.2, "lo": 0.95}},
            {"name": "stat", "type": "staterror", "data": [3.0]},
        ]},
    ]  # fmt: skip
    model = pyhf.Model({"channels": [{"name": "SR", "samples": samples}]}, poi_name="mu")
    data = np.array([40.0, *model.config.auxdata])
    (found,) = fit_results(specs.workspace(model, data))["prefit"].values()
    assert found["above"] == [pytest.approx(np.sqrt(30**2 + 8**2 + 3**2))]
    assert found["below"] == [pytest.approx(np.sqrt(0**2 + 2**2 + 3**2))]
    assert found["uncertainty"] == found["above"]


@pytest.mark.parametrize("seed", range(4))
def test_the_deepest_of_several_minima_is_found(seed):
    model, data = multimodal(seed)
    _, best = infer.fit(data, from_pyhf(model), return_fitted_val=True)
    assert fit_results(specs.workspace(model, data))["fit"]["twice_nll"] <= float(best) + 1e-6


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


def test_without_uncertainties_there_is_still_a_best_fit(fitted, monkeypatch):
    model, data, content = fitted
    spec = specs.workspace(model, data)
    module = import_module("hone.likelihood.infer.best_fit")
    original = module.fit

    def without(*arguments, **options):
        if options.get("return_uncertainties"):
            raise FitError("the fit has no uncertainties")
        return original(*arguments, **options)

    monkeypatch.setattr(module, "fit", without)
    bare = fit_results(spec)
    np.testing.assert_allclose(bare["fit"]["bestfit"], content["fit"]["bestfit"], atol=1e-6)
    assert bare["fit"]["uncertainty"] is bare["fit"]["correlation"] is bare["postfit"] is None
    for name in ("uncertainty", "correlation", "postfit"):
        assert bare["reasons"][name] == "the fit has no uncertainties"
    assert "ranking" in bare["reasons"]
    json.dumps(bare, allow_nan=False)


def test_what_does_not_exist_has_a_reason():
    model = specs.everything(only="normfactor")
    content = fit_results(specs.workspace(model, specs.pseudo_data(model, 1, 1.0)))
    assert content["ranking"] is content["breakdown"] is None
    # of the fit itself: there are no impacts that they could disagree with
    assert content["pulls"]["bestfit"] == content["fit"]["bestfit"]
    for name in ("ranking", "breakdown"):
        assert content["reasons"][name] == "no parameter but mu is free"
    impossible = specs.typical()
    spec = specs.workspace(impossible, np.zeros(5))
    for sample in spec["channels"][0]["samples"]:
        sample["data"][0] = 0.0
        for modifier in sample["modifiers"]:
            if modifier["type"] == "histosys":
                modifier["data"] = {side: [0.0, *x[1:]] for side, x in modifier["data"].items()}
            if modifier["type"] == "staterror":
                modifier["data"][0] = 0.0
    # Events where nothing is expected: no parameters can explain them.
    spec["observations"][0]["data"] = [5.0, 1, 1, 1, 1]
    content = fit_results(spec)
    assert content["fit"] is content["postfit"] is content["ranking"] is None
    assert "did not converge" in content["reasons"]["fit"]
    assert content["prefit"] is not None
    json.dumps(content, allow_nan=False)


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


def test_nothing_is_observed_while_blind():
    model = specs.typical()
    data = np.asarray(model.expected_data(model.config.suggested_init()))
    content = fit_results(specs.workspace(model, data), blind=True)
    assert content["observation"] is None
    assert content["fit"]["goodness_of_fit"] is None
    assert content["ranking"]["data"] == content["pulls"]["data"] == "expected"
    assert {"observation", "goodness_of_fit"} <= set(content["reasons"])


def test_the_backend_and_the_workspace_stay_as_they_were(fitted):
    model, data, content = fitted
    optimizer = pyhf.optimize.scipy_optimizer(tolerance=1e-9)
    pyhf.set_backend("numpy", optimizer)
    spec = specs.workspace(model, data)
    before = copy.deepcopy(spec)
    again = fit_results(spec)
    assert pyhf.get_backend()[1] is optimizer
    assert spec == before
    assert again == content


def test_nonsense_is_refused(fitted):
    model, data, _ = fitted
    spec = specs.workspace(model, data)
    with pytest.raises(ModelError, match="not a valid pyhf workspace"):
        fit_results({**spec, "channels": []})
    spec["measurements"][0]["config"]["poi"] = ""
    with pytest.raises(ModelError):
        fit_results(spec)
