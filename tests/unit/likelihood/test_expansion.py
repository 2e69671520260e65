"""Closed-form derivatives of the likelihood equal JAX's, and their sparse Hessian is an arrow."""

import jax
import numpy as np
import pyhf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from specs import MODELS, counting, everything, random_pars, shared, typical

from hone.likelihood.histfactory import from_pyhf
from hone.likelihood.histfactory.arrow import Arrow
from hone.likelihood.histfactory.slopes import Slopes


def prepared(model):
    """By NumPy: JAX would compile each operation alone."""
    return jax.tree.map(np.asarray, model).prepare()


def derivatives(likelihood, pars, data):
    """In closed form by NumPy, which JAX equals (``test_arrays.py``), and automatic ones."""
    expansion = likelihood.expansion(pars, data)
    closed = expansion.value, expansion.gradient, expansion.hessian.dense()
    return closed, automatic(likelihood, pars, data)


@jax.jit
def automatic(likelihood, pars, data):
    def first(pars):
        value, gradient = jax.value_and_grad(likelihood.nll)(pars, data)
        return gradient, (value, gradient)

    hessian, (value, gradient) = jax.jacfwd(first, has_aux=True)(pars)
    return value, gradient, hessian


def agree(closed, by_jax):
    for ours, theirs in zip(closed, by_jax, strict=True):
        atol = 1e-12 * np.abs(theirs).max()
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=atol)


@given(seed=st.integers(0, 10_000), poi=st.sampled_from([0.0, 1.0, 2.3]))
def test_expansion_is_the_derivative_of_nll(seed, poi):
    oracle = everything()
    likelihood = prepared(from_pyhf(oracle))
    rng = np.random.default_rng(seed)
    pars = random_pars(oracle, rng)
    pars[oracle.config.poi_index] = poi
    data = oracle.expected_data(random_pars(oracle, rng))
    agree(*derivatives(likelihood, pars, data))


@pytest.mark.parametrize("name", ["everything", *MODELS])
def test_slopes_are_those_of_an_expansion(name):
    """Without the Hessian, of many fits in several parts."""
    oracle, rng = MODELS[name] if name in MODELS else everything(), np.random.default_rng(1)
    likelihood = prepared(from_pyhf(oracle))
    pars = np.array([random_pars(oracle, rng) for _ in range(20)])
    pars[1, oracle.config.poi_index] = 0.0
    data = np.array([oracle.expected_data(random_pars(oracle, rng)) for _ in pars])
    slopes = Slopes(likelihood)
    slopes.together = 8
    value, gradient = slopes(pars, data)
    each = likelihood.expansion(pars, data)
    np.testing.assert_allclose(value, each.value, rtol=1e-12)
    np.testing.assert_allclose(gradient, each.gradient, rtol=1e-11, atol=1e-10)


def partly_shared():
    """A shapefactor that two channels share bin by bin, beside a channel of another kind."""
    spec = shared("shapefactor", (2, 2)).spec
    errors = {"name": "stat", "type": "staterror", "data": [1.0, 2.0, 0.5]}
    norm = {"name": "n", "type": "normsys", "data": {"hi": 1.2, "lo": 0.9}}
    hi_lo = {"hi_data": [21.0, 33.0, 9.0], "lo_data": [20.0, 28.0, 10.0]}
    shape = {"name": "n", "type": "histosys", "data": hi_lo}
    background = {"data": [20.0, 30.0, 10.0], "modifiers": [norm, shape, errors]}
    spec["channels"].append({"name": "c2", "samples": [{"name": "bkg", **background}]})
    return pyhf.Model(spec, poi_name="mu")


