"""Profiles, contours and toys are those of pyhf and of the asymptotic formulae."""

import copy
import json
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pyhf
import pytest
from matplotlib.text import Text
from scipy.integrate import quad
from specs import MODELS, pseudo_data, typical

from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf
from hone.likelihood.infer.calculators import ToyCalculator
from hone.likelihood.infer.densities import qtilde_density, qtilde_tail
from hone.likelihood.infer.mle import checked_setup
from hone.likelihood.infer.scan import around, scan
from hone.reporting.figures.likelihood import draw_contour, draw_profile, draw_toys
from hone.results import likelihood_scan
from hone.results.likelihood_scan import leading_nuisance, likelihood_of
from hone.results.toy_tests import binomial_errors, toy_test, toy_test_or_reason

STRENGTH = [{"name": "mu", "type": "normfactor", "data": None}]


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def oracle():
    return MODELS["simple"]


@pytest.fixture(scope="module")
def found(oracle):
    """Content of likelihood.json."""
    model, data, reasons = from_pyhf(oracle), pseudo_data(oracle, seed=2, mu=1.0), {}
    minima, profile, contour = likelihood_of(model, data, reasons)
    toys = toy_test(model, 1.0, data, 400, 1)
    content = {"poi": "mu", "profile": profile, "contour": contour,
               "toys": {**toys, "at_limit": False}, "reasons": reasons}  # fmt: skip
    json.dumps(content, allow_nan=False)
    return model, minima, content


