"""Tests with toys are those of hypotest and of pyhf, and near the asymptotic formulae."""

import numpy as np
import pyhf
import pytest
from matplotlib.text import Text
from scipy.integrate import quad
from scipy.stats import norm
from specs import pseudo_data

from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf
from hone.likelihood.infer.calculators import EmpiricalDistribution, ToyCalculator
from hone.likelihood.infer.densities import qtilde_density, qtilde_tail
from hone.reporting.figures.likelihood import draw_toys
from hone.results.likelihood_scan import likelihood_of
from hone.results.toy_tests import binomial_errors, expected_errors, toy_test, toy_test_or_reason

STRENGTH = [{"name": "mu", "type": "normfactor", "data": None}]


@pytest.fixture(scope="module")
def found(oracle):
    """Model, data and a test of them."""
    model, data = from_pyhf(oracle), pseudo_data(oracle, seed=2, mu=1.0)
    return model, data, toy_test(model, 1.0, data, 400, 1)


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
    return dict(zip(DATA, (nominal, found[1]), strict=True))


@pytest.mark.parametrize("name", DATA)
def test_asymptotic_p_values_are_pyhfs_of_the_same_data(name, oracle, found, tested_data):
    """With the Asimov data that belongs to it, that of the fit at mu = 0."""
    cls, tails, expected, calculator = pyhf.infer.hypotest(
        1.0, tested_data[name], oracle, return_tail_probs=True, return_expected_set=True,
        return_calculator=True,
    )  # fmt: skip
    toys = found[2][name]
    ours = toys["cls"]["asymptotic"]
    assert toys["q_asimov"] == pytest.approx(float(calculator.sqrtqmuA_v) ** 2, rel=1e-4)
    assert ours["cls"] == pytest.approx(float(cls), rel=1e-4)
    np.testing.assert_allclose([ours["clsb"], ours["clb"]], tails, rtol=1e-4)
    if name == "expected":
        np.testing.assert_allclose(ours["cls_expected"], expected, rtol=1e-4)
        assert toys["q"] == pytest.approx(toys["q_asimov"], rel=1e-9)


def tails_of_formula(tested):
    formula = tested["cls"]["asymptotic"]
    return formula["clsb"], formula["clb"]


@pytest.mark.parametrize("name", DATA)
def test_toys_are_those_of_hypotest(name, found, tested_data):
    """One definition: the figure once drew its own at nominal parameters."""
    model, _, toys = found
    cls, tails, expected = infer.hypotest(
        1.0, tested_data[name], model, calctype="toybased", ntoys=400, rng=1,
        return_tail_probs=True, return_expected_set=True,
    )  # fmt: skip
    ours = toys[name]["cls"]["toys"]
    if name == "expected":
        assert ours["cls_expected"] == expected
        assert ours["cls"] == expected[2]
        assert ours["cls_expected_error"][2] == ours["cls_error"]
        formula = toys[name]["cls"]["asymptotic"]["cls_expected_error"]
        assert formula[2] == binomial_errors(*tails_of_formula(toys[name]), 400, 400)["cls_error"]
    else:
        assert ours["cls"] == cls
        assert [ours["clsb"], ours["clb"]] == tails


def constrained_by_data():
    """A background known to 50 % beforehand: few events pull it down, and make the test sharper."""
    background = [{"name": "n", "type": "normsys", "data": {"hi": 1.5, "lo": 0.5}}]
    samples = [
        {"name": "s", "data": [4.0, 2.0], "modifiers": STRENGTH},
        {"name": "b", "data": [10.0, 10.0], "modifiers": background},
    ]  # fmt: skip
    return pyhf.Model({"channels": [{"name": "c", "samples": samples}]}, poi_name="mu")


def test_toys_agree_with_pyhfs():
    """Within the binomial errors of both, where toys at nominal parameters do not."""
    oracle, mu, ours, theirs = constrained_by_data(), 2.0, 4000, 80
    model = from_pyhf(oracle)
    data = np.array([4.0, 3.0, 0.0])
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
    _, data, toys = found
    bounds, fixed = oracle.config.suggested_bounds(), oracle.config.suggested_fixed()
    theirs = pyhf.infer.test_statistics.qmu_tilde(
        1.0, data, oracle, oracle.config.suggested_init(), bounds, fixed
    )
    assert toys["observed"]["q"] == pytest.approx(float(theirs), rel=1e-4, abs=1e-6)


def test_where_the_formulae_are_right_toys_scatter_around_them_by_their_errors():
    """Best fits with a normal distribution of width 1; their limit is expected at 1.96."""
    limit, places = norm.ppf(0.975), np.array([-1.0, 0.0, 1.0])
    right = norm.cdf(places - limit) / norm.cdf(places)
    rng, distances = np.random.default_rng(3), []
    for _ in range(300):
        both = [
            EmpiricalDistribution(np.maximum(limit - rng.normal(mu, 1, 1000), 0) ** 2)
            for mu in (limit, 0.0)
        ]
        values = both[1].samples
        cls = np.percentile(both[0].pvalue(values) / both[1].pvalue(values), 100 * norm.cdf(places))
        distances.append((cls - right) / np.array(expected_errors(*both)[1:4], dtype=float))
    assert np.std(distances, axis=0)[1:] == pytest.approx(1, abs=0.15)
    assert np.mean(np.abs(distances) > 3, axis=0)[1:].max() < 0.02


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


COMPARED = pytest.mark.mpl_image_compare(savefig_kwargs={"dpi": 40}, remove_text=False)


def drawn(found):
    return {"poi": "mu", "toys": {**found[2], "at_limit": False}, "reasons": {}}


@COMPARED
def test_toys_picture(found):
    return draw_toys(drawn(found), "simple")


def test_pseudo_data_are_not_called_observed(found):
    texts = draw_toys(drawn(found), "simple", "pseudo-data").findobj(Text)
    assert any("pseudo-data" in text.get_text() for text in texts)
    assert not any("observed" in text.get_text() for text in texts)
