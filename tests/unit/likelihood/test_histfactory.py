"""The likelihood equals pyhf's to rounding, and its closed-form derivatives equal JAX's."""

import copy
from decimal import Decimal, localcontext

import jax
import jax.numpy as jnp
import numpy as np
import pyhf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from specs import KINDS, everything, typical, workspaces

from hone.errors import ModelError
from hone.likelihood.histfactory import from_pyhf
from hone.likelihood.histfactory.arrow import Arrow

MODIFIERS = [None, *((kind,) for kind in KINDS)]


def random_pars(oracle, rng, spread=0.4):
    """Parameters around the suggestion within bounds, some beyond one sigma, no rate negative."""
    init = np.array(oracle.config.suggested_init())
    low, high = np.array(oracle.config.suggested_bounds()).T
    while True:
        pars = np.clip(init + rng.normal(0, spread, init.size), np.maximum(low, -5), high)
        if (oracle.expected_data(pars, include_auxdata=False) > 0).all():
            return pars


def derivatives(likelihood, pars, data):
    """In closed form by NumPy, which JAX equals (``test_arrays.py``), and automatic ones."""
    expansion = jax.tree.map(np.asarray, likelihood).expansion(np.asarray(pars), np.asarray(data))
    closed = expansion.value, expansion.gradient, expansion.hessian.dense()
    return closed, automatic(likelihood, pars, data)


@jax.jit
def automatic(likelihood, pars, data):
    value, gradient = jax.value_and_grad(likelihood.nll)(pars, data)
    return value, gradient, jax.hessian(likelihood.nll)(pars, data)


def agree(closed, by_jax):
    for ours, theirs in zip(closed, by_jax, strict=True):
        atol = 1e-12 * np.abs(theirs).max()
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=atol)


@pytest.mark.parametrize("only", MODIFIERS)
def test_expected_data_and_logpdf_agree_with_pyhf(only):
    oracle = everything(only=only)
    model = from_pyhf(oracle)
    rng = np.random.default_rng(1)
    for spread in (0.1, 0.4, 1.5):
        for _ in range(5):
            pars = random_pars(oracle, rng, spread)
            expected = oracle.expected_data(pars)
            np.testing.assert_allclose(model.expected_data(pars), expected, rtol=1e-9)
            data = np.abs(expected + rng.normal(0, 1, expected.size))
            np.testing.assert_allclose(
                model.logpdf(pars, data), oracle.logpdf(pars, data)[0], rtol=1e-9
            )


