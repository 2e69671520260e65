"""Symmetrised variations, and shapes with a norm of their own: formulas, rates, and training."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pyhf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from settings import hypothesis, modifier
from split_norms import CHANNELS, SPLIT, varied

from hone.likelihood.histfactory import from_pyhf
from hone.statmodel.filling import fill, template_model
from hone.statmodel.templates import Histogram
from hone.statmodel.workspace import build_workspace, sides

yields = st.lists(st.floats(0.5, 50), min_size=5, max_size=5).map(np.array)


@given(yields, yields, yields)
def test_symmetrised_sides_are_what_the_formulas_say(nominal, up, down):
    def of(**settings):
        samples = hypothesis({"name": "x", "type": "histosys"} | settings)
        found = varied(nominal, x_up=up, x_down=down)
        return sides(found, samples[1], samples[1].modifiers[0], CHANNELS)

    np.testing.assert_array_equal(of(), (up, down))
    np.testing.assert_allclose(of(down=None), (up, np.maximum(2 * nominal - up, 0)))
    np.testing.assert_array_equal(of(down=None, symmetrise="one-sided"), of(down=None))
    half = (up - down) / 2
    expected = np.maximum((nominal + half, nominal - half), 0)
    np.testing.assert_allclose(of(symmetrise="two-sided"), expected, atol=1e-12)
    larger = [
        u - n if abs(u - n) >= abs(d - n) else n - d
        for n, u, d in zip(nominal, up, down, strict=True)
    ]
    expected = np.maximum((nominal + larger, nominal - larger), 0)
    np.testing.assert_allclose(of(symmetrise="max"), expected, atol=1e-12)


def test_symmetrised_sides_that_do_not_fit_are_refused():
    for changes, message in (
        ({"symmetrise": "one-sided"}, "takes the variation up alone; remove down"),
        ({"symmetrise": "max", "down": None}, "max needs a variation down as well"),
        ({"symmetrise": "mean"}, "allowed are one-sided, two-sided, max"),
    ):
        for kind in ("histosys", "normplusshape"):
            with pytest.raises(ValueError, match=message):
                modifier(name="x", type=kind, **changes)


def test_both_types_agree_at_one_sigma_and_not_beyond():
    nominal = np.array([30.0, 10, 20, 30, 40])
    templates = {"x_up": nominal * [1.2, 1.4, 1.3, 1.2, 1.1], "x_down": nominal * 0.8}
    rates = {}
    for kind in ("histosys", "normplusshape"):
        samples = hypothesis({"name": "x", "type": kind})
        spec = build_workspace(samples, varied(nominal, **templates), np.ones(5), False, CHANNELS)
        model = pyhf.Workspace(spec).model()
        at = model.config.par_slice("x").start
        for alpha in (-3.0, -1.0, 0.0, 1.0, 3.0):
            pars = np.array(model.config.suggested_init())
            pars[model.config.poi_index], pars[at] = 0, alpha
            rates[kind, alpha] = model.expected_data(pars, include_auxdata=False)
    for alpha, expected in ((-1.0, templates["x_down"]), (0.0, nominal), (1.0, templates["x_up"])):
        np.testing.assert_allclose(rates["histosys", alpha], expected)
        np.testing.assert_allclose(rates["normplusshape", alpha], expected)
    for alpha in (-3.0, 3.0):
        assert (rates["normplusshape", alpha][1:] > 1.02 * rates["histosys", alpha][1:]).any()
    assert rates["normplusshape", 3.0][0] == pytest.approx(30 * 1.2**3)
    assert rates["histosys", 3.0][0] == pytest.approx(30 * 1.6)


@pytest.mark.parametrize(
    ("nominal", "up", "down"),
    [
        ([3, 0, 0, 0, 0], [4, 1, 1, 0, 0], [3, 0, 0, 0, 0]),
        ([3, 1, 2, 3, 4], [4, 0, 0, 0, 0], [2, 2, 3, 4, 5]),
        ([0, 1, 2, 3, 4], [1, 1, 2, 3, 5], [0, 1, 2, 3, 4]),
        ([3, 1, 2, 3, 4], [7, 9, 9, 9, 9], None),  # mirrored, a factor would be negative
    ],
    ids=["no nominal yield", "no varied yield", "no yield in one bin", "more than twice the yield"],
)
def test_where_there_is_no_factor_the_histosys_has_everything(nominal, up, down):
    """And the rates at one sigma are those of the templates, in the workspace."""
    nominal, up = np.array(nominal, float), np.array(up, float)
    found = varied(nominal, x_up=up, **({} if down is None else {"x_down": down}))
    sided = {} if down else {"down": None}
    samples = hypothesis({"name": "x", "type": "normplusshape"} | sided)
    model = pyhf.Workspace(build_workspace(samples, found, np.ones(5), False, CHANNELS)).model()
    expected = {1: up, -1: np.maximum(2 * nominal - up, 0) if down is None else down}
    for alpha, side in expected.items():
        pars = np.array(model.config.suggested_init())
        pars[model.config.poi_index], pars[model.config.par_slice("x")] = 0, alpha
        rates = model.expected_data(pars, include_auxdata=False)
        np.testing.assert_allclose(rates, side, atol=1e-12)
    filled = fill(template_model(samples, CHANNELS, False), samples, found)
    assert np.isfinite(filled.expected_data(np.ones(filled.layout.npars))).all()


def test_what_a_mirrored_shape_has_below_zero_is_cut_and_no_part_of_the_norm():
    """A norm of 1.1 mirrored is 0.9, with the shape of what is left above zero."""
    nominal, up = np.array([30, 0, 10, 20, 30.0]), np.array([36, 7.7, 8.8, 20.9, 28.6])
    samples = hypothesis({"name": "x", "type": "normplusshape", "down": None})
    found = sides(varied(nominal, x_up=up), samples[1], samples[1].modifiers[0], CHANNELS)
    left = np.array([0, 12, 21, 34])  # of -7, which is cut, and 60 in all
    right = [24, *(0.9 * left * 60 / left.sum())]
    np.testing.assert_allclose(found, (up, right), rtol=1e-12)


def test_what_training_fills_is_differentiable():
    samples = hypothesis(
        {"name": "a", "type": "normplusshape", "down": None},
        {"name": "b", "type": "normplusshape", "symmetrise": "max"},
    )  # fmt: skip
    rng = np.random.default_rng(3)
    names = ("background__a_up", "background__b_up", "background__b_down")
    start = {"signal": rng.uniform(1, 2, 5), "background": rng.uniform(20, 30, 5)}
    start |= {name: rng.uniform(20, 30, 5) for name in names}
    model = template_model(samples, CHANNELS, False)
    pars = np.linspace(0.5, 0.8, model.layout.npars)
    direction = {name: rng.normal(size=5) for name in start}

    @jax.jit
    @jax.value_and_grad
    def rate(yields):
        found = {name: Histogram(x, jnp.ones(5)) for name, x in yields.items()}
        return (fill(model, samples, found).expected_data(pars) ** 2).sum()

    def moved(step):
        return rate({name: x + step * direction[name] for name, x in start.items()})[0]

    gradient = rate(start)[1]
    slope = (moved(1e-5) - moved(-1e-5)) / 2e-5
    expected = sum(gradient[name] @ direction[name] for name in start)
    assert float(slope) == pytest.approx(float(expected), rel=1e-6)
    # A variation without events has no factor.
    empty = rate(start | dict.fromkeys(names, np.zeros(5)))[1]
    assert all(np.isfinite(x).all() for x in empty.values())


def test_training_sees_the_same_model_in_pyhfs_order():
    samples = SPLIT
    rng = np.random.default_rng(8)
    names = ("both_up", "both_down", "up_only_up")
    found = varied(rng.uniform(20, 30, 5), **{n: rng.uniform(20, 30, 5) for n in names})
    written = from_pyhf(pyhf.Workspace(build_workspace(samples, found, np.ones(5), True, CHANNELS)))
    filled = fill(template_model(samples, CHANNELS, True), samples, found)
    # Training is ready for an empty bin in the region with one.
    assert replace(filled.layout, histosys_mask=written.layout.histosys_mask) == written.layout
    pars = np.array(written.config.suggested_init()) + 0.1
    np.testing.assert_allclose(filled.expected_data(pars), written.expected_data(pars), rtol=1e-13)
