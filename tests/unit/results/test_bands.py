"""Bands of yields: the envelope of one-sided and two-sided shifts."""

import numpy as np
import pytest
from cabinetry import model_utils
from specs import blobs_like, everything

from hone.likelihood.histfactory import from_pyhf
from hone.results.bands import envelope, one_sigma, yield_covariance


@pytest.mark.parametrize(
    ("up", "down", "wanted"),
    [
        (3.0, -3.0, 3.0), (-3.0, 3.0, -3.0), (3.0, -5.0, 5.0), (-5.0, 3.0, -5.0),
        (-44.0, -45.0, -45.0), (45.0, 44.0, 45.0), (0.0, 5.0, -5.0), (5.0, 0.0, 5.0),
        (4.0, 4.0, 4.0), (0.0, 0.0, 0.0),
    ],
)  # fmt: skip
def test_the_larger_shift_has_the_sign_of_the_parameter(up, down, wanted):
    assert envelope(np.array(up), np.array(down)) == wanted


def test_no_variance_is_smaller_than_a_change():
    rng = np.random.default_rng(1)
    up, down = rng.normal(size=(2, 6, 30))
    # every kind: two-sided, one-sided, symmetric
    down[:2] = -up[:2]
    down[2:4] = up[2:4] * rng.uniform(0.5, 1.5, (2, 30))
    found = yield_covariance(up, down)
    largest = np.maximum(abs(up), abs(down)).max(axis=0)
    assert (np.sqrt(np.diag(found)) >= largest).all()
    assert np.linalg.eigvalsh(found).min() > -1e-12
    np.testing.assert_allclose(yield_covariance(up, down, np.eye(6)), found)


def test_changes_are_pyhfs_and_symmetric_bands_cabinetrys():
    """With correlations: half of up - down, squared and summed, where the sides are mirrored."""
    oracle = everything()
    rng = np.random.default_rng(2)
    pars = np.array(oracle.config.suggested_init())
    errors = rng.uniform(0, 0.1, pars.size)
    rates, up, down = one_sigma(from_pyhf(oracle), pars, errors)
    np.testing.assert_allclose(rates, oracle.expected_data(pars, include_auxdata=False))
    for k, error in enumerate(errors):
        moved = pars + error * (np.arange(pars.size) == k)
        expected = oracle.expected_data(moved, include_auxdata=False) - rates
        np.testing.assert_allclose(up[k], expected, atol=1e-9)

    background = np.array([60.0, 30.0, 8.0])
    shift = np.array([-4.0, 1.0, 2.0])
    errors = [[0.1, 0.2, 0.3], [1.0, 0.5, 0.3]]
    oracle = blobs_like(
        [1.0, 2.0, 3.0], background.tolist(), (background + shift).tolist(),
        (background - shift).tolist(), errors,
    )  # fmt: skip
    pars = np.array(oracle.config.suggested_init())
    errors = rng.uniform(0, 0.9, pars.size)
    matrix = np.corrcoef(rng.normal(size=(pars.size, 20)))
    _, up, down = one_sigma(from_pyhf(oracle), pars, errors)
    found = np.sqrt(np.diag(yield_covariance(up, down, matrix)))
    bands, of_all = model_utils.yield_stdev(oracle, pars, errors, matrix)
    np.testing.assert_allclose(found, bands[0][-1], rtol=1e-9)
    sums = [x.sum(axis=1, keepdims=True) for x in (up, down)]
    total = yield_covariance(*sums, matrix)[0, 0]
    assert np.sqrt(total) == pytest.approx(of_all[0][-1], rel=1e-9)
