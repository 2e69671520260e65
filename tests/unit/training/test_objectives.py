"""Objectives are what they are called: against pyhf, published formulae and finite differences."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pyhf
import pytest
from specs import blobs_like, typical

from hone.errors import InputError
from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf
from hone.training.objectives import (
    OF_MODEL,
    asimov_significance,
    binary_cross_entropy,
    cross_entropy,
    log_generalised_variance,
    log_p0,
    log_sigma_mu,
    resolve_objective,
)


@pytest.fixture(scope="module")
def oracle():
    return pyhf.simplemodels.correlated_background(
        signal=[12.0, 11.0, 3.0],
        bkg=[50.0, 52.0, 20.0],
        bkg_up=[60.0, 52.0, 19.0],
        bkg_down=[41.0, 51.0, 21.5],
    )


@cache
def program(name):
    """An objective of a model and its gradient in the yields: compiled once for all tests."""

    @jax.jit
    def both(model, yields):
        return jax.value_and_grad(lambda x: OF_MODEL[name](model.replace(nominal=x)))(yields)

    return lambda model, yields=None: both(model, model.nominal if yields is None else yields)


def value_of(name, model):
    return float(program(name)(model)[0])


def nominal(oracle, poi):
    pars = np.array(oracle.config.suggested_init())
    pars[oracle.config.poi_index] = poi
    return oracle.expected_data(pars)


def test_values_are_pyhfs(oracle):
    model, background = from_pyhf(oracle), nominal(oracle, 0.0)
    expected = pyhf.infer.hypotest(1.0, background, oracle, return_expected=True)[1]
    assert np.exp(value_of("cls", model)) == pytest.approx(float(expected), rel=1e-5)
    limit = np.exp(value_of("limit", model))
    at_limit = pyhf.infer.hypotest(limit, background, oracle, return_expected=True)[1]
    assert float(at_limit) == pytest.approx(0.05, rel=1e-5)
    discovery = pyhf.infer.hypotest(0.0, nominal(oracle, 1.0), oracle, test_stat="q0")
    assert np.exp(value_of("p0", model)) == pytest.approx(float(discovery), rel=1e-5)


@pytest.mark.parametrize("name", [name for name in OF_MODEL if "z_a" in name])
@pytest.mark.parametrize("sample", [0, 1])
def test_a_significance_of_histograms_that_are_nan_is_nan(oracle, name, sample):
    """And of those with a negative rate; no bin without background: such a step is skipped."""
    model = from_pyhf(oracle)
    for value in (jnp.nan, -1e3):
        bad = model.replace(nominal=model.nominal.at[sample, 1].set(value))
        assert np.isnan(value_of(name, bad))


@pytest.mark.parametrize("level", [0.32, 0.05, 0.001])
def test_the_limit_is_the_root_that_the_search_finds(level):
    model = from_pyhf(typical())
    searched = infer.upper_limit(infer.nominal_asimov(model, 0.0), model, level=level)[1][2]
    assert float(infer.asimov_limit(model, level)) == pytest.approx(float(searched), rel=1e-7)


def test_the_limit_of_training_may_lie_beyond_the_bounds(oracle):
    model = from_pyhf(oracle)
    faint = model.nominal.at[model.config.samples.index("signal")].mul(1e-3)
    model = model.replace(nominal=faint)
    log_value, gradient = program("limit")(model)
    limit, bounds = np.exp(log_value), model.config.suggested_bounds()
    assert limit > bounds[model.config.poi_index][1]
    assert np.isfinite(gradient).all()
    bounds[model.config.poi_index] = (0, 1e5)
    data = infer.nominal_asimov(model, 0.0)
    _, bands = infer.hypotest(
        float(limit), data, model, par_bounds=bounds, return_expected_set=True
    )
    assert float(bands[2]) == pytest.approx(0.05, rel=1e-3)


def test_generalised_variance_and_sigma_mu_are_of_the_same_covariance(oracle):
    model = from_pyhf(oracle)
    data = jnp.asarray(nominal(oracle, 1.0))
    pars = jnp.asarray(oracle.config.suggested_init())
    hessian = jax.jit(jax.hessian(lambda p: -model.logpdf(p, data)))(pars)
    covariance = np.linalg.inv(hessian)
    assert float(log_generalised_variance(model)) == pytest.approx(
        np.log(np.linalg.det(covariance)), rel=1e-9
    )
    poi = oracle.config.poi_index
    assert float(log_sigma_mu(model)) == pytest.approx(0.5 * np.log(covariance[poi, poi]), rel=1e-9)


def counting(s, b, sigma):
    spec = {
        "channels": [
            {
                "name": "c",
                "samples": [
                    {
                        "name": "s", "data": s,
                        "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
                    },
                    {
                        "name": "b", "data": b,
                        "modifiers": [{"name": "u", "type": "shapesys", "data": sigma}],
                    },
                ],
            }
        ]
    }  # fmt: skip
    return from_pyhf(pyhf.Model(spec, poi_name="mu"))


def test_asimov_significance_is_cowans():
    """G. Cowan's notes, "Discovery sensitivity ..." (2012): eq. 5 and 20, bins in quadrature."""
    s, b, sigma = np.array([5.0, 20.0]), np.array([10.0, 100.0]), np.array([3.0, 20.0])
    model = counting(s.tolist(), b.tolist(), sigma.tolist())
    plain = np.sqrt((2 * ((s + b) * np.log(1 + s / b) - s)).sum())
    assert float(asimov_significance(model)) == pytest.approx(plain, rel=1e-12)
    v, n = sigma**2, s + b
    uncertain = n * np.log(n * (b + v) / (b**2 + n * v)) - b**2 / v * np.log(
        1 + v * s / (b * (b + v))
    )
    assert float(asimov_significance(model, background_uncertainty=True)) == pytest.approx(
        np.sqrt(2 * uncertain.sum()), rel=1e-12
    )


