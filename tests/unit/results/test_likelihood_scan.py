"""Profiles and contours are those of pyhf."""

import copy
import json
from dataclasses import replace

import numpy as np
import pyhf
import pytest
from matplotlib.contour import ContourSet
from matplotlib.text import Text
from specs import pseudo_data, typical

from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf
from hone.likelihood.infer.scan import around, scan
from hone.likelihood.infer.setup import checked_setup
from hone.reporting.figures.likelihood import draw_contour, draw_profile, draw_toys
from hone.results import likelihood_scan
from hone.results.likelihood_scan import leading_nuisance, likelihood_of

STRENGTH = [{"name": "mu", "type": "normfactor", "data": None}]


@pytest.fixture(scope="module")
def found(oracle):
    """Content of likelihood.json."""
    model, data, reasons = from_pyhf(oracle), pseudo_data(oracle, seed=2, mu=1.0), {}
    minima, profile, contour = likelihood_of(model, data, reasons)
    content = {"poi": "mu", "profile": profile, "contour": contour, "reasons": reasons}
    json.dumps(content, allow_nan=False)
    return model, minima, content


def lone_signal(fixed=False, signal=5.0):
    """One bin and no nuisance parameter, or one that is fixed."""
    modifiers = [{"name": "n", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}}] * fixed
    samples = [
        {"name": "s", "data": [signal], "modifiers": STRENGTH},
        {"name": "b", "data": [20.0], "modifiers": modifiers},
    ]  # fmt: skip
    return pyhf.Model(
        {"channels": [{"name": "c", "samples": samples}],
         "parameters": [{"name": "n", "fixed": True}] * fixed},
        poi_name="mu",
    )  # fmt: skip


def test_the_profile_is_pyhfs(oracle, found):
    _, minima, content = found
    profile = content["profile"]
    for name, minimum in minima.items():
        data = minimum.data
        best, lowest = pyhf.infer.mle.fit(data, oracle, return_fitted_val=True)
        assert profile[name]["best_fit"] == pytest.approx(best[oracle.config.poi_index], abs=1e-4)
        assert minimum.pars[oracle.config.poi_index] in profile["mu"]
        for k in (0, 15, 40, -1):
            mu = profile["mu"][k]
            value = pyhf.infer.mle.fixed_poi_fit(mu, data, oracle, return_fitted_val=True)[1]
            assert profile[name]["profiled"][k] == pytest.approx(value - lowest, abs=1e-5)
            kept = np.array(best)
            kept[oracle.config.poi_index] = mu
            fixed = -2 * oracle.logpdf(kept, data)[0] - lowest
            assert profile[name]["fixed"][k] == pytest.approx(fixed, abs=1e-3)


def test_the_interval_is_where_the_profile_is_one(oracle, found):
    _, minima, content = found
    for name, minimum in minima.items():
        low, high = content["profile"][name]["interval"]
        lowest = pyhf.infer.mle.fit(minimum.data, oracle, return_fitted_val=True)[1]
        for mu in (low, high):
            if mu is not None:
                value = pyhf.infer.mle.fixed_poi_fit(
                    mu, minimum.data, oracle, return_fitted_val=True
                )[1]
                assert value - lowest == pytest.approx(1, abs=0.01)


def test_the_contour_is_a_profile_of_two_parameters():
    """With a third parameter that pyhf fits at each point."""
    oracle = typical()
    model = from_pyhf(oracle)
    minima, _, contour = likelihood_of(model, None, reasons := {})
    assert list(minima) == ["asimov"]
    assert "not observed" in reasons["observed"]
    data = minima["asimov"].data
    index = model.config.par_names.index(contour["parameter"])
    fixed, init = oracle.config.suggested_fixed(), oracle.config.suggested_init()
    fixed[oracle.config.poi_index] = fixed[index] = True
    lowest = -2 * oracle.logpdf(init, data)[0]
    for row, column in ((3, 12), (12, 20), (20, 8)):
        init[oracle.config.poi_index] = contour["mu"][column]
        init[index] = contour["value"][row]
        value = pyhf.infer.mle.fit(
            data, oracle, init_pars=init, fixed_params=fixed, return_fitted_val=True
        )[1]
        assert contour["asimov"]["q"][row][column] == pytest.approx(value - lowest, abs=1e-4)


