"""Every derivative equals finite differences, every value NumPy's; all goes under vmap and to
other devices."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from specs import MODELS, blobs_like, everything, pseudo_data, typical

from hone.likelihood import infer
from hone.likelihood.arrays import namespace
from hone.likelihood.histfactory import from_pyhf
from hone.likelihood.infer.intervals import regions
from hone.likelihood.infer.intervals.upper_limits import all_limits
from hone.likelihood.infer.profile import log_hypotest
from hone.likelihood.infer.setup import checked_setup
from hone.likelihood.infer.toys import fit_toys
from hone.training.objectives import log_cls

MERITS = {
    "logpdf": lambda m, data, _: m.logpdf(SOME_PARS, data),
    "log CLs in training": lambda m, *_: log_cls(m),
    "CLs observed and expected": lambda m, data, mu: cls_values(m, data, mu),
    "p0 observed": lambda m, data, _: infer.hypotest(0.0, data, m, test_stat="q0"),
    "sigma_mu": lambda m, *_: infer.sigma_mu(m),
    "mu-hat": lambda m, data, _: infer.fit(data, m)[m.config.poi_index],
    "limits observed and expected": lambda m, data, _: all_limits(data, m),
    "interval": lambda m, data, _: stacked(*regions.interval("mu", data, m)),
    "contour": lambda m, data, _: contour(m, data),
}
DATA = np.concatenate([[66.0, 33.0, 9.0, 3.0, 2.0], typical().config.auxdata])
SOME_PARS = np.array([0.3, 0.8, 1.02, 0.99, 1.1, 0.95, 1.0])
FEW = np.concatenate([[58.0, 27.0, 6.0, 1.0, 0.2], typical().config.auxdata])
NOMINAL = np.asarray(infer.nominal_asimov(from_pyhf(typical()), 0.0))
# A gradient takes seconds to compile: one goes through every modifier, one to the data and mu.
EVERY_MODIFIER, DATA_AND_MU = "mu-hat", "CLs observed and expected"
CASES = [
    *((name, NOMINAL if name == "contour" else DATA) for name in MERITS if name != EVERY_MODIFIER),
    (EVERY_MODIFIER, pseudo_data(everything(), seed=2, mu=2.0)),
    *(
        (name, FEW)
        for name in ("CLs observed and expected", "limits observed and expected", "interval")
    ),
]


def cls_values(model, data, mu):
    observed, expected = infer.hypotest(mu, data, model, return_expected_set=True)
    return stacked(observed, *expected)


def stacked(*values):
    return namespace(*values).stack(values)


def contour(model, data):
    """Around a best fit at mu = 0 exactly, with some points at the bound below."""
    config, mu = model.config, model.config.poi_index
    start, bounds = config.suggested_init(), config.suggested_bounds()
    start[mu], bounds[mu] = 0.0, (-0.3, 10.0)
    return regions.contour(["mu", "shape"], data, model, 0.68, 3, start, bounds)


def test_the_bound_is_active():
    assert infer.fit(FEW, typical())[1] == 0.0


@cache
def program(name):
    """A merit of a model, data and mu, and its gradient: compiled once for all tests."""

    @jax.jit
    def both(model, data, mu):
        merit, of = MERITS[name], (0, 1, 2) if name == DATA_AND_MU else (0,)
        return jax.jacrev(lambda *x: (merit(*x),) * 2, of, has_aux=True)(model, data, mu)

    return lambda model, data, mu=0.8: both(model, jnp.asarray(data), jnp.asarray(mu))


@pytest.mark.parametrize(
    ("name", "data"),
    CASES,
    ids=lambda x: x if isinstance(x, str) else "at the bound" if x is FEW else "",
)
def test_gradient_equals_finite_differences(name, data):
    """Along a random direction of yields, templates and uncertainties, and of the data and mu.

    What NumPy computes at once is what was compiled.
    """
    model = from_pyhf(everything() if name == EVERY_MODIFIER else typical())
    rng = np.random.default_rng(7)
    here = (model, jnp.asarray(data), jnp.asarray(0.8))
    direction = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(0, 0.01, leaf.shape)), here)
    # empty cells stay empty, and auxiliary settings are not numbers of the templates
    direction = jax.tree.map(lambda d, leaf: jnp.where(leaf == 0, 0.0, d), direction, here)
    settings = {name: 0 * getattr(model, name) for name in ("normal_auxdata", "normal_sigma")}
    rest = direction[1:] if name == DATA_AND_MU else jax.tree.map(jnp.zeros_like, here[1:])
    direction = (direction[0].replace(**settings), *rest)

    def along(x):
        return program(name)(*jax.tree.map(lambda leaf, d: leaf + x * d, here, direction))[1]

    gradient, value = program(name)(*here)
    at_once = MERITS[name](model, np.asarray(data), 0.8)
    assert not isinstance(at_once, jax.Array)
    np.testing.assert_allclose(at_once, value, rtol=1e-9, atol=1e-12)
    slope = sum(
        np.tensordot(g, d, axes=np.ndim(d))
        for g, d in zip(
            jax.tree.leaves(gradient), jax.tree.leaves(direction[: len(gradient)]), strict=True
        )
    )
    h = 1e-3
    numeric = (8 * (along(h) - along(-h)) - (along(2 * h) - along(-2 * h))) / (12 * h)
    np.testing.assert_allclose(slope, numeric, rtol=1e-5)


def test_gradient_in_each_bin_of_the_data():
    """Of full bins and of an empty one, where only the derivative from above exists."""
    model, data = from_pyhf(typical()), jnp.asarray(DATA).at[4].set(0.0)
    both = program(DATA_AND_MU)

    def log_observed(data):
        return np.log(both(model, data)[1][0])

    (_, slope, _), cls = both(model, data)
    h = 1e-5
    for k in (1, 3, 4, 6):
        up, twice = log_observed(data.at[k].add(h)), log_observed(data.at[k].add(2 * h))
        forward = (4 * up - twice - 3 * log_observed(data)) / (2 * h)
        assert float(slope[0, k] / cls[0]) == pytest.approx(float(forward), rel=1e-3)


@pytest.mark.parametrize("data", [DATA, FEW], ids=["", "at the bound"])
def test_gradient_in_mu_at_zero_is_the_limit_from_above(data):
    """There q_A is zero to rounding, and the best fit may be at its bound."""
    model, both, h = from_pyhf(typical()), program(DATA_AND_MU), 1e-4
    (*_, slope), at_zero = both(model, data, 0.0)
    cls = [at_zero[0], *(both(model, data, mu)[1][0] for mu in (h, 2 * h))]
    assert float(cls[0]) == 1.0
    forward = (4 * cls[1] - cls[2] - 3 * cls[0]) / (2 * h)
    assert float(slope[0]) == pytest.approx(float(forward), rel=1e-4)


def second(first):
    """Of a function of a number: its derivative, and that derivative's by JAX and numerically."""
    both, h = jax.jit(lambda x: jax.jvp(first, (x,), (1.0,))), 1e-3
    return both(0.0)[1], (both(h)[0] - both(-h)[0]) / (2 * h)


