"""Starts of one fit that end early: none of several minima is lost."""

from types import SimpleNamespace

import jax
import numpy as np
import pyhf
import pytest

from hone.likelihood.histfactory import from_pyhf
from hone.likelihood.histfactory.arrow import Arrow
from hone.likelihood.infer.minima import Reason
from hone.likelihood.infer.minimum import descend
from hone.likelihood.infer.setup import FitSetup
from hone.likelihood.infer.turns import Leaders, _Minimum


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


@pytest.fixture
def parabola():
    """Two points of a parabola: a minimum, and one a third of a standard deviation away."""
    layout = two_sided().prepare().layout
    size = layout.npars
    hessian = Arrow.of(np.diag(np.arange(1.0, size + 1)), layout)
    way = np.zeros(size)
    way[:2] = 0.2
    x, gradient = np.array([0 * way, way]), np.array([0 * way, hessian.times(way)])
    value = np.array([7.0, 7.0 + 0.5 * way @ gradient[1]])
    return SimpleNamespace(x=x, value=value, gradient=gradient, hessian=hessian)


def test_a_minimum_explains_value_and_slope_of_its_own_valley_alone(parabola):
    x, value, gradient = parabola.x, parabola.value, parabola.gradient
    minimum = _Minimum(x[0], value[0], gradient[0], parabola.hessian, np.ones(x.shape[1]))
    rise = value[1] - value[0]
    assert minimum.explains(x[1], value[1], gradient[1])
    for factor in (-1.0, 0.8, 1.2):
        assert not minimum.explains(x[1], value[0] + factor * rise, gradient[1])
        assert not minimum.explains(x[1], value[1], factor * gradient[1])
    far = 2.0
    assert not minimum.explains(far * x[1], value[0] + far**2 * rise, far * gradient[1])


@pytest.mark.parametrize(("force", "there"), [(0.0, True), (0.1, True), (2.0, False)])
def test_a_start_with_a_force_across_the_way_goes_on(parabola, force, there):
    across = parabola.gradient + np.array([[0.0], [force]]) * (np.arange(parabola.x.shape[1]) == 5)
    both = jax.tree.map(lambda leaf: np.stack([leaf, leaf]), parabola.hessian)
    state = SimpleNamespace(
        x=parabola.x,
        at=SimpleNamespace(value=parabola.value, gradient=across, hessian=both),
        decrease=0.5 * (across**2 / np.arange(1, across.shape[1] + 1)).sum(axis=1),
        converged=np.array([True, False]),
    )
    leaders = Leaders(1, across.shape[1])
    found = leaders.arrived(state, np.ones_like(across), np.array([1]), np.zeros(2, dtype=int))
    assert found.tolist() == [False, there]


def test_a_fit_from_all_starts_is_the_lowest_of_its_starts(monkeypatch):
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
    monkeypatch.setattr(Leaders, "arrived", lambda _, state, *__: np.zeros(len(state.x), bool))
    next_to_another = descend(likelihood, data, begin, *bounds, free, starts=count)
    evaluations = [found.evaluations.sum() for found in (together, next_to_another, alone)]
    assert evaluations == sorted(set(evaluations))


def test_value_slopes_and_rates_of_a_fit_are_those_at_its_end():
    """Also where the last step was not evaluated; with the strength fixed its slope is not zero."""
    model, rng = two_sided(), np.random.default_rng(1)
    likelihood, setup = model.prepare(), FitSetup.of(model).fixing(model.config.poi_index, 2.0)
    start, fits = setup.starts(likelihood)[0], 20
    data = np.tile(likelihood.expected_data(start), (fits, 1))
    data[:, :3] = rng.poisson(data[:, :3])
    free, begin = (np.tile(x, (fits, 1)) for x in (setup.free, start))
    found = descend(likelihood, data, begin, setup.lower, setup.upper, free)
    there = likelihood.expansion(found.pars, data)
    for name in ("value", "gradient", "rates"):
        np.testing.assert_allclose(
            getattr(found, name), getattr(there, name), rtol=1e-12, atol=1e-12
        )
    assert (np.abs(there.gradient[:, model.config.poi_index]) > 1e-3).all()
    assert np.abs(there.gradient * setup.free).max() < 1e-10
    # so is the value where that step is larger, as in fits of toys
    found = descend(likelihood, data, begin, setup.lower, setup.upper, free, accuracy=1e-9)
    there = likelihood.expansion(found.pars, data)
    np.testing.assert_allclose(found.value, there.value, rtol=0, atol=1e-12)
