"""One step of a fit: the lowest point of a quadratic expansion within bounds."""

import jax
import numpy as np
import pyhf
import pytest

from hone.likelihood.histfactory import from_pyhf
from hone.likelihood.histfactory.arrow import Arrow
from hone.likelihood.histfactory.few_bins import FewBins
from hone.likelihood.histfactory.solver import OneByOne
from hone.likelihood.infer.steps import newton_step

FITS, OWN = 4, 6


@pytest.fixture(scope="module", params=[8, 14], ids=["side by side", "one by one"])
def layout(request):
    """Of one strength, eight or more shared parameters and six of one bin each."""
    bins = np.full(OWN, 50.0)
    modifiers = [
        {"name": f"n{k}", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}}
        for k in range(request.param)
    ]
    modifiers.append({"name": "stat", "type": "staterror", "data": list(np.sqrt(bins))})
    samples = [
        {"name": "s", "data": list(bins / 10), "modifiers": [
            {"name": "mu", "type": "normfactor", "data": None}]},
        {"name": "b", "data": list(bins), "modifiers": modifiers},
    ]  # fmt: skip
    return from_pyhf(pyhf.Model({"channels": [{"name": "c", "samples": samples}]})).layout


def matrices(rng, layout, definite=True):
    """Of each fit one; positive definite with what parameters of single bins add, or not always."""
    shared = len(layout.split.order) - OWN
    own = np.abs(rng.normal(size=(FITS, OWN))) + 0.5
    mixed = rng.normal(size=(FITS, shared, OWN)) / 2
    root = rng.normal(size=(FITS, shared, shared))
    whole = 0.3 * root @ root.swapaxes(1, 2) + 0.05 * np.eye(shared)
    if definite:
        whole += mixed @ (mixed.swapaxes(1, 2) / own[..., None])
    return Arrow(whole, mixed, own, layout)


def problem(rng, layout):
    """A gradient, a Hessian that may be indefinite, the information, and bounds around zero."""
    parameters = len(layout.split.order)
    gradient = rng.normal(size=(FITS, parameters))
    low, high = 0.3 * np.abs(rng.normal(size=(2, FITS, parameters)))
    low *= rng.random(low.shape) > 0.1  # some are at their bound
    return gradient, matrices(rng, layout, rng.random() < 0.5), matrices(rng, layout), -low, high


def test_steps_are_lowest_within_bounds(layout):
    rng = np.random.default_rng(3)
    scores = 0
    for _ in range(50):
        gradient, hessian, information, low, high = problem(rng, layout)
        free, damping = np.ones_like(gradient), np.zeros(FITS)
        step, decrease, scored = newton_step(
            gradient, hessian,
            lambda fits, information=information: jax.tree.map(lambda x: x[fits], information),
            damping, free, low, high,
        )  # fmt: skip
        scores += scored.sum()
        for k in range(FITS):
            used = (information if scored[k] else hessian).dense()[k]
            slope = gradient[k] + used @ step[k]
            inside = (step[k] > low[k]) & (step[k] < high[k])
            np.testing.assert_allclose(slope[inside], 0, atol=1e-9)
            assert (slope[step[k] <= low[k]] > 0).all()
            assert (slope[step[k] >= high[k]] < 0).all()
            assert ((step[k] >= low[k]) & (step[k] <= high[k])).all()
            expected = -gradient[k] @ step[k] - 0.5 * step[k] @ used @ step[k]
            assert decrease[k] == pytest.approx(expected, rel=1e-9)
            assert decrease[k] > 0
    assert scores > 50


def test_compiled_steps_are_the_same(layout):
    rng = np.random.default_rng(4)

    @jax.jit
    def compiled(gradient, hessian, information, low, high):
        return newton_step(
            gradient, hessian, lambda _: information,
            0 * gradient[:, 0], 0 * gradient + 1, low, high,
        )  # fmt: skip

    for _ in range(10):
        gradient, hessian, information, low, high = problem(rng, layout)
        step, decrease, scored = newton_step(
            gradient, hessian,
            lambda fits, information=information: jax.tree.map(lambda x: x[fits], information),
            np.zeros(FITS), np.ones_like(gradient), low, high,
        )  # fmt: skip
        found = compiled(gradient, hessian, information, low, high)
        np.testing.assert_array_equal(found[2], scored)
        np.testing.assert_allclose(found[0], step, atol=1e-9)
        np.testing.assert_allclose(found[1], decrease, rtol=1e-9)