def test_the_gradient_field_is_that_of_the_profile(found):
    """The envelope theorem against central differences of profiled values."""
    model, minima, content = found
    contour, setup = content["contour"], checked_setup(model)
    poi, index = model.config.poi_index, model.config.par_names.index(contour["parameter"])
    field = contour["gradient"]
    for row, column in ((2, 3), (8, 5)):
        at = np.array([field["mu"][column], field["value"][row]])
        for k, name in enumerate(("d_mu", "d_value")):
            step = np.eye(2)[k] * 1e-4
            values = scan(
                model, minima["asimov"].data, setup, [poi, index], [at + step, at - step]
            ).value
            slope = 2 * (values[0] - values[1]) / 2e-4
            assert field[name][row][column] == pytest.approx(slope, rel=1e-4, abs=1e-5)


def test_the_covariance_and_the_leading_parameter_are_those_of_the_fit(found):
    model, minima, content = found
    minimum = minima["asimov"]
    pairs, correlations = infer.fit(
        minimum.data, model, return_uncertainties=True, return_correlations=True
    )
    errors = np.asarray(pairs)[:, 1]
    np.testing.assert_allclose(np.sqrt(np.diagonal(minimum.covariance)), errors, rtol=1e-6)
    poi = model.config.poi_index
    assert errors[poi] == pytest.approx(float(infer.sigma_mu(model)), rel=1e-6)
    index, correlation = leading_nuisance(model, minimum)
    others = np.delete(np.asarray(correlations)[poi], poi)
    assert correlation == pytest.approx(others[np.argmax(abs(others))], rel=1e-6)
    assert model.config.par_names[index] == content["contour"]["parameter"]


def test_a_best_fit_at_its_bound_says_so(oracle):
    model = from_pyhf(oracle)
    deficit = np.concatenate([[30.0, 30.0], oracle.config.auxdata])
    minima, profile, contour = likelihood_of(model, deficit, {})
    assert profile["observed"]["at_bound"]
    assert profile["observed"]["best_fit"] == pytest.approx(0, abs=1e-9)
    assert profile["observed"]["interval"][0] is None
    # Where the curve is so steep that a coarse scan would have a few low points alone.
    assert (np.array(profile["observed"]["profiled"]) < 10).sum() >= 20
    assert contour["observed"]["covariance"] is None
    assert minima["observed"].covariance[model.config.poi_index].sum() == 0


@pytest.mark.parametrize("fixed", [False, True])
def test_without_nuisance_parameters_there_is_a_profile_and_no_contour(fixed):
    oracle, reasons = lone_signal(fixed), {}
    model = from_pyhf(oracle)
    _, profile, contour = likelihood_of(model, None, reasons)
    assert contour is None
    assert "no nuisance parameter" in reasons["contour"]
    mu, q = np.array(profile["mu"]), np.array(profile["asimov"]["profiled"])
    rate = 20 + 5 * mu
    np.testing.assert_allclose(q, 2 * (rate - 25 - 25 * np.log(rate / 25)), atol=1e-8)
    np.testing.assert_allclose(q, profile["asimov"]["fixed"], atol=1e-8)
    # Of three and a half standard deviations by the Hessian the last would be 8.5.
    assert q[-1] > 9


@pytest.mark.parametrize("signal", [500.0, 5000.0])
def test_a_curve_gets_points_until_it_is_seen(signal):
    """Without a count, -2 ln L is a line, which one round of points does not reach."""
    _, profile, _ = likelihood_of(from_pyhf(lone_signal(signal=signal)), np.zeros(1), {})
    mu, q = np.array(profile["mu"]), np.array(profile["observed"]["profiled"])
    np.testing.assert_allclose(q, 2 * signal * mu, atol=1e-8)
    assert (q < 10).sum() >= 20
    assert profile["observed"]["interval"] == [None, pytest.approx(0.5 / signal, rel=0.02)]


def test_derivatives_around_a_point_are_those_of_finite_differences(found):
    model, minima, _ = found
    data, pars = minima["asimov"].data, minima["asimov"].pars + 0.05
    local = around(model, data, pars[None])
    steps = 1e-5 * np.eye(len(pars))
    up, down = (around(model, data, pars + sign * steps) for sign in (1, -1))
    np.testing.assert_allclose(local.gradient[0], (up.value - down.value) / 2e-5, atol=1e-6)
    np.testing.assert_allclose(local.hessian[0], (up.gradient - down.gradient) / 2e-5, atol=1e-5)


def test_a_minimum_without_data_to_explain_it_is_zero(found):
    model, minima, _ = found
    assert minima["asimov"].value == pytest.approx(0, abs=1e-12)
    assert infer.best_fit(minima["asimov"].data, model).pars[model.config.poi_index] == (
        pytest.approx(1, abs=1e-6)
    )


