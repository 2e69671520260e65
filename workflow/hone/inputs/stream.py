"""Evaluation events to histograms, piece by piece: memory does not grow with their number."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from hone.inputs.load import read_range, scale_of
from hone.inputs.reader import Batch, Reader
from hone.inputs.sources import Source
from hone.observable import Observable
from hone.observable.base import in_pieces
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

    def add(self, shares: np.ndarray, weights: np.ndarray) -> None:
        """Events with their shares in the bins (n, B) and weights (T, n)."""
        # Products of matrices are several times faster than a histogram for each weight.
        self.values += weights @ shares
        self.variances += weights**2 @ shares**2

    def count(self, place: np.ndarray, weights: np.ndarray) -> None:
        """Events in bins ``place`` (n,)."""
        shares = np.zeros((len(place), self.values.shape[1]))
        shares[np.arange(len(place)), place] = 1.0
        self.add(shares, weights)

    def histogram(self, template: int, scale: float, bins: slice = slice(None)) -> Histogram:
        values, variances = self.values[template, bins], self.variances[template, bins]
        return Histogram(values * scale, variances * scale**2)


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
        trained = len(channels.trained) * (len(edges) - 1)
        both = _Sums(templates, 2 * trained)
        fixed = {r.name: _Sums(templates, len(r.fixed_edges) - 1) for r in channels.fixed}
        low, high = read_range(source, "evaluation", surveys[source.name])
        kept = 0.0
        reader, place = Reader(source, features, regions), 0
        widths = _widths(observable, reader.batches(low, high))
        for batch in reader.batches(low, high):
            kept += float(batch.weights[0].sum())
            size = len(batch.features)
            own = widths[place : place + size] if np.ndim(widths) else widths
            _add(observable, channels, edges, batch, both, own)
            place += size
            for region in channels.fixed:
                inside, values = batch.fixed[region.name]
                bins = _bin(values, region.fixed_edges)
                fixed[region.name].count(bins, batch.weights[:, inside])
        scale = scale_of(source, surveys, kept)
        for k, template in enumerate(source.weights):
            others = [fixed[r.name].histogram(k, scale) for r in channels.fixed]
            for group, part in (("hard", slice(trained)), ("soft", slice(trained, None))):
                found[group][template] = channels.joined(both.histogram(k, scale, part), others)
    return found


def count_data(
    observable: Observable, source: Source, regions: Sequence[Region], features: Sequence[str]
) -> Histogram:
    """Observed events in all channels (B,)."""
    edges = np.asarray(observable.edges)
    channels = Channels(tuple(regions), len(edges) - 1)
    trained = len(channels.trained) * (len(edges) - 1)
    both = _Sums(1, 2 * trained)
    fixed = {r.name: _Sums(1, len(r.fixed_edges) - 1) for r in channels.fixed}
    for batch in Reader(source, features, regions).batches():
        _add(observable, channels, edges, batch, both, np.ones(()))
        for region in channels.fixed:
            inside, values = batch.fixed[region.name]
            fixed[region.name].count(_bin(values, region.fixed_edges), batch.weights[:, inside])
    return channels.joined(
        both.histogram(0, 1.0, slice(trained)),
        [fixed[r.name].histogram(0, 1.0) for r in channels.fixed],
    )


def _widths(observable: Observable, batches: Iterator[Batch]) -> np.ndarray:
    """Softness of the bins: a number, or one for each event in a region with the observable.

    A rule that follows the events needs all of them at once: then, and only then, memory grows with
    their number (by 20 bytes an event).
    """
    if not observable.widths_follow_events:
        nothing = observable.respond(jnp.zeros((1, len(observable.features)), dtype="float32"))
        return np.asarray(observable.widths(nothing, jnp.ones(1), 1.0))
    responses, weights = [], []
    for batch in batches:
        responses.append(in_pieces(_respond, observable, batch.features))
        weights.append(batch.weights[0, batch.trained])
    everything = jax.tree.map(lambda *parts: jnp.concatenate(parts), *responses)
    return np.asarray(observable.widths(everything, jnp.concatenate(weights), 1.0))


def _add(
    observable: Observable,
    channels: Channels,
    edges: np.ndarray,
    batch: Batch,
    sums: _Sums,
    widths: np.ndarray,
) -> None:
    """Score the events of the regions with the observable, and add them.

    ``sums`` has the counted bins of all these regions, then their soft ones; ``widths`` is one
    number or one for each event.
    """
    weights = batch.weights[:, batch.trained]
    place = batch.place[batch.trained].astype(int)
    bins = len(edges) - 1
    trained = len(channels.trained) * bins
    for start in range(0, len(place), _PIECE):
        part = slice(start, start + _PIECE)
        size = len(place[part])
        # Filled up with copies, which are dropped again.
        matrix = np.resize(batch.features[part], (_PIECE, batch.features.shape[1]))
        own = np.resize(widths[part], _PIECE) if widths.ndim else widths
        where = np.resize(place[part], _PIECE) if len(channels.trained) > 1 else None
        scores, soft = map(np.asarray, _pass(observable, channels, matrix, own, where))
        scores = scores[:size]
        shares = np.zeros((size, 2 * trained))
        kept = np.flatnonzero(~np.isnan(scores))
        shares[kept, place[part][kept] * bins + _bin(scores[kept], edges)] = 1.0
        shares[:, trained:] = soft[:size]
        sums.add(shares, weights[:, part])


@eqx.filter_jit
def _respond(observable: Observable, events: Any) -> Any:
    return observable.respond(jnp.asarray(events))


@eqx.filter_jit
def _pass(
    observable: Observable, channels: Channels, events: Any, widths: Any, place: Any
) -> tuple[jax.Array, jax.Array]:
    """Scores (n,), and shares in the soft bins of all regions with the observable (n, R b)."""
    response = observable.respond(jnp.asarray(events))
    shares = observable.shares(response, jnp.asarray(widths))
    return observable.hard(response), channels.shares(shares, place)


def _bin(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Bins (n,); the outermost take what lies beyond."""
    return np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
