"""Smoothing and pruning of varied templates: what changes, what stays, what is written down."""

import numpy as np
import pyhf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from settings import hypothesis

from hone.analysis.sections import Pruning
from hone.errors import InputError
from hone.statmodel.postprocessing import effects, postprocess, prune, smooth
from hone.statmodel.templates import Histogram
from hone.statmodel.workspace import build_workspace

CHANNELS = {"high": 6, "low": 2}
NOMINAL = np.array([100.0, 90, 80, 60, 30, 10, 50, 40])
SAMPLES = hypothesis(
    {"name": "scale", "type": "histosys"},
    {"name": "norm", "type": "normsys", "up": 1.004, "down": 0.999},
    signal="s", background="b",
)  # fmt: skip


def histogram(values):
    return Histogram(np.asarray(values, dtype=float), np.ones(len(values)))


def templates(up, down):
    return {
        "s": histogram(np.ones(8)),
        "b": histogram(NOMINAL),
        "b__scale_up": histogram(NOMINAL * up),
        "b__scale_down": histogram(NOMINAL * down),
    }


relative = st.lists(st.floats(0.5, 1.5), min_size=8, max_size=8).map(np.array)


@given(relative, relative)
def test_smoothing_keeps_the_yield_of_a_region(up, down):
    before = templates(up, down)
    after = smooth(SAMPLES, before, [("b", "scale")], CHANNELS)
    for name, found in after.items():
        for place in (slice(6), slice(6, 8)):
            total = before[name].values[place].sum()
            assert found.values[place].sum() == pytest.approx(total, rel=1e-12)
        assert (found.values >= 0).all()
    np.testing.assert_array_equal(after["b"].values, NOMINAL)
    # two bins are too few
    np.testing.assert_array_equal(after["b__scale_up"].values[6:], before["b__scale_up"].values[6:])


def test_smoothing_takes_a_spike_away_and_leaves_a_constant_alone():
    spike = np.ones(8)
    spike[2] = 1.4
    after = smooth(SAMPLES, templates(spike, np.full(8, 0.9)), [("b", "scale")], CHANNELS)
    ratio = after["b__scale_up"].values[:6] / NOMINAL[:6]
    assert np.ptp(ratio) < 1e-9
    np.testing.assert_allclose(after["b__scale_down"].values, 0.9 * NOMINAL, rtol=1e-12)


def test_only_what_is_named_is_smoothed():
    rough = templates(1 + 0.1 * (-1.0) ** np.arange(8), np.ones(8))
    assert smooth(SAMPLES, rough, [("b", "norm")], CHANNELS) == rough
    # one parameter of several samples, smoothed for another of them
    assert smooth(SAMPLES, rough, [("s", "scale")], CHANNELS) == rough


def test_what_has_no_yield_is_not_smoothed():
    with pytest.raises(InputError, match="'scale' of 'b' cannot be smoothed in region 'high'"):
        smooth(SAMPLES, templates(np.zeros(8), np.ones(8)), [("b", "scale")], CHANNELS)


def test_small_effects_are_pruned_region_by_region_and_written_down():
    up = np.r_[np.full(6, 1.002), 1.0, 1.03]
    before = templates(up, np.ones(8))
    rows = effects(SAMPLES, before, CHANNELS, [], 0.005)
    found = {(r.region, r.type): (round(r.largest_effect, 9), r.pruned) for r in rows}
    assert found == {
        ("high", "histosys"): (0.002, "all"),
        ("low", "histosys"): (0.03, "no"),
        ("high", "normsys"): (0.004, "all"),
        ("low", "normsys"): (0.004, "all"),
    }
    spec = build_workspace(prune(SAMPLES, rows), before, NOMINAL, False, CHANNELS)
    modifiers = {
        channel["name"]: [m["name"] for m in channel["samples"][1]["modifiers"]]
        for channel in spec["channels"]
    }
    assert modifiers == {"high": [], "low": ["scale"]}


def test_factors_of_two_regions_are_pruned_apart():
    """One parameter, which moves the yields of each region by another factor."""
    rates = ({"up": 1.004, "regions": ["high"]}, {"up": 1.2, "regions": ["low"]})
    both = hypothesis(
        *({"name": "rate", "type": "normsys"} | rate for rate in rates), signal="s", background="b"
    )
    before = templates(np.ones(8), np.ones(8))
    for threshold, expected in ((0.0, [1.004, 1.2]), (0.005, [1.2])):
        samples, _, rows = postprocess(both, before, CHANNELS, [], threshold)
        assert [(r.region, round(r.norm_effect, 9)) for r in rows] == [
            ("high", 0.004),
            ("low", 0.2),
        ]
        spec = build_workspace(samples, before, NOMINAL, False, CHANNELS)
        factors = [m["data"]["hi"] for c in spec["channels"] for m in c["samples"][1]["modifiers"]]
        assert factors == expected


