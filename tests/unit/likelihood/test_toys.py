"""Toys: sampled from the model, fitted as pyhf fits, with p-values that follow from them."""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pyhf
import pytest
from specs import MODELS, blobs_like, everything, pseudo_data, typical

from hone.errors import FitError, InputError
from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf
from hone.likelihood.infer import common_metric
from hone.likelihood.infer import toys as toys_module
from hone.likelihood.infer.batches import in_batches
from hone.likelihood.infer.calculators import ToyCalculator
from hone.likelihood.infer.intervals import crossings
from hone.likelihood.infer.setup import checked_setup, starts_of
from hone.likelihood.infer.toys import sample_toys, toy_ratios, toy_statistics

STATISTICS = {
    "qtilde": pyhf.infer.test_statistics.qmu_tilde,
    "q": pyhf.infer.test_statistics.qmu,
    "q0": pyhf.infer.test_statistics.q0,
}


def test_toys_scatter_as_the_model_says():
    """Counts as Poissons, auxiliary data as its constraints, each with its own parameters."""
    oracle = everything()
    model, rng = from_pyhf(oracle), np.random.default_rng(1)
    pars = np.array(oracle.config.suggested_init())
    ntoys = 20_000
    toys = sample_toys(model, pars, ntoys, rng)
    theirs = np.asarray(oracle.make_pdf(pars).sample((ntoys,)))
    expected = oracle.expected_data(pars)
    spread = theirs.std(axis=0)
    assert (abs(toys.mean(axis=0) - expected) < 5 * spread / np.sqrt(ntoys)).all()
    np.testing.assert_allclose(toys.std(axis=0), spread, rtol=0.05)


@pytest.mark.parametrize("test_stat", STATISTICS)
def test_statistics_equal_pyhfs(test_stat):
    oracle = MODELS["simple"]
    model = from_pyhf(oracle)
    bounds = [tuple(b) for b in oracle.config.suggested_bounds()]
    if test_stat != "qtilde":
        bounds[oracle.config.poi_index] = (-2.0, 10.0)
    mu = 0.0 if test_stat == "q0" else 1.0
    truth = np.array(oracle.config.suggested_init())
    toys = sample_toys(model, truth, 12, np.random.default_rng(3))
    ours = toy_statistics(model, toys, checked_setup(model, None, bounds), mu, truth, test_stat)
    init, fixed = oracle.config.suggested_init(), oracle.config.suggested_fixed()
    theirs = [STATISTICS[test_stat](mu, toy, oracle, init, bounds, fixed) for toy in toys]
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_toys_find_the_lowest_of_several_minima(monkeypatch):
    """The shape is far from linear: either sign explains an excess, with or without a signal."""
    model = from_pyhf(
        blobs_like(
            [0.6, 1.8, 3.0, 5.5, 9.1],
            [83.0, 12.0, 3.7, 1.2, 0.2],
            [48.0, 26.0, 15.0, 8.2, 2.9],
            [11.0, 18.0, 22.0, 24.0, 25.0],
        )
    )
    mu, setup = 0.25, checked_setup(model)
    truth = np.array([mu if name == "mu" else 0.0 for name in model.config.par_names])
    toys = sample_toys(model, truth, 120, np.random.default_rng(1))
    starts = [truth, *starts_of(model, setup)]
    values = [
        toys_module.fit_toys(model, toys, setup, np.tile(start, (len(toys), 1, 1)), mu)[0]
        for start in starts
    ]
    free, fixed = np.min(values, axis=0).T
    from_truth = values[0][:, 0] - free
    assert (from_truth > 0.05).sum() >= 5
    monkeypatch.setattr(toys_module, "_PILOT", 50)
    t, _ = toy_ratios(model, toys, setup, mu, truth)
    # A free fit that also starts at the end of the fixed one is lower at times.
    assert (t > 2 * (fixed - free) - 1e-6).all()
    assert np.isclose(t, 2 * (fixed - free), atol=1e-6).sum() >= len(toys) - 2
    # data are fitted as a toy
    worst = int(np.argmax(from_truth))
    q = ToyCalculator(toys[worst], model).teststatistic(mu)
    alone = infer.test_statistics.qmu_tilde(mu, toys[worst], model)
    assert float(q) == pytest.approx(float(alone), abs=1e-6)


