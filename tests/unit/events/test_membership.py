"""Which events of a file samples have in common, from a few bits of each piece."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hone.events.membership import Membership, common_events
from hone.events.ntuples import Piece

_BITS = st.integers(0, 2**12 - 1) | st.just(2**12 - 1)


@given(st.lists(st.tuples(st.integers(0, 12), _BITS, _BITS), min_size=1, max_size=6))
def test_common_events_are_those_of_sets(pieces):
    """Of a file in pieces of any size, of which two samples take any events."""
    members, inside, start = (Membership(), Membership()), (set(), set()), 0
    for size, *bits in pieces:
        for member, numbers, own in zip(members, inside, bits, strict=True):
            kept = np.array([k for k in range(size) if own >> k & 1], dtype=int)
            every = len(kept) == size
            piece = Piece("a", start, {}, len(kept), None if every else kept)
            if own % 3:  # without some that were taken out before
                member.add(piece, np.ones(len(kept), dtype=bool))
            else:
                member.add(Piece("a", start, {}, size), np.isin(np.arange(size), kept))
            numbers |= {start + int(k) for k in kept}
        start += size
    texts = [member.text() for member in members]
    assert [text is None for text in texts] == [len(numbers) == start for numbers in inside]
    assert set(common_events(*texts, start).tolist()) == inside[0] & inside[1]
