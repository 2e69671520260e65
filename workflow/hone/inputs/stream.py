"""Evaluation events to histograms, piece by piece: memory does not grow with their number."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from hone.errors import InputError
from hone.events.generate import seed_of
from hone.inputs.load import read_range, scale_of
from hone.inputs.reader import Batch, Reader
from hone.inputs.sources import Source
from hone.observable import Observable
from hone.observable.base import in_pieces
from hone.regions import Channels, Region
from hone.templates import Histogram

__all__ = ["count_data", "draw_data", "fill_histograms"]

_PIECE = 8192
"""Events at a time: of equal size, so that the observable is compiled once; what is made of so many
stays in the processor's cache, which halves the time of larger pieces."""


class _Sums:
    """Yields and variances of all templates of a source in some bins, shape (T, B)."""

    def __init__(self, templates: int, bins: int) -> None:
        self.values = np.zeros((templates, bins))
        self.variances = np.zeros((templates, bins))

    def add(self, values: Any, variances: Any) -> None:
        self.values += values
        self.variances += variances

    def count(self, place: np.ndarray, weights: np.ndarray) -> None:
        """Events in bins ``place`` (n,), with weights (T, n)."""
        inside = np.zeros((len(place), self.values.shape[1]))
        inside[np.arange(len(place)), place] = 1.0
        # Products of matrices are several times faster than a histogram for each weight.
        self.add(weights @ inside, np.square(weights) @ inside)

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
    edges = np.asarray(_edges(observable))
    channels = Channels(tuple(regions), len(edges) - 1)
    found: dict[str, dict[str, Histogram]] = {"hard": {}, "soft": {}}
    for source in sources:
        templates = len(source.weights)
        trained = len(channels.trained) * (len(edges) - 1)
        both = _Sums(templates, 2 * trained)
        fixed = {r.name: _Sums(templates, len(r.fixed_edges) - 1) for r in channels.fixed}
        low, high = read_range(source, "evaluation", surveys)
        kept = 0.0
        reader, place = Reader(source, features, regions), 0
        widths = _widths(observable, reader.batches(low, high))
        for batch in reader.batches(low, high):
            kept += float(batch.nominal.sum())
            size = len(batch.features)
            own = None if widths is None else widths[place : place + size]
            _add(observable, channels, edges, batch, both, own)
            place += size
            for region in channels.fixed:
                inside, values = batch.fixed[region.name]
                bins = _bin(values, region.fixed_edges)
                fixed[region.name].count(bins, batch.weights(inside))
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
    return _count(observable, regions, Reader(source, features, regions).batches())


def draw_data(
    observable: Observable,
    sources: Sequence[Source],
    regions: Sequence[Region],
    surveys: Mapping[str, Mapping[str, Any]],
    features: Sequence[str],
    strengths: Mapping[str, float],
    seed: int,
) -> Histogram:
    """Pseudo-data (B,): each evaluation event as often as a Poisson number of its weight says.

    The same events for every observable.

    Args:
        observable: what has the bins.
        sources: of every sample.
        regions: of the analysis.
        surveys: what :func:`hone.inputs.survey.survey` found, by source.
        features: expressions, in the observable's order.
        strengths: factor on the yield of a sample, where it is not 1.
        seed: of the draw.

    Raises:
        InputError: what is wrong with the files; an event has a negative weight.
    """

    def drawn(source: Source) -> Iterator[Batch]:
        generator = np.random.default_rng(seed_of(seed, "pseudo-data", source.name))
        known = surveys[source.name]
        scale = scale_of(source, surveys, known["sets"]["evaluation"]["weight"])
        for batch in Reader(source, features, regions).batches(
            *read_range(source, "evaluation", surveys)
        ):
            mean = strengths.get(source.name, 1.0) * scale * batch.nominal
            if (mean < 0).any():
                raise InputError(
                    f"{source}: {batch.path} has events of negative weight, of which no "
                    "pseudo-data can be drawn; leave out observation.pseudo_data"
                )
            yield batch._replace(raw_weights=(generator.poisson(mean),))

    return _count(observable, regions, (batch for source in sources for batch in drawn(source)))


def _count(
    observable: Observable, regions: Sequence[Region], batches: Iterator[Batch]
) -> Histogram:
    edges = np.asarray(_edges(observable))
    channels = Channels(tuple(regions), len(edges) - 1)
    trained = len(channels.trained) * (len(edges) - 1)
    both = _Sums(1, 2 * trained)
    fixed = {r.name: _Sums(1, len(r.fixed_edges) - 1) for r in channels.fixed}
    for batch in batches:
        _add(observable, channels, edges, batch, both, None)
        for region in channels.fixed:
            inside, values = batch.fixed[region.name]
            fixed[region.name].count(_bin(values, region.fixed_edges), batch.weights(inside))
    return channels.joined(
        both.histogram(0, 1.0, slice(trained)),
        [fixed[r.name].histogram(0, 1.0) for r in channels.fixed],
    )


