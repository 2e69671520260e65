"""Histograms of the evaluation events, piece by piece: memory does not grow with their number."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from hone.analysis.regions import Region
from hone.errors import InputError
from hone.events.batch import Batch
from hone.events.bin_shares import edges_of
from hone.events.counted_once import each_counted_once
from hone.events.documents import Surveys
from hone.events.fold_histograms import FoldHistograms
from hone.events.generate import seed_of
from hone.events.histograms import read_template
from hone.events.load import scale_of, scale_of_set, scored_range, total_of_set
from hone.events.reader import Reader
from hone.events.sources import BinnedSource, Source
from hone.observable import Observable
from hone.statmodel.channels import Channels
from hone.statmodel.templates import Histogram
from hone.sums import Sums

__all__ = ["Subsamples", "count_data", "draw_data", "fill_histograms"]


class Subsamples:
    """Yields in random parts of the events, the same parts in a sample and its variations of the
    same events: from these, whatever they have in common is known.

    Args:
        sources: of every sample and variation.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        varied = {source.sample for source in sources if source.same_events}
        self.names = {s.name for s in sources if s.same_events or s.name in varied}
        """Sources that have parts in common with others; their other weights are not counted."""
        self.yields: dict[str, dict[str, np.ndarray]] = {"hard": {}, "soft": {}}
        """By group and source: yields of each part in all bins, and of all its events (100, B + 1).
        """


def fill_histograms(
    observables: Sequence[Observable],
    sources: Sequence[Source],
    regions: Sequence[Region],
    surveys: Surveys,
    features: Sequence[str],
    subsamples: Subsamples | None = None,
) -> dict[str, dict[str, Histogram]]:
    """Histograms of all templates in all channels (B,), ``hard`` and ``soft``.

    Args:
        observables: the network of each fold, or the one observable of all events; in all of them
            the same number of bins.
        sources: of every sample and variation, each sample before its variations.
        regions: of the analysis.
        surveys: what :func:`hone.events.survey.survey` found, by source.
        features: expressions, in the observable's order.
        subsamples: what is to be filled as well.

    Raises:
        InputError: the files cannot be used; an event has no score; a bin is not known to 1e-9.
    """
    found: dict[str, dict[str, Histogram]] = {"hard": {}, "soft": {}}
    for source in sources:
        if isinstance(source, BinnedSource):
            bins = _bins(observables, regions)
            for histograms in found.values():  # nothing is known within a bin
                nominal = histograms.get(source.sample)
                histograms[source.name] = read_template(source, bins, nominal)
            continue
        low, high = scored_range(source, surveys)
        kept = Sums(1)
        reader = Reader(source, features, regions)
        has_parts = subsamples is not None and source.name in subsamples.names
        batches = reader.batches(low, high)
        filling = FoldHistograms(observables, regions, list(source.weights), has_parts)
        if observables[0].widths_follow_events:
            filling.find_widths(reader.batches(low, high))
        filling.add(_counted(batches, kept))
        scale = scale_of(source, surveys, total_of_set(source, surveys, kept, "evaluation"))
        for group, histograms in filling.result(scale).items():
            found[group] |= histograms
        if subsamples is not None and has_parts:
            for group, yields in filling.parts(scale).items():
                subsamples.yields[group][source.name] = yields
    return found


def count_data(
    observables: Sequence[Observable],
    source: Source,
    regions: Sequence[Region],
    features: Sequence[str],
) -> Histogram:
    """Observed events in all channels (B,).

    Raises:
        InputError: the files cannot be used, or have events in common; an event has no score.
    """
    if isinstance(source, BinnedSource):
        return read_template(source, _bins(observables, regions), counted=True)
    batches = Reader(source, features, regions).batches()
    return _count(observables, regions, each_counted_once(source, batches))


def draw_data(
    observables: Sequence[Observable],
    sources: Sequence[Source],
    regions: Sequence[Region],
    surveys: Surveys,
    features: Sequence[str],
    strengths: Mapping[str, float],
    seed: int,
) -> Histogram:
    """Pseudo-data (B,): each evaluation event a Poisson number of times, with its weight as mean.

    The events are the same for every observable.

    Args:
        observables: the network of each fold, or the one observable of all events.
        sources: of every sample.
        regions: of the analysis.
        surveys: what :func:`hone.events.survey.survey` found, by source.
        features: expressions, in the observable's order.
        strengths: factors on the yields of samples, if not 1.
        seed: of the draw.

    Raises:
        InputError: the files cannot be used; an event has no score, or a negative weight.
    """

    def drawn(source: Source) -> Iterator[Batch]:
        generator = np.random.default_rng(seed_of(seed, "pseudo-data", source.name))
        scale = scale_of_set(source, surveys, "evaluation")
        reader = Reader(source, features, regions)
        for batch in reader.batches(*scored_range(source, surveys)):
            mean = strengths.get(source.name, 1.0) * scale * batch.nominal
            if (mean < 0).any():
                raise InputError(
                    f"{source}: {batch.path} has events of negative weight, of which no "
                    "pseudo-data can be drawn; leave out observation.pseudo_data"
                )
            yield batch._replace(raw_weights=(generator.poisson(mean),))

    return _count(observables, regions, (batch for source in sources for batch in drawn(source)))


def _counted(batches: Iterator[Batch], sums: Sums) -> Iterator[Batch]:
    """The same batches, their weights added to the sums."""
    for batch in batches:
        sums.count(batch.nominal[None])
        yield batch


def _count(
    observables: Sequence[Observable], regions: Sequence[Region], batches: Iterator[Batch]
) -> Histogram:
    filling = FoldHistograms(observables, regions, ["data"])
    filling.add(batches)
    return filling.result(1.0)["hard"]["data"]


def _bins(
    observables: Sequence[Observable], regions: Sequence[Region]
) -> dict[str, np.ndarray | None]:
    """Bin edges of each region; None where events are only counted."""
    edges = np.asarray(edges_of(observables[0]))
    found = Channels(tuple(regions), len(edges) - 1).edges(edges)
    return {r.name: None if r.fit == "count" else found[r.name] for r in regions}
