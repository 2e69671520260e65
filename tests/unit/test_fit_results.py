"""The fit of a workspace: pyhf, cabinetry and hone's own fit are the oracle."""

import copy
import json

import cabinetry
import numpy as np
import pyhf
import pytest
import specs
from cabinetry import model_utils

from hone import infer
from hone.errors import ModelError
from hone.fit_results import fit_results
from hone.histfactory import from_pyhf


def workspace(model, data):
    observations = [
        {"name": name, "data": [float(x) for x in data[place]]}
        for name, place in model.config.channel_slices.items()
    ]
    parameters = copy.deepcopy(model.spec.get("parameters", []))
    measurement = {"poi": model.config.poi_name, "parameters": parameters}
    return {
        "channels": copy.deepcopy(model.spec["channels"]),
        "observations": observations,
        "measurements": [{"name": "limit", "config": measurement}],
        "version": "1.0.0",
    }


@pytest.fixture(scope="module")
def fitted():
    model = specs.typical()
    data = specs.pseudo_data(model, 1, 1.0)
    return model, data, fit_results(workspace(model, data))


def test_the_best_fit_is_that_of_pyhf(fitted):
    model, data, content = fitted
    pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer(tolerance=1e-12))
    best, value = pyhf.infer.mle.fit(data, model, return_fitted_val=True)
    fit = content["fit"]
    assert fit["labels"] == model.config.par_names
    np.testing.assert_allclose(fit["bestfit"], best, atol=2e-3)
    assert fit["twice_nll"] == pytest.approx(float(value), abs=1e-3)
    assert content["reasons"] == {}
    assert 0 < fit["goodness_of_fit"] < 1
    assert content["observation"] == {"SR": data[:5].tolist()}


def test_uncertainties_are_those_of_the_hessian(fitted):
    model, data, content = fitted
    found = infer.fit(data, from_pyhf(model), return_uncertainties=True)
    np.testing.assert_allclose(content["fit"]["uncertainty"], np.asarray(found)[:, 1], rtol=0.02)


def test_impacts_are_those_of_cabinetry(fitted):
    model, data, content = fitted
    ranking = content["ranking"]
    assert ranking["data"] == "observation"
    # Its default tolerance leaves more than the smaller impacts.
    best = cabinetry.fit.fit(model, data.tolist(), tolerance=1e-4)
    oracle = cabinetry.fit.ranking(model, data.tolist(), fit_results=best, tolerance=1e-4)
    for side in ("prefit_up", "prefit_down", "postfit_up", "postfit_down"):
        expected = dict(zip(oracle.labels, getattr(oracle, side), strict=True))
        wanted = [expected[label] for label in ranking["labels"]]
        np.testing.assert_allclose(ranking[side], wanted, atol=2e-4)


def test_an_impact_is_the_shift_of_a_fit_with_the_parameter_fixed(fitted):
    model, data, content = fitted
    ranking, poi = content["ranking"], model.config.poi_index
    at = ranking["labels"].index("shape")
    index = model.config.par_names.index("shape")
    start, fixed = model.config.suggested_init(), model.config.suggested_fixed()
    start[index] = ranking["bestfit"][at] + ranking["uncertainty"][at]
    fixed[index] = True
    compiled = from_pyhf(model)
    shifted = infer.fit(data, compiled, init_pars=start, fixed_params=fixed)[poi]
    best = infer.fit(data, compiled)[poi]
    assert ranking["postfit_up"][at] == pytest.approx(float(shifted - best), abs=2e-4)


def test_predictions_are_those_of_cabinetry():
    model = specs.everything(only="histosys")
    data = specs.pseudo_data(model, 2, 2.0)
    content = fit_results(workspace(model, data))
    assert list(content["prefit"]) == ["channel0", "channel1"]
    results = cabinetry.fit.fit(model, data.tolist())
    for which, oracle in (
        ("prefit", model_utils.prediction(model)),
        ("postfit", model_utils.prediction(model, fit_results=results)),
    ):
        for c, channel in enumerate(content[which].values()):
            for s, yields in enumerate(channel["samples"].values()):
                np.testing.assert_allclose(yields, oracle.model_yields[c][s], rtol=2e-3)
            stdev = oracle.total_stdev_model_bins[c][-1]
            np.testing.assert_allclose(channel["uncertainty"], stdev, rtol=5e-3)
            assert channel["total"] == pytest.approx(np.sum(oracle.model_yields[c]), rel=2e-3)
            of_all = oracle.total_stdev_model_channels[c][-1]
            assert channel["total_uncertainty"] == pytest.approx(of_all, rel=5e-3)


