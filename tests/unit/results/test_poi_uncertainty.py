"""Impacts and the breakdown of the POI's uncertainty: refits and cabinetry are the oracle."""

import cabinetry
import numpy as np
import pyhf
import pytest
import specs
from scipy.optimize import brentq

from hone.errors import FitError
from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf
from hone.results.fit_results import fit_results


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


def with_free_normalisation(observed):
    """A signal, a background that the data normalise, a variation with a kink at zero, and a bin
    in which nothing is expected."""

    def modifiers(name):
        return {"name": name, "type": "normfactor", "data": None}

    shape = {"hi_data": [62.0, 31.0, 12.0, 0.0], "lo_data": [59.0, 30.0, 21.0, 0.0]}
    norm = {"name": "n", "type": "normsys", "data": {"lo": 0.9, "hi": 1.1}}
    samples = [
        {"name": "s", "data": [2.0, 5.0, 9.0, 0.0], "modifiers": [modifiers("mu"), norm]},
        {"name": "b", "data": [60.0, 30.0, 20.0, 0.0], "modifiers": [
            modifiers("k"), {"name": "shape", "type": "histosys", "data": shape}
        ]},
    ]  # fmt: skip
    model = pyhf.Model({"channels": [{"name": "SR", "samples": samples}]}, poi_name="mu")
    return model, np.array([*observed, 0.0, *model.config.auxdata])


def half_interval(model, data, bounds, names=()):
    """Of mu, where pyhf's -2 ln L rises by 1, with parameters fixed at their best fit."""
    pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer(tolerance=1e-12))
    best, lowest = pyhf.infer.mle.fit(data, model, par_bounds=bounds, return_fitted_val=True)
    poi = model.config.poi_index
    start = [*best]

    def rise(mu):
        start[poi] = mu
        fixed = [name in (*names, "mu") for name in model.config.par_order]
        options = {"init_pars": start, "par_bounds": bounds, "fixed_params": fixed}
        value = pyhf.infer.mle.fit(data, model, return_fitted_val=True, **options)[1]
        return float(value - lowest) - 1

    ends = [brentq(rise, best[poi], best[poi] + reach, xtol=1e-5) for reach in (-1.2, 1.2)]
    return (ends[1] - ends[0]) / 2


@pytest.mark.parametrize(("observed", "negative"), [((62, 37, 31), False), ((60, 29, 18), True)])
def test_the_breakdown_is_by_refits_and_free_normalisations_are_statistical(observed, negative):
    """Where mu-hat is at zero, pulls, impacts and breakdown are of the fit with negative mu, too"""
    model, data = with_free_normalisation(observed)
    # A group may have the name by which free normalisations are known elsewhere.
    detector = "free normalisations"
    content = fit_results(specs.workspace(model, data), groups={detector: ["shape", "pruned"]})
    assert content["fit"]["on_bound"] == (["mu"] if negative else [])
    parts, pulls, ranking = (content[name] for name in ("breakdown", "pulls", "ranking"))
    for part in (parts, pulls, ranking):
        assert (part["data"], part["mu"], part["negative"]) == ("observation", None, negative)
    bounds = model.config.suggested_bounds()
    bounds[model.config.poi_index] = (-10.0, 10.0)
    pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer(tolerance=1e-12))
    best = pyhf.infer.mle.fit(data, model, par_bounds=bounds)
    np.testing.assert_allclose(pulls["bestfit"], best, atol=1e-4)
    assert ranking["poi_value"] == pytest.approx(pulls["bestfit"][pulls["labels"].index("mu")])
    oracle = {
        "total": half_interval(model, data, bounds),
        "statistical": half_interval(model, data, bounds, ("shape", "n")),
        "counts": half_interval(model, data, bounds, ("shape", "n", "k")),
    }
    for name, value in oracle.items():
        assert parts[name] == pytest.approx(value, rel=1e-4), name
    assert parts["systematic"] == pytest.approx(
        np.sqrt(oracle["total"] ** 2 - oracle["statistical"] ** 2), rel=1e-3
    )
    # What was pruned is in a group and not in the workspace.
    members = {name: group["parameters"] for name, group in parts["groups"].items()}
    assert members == {detector: ["shape"], "n": ["n"]}
    assert parts["free"]["parameters"] == ["k"]
    without = half_interval(model, data, bounds, ("shape",))
    assert parts["groups"][detector]["uncertainty"] == pytest.approx(
        np.sqrt(oracle["total"] ** 2 - without**2), rel=1e-3
    )
    components = [parts["data_component"], *(g["component"] for g in parts["groups"].values())]
    assert np.sqrt(np.sum(np.square(components))) == pytest.approx(parts["hessian"])
    assert parts["hessian"] == ranking["poi_uncertainty"]
    assert abs(parts["hessian"] / parts["total"] - 1) > 0.01
    # limits with parameters fixed, of the data expected without a signal
    nominal = np.array(model.config.suggested_init())
    nominal[model.config.poi_index] = 0.0
    limits = content["limit"]
    for limit, fixed in (
        (limits["expected"], ()), (limits["statistical"], ("shape", "n")),
        (limits["groups"][detector], ("shape",)),
    ):  # fmt: skip
        _, expected = pyhf.infer.hypotest(
            limit, model.expected_data(nominal), model, return_expected=True,
            fixed_params=[name in fixed for name in model.config.par_names],
        )  # fmt: skip
        assert float(expected) == pytest.approx(0.05, rel=1e-3)
    assert limits["statistical"] < limits["groups"][detector] < limits["expected"]