def test_fits_without_hessians_end_where_newtons_do():
    """The signal strength is held by its bound in some toys, and a systematic in others."""
    oracle = typical()
    model = from_pyhf(oracle)
    bounds = [list(b) for b in oracle.config.suggested_bounds()]
    poi, held = oracle.config.poi_index, model.layout.histosys_par[0]
    bounds[poi], bounds[held] = [0.9, 9.0], [-0.5, 0.5]
    setup = checked_setup(model, None, bounds)
    truth = np.array(oracle.config.suggested_init())
    toys = sample_toys(model, truth, 200, np.random.default_rng(1))
    metrics = [toys_module._metric(model, s, truth) for s in (setup, setup.fixing(poi, 1.0))]
    start = np.tile(truth, (len(toys), 2, 1))
    pars, values, near = metrics[0].approach(toys, start[:, 0], 1e-11)
    assert near.mean() > 0.8
    for place, low in ((poi, 0.9), (held, -0.5)):
        assert 10 < (pars[near, place] == low).sum() < 190
    by_newton = toys_module.fit_toys(model, toys, setup, start, 1.0)
    np.testing.assert_allclose(values[near], by_newton[0][near, 0], atol=5e-9)
    every = toys_module._fitted(model, toys, setup, metrics, start, 1.0)
    np.testing.assert_allclose(every.value, by_newton[0], atol=5e-9)
    np.testing.assert_allclose(every.mu_hat, by_newton[1], atol=1e-3)
    np.testing.assert_allclose(every.fixed, by_newton[2], atol=1e-3)


@pytest.mark.parametrize("why", ["kinks", "bounds", "empty bins"])
def test_where_hessians_are_needed(why, monkeypatch):
    """Nothing counts as a minimum that the metric of all does not lead to."""
    oracle = typical()
    if why == "kinks":
        codes = {"normsys": {"interpcode": "code1"}, "histosys": {"interpcode": "code0"}}
        oracle = pyhf.Model(oracle.spec, modifier_settings=codes)
    model = from_pyhf(oracle)
    truth = np.array(oracle.config.suggested_init())
    # more parameters are held than its fits have
    monkeypatch.setattr(common_metric, "_HELD", 0)
    setup = checked_setup(model, None, [(x, x + 1.0) for x in truth] if why == "bounds" else None)
    toys = sample_toys(model, truth, 20, np.random.default_rng(1))
    if why == "empty bins":
        toys[:, : model.layout.total_bins] = 0.0
    metric = toys_module._metric(model, setup, truth)
    start = np.tile(truth, (len(toys), 2, 1))
    assert not metric.approach(toys, start[:, 0], 1e-11)[-1].any()
    found = toys_module._fitted(model, toys, setup, [metric] * 2, start, 1.0)
    alone = toys_module.fit_toys(model, toys, setup, start, 1.0)[0]
    np.testing.assert_allclose(found.value, alone, atol=5e-9)


def test_where_there_is_one_minimum_one_start_is_enough(monkeypatch):
    """More would only take longer."""
    model = from_pyhf(MODELS["simple"])
    fitted, fit = [], toys_module._fitted
    monkeypatch.setattr(toys_module, "_fitted", lambda *a: fitted.append(len(a[1])) or fit(*a))
    monkeypatch.setattr(toys_module, "_PILOT", 50)
    truth = np.array(model.config.suggested_init())
    toys = sample_toys(model, truth, 200, np.random.default_rng(1))
    toy_statistics(model, toys, checked_setup(model), 1.0, truth, "qtilde")
    assert sum(fitted) < 50 * 5 + 150 + 10


