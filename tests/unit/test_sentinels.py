"""Marks for missing values are found, and nothing else is taken for one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hone.events.survey import Thinned
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
}
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