@pytest.mark.parametrize("seed", range(4))
def test_the_deepest_of_several_minima_is_found(seed):
    model, data = specs.multimodal(seed)
    compiled = from_pyhf(model)
    _, best = infer.fit(
        np.concatenate([data[:5], model.config.auxdata]), compiled, return_fitted_val=True
    )
    content = fit_results(workspace(model, data))
    assert content["fit"]["twice_nll"] < float(best) + 2e-3
    if not content["clipped"]:
        assert content["fit"]["twice_nll"] > float(best) - 2e-3


def test_a_parameter_on_its_bound_is_held_there_and_impacts_are_expected_ones():
    model = specs.typical()
    data = specs.pseudo_data(model, 1, 0.0)
    content = fit_results(workspace(model, data))
    poi = model.config.poi_index
    assert content["fit"]["on_bound"] == ["mu"]
    assert content["fit"]["bestfit"][poi] == 0.0
    assert content["fit"]["uncertainty"][poi] == 0.0
    assert np.all(np.array(content["fit"]["correlation"])[poi] == 0)
    ranking = content["ranking"]
    assert (ranking["data"], ranking["mu"]) == ("expected", 1.0)
    assert ranking["poi_value"] == pytest.approx(1.0, abs=1e-3)
    assert ranking["poi_uncertainty"] == pytest.approx(
        float(infer.sigma_mu(from_pyhf(model))), rel=0.02
    )


def test_the_only_parameter_on_its_bound_leaves_nothing_to_fit():
    model = specs.everything(only="normfactor")
    data = [0.5 * x for x in model.expected_data(np.zeros(1))]
    content = fit_results(workspace(model, data))
    fit = content["fit"]
    assert (fit["on_bound"], fit["bestfit"], fit["uncertainty"]) == (["mu"], [0.0], [0.0])
    assert fit["twice_nll"] == pytest.approx(-2 * float(model.logpdf([0.0], data)[0]))
    assert content["reasons"]["goodness_of_fit"] == "no free parameter, or no fewer than bins"
    for channel in content["postfit"].values():
        assert set(channel["uncertainty"]) == {0.0}


def test_uncertainties_are_right_where_the_fit_starts_at_its_minimum():
    spec = workspace(specs.typical(), np.zeros(5))
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


def test_negative_rates_are_no_fit():
    model = specs.blobs_like(
        [0.8, 2.8, 3.2, 4.2, 9.0],
        [86.6, 10.6, 2.0, 0.64, 0.17],
        [53.3, 28.9, 9.9, 5.0, 2.9],
        [14.0, 25.8, 18.6, 17.2, 24.5],
    )
    data = np.array([82.0, 8, 1, 0, 0, 0])
    content = fit_results(workspace(model, data))
    assert content["clipped"]
    assert "negative" in content["notes"][0]
    yields = content["postfit"]["SR"]["samples"].values()
    assert all(x >= 0 for several in yields for x in several)


def test_what_does_not_exist_has_a_reason():
    model = specs.everything(only="normfactor")
    content = fit_results(workspace(model, specs.pseudo_data(model, 1, 1.0)))
    assert content["ranking"] is None
    assert content["reasons"]["ranking"] == "no parameter but mu is free"
    impossible = specs.typical()
    spec = workspace(impossible, np.zeros(5))
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
    assert "converged" in content["reasons"]["fit"]
    assert content["prefit"] is not None
    json.dumps(content, allow_nan=False)


def test_a_parameter_without_effect_does_not_spoil_the_fit():
    spec = workspace(specs.typical(), specs.pseudo_data(specs.typical(), 1, 1.0))
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
    content = fit_results(workspace(model, data), blind=True)
    assert content["observation"] is None
    assert content["fit"]["goodness_of_fit"] is None
    assert content["ranking"]["data"] == "expected"
    assert {"observation", "goodness_of_fit"} <= set(content["reasons"])


def test_the_backend_and_the_workspace_stay_as_they_were(fitted):
    model, data, content = fitted
    optimizer = pyhf.optimize.scipy_optimizer(tolerance=1e-9)
    pyhf.set_backend("numpy", optimizer)
    spec = workspace(model, data)
    before = copy.deepcopy(spec)
    again = fit_results(spec)
    assert pyhf.get_backend()[1] is optimizer
    assert spec == before
    assert again == content


def test_nonsense_is_refused(fitted):
    model, data, _ = fitted
    spec = workspace(model, data)
    with pytest.raises(ModelError, match="not a valid pyhf workspace"):
        fit_results({**spec, "channels": []})
    spec["measurements"][0]["config"]["poi"] = ""
    with pytest.raises(ModelError):
        fit_results(spec)
