"""Importance of the features of an observable, by permutation."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hone.analysis.leading import padded_groups
from hone.events.event_sets import EventSets, scores_of
from hone.observable import Observable
from hone.running.files import finite_or_none
from hone.statmodel.filling import fill, template_model
from hone.statmodel.workspace import Process
from hone.training.documents import FeatureImportance, Importance
from hone.training.objectives import log_cls
from hone.training.step import fittable_histograms

__all__ = ["rank_features", "thinned"]

_LARGEST = 20_000
"""Most events of each set: enough for ratios of CLs to a few per cent."""


def rank_features(
    observable: Observable,
    events: EventSets,
    samples: Sequence[Process],
    staterror: bool,
    seed: int,
    repetitions: int = 5,
) -> Importance:
    """The expected CLs at mu = 1 with one feature at a time permuted, leading values together.

    Permutation importance (L. Breiman, Mach. Learn. 45 (2001) 5): each event gets the feature of an
    event drawn from all samples, in equal parts, and keeps the others. The feature then separates
    neither samples nor variations, and its correlations with other features are lost too. What a
    slice stands for, as ``jet_pt[:5]``, is of one event, and is taken as one feature: apart, its
    values would be in no order, and some of an event's jets would be missing before others.
    Histograms are hard, and the observable is not retrained.

    Args:
        observable: trained.
        events: of one set, every template.
        samples: processes of the hypothesis.
        staterror: whether the model has a staterror.
        seed: of the draws.
        repetitions: draws for each feature.

    """
    events = thinned(events, _LARGEST)
    model = template_model(samples, events.channels(observable.bins).sizes, staterror)

    def log_of(changed: EventSets) -> float:
        histograms = fittable_histograms(observable, changed, scores_of(observable, changed))
        return float(log_cls(fill(model, samples, histograms)))

    before = log_of(events)
    pool = _pool([events.features[sample.name] for sample in samples])
    slices = padded_groups(observable.features)
    sliced = {column for columns in slices.values() for column in columns}
    alone = {name: [k] for k, name in enumerate(observable.features) if k not in sliced}
    found = []
    for name, columns in (alone | slices).items():
        logs = []
        for repetition in range(repetitions):
            generator = np.random.default_rng([seed, columns[0], repetition])
            logs.append(log_of(_without(events, columns, pool, generator)))
        found.append(_entry(name, before, np.array(logs)))
    found.sort(key=lambda f: -np.inf if f["log_ratio"] is None else f["log_ratio"], reverse=True)
    return {
        "expected_cls": float(np.exp(before)) if np.isfinite(before) else None,
        "repetitions": repetitions,
        "events": {name: len(x) for name, x in events.features.items()},
        "features": found,
    }


def thinned(events: EventSets, most: int) -> EventSets:
    """At most ``most`` events of each set, evenly chosen, with the yield of all.

    With negative weights the yield is right on average only, as in a batch.
    """
    features, weights, place = {}, {}, {}
    chosen = {
        name: np.unique(np.linspace(0, len(x) - 1, min(most, len(x))).astype(int))
        for name, x in events.features.items()
    }
    for name, matrix in events.features.items():
        features[name] = matrix[chosen[name]]
        if name in events.place:
            place[name] = events.place[name][chosen[name]]
    for template, column in events.weights.items():
        places = chosen[events.events_of(template)]
        # One factor for all templates of the same events, to keep their ratios.
        own = events.weights[events.events_of(template)]
        if len(places) == len(own):  # there may be none
            weights[template] = column
            continue
        part = len(places) / len(own) if own.min() < 0 else own[places].sum() / own.sum()
        weights[template] = column[places] / part
    return replace(events, features=features, weights=weights, place=place)


def _pool(several: Sequence[np.ndarray]) -> np.ndarray:
    """Events of all samples in equal parts; a sample may have none."""
    size = max(map(len, several))
    return np.concatenate([x[np.arange(size) % len(x)] for x in several if len(x)])


def _without(
    events: EventSets, columns: Sequence[int], pool: np.ndarray, generator: np.random.Generator
) -> EventSets:
    """With some features of other events, of one event each."""
    changed = {}
    for name in sorted(events.features):
        matrix = events.features[name].copy()
        drawn = pool[generator.integers(len(pool), size=len(matrix))]
        matrix[:, columns] = drawn[:, columns]
        changed[name] = matrix
    return replace(events, features=changed)


def _entry(name: str, before: float, logs: np.ndarray) -> FeatureImportance:
    known = logs[np.isfinite(logs)]
    entry: FeatureImportance = {
        "name": name,
        "expected_cls": finite_or_none(np.exp(logs)),
        "log_ratio": None,
        "log_ratio_error": None,
    }
    if not np.isfinite(before) or not len(known):
        return {**entry, "reason": "a fit of the expected CLs did not converge"}
    entry["log_ratio"] = float(np.mean(known - before))
    if len(known) > 1:
        entry["log_ratio_error"] = float(np.std(known - before, ddof=1))
    return entry