def test_a_ranking_needs_no_breakdown(fitted, monkeypatch):
    model, data, content = fitted

    def without(*_):
        raise FitError("no interval")

    monkeypatch.setattr("hone.results.fit_results.breakdown_of", without)
    found = fit_results(specs.workspace(model, data))
    assert found["breakdown"] is None
    assert found["reasons"] == {"breakdown": "no interval"}
    assert found["ranking"] == content["ranking"]


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


def test_a_parameter_on_its_bound_is_held_there_and_impacts_are_expected_ones():
    model = specs.typical()
    data = specs.pseudo_data(model, 1, 0.0)
    content = fit_results(specs.workspace(model, data))
    poi = model.config.poi_index
    assert content["fit"]["on_bound"] == ["mu"]
    assert content["fit"]["bestfit"][poi] == 0.0
    assert content["fit"]["uncertainty"][poi] == 0.0
    assert np.all(np.array(content["fit"]["correlation"])[poi] == 0)
    ranking = content["ranking"]
    for part in (ranking, content["pulls"], content["breakdown"]):
        assert (part["data"], part["mu"], part["negative"]) == ("expected", 1.0, False)
    assert ranking["poi_value"] == pytest.approx(1.0, abs=1e-3)
    assert ranking["poi_uncertainty"] == pytest.approx(
        float(infer.sigma_mu(from_pyhf(model))), rel=0.02
    )


def test_without_a_fit_that_impacts_can_be_of_pulls_are_those_at_the_bound():
    model = specs.typical()
    spec = specs.workspace(model, specs.pseudo_data(model, 1, 0.0))
    settings = spec["measurements"][0]["config"]
    settings["parameters"] = [
        *(x for x in settings["parameters"] if x["name"] != "mu"),
        {"name": "mu", "inits": [0.5], "bounds": [[0.0, 0.9]]},
    ]
    content = fit_results(spec)
    assert content["ranking"] is content["breakdown"] is None
    assert "within a standard deviation of its bounds (0 and 0.9)" in content["reasons"]["ranking"]
    pulls = content["pulls"]
    assert (pulls["data"], pulls["on_bound"]) == ("observation", ["mu"])
    assert pulls["bestfit"] == content["fit"]["bestfit"]
    assert fit_results(spec, blind=True)["pulls"] is None


def test_a_bound_is_no_end_of_an_interval(fitted):
    """One that is a standard deviation by the Hessian away, and nearer than -2 ln L rises by 1."""
    model, data, content = fitted
    spec = specs.workspace(model, data)
    low, high = content["breakdown"]["interval"]
    poi = content["ranking"]
    upper = poi["poi_value"] + 1.001 * poi["poi_uncertainty"]
    assert upper < high
    settings = spec["measurements"][0]["config"]
    settings["parameters"] = [
        *(x for x in settings["parameters"] if x["name"] != "mu"),
        {"name": "mu", "inits": [0.5], "bounds": [[0.0, upper]]},
    ]
    parts = fit_results(spec)["breakdown"]
    assert parts["interval"] == [pytest.approx(low, abs=1e-4), None]
    assert parts["total"] == pytest.approx(poi["poi_value"] - low, abs=1e-4)