def test_one_bin_with_uncertainty_is_the_profile_likelihood():
    """In one bin eq. 20 is the exact q0 of the on/off problem, which the fit finds as well."""
    model = counting([8.0], [20.0], [4.0])
    q0 = float(infer.asimov_qmu(model, 1.0, "q0"))
    assert float(asimov_significance(model, True)) == pytest.approx(np.sqrt(q0), rel=1e-9)


def test_a_bin_without_background_says_nothing():
    with_empty = counting([5.0, 3.0], [10.0, 0.0], [3.0, 0.0])
    assert float(asimov_significance(with_empty)) == pytest.approx(
        float(asimov_significance(counting([5.0], [10.0], [3.0]))), rel=1e-12
    )


@pytest.mark.parametrize("uncertain", [False, True])
def test_an_interference_may_empty_a_bin(uncertain):
    """Z_A^2 is 2 b, or what the uncertainty leaves of it: s = -b in eq. 97 and 20."""
    emptied = float(asimov_significance(counting([-10.0], [10.0], [3.0]), uncertain))
    squared = 2 * 100 / 9 * np.log1p(9 / 10) if uncertain else 2 * 10
    assert emptied == pytest.approx(np.sqrt(squared), rel=1e-9)


@pytest.mark.parametrize("uncertain", [False, True])
def test_an_empty_bin_may_be_negative_by_rounding(uncertain):
    """Of the tails of a smooth histogram, in which events of both signs cancel."""
    alone = asimov_significance(counting([5.0], [10.0], [3.0]), uncertain)
    for rate, wanted in ((-1e-17, alone), (1e-17, alone), (-1e-9, np.nan)):
        found = asimov_significance(counting([5.0, 2.0], [10.0, rate], [3.0, 0.0]), uncertain)
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("name", OF_MODEL)
def test_gradients_are_exact(oracle, name):
    model, h = from_pyhf(oracle), 1e-4
    gradient = program(name)(model)[1]
    for seed in range(3):
        way = np.random.default_rng(seed).normal(size=model.nominal.shape)
        up, down = (program(name)(model, model.nominal + x * way)[0] for x in (h, -h))
        numeric = (up - down) / (2 * h)
        assert float((gradient * way).sum()) == pytest.approx(float(numeric), rel=1e-6)


@pytest.mark.parametrize("events", [0.0, 3e-6])
def test_gradients_are_exact_where_the_rate_of_a_bin_is_pulled_to_zero(events):
    background = [60.0, 20.0, events], [66.0, 24.0, 2.0], [54.0, 16.0, 0.05]
    model, h = from_pyhf(blobs_like([1.0, 4.0, 0.1], *background)), 1e-5
    place = model.config.samples.index("signal"), 2
    gradient = program("cls")(model)[1][place]
    up, down = (program("cls")(model, model.nominal.at[place].add(x))[0] for x in (h, -h))
    assert float(gradient) == pytest.approx(float((up - down) / (2 * h)), rel=1e-6)


@pytest.mark.parametrize("name", OF_MODEL)
def test_more_signal_is_better(oracle, name):
    """Each is smaller for a better observable."""
    model = from_pyhf(oracle)
    doubled = model.nominal.at[model.config.samples.index("signal")].mul(2.0)
    assert value_of(name, model.replace(nominal=doubled)) < value_of(name, model)