def test_cls_from_toys_is_near_the_asymptotic_one():
    oracle = MODELS["simple"]
    data = pseudo_data(oracle, seed=2)
    options = {"return_tail_probs": True, "return_expected_set": True}
    toys = infer.hypotest(1.0, data, oracle, calctype="toybased", ntoys=4000, rng=5, **options)
    asymptotic = infer.hypotest(1.0, data, oracle, **options)
    assert [len(part) for part in toys[1:]] == [len(part) for part in asymptotic[1:]]
    clsb, clb = toys[1]
    # three standard deviations of a binomial, and what the asymptotic formula is off
    assert abs(clsb - asymptotic[1][0]) < 3 * np.sqrt(clsb * (1 - clsb) / 4000) + 0.01
    assert abs(clb - asymptotic[1][1]) < 3 * np.sqrt(clb * (1 - clb) / 4000) + 0.03
    assert toys[0] == pytest.approx(clsb / clb)
    assert toys[2][2] == pytest.approx(float(asymptotic[2][2]), rel=0.15)
    assert (np.diff(toys[2]) >= 0).all()


def test_a_seed_repeats_the_toys():
    oracle = MODELS["simple"]
    data = pseudo_data(oracle, seed=2)
    first, second, other = (
        ToyCalculator(data, oracle, ntoys=50, rng=seed).distributions(1.0)[0].samples
        for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_toy_limits_surround_the_asymptotic_ones(monkeypatch):
    oracle = MODELS["simple"]
    # 300 toys say no more; to 1e-4, 85 strengths are tested
    root = crossings.toms748
    monkeypatch.setattr(crossings, "toms748", lambda *a, **k: root(*a, **k | {"rtol": 0.1}))
    data = pseudo_data(oracle, seed=8)
    options = {"calctype": "toybased", "ntoys": 300, "rng": 3}
    observed, expected, (mus, tests) = infer.upper_limit(
        data, oracle, return_results=True, **options
    )
    asymptotic = infer.upper_limit(data, oracle)
    assert float(observed) == pytest.approx(float(asymptotic[0]), rel=0.2)
    np.testing.assert_allclose(expected[1:4], asymptotic[1][1:4], rtol=0.2)
    assert len(mus) == len(tests)
    calculator = infer.hypotest(float(observed), data, oracle, return_calculator=True, **options)[1]
    assert isinstance(calculator, pyhf.infer.calculators.ToyCalculator)
    assert calculator.ntoys == 300


def test_bad_questions_are_refused():
    oracle = typical()
    data = np.concatenate([[60.0, 30.0, 8.0, 2.0, 0.0], oracle.config.auxdata])
    with pytest.raises(InputError, match="ntoys is 0"):
        infer.hypotest(1.0, data, oracle, calctype="toybased", ntoys=0)
    with pytest.raises(InputError, match="allowed: asymptotics, toybased"):
        infer.hypotest(1.0, data, oracle, calctype="bayes")
    with pytest.raises(InputError, match="'ntoys' is no option of calctype 'asymptotics'"):
        infer.hypotest(1.0, data, oracle, ntoys=10)


def test_a_ratio_of_nothing_is_an_error():
    """A deficit that no background-only toy shows leaves no CLb, but q0 needs none."""
    oracle = MODELS["simple"]
    data = np.concatenate([[10.0, 10.0], oracle.config.auxdata])
    with pytest.raises(FitError, match="increase ntoys"):
        infer.hypotest(1.0, data, oracle, calctype="toybased", ntoys=20, rng=1)
    excess = np.concatenate([[95.0, 99.0], oracle.config.auxdata])
    p0 = infer.hypotest(0.0, excess, oracle, calctype="toybased", test_stat="q0", ntoys=50, rng=1)
    assert 0 <= p0 <= 0.1


def failing(monkeypatch, fails, free_above=()):
    """Fits of the toys for which ``fails`` is true do not converge, from any start."""
    fit = toys_module._fitted

    def fitted(model, toys, *arguments):
        found = fit(model, toys, *arguments)
        found.value[fails(toys)] = np.inf
        if len(free_above):
            found.value[(toys == free_above).all(axis=1), 0] += 1000.0
        return found

    monkeypatch.setattr(toys_module, "_fitted", fitted)


def test_a_failed_toy_is_no_result(monkeypatch):
    """Nor is one whose free fit ends above the fixed one: the statistic is not zero."""
    model = from_pyhf(pyhf.simplemodels.uncorrelated_background([5], [50], [7]))
    start = np.array(model.config.suggested_init())
    toys = sample_toys(model, start, 50, np.random.default_rng(0))
    arguments = (model, toys, checked_setup(model), 1.0, start, "qtilde")
    good = toy_statistics(*arguments)
    failing(monkeypatch, lambda t: (t == toys[7]).all(axis=1), free_above=toys[9])
    some = toy_statistics(*arguments)
    assert np.flatnonzero(np.isnan(some)).tolist() == [7, 9]
    np.testing.assert_allclose(np.delete(some, [7, 9]), np.delete(good, [7, 9]))


def test_failed_toys_are_left_out_while_they_do_not_matter(monkeypatch, caplog):
    oracle = pyhf.simplemodels.uncorrelated_background([5], [50], [7])
    data = [52.0, *oracle.config.auxdata]
    options = {"calctype": "toybased", "ntoys": 500, "rng": 4}
    cls = infer.hypotest(1.0, data, oracle, **options)
    failing(monkeypatch, lambda t: t[:, 0] == 51)
    with pytest.raises(FitError, match=r"of 500 toys .* did not converge: too many"):
        infer.hypotest(1.0, data, oracle, **options)
    monkeypatch.undo()
    failing(monkeypatch, lambda t: t[:, 0] > 70)
    assert infer.hypotest(1.0, data, oracle, **options) == pytest.approx(float(cls), rel=0.05)
    assert "are left out: CLs is between" in caplog.text


def test_equal_toys_are_ties():
    """Without an event q is 2 s whatever the auxiliary data say: CLb is the chance of no event."""
    oracle = pyhf.simplemodels.uncorrelated_background([5.0], [2.0], [0.5])
    calculator = ToyCalculator([0, *oracle.config.auxdata], oracle, ntoys=4000, rng=1)
    statistic = calculator.teststatistic(1.0)
    assert float(statistic) == pytest.approx(10.0, abs=1e-6)
    clsb, clb, _ = calculator.pvalues(statistic, *calculator.distributions(1.0))
    # auxiliary data of 16 events for a background of 2, and none more: b = 2 * 16 / 18
    none = np.exp(-2 * 16 / 18)
    assert float(clb) == pytest.approx(none, abs=4 * np.sqrt(none / 4000))
    assert float(clsb) == pytest.approx(none * np.exp(-5), abs=4 * np.sqrt(0.00114 / 4000))


@pytest.mark.parametrize("bits", [False, True])
def test_batches_have_the_settings_of_their_caller(bits):
    """A context of JAX holds in its thread alone, and other threads fit batches."""

    def settings(rows):
        device = jax.config.jax_default_device
        return np.full(len(rows), jnp.zeros(1).dtype.itemsize), np.full(len(rows), str(device))

    device = jax.devices()[0]
    with jax.enable_x64(bits), jax.default_device(device):
        sizes, devices = in_batches(settings, rows=6, size=1, filled=False, threads=2)
    assert set(sizes) == {8 if bits else 4}
    assert set(devices) == {str(device)}


def test_no_more_batches_at_once_than_processors_that_may_be_used(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 5, 7}, raising=False)
    for given, threads in (("", 3), ("2", 2)):
        monkeypatch.setenv("NPROC", given)
        assert toys_module._batches(many=True)[-1] == threads
