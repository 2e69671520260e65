"""Features are scaled by what is typical of them: not by marks, nor by single values far out."""

import jax
import numpy as np
import pytest
from settings import observable as settings_of

from hone.analysis.leading import leading
from hone.errors import InputError
from hone.observable import create_observable
from hone.observable.scaling import limits, moments, standardised
from hone.sentinels import PADDING

NETWORK = {"kind": "network", "bins": 4, "hidden": [8, 8]}


def test_scaling_is_numpys_and_does_not_overflow():
    events = np.random.default_rng(1).normal([3, -1e5, 0], [1e-3, 20, 0], (500, 3))
    events[:, 2] = 7
    mean, scale = moments(events, ["a", "b", "c"])
    np.testing.assert_array_equal(mean, events.mean(axis=0))
    np.testing.assert_array_equal(scale, [*events.std(axis=0)[:2], 1.0])
    np.testing.assert_array_equal(standardised(events, mean, scale), (events - mean) / scale)
    # as large as doubles get: the same numbers in another unit
    unit = np.ldexp(1.0, 1020)
    small = np.random.default_rng(2).uniform(-15.9, 15.9, (500, 2))
    mean, scale = moments(small, ["a", "b"])
    large = moments(unit * small, ["a", "b"])
    np.testing.assert_array_equal(large, (unit * mean, unit * scale))
    np.testing.assert_array_equal(
        standardised(unit * small, *large), standardised(small, mean, scale)
    )
    events[3, 1] = np.inf
    with (
        pytest.raises(InputError, match=r"feature 'b' has mean inf"),
        np.errstate(invalid="ignore"),
    ):
        moments(events, ["a", "b", "c"])


def test_marks_for_missing_values_are_no_part_of_the_scaling():
    """Nor do they drown what a network sees: it sees them just beyond all other values."""
    rng = np.random.default_rng(4)
    events = rng.normal([3, -2], [0.5, 20], (5000, 2))
    missing = rng.random(5000) < 0.2
    marked = events.copy()
    marked[missing, 0] = -999
    mean, scale = moments(marked, ["x", "y"])
    others = events[~missing, 0]
    np.testing.assert_allclose([mean[0], scale[0]], [others.mean(), others.std()], rtol=1e-12)
    np.testing.assert_array_equal(
        [mean[1], scale[1]], [x(axis=0)[1] for x in (events.mean, events.std)]
    )
    lowest, highest = limits(marked, scale, ["x", "y"])
    assert lowest[0] == others.min() - others.std()
    assert highest[0] == others.max() + others.std()
    assert (lowest[1], highest[1]) == (-np.finfo(float).max, np.finfo(float).max)
    # the same mark in a sample so wide that it is among the others
    wide = events * [900, 1]
    together = [marked, np.where(missing[:, None], [-999, 0], wide)]
    right = np.append(others, wide[~missing, 0])
    wide_mean, wide_scale = moments(together, ["x", "y"])
    np.testing.assert_allclose([wide_mean[0], wide_scale[0]], [right.mean(), right.std()])
    ends = np.ravel(limits(together, wide_scale, ["x", "y"]))[[0, 2]]
    np.testing.assert_allclose(ends, [right.min() - right.std(), right.max() + right.std()])
    made = create_observable(settings_of(**NETWORK), ("x", "y"), [marked], jax.random.key(3))
    beyond = marked.copy()
    beyond[missing, 0] = lowest[0]
    np.testing.assert_array_equal(made.score(marked), made.score(beyond))


@pytest.mark.parametrize("far", [[1e9], [-1e300, 1e300], [2e5, 2e5]])
def test_a_few_events_far_out_are_no_part_of_the_scaling(far):
    """As without them; the network sees them just beyond all others, and these are not drowned."""
    rng = np.random.default_rng(4)
    events, few = rng.normal([3, -2], [0.5, 20], (5000, 2)), rng.normal([5, 0], 1, (40, 2))
    together = [np.append(events, np.c_[far, np.zeros(len(far))], axis=0), few]
    (mean, scale), right = (moments(x, ["x", "y"]) for x in (together, [events, few]))
    np.testing.assert_allclose([mean[0], scale[0]], [x[0] for x in right], rtol=1e-12)
    ends = np.array(limits(together, scale, ["x", "y"]))
    regular = np.append(events[:, 0], few[:, 0])
    np.testing.assert_array_equal(ends[:, 0], [regular.min() - scale[0], regular.max() + scale[0]])
    np.testing.assert_array_equal(ends[:, 1], [-np.finfo(float).max, np.finfo(float).max])
    made = create_observable(settings_of(**NETWORK), ("x", "y"), together, jax.random.key(3))
    seen = together[0].copy()
    seen[len(events) :, 0] = np.where(np.array(far) > 0, ends[1, 0], ends[0, 0])
    np.testing.assert_array_equal(made.score(together[0]), made.score(seen))


def test_leading_values_have_one_scale_and_what_is_padded_lies_below_it():
    rng = np.random.default_rng(4)
    events = np.c_[rng.normal(size=500), rng.exponential(4e4, (500, 3))]
    names, columns = ("met", *leading(["jet_pt[:3]"])), [1, 2, 3]
    there = np.arange(3) < rng.integers(0, 3, 500)[:, None]  # no event has three
    events[:, 1:][~there] = PADDING
    values = events[:, 1:][there]
    mean, scale = moments(events, names)
    lowest, highest = limits(events, scale, names)
    np.testing.assert_allclose(mean[1:], np.full(3, values.mean()), rtol=1e-12)
    np.testing.assert_allclose(scale[1:], np.full(3, values.std()), rtol=1e-12)
    np.testing.assert_array_equal(lowest[1:], np.full(3, values.min() - scale[1]))
    assert (highest == np.finfo(float).max).all()
    assert (limits(events, scale, names, masked=True)[0] == -highest).all()
    np.testing.assert_allclose([mean[0], scale[0]], [events[:, 0].mean(), events[:, 0].std()])
    events[:, columns] = PADDING
    with pytest.raises(InputError, match=r"feature 'jet_pt\[:3\]': no training event has any"):
        moments(events, names)


def test_a_network_sees_small_differences_of_large_numbers():
    """A time in seconds, in single precision known to 128: scaled before it is rounded."""
    events = np.random.default_rng(5).normal([1.7e9, 0], [1, 1], (500, 2))
    shifted = events - [1.7e9, 0]
    large, small = (
        create_observable(settings_of(**NETWORK), ("x", "y"), e, jax.random.key(3)).score(e)
        for e in (events, shifted)
    )
    np.testing.assert_allclose(large, small, atol=1e-5)
    assert large.std() > 1e-3
