"""Models that no workspace of pyhf describes: free shapes, squares, correlated constraints."""

import jax
import jax.numpy as jnp
import numpy as np
import pyhf
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal, norm
from specs import everything

from hone.errors import InputError
from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf
from hone.likelihood.infer.intervals import regions
from hone.likelihood.infer.scan import around

SIGNAL, BACKGROUND, CHANGE = [5.0, 15.0, 9.0], [60.0, 40.0, 22.0], [3.0, 4.0, 5.0]
OBSERVED = [66.0, 59.0, 40.0]
STRENGTH = {"name": "mu", "type": "normfactor", "data": None}
RATE = {"name": "rate", "type": "normsys", "data": {"hi": 1.05, "lo": 0.95}}


def made(*background, extra=()):
    samples = [
        {"name": "s", "data": SIGNAL, "modifiers": [STRENGTH]},
        {"name": "b", "data": BACKGROUND, "modifiers": [*background]},
        *extra,
    ]
    parameters = [{"name": "shape", "inits": [0.0], "bounds": [[-5.0, 5.0]]}]
    return pyhf.Model(
        {"channels": [{"name": "c", "samples": samples}], "parameters": parameters}, poi_name="mu"
    )


@pytest.fixture(scope="module")
def oracle():
    """With a shape that is constrained, and a template that is linear in it."""
    up, down = (np.add(BACKGROUND, np.multiply(s, CHANGE)).tolist() for s in (1, -1))
    shape = {"name": "shape", "type": "histosys", "data": {"hi_data": up, "lo_data": down}}
    return made(shape, RATE)


@pytest.fixture(scope="module")
def linear():
    """The same expectation in pyhf: the change is a sample, scaled by a free factor."""
    factor = {"name": "shape", "type": "normfactor", "data": None}
    return made(RATE, extra=[{"name": "change", "data": CHANGE, "modifiers": [factor, RATE]}])


def test_the_constraint_term_is_left_out(oracle):
    free = from_pyhf(oracle).without_constraint("shape")
    assert free.config.auxdata_order == ["rate"]
    pars = np.array(oracle.config.suggested_init()) + 0.3
    data = np.array(OBSERVED + oracle.config.auxdata)
    term = norm.logpdf(0.0, loc=pars[oracle.config.par_slice("shape").start])
    wanted = float(np.asarray(oracle.logpdf(pars, data)).item()) - term
    here = np.array([*OBSERVED, *free.config.auxdata])
    assert float(free.logpdf(pars, here)) == pytest.approx(wanted, abs=1e-10)
    # pyhf is given no number for it.
    assert len(free.expected_data(pars)) == len(here) == len(data) - 1


def test_results_are_those_of_a_free_factor(oracle, linear):
    free, other = from_pyhf(oracle).without_constraint("shape"), from_pyhf(linear)
    data = np.array([*OBSERVED, 0.0])
    assert float(infer.sigma_mu(free)) == pytest.approx(float(infer.sigma_mu(other)), rel=1e-9)
    assert float(infer.sigma_mu(free)) > 1.05 * float(infer.sigma_mu(from_pyhf(oracle)))
    bounds = free.config.suggested_bounds()
    found = infer.fit(data, free, par_bounds=bounds)
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(tolerance=1e-4))
    try:
        best = pyhf.infer.mle.fit(data, linear)
        for name in ("mu", "shape", "rate"):
            here, there = (m.config.par_slice(name).start for m in (free, linear))
            assert found[here] == pytest.approx(best[there], abs=2e-4)
        observed, expected = infer.hypotest(2.0, data, free, return_expected_set=True)
        cls, band = pyhf.infer.hypotest(2.0, data, linear, return_expected_set=True)
        np.testing.assert_allclose([observed, *expected], [cls, *band], rtol=1e-4)
    finally:
        pyhf.set_backend("numpy")


def test_it_is_the_limit_of_a_wide_constraint(oracle):
    model = from_pyhf(oracle)
    place = model.config.auxdata_order.index("shape")
    wide = model.replace(normal_sigma=model.normal_sigma.at[place].set(1e5))
    free = model.without_constraint("shape")
    assert float(infer.sigma_mu(wide)) == pytest.approx(float(infer.sigma_mu(free)), rel=1e-6)
    nothing = model.without_constraint("shape", "rate")
    assert nothing.config.nauxdata == 0
    with pytest.raises(
        InputError, match="no parameter 'mu' with a constraint, allowed: shape, rate"
    ):
        model.without_constraint("mu")


SM, LINEAR, QUADRATIC = np.array([[20.0, 12.0, 6.0], [2.0, -1.0, -3.0], [0.5, 1.0, 2.5]])
WIDTH = 0.2


