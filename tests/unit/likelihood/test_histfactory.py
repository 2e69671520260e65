"""The likelihood equals pyhf's to rounding."""

import copy
from decimal import Decimal, localcontext

import jax
import jax.numpy as jnp
import numpy as np
import pyhf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from specs import KINDS, counting, everything, random_pars, shared, typical, workspaces

from hone.errors import ModelError
from hone.likelihood.histfactory import from_pyhf

MODIFIERS = [None, *((kind,) for kind in KINDS)]


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


COUNT = from_pyhf(counting())


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
