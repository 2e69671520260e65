"""Numbers without staterror are pyhf's, and their bootstrap errors those of repeated simulation."""

import copy
from pathlib import Path

import jax
import numpy as np
import pyhf
import pytest
import yaml

from hone.analysis import checked_config
from hone.results.bootstrap import nominal_without_staterror
from hone.results.replicas import Normalisation, replicas
from hone.statmodel.filling import fill, template_model
from hone.statmodel.templates import Histogram, count
from hone.statmodel.workspace import build_workspace, processes
from hone.training.objectives import log_cls, log_p0, log_sigma_mu

ROOT = Path(__file__).parents[3]
SAMPLES = processes(
    checked_config(yaml.safe_load((ROOT / "config" / "config.yaml").read_text())), "signal"
)
EDGES = np.linspace(0, 1, 5)
SHAPES = {
    "signal": (20.0, 3, 2),
    "background": (100.0, 2, 3),
    "background__shape_up": (100.0, 2.2, 3),
    "background__shape_down": (100.0, 1.8, 3),
}


def simulated(seed, size=5000):
    rng = np.random.default_rng(seed)
    return {
        name: count(rng.beta(a, b, size), np.full(size, total / size), EDGES)
        for name, (total, a, b) in SHAPES.items()
    }


def merits(histograms):
    workspace = build_workspace(SAMPLES, histograms, np.zeros(4), staterror=True)
    return nominal_without_staterror(workspace, SAMPLES, histograms, 0.05), workspace


@pytest.fixture(scope="module")
def found():
    return merits(simulated(0))


def test_numbers_are_pyhfs(found):
    numbers, workspace = found
    assert numbers["pyhf_expected_cls"] == pytest.approx(numbers["expected_cls"], rel=1e-4)
    assert numbers["pyhf_cls_at_limit"] == pytest.approx(0.05, rel=1e-4)
    assert numbers["pyhf_sigma_mu"] == pytest.approx(numbers["sigma_mu"], rel=1e-4)
    stripped = copy.deepcopy(workspace)
    for sample in stripped["channels"][0]["samples"]:
        sample["modifiers"] = [m for m in sample["modifiers"] if m["type"] != "staterror"]
    oracle = pyhf.Workspace(stripped).model()
    pars = oracle.config.suggested_init()
    p0 = pyhf.infer.hypotest(0.0, oracle.expected_data(pars), oracle, test_stat="q0")
    assert numbers["expected_p0"] == pytest.approx(float(p0), rel=1e-4)


def test_bootstrap_errors_are_those_of_more_simulation(found):
    """Against the spread over 100 independent simulations: each has an error of 7 %."""
    numbers, _ = found
    model = template_model(SAMPLES, 4, staterror=False)

    @jax.jit
    def at(histograms):
        filled = fill(model, SAMPLES, histograms)
        return log_cls(filled), log_p0(filled), log_sigma_mu(filled)

    others = np.array([at(simulated(seed)) for seed in range(1, 101)])
    for key, values in zip(("expected_cls", "expected_p0", "sigma_mu"), others.T, strict=True):
        relative = numbers[f"{key}_error"] / numbers[key]
        assert relative == pytest.approx(values.std(ddof=1), rel=0.3)


def test_replicas_scatter_as_counts_do():
    """Multinomially: 100 events of weight 0.3 in three bins, some of them cut away or not."""
    values = 0.3 * np.array([20.0, 0.0, 60.0])
    once = {"a": Histogram(values, 0.3 * values)}
    drawn = replicas(once, {"a": Normalisation("a", 30.0)}, 4000)["a"]
    np.testing.assert_allclose(drawn.values.mean(axis=0), values, rtol=0.02)
    expected = 0.3 * values * (1 - values / 30)
    np.testing.assert_allclose(drawn.values.var(axis=0), expected, rtol=0.15)
    assert (drawn.values.sum(axis=1) < 30).mean() > 0.99
    all_kept = replicas(once, {"a": Normalisation("a", 24.0)}, 100)["a"]
    np.testing.assert_allclose(all_kept.values.sum(axis=1), 24.0)


def test_a_bin_whose_weights_cancel_is_warned_of(caplog):
    """Ten of weight 1 and nine of weight -1 are one, whose error is that of 19."""
    for values, variances in (([1.0, 1.0], [1.0, 1.0]), ([10.0, 1.0], [10.0, 19.0])):
        assert not caplog.records
        replicas({"a": Histogram(np.array(values), np.array(variances))},
                 {"a": Normalisation("a", None)}, 5)  # fmt: skip
    assert "'a', bins 2: the yield is smaller than its MC error" in caplog.text


def test_a_limit_that_does_not_exist_is_none():
    histograms = simulated(0)
    histograms["signal"] = Histogram(
        histograms["signal"].values * 1e-3, histograms["signal"].variances * 1e-6
    )
    numbers, _ = merits(histograms)
    assert numbers["expected_limit"] is None
    assert numbers["expected_limit_error"] is None
    assert numbers["pyhf_cls_at_limit"] is None
    assert numbers["expected_cls"] > 0.9