def effective(coefficients=("c",)):
    """SM + c linear + c^2 quadratic for each, and cross terms; a rate of SM has an uncertainty."""
    rate = {"name": "rate", "type": "normsys", "data": {"hi": 1 + WIDTH, "lo": 1 / (1 + WIDTH)}}
    terms = [("sm", SM, [])]
    for c in coefficients:
        terms += [(f"{c} linear", LINEAR, [c]), (f"{c} quadratic", QUADRATIC, [f"{c}_squared"])]
    if len(coefficients) > 1:
        terms += [("cross", 0.3 * QUADRATIC, coefficients)]
    samples = [
        {
            "name": name,
            "data": list(values),
            "modifiers": [{"name": f, "type": "normfactor", "data": None} for f in factors]
            + [rate] * (name == "sm"),
        }
        for name, values, factors in terms
    ]
    spec = {
        "channels": [{"name": "SR", "samples": samples}],
        "parameters": [{"name": c, "bounds": [[-5.0, 5.0]]} for c in coefficients],
    }
    oracle = pyhf.Model(spec, poi_name=coefficients[0])
    model = from_pyhf(oracle)
    for c in coefficients:
        model = model.with_product(f"{c}_squared", [c, c])
    return oracle, model


def test_squares_and_cross_terms_are_pyhfs_with_parameters_set_by_hand():
    oracle, model = effective(("c", "d"))
    assert set(model.config.par_order) == {"c", "d", "rate"}
    assert model.config.poi_name == "c"
    values = {"c": 0.7, "d": -0.4, "rate": 0.3, "c_squared": 0.49, "d_squared": 0.16}
    pars, theirs = ([values[name] for name in m.config.par_order] for m in (model, oracle))
    data = [25.0, 10.0, 4.0, 0.1]
    np.testing.assert_allclose(model.expected_data(pars), oracle.expected_data(theirs), rtol=1e-12)
    assert float(model.logpdf(pars, data)) == pytest.approx(
        float(oracle.logpdf(theirs, data)[0]), abs=1e-10
    )
    # The closed form of derivatives, where a coefficient is zero too.

    def nll(x):
        return model.prepare().nll(x, jnp.asarray(data), 0.0)

    by_jax = jax.jit(lambda x: (jax.grad(nll)(x), jax.hessian(nll)(x)))
    for point in (pars, model.config.suggested_init(), [0.0] * 3):
        found, (gradient, hessian) = around(model, data, [point]), by_jax(jnp.array(point))
        np.testing.assert_allclose(found.gradient[0], gradient, atol=1e-10)
        np.testing.assert_allclose(found.hessian[0], hessian, atol=1e-9)


def by_hand(pars, counts):
    """-2 ln L of the model with one coefficient, without pyhf; minus that of the data itself."""
    c, rate = pars
    rates = SM * (1 + WIDTH) ** rate + c * LINEAR + c**2 * QUADRATIC
    return 2 * (rates - counts + counts * np.log(counts / rates)).sum() + rate**2


@pytest.mark.parametrize("counts", [[19.0, 15.0, 14.0], [22.0, 18.0, 13.0]])
def test_the_lower_of_two_minima_is_found(counts):
    """The data do not tell the sign of the coefficient from one start."""
    counts, (_, model) = np.array(counts), effective()
    options = {"method": "Nelder-Mead", "options": {"xatol": 1e-9, "fatol": 1e-12}}
    minima = [minimize(by_hand, [c, 0.0], args=(counts,), **options) for c in (-2.0, 3.0)]
    assert abs(minima[0].x[0] - minima[1].x[0]) > 1
    best = min(minima, key=lambda found: found.fun)
    data = [*counts, 0.0]
    for start in (-1.0, 0.0, 2.0):
        init = [start if name == "c" else 0.0 for name in model.config.par_names]
        found = dict(zip(model.config.par_names, infer.fit(data, model, init), strict=True))
        np.testing.assert_allclose([found["c"], found["rate"]], best.x, atol=1e-6)
    low, high = regions.interval("c", data, model)
    for end in (low, high):
        least = minimize(lambda r, c=end: by_hand([c, r[0]], counts), [0.0], **options).fun
        assert least - best.fun == pytest.approx(1.0, abs=1e-6)


def assert_slope(function, x, h=1e-4):
    """The derivative of a function of a number, against finite differences."""
    both = jax.jit(lambda x: jax.jvp(function, (x,), (1.0,)))
    steps = np.array([both(x + k * h)[0] for k in (-2, -1, 1, 2)])
    numeric = np.tensordot([1, -8, 8, -1], steps, 1) / (12 * h)
    np.testing.assert_allclose(both(x)[1], numeric, rtol=1e-6, atol=1e-9)


