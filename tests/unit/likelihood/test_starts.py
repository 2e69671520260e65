"""Starts of one fit that end early: none of several minima is lost."""

import jax
import numpy as np
import pyhf

from hone.likelihood.histfactory import from_pyhf
from hone.likelihood.infer.minima import Reason
from hone.likelihood.infer.minimum import descend
from hone.likelihood.infer.setup import FitSetup


def two_sided():
    """Of 15 shared parameters; a shift of either sign raises the first bin, to different heights.

    So two minima are where more events than expected are observed there.
    """
    modifiers = [
        {"name": f"n{k}", "type": "normsys", "data": {"hi": 1.05 + 0.01 * k, "lo": 0.93}}
        for k in range(13)
    ]
    shapes = {"hi_data": [150.0, 82, 47], "lo_data": [140.0, 77, 52]}
    modifiers.append({"name": "shape", "type": "histosys", "data": shapes})
    modifiers.append({"name": "stat", "type": "staterror", "data": [4.0, 4.0, 3.0]})
    samples = [
        {"name": "s", "data": [2.0, 5.0, 9.0], "modifiers": [
            {"name": "mu", "type": "normfactor", "data": None}]},
        {"name": "b", "data": [100.0, 80.0, 50.0], "modifiers": modifiers},
    ]  # fmt: skip
    spec = {"channels": [{"name": "c", "samples": samples}]}
    return jax.tree.map(np.asarray, from_pyhf(pyhf.Model(spec)))


def test_a_fit_from_all_starts_is_the_lowest_of_its_starts():
    model, rng = two_sided(), np.random.default_rng(0)
    likelihood, setup = model.prepare(), FitSetup.of(model)
    starts = setup.starts(likelihood)
    count, fits = len(starts), 40
    data = np.tile(likelihood.expected_data(setup.start), (fits, 1))
    data[:, :3] = rng.poisson(data[:, :3] * [1.35, 1, 1])
    data, begin = np.repeat(data, count, axis=0), np.tile(starts, (fits, 1))
    free = np.tile(setup.free, (len(data), 1))
    bounds = setup.lower, setup.upper
    together = descend(likelihood, data, begin, *bounds, free, starts=count)
    alone = descend(likelihood, data, begin, *bounds, free)
    each = alone.value.reshape(fits, count)
    lowest = each.min(axis=1)
    np.testing.assert_allclose(together.value.reshape(fits, count).min(axis=1), lowest, rtol=1e-10)
    several = (each > lowest[:, None] + 1e-3).any(axis=1)
    assert 10 < several.sum() < fits
    assert (together.reason == Reason.JOINED).sum() > fits
    assert together.evaluations.sum() < alone.evaluations.sum()