def _widths(observable: Observable, batches: Iterator[Batch]) -> np.ndarray | None:
    """Softness of the bins for each event in a region with the observable, if it depends on all.

    Then, and only then, memory grows with the number of events (by 20 bytes each).
    """
    if not observable.widths_follow_events:
        return None
    responses, weights = [], []
    for batch in batches:
        responses.append(in_pieces(_respond, observable, batch.features))
        weights.append(batch.nominal[batch.trained])
    everything = jax.tree.map(lambda *parts: jnp.concatenate(parts), *responses)
    together = jnp.concatenate(weights)
    found = observable.widths(everything, together, 1.0)
    return np.asarray(jnp.broadcast_to(found, together.shape))


def _add(
    observable: Observable,
    channels: Channels,
    edges: np.ndarray,
    batch: Batch,
    sums: _Sums,
    widths: np.ndarray | None,
) -> None:
    """Score the events of the regions with the observable, and add them.

    ``sums`` has the counted bins of all these regions, then their soft ones; ``widths`` are for
    each event, or follow from the observable alone.
    """
    trained, place = batch.trained, batch.place[batch.trained]
    chosen = None if isinstance(trained, slice) else np.flatnonzero(trained)
    parts = [
        slice(start, min(start + _PIECE, len(place))) for start in range(0, len(place), _PIECE)
    ]

    # `eqx.filter_jit` would take the observable apart for each of thousands of pieces.
    numbers, rest = eqx.partition(observable, eqx.is_array)
    leaves, structure = jax.tree.flatten(rest)

    def scored() -> Iterator[jax.Array]:
        for part in parts:
            yield _shares(
                numbers,
                (structure, *leaves),
                channels,
                edges,
                _filled(batch.features[part]),
                None if widths is None else _filled(widths[part], 1.0),
                _filled(place[part]) if len(channels.trained) > 1 else None,
            )

    # JAX returns before it is done: the next piece is scored while this one is added up.
    following = scored()
    shares = next(following, None)
    for part in parts:
        this, shares = shares, next(following, None)
        weights = batch.weights(part if chosen is None else chosen[part])
        both = np.asarray(this)[:, : weights.shape[1]].T
        # NumPy's products of matrices: XLA's take almost twice the time for such shapes on a CPU.
        sums.add(weights @ both, np.square(weights) @ np.square(both))


def _filled(values: np.ndarray, filling: float = 0.0) -> np.ndarray:
    """Values of a whole piece of events, filled up with such that weigh nothing."""
    missing = _PIECE - len(values)
    if not missing:
        return values
    return np.pad(values, [(0, missing), *[(0, 0)] * (values.ndim - 1)], constant_values=filling)


@eqx.filter_jit
def _edges(observable: Observable) -> jax.Array:
    return observable.edges


@eqx.filter_jit
def _respond(observable: Observable, events: Any) -> Any:
    return observable.respond(jnp.asarray(events))


@partial(jax.jit, static_argnames=("rest", "channels"))
def _shares(
    numbers: Observable,
    rest: Any,
    channels: Channels,
    edges: Any,
    events: Any,
    widths: Any,
    place: Any,
) -> jax.Array:
    """Shares of events (2 R b, n): in hard bins of all regions with the observable, then soft."""
    structure, *leaves = rest
    observable = eqx.combine(numbers, jax.tree.unflatten(structure, leaves))
    response = observable.respond(jnp.asarray(events))
    if widths is None:
        widths = observable.widths(response, jnp.ones(len(events)), 1.0)
    shares = [
        channels.shares(part, place)
        for part in (
            _hard_shares(observable.hard(response), jnp.asarray(edges)),
            observable.shares(response, jnp.asarray(widths)),
        )
    ]
    return jnp.concatenate(shares, axis=1).T


def _hard_shares(scores: Any, edges: Any) -> jax.Array:
    """1 in the bin of an event, 0 in others (n, B); as :func:`hone.templates.count` does it."""
    beyond = jnp.concatenate(
        [~jnp.isnan(scores)[None], scores >= edges[1:-1, None], jnp.zeros((1, len(scores)), bool)]
    ).astype("float64")
    return (beyond[:-1] - beyond[1:]).T


def _bin(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Bins (n,); the outermost take what lies beyond."""
    return np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
