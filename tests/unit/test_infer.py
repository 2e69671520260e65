"""Fits, CLs and limits agree with pyhf; every gradient agrees with finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pyhf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from specs import blobs_like, everything, typical

from hone import infer
from hone.errors import FitError, InputError
from hone.histfactory import from_pyhf
from hone.infer.hypotest import checked_setup, log_hypotest
from hone.infer.intervals import all_limits
from hone.objectives import log_cls


def pseudo_data(oracle, seed, mu=0.0):
    rng = np.random.default_rng(seed)
    pars = np.array(oracle.config.suggested_init())
    pars[oracle.config.poi_index] = mu
    counts = rng.poisson(oracle.expected_data(pars, include_auxdata=False)).astype(float)
    return np.concatenate([counts, oracle.config.auxdata])


MODELS = {
    "simple": pyhf.simplemodels.uncorrelated_background(
        signal=[12.0, 11.0], bkg=[50.0, 52.0], bkg_uncertainty=[3.0, 7.0]
    ),
    "correlated": pyhf.simplemodels.correlated_background(
        signal=[12.0, 11.0], bkg=[50.0, 52.0], bkg_up=[45.0, 57.0], bkg_down=[55.0, 47.0]
    ),
    "typical": typical(),
    "everything": everything(),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("test_stat", ["qtilde", "q", "q0"])
def test_hypotest_agrees_with_pyhf(name, test_stat):
    oracle = MODELS[name]
    model, data = from_pyhf(oracle), pseudo_data(oracle, seed=2)
    bounds = [tuple(b) for b in oracle.config.suggested_bounds()]
    if test_stat != "qtilde":
        bounds[oracle.config.poi_index] = (-1.0, 10.0)
    options = {
        "par_bounds": bounds,
        "test_stat": test_stat,
        "return_tail_probs": True,
        "return_expected": True,
        "return_expected_set": True,
    }
    mu = 0.0 if test_stat == "q0" else 1.0
    ours = infer.hypotest(mu, data, model, **options)
    theirs = pyhf.infer.hypotest(mu, data, oracle, **options)
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    np.testing.assert_allclose(
        np.log(jax.tree.leaves(ours)), np.log(jax.tree.leaves(theirs)), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("name", MODELS)
def test_minimum_is_not_above_pyhfs(name):
    oracle = MODELS[name]
    model, data = from_pyhf(oracle), pseudo_data(oracle, seed=4, mu=1.0)
    for ours, theirs, head in (
        (infer.fit, pyhf.infer.mle.fit, ()),
        (infer.fixed_poi_fit, pyhf.infer.mle.fixed_poi_fit, (0.5,)),
    ):
        pars, value = ours(*head, data, model, return_fitted_val=True)
        _, best = theirs(*head, data, oracle, return_fitted_val=True)
        assert value <= best + 1e-6
        np.testing.assert_allclose(value, -2 * oracle.logpdf(np.asarray(pars), data)[0], rtol=1e-9)


@pytest.mark.parametrize("name", ["simple", "typical"])
def test_limits_are_where_pyhf_finds_the_level(name):
    oracle = MODELS[name]
    data = pseudo_data(oracle, seed=8)
    observed, expected = infer.upper_limit(data, oracle, level=0.1)
    assert pyhf.infer.hypotest(float(observed), data, oracle) == pytest.approx(0.1, rel=1e-4)
    for i, limit in enumerate(expected):
        band = pyhf.infer.hypotest(float(limit), data, oracle, return_expected_set=True)[1]
        assert band[i] == pytest.approx(0.1, rel=1e-4)


def test_scanned_limits_equal_pyhfs():
    oracle = MODELS["simple"]
    data, scan = pseudo_data(oracle, seed=8), np.linspace(0, 5, 11)
    ours = infer.upper_limit(data, oracle, scan, return_results=True)
    theirs = pyhf.infer.intervals.upper_limits.upper_limit(data, oracle, scan, return_results=True)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-5)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-5)
    np.testing.assert_array_equal(ours[2][0], theirs[2][0])


def test_the_lower_of_two_minima_is_found():
    """A likelihood in which pyhf's default fit, and ours from one start, ends 13 units too high."""
    oracle = blobs_like(
        [0.5018, 1.8518, 3.0933, 5.4121, 9.141],
        [81.14, 13.803, 3.693, 1.188, 0.176],
        [47.8705, 27.8235, 14.8305, 6.887, 2.5885],
        [10.2895, 19.816, 23.06, 24.202, 22.6325],
    )
    data = np.array([50.0, 30.0, 10.0, 5.0, 5.0, 0.0])
    pars, value = infer.fit(data, oracle, return_fitted_val=True)
    starts = [[a, mu] for a in (-1.0, 0.0, 1.0) for mu in (0.1, 1.0)]
    with np.errstate(all="ignore"):
        best = min(
            float(pyhf.infer.mle.fit(data, oracle, init_pars=start, return_fitted_val=True)[1])
            for start in starts
        )
    assert value == pytest.approx(best, abs=1e-5)
    assert pars[0] > 0.5