@pytest.mark.parametrize("make", [partly_shared, lambda: shared("staterror", (3, 1))])
def test_hessian_is_an_arrow(make):
    """Whatever the parameters act on, the derivatives are JAX's, and so is the solution."""
    oracle = make()
    model, rng = from_pyhf(oracle), np.random.default_rng(4)
    likelihood, layout = prepared(model), model.layout
    pars = random_pars(oracle, rng, 0.2)
    data = oracle.expected_data(random_pars(oracle, rng, 0.2))
    closed, by_jax = derivatives(likelihood, pars, data)
    agree(closed, by_jax)
    by_numpy = likelihood.expansion(pars, data)
    jacobian = by_numpy.jacobian.dense()
    np.testing.assert_allclose(jacobian, jax.jit(jax.jacobian(likelihood.rates))(pars).T, rtol=1e-9)

    # positive definite, which a Hessian anywhere need not be
    matrix = closed[2] + np.diag(np.abs(closed[2]).sum(axis=1))
    moving = np.arange(len(pars)) != 1
    vector = rng.normal(size=len(pars))
    found = jax.jit(lambda m, v: Arrow.of(m, layout).solve(v, moving))(matrix, vector)
    wanted = np.linalg.solve(matrix[moving][:, moving], vector[moving])
    np.testing.assert_allclose(found[moving], wanted, rtol=1e-9)
    assert found[1] == 0


@pytest.mark.parametrize("norms", [2, 20])
@pytest.mark.parametrize("errors", [[], [{"name": "e", "type": "staterror", "data": [3.0, 2.0]}]])
def test_a_vector_is_solved_for_with_each_of_stacked_hessians(norms, errors):
    """As the merits of models from resampled events are; few and many shared parameters."""
    factors = [
        {"name": f"n{k}", "type": "normsys", "data": {"hi": 1 + 0.01 * k, "lo": 0.9}}
        for k in range(norms)
    ]
    signal = [{"name": "mu", "type": "normfactor", "data": None}]
    samples = [
        {"name": "s", "data": [2.0, 5.0], "modifiers": signal},
        {"name": "b", "data": [50.0, 60.0], "modifiers": factors + errors},
    ]
    spec = {"channels": [{"name": "c", "samples": samples}]}
    oracle = pyhf.Model(spec, poi_name="mu")
    layout, start = from_pyhf(oracle).layout, np.array(oracle.config.suggested_init())
    likelihood = prepared(from_pyhf(oracle))
    found = likelihood.expansion(np.stack([start, 1.01 * start]), oracle.expected_data(start))
    matrices, vector = found.hessian.dense(), np.arange(1.0, len(start) + 1)
    solved = Arrow.of(matrices, layout).solve(vector, np.full(len(start), True))
    np.testing.assert_allclose(solved, [np.linalg.solve(m, vector) for m in matrices], rtol=1e-9)


def test_a_bins_own_parameters_are_told_from_shared_ones():
    split = from_pyhf(typical()).layout.split
    assert split.own.tolist() == [2, 3, 4, 5, 6]
    assert split.shared.tolist() == [0, 1]
    split = from_pyhf(partly_shared()).layout.split
    assert split.own_bins.tolist() == [4, 5, 6]
    # the channels with the shared shape are split into bins
    assert split.block_of_bin.tolist() == [0, 1, 2, 3, 4, 4, 4]
    # a parameter in each bin, and no other
    assert from_pyhf(counting()).layout.split.shared.tolist() == [0]


INTERPOLATIONS = [
    {},
    {"normsys": {"interpcode": "code4"}},
    {"histosys": {"interpcode": "code4p"}},
    {"normsys": {"interpcode": "code1"}, "histosys": {"interpcode": "code2"}},
]


@pytest.mark.parametrize("settings", INTERPOLATIONS)
def test_interpolations_are_those_that_pyhf_uses(settings):
    """Of a setting that is left out pyhf takes code 0 or 1, not the default without settings."""
    spec = everything(only=("histosys", "normsys")).spec
    oracle = pyhf.Model(spec, poi_name="mu", modifier_settings=settings)
    model = from_pyhf(oracle)
    likelihood = prepared(model)
    rng = np.random.default_rng(2)
    for spread in (0.4, 0.4, 1.5, 1.5):
        pars = random_pars(oracle, rng, spread)
        expected = oracle.expected_data(pars)
        np.testing.assert_allclose(model.expected_data(pars), expected, rtol=1e-12)
        data = expected + rng.uniform(0, 0.5, expected.size)
        agree(*derivatives(likelihood, pars, data))
