"""Observed events that files have in common would count twice."""

import itertools
import logging
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from hone.errors import InputError
from hone.events.batch import Batch
from hone.events.fingerprints import Digest, Fingerprints, part_in_common
from hone.events.sources import Source

__all__ = ["each_counted_once"]

_COINCIDENCE = 10
"""Fewest events of two files that are not the same by chance."""


def each_counted_once(source: Source, batches: Iterable[Batch]) -> Iterator[Batch]:
    """The batches of a source; after the last one it is checked that no two files are the same.

    Raises:
        InputError: two files are one, or have events in common.
    """
    for one, other in itertools.combinations(map(str, source.files), 2):
        if os.path.realpath(one) == os.path.realpath(other):
            raise InputError(f"{source}: {one} and {other} are one file; remove one")
    events: Counter[str] = Counter()
    digests: defaultdict[str, Digest] = defaultdict(Digest)
    fingerprints: defaultdict[str, Fingerprints] = defaultdict(Fingerprints)
    for batch in batches:
        events[batch.path] += batch.size
        digests[batch.path].add(batch)
        fingerprints[batch.path].add(batch.features, batch.nominal[batch.trained])
        yield batch
    for one, other in itertools.combinations(events, 2):
        first, second = digests[one].text(), digests[other].text()
        part = part_in_common(*(fingerprints[path].text() or "" for path in (one, other)))
        if first == second != "" and events[one] >= _COINCIDENCE:
            part = 1.0
        if part:
            raise InputError(
                f"{source}: {one} and {other} have "
                + (
                    "the same events"
                    if part == 1
                    else f"about {part:.1%} of their events in common"
                )
                + ", which would count twice: leave them out of one"
            )
    for path, found in fingerprints.items():
        if repeated := found.repeated():
            logging.getLogger("hone").warning(
                "%s: %s: about %.2g of its events repeat others, with the same features, and count "
                "as often as they are there: was a file merged into it twice?",
                *(source, path, repeated),
            )
