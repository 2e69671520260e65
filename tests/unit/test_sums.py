"""Sums of weights are math.fsum's to 1e-9, or an error that names the place."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ntuples import write
from settings import region

from hone.analysis import Template
from hone.analysis.sections import Split
from hone.errors import InputError
from hone.events.sources import Source
from hone.events.survey import survey
from hone.statmodel.templates import count
from hone.sums import Sums, bin_of, refuse_lost_events

WEIGHTS = st.one_of(
    st.floats(-10, 10),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1.0, -1.0, 1e16, -1e16, 0.1, -0.3, 1e200, 1e-320, 0.0]),
)


@pytest.mark.parametrize("module", [np, jnp])
def test_a_bin_has_its_lower_edge_and_the_outermost_ones_all_beyond(module):
    edges, values = [0.0, 0.3, 1.0], [-np.inf, -1.0, 0.0, 0.2999, 0.3, 1.0, 7.0, np.inf]
    found = bin_of(module.asarray(values), module.asarray(edges))
    assert found.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert bin_of(module.asarray(values), module.asarray([0.0, 1.0])).tolist() == [0] * 8


def in_bins(weights, bins, number):
    """What a sum should be, and its squares', by bin: of the exact numbers."""
    for k in range(number):
        own = [w for w, b in zip(weights, bins, strict=True) if b == k]
        try:
            yield math.fsum(own), math.fsum(w * w for w in own)
        except OverflowError:
            yield math.inf, math.inf


@given(
    events=st.lists(st.tuples(WEIGHTS, st.integers(0, 2)), min_size=1, max_size=30),
    pieces=st.integers(1, 4),
    factor=st.sampled_from([1.0, 1e-3, 7e5, 1e-200, 1e200]),
)
def test_sums_are_right_or_refused(events, pieces, factor):
    weights, bins = map(np.array, zip(*events, strict=True))
    sums = Sums(1, 3)
    for part in np.array_split(np.arange(len(weights)), pieces):
        sums.count(weights[None, part], bins[part])
    refused = ""
    try:
        sums.refuse_unknown(lambda *_: "here", factor=factor)
    except InputError as error:
        refused = str(error)
    if refused:
        assert refused.startswith("here: the weights ")
        # Nobody's sample is refused: with weights like these all is known.
        sizes = [abs(float(w)) for w in weights if w]
        known = all(1e-130 < f * w < 1e130 for w in sizes for f in (1.0, factor))
        assert not known or max(sizes) > 1e9 * min(sizes)
        return
    for k, (right, squares) in enumerate(in_bins(weights, bins, 3)):
        smallest = min((abs(w) for w in weights if w), default=0)
        assert sums.values[0, k] == pytest.approx(right, rel=1e-9, abs=1e-9 * smallest)
        assert sums.variances[0, k] == pytest.approx(squares, rel=1e-9)


@pytest.mark.parametrize("size", [30, 10_000, 300_000])
def test_large_weights_of_both_signs_cancel_exactly(size):
    """Nine digits of a sum that is 1e-13 of what is added up, in the order in which it comes."""
    rng = np.random.default_rng(size)
    large = rng.uniform(0.5, 1.5, size)
    weights = np.concatenate([large, rng.uniform(-1, 1, 50) * 1e-8, -large])
    rng.shuffle(weights)
    sums = Sums(1)
    sums.count(weights[None])
    assert sums.total("these") == pytest.approx(math.fsum(weights), rel=1e-9)
    histogram = count(rng.uniform(0, 1, len(weights)), weights, np.array([0.0, 1.0]))
    assert histogram.values[0] == pytest.approx(math.fsum(weights), rel=1e-9)