def lone_signal(fixed=False):
    """One bin and no nuisance parameter, or one that is fixed."""
    modifiers = [{"name": "n", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}}] * fixed
    samples = [
        {"name": "s", "data": [5.0], "modifiers": STRENGTH},
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
        for k in (0, 15, 40, 60):
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


def test_a_best_fit_at_its_bound_says_so():
    oracle = MODELS["simple"]
    model = from_pyhf(oracle)
    deficit = np.concatenate([[30.0, 30.0], oracle.config.auxdata])
    minima, profile, contour = likelihood_of(model, deficit, {})
    assert profile["observed"]["at_bound"]
    assert profile["observed"]["best_fit"] == pytest.approx(0, abs=1e-9)
    assert profile["observed"]["interval"][0] is None
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


@pytest.mark.parametrize("background_only", [True, False])
@pytest.mark.parametrize("q_asimov", [0.3, 3.84, 30.0])
def test_densities_are_the_slopes_of_their_tails(background_only, q_asimov):
    for low, high in ((0.1, 2.0), (2.0, 9.0), (q_asimov / 2, 2 * q_asimov)):
        part = quad(lambda q: float(qtilde_density(np.array(q), q_asimov, background_only)),
                    low, high, points=[q_asimov] if low < q_asimov < high else None)[0]  # fmt: skip
        tails = [float(qtilde_tail(q, q_asimov, background_only)) for q in (low, high)]
        assert part == pytest.approx(tails[0] - tails[1], abs=1e-7)
    assert qtilde_tail(0.0, q_asimov, background_only) == 1


DATA = ("expected", "observed")


@pytest.fixture(scope="module")
def tested_data(found):
    nominal = np.asarray(infer.nominal_asimov(found[0], 0.0))
    return dict(zip(DATA, (nominal, found[1]["observed"].data), strict=True))


@pytest.mark.parametrize("name", DATA)
def test_asymptotic_p_values_are_pyhfs_of_the_same_data(name, oracle, found, tested_data):
    """With the Asimov data that belongs to it, that of the fit at mu = 0."""
    cls, tails, expected, calculator = pyhf.infer.hypotest(
        1.0, tested_data[name], oracle, return_tail_probs=True, return_expected_set=True,
        return_calculator=True,
    )  # fmt: skip
    toys = found[2]["toys"][name]
    ours = toys["cls"]["asymptotic"]
    assert toys["q_asimov"] == pytest.approx(float(calculator.sqrtqmuA_v) ** 2, rel=1e-4)
    assert ours["cls"] == pytest.approx(float(cls), rel=1e-4)
    np.testing.assert_allclose([ours["clsb"], ours["clb"]], tails, rtol=1e-4)
    if name == "expected":
        np.testing.assert_allclose(ours["cls_expected"], expected, rtol=1e-4)
        assert toys["q"] == pytest.approx(toys["q_asimov"], rel=1e-9)


@pytest.mark.parametrize("name", DATA)
def test_toys_are_those_of_hypotest(name, found, tested_data):
    """One definition: the figure once drew its own at nominal parameters."""
    model, _, content = found
    cls, tails, expected = infer.hypotest(
        1.0, tested_data[name], model, calctype="toybased", ntoys=400, rng=1,
        return_tail_probs=True, return_expected_set=True,
    )  # fmt: skip
    ours = content["toys"][name]["cls"]["toys"]
    if name == "expected":
        assert ours["cls_expected"] == expected
        assert ours["cls"] == expected[2]
    else:
        assert ours["cls"] == cls
        assert [ours["clsb"], ours["clb"]] == tails


def constrained_by_data():
    """A background known to 30 % beforehand: the fit at the tested signal pulls it down."""
    background = [{"name": "n", "type": "normsys", "data": {"hi": 1.3, "lo": 0.7}}]
    samples = [
        {"name": "s", "data": [4.0, 2.0], "modifiers": STRENGTH},
        {"name": "b", "data": [10.0, 10.0], "modifiers": background},
    ]  # fmt: skip
    return pyhf.Model({"channels": [{"name": "c", "samples": samples}]}, poi_name="mu")


def test_toys_agree_with_pyhfs():
    """Within the binomial errors of both, where toys at nominal parameters do not."""
    oracle, mu, ours, theirs = constrained_by_data(), 2.0, 4000, 150
    model = from_pyhf(oracle)
    data = np.array([13.0, 10.0, 0.0])
    toys = toy_test(model, mu, data, ours, 2)
    pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer())
    np.random.seed(3)  # noqa: NPY002 -- pyhf's toys follow it
    nominal = np.asarray(infer.nominal_asimov(model, 0.0))
    for name, tested in (("expected", nominal), ("observed", data)):
        calculator = pyhf.infer.calculators.ToyCalculator(
            tested, oracle, ntoys=theirs, track_progress=False
        )
        distributions = calculator.distributions(mu)
        found = toys[name]
        for hypothesis, samples in zip(("signal_background", "background"), distributions,
                                       strict=True):  # fmt: skip
            inside = found[hypothesis]
            counts = np.array([inside["zero"], *inside["counts"], inside["beyond"]])
            edges = [-np.inf, 1e-6, *found["edges"][1:], np.inf]
            expected = np.histogram(np.asarray(samples.samples), edges)[0]
            p = np.cumsum(counts) / ours
            error = np.sqrt(p * (1 - p) * (1 / ours + 1 / theirs))
            assert (abs(np.cumsum(expected) / theirs - p) < 4 * error + 1e-9).all()
        median = np.median(distributions[1].samples)
        q = median if name == "expected" else float(calculator.teststatistic(mu))
        clsb, clb, _ = calculator.pvalues(q, *distributions)
        here = found["cls"]["toys"]
        for value, key in ((clsb, "clsb"), (clb, "clb")):
            error = here[f"{key}_error"] * np.sqrt(1 + ours / theirs)
            assert abs(float(value) - here[key]) < 4 * error


def test_toys_are_near_the_asymptotic_formulae_and_repeat(oracle):
    model = from_pyhf(oracle)
    first, second = (toy_test(model, 1.0, None, 400, 3) for _ in range(2))
    assert first == second
    assert first["observed"] is None
    found = first["expected"]
    toys, formula = (found["cls"][k] for k in ("toys", "asymptotic"))
    assert abs(toys["cls"] - formula["cls"]) < 4 * toys["cls_error"] + 0.02
    for name in ("signal_background", "background"):
        part = found[name]
        assert sum(part["counts"]) + part["zero"] + part["beyond"] == part["kept"] == 400
        assert part["zero"] / 400 == pytest.approx(part["asymptotic"]["zero"], abs=0.1)


