"""Whether an observable does better on the events that it has learned from than on others.

Limits of the training, the validation and the evaluation set are compared by the same rule: each of
the model without staterror, whose yields do not depend on the number of events, corrected for what
few events do to it, and with the error of its events. (The limits of the results have a staterror,
which hides that of a set with fewer events.)
"""

from collections.abc import Mapping, Sequence

import jax
import numpy as np

from hone.events.event_sets import EventSets, scores_of
from hone.likelihood import infer
from hone.observable import Observable
from hone.results.documents import Agreement, LimitOfSet, Overtraining
from hone.statmodel.filling import fill, template_model
from hone.statmodel.templates import Histogram, count
from hone.statmodel.workspace import Process
from hone.sums import bin_of
from hone.training.separation import Scored, kolmogorov_smirnov
from hone.training.step import with_trace

__all__ = ["overtraining"]

_PARTS, _REPLICAS, _SEED = 200, 100, 1


def overtraining(
    observable: Observable,
    sets: Mapping[str, EventSets],
    scores: Mapping[str, Mapping[str, Scored]],
    samples: Sequence[Process],
    level: float,
) -> Overtraining:
    """Compare the three sets.

    Args:
        observable: trained.
        sets: events of every template, by set.
        scores: of :func:`.separation.scored`, by set.
        samples: processes of the hypothesis.
        level: CLs at the limit.
    """
    # Regions that do not depend on the observable are no part of the question.
    fixed = sets["evaluation"].fixed
    return {
        "limits": {
            name: _limit(observable, events, fixed, samples, level) for name, events in sets.items()
        },
        "scores": {s.name: _agreement(scores, s.name) for s in samples},
    }


def _agreement(scores: Mapping[str, Mapping[str, Scored]], process: str) -> Agreement:
    both = (scores[name][process] for name in ("training", "evaluation"))
    distance, p = kolmogorov_smirnov(*both)
    return {"distance": distance, "p": p}


def _limit(
    observable: Observable,
    events: EventSets,
    fixed: Mapping[str, list[Histogram]],
    samples: Sequence[Process],
    level: float,
) -> LimitOfSet:
    channels = events.channels(observable.bins)
    empty = template_model(samples, channels.sizes, staterror=False)
    scores = scores_of(observable, events)
    drawn = _replicas(observable, events, scores, samples)

    def filled(values: Mapping[str, np.ndarray]) -> object:
        histograms = {}
        for name, trained in values.items():
            parts = np.split(trained, len(channels.trained))
            joined = channels.joined([Histogram(x, x) for x in parts], fixed.get(name, []))
            histograms[name] = with_trace(joined, joined.values.sum())
        return fill(empty, samples, histograms)

    several = [filled({name: x[k] for name, x in drawn.items()}) for k in range(1 + _REPLICAS)]
    stacked = jax.tree.map(lambda *x: np.stack(x), *several)
    limit, *replicas = np.asarray(infer.asimov_limit(stacked, level))
    known = np.array(replicas)[np.isfinite(replicas)]
    fewest = _fewest(observable, events, scores, samples)
    if not np.isfinite(limit) or len(known) < 0.9 * _REPLICAS:
        return {"limit": None, "error": None, "fewest": fewest}
    # Bias correction: the replicas are as far from the limit as the limit is from the truth.
    unbiased, error = 2 * limit - known.mean(), known.std(ddof=1)
    return {"limit": float(unbiased), "error": float(error), "fewest": fewest}


def _fewest(
    observable: Observable,
    events: EventSets,
    scores: Mapping[str, np.ndarray],
    samples: Sequence[Process],
) -> float:
    """Of background in a bin with the observable, where there are events of any process."""
    found = []
    for place in range(len(events.channels(observable.bins).trained)):
        counted = {
            s.name: count(
                scores[s.name][chosen], events.weights[s.name][chosen], np.asarray(observable.edges)
            )
            for s in samples
            for chosen in (events.where(s.name, place),)
        }
        background = [counted[s.name] for s in samples if not s.is_signal]
        values, variances = (np.sum([h[k] for h in background], axis=0) for k in (0, 1))
        effective = np.where(variances > 0, values**2 / np.maximum(variances, 1e-300), 0.0)
        there = np.sum([h.variances for h in counted.values()], axis=0) > 0
        found += effective[there].tolist()
    return float(np.min(found))


def _replicas(
    observable: Observable,
    events: EventSets,
    scores: Mapping[str, np.ndarray],
    samples: Sequence[Process],
) -> dict[str, np.ndarray]:
    """Yields in regions with the observable (1 + replicas, B): as they are, then as if the events
    had been simulated again.

    A bootstrap of 200 parts of the events. Events that sets have in common are in the same part.
    Different events in equally numbered parts are independent: drawing the same parts does not
    correlate them.
    """
    part = {name: np.arange(len(matrix)) % _PARTS for name, matrix in events.features.items()}
    for name, rows in events.rows.items():
        there = np.flatnonzero(rows >= 0)
        part[name][rows[there]] = there % _PARTS
    generator = np.random.default_rng(_SEED)
    times = generator.multinomial(_PARTS, np.full(_PARTS, 1 / _PARTS), _REPLICAS)
    times = np.concatenate([np.ones((1, _PARTS), int), times])
    edges = np.asarray(observable.edges)
    bins, regions = len(edges) - 1, len(events.channels(len(edges) - 1).trained)
    elsewhere = _elsewhere(events, samples, generator)
    found = {}
    for name, weights in events.weights.items():
        own = events.events_of(name)
        place = events.place.get(own, np.zeros(len(weights), int))
        bin_ = place * bins + bin_of(np.nan_to_num(scores[own], nan=edges[0]), edges)
        kept = np.where(np.isnan(scores[own]), 0.0, weights)
        at, size = part[own] * bins * regions + bin_, _PARTS * bins * regions
        yields = np.bincount(at, kept, minlength=size).reshape(_PARTS, -1)
        # The yield in all regions is known: its factor is that of the set's own weights.
        whole = times @ np.bincount(part[own], events.weights[own], minlength=_PARTS)
        whole = whole + elsewhere.get(own, 0.0)
        found[name] = times @ yields * (whole[0] / whole)[:, None]
    return found


def _elsewhere(
    events: EventSets, samples: Sequence[Process], generator: np.random.Generator
) -> dict[str, np.ndarray]:
    """Yields of sets of events in the regions without the observable (1 + replicas,)."""
    found: dict[str, np.ndarray] = {}
    for sample in samples:
        common = generator.standard_normal(_REPLICAS)
        for template in sample.templates():
            own = events.events_of(template.name)
            if own in found or not events.fixed.get(own):
                continue
            # Variations of the same events fluctuate with their sample.
            same = own == sample.name or own in events.rows
            shift = common if same else generator.standard_normal(_REPLICAS)
            value, variance = (sum(h[k].sum() for h in events.fixed[own]) for k in (0, 1))
            yields = value + np.sqrt(variance) * np.append(0.0, shift)
            found[own] = np.where(yields * value > 0, yields, 0.0)
    return found
