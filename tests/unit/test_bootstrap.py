"""Numbers without staterror are pyhf's, and their bootstrap errors those of repeated simulation."""

import copy
from pathlib import Path

import numpy as np
import pyhf
import pytest
import yaml

from hone.bootstrap import nominal_without_staterror, replicas
from hone.config import checked_config
from hone.templates import Histogram, count
from hone.workspace import build_workspace, processes

ROOT = Path(__file__).parents[2]
SAMPLES = processes(
    checked_config(yaml.safe_load((ROOT / "config" / "config.yaml").read_text())), "signal"
)
EDGES = np.linspace(0, 1, 5)
SHAPES = {
    "signal": (20.0, 5, 2),
    "background": (100.0, 2, 5),
    "background__shape_up": (100.0, 2.2, 5),
    "background__shape_down": (100.0, 1.8, 5),
}


def simulated(seed, size=2000):
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
    """Against the spread over 20 independent simulations; an error of an error: 16 %."""
    numbers, _ = found
    others = [merits(simulated(seed))[0] for seed in range(1, 21)]
    for key in ("expected_cls", "expected_limit", "expected_p0", "sigma_mu"):
        spread = np.std([np.log(other[key]) for other in others], ddof=1)
        assert numbers[f"{key}_error"] / numbers[key] == pytest.approx(spread, rel=0.6)


def test_replicas_scatter_as_counts_do():
    values, variances = np.array([20.0, 0.0, 5.0]), np.array([4.0, 0.0, 5.0])
    drawn = replicas({"a": Histogram(values, variances)}, 4000)["a"]
    np.testing.assert_allclose(drawn.values.mean(axis=0), values, rtol=0.02)
    np.testing.assert_allclose(drawn.values.var(axis=0), variances, rtol=0.1)
    np.testing.assert_allclose(drawn.variances.mean(axis=0), variances, rtol=0.02)


def test_a_limit_that_does_not_exist_is_none():
    histograms = simulated(0)
    histograms["signal"] = Histogram(
        histograms["signal"].values * 1e-3, histograms["signal"].variances
    )
    numbers, _ = merits(histograms)
    assert numbers["expected_limit"] is None
    assert numbers["expected_limit_error"] is None
    assert numbers["pyhf_cls_at_limit"] is None
    assert numbers["expected_cls"] > 0.9
