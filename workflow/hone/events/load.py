"""Events of the training and validation sets, in memory."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np

from hone.analysis import Analysis
from hone.analysis.regions import Region
from hone.analysis.sections import Sizes
from hone.errors import InputError
from hone.events.batch import Batch
from hone.events.documents import Survey, Surveys
from hone.events.event_sets import EventSets
from hone.events.reader import Reader
from hone.events.sources import Source
from hone.events.sources import sources as sources_of
from hone.running.contents import refuse_changed
from hone.running.files import read_json
from hone.statmodel.templates import Histogram, count
from hone.sums import Sums, cancel_too_far

__all__ = [
    "load_events", "load_set", "read_range", "read_set", "read_surveys", "rows_of", "scale_of",
    "scale_of_set", "scored_range", "scored_sets", "total_of_set",
]  # fmt: skip


def load_set(
    analysis: Analysis,
    files: Mapping[str, Mapping[str, Sequence[str]]],
    events_set: str,
    surveys: Sequence[str | Path],
    fold: int = 1,
    most: int | None = None,
) -> EventSets:
    """Events of one set.

    Args:
        analysis: of one hypothesis: samples, systematics, regions, split, luminosity, features, and
            the sizes of the sets; of a source with more events so many are taken, evenly.
        files: by set and name of the template.
        events_set: ``training``, ``validation`` or ``evaluation``.
        surveys: files of the surveys, ``<name>.json``.
        fold: (with folds) whose network the set is for.
        most: events of a source, where fewer than the size of the set do. Sets that were generated
            are read whole.

    Raises:
        InputError: no event of a sample is in a region with the observable, or a file is bad.
    """
    sizes = analysis.events
    if most is not None:
        size = min(most, getattr(sizes, events_set))
        sizes = sizes.model_copy(update={events_set: size})
    return load_events(
        sources_of(analysis, files[events_set], fold),
        analysis.features,
        analysis.channels,
        read_surveys(surveys),
        events_set,
        sizes,
    )


def read_surveys(paths: Sequence[str | Path]) -> dict[str, Survey]:
    """Surveys by name of the source.

    Raises:
        InputError: a file has changed since the survey.
    """
    found = {Path(path).stem: cast("Survey", read_json(path)) for path in paths}
    for path, survey in zip(paths, found.values(), strict=True):
        seen = {f["path"]: f["contents"] for f in survey["files"] if "contents" in f}
        refuse_changed(seen, f"when {path} was made from it")
    return found


def load_events(
    sources: Sequence[Source],
    features: Sequence[str],
    regions: Sequence[Region],
    surveys: Surveys,
    events_set: str,
    sizes: Sizes,
) -> EventSets:
    """Events of one set, scaled to the yields of all events.

    Args:
        sources: of every sample and variation.
        features: expressions, in order (F).
        regions: of the analysis.
        surveys: what :func:`hone.events.survey.survey` found, by source.
        events_set: ``training``, ``validation`` or ``evaluation``.
        sizes: of each set; of a source with more events this number is taken, evenly.

    Raises:
        InputError: no event of a sample is in a region with the observable.
    """
    found_features: dict[str, np.ndarray] = {}
    found_weights: dict[str, np.ndarray] = {}
    found_place: dict[str, np.ndarray] = {}
    found_fixed: dict[str, list[Histogram]] = {}
    evaluation: dict[str, float] = {}
    weighted: dict[str, str] = {}
    numbers: dict[str, dict[str, np.ndarray]] = {s.sample: {} for s in sources if s.same_events}
    for source in sources:
        batches: list[Batch] = []
        scale, ratio = read_set(
            source, features, regions, surveys, events_set, sizes, batches.append
        )
        name = source.name
        found_features[name] = np.concatenate([b.features for b in batches])
        weights = scale * np.concatenate([b.weights(b.trained) for b in batches], axis=1)
        found_weights |= dict(zip(source.weights, weights, strict=True))
        weighted |= dict.fromkeys(source.weights, name)
        if source.sample in numbers and (source.same_events or name == source.sample):
            own = [b.uniform[b.trained] for b in batches if b.uniform is not None]
            numbers[source.sample][name] = np.concatenate(own)
        if sum(region.is_trained for region in regions) > 1:
            found_place[name] = np.concatenate([b.place[b.trained] for b in batches])
        evaluation[name] = ratio
        for k, template in enumerate(source.weights):
            found_fixed[template] = [
                _fixed(batches, region, k, scale) for region in regions if not region.is_trained
            ]
    return EventSets(
        found_features,
        found_weights,
        tuple(regions),
        found_place,
        found_fixed,
        evaluation,
        weighted,
        rows_of(numbers),
    )


def read_set(
    source: Source,
    features: Sequence[str],
    regions: Sequence[Region],
    surveys: Surveys,
    events_set: str,
    sizes: Sizes,
    keep: Callable[[Batch], None],
) -> tuple[float, float]:
    """Read the events of a set piece by piece.

    Args:
        source: of the events; others as for :func:`load_events`.
        keep: takes each piece.

    Returns:
        Factor from weights to yields, and evaluation events per event of the set.

    Raises:
        InputError: no event is in a region with the observable.
    """
    low, high = read_range(source, events_set, surveys, getattr(sizes, events_set))
    kept, events, trained = Sums(1), 0, 0
    for batch in Reader(source, features, regions).batches(low, high):
        kept.count(batch.nominal[None])
        events += int(np.count_nonzero(batch.nominal))
        trained += len(batch.features)
        keep(batch)
    scale = scale_of(source, surveys, total_of_set(source, surveys, kept, events_set))
    # Where nothing is trained, a sample may be in other regions only.
    if not trained and not (source.split and "training" not in source.split.sets):
        raise InputError(
            f"{source}: no {events_set} event is in a region with the observable; look at the "
            "regions' selections, or give the set a larger part of the events"
        )
    at_the_end = sizes.evaluation
    if source.split:
        sets = surveys[source.name]["sets"]
        at_the_end = sum(sets[s]["events"] for s in scored_sets(source))
    return scale, at_the_end / events


def rows_of(numbers: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """:attr:`.EventSets.rows` of all samples.

    Args:
        numbers: of the events, by sample that has variations of the same events, and set.
    """
    return {k: rows for name, found in numbers.items() for k, rows in _rows(found, name).items()}


def _rows(numbers: Mapping[str, np.ndarray], sample: str) -> dict[str, np.ndarray]:
    """Where each event of a sample is in its sets, :attr:`.EventSets.rows`, by their numbers.

    Empty if two events of a set have one number, which then does not tell which is which. A set
    that has less than half of its events in common with the sample is left out: it was simulated
    apart, and most draws from all events together would find nothing in it.
    """
    nominal = numbers[sample]
    alike = {
        name: own
        for name, own in numbers.items()
        if 2 * np.isin(own, nominal).sum() >= max(len(own), len(nominal))
    }
    if len(alike) == 1:
        return {}
    everything = np.unique(np.concatenate(list(alike.values())))
    found = {}
    for name, own in alike.items():
        places = np.searchsorted(everything, own)
        rows = np.full(len(everything), -1, dtype=np.int32)
        rows[places] = np.arange(len(own))
        if np.count_nonzero(rows >= 0) < len(own):
            return {}
        found[name] = rows
    return found


def read_range(
    source: Source, events_set: str, surveys: Surveys, most: int | None = None
) -> tuple[float, float]:
    """Range of the uniform number that holds a set, or about ``most`` of its events."""
    if source.split is None:
        return 0.0, 1.0
    low, high = source.split.range(events_set)
    there = surveys[source.name]["sets"][events_set]["events"]
    if most is not None and there > most:
        high = low + (high - low) * most / there
    return low, high


def scored_sets(source: Source) -> list[str]:
    """The sets that the histograms are made of: with folds, all."""
    if source.split is not None and source.split.folds:
        return source.split.sets
    return ["evaluation"]


def scored_range(source: Source, surveys: Surveys) -> tuple[float, float]:
    """Range of the uniform number that holds the sets of :func:`scored_sets`."""
    if source.split is not None and source.split.folds:
        return 0.0, 1.0
    return read_range(source, "evaluation", surveys)


def total_of_set(source: Source, surveys: Surveys, kept: Sums, events_set: str) -> float:
    """Sum of the weights of the events that are kept, by which they are scaled to all.

    Raises:
        InputError: they are a part of all, and cancel to within their statistical error.
    """
    total = kept.total(f"{source}, {events_set} events")
    if source.split is None:
        return total
    every = _total(source, surveys)
    variance, absolute = kept.variances[0, 0], kept.absolute[0, 0]
    is_part = abs(total - every) > 1e-9 * absolute
    if is_part and cancel_too_far(total, variance, absolute):
        raise InputError(
            f"{source}: the weights of its {events_set} events add up to {total:.4g} ± "
            f"{np.sqrt(variance):.4g}, those of all to {every:.4g}: they cancel too far to scale "
            "one set to all; use more events"
        )
    return total


def scale_of(source: Source, surveys: Surveys, kept: float) -> float:
    """Factor on the weights, so that the kept events have the yield of all.

    Raises:
        InputError: the weights of the kept events do not add up to a number of the sign of all.
    """
    if source.split is None:
        return 1.0
    total = _total(source, surveys)
    if not kept * total > 0:
        raise InputError(
            f"{source}: the weights of the events of one set add up to {kept:g}, those of all to "
            f"{total:g}; there are too few events for the split, or too many negative weights"
        )
    factor = surveys[source.sample if source.sample_factor else source.name]["factor"]
    return float(factor * total / kept)


def _total(source: Source, surveys: Surveys) -> float:
    """Sum of the weights of all sets."""
    return sum(entry["weight"] for entry in surveys[source.name]["sets"].values())


def scale_of_set(source: Source, surveys: Surveys, events_set: str) -> float:
    """Factor on the weights of the events of a set, as :func:`scale_of`; 1 for data.

    Args:
        source: of the events.
        surveys: by source; none for data.
        events_set: ``training``, ``validation`` or ``evaluation``; with folds the last one has all.

    Raises:
        InputError: as :func:`scale_of`.
    """
    if source.split is None or not surveys:
        return 1.0
    sets = surveys[source.name]["sets"]
    names = scored_sets(source) if events_set == "evaluation" else [events_set]
    return scale_of(source, surveys, sum(sets[name]["weight"] for name in names))


def _fixed(batches: Sequence[Batch], region: Region, column: int, scale: float) -> Histogram:
    bins = np.concatenate([b.fixed[region.name][1] for b in batches])
    weights = np.concatenate([b.raw_weights[column][b.fixed[region.name][0]] for b in batches])
    return count(bins, scale * weights.astype(float), np.arange(len(region.fixed_edges)))