def test_an_interval_with_squares_is_differentiable():
    _, model = effective()
    data = jnp.array([22.0, 18.0, 13.0, 0.0])

    def ends(x):
        moved = model.replace(nominal=model.nominal * (1 + x * jnp.arange(3)))
        return jnp.stack(regions.interval("c", data, moved))

    assert_slope(ends, 0.01)


NAMES, CORRELATION = ("shape", "norm", "lumi"), [[1, 0.5, 0], [0.5, 1, -0.3], [0, -0.3, 1]]


def test_correlated_constraints_are_a_normal_distribution():
    """Of every modifier, against pyhf's constraints without correlations."""
    oracle = everything()
    pars = np.array(oracle.config.suggested_init())
    pars += np.random.default_rng(1).normal(0, 0.02, len(pars))
    data = np.array(oracle.expected_data(pars + 0.01))
    model, theirs = from_pyhf(oracle), oracle.logpdf(pars, data)[0]
    same = model.with_correlation(NAMES, np.eye(3))
    assert float(same.logpdf(pars, data)) == pytest.approx(theirs, abs=1e-10)
    par = [oracle.config.par_slice(name).start for name in NAMES]
    aux = model.layout.total_bins + model.layout.aux_of_par[par]
    width = np.array([1.0, 1.0, 0.02])
    matrix = CORRELATION * np.outer(width, width)
    wanted = theirs - norm.logpdf(data[aux], pars[par], width).sum()
    wanted += multivariate_normal.logpdf(data[aux], pars[par], matrix)
    correlated = model.with_correlation(NAMES, CORRELATION)
    assert float(correlated.logpdf(pars, data)) == pytest.approx(wanted, abs=1e-10)
    pdf = correlated.make_pdf(pars)
    whole = np.round(data)
    whole[aux] = data[aux]
    toys = pdf.sample((20_000,), rng=1)
    np.testing.assert_allclose(np.corrcoef(toys[:, aux].T), CORRELATION, atol=0.03)
    assert pdf.log_prob(toys[0]) == pytest.approx(float(correlated.logpdf(pars, toys[0])))
    # Marginal: what is left of a normal distribution without one of its directions.
    left = correlated.without_constraint("norm").correlation
    np.testing.assert_array_equal(left, np.eye(2))


def two_rates(correlation=None):
    """A count with two backgrounds, whose rates have uncertainties."""
    rates = [
        {"name": n, "data": [50.0], "modifiers": [{"name": n, "type": "normsys", "data": data}]}
        for n, data in (("a", {"hi": 1.1, "lo": 1 / 1.1}), ("b", {"hi": 1.2, "lo": 1 / 1.2}))
    ]
    signal = {"name": "s", "data": [20.0], "modifiers": [STRENGTH]}
    spec = {"channels": [{"name": "c", "samples": [signal, *rates]}]}
    model = from_pyhf(pyhf.Model(spec, poi_name="mu"))
    if correlation is None:
        return model
    one = jnp.ones(2)
    return model.with_correlation(["a", "b"], jnp.diag(one - correlation) + correlation)


def test_correlations_propagate_as_errors_do():
    """And the uncertainty of mu, its components and a limit are differentiable in them."""
    data = jnp.array([120.0, 0.0, 0.0])
    best = infer.best_fit(data, two_rates(0.6))
    parts = infer.breakdown(best, two_rates(0.6), {"rates": ["a", "b"]})
    slopes = 50 * np.log([1.1, 1.2]) / 20
    covariance = np.array([[1, 0.6], [0.6, 1]])
    assert float(parts.components["rates"]) == pytest.approx((slopes @ covariance @ slopes) ** 0.5)
    assert float(parts.data) == pytest.approx(120**0.5 / 20)
    with pytest.raises(InputError, match="put 'a', 'b' in one group"):
        infer.breakdown(best, two_rates(0.6))

    def results(x):
        return jnp.stack([infer.sigma_mu(two_rates(x)), infer.asimov_limit(two_rates(x))])

    assert_slope(results, 0.6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.with_product("rate", ["c"]), "no parameter 'rate' that is a normfactor"),
        (lambda m: m.with_product("c", ["c", "c"]), "it is the parameter of interest"),
        (lambda m: m.with_poi(None).with_product("c", ["c"]), r"not of \['c'\]"),
        (lambda m: m.with_correlation(["c"], [[1.0]]), "'c' with one value and a normal"),
        (lambda m: m.with_correlation(["rate"], [[2.0]]), "with 1 on its diagonal"),
        (lambda m: m.with_correlation(["rate"], np.eye(2)), r"shape \(2, 2\), not \(1, 1\)"),
    ],
)
def test_what_is_no_such_model(change, message):
    with pytest.raises(InputError, match=message):
        change(effective()[1])