def test_cross_entropy_weights_classes_alike():
    rng = np.random.default_rng(0)
    up, down = jnp.asarray(rng.normal(1, 1, 30)), jnp.asarray(rng.normal(-1, 1, 50))
    one = binary_cross_entropy((up, jnp.full(30, 7.0)), (down, jnp.full(50, 0.1)))
    expected = -0.5 * (
        np.log(1 / (1 + np.exp(-up))).mean() + np.log(1 - 1 / (1 + np.exp(-down))).mean()
    )
    assert float(one) == pytest.approx(expected, rel=1e-6)
    # two classes, whose outputs differ by the log-odds
    signal, background = (jnp.stack([x + 0.3, jnp.full(len(x), 0.3)], axis=1) for x in (up, down))
    both = cross_entropy([(signal, jnp.full(30, 7.0)), (background, jnp.full(50, 0.1))])
    assert float(both) == pytest.approx(float(one), rel=1e-12)


def test_events_of_weight_zero_do_not_count():
    logits, weights = jnp.array([1.0, -5.0]), jnp.array([1.0, 0.0])
    both = binary_cross_entropy((logits, weights), (logits, weights))
    first = binary_cross_entropy((logits[:1], weights[:1]), (logits[:1], weights[:1]))
    assert float(both) == pytest.approx(float(first), rel=1e-12)


@pytest.fixture
def own(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import jax.numpy as jnp\n"
        "from hone.likelihood.infer import sigma_mu\n"
        "def loss(model):\n    return jnp.log(sigma_mu(model))\n"
        "def vector(model):\n    return model.nominal[0]\n"
        "def text(model):\n    return 'small'\n"
        "def broken(model):\n    return model.nominals.sum()\n"
    )
    return tmp_path


def test_ones_own_objective(own, oracle):
    model = from_pyhf(oracle)
    found = resolve_objective("mine:loss", 0.05, own)
    assert float(jax.jit(found)(model)) == pytest.approx(float(log_sigma_mu(model)), rel=1e-12)


def test_ones_own_objective_may_import_what_lies_beside_it(tmp_path, oracle):
    """Modules and packages, when it is read and when it is called."""
    (tmp_path / "own_helper.py").write_text("from own_package import of_model\n")
    (tmp_path / "own_package").mkdir()
    (tmp_path / "own_package" / "__init__.py").write_text("from .inner import of_model\n")
    (tmp_path / "own_package" / "inner.py").write_text(
        "from hone.training.objectives import OF_MODEL\n\n\ndef of_model(model):\n"
        "    return OF_MODEL['z_a'](model)\n"
    )
    (tmp_path / "own_later.py").write_text("two = 2.0\n")
    (tmp_path / "mine.py").write_text(
        "import own_helper\n\n\ndef loss(model):\n    from own_later import two\n"
        "    return two * own_helper.of_model(model)\n"
    )
    model = from_pyhf(oracle)
    found = resolve_objective("mine:loss", 0.05, tmp_path)(model)
    assert found == pytest.approx(2 * OF_MODEL["z_a"](model))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mine:vector", r"objective: 'mine:vector' must return one real number .* shape \(3,\)"),
        ("mine:text", r"objective: 'mine:text' must return one real number .* not 'small'"),
        ("mine:broken", r"objective: 'mine:broken' raised AttributeError: .*nominals"),
        ("mine:missing", r"has no function 'missing'; functions there are loss, vector, text"),
        ("nothing:loss", r"needs the file .*nothing.py, beside the config, which is not there"),
    ],
)
def test_a_bad_objective_names_the_setting(own, oracle, name, message):
    with pytest.raises(InputError, match=message):
        resolve_objective(name, 0.05, own)(from_pyhf(oracle))


def test_a_file_that_is_not_python_or_fails(tmp_path):
    (tmp_path / "mine.py").write_text("def loss(:\n")
    with pytest.raises(InputError, match=r"mine.py is not Python"):
        resolve_objective("mine:loss", 0.05, tmp_path)
    (tmp_path / "mine.py").write_text("import nothing_like_it\ndef loss(model): ...\n")
    with pytest.raises(InputError, match=r"cannot be imported \(ModuleNotFoundError"):
        resolve_objective("mine:loss", 0.05, tmp_path)


def test_p0_is_not_fooled_by_a_second_minimum():
    """Both variations lift the bins of the signal: a fit from the nominal point stays there."""
    model = from_pyhf(
        blobs_like(
            [0.087, 4.572, 5.190, 5.010, 5.142],
            [0.429, 96.945, 2.269, 0.320, 0.037],
            [4.163, 89.738, 4.765, 1.093, 0.240],
            [58.919, 35.469, 4.019, 1.278, 0.315],
        )
    )
    assert float(jnp.exp(log_p0(model))) == pytest.approx(float(infer.expected_p0(model)), rel=1e-6)
