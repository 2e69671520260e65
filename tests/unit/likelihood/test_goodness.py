"""The saturated goodness of fit: exact probabilities, and pyhf's fits of the same toys."""

import numpy as np
import pyhf
import pytest
from scipy.stats import chi2, poisson
from specs import everything, pseudo_data, typical

from hone.errors import InputError
from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf
from hone.likelihood.infer.toys import sample_toys


def counting(rate):
    """One bin of a known rate; the POI is fixed."""
    poi = [{"name": "mu", "type": "normfactor", "data": None}]
    spec = {
        "channels": [{"name": "SR", "samples": [{"name": "s", "data": [rate], "modifiers": poi}]}],
        "parameters": [{"name": "mu", "fixed": True}],
    }
    return from_pyhf(pyhf.Model(spec, poi_name="mu"))


def deviance(n, rate):
    return 2 * (rate - n + n * np.log(np.where(n > 0, n, 1) / rate))


@pytest.mark.parametrize("observed", [0, 4, 6])
def test_toys_give_the_exact_probability_of_few_events(observed):
    """Where the chi-squared distribution does not."""
    rate, counts = 2.5, np.arange(60)
    model = counting(rate)
    found = infer.goodness_of_fit(infer.best_fit([float(observed)], model), model, 20_000, rng=1)
    assert found.deviance == pytest.approx(deviance(observed, rate))
    assert found.degrees_of_freedom == 1
    assert found.p_value == pytest.approx(chi2.sf(found.deviance, 1))
    as_large = deviance(counts, rate) >= deviance(observed, rate) - 1e-9
    exact = poisson.pmf(counts, rate)[as_large].sum()
    assert abs(found.p_value_toys - exact) < 3 * found.p_value_toys_error
    assert found.p_value_toys_error == pytest.approx(np.sqrt(exact * (1 - exact) / 20_000), rel=0.1)
    assert abs(found.p_value - exact) > 5 * found.p_value_toys_error


def test_deviances_of_toys_are_those_of_pyhfs_fits():
    oracle = everything(channels=(2, 2))
    model, data = from_pyhf(oracle), pseudo_data(oracle, 3, 1.0)
    best = infer.best_fit(data, model)
    found = infer.goodness_of_fit(best, model, 6, rng=7)
    toys = sample_toys(model, best.pars, 6, np.random.default_rng(7))
    for toy, ours in zip(toys, found.toys, strict=True):
        _, theirs = pyhf.infer.mle.fit(toy, oracle, best.pars.tolist(), return_fitted_val=True)
        # each bin at its count, each constraint at its measurement
        bins, layout = model.layout.total_bins, model.layout
        saturated = poisson.logpmf(toy[:bins], toy[:bins]).sum()
        aux = toy[bins:]
        saturated += pyhf.tensorlib.poisson_logpdf(aux, aux)[layout.aux_poisson].sum()
        saturated -= np.log(model.make_pdf(best.pars).sigma * np.sqrt(2 * np.pi)).sum()
        assert ours <= float(theirs) + 2 * saturated + 1e-6
        assert ours == pytest.approx(float(theirs) + 2 * saturated, abs=2e-3)


def test_a_perfect_fit_has_a_p_value_of_one_and_a_seed_repeats_the_toys():
    oracle = typical()
    model = from_pyhf(oracle)
    expected = np.asarray(model.expected_data(model.config.suggested_init()))
    perfect = infer.goodness_of_fit(infer.best_fit(expected, model), model, 100, rng=1)
    assert perfect.deviance == pytest.approx(0, abs=1e-9)
    assert perfect.p_value == pytest.approx(1)
    assert (perfect.p_value_toys, np.isnan(perfect.p_value_toys_error)) == (1, True)
    data = pseudo_data(oracle, 2, 1.0)
    best = infer.best_fit(data, model)
    first, second = (infer.goodness_of_fit(best, model, 400, rng=3) for _ in range(2))
    np.testing.assert_array_equal(first.toys, second.toys)
    assert first.toys.mean() == pytest.approx(first.degrees_of_freedom, rel=0.2)
    assert not len(infer.goodness_of_fit(best, model).toys)
    with pytest.raises(InputError, match="ntoys is -1"):
        infer.goodness_of_fit(best, model, -1)