def test_nothing_is_pruned_unless_asked_for():
    rows = effects(SAMPLES, templates(np.ones(8), np.ones(8)), CHANNELS, [], 0.0)
    assert prune(SAMPLES, rows) == SAMPLES


def test_a_yield_from_nothing_is_not_small():
    nothing = {**templates(np.ones(8), np.ones(8)), "b": histogram(NOMINAL * (NOMINAL != 10))}
    rows = effects(SAMPLES, nothing, CHANNELS, [], 0.5)
    assert next(r for r in rows if r.region == "high" and r.type == "histosys").pruned == "no"


def one(kind):
    """A shape of one sample, its norm and shape pruned apart below 1 and 2 %."""
    return hypothesis({"name": "scale", "type": kind}, signal="s", background="b")


RAMP = np.array([-1, -0.6, -0.2, 0.2, 0.6, 1.0])
"""Of the region of six bins; times the yields it is scaled below, so that the sum is kept."""
SCALE = {
    "norm 3 %, shape 1 %": (0.03, 0.01, "shape"), "norm 0.5 %, shape 5 %": (0.005, 0.05, "norm"),
    "norm 0.5 %, shape 1 %": (0.005, 0.01, "all"), "norm 3 %, shape 5 %": (0.03, 0.05, "no"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["histosys", "normplusshape"])
@pytest.mark.parametrize("case", SCALE)
def test_norm_and_shape_are_pruned_apart(kind, case):
    norm, shape, expected = SCALE[case]
    ramp = RAMP - (RAMP @ NOMINAL[:6]) / NOMINAL[:6].sum()
    ramp /= abs(ramp).max()
    up, down = ((1 + s * norm) * (1 + s * shape * ramp) for s in (1, -1))
    before = templates(np.r_[up, 1.1, 1.1], np.r_[down, 0.9, 0.9])
    pruning = Pruning(norm=0.01, shape=0.02)
    samples, _, rows = postprocess(one(kind), before, CHANNELS, [], pruning)
    high = next(row for row in rows if row.region == "high")
    assert (high.norm_effect, high.shape_effect) == pytest.approx((norm, shape))
    assert high.pruned == expected
    # A factor alone has no shape to be left out; it is as large as it was.
    assert next(row for row in rows if row.region == "low").pruned == "no"

    spec = build_workspace(samples, before, NOMINAL, False, CHANNELS)
    types = {c["name"]: [m["type"] for m in c["samples"][1]["modifiers"]] for c in spec["channels"]}
    whole = {"histosys": ["histosys"], "normplusshape": ["normsys", "histosys"]}[kind]
    kept = {"no": whole, "norm": ["histosys"], "shape": whole[:1], "all": []}[expected]
    assert types == {"high": kept, "low": whole}
    model = pyhf.Workspace(spec).model(poi_name=None)
    for alpha, side in ((1, up), (-1, down)):
        pars = np.array(model.config.suggested_init())
        pars[model.config.par_slice("scale")] = alpha
        pars[model.config.par_slice("mu")] = 0
        left = {
            "no": side, "norm": 1 + alpha * shape * ramp, "shape": np.full(6, 1 + alpha * norm),
            "all": np.ones(6),
        }[expected]  # fmt: skip
        rates = model.expected_data(pars, include_auxdata=False)
        np.testing.assert_allclose(rates[:6], NOMINAL[:6] * left, rtol=1e-9)
        np.testing.assert_allclose(rates[6:], NOMINAL[6:] * (1 + 0.1 * alpha), rtol=1e-9)


def test_only_what_is_asked_for_is_pruned_of_the_parts():
    rows = effects(SAMPLES, templates(np.ones(8), np.ones(8)), CHANNELS, [], Pruning())
    assert {row.pruned for row in rows} == {"no"}
    shape = Pruning(shape=0.01)
    rows = effects(SAMPLES, templates(np.full(8, 1.001), np.ones(8)), CHANNELS, [], shape)
    # There is no shape: what is left is a norm, and that was not to be pruned.
    assert {row.pruned for row in rows} == {"no"}
    rows = effects(SAMPLES, templates(np.ones(8), np.ones(8)), CHANNELS, [], Pruning(norm=0.01))
    assert {row.type: row.pruned for row in rows} == {"histosys": "all", "normsys": "all"}


def test_a_yield_from_nothing_in_one_bin_is_not_small():
    nothing = {**templates(np.ones(8), np.ones(8)), "b": histogram(np.r_[NOMINAL[:7], 0])}
    channels = {"all": 7, "one": 1}
    rows = effects(SAMPLES, nothing, channels, [], Pruning(norm=0.5, shape=0.5))
    found = next(r for r in rows if r.region == "one" and r.type == "histosys")
    assert found.pruned == "norm"  # there is none
    assert found.shape_effect == np.inf