@given(oracle=workspaces(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=settings().max_examples // 2)
def test_random_workspaces_agree_with_pyhf(oracle, seed):
    model, rng = from_pyhf(oracle), np.random.default_rng(seed)
    for spread in (0.1, 0.5):
        pars = random_pars(oracle, rng, spread)
        expected = oracle.expected_data(pars)
        np.testing.assert_allclose(model.expected_data(pars), expected, rtol=1e-9)
        # real-valued data
        data = expected + rng.uniform(0, 0.5, expected.size)
        np.testing.assert_allclose(
            model.logpdf(pars, data), oracle.logpdf(pars, data)[0], rtol=1e-9
        )


def shared(kind, nbins):
    """A modifier of one name in several channels."""
    channels = []
    for i, n in enumerate(nbins):
        data = None if kind == "shapefactor" else [1.0 + 0.1 * i] * n
        extra = {"name": "shared", "type": kind, "data": data}
        poi = {"name": "mu", "type": "normfactor", "data": None}
        samples = [
            {"name": "sig", "data": [3.0] * n, "modifiers": [poi]},
            {"name": "bkg", "data": [20.0 + i] * n, "modifiers": [extra]},
        ]
        channels.append({"name": f"c{i}", "samples": samples})
    return pyhf.Model({"channels": channels}, poi_name="mu")


@pytest.mark.parametrize("kind", ["staterror", "shapefactor"])
@pytest.mark.parametrize("nbins", [(2, 2), (3, 2), (3, 1), (2, 2, 2)])
def test_modifiers_shared_between_channels(kind, nbins):
    oracle = shared(kind, nbins)
    pars = np.random.default_rng(1).uniform(0.5, 1.5, oracle.config.npars)
    expected = oracle.expected_data(pars)
    np.testing.assert_allclose(from_pyhf(oracle).expected_data(pars), expected, rtol=1e-12)


@pytest.mark.parametrize("nbins", [(1, 3), (2, 3)])
def test_shapefactor_that_runs_out_of_parameters_is_refused(nbins):
    """pyhf takes the parameters that happen to follow."""
    with pytest.raises(ModelError, match="'c1', sample 'bkg', shapefactor 'shared'"):
        from_pyhf(shared("shapefactor", nbins))


@pytest.mark.parametrize("only", MODIFIERS)
def test_config_answers_as_pyhf(only):
    oracle = everything(only=only)
    ours, theirs = from_pyhf(oracle).config, oracle.config
    for name in (
        "channels", "samples", "modifiers", "parameters", "channel_nbins", "channel_slices",
        "par_order", "par_names", "poi_name", "poi_index", "npars", "nmaindata", "nauxdata",
        "auxdata_order",
    ):  # fmt: skip
        assert getattr(ours, name) == getattr(theirs, name), name
    np.testing.assert_allclose(ours.auxdata, theirs.auxdata, rtol=1e-15)
    assert ours.suggested_init() == theirs.suggested_init()
    assert ours.suggested_bounds() == [tuple(b) for b in theirs.suggested_bounds()]
    assert ours.suggested_fixed() == list(theirs.suggested_fixed())
    for name in ours.par_order:
        assert ours.par_slice(name) == theirs.par_slice(name)
        assert ours.param_set(name).n_parameters == theirs.param_set(name).n_parameters


@given(seed=st.integers(0, 10_000), poi=st.sampled_from([0.0, 1.0, 2.3]))
def test_expansion_is_the_derivative_of_nll(seed, poi):
    oracle = everything()
    likelihood = from_pyhf(oracle).prepare()
    rng = np.random.default_rng(seed)
    pars = random_pars(oracle, rng)
    pars[oracle.config.poi_index] = poi
    pars = jnp.asarray(pars)
    data = jnp.asarray(oracle.expected_data(random_pars(oracle, rng)))
    agree(*derivatives(likelihood, pars, data))


def test_gradient_where_rates_are_known():
    """Of many data at one point, as in the first step of toys."""
    oracle, rng = everything(), np.random.default_rng(1)
    likelihood = jax.tree.map(np.asarray, from_pyhf(oracle).prepare())
    pars = random_pars(oracle, rng)
    data = np.array([oracle.expected_data(random_pars(oracle, rng)) for _ in range(3)])
    at = likelihood.expansion(pars, data[0])
    each = [likelihood.expansion(pars, one).gradient for one in data]
    found = likelihood.gradient(pars, data, at.rates, at.jacobian)
    np.testing.assert_allclose(found, each, rtol=1e-12)


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
    likelihood, layout = model.prepare(), model.layout
    pars = jnp.asarray(random_pars(oracle, rng, 0.2))
    data = jnp.asarray(oracle.expected_data(random_pars(oracle, rng, 0.2)))
    closed, by_jax = derivatives(likelihood, pars, data)
    agree(closed, by_jax)
    by_numpy = jax.tree.map(np.asarray, likelihood).expansion(np.asarray(pars), np.asarray(data))
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
    likelihood = jax.tree.map(np.asarray, from_pyhf(oracle).prepare())
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
    assert COUNT.layout.split.shared.tolist() == [0]


def test_nll_differs_from_logpdf_by_a_constant():
    oracle = everything()
    model = from_pyhf(oracle)
    rng = np.random.default_rng(3)
    data = jnp.asarray(oracle.expected_data(random_pars(oracle, rng)))
    total = jax.jit(lambda pars: model.prepare().nll(pars, data) + model.logpdf(pars, data))
    sums = [float(total(random_pars(oracle, rng))) for _ in range(4)]
    np.testing.assert_allclose(sums, sums[0], rtol=1e-12)


def test_equal_models_share_one_program_and_can_be_stacked():
    first, second = (from_pyhf(everything(seed=0)) for _ in range(2))
    assert hash(first.layout) == hash(second.layout)
    assert first.layout == second.layout
    other = from_pyhf(everything(seed=5))
    assert jax.tree.structure(first) == jax.tree.structure(other)
    traces = []

    @jax.jit
    def rates(model, pars):
        traces.append(1)
        return model.expected_actualdata(pars)

    pars = jnp.asarray(first.config.suggested_init())
    singles = [rates(model, pars) for model in (first, second, other)]
    assert len(traces) == 1
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), first, other)
    batch = jax.vmap(lambda model: model.expected_actualdata(pars))(stacked)
    np.testing.assert_allclose(batch, jnp.stack([singles[0], singles[2]]), rtol=1e-14)


