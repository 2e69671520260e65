"""Marks for missing values and single values far out: nothing else is taken for one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hone.events.far_out import Outermost, far_out
from hone.events.survey import Thinned
from hone.outliers import Regular, regular_range
from hone.sentinels import PADDING, find_sentinels, shown_range, with_values

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=2000)
ORDINARY = {
    "a normal distribution": NORMAL,
    "counts": RNG.poisson(1.5, 100_000),
    "rare counts": RNG.poisson(0.02, 100_000),
    "a flag": RNG.random(2000) < 0.001,
    "charges": RNG.choice([-1, 1], 2000),
    "flavours": RNG.choice([-13, -11, 11, 13], 2000),
    "zero and a tail": np.where(RNG.random(2000) < 0.9, 0, RNG.exponential(1, 2000)),
    "a heavy tail": RNG.pareto(1.5, 100_000),
    "one value": np.full(2000, 7.0),
    "saturated": np.minimum(RNG.exponential(1, 2000), 3.0),
    "one event far out": np.append(NORMAL, 1e9),
    "two events far out": np.append(NORMAL, [1e9, 1e9]),
    "a mass": RNG.normal(50, 10, 2000),
    "a momentum above a threshold": 30 + RNG.exponential(30, 2000),
    "a momentum of jets that are not always there": np.append(
        [0] * 900, 25 + RNG.exponential(30, 2000)
    ),
    "a width": 91 + 1.2 * RNG.standard_cauchy(20_000),
    "a logarithmic normal": RNG.lognormal(0, 2, 20_000),
    "a significance": RNG.normal(size=5000) * np.where(RNG.random(5000) < 0.01, 30, 1),
}
FAR = {
    "one": [1e9], "low": [-1e9], "two": [1e9, 1e9], "both sides": [-1e9, 1e300],
    "a hundred thousand": [1e5], "the largest": [-1e300], "different": [1e9, 3e7, 2e8],
}  # fmt: skip
MARKS = {
    "low": [-999.0], "high": [9999.0], "both": [-999.0, 999.0], "neighbours": [-999.0, -998.0],
    "nested": [-999.0, -99.0], "the largest of single precision": [float(np.finfo("f4").max)],
    "the largest of double precision": [np.finfo(float).max],
}  # fmt: skip


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_feature_has_none(name):
    assert find_sentinels(np.asarray(ORDINARY[name], dtype=float)).values == ()


@pytest.mark.parametrize("part", [0.003, 0.2, 0.8])
@pytest.mark.parametrize("name", MARKS)
def test_marks_are_found(name, part):
    for others in (NORMAL, np.asarray(ORDINARY["a heavy tail"])[:2000], RNG.poisson(1.5, 2000)):
        number = max(int(part * len(others)) // len(MARKS[name]), 3)
        values = np.concatenate([others, *(np.full(number, mark) for mark in MARKS[name])])
        if values.max() > 1e3 and others.max() > 100:
            continue  # the tail comes close
        found = find_sentinels(RNG.permutation(values.astype(float)))
        assert found.values == tuple(sorted(MARKS[name])), (name, part)
        assert (found.lowest, found.highest) == (others.min(), others.max())
        assert found.others(values).sum() == len(others)


def test_a_mark_is_found_beside_a_narrow_feature_and_beyond_it_a_single_value():
    """Also in whole numbers, which many events share: what counts is that these have no gaps."""
    for values in (ORDINARY["a mass"], np.round(ORDINARY["a mass"])):
        marked = np.append(values, [-99.0] * 300)
        assert find_sentinels(marked).values == (-99.0,)
        found = Regular.of(np.append(marked, [-1e9, 7e4]))
        np.testing.assert_array_equal(found.holds(marked), marked != -99)
        assert found.marks.values == (-99.0,)
        assert -1e9 < found.low < 0
        assert 100 < found.high < 7e4


def surveyed(values, size=300):
    """What a survey says of a feature that is read in pieces."""
    events, outermost = np.asarray(values, dtype=float)[:, None], Outermost(1)
    for start in range(0, len(events), size):
        outermost.add(events[start : start + size])
    return far_out(["x"], events, outermost).get("x")


@pytest.mark.parametrize(
    "name", sorted(set(ORDINARY) - {"one event far out", "two events far out"})
)
def test_heavy_tails_are_not_far_out(name):
    assert surveyed(ORDINARY[name]) is None


@pytest.mark.parametrize("name", FAR)
def test_a_few_values_far_out_are_found_and_are_out_of_range(name):
    far = FAR[name]
    for ordinary in ("a normal distribution", "counts", "saturated", "a mass"):
        others = np.asarray(ORDINARY[ordinary][:3000], dtype=float)
        values = RNG.permutation(np.append(others, [*far, PADDING, PADDING]))
        assert surveyed(values) == {
            "values": sorted(set(far)), "events": len(far), "low": others.min(),
            "high": others.max(), "median": np.sort(others)[len(others) // 2],
        }, ordinary  # fmt: skip
        # in one of two samples; the other is small, and all of it is within
        low, high = regular_range(np.append(others, far), others.mean() + 9 * NORMAL[:50])
        np.testing.assert_array_equal([(low < x) & (x < high) for x in far], np.zeros(len(far)))
        assert low < others.min() < others.max() < high
    # where nearly all others are zero, or some tens, they do not set the scale
    for others in (ORDINARY["zero and a tail"], NORMAL[:40]):
        low, high = regular_range(np.append(others, far))
        assert not any(low < x < high for x in far)
        assert low < others.min() < others.max() < high


def test_many_values_far_out_are_found():
    """As many as the scaling leaves out of a large sample."""
    far = np.linspace(1e9, 2e9, 1000)
    found = surveyed(np.append(RNG.normal(size=600_000), far), 50_000)
    assert (found["events"], found["values"]) == (1000, far.tolist())


def test_what_is_rare_or_of_a_rare_sample_is_not_out_of_range():
    everything = -np.inf, np.inf
    for name in ("a flag", "rare counts", "one value", "charges"):
        assert regular_range(np.asarray(ORDINARY[name], dtype=float)) == everything
    signal = 3000 + 100 * NORMAL[:14]
    for background in (NORMAL, 100 * NORMAL):
        low, high = regular_range(background, signal)
        assert low < background.min()
        assert high >= np.sort(signal)[-2]
    assert regular_range(np.zeros(0)) == regular_range(np.array([1.0, 1e9])) == everything


def test_a_mark_in_one_sample_is_one_in_all():
    """Also where another is so wide that it is among its values."""
    narrow, wide = np.append(NORMAL, [-999] * 50), np.append(900 * NORMAL, [-999] * 300)
    assert find_sentinels(wide).values == find_sentinels(np.append(narrow, wide)).values == ()
    found = find_sentinels(narrow, wide)
    assert found == ((-999,), *(900 * end for end in (NORMAL.min(), NORMAL.max())))
    there = with_values(*(np.c_[values, NORMAL[0] + values * 0] for values in (narrow, wide)))
    right = [values != -999 for values in (narrow, wide)]
    for known, events in zip(there, right, strict=True):
        np.testing.assert_array_equal(known, np.c_[events, events | True])
    # a few in each are enough together, and what is padded is none
    few = [np.append(NORMAL[k::2], [999, 999, PADDING]) for k in (0, 1)]
    assert find_sentinels(*few) == ((999,), NORMAL.min(), NORMAL.max())
    assert find_sentinels(np.full(5, PADDING), np.zeros(0)) == ((), 0, 0)


@pytest.mark.parametrize(
    "samples",
    [
        ({0: 500, 1: 800, 10: 300, 11: 200}, {0: 50, 1: 80, 10: 4}),  # decay modes of taus
        ({5: 10, 5.1: 10, 20: 10}, {5: 10, 20: 10, 20.1: 10}),
    ],
)
def test_categories_that_a_sample_lacks_make_no_mark_of_another(samples):
    events = [np.repeat(list(times), list(times.values())).astype(float) for times in samples]
    assert find_sentinels(*events).values == ()
    marked = [np.append(values, [-999.0] * 3) for values in events]
    assert find_sentinels(*marked).values == (-999.0,)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=8))
def test_some_of_many_events_are_evenly_spread(sizes):
    """Every 2^k-th event, whatever the pieces."""
    import hone.events.survey as module

    kept, most = Thinned(), module._MOST
    module._MOST = 20
    try:
        numbers = np.arange(sum(sizes), dtype=float)[:, None]
        start = 0
        for size in sizes:
            kept.add(numbers[start : start + size])
            start += size
        found = kept.events()[:, 0]
    finally:
        module._MOST = most
    stride = 1
    while len(numbers[::stride]) > 20:
        stride *= 2
    np.testing.assert_array_equal(found, numbers[::stride, 0])


def test_axes_show_the_other_values():
    events = np.stack([NORMAL, NORMAL + 1], axis=1)
    low, high = shown_range(events)
    np.testing.assert_array_equal([low, high], np.quantile(events, [0.002, 0.998], axis=0))
    marked = np.concatenate([events, [[PADDING, PADDING]] * 500])
    np.testing.assert_array_equal(shown_range(marked), [low, high])
    for padded in (1, 2, 3):  # about the 0.2 % that are not shown anyway
        marked = np.concatenate([events[:1000], [[PADDING, PADDING]] * padded])
        np.testing.assert_array_equal(shown_range(marked), shown_range(events[:1000]))
    np.testing.assert_array_equal(shown_range(np.full((9, 2), PADDING)), np.zeros((2, 2)))
    marked = np.concatenate([events, [[-999, 0]] * 500])
    for others in ((), (900 * marked[:0],), (np.full((9, 2), -999),)):
        low, high = shown_range(marked, *others)
        np.testing.assert_array_equal([low[0], high[0]], np.quantile(NORMAL, [0.002, 0.998]))
