"""Soft bins add up to the yield and become the sharp ones; bandwidths are the published ones."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from hone.observable import (
    Softness,
    kernel_shares,
    scott_bandwidth,
    soft_histogram,
)
from hone.statmodel.templates import count

EDGES = np.array([0.0, 0.15, 0.4, 0.85, 1.0])


@given(seed=st.integers(0, 1000), bandwidth=st.floats(1e-3, 1.0))
def test_soft_bins_add_up_to_the_yield(seed, bandwidth):
    rng = np.random.default_rng(seed)
    scores, weights = rng.uniform(0, 1, 50), rng.normal(1, 1, 50)
    soft, _ = soft_histogram(kernel_shares(scores, EDGES, bandwidth), weights)
    assert float(soft.sum()) == pytest.approx(weights.sum(), abs=1e-9)


def test_soft_becomes_hard_without_bandwidth():
    rng = np.random.default_rng(1)
    scores, weights = rng.uniform(0, 1, 1000), rng.uniform(0.5, 1.5, 1000)
    hard = count(scores, weights, EDGES)
    soft = soft_histogram(kernel_shares(scores, EDGES, 1e-9), weights)
    np.testing.assert_allclose(soft[0], hard.values)
    np.testing.assert_allclose(soft[1], hard.variances)


def test_shares_are_those_of_the_normal_distribution():
    scores, width = np.linspace(0.05, 0.95, 7), 0.03
    below = scipy.stats.norm.cdf((EDGES[1:-1] - scores[:, None]) / width)
    expected = np.diff(np.concatenate([np.zeros((7, 1)), below, np.ones((7, 1))], axis=1))
    np.testing.assert_allclose(kernel_shares(scores, EDGES, width), expected, atol=1e-15)


def test_scott_is_scipys():
    scores = np.random.default_rng(4).uniform(0.2, 0.9, 300)
    reference = scipy.stats.gaussian_kde(scores).factor * scores.std()
    assert float(scott_bandwidth(scores, np.full(300, 0.1))) == pytest.approx(reference, rel=1e-4)


def test_effective_number_of_weighted_events():
    scores = np.random.default_rng(4).uniform(0.2, 0.9, 300)
    few = np.where(np.arange(300) < 30, 1.0, 1e-9)
    assert float(scott_bandwidth(scores, few)) == pytest.approx(
        scores[:30].std() * 30**-0.2, rel=1e-3
    )


def test_adaptive_bandwidths_are_abramsons():
    """Wide where events are few; against the sum over all pairs of events."""
    scores = np.random.default_rng(4).beta(2, 12, 500)
    found = np.asarray(Softness.create("adaptive", [0.1]).widths(scores, np.ones(500), 1.0))
    scott = float(scott_bandwidth(scores, np.ones(500)))
    pairs = np.exp(-0.5 * ((scores[:, None] - scores) / scott) ** 2).mean(axis=1)
    expected = scott * np.sqrt(np.exp(np.log(pairs).mean()) / pairs)
    np.testing.assert_allclose(found, expected, rtol=1e-2)
    assert found[np.argmax(scores)] > 2 * found.min()


def test_schedules_of_the_bandwidth():
    annealed = Softness.create("annealed", [0.09, 0.02])
    assert float(annealed.at(0.0)) == pytest.approx(0.09)
    assert float(annealed.at(1.0)) == pytest.approx(0.02)
    assert float(annealed.at(0.5)) == pytest.approx(np.sqrt(0.09 * 0.02))
    assert float(Softness.create("fixed", [0.09, 0.02]).at(0.0)) == 0.02
    assert float(Softness.create("learned", [0.09, 0.02]).at(0.7)) == pytest.approx(0.09)


@given(growth=st.floats(-30, 5))
def test_learned_bandwidth_stays_above_its_smallest(growth):
    learned = Softness.create("learned", [0.09, 0.02])
    moved = eqx.tree_at(lambda s: s.growth, learned, jnp.asarray(growth))
    assert float(moved.at(0.5)) >= 0.02


def test_counts_keep_what_lies_outside_but_not_what_was_cut():
    histogram = count(np.array([-1.0, 0.0, 0.15, 1.0, 7.0, np.nan]), np.ones(6), EDGES)
    np.testing.assert_array_equal(histogram.values, [2, 1, 0, 2])
