"""Histograms of events that are scored piece by piece, each by the network of its fold."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from hone.analysis.regions import Region
from hone.events import bin_shares
from hone.events.batch import Batch
from hone.events.bin_shares import BinShares, number_of_bins
from hone.observable import Observable
from hone.observable.base import in_pieces, without_score
from hone.statmodel.channels import Channels
from hone.statmodel.templates import Histogram
from hone.sums import Sums, refuse_lost_events

__all__ = ["FoldHistograms"]

_SUBSAMPLES = 100
_BEGUN, _SIZE = 4, 2**26
"""So many pieces are scored ahead, with no more bytes than this, if it is more than one."""


class FoldHistograms:
    """Histograms of all templates of the same events, each scored by the network of its fold."""

    def __init__(
        self,
        observables: Sequence[Observable],
        regions: Sequence[Region],
        templates: Sequence[str],
        has_parts: bool = False,
    ) -> None:
        self._observables = observables
        channels = Channels(tuple(regions), number_of_bins(observables[0]))
        self._fillings = [
            _Filling(observable, channels, templates, has_parts) for observable in observables
        ]
        self._widths: list[np.ndarray | None] = [None] * len(observables)
        self._places = [0] * len(observables)

    def _parts(self, batch: Batch) -> list[Batch]:
        """The events of each observable."""
        if len(self._observables) == 1:
            return [batch]
        return [batch.of_fold(fold) for fold in range(1, len(self._observables) + 1)]

    def find_widths(self, batches: Iterator[Batch]) -> None:
        """Read all events once, on which the softness of the bins depends.

        Only here memory grows with the number of events (by 20 bytes each).
        """
        responses: list[list[Any]] = [[] for _ in self._observables]
        weights: list[list[np.ndarray]] = [[] for _ in self._observables]
        for batch in batches:
            for k, part in enumerate(self._parts(batch)):
                responses[k].append(in_pieces(_respond, self._observables[k], part.features))
                weights[k].append(part.nominal[part.trained])
        self._widths = list(map(_widths, self._observables, responses, weights))

    def add(self, batches: Iterator[Batch]) -> None:
        """Score all events and add them.

        Raises:
            InputError: an event's score is not a number.
        """
        # JAX computes asynchronously: the next pieces are scored while one is added up.
        begun: deque[_Scored] = deque()

        def add_first() -> None:
            piece = begun.popleft()
            piece.filling.add(piece)

        for batch in batches:
            earlier = len(begun)
            for piece in self._scored(batch):
                begun.append(piece)
                if len(begun) > max(min(_BEGUN, _SIZE // piece.shares.nbytes), 1):
                    add_first()
                    earlier -= 1
            # Each keeps its batch in memory.
            for _ in range(earlier):
                add_first()
        while begun:
            add_first()

    def _scored(self, batch: Batch) -> Iterator["_Scored"]:
        for k, part in enumerate(self._parts(batch)):
            widths, place, size = self._widths[k], self._places[k], len(part.features)
            of_part = None if widths is None else widths[place : place + size]
            self._places[k] += size
            yield from self._fillings[k].scored(part, of_part)

    def parts(self, scale: float) -> dict[str, np.ndarray]:
        """As :attr:`hone.events.stream.Subsamples.yields`, of one source."""
        found = [filling.parts() for filling in self._fillings]
        return {
            group: scale * np.sum([of_fold[group] for of_fold in found], axis=0)
            for group in found[0]
        }

    def result(self, scale: float) -> dict[str, dict[str, Histogram]]:
        """Histograms ``hard`` and ``soft`` by template, all bins (B,), summed over the folds.

        Args:
            scale: factor on the weights.

        Raises:
            InputError: a bin is not known to 1e-9, or a histogram has lost events.
        """
        found = [filling.result(scale) for filling in self._fillings]
        return {
            group: {
                name: Histogram(
                    np.sum([of_fold[group][name].values for of_fold in found], axis=0),
                    np.sum([of_fold[group][name].variances for of_fold in found], axis=0),
                )
                for name in histograms
            }
            for group, histograms in found[0].items()
        }


def _widths(
    observable: Observable, responses: Sequence[Any], weights: Sequence[np.ndarray]
) -> np.ndarray:
    """Softness of the bins for each event in a region with the observable."""
    everything = jax.tree.map(lambda *parts: np.concatenate(parts), *responses)
    return np.asarray(_widths_of(observable, everything, np.concatenate(weights)))


# In one program: each of its operations alone would be compiled for this number of events.
@eqx.filter_jit
def _widths_of(observable: Observable, response: Any, weights: Any) -> jax.Array:
    return jnp.broadcast_to(observable.widths(response, weights, 1.0), weights.shape)


class _Filling:
    """Histograms of all templates of the same events, filled batch by batch."""

    def __init__(
        self,
        observable: Observable,
        channels: Channels,
        templates: Sequence[str],
        has_parts: bool,
    ) -> None:
        self._observable, self._channels = observable, channels
        if channels.trained:  # else nothing is scored, and need not be compiled
            self._shares = BinShares(observable, channels)
        self._templates, number = templates, len(templates)
        # For every block, as the squares of `Sums`.
        self._weights = np.empty((number, bin_shares.BLOCK))
        self._bins = len(channels.trained) * channels.observable_bins
        # Hard bins of all regions with the observable, their soft bins, and the sum of all events.
        self._trained = Sums(number, 2 * self._bins + 1)
        self._fixed = {r: Sums(number, len(r.fixed_edges) - 1) for r in channels.fixed}
        self._inside = {r: Sums(number) for r in channels.fixed}
        # The same of the first template in parts of the events.
        self._parts_of_all = np.zeros(_SUBSAMPLES) if has_parts else None
        self._parts_trained = np.zeros((_SUBSAMPLES, 2 * self._bins))
        self._parts_fixed = {
            r: np.zeros((_SUBSAMPLES, len(r.fixed_edges) - 1)) for r in channels.fixed
        }

    def scored(self, batch: Batch, widths: np.ndarray | None) -> Iterator["_Scored"]:
        """Add events of other regions, and score those in regions with the observable.

        Args:
            batch: events.
            widths: softness of the bins for each of these, if it depends on all events.
        """
        number = None
        if self._parts_of_all is not None:
            number = batch.subsample(_SUBSAMPLES)
            self._parts_of_all += np.bincount(number, batch.nominal, _SUBSAMPLES)
        for region in self._channels.fixed:
            inside, bins = batch.fixed[region.name]
            weights = batch.weights(inside)
            self._fixed[region].count(weights, bins)
            self._inside[region].count(weights)
            if number is not None:
                np.add.at(self._parts_fixed[region], (number[inside], bins), weights[0])
        trained, place = batch.trained, batch.place[batch.trained]
        chosen = None if isinstance(trained, slice) else np.flatnonzero(trained)
        for p in _slices(0, len(place), bin_shares.PIECE):
            of_piece = None if widths is None else widths[p]
            shares = self._shares(batch.features[p], place[p], of_piece)
            yield _Scored(self, batch, chosen, number, p, shares)

    def add(self, piece: "_Scored") -> None:
        """Add events in regions with the observable.

        Raises:
            InputError: an event's score is not a number.
        """
        batch, chosen, number = piece.batch, piece.chosen, piece.number
        blocks = _slices(piece.events.start, piece.events.stop, bin_shares.BLOCK)
        for block, rows in zip(blocks, np.asarray(piece.shares), strict=False):
            found = rows[:, : block.stop - block.start]
            if not found[-1].all():
                at = int(np.argmin(found[-1]))
                event = block.start + at if chosen is None else int(chosen[block.start + at])
                raise without_score(
                    f"{batch.source}: {batch.path}, event {batch.piece.number(event)}",
                    self._observable.features,
                    batch.features[block],
                    at,
                )
            # NumPy's matrix products take half the time of XLA's here on a CPU.
            these = block if chosen is None else chosen[block]
            weights = batch.weights(these, self._weights)
            self._trained.add(weights, found[:-1].T)
            if number is not None:
                in_parts = np.zeros((_SUBSAMPLES, weights.shape[1]))
                in_parts[number[these], np.arange(weights.shape[1])] = weights[0]
                self._parts_trained += in_parts @ found[:-2].T

    def parts(self) -> dict[str, np.ndarray]:
        """As :attr:`hone.events.stream.Subsamples.yields`, unscaled."""
        fixed = [Histogram(x.T, x.T) for x in self._parts_fixed.values()]
        found = {}
        for group, start in (("hard", 0), ("soft", self._bins)):
            counted = self._parts_trained[:, start : start + self._bins].T
            joined = self._channels.joined(Histogram(counted, counted), fixed)
            assert self._parts_of_all is not None
            found[group] = np.column_stack([np.asarray(joined.values).T, self._parts_of_all])
        return found

    def result(self, scale: float) -> dict[str, dict[str, Histogram]]:
        """Histograms ``hard`` and ``soft`` by template, all bins (B,).

        Args:
            scale: factor on the weights.

        Raises:
            InputError: a bin is not known to 1e-9, or a histogram has lost events.
        """
        bins, trained = self._channels.observable_bins, self._channels.trained

        def where(template: int, region: Region, column: int) -> str:
            name = self._templates[template]
            return f"histogram {name!r}, region {region.name!r}, bin {column + 1}"

        def histogram(template: int, sums: Sums, bins: slice, all_of: Sums) -> Histogram:
            values = sums.values[template, bins]
            if not self._observable.has_cuts or bins.start == 0:
                refuse_lost_events(
                    f"histogram {self._templates[template]!r}",
                    values.sum(),
                    all_of.values[template, -1],
                    all_of.absolute[template, -1],
                )
            return Histogram(values * scale, sums.variances[template, bins] * scale**2)

        for region, sums in self._fixed.items():
            sums.refuse_unknown(lambda t, b, r=region: where(t, r, b), factor=scale)
        self._trained.refuse_unknown(
            lambda t, b: where(t, trained[b // bins], b % bins), slice(self._bins), scale
        )
        found: dict[str, dict[str, Histogram]] = {"hard": {}, "soft": {}}
        for k, template in enumerate(self._templates):
            fixed = [
                histogram(k, sums, slice(0, None), self._inside[region])
                for region, sums in self._fixed.items()
            ]
            for group, start in (("hard", 0), ("soft", self._bins)):
                place = slice(start, start + self._bins)
                counted = histogram(k, self._trained, place, self._trained)
                found[group][template] = self._channels.joined(counted, fixed)
        return found


class _Scored(NamedTuple):
    """Some events of a batch in regions with the observable."""

    filling: _Filling
    batch: Batch
    chosen: np.ndarray | None
    """Which events of the batch are in such regions, int (m,); None if all are."""
    number: np.ndarray | None
    """The part that each event of the batch is in."""
    events: slice
    """Which of the m these are."""
    shares: jax.Array
    """As :class:`BinShares` gives them."""


def _slices(start: int, stop: int, step: int) -> list[slice]:
    return [slice(begin, min(begin + step, stop)) for begin in range(start, stop, step)]


@eqx.filter_jit
def _respond(observable: Observable, events: Any) -> Any:
    return observable.respond(jnp.asarray(events))