def test_all_leaves_are_float64():
    assert {leaf.dtype for leaf in jax.tree.leaves(from_pyhf(everything()))} == {
        np.dtype("float64")
    }


def test_derived_numbers_follow_the_leaves():
    """A model whose yields were replaced equals the model built with those yields."""
    spec = copy.deepcopy(everything().spec)
    model = from_pyhf(pyhf.Model(spec, poi_name="mu"))
    for channel in spec["channels"]:
        channel["samples"][2]["data"] = [y * 1.7 for y in channel["samples"][2]["data"]]
        channel["samples"][1]["data"] = [y * 0.9 for y in channel["samples"][1]["data"]]
    changed = from_pyhf(pyhf.Model(spec, poi_name="mu"))
    replaced = model.replace(nominal=changed.nominal)
    np.testing.assert_allclose(replaced.auxdata, changed.auxdata, rtol=1e-14)
    np.testing.assert_allclose(replaced.prepare().sigma, changed.prepare().sigma, rtol=1e-14)


def test_needs_64_bits():
    oracle = typical()
    with jax.enable_x64(False), pytest.raises(ModelError, match="jax_enable_x64"):
        from_pyhf(oracle)


def test_negative_yields_are_allowed_where_rates_are_positive():
    """Interference that the suggested parameters leave out."""
    spec = copy.deepcopy(typical().spec)
    interference = {"name": "interference", "data": [-70.0] * 5}
    interference["modifiers"] = [{"name": "k", "type": "normfactor", "data": None}]
    spec["channels"][0]["samples"].append(interference)
    spec["parameters"] = [{"name": "k", "inits": [0.0], "bounds": [[0.0, 1.0]]}]
    oracle = pyhf.Model(spec, poi_name="mu")
    pars = np.array(oracle.config.suggested_init())
    pars[oracle.config.par_map["k"]["slice"]] = 0.006
    np.testing.assert_allclose(from_pyhf(oracle).expected_data(pars), oracle.expected_data(pars))


MU = {"name": "mu", "type": "normfactor", "data": None}
SIGNAL = {"name": "signal", "data": [1.0], "modifiers": [MU]}
COUNT = from_pyhf(pyhf.Model({"channels": [{"name": "SR", "samples": [SIGNAL]}]}, poi_name="mu"))
"""A bin whose rate is its only parameter."""
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
    likelihood = model.prepare()
    rng = np.random.default_rng(2)
    for spread in (0.4, 0.4, 1.5, 1.5):
        pars = random_pars(oracle, rng, spread)
        expected = oracle.expected_data(pars)
        np.testing.assert_allclose(model.expected_data(pars), expected, rtol=1e-12)
        data = jnp.asarray(expected + rng.uniform(0, 0.5, expected.size))
        agree(*derivatives(likelihood, pars, data))


@given(n=st.floats(0.5, 1e13), distance=st.floats(-6, 6))
def test_logpdf_of_many_events_is_exact(n, distance):
    """n ln(rate) - rate - ln(n!) of 1e11 events loses the third decimal."""
    rate = max(n + distance * np.sqrt(n), 0.1 * n)
    found = float(COUNT.logpdf([rate], [n]))
    with localcontext() as context:
        context.prec = 60
        exact, x = Decimal(n), Decimal(n) + 40
        # ln(n!) by Stirling's series far out, and back by its recurrence
        series = 1 / (12 * x) - 1 / (360 * x**3) + 1 / (1260 * x**5) - 1 / (1680 * x**7)
        log_factorial = (x + Decimal("0.5")) * x.ln() - x + series
        log_factorial += (2 * Decimal(np.pi)).ln() / 2
        for k in range(1, 41):
            log_factorial -= (exact + k).ln()
        wanted = exact * Decimal(rate).ln() - Decimal(rate) - log_factorial
    assert found == pytest.approx(float(wanted), rel=1e-12, abs=1e-12)


def test_nan_parameters_give_nan():
    model = from_pyhf(typical())
    pars = np.full(7, np.nan)
    assert np.isnan(model.logpdf(pars, np.ones(11)))
    assert np.isnan(jax.jit(lambda x: model.prepare().nll(x, jnp.ones(11)))(pars))


def test_negative_rates_are_impossible_not_clipped():
    model = from_pyhf(typical())
    pars = np.array(model.config.suggested_init())
    pars[0] = 5.0
    model = model.replace(histosys_hi=0.5 * model.histosys_hi)
    assert (model.expected_actualdata(pars) < 0).any()
    assert model.logpdf(pars, np.ones(11)) == -np.inf