def test_toys_without_a_fit_are_counted(oracle, monkeypatch):
    """Distributions hold the toys that have a statistic."""

    def fewer(calculator, mu):
        found = original(calculator, mu)
        return tuple(type(part)(part.samples[k:]) for k, part in zip((3, 0), found, strict=True))

    original = ToyCalculator.distributions
    monkeypatch.setattr(ToyCalculator, "distributions", fewer)
    toys = toy_test(from_pyhf(oracle), 1.0, None, 400, 1)
    expected = toys["expected"]
    assert [expected[k]["kept"] for k in ("signal_background", "background")] == [397, 400]
    figure = draw_toys({"poi": "mu", "toys": {**toys, "at_limit": True}}, "o")
    assert "the fits of up to 3 failed" in figure.get_suptitle()


def test_the_observed_statistic_is_pyhfs(oracle, found):
    _, fits, content = found
    bounds, fixed = oracle.config.suggested_bounds(), oracle.config.suggested_fixed()
    theirs = pyhf.infer.test_statistics.qmu_tilde(
        1.0, fits["observed"].data, oracle, oracle.config.suggested_init(), bounds, fixed
    )
    assert content["toys"]["observed"]["q"] == pytest.approx(float(theirs), rel=1e-4, abs=1e-6)


def test_binomial_errors():
    found = binomial_errors(0.1, 0.5, 100, 400)
    assert found["clsb_error"] == pytest.approx(0.03)
    assert found["clb_error"] == pytest.approx(0.025)
    assert found["cls_error"] == pytest.approx(0.2 * np.hypot(0.3, 0.05))
    assert binomial_errors(0.0, 1.0, 10, 10) == dict.fromkeys(found)
    assert binomial_errors(1.0, 0.0, 10, 10) == dict.fromkeys(found)


def test_cls_without_a_toy_as_extreme_is_none(oracle):
    """The observation is far from what it is tested for, and farther from the background."""
    data = np.concatenate([[5.0, 5.0], oracle.config.auxdata])
    found = toy_test(from_pyhf(oracle), 8.0, data, 20, 1)["observed"]["cls"]["toys"]
    assert found["clsb"] == 0
    assert found["cls"] == 0 if found["clb"] > 0 else found["cls"] is None


def test_toys_without_signal_have_a_reason():
    samples = [
        {"name": "s", "data": [0.0], "modifiers": STRENGTH},
        {"name": "b", "data": [20.0], "modifiers": []},
    ]  # fmt: skip
    model = from_pyhf(pyhf.Model({"channels": [{"name": "c", "samples": samples}]}, poi_name="mu"))
    reasons = {}
    assert toy_test_or_reason(model, 1.0, None, 10, 1, reasons) is None
    assert "test statistic" in reasons["toys"]
    _, _, contour = likelihood_of(model, None, reasons)
    assert contour is None


def test_what_is_missing_is_noted():
    reasons = {"asimov": "no fit", "contour": "no parameter", "toys": "no toy"}
    empty = {"profile": None, "contour": None, "toys": None, "reasons": reasons}
    for draw, text in ((draw_profile, "no fit"), (draw_contour, "no param"), (draw_toys, "no toy")):
        assert text in draw(empty, "o").axes[0].texts[0].get_text()


COMPARED = pytest.mark.mpl_image_compare(savefig_kwargs={"dpi": 40}, remove_text=False)


@COMPARED
def test_profile_picture(found):
    return draw_profile(found[2], "simple")


@COMPARED
def test_contour_picture(found):
    return draw_contour(found[2], "simple")


def test_a_contour_says_where_fits_are_missing(found):
    content = copy.deepcopy(found[2])
    content["contour"]["observed"]["q"][0][:2] = [None, None]
    title = draw_contour(content, "simple").axes[0].get_title(loc="left")
    assert title.endswith("\nobserved: the fit did not converge at 2 of 625 points")


@pytest.mark.parametrize("draw", [draw_profile, draw_contour, draw_toys])
def test_pseudo_data_are_not_called_observed(found, draw):
    figure = draw(found[2], "simple", "pseudo-data")
    texts = [text.get_text() for text in figure.findobj(Text)]
    assert any("pseudo-data" in text for text in texts)
    assert not any("observed" in text for text in texts)


@COMPARED
def test_toys_picture(found):
    return draw_toys(found[2], "simple")