def test_a_deeper_minimum_that_a_scan_finds_becomes_the_best_fit(found, monkeypatch):
    """All scans are made again around it."""
    model, fits, content = found

    def shallow(data, model, near=None):
        best = infer.best_fit(data, model, near)
        if near is not None:
            return best
        poi, pars = model.config.poi_index, best.pars.copy()
        pars[poi] += 0.3
        return replace(best, pars=pars, value=float(around(model, data, pars[None]).value[0]))

    monkeypatch.setattr(likelihood_scan, "best_fit", shallow)
    again, profile, contour = likelihood_of(model, fits["observed"].data, reasons := {})
    assert reasons == {}
    for name, fit in fits.items():
        np.testing.assert_allclose(again[name].pars, fit.pars, atol=1e-6)
        assert again[name].value == pytest.approx(fit.value, abs=1e-9)
        np.testing.assert_allclose(
            profile[name]["profiled"], content["profile"][name]["profiled"], atol=1e-5
        )
        of_two = content["contour"][name]["best_fit"]
        np.testing.assert_allclose(contour[name]["best_fit"], of_two, atol=1e-6)


def test_a_deeper_minimum_that_no_fit_finds_is_no_profile(found, monkeypatch):
    model, fits, _ = found
    wrong = replace(fits["asimov"], value=fits["asimov"].value + 1)
    monkeypatch.setattr(likelihood_scan, "best_fit", lambda *_, **__: wrong)
    _, profile, contour = likelihood_of(model, None, reasons := {})
    assert profile is contour is None
    assert "deeper minimum" in reasons["profile"]


def test_what_is_missing_is_noted():
    reasons = {"asimov": "no fit", "contour": "no parameter", "toys": "no toy"}
    empty = {"profile": None, "contour": None, "toys": None, "reasons": reasons}
    for draw, text in ((draw_profile, "no fit"), (draw_contour, "no param"), (draw_toys, "no toy")):
        assert text in draw(empty, "o").axes[0].texts[0].get_text()


COMPARED = pytest.mark.mpl_image_compare(savefig_kwargs={"dpi": 40}, remove_text=False)


@COMPARED
def test_profile_picture(found):
    figure = draw_profile(found[2], "simple")
    # No further than the curves are in the panel.
    low, high = figure.axes[0].get_xlim()
    profile = found[2]["profile"]
    mus = np.array(profile["mu"])
    lowest = np.min([profile[name]["profiled"] for name in ("asimov", "observed")], axis=0)
    assert (lowest[(low < mus) & (mus < high)] < 9.5).all()
    return figure


@COMPARED
def test_contour_picture(found):
    content = found[2]
    # parameters are called as in pulls
    of_mc = {**content, "contour": {**content["contour"], "parameter": "staterror_SR[4]"}}
    assert draw_contour(of_mc, "simple").axes[0].get_ylabel() == "MC, SR bin 5"
    figure = draw_contour(content, "simple")
    # Each step is lighter than the one below, what is above the last one, too.
    (filled,) = (x for x in figure.axes[0].findobj(ContourSet) if x.filled)
    assert (np.diff(filled.get_facecolor()[:, :3].sum(axis=1)) > 0.05).all()
    return figure


def test_a_contour_says_where_fits_are_missing(found):
    content = copy.deepcopy(found[2])
    content["contour"]["observed"]["q"][0][:2] = [None, None]
    title = draw_contour(content, "simple").axes[0].get_title(loc="left")
    assert title.endswith("\nobserved: no fit at 2 of 625 points")


def test_what_is_not_computed_is_no_colour_of_a_contour(found):
    """Fits without a value, and what the ellipse needs beyond the scan."""

    def hatched(content):
        (legend,) = draw_contour(content, "simple").legends
        return "not computed" in [text.get_text() for text in legend.get_texts()]

    content = copy.deepcopy(found[2])
    contour = content["contour"]
    contour["asimov"]["covariance"] = None
    assert not hatched(content)
    contour["asimov"]["q"][0][:2] = [None, None]
    assert hatched(content)
    contour["asimov"] = {**found[2]["contour"]["asimov"], "covariance": [[9.0, 0.0], [0.0, 9.0]]}
    assert hatched(content)


@pytest.mark.parametrize("draw", [draw_profile, draw_contour])
def test_pseudo_data_are_not_called_observed(found, draw):
    figure = draw(found[2], "simple", "pseudo-data")
    texts = [text.get_text() for text in figure.findobj(Text)]
    assert any("pseudo-data" in text for text in texts)
    assert not any("observed" in text for text in texts)