def test_weights_of_the_same_events_fluctuate_together():
    nominal = Histogram(np.array([50.0, 20.0]), np.array([5.0, 2.0]))
    varied = Histogram(1.1 * nominal.values, 1.21 * nominal.variances)
    histograms = {"b": nominal, "b__w_up": varied, "b__s_up": varied}
    drawn = replicas(
        histograms, dict.fromkeys(histograms, Normalisation("b", 100.0)), 50,
        {"b": "b", "b__w_up": "b", "b__s_up": "b__s_up"},
    )  # fmt: skip
    np.testing.assert_allclose(drawn["b__w_up"].values, 1.1 * drawn["b"].values)
    ratio = drawn["b__s_up"].values / drawn["b"].values
    assert ratio.std() > 0.03


EVENTS, EDGES_OF_X = 4000, np.array([0.0, 0.5, 1.0, 2.0, 4.0])
NORMALISATIONS = {
    "all events in the files": Normalisation("b", None, 1.0, 0.5),
    "sum of weights of the config": Normalisation("b", None, 1.0, None),
    "folds": Normalisation("b", None, 0.0, 0.5),
    "none": Normalisation("b", None, 0.0, None),
}


def simulated_sample(rng, of, shift):
    """Templates of a sample of some 4000 events and of a variation that has the same events, with
    the factor of the sample: as the workflow makes them of the events in the files."""
    size = rng.poisson(EVENTS)
    x, weights, place = rng.exponential(1, size), rng.uniform(0.5, 1.5, size), rng.random(size)
    outside = 1 + of.rest + (of.others or 0.0)
    scored, selected = place < 1 / outside, place < (1 + of.rest) / outside
    factor = 1000 / (EVENTS if of.others is None else weights.sum())
    parts = (rng.random(size) * 100).astype(int)
    histograms, subsamples = {}, {}
    for name, values in (("b", x), ("b__s_up", x * (1 + shift))):
        scale = factor * weights[selected].sum() / weights[scored].sum()
        bins = np.digitize(values, EDGES_OF_X) - 1  # the last one fails a cut
        inside = np.zeros((size, 5))
        inside[np.arange(size), bins] = scale * weights * scored
        histograms[name] = Histogram(inside[:, :4].sum(axis=0), (inside[:, :4] ** 2).sum(axis=0))
        found = np.zeros((100, 5))
        np.add.at(found, parts, np.column_stack([inside[:, :4], inside.sum(axis=1)]))
        subsamples[name] = found
    total = factor * weights[selected].sum()
    return histograms, subsamples, total


@pytest.mark.parametrize("case", NORMALISATIONS)
def test_errors_are_those_of_independent_simulations(case):
    """Of yields and of the ratio of a variation to its sample, which has the same events: against
    hundreds of independent samples."""
    of = NORMALISATIONS[case]
    rng = np.random.default_rng(5)

    def numbers(histograms):
        nominal, varied = (histograms[name].values for name in ("b", "b__s_up"))
        return np.stack([nominal, varied, varied / nominal])

    expected = np.array(
        [numbers(simulated_sample(rng, of, 0.1)[0]) for _ in range(500)]
    ).std(axis=0)  # fmt: skip
    together, apart = [], []
    for _ in range(8):
        histograms, subsamples, total = simulated_sample(rng, of, 0.1)
        normalised = {
            "b": of._replace(total=total),
            "b__s_up": of._replace(total=total, has_samples_factor=True),
        }
        for errors, parts in ((together, subsamples), (apart, {})):
            drawn = replicas(histograms, normalised, 200, subsamples=parts)
            errors.append(numbers(drawn).std(axis=1))
    found, alone = (np.mean(errors, axis=0) for errors in (together, apart))
    np.testing.assert_allclose(found, expected, rtol=0.2)
    # With events of their own ratios would scatter more.
    np.testing.assert_allclose(alone[0], expected[0], rtol=0.2)
    assert (alone[2] > 1.5 * expected[2]).all()


def test_only_what_is_scaled_to_the_yield_has_it_in_each_replica():
    """With a sum of weights of the config counts scatter: 100 of weight 0.3."""
    values = 0.3 * np.array([40.0, 60.0])
    both = {"b": Histogram(values, 0.3 * values), "c": Histogram(values, 0.3 * values)}
    normalised = {"b": Normalisation("b", 30.0), "c": Normalisation("c", 30.0, 0.0, None)}
    drawn = replicas(both, normalised, 4000)
    np.testing.assert_allclose(drawn["b"].values.sum(axis=1), 30.0)
    np.testing.assert_allclose(drawn["c"].values.var(axis=0), 0.3 * values, rtol=0.1)