def forwards(function):
    return lambda x: jax.jvp(function, (x,), (1.0,))[1]


@pytest.mark.parametrize(
    ("merit", "first"),
    [
        (lambda data, m: infer.fit(data, m)[m.config.poi_index], jax.grad),
        (lambda data, m: jnp.stack(regions.interval("mu", data, m)), forwards),
        # through the fitted Asimov parameters as well
        (lambda data, m: jnp.log(infer.hypotest(1.0, data, m)), forwards),
    ],
    ids=["mu-hat", "interval", "CLs"],
)
def test_second_derivatives(merit, first):
    """Derivatives nest: the second equals a difference of firsts. No fit is on a bound."""
    oracle = MODELS["simple"]
    model, data = from_pyhf(oracle), jnp.asarray(pseudo_data(oracle, seed=2, mu=1.0))

    def of_yield(x):
        return merit(data, model.replace(nominal=model.nominal.at[0, 0].add(x)))

    found, numeric = second(first(of_yield))
    assert (abs(numeric) > 1e-5).all()
    np.testing.assert_allclose(found, numeric, rtol=1e-5)


def with_signal(signal):
    """As `typical`, so that its programs serve."""
    background, up = [50.0, 20.0, 8.0, 1.5, 0.5], [52.0, 22.0, 9.0, 1.8, 0.6]
    down = [48.0, 18.0, 7.0, 1.3, 0.4]
    return from_pyhf(blobs_like(signal, background, up, down, [[0.01] * 5, [0.3] * 5]))


def test_log_cls_does_not_underflow():
    """A signal so strong that CLs is far below the smallest number."""
    model = with_signal([900.0, 2000.0, 800.0, 500.0, 300.0])
    (gradient, *_), value = program("log CLs in training")(model, DATA)
    assert value < -700
    assert np.isfinite(value)
    assert (np.asarray(gradient.nominal[1]) < 0).all()


def test_no_signal_gives_finite_gradients():
    (gradient, *_), value = program("log CLs in training")(with_signal([0.0] * 5), DATA)
    assert value == pytest.approx(0.0, abs=1e-12)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


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


def test_vmap_over_limits():
    model = from_pyhf(typical())
    data = jnp.stack([jnp.asarray(DATA), jnp.asarray(FEW)])
    batch = jax.vmap(lambda d: all_limits(d, model))(data)
    for i in range(2):
        np.testing.assert_allclose(batch[i], all_limits(np.asarray(data[i]), model), rtol=1e-9)


PROGRAMS = {
    "training objective and its gradient": jax.value_and_grad(log_cls),
    "hypothesis test and its gradient": jax.grad(
        lambda m: log_hypotest(1.0, jnp.asarray(DATA), m, checked_setup(m)).cls
    ),
    "limits": lambda m: all_limits(jnp.asarray(DATA), m),
    "toys": lambda m: fit_toys(
        m, jnp.stack([DATA] * 4), checked_setup(m), jnp.tile(checked_setup(m).start, (4, 1, 1)), 1.0
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_lowers_for_cpu_and_cuda(name):
    """No GPU is needed to lower; nothing runs on one here."""
    model = from_pyhf(typical())
    exported = jax.export.export(jax.jit(PROGRAMS[name]), platforms=["cpu", "cuda"])(model)
    assert set(exported.platforms) == {"cpu", "cuda"}