@pytest.mark.parametrize("pushed", [1, 1e10])
def test_a_factor_serves_fewer_parameters(layout, pushed):
    """What is held, and ``pushed`` against its bound, does not touch the others."""
    rng = np.random.default_rng(5)
    for _ in range(10):
        arrow = matrices(rng, layout)
        dense, order = arrow.dense(), layout.split.order
        solver, places = OneByOne(arrow, np.zeros(FITS)), np.arange(FITS)
        moving = np.ones(dense.shape[:2], dtype=bool)
        for turn in range(5):
            if turn == 2:
                solver, places = solver.at(places[1:]), places[1:]
            vector = np.where(moving, 1.0, pushed) * rng.normal(size=moving.shape)
            found = np.empty((len(places), len(order)))
            found[:, order] = solver.solve(vector[places][:, order], moving[places][:, order])
            for k, solution in zip(places, found, strict=True):
                chosen = moving[k]
                assert (solution[~chosen] == 0).all()
                expected = np.linalg.solve(dense[k][np.ix_(chosen, chosen)], vector[k][chosen])
                np.testing.assert_allclose(solution[chosen], expected, rtol=1e-8, atol=1e-8)
            moving ^= rng.random(moving.shape) < 0.06


@pytest.mark.parametrize("damping", [0.0, 0.01])
def test_information_of_few_bins_is_that_of_all_parameters(damping):
    """Its products and solutions, by equations for two bins, are those of the full matrices."""
    rng = np.random.default_rng(6)
    background = [
        {"name": f"n{k}", "type": "normsys", "data": {"hi": 1.1 + 0.01 * k, "lo": 0.9}}
        for k in range(14)
    ]
    background.append({"name": "stat", "type": "staterror", "data": [4.0, 3.0]})
    background.append({"name": "free", "type": "normfactor", "data": None})
    samples = [
        {"name": "s", "data": [6.0, 2.0], "modifiers": [
            {"name": "mu", "type": "normfactor", "data": None}]},
        {"name": "b", "data": [60.0, 40.0], "modifiers": background},
    ]  # fmt: skip
    model = from_pyhf(pyhf.Model({"channels": [{"name": "c", "samples": samples}]}))
    likelihood, layout = jax.tree.map(np.asarray, model).prepare(), model.layout
    pars = np.array(model.config.suggested_init()) + 0.1 * rng.normal(size=(FITS, layout.npars))
    data = np.tile(likelihood.expected_data(pars[0]), (FITS, 1))
    at = likelihood.expansion(pars, data)
    few = likelihood.information(pars, data, at.rates, at.jacobian)
    assert isinstance(few, FewBins)

    @jax.jit
    def by_jax(pars, data):
        at = likelihood.expansion(pars, data)
        return likelihood.information(pars, data, at.rates, at.jacobian).dense()

    order = layout.split.order
    dense = np.asarray(by_jax(pars, data))[:, order][:, :, order]
    solver = few.solver(np.full(FITS, damping))
    vector = rng.normal(size=pars.shape)
    np.testing.assert_allclose(solver.times(vector), np.einsum("lpq,lq->lp", dense, vector))
    raised = dense * (1 + damping * np.eye(len(order)))
    for part in (1.0, 0.8, 0.5):
        moving = rng.random(pars.shape) < part
        found = solver.solve(vector, moving)
        assert (found[~moving] == 0).all()
        for k, chosen in enumerate(moving):
            expected = np.linalg.solve(raised[k][np.ix_(chosen, chosen)], vector[k, chosen])
            np.testing.assert_allclose(found[k, chosen], expected, rtol=1e-8)
        places = np.array([2, 0])
        some = solver.at(places).solve(vector[places], moving[places])
        np.testing.assert_allclose(some, found[places], rtol=1e-12)
