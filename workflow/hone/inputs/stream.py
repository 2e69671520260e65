"""Evaluation events to histograms, piece by piece: memory does not grow with their number."""

from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from hone.inputs.load import read_range, scale_of
from hone.inputs.reader import Batch, Reader
from hone.inputs.sources import Source
from hone.observable import Observable
from hone.regions import Channels, Region
from hone.templates import Histogram

__all__ = ["fill_histograms", "count_data"]

_PIECE = 65536
"""Events that pass the observable at a time; of equal size, so that it is compiled once."""


class _Sums:
    """Yields and variances of all templates of a source in some bins, shape (T, B)."""

    def __init__(self, templates: int, bins: int) -> None:
        self.values = np.zeros((templates, bins))
        self.variances = np.zeros((templates, bins))

    def add(self, place: np.ndarray, weights: np.ndarray) -> None:
        """Events (n,) in bins ``place``, with weights (n, T)."""
        inside = np.zeros((len(place), self.values.shape[1]))
        inside[np.arange(len(place)), place] = 1.0
        # A product of matrices is several times faster than a histogram for each weight.
        self.values += weights.T @ inside
        self.variances += (weights**2).T @ inside

    def histogram(self, template: int, scale: float) -> Histogram:
        return Histogram(self.values[template] * scale, self.variances[template] * scale**2)


def fill_histograms(
    observable: Observable,
    sources: Sequence[Source],
    regions: Sequence[Region],
    surveys: Mapping[str, Mapping[str, Any]],
    features: Sequence[str],
) -> dict[str, dict[str, Histogram]]:
    """Histograms of all templates in all channels (B,), ``hard`` and ``soft``.

    Args:
        observable: what has the bins.
        sources: of every sample and variation.
        regions: of the analysis.
        surveys: what :func:`hone.inputs.survey.survey` found, by source.
        features: expressions, in the observable's order.

    Raises:
        InputError: what is wrong with the files.
    """
    edges = np.asarray(observable.edges)
    channels = Channels(tuple(regions), len(edges) - 1)
    found: dict[str, dict[str, Histogram]] = {"hard": {}, "soft": {}}
    for source in sources:
        templates = len(source.weights)
        hard = [_Sums(templates, len(edges) - 1) for _ in channels.trained]
        soft = _Sums(templates, len(channels.trained) * (len(edges) - 1))
        fixed = {r.name: _Sums(templates, len(r.fixed_edges) - 1) for r in channels.fixed}
        low, high = read_range(source, "evaluation", surveys[source.name])
        kept = 0.0
        for batch in Reader(source, features, regions):
            chosen = batch.chosen(low, high)
            kept += float(chosen.weights[:, 0].sum())
            _add(observable, channels, edges, chosen, hard, soft)
            for region in channels.fixed:
                inside, values = chosen.fixed[region.name]
                bins = _bin(values, region.fixed_edges)
                fixed[region.name].add(bins, chosen.weights[inside])
        scale = scale_of(source, surveys[source.name], kept)
        for k, template in enumerate(source.weights):
            others = [fixed[r.name].histogram(k, scale) for r in channels.fixed]
            sharp = [part.histogram(k, scale) for part in hard]
            found["hard"][template] = channels.joined(sharp, others)
            found["soft"][template] = channels.joined(soft.histogram(k, scale), others)
    return found


def count_data(
    observable: Observable, source: Source, regions: Sequence[Region], features: Sequence[str]
) -> Histogram:
    """Observed events in all channels (B,)."""
    edges = np.asarray(observable.edges)
    channels = Channels(tuple(regions), len(edges) - 1)
    hard = [_Sums(1, len(edges) - 1) for _ in channels.trained]
    fixed = {r.name: _Sums(1, len(r.fixed_edges) - 1) for r in channels.fixed}
    for batch in Reader(source, features, regions):
        _add(observable, channels, edges, batch, hard, None)
        for region in channels.fixed:
            inside, values = batch.fixed[region.name]
            fixed[region.name].add(_bin(values, region.fixed_edges), batch.weights[inside])
    return channels.joined(
        [part.histogram(0, 1.0) for part in hard],
        [fixed[r.name].histogram(0, 1.0) for r in channels.fixed],
    )


def _add(
    observable: Observable,
    channels: Channels,
    edges: np.ndarray,
    batch: Batch,
    hard: Sequence[_Sums],
    soft: _Sums | None,
) -> None:
    """Score events and add them to the histograms of the regions with the observable."""
    weights = batch.weights[batch.trained]
    place = batch.place[batch.trained]
    for start in range(0, len(weights), _PIECE):
        part = slice(start, start + _PIECE)
        size = len(weights[part])
        # Filled up with copies that weigh nothing.
        matrix = np.resize(batch.features[part], (_PIECE, batch.features.shape[1]))
        padded = np.zeros((_PIECE, weights.shape[1]))
        padded[:size] = weights[part]
        where = None
        if len(channels.trained) > 1:
            where = jnp.asarray(np.resize(place[part], _PIECE))
        found = _pass(observable, channels, matrix, padded, where)
        scores, values, variances = map(np.asarray, found)
        scores = scores[:size]
        kept = ~np.isnan(scores)
        bins = _bin(scores, edges)
        for k, sums in enumerate(hard):
            inside = kept & (place[part] == k)
            sums.add(bins[inside], weights[part][inside])
        if soft is not None:
            soft.values += values
            soft.variances += variances


@eqx.filter_jit
def _pass(
    observable: Observable, channels: Channels, events: Any, weights: Any, place: Any
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Scores (n,), and soft yields and variances (T, R b)."""
    weights = jnp.asarray(weights)
    response = observable.respond(jnp.asarray(events))
    widths = observable.widths(response, weights[:, 0], 1.0)
    shares = channels.shares(observable.shares(response, widths), place)
    return observable.hard(response), weights.T @ shares, (weights**2).T @ shares**2


def _bin(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Bins (n,); the outermost take what lies beyond."""
    return np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