@pytest.mark.parametrize(("size", "smallest"), [(2500, 0.1), (2500, -0.1), (500, 0.1)])
def test_sums_of_many_templates_in_many_bins_are_those_of_each(size, smallest):
    """As many as are multiplied in several parts, and a rest of the events."""
    rng = np.random.default_rng(0)
    weights, shares = rng.uniform(smallest, 1, (97, size)), rng.uniform(0, 1, (23, size))
    sums = Sums(97, 23)
    sums.add(weights, shares.T)
    for template, place in [(0, 0), (40, 22), (41, 7), (96, 22)]:
        terms = [w * s for w, s in zip(weights[template], shares[place], strict=True)]
        for found, right in (
            (sums.values, math.fsum(terms)),
            (sums.absolute, math.fsum(map(abs, terms))),
            (sums.variances, math.fsum(x**2 for x in terms)),
        ):
            assert found[template, place] == pytest.approx(right, rel=1e-13)


def test_weights_that_cancel_to_nothing_add_up_to_nothing():
    sums = Sums(1)
    sums.count(np.array([[0.1, 1.0, -1.0, -0.1, 3e-5, -3e-5]]))
    assert sums.total("these") == 0


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.5e308, 1.5e308], "are too large for a sum"),
        ([1.5e308, -1.5e308, 1.0], "are too large"),
        ([1e160, 1e160], r"too large or too small for a sum of their squares \(sum 2e\+160"),
        ([1e-170, 1e-170], "too large or too small for a sum of their squares"),
        ([5e-324, 5e-324], "too large or too small for a sum of their squares"),
        ([1e16, -1e16, 1e-5, 1e40, -1e40], "cancel so far that their sum is not known"),
    ],
)
def test_weights_that_no_double_adds_up_are_named(tmp_path, weights, message):
    events = {"w": np.array(weights), "x": np.zeros(len(weights))}
    write(tmp_path / "a.root", events)
    source = Source(Template("s"), (str(tmp_path / "a.root"),), "events", {"s": "w"}, Split())
    with pytest.raises(InputError, match=rf"sample 's' \(.*a.root\): the weights .*{message}"):
        survey(source, ["x"], (region("all"),))


def test_a_variation_and_its_region_are_named(tmp_path):
    events = {"w": np.ones(9), "v": np.full(9, 1e200), "x": np.arange(9.0)}
    write(tmp_path / "a.root", events)
    source = Source(
        Template("s"), (str(tmp_path / "a.root"),), "events", {"s": "w", "s__k_up": "v"}
    )
    regions = (region("low", "x < 3"), region("high", "x >= 3", "variable", "x", (3, 5, 9)))
    with pytest.raises(InputError, match=r"template 's__k_up', region 'low': the weights are too"):
        survey(source, ["x"], regions, "evaluation")


def test_yields_of_the_survey_are_those_of_exact_sums(tmp_path):
    """20,000 weights of both signs in single precision, summed in double."""
    rng = np.random.default_rng(3)
    weights = (rng.uniform(0.1, 5e3, 20_000) * rng.choice([-1, 1.3], 20_000)).astype("f4")
    x = rng.uniform(0, 1, 20_000)
    write(tmp_path / "a.root", {"w": weights, "x": x})
    source = Source(
        Template("s"), (str(tmp_path / "a.root"),), "events", {"s": "w"}, None, {"yield": 100.0}
    )
    edges = (0, 0.3, 0.6, 1)
    found = survey(source, ["x"], (region("all", None, "variable", "x", edges),), "evaluation")
    total = math.fsum(map(float, weights))
    assert found["factor"] == pytest.approx(100 / total, rel=1e-9)
    (row,) = found["regions"]["all"].values()
    assert row["yield"] == pytest.approx(100, rel=1e-12)
    squares = math.fsum(float(w) ** 2 for w in weights)
    assert row["error"] == pytest.approx(100 / abs(total) * math.sqrt(squares), rel=1e-9)
    for k, value in enumerate(row["bins"]):
        own = math.fsum(map(float, weights[(x >= edges[k]) & (x < edges[k + 1])]))
        assert value == pytest.approx(own * 100 / total, rel=1e-9)


def test_a_histogram_that_lost_events_is_refused():
    refuse_lost_events("h", 99.99999999, 100.0, 100.0)
    refuse_lost_events("h", 0.0, 0.0, 0.0)
    for filled in (99.9, math.nan, math.inf):
        with pytest.raises(
            InputError, match=r"h: its bins add up to .*, the weights of its events"
        ):
            refuse_lost_events("h", filled, 100.0, 100.0)
