"""Training events that stay on disk, so that memory does not grow with their number."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from hone.analysis import Analysis
from hone.analysis.regions import ONE_REGION, Region
from hone.analysis.sections import Sizes
from hone.events.batch import Batch
from hone.events.documents import Surveys
from hone.events.event_sets import EventSets, evenly, refuse_yields
from hone.events.load import load_set, read_set, read_surveys, rows_of
from hone.events.row_file import RowFile
from hone.events.sources import Source
from hone.events.sources import sources as sources_of
from hone.running.provenance import digest
from hone.statmodel.channels import Channels
from hone.statmodel.templates import Histogram

__all__ = ["StreamedSets", "stream_events", "training_set"]


@dataclass(frozen=True)
class StreamedSets:
    """The events of :class:`hone.events.event_sets.EventSets` in files, by their set."""

    files: dict[str, RowFile]
    """Rows of features (F), the number of the region if several have the observable, and weights
    of each template (T) before their scale."""
    scales: dict[str, float]
    """Factor from weights to yields."""
    templates: dict[str, list[str]]
    """Of the weights, the one of the set's own name first."""
    features: int
    """Number of them, F."""
    regions: tuple[Region, ...] = (ONE_REGION,)
    """As in :class:`~hone.events.event_sets.EventSets`, as what follows."""
    fixed: dict[str, list[Histogram]] = field(default_factory=dict)
    evaluation: dict[str, float] = field(default_factory=dict)
    rows: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def sizes(self) -> dict[str, int]:
        """Number of events of each set."""
        return {name: len(file) for name, file in self.files.items()}

    @property
    def yields(self) -> dict[str, float]:
        """Yield of each set with its nominal weights."""
        return {name: float(self.nominal_weights(name).sum()) for name in self.files}

    def nominal_weights(self, name: str) -> np.ndarray:
        """Of a set, float64 (n,)."""
        found = self.files[name].column(self._first_weight)
        found *= self.scales[name]
        return found

    def typical(self, name: str) -> np.ndarray:
        """As :meth:`.EventSets.typical`."""
        return self.take(name, evenly(len(self.files[name])), 0)[0]

    def take(
        self, name: str, places: np.ndarray, templates: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Some events of a set: features (..., F), weights (..., T), and the regions' numbers (...)
        or None.

        Args:
            name: of the set.
            places: of the events (...); those at -1 have no weight.
            templates: number of them that are wanted, T.
        """
        file, first = self.files[name], self._first_weight
        rows = file.take(places.ravel() % len(file)).reshape(*places.shape, -1)
        wanted = rows[..., first : first + templates]
        weights = np.multiply(self.scales[name], wanted, dtype="float64")
        weights[places < 0] = 0.0
        place = None if first == self.features else rows[..., self.features].astype(np.int8)
        return rows[..., : self.features].astype(float), weights, place

    def events_of(self, template: str) -> str:
        """Set of events of a template."""
        return next(name for name, templates in self.templates.items() if template in templates)

    def templates_of(self, events: str) -> list[str]:
        """Templates of a set of events, the one of the same name first."""
        return self.templates[events]

    def channels(self, observable_bins: int) -> Channels:
        """Channels of all regions, with this number of bins of the observable."""
        return Channels(self.regions, observable_bins)

    def digest(self) -> str:
        """Digest of all events and weights."""
        found = [f"{name} {self.scales[name]!r} {self.files[name].digest()}" for name in self.files]
        fixed = [
            np.asarray(histogram).tobytes().hex()
            for name in sorted(self.fixed)
            for histogram in self.fixed[name]
        ]
        rows = [hashlib.sha256(self.rows[name].tobytes()).hexdigest() for name in sorted(self.rows)]
        return digest([*sorted(found), *fixed, *rows])

    @property
    def _first_weight(self) -> int:
        several = sum(region.is_trained for region in self.regions) > 1
        return self.features + several


def training_set(
    analysis: Analysis,
    files: Mapping[str, Mapping[str, Sequence[str]]],
    surveys: Sequence[str],
    fold: int,
    streamed: bool,
) -> EventSets | StreamedSets:
    """The training events, in memory or on disk; see :func:`hone.events.load.load_set`."""
    if not streamed:
        return load_set(analysis, files, "training", surveys, fold)
    return stream_events(
        sources_of(analysis, files["training"], fold),
        analysis.features,
        analysis.channels,
        read_surveys(surveys),
        "training",
        analysis.events,
    )


def stream_events(
    sources: Sequence[Source],
    features: Sequence[str],
    regions: Sequence[Region],
    surveys: Surveys,
    events_set: str,
    sizes: Sizes,
) -> StreamedSets:
    """As :func:`hone.events.load.load_events`, on disk.

    Raises:
        InputError: as there; a template has no yield; there is no room on disk.
    """
    found = StreamedSets({}, {}, {}, len(features), tuple(regions))
    numbers: dict[str, dict[str, np.ndarray]] = {s.sample: {} for s in sources if s.same_events}
    for source in sources:
        name = source.name
        varied = source.sample in numbers and (source.same_events or name == source.sample)
        files = _Files(source, len(features), regions, varied)
        scale, found.evaluation[name] = read_set(
            source, features, regions, surveys, events_set, sizes, files.add
        )
        found.files[name], found.scales[name] = files.trained, scale
        found.templates[name] = templates = list(source.weights)
        refuse_yields(dict(zip(templates, scale * files.sums, strict=True)))
        if files.numbers is not None:
            numbers[source.sample][name] = np.concatenate(files.numbers)
        counted = [
            _counted(rows, scale, len(region.fixed_edges) - 1)
            for region, rows in files.fixed.items()
        ]
        for k, template in enumerate(templates):
            found.fixed[template] = [histograms[k] for histograms in counted]
    found.rows.update(rows_of(numbers))
    return found


class _Files:
    """The events of a source on their way to disk.

    Args:
        source: of the events.
        features: number of them.
        regions: of the analysis.
        has_numbers: whether the sample has variations of the same events.
    """

    def __init__(
        self, source: Source, features: int, regions: Sequence[Region], has_numbers: bool
    ) -> None:
        weights, what = len(source.weights), str(source)
        self._several = sum(region.is_trained for region in regions) > 1
        self.trained = RowFile(features + self._several + weights, what)
        self.fixed = {r: RowFile(1 + weights, what) for r in regions if not r.is_trained}
        """Rows of a bin and weights."""
        self.sums = np.zeros(weights)
        """Of the weights."""
        self.numbers: list[np.ndarray] | None = [] if has_numbers else None
        """Of the events, of which variations are."""

    def add(self, batch: Batch) -> None:
        """Write a piece."""
        trained = batch.trained
        weights = batch.weights(trained)
        self.sums += weights.sum(axis=1)
        place = [batch.place[trained][:, None]] if self._several else []
        self.trained.append(np.hstack([batch.features, *place, weights.T]))
        for region, rows in self.fixed.items():
            inside, bins = batch.fixed[region.name]
            rows.append(np.column_stack([bins, batch.weights(inside).T]))
        if self.numbers is not None and batch.uniform is not None:
            self.numbers.append(batch.uniform[trained])


def _counted(file: RowFile, scale: float, bins: int) -> list[Histogram]:
    """Of each template, from rows of a bin and weights; summed in the order of the events."""
    found = np.zeros((file.columns - 1, 2, bins))
    for rows in file.pieces():
        # What was counted before comes first.
        index = np.concatenate([np.arange(bins), rows[:, 0].astype(int)])
        for sums, column in zip(found, rows[:, 1:].T, strict=True):
            weights = scale * column.astype(float)
            for total, values in zip(sums, (weights, weights**2), strict=True):
                total[:] = np.bincount(index, np.concatenate([total, values]), bins)
    return [Histogram(values, variances) for values, variances in found]
