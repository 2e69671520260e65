"""What NumPy computes at once is what JAX compiles, of a model (``test_gradients.py``) or many."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pyhf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from specs import MODELS, multimodal, pseudo_data, typical

from hone.likelihood import infer
from hone.likelihood.arrays import cholesky, index_of, solve_positive, take
from hone.likelihood.histfactory import from_pyhf
from hone.likelihood.infer.asymptotics import normal_quantiles, quantile_slopes
from hone.likelihood.infer.minima import Reason
from hone.likelihood.infer.profile import setup_for_test
from hone.likelihood.infer.scan import scan_tests
from hone.likelihood.infer.setup import FitSetup, starts_of


def wide():
    """So many samples and channels that JAX sums over them in other ways."""
    rng = np.random.default_rng(1)

    def sample(k, channel):
        nominal, change = rng.uniform(5, 10, 2), rng.uniform(-0.5, 0.5, 2)
        hi_lo = {"hi_data": list(nominal + change), "lo_data": list(nominal - 0.8 * change)}
        modifiers = [
            {"name": "n", "type": "normsys", "data": {"hi": 1.1, "lo": 0.92}},
            {"name": "h", "type": "histosys", "data": hi_lo},
            {"name": f"stat_{channel}", "type": "staterror", "data": [0.3, 0.4]},
        ]
        if k == 0:
            modifiers.append({"name": "mu", "type": "normfactor", "data": None})
        return {"name": f"s{k}", "data": list(nominal), "modifiers": modifiers}

    channels = [
        {"name": f"c{c}", "samples": [sample(k, f"c{c}") for k in range(17)]} for c in range(9)
    ]
    return pyhf.Model({"channels": channels}, poi_name="mu")


@pytest.mark.parametrize("name", [*MODELS, "wide"])
def test_expansions_of_many_fits_are_those_of_each(name):
    oracle = wide() if name == "wide" else MODELS[name]
    model = jax.tree.map(np.asarray, from_pyhf(oracle))
    rng, init = np.random.default_rng(1), np.array(model.config.suggested_init())
    pars = init + 0.1 * rng.normal(size=(3, init.size))
    data = np.stack([pseudo_data(oracle, seed=k) for k in range(3)])
    likelihood = model.prepare()
    together = likelihood.expansion(pars, data)
    by_jax = jax.jit(jax.vmap(likelihood.expansion))(pars, data)
    for k in range(3):
        alone = likelihood.expansion(pars[k], data[k])
        for one, both, compiled in zip(
            *(jax.tree.leaves(x) for x in (alone, together, by_jax)), strict=True
        ):
            np.testing.assert_allclose(one, both[k], rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(one, compiled[k], rtol=1e-9, atol=1e-9)


def many_alphas(count):
    """Shared parameters alone: a POI and ``count`` normsys."""
    alphas = [
        {"name": f"n{k}", "type": "normsys", "data": {"hi": 1.0 + e, "lo": 1.0 - e}}
        for k, e in enumerate(np.linspace(0.002, 0.06, count))
    ]
    poi = {"name": "mu", "type": "normfactor", "data": None}
    samples = [
        {"name": "s", "data": [2.0, 5.0, 9.0], "modifiers": [poi]},
        {"name": "b", "data": [20.0, 40.0, 60.0], "modifiers": alphas},
    ]
    return pyhf.Model({"channels": [{"name": "c", "samples": samples}]}, poi_name="mu")


def test_many_parameters_that_all_bins_share_are_fitted_as_by_pyhf():
    oracle = many_alphas(12)
    data = [22.0, 44.0, 66.0, *oracle.config.auxdata]
    pars, value = infer.fit(data, from_pyhf(oracle), return_fitted_val=True)
    theirs, best = pyhf.infer.mle.fit(data, oracle, return_fitted_val=True)
    np.testing.assert_allclose(pars, theirs, atol=1e-3)
    assert value <= best + 1e-6


@pytest.mark.parametrize(
    "merit", [infer.asimov_limit, lambda model: infer.asimov_qmu(model, 1.0, "q0")]
)
def test_stacked_models_of_many_parameters_are_compiled(merit):
    """Above 64 parameters JAX's fits run one after the other, each with its own model."""
    oracle, strengths = many_alphas(64), np.array([0.7, 1.3])
    model = jax.tree.map(np.asarray, from_pyhf(oracle))
    is_signal = (np.array(oracle.config.samples) == "s")[:, None]

    def scaled(strength):
        return model.replace(nominal=model.nominal * strength ** (1.0 * is_signal))

    def of_stacked(strengths):
        return merit(jax.vmap(scaled)(strengths))

    found, slopes = jax.jit(lambda x: jax.jvp(of_stacked, (x,), (jnp.ones(2),)))(strengths)
    singly, up, down = ([merit(scaled(x + h)) for x in strengths] for h in (0.0, 1e-4, -1e-4))
    np.testing.assert_allclose(found, singly, rtol=1e-9)
    np.testing.assert_allclose(slopes, (np.array(up) - down) / 2e-4, rtol=1e-5)


def test_stacked_models_are_fitted_as_each_alone():
    model = jax.tree.map(np.asarray, from_pyhf(typical()))
    rng = np.random.default_rng(5)
    several = [
        model.replace(nominal=model.nominal * rng.uniform(0.8, 1.2, model.nominal.shape))
        for _ in range(4)
    ]
    stacked = jax.tree.map(lambda *x: np.stack(x), *several)
    for merit in (
        infer.asimov_limit,
        infer.sigma_mu,
        lambda model: infer.asimov_qmu(model, 1.0),
        lambda model: infer.asimov_qmu(model, 1.0, "q0"),
    ):
        np.testing.assert_allclose(merit(stacked), [merit(one) for one in several], rtol=1e-12)


