"""Whether the events of a file repeat others, from a few of them."""

import numpy as np
import pytest

from hone.events.fingerprints import Fingerprints

RNG = np.random.default_rng(0)


def repeated(*features):
    found = Fingerprints()
    found.add(np.column_stack(features), np.ones(len(features[0])))
    return found.repeated()


def test_events_of_one_number_are_alike_by_coincidence():
    """Whatever follows from it: half of many numbers of 16 bits are there twice."""
    x = RNG.integers(1, 2**16, 100_000).astype(float)
    for other in (2 * x + 1, np.log(x), -x, np.round(np.sqrt(x), 3)):
        assert repeated(x, other) == 0
        assert repeated(x, other, np.round(x / 1000)) == 0


def test_events_that_are_there_twice_are_found_beside_what_follows_from_a_feature():
    x, y = RNG.normal(size=(2, 20_000))
    for other in (y, 10 * x + y):
        events = np.column_stack([x, 2 * x + 1, other])
        twice = np.append(events, events[:5000], axis=0)
        assert repeated(*twice.T) == pytest.approx(0.2, abs=0.06)
        assert repeated(*events.T) == 0
