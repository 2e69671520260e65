"""Parameters without their constraint term, against pyhf."""

import numpy as np
import pyhf
import pytest
from scipy.stats import norm

from hone.errors import InputError
from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf

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