def test_minimum_on_the_edge_of_negative_rates():
    """Empty bins pull the rate to zero and beyond; beyond is not allowed."""
    oracle = blobs_like([1.0, 9.0], [80.0, 0.2], [50.0, 3.0], [10.0, 24.0])
    data = np.array([80.0, 0.0, 0.0])
    pars = infer.fit(data, oracle)
    rates = from_pyhf(oracle).expected_actualdata(pars)
    assert 0 <= rates[1] < 1e-8
    alphas = np.linspace(-0.5, 0.5, 100_001)
    values = [-2 * oracle.logpdf(np.array([a, 0.0]), data)[0] for a in alphas[::500]]
    allowed = [
        v for v, a in zip(values, alphas[::500], strict=True)
        if oracle.expected_data(np.array([a, 0.0]), include_auxdata=False)[1] >= 0
    ]  # fmt: skip
    assert infer.fit(data, oracle, return_fitted_val=True)[1] <= min(allowed) + 1e-6


MERITS = {
    "log CLs in training": lambda m: log_cls(m),
    "CLs observed and at +1 sigma": lambda m: jnp.stack(
        [t := infer.hypotest(0.8, DATA, m, return_expected_set=True), t[0], t[1][3]][1:]
    ),
    "p0": lambda m: infer.expected_p0(m),
    "sigma_mu": lambda m: infer.sigma_mu(m),
    "mu-hat": lambda m: infer.fit(DATA, m)[m.config.poi_index],
    "limits observed and expected": lambda m: all_limits(DATA, m)[jnp.array([0, 3])],
}
DATA = np.concatenate([[66.0, 33.0, 9.0, 3.0, 2.0], typical().config.auxdata])


def assert_gradient(merit, model):
    """Along a random direction of yields, templates and uncertainties."""
    rng = np.random.default_rng(7)
    direction = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(0, 0.01, leaf.shape)), model)
    # empty cells stay empty, and auxiliary settings are not numbers of the templates
    direction = jax.tree.map(lambda d, leaf: jnp.where(leaf == 0, 0.0, d), direction, model)
    direction = direction.replace(
        normal_auxdata=0 * direction.normal_auxdata, normal_sigma=0 * direction.normal_sigma
    )

    @jax.jit
    def along(x):
        return merit(jax.tree.map(lambda leaf, d: leaf + x * d, model, direction))

    gradient = jax.jit(jax.jacrev(merit))(model)
    slope = sum(
        np.tensordot(g, d, axes=np.ndim(d))
        for g, d in zip(jax.tree.leaves(gradient), jax.tree.leaves(direction), strict=True)
    )
    h = 1e-3
    numeric = (8 * (along(h) - along(-h)) - (along(2 * h) - along(-2 * h))) / (12 * h)
    np.testing.assert_allclose(slope, numeric, rtol=1e-5)


@pytest.mark.parametrize("name", MERITS)
def test_gradient_equals_finite_differences(name):
    assert_gradient(MERITS[name], from_pyhf(typical()))


def test_gradient_through_every_modifier():
    oracle = everything()
    data = jnp.asarray(pseudo_data(oracle, seed=2))
    assert_gradient(
        lambda m: jnp.stack([log_cls(m), infer.hypotest(0.8, data, m)]), from_pyhf(oracle)
    )


def test_second_derivative_of_mu_hat():
    """Derivatives nest: the second equals a difference of firsts."""
    model = from_pyhf(typical())

    def mu_hat(x):
        pars = infer.fit(DATA, model.replace(nominal=model.nominal.at[0, 1].add(x)))
        return pars[model.config.poi_index]

    first = jax.jit(jax.grad(mu_hat))
    second = jax.jit(jax.grad(jax.grad(mu_hat)))(0.0)
    h = 1e-3
    numeric = (first(h) - first(-h)) / (2 * h)
    assert float(second) == pytest.approx(float(numeric), rel=1e-4)


