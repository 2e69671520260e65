"""How well scores separate signal from background, and whether two sets of events agree in them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from hone.events.event_sets import EventSets, scores_of
from hone.observable import Observable
from hone.statmodel.workspace import Process
from hone.sums import bin_of
from hone.training.importance import thinned

__all__ = [
    "LARGEST",
    "Roc",
    "Scored",
    "Separation",
    "kolmogorov_smirnov",
    "roc",
    "scored",
    "separation",
]

LARGEST = 50_000
"""Most events of each set: enough for areas to three digits."""
_SIGNIFICANT = 3.0
"""Standard deviations of a step against the trend."""


class Scored(NamedTuple):
    """Events as an observable sees them."""

    scores: np.ndarray
    """float64 (n,); minus infinity for events that fail a cut."""
    weights: np.ndarray
    """float64 (n,)"""


class Roc(NamedTuple):
    """Efficiencies of all cuts on a score from below, from the tightest to none."""

    signal: np.ndarray
    """(k,), from 0 to 1"""
    background: np.ndarray
    """(k,), from 0 to 1"""
    area: float
    """Under the signal efficiency against that of the background: the probability that an event of
    the signal has a larger score than one of the background, ties counted by half."""


class Separation(NamedTuple):
    """Signal against background."""

    curves: dict[str, Roc]
    """By what is varied: ``nominal`` first, then what moves its area most."""
    bins: Roc
    """The bins of the observable, in the order of the curves."""
    reordered: bool
    """Whether the bins are significantly not in the order of signal over background: then the
    curves take their events bin by bin in it, and by score within each."""


def scored(observable: Observable, events: EventSets) -> dict[str, Scored]:
    """The events of each template, at most 50,000, evenly chosen.

    Raises:
        InputError: names the set and an event in it whose score is not a number.
    """
    events = thinned(events, LARGEST)
    found = {
        name: np.where(np.isnan(scores), -np.inf, scores)
        for name, scores in scores_of(observable, events).items()
    }
    return {
        name: Scored(found[events.events_of(name)], weights)
        for name, weights in events.weights.items()
    }


def kolmogorov_smirnov(first: Scored, second: Scored) -> tuple[float, float]:
    """Largest distance between two cumulative distributions, and its p-value, for weighted events.

    SciPy's ``ks_2samp`` knows no weights. As ROOT's ``TH1::KolmogorovTest``: the distance of the
    weighted cumulative distributions in Kolmogorov's asymptotic formula, where the numbers of
    events are the effective ones, (sum of weights)^2 / sum of squared weights. For scores with
    few values the p-value is too large.
    """
    from scipy.special import kolmogorov

    values = np.unique(np.concatenate([first.scores, second.scores]))
    distance = float(np.abs(_cumulative(first, values) - _cumulative(second, values)).max())
    n, m = (float(w.sum() ** 2 / (w @ w)) for w in (first.weights, second.weights))
    return distance, float(kolmogorov(distance * np.sqrt(n * m / (n + m))))


def _cumulative(events: Scored, values: np.ndarray) -> np.ndarray:
    order = np.argsort(events.scores)
    sums = np.append(0.0, np.cumsum(events.weights[order]))
    return sums[np.searchsorted(events.scores[order], values, side="right")] / sums[-1]


def roc(signal: Sequence[Scored], background: Sequence[Scored]) -> Roc:
    """Efficiencies of weighted samples; of negative weights, too, whose curve may turn back."""
    several = [*signal, *background]
    scores = np.concatenate([events.scores for events in several])
    order = np.argsort(-scores)
    scores = scores[order]
    # A cut takes all events of one score.
    last = np.append(np.flatnonzero(scores[1:] != scores[:-1]), len(scores) - 1)
    sizes = [len(events.scores) for events in several]
    is_signal = np.repeat(np.arange(len(several)) < len(signal), sizes)[order]
    weights = np.concatenate([events.weights for events in several])[order]
    passing = []
    for chosen in (is_signal, ~is_signal):
        sums = np.cumsum(np.where(chosen, weights, 0.0))[last]
        passing.append(np.append(0.0, sums / sums[-1]))
    return Roc(passing[0], passing[1], area=float(np.trapezoid(passing[0], passing[1])))


def separation(
    edges: np.ndarray,
    events: Mapping[str, Scored],
    samples: Sequence[Process],
    most: int = 3,
) -> Separation:
    """Signal against background, nominal and with each systematic that moves the area most.

    An observable trained on a limit may as well give the signal small scores: the side that has
    more of the nominal signal is taken for the tight one. Only where signal over background falls
    and rises from bin to bin beyond its statistical errors the bins are put in another order: one
    that follows fluctuations of the events whose area is shown would enlarge it.

    Args:
        edges: of the observable (B + 1,).
        events: by template.
        samples: processes of the hypothesis, each with its yield.
        most: sides of systematics.
    """
    edges = np.asarray(edges)
    signals, backgrounds = ([s.name for s in samples if s.is_signal is k] for k in (True, False))
    yields, variances = (
        np.array([
            sum(np.bincount(_bins(events[name], edges), events[name].weights**power, len(edges))
                for name in names)
            for names in (signals, backgrounds)
        ])
        for power in (1, 2)
    )  # fmt: skip
    reordered = _is_unordered(yields[:, 1:], variances[:, 1:])

    def curve(of: Mapping[str, Scored], varied: Mapping[str, str]) -> Roc:
        chosen = [
            [of[varied.get(name, name)] for name in names] for names in (signals, backgrounds)
        ]
        return roc(*chosen)

    shown, order = events, np.arange(len(edges) - 1.0)
    if reordered:
        # Of bins without background the one with more signal comes first.
        order = (yields[0] / np.maximum(yields[1], 1e-12))[1:]
        shown = _in_order(events, edges, order, signals, backgrounds)
    nominal = curve(shown, {})
    if nominal.area < 0.5:
        shown, order = {name: _turned(x) for name, x in shown.items()}, -order
        nominal = curve(shown, {})
    order = np.append(-np.inf, order)
    in_bins = {name: Scored(order[_bins(x, edges)], x.weights) for name, x in events.items()}
    curves = {words: curve(shown, varied) for words, varied in _varied(events, samples).items()}
    moved = sorted(curves, key=lambda words: -abs(curves[words].area - nominal.area))
    kept = {words: curves[words] for words in moved[:most]}
    return Separation({"nominal": nominal} | kept, curve(in_bins, {}), reordered)


def _is_unordered(yields: np.ndarray, variances: np.ndarray) -> bool:
    """Whether signal over background steps against its trend between neighbouring filled bins.

    Args:
        yields: of signal and background (2, B).
        variances: of the yields (2, B).
    """
    filled = yields.sum(axis=0) > 0
    (s, b), (var_s, var_b) = yields[:, filled], variances[:, filled]
    # s_j / b_j - s_i / b_i times both backgrounds, which may be zero.
    differences = np.outer(b, s) - np.outer(s, b)
    squares = np.outer(b**2, var_s) + np.outer(var_b, s**2)
    errors = np.sqrt(squares + np.outer(var_s, b**2) + np.outer(s**2, var_b))
    trend = 1.0 if np.triu(differences).sum() >= 0 else -1.0
    steps = trend * np.diagonal(differences, 1)
    return bool((steps < -_SIGNIFICANT * np.diagonal(errors, 1)).any())


def _in_order(
    events: Mapping[str, Scored],
    edges: np.ndarray,
    ratio: np.ndarray,
    signals: Sequence[str],
    backgrounds: Sequence[str],
) -> dict[str, Scored]:
    """Scores with the bins in the order of signal over background, and within each bin its events
    from that side that has more of the signal."""
    rank = np.append(0, 1 + np.argsort(np.argsort(ratio, kind="stable")))
    outer = np.array([edges[:-1], edges[1:]])
    low, width = np.append(0.0, outer[0]), np.append(1.0, np.diff(outer, axis=0)[0])

    def within(of: Scored) -> tuple[np.ndarray, np.ndarray]:
        bins = _bins(of, edges)
        scores = np.where(np.isfinite(of.scores), of.scores, 0.0)
        return bins, np.clip((scores - low[bins]) / width[bins], 0.0, 1.0 - 1e-9)

    def mean(names: Sequence[str]) -> np.ndarray:
        sums = np.zeros((2, len(rank)))
        for name in names:
            bins, part = within(events[name])
            weights = events[name].weights
            sums += [np.bincount(bins, w, len(rank)) for w in (weights * part, weights)]
        return sums[0] / np.where(sums[1] == 0, 1.0, sums[1])

    from_above = mean(signals) >= mean(backgrounds)
    found = {}
    for name, of in events.items():
        bins, part = within(of)
        places = rank[bins] + np.where(from_above[bins], part, 1 - 1e-9 - part)
        found[name] = Scored(np.where(bins > 0, places, -np.inf), of.weights)
    return found


def _turned(events: Scored) -> Scored:
    """Scores of the other sign, but for events that fail a cut."""
    scores = np.where(np.isfinite(events.scores), -events.scores, -np.inf)
    return Scored(scores, events.weights)


def _bins(events: Scored, edges: np.ndarray) -> np.ndarray:
    """From 1; 0 for events that fail a cut."""
    return np.where(np.isfinite(events.scores), 1 + bin_of(events.scores, edges), 0)


def _varied(events: Mapping[str, Scored], samples: Sequence[Process]) -> dict[str, dict[str, str]]:
    """By systematic and side, the varied templates in the place of samples."""
    found: dict[str, dict[str, str]] = {}
    for sample in samples:
        for template in sample.templates()[1:]:
            if template.name in events:
                words = f"{template.systematic} {template.side}"
                found.setdefault(words, {})[sample.name] = template.name
    return found