@partial(jax.jit, static_argnums=(2, 3))
def slopes_by_jax(at, along, test_stat, distribution):
    return jax.jvp(lambda *x: normal_quantiles(*x, test_stat, distribution), at, along)[1]


@given(
    q=st.floats(0, 30), q_asimov=st.floats(0.01, 30), slopes=st.tuples(*[st.floats(-5, 5)] * 2),
    test_stat=st.sampled_from(["q", "qtilde", "q0"]),
    distribution=st.sampled_from(["normal", "clipped_normal"]),
)  # fmt: skip
def test_slopes_of_quantiles_are_derivatives(q, q_asimov, slopes, test_stat, distribution):
    at = (np.asarray(q), np.full(6, q_asimov))
    along = (np.asarray(slopes[0]), np.full(6, slopes[1]))
    found = quantile_slopes(*at, *along, test_stat, distribution)
    wanted = slopes_by_jax(at, along, test_stat, distribution)
    # At a kink (the statistic of the data is that of Asimov data) either side is right.
    if abs(q - q_asimov) > 1e-9 and q > 1e-9:
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("seed", [20, 81])
def test_a_scan_of_tests_is_each_test(seed):
    oracle, data = multimodal(seed)
    model = from_pyhf(oracle)
    mus = [0.0, 0.3, 1.0, 4.0]
    found = scan_tests(mus, data, model, setup_for_test(model, "qtilde"))
    for row, mu in zip(found, mus, strict=True):
        observed, expected = infer.hypotest(mu, data, model, return_expected_set=True)
        np.testing.assert_allclose(row, [observed, *expected], rtol=1e-7)


@given(seed=st.integers(0, 20))
def test_models_may_be_traced_in_part(seed):
    oracle = pyhf.simplemodels.uncorrelated_background([5.0], [50.0 + seed], [7.0])
    model = jax.tree.map(np.asarray, from_pyhf(oracle))

    def total(shapesys):
        return model.replace(shapesys=shapesys).prepare().expected_data(np.ones(2)).sum()

    slope = jax.jit(jax.grad(total))(model.shapesys)
    step = 1e-4
    wanted = (total(model.shapesys + step) - total(model.shapesys - step)) / (2 * step)
    assert float(slope.sum()) == pytest.approx(float(wanted), rel=1e-5)


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ([60.0, 32.0, 11.0, 12.0, 27.0], Reason.CONVERGED),
        ([50.0, 25.0, 6.0, 1.0, 0.3], Reason.AT_BOUND),
    ],
)
def test_a_fit_says_why_it_ended(counts, reason):
    oracle = typical()
    data = [*counts, *oracle.config.auxdata]
    result = infer.fit(data, oracle, return_result_obj=True)[-1]
    assert Reason(int(result.status)) == reason
    assert result.message == Reason(int(result.status)).name
    assert 4 <= result.nfev < 200


def test_starts_at_negative_rates_are_named():
    oracle, data = multimodal(20)
    model = from_pyhf(oracle)
    setup = FitSetup.of(model)
    starts = starts_of(model, setup)
    likelihood = jax.tree.map(np.asarray, model).prepare()
    starts[1:] = setup.upper
    with np.errstate(all="ignore"):
        found = infer.minimum.descend(
            likelihood, np.tile(data, (4, 1)), starts, setup.lower, setup.upper,
            np.tile(setup.free, (4, 1)),
        )  # fmt: skip
    negative = (likelihood.rates(starts) < 0).any(axis=1)
    assert ((found.reason == Reason.NEGATIVE_RATE) == negative).all()
    assert negative.any()


@given(places=st.lists(st.integers(0, 5), min_size=1, max_size=6))
def test_places_are_taken_along_an_axis(places):
    x = np.arange(36.0).reshape(6, 6)
    for axis in (-1, -2):
        wanted = np.take(x, places, axis=axis)
        index = index_of(np.array(places))
        np.testing.assert_array_equal(take(x, index, axis), wanted)
        np.testing.assert_array_equal(take(jnp.asarray(x), index, axis), wanted)


def test_matrices_that_are_not_positive_give_nan():
    matrices = np.stack([np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([[1.0, 2.0], [2.0, 1.0]])])
    for module in (np, jnp):
        found = np.asarray(solve_positive(module.asarray(matrices), module.ones((2, 2))))
        np.testing.assert_allclose(found[0], np.linalg.solve(matrices[0], np.ones(2)))
        assert np.isnan(found[1]).all()
        factors = np.asarray(cholesky(module.asarray(matrices)))
        np.testing.assert_allclose(np.tril(factors[0]), np.linalg.cholesky(matrices[0]))
        assert np.isnan(factors[1]).any()


def test_many_systems_are_solved_as_one_by_one():
    rng = np.random.default_rng(3)
    for size in (1, 2, 5, 12, 13):
        square = rng.normal(size=(200, size, size + 2))
        matrices, vectors = square @ square.swapaxes(1, 2), rng.normal(size=(200, size))
        matrices[7] *= -1
        singly = [solve_positive(matrices[k : k + 1], vectors[k : k + 1])[0] for k in range(200)]
        np.testing.assert_allclose(solve_positive(matrices, vectors), singly, rtol=1e-7, atol=1e-9)
        assert np.isnan(singly[7]).all()
        assert np.isnan(singly).sum() == size