def test_training_objective_is_the_expected_cls():
    oracle = typical()
    model = from_pyhf(oracle)
    nominal = infer.nominal_asimov(model, 0.0)
    pyhf_cls = pyhf.infer.hypotest(1.0, np.asarray(nominal), oracle, return_expected=True)[1]
    assert np.exp(log_cls(model)) == pytest.approx(float(pyhf_cls), rel=1e-5)
    assert infer.expected_cls(model)[2] == pytest.approx(float(pyhf_cls), rel=1e-5)


def test_log_cls_does_not_underflow():
    """A signal so strong that CLs is far below the smallest number."""
    oracle = blobs_like([900.0, 2000.0], [50.0, 20.0], [52.0, 22.0], [48.0, 18.0])
    model = from_pyhf(oracle)
    value, gradient = jax.value_and_grad(log_cls)(model)
    assert value < -700
    assert np.isfinite(value)
    assert (np.asarray(gradient.nominal[1]) < 0).all()


def test_no_signal_gives_finite_gradients():
    oracle = blobs_like([0.0, 0.0], [50.0, 20.0], [52.0, 22.0], [48.0, 18.0])
    value, gradient = jax.value_and_grad(log_cls)(from_pyhf(oracle))
    assert value == pytest.approx(0.0, abs=1e-12)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


@given(scale=st.floats(0.2, 5.0), mu=st.floats(0.1, 2.0))
def test_signal_strength_and_yield_are_interchangeable(scale, mu):
    """Scaling the signal by s and mu by 1/s changes nothing."""
    model = from_pyhf(blobs_like([1.0, 9.0], [50.0, 4.0], [47.0, 4.6], [53.0, 3.5]))
    signal = model.config.samples.index("signal")
    scaled = model.replace(nominal=model.nominal.at[signal].multiply(scale))
    np.testing.assert_allclose(
        infer.asimov_qmu(scaled, mu / scale), infer.asimov_qmu(model, mu), rtol=1e-9
    )


def test_vmap_over_models_data_and_mu():
    model = from_pyhf(typical())
    setup = checked_setup(model)
    models = jax.tree.map(lambda leaf: jnp.stack([leaf, 1.02 * leaf]), model)
    data = jnp.stack([jnp.asarray(DATA)] * 2).at[1, 4].set(5.0)
    mus = jnp.array([0.5, 1.5])

    def cls(mu, data, model):
        return log_hypotest(mu, data, model, setup, "qtilde").cls

    batch = jax.vmap(cls)(mus, data, models)
    for i in range(2):
        single = cls(mus[i], data[i], jax.tree.map(lambda leaf, i=i: leaf[i], models))
        np.testing.assert_allclose(batch[i], single, rtol=1e-8)


def test_lowers_for_cpu_and_cuda():
    model = from_pyhf(typical())
    step = jax.jit(jax.value_and_grad(log_cls))
    exported = jax.export.export(step, platforms=["cpu", "cuda"])(model)
    assert set(exported.platforms) == {"cpu", "cuda"}


def test_bad_questions_are_refused():
    oracle = typical()
    with pytest.raises(InputError, match="outside its bounds"):
        infer.hypotest(11.0, DATA, oracle)
    with pytest.raises(InputError, match=r"level is 1\.5"):
        infer.upper_limit(DATA, oracle, level=1.5)
    with pytest.raises(InputError, match="allowed: q, qtilde, q0"):
        infer.hypotest(1.0, DATA, oracle, test_stat="t")
    without_poi = pyhf.Model(oracle.spec, poi_name=None)
    with pytest.raises(pyhf.exceptions.UnspecifiedPOI):
        infer.hypotest(1.0, DATA, without_poi)
    fixed = [False] * 7
    fixed[oracle.config.poi_index] = True
    with pytest.raises(pyhf.exceptions.InvalidModel):
        infer.hypotest(1.0, DATA, oracle, fixed_params=fixed)


def test_a_limit_beyond_the_bounds_is_an_error():
    oracle = blobs_like([1e-4, 2e-4], [50.0, 20.0], [52.0, 22.0], [48.0, 18.0])
    with pytest.raises(FitError, match="does not exist"):
        infer.upper_limit([50.0, 20.0, 0.0], oracle)
