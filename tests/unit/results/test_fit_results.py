"""What is stored of the fit of a workspace: yields, bands, and reasons for what is missing."""

import copy
import json
from importlib import import_module

import numpy as np
import pyhf
import pytest
import specs

from hone.errors import FitError, ModelError
from hone.likelihood import infer
from hone.results.bands import envelope
from hone.results.fit_results import fit_results


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
