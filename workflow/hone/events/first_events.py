"""A few events of each set, for figures."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hone.analysis.regions import Region
from hone.events.reader import Reader
from hone.events.sources import Source

__all__ = ["few_events"]

_FILES = 8
"""Most files of a source that are read."""


def few_events(
    sources: Sequence[Source],
    features: Sequence[str],
    regions: Sequence[Region],
    events_set: str,
    number: int,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Features (n, F) of at most ``number`` events of each source, drawn by their weights.

    Only the beginning of up to eight files of a source is read. Events with negative weights are
    left out; a source without events in a region with the observable has none here.

    Args:
        sources: of every sample and variation.
        features: expressions, in order (F).
        regions: of the analysis.
        events_set: ``training``, ``validation`` or ``evaluation``.
        number: of events.
        seed: of the draw.
    """
    found = {}
    for source in sources:
        low, high = source.split.range(events_set) if source.split else (0.0, 1.0)
        places = np.unique(np.linspace(0, len(source.files) - 1, _FILES).astype(int))
        batches = [
            next(Reader(replace(source, files=(source.files[k],)), features, regions)
                 .batches(low, high), None)
            for k in places
        ]  # fmt: skip
        there = [batch for batch in batches if batch is not None]
        events = np.concatenate([b.features for b in there] or [np.zeros((0, len(features)))])
        weights = np.concatenate([b.weights(b.trained)[0] for b in there] or [np.zeros(0)])
        chance = np.maximum(weights, 0.0)
        size = min(number, int((chance > 0).sum()))
        if size:
            generator = np.random.default_rng(seed)
            chosen = generator.choice(len(events), size, replace=False, p=chance / chance.sum())
            events = events[np.sort(chosen)]
        found[source.name] = events[:size]
    return found
