"""Survey of the events of a source: numbers, sums of weights, and what looks wrong."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from hone.analysis.regions import Region
from hone.events.batch import Batch
from hone.events.behind_features import behind
from hone.events.counting import Tally, without_event
from hone.events.documents import RegionSums, Sentinel, Survey
from hone.events.far_out import Outermost, far_out
from hone.events.fingerprints import Digest, Fingerprints
from hone.events.histograms import survey_histograms
from hone.events.reader import Reader
from hone.events.sources import BinnedSource, Source
from hone.outliers import Regular
from hone.sentinels import PADDING
from hone.sums import Sums, refuse_lost_events

__all__ = ["refuse_sample_first", "survey", "survey_weights"]

_MOST = 40_000
"""Events in which marks for missing values are looked for."""


def survey(
    source: Source, features: Sequence[str], regions: Sequence[Region], events_set: str = ""
) -> Survey:
    """Read all events once and sum what later steps need.

    Args:
        source: of the events.
        features: expressions.
        regions: of the analysis.
        events_set: set of the files, if these are not split.

    Raises:
        InputError: the files cannot be used; the source has no event, or no yield; a sum is not
            known to 1e-9.
    """
    if isinstance(source, BinnedSource):
        return survey_histograms(source, regions, events_set)
    reader = Reader(source, features, regions)
    tally = Tally(source, events_set)
    digests: defaultdict[str, Digest] = defaultdict(Digest)
    fingerprints: defaultdict[str, Fingerprints] = defaultdict(Fingerprints)
    trained = [r.name for r in regions if r.is_trained]
    scored = {name: np.zeros(len(trained), dtype=int) for name in tally.sets}
    sample, outermost = Thinned(), Outermost(len(features))
    looked_at = {text: (one, Thinned()) for text, one in behind(features, regions).items()}
    sums = {r.name: _OfRegion(r, source) for r in regions}
    for batch in reader.batches():
        tally.add(batch)
        digests[batch.path].add(batch)
        fingerprints[batch.path].add(batch.features, batch.nominal[batch.trained])
        for name in tally.sets:
            own = batch.of_set(source.split, name, events_set)
            place = batch.place[own][batch.nominal[own] != 0]
            scored[name] += np.bincount(place[place >= 0], minlength=len(trained))
        sample.add(batch.features)
        outermost.add(batch.features)
        for one, values in looked_at.values():
            values.add(one.values(batch)[:, None])
        _add_regions(sums, regions, batch)
    found = tally.result()
    marks = _sentinels(features, sample.events())
    for what, (one, values) in looked_at.items():
        if one.within not in marks:
            of_it = _sentinels([what], values.events())
            marks |= {name: {**mark, "user": one.user} for name, mark in of_it.items()}
    for entry in found["files"]:
        if entry["events"]:
            entry["digest"] = digests[entry["path"]].text()
        if text := fingerprints[entry["path"]].text():
            entry["fingerprints"] = text
        if repeated := fingerprints[entry["path"]].repeated():
            entry["repeated"] = repeated
    return {
        **found,
        "sample": source.sample,
        "split": source.split is not None,
        "sample_factor": source.sample_factor,
        "scored": {
            name: dict(zip(trained, counts.tolist(), strict=True))
            for name, counts in scored.items()
        },
        "sentinels": marks,
        "far_out": far_out(features, sample.events(), outermost),
        "regions": {name: of_region.rows(found["factor"]) for name, of_region in sums.items()},
    }


def refuse_sample_first(
    nominal: Source, source: Source, features: Sequence[str], regions: Sequence[Region]
) -> None:
    """Of a variation that cannot be used, say what is wrong with the events of its sample, if that
    is seen at their beginning: a branch that both lack, or that neither has an event.

    Raises:
        InputError: the files of the sample cannot be used.
    """
    if nominal.name == source.name or isinstance(nominal, BinnedSource):
        return
    if next(Reader(nominal, features, regions).batches(), None) is None:
        raise without_event(nominal)


def survey_weights(
    source: Source, regions: Sequence[Region], factor: float
) -> dict[str, dict[str, RegionSums]]:
    """As ``regions`` of :func:`survey`, for templates of the same events with varied weights.

    Args:
        source: of the events.
        regions: of the analysis.
        factor: yield per unit of weight.

    Raises:
        InputError: the weights cannot be used; a sum is not known to 1e-9.
    """
    sums = {r.name: _OfRegion(r, source) for r in regions}
    for batch in Reader(source, [], regions).batches():
        _add_regions(sums, regions, batch)
    return {
        name: {
            template: row
            for template, row in of_region.rows(factor).items()
            if template != source.name
        }
        for name, of_region in sums.items()
    }


def _add_regions(sums: Mapping[str, "_OfRegion"], regions: Sequence[Region], batch: Batch) -> None:
    place = 0
    for region in regions:
        if region.is_trained:
            sums[region.name].add(batch.weights(batch.place == place), None)
            place += 1
        else:
            inside, bins = batch.fixed[region.name]
            sums[region.name].add(batch.weights(inside), bins)


def _sentinels(features: Sequence[str], events: np.ndarray) -> dict[str, Sentinel]:
    """What of each feature (F) is no value, from some events (n, F)."""
    found: dict[str, Sentinel] = {}
    for name, column in zip(features, events.T, strict=True):
        there = column[column != PADDING]
        if not there.size:
            continue
        marks = Regular.of(there).marks
        if marks.values:
            others = there[marks.others(there)]
            found[name] = {
                "values": list(marks.values),
                "part": float(1 - len(others) / len(there)),
                "median": float(np.median(others)),
            }
    return found


class Thinned:
    """Some of many events, evenly spread over them: at most 40,000, at least half as many."""

    def __init__(self) -> None:
        self._kept: list[np.ndarray] = []
        self._stride, self._next = 1, 0

    def add(self, events: np.ndarray) -> None:
        """Add events (n, F)."""
        chosen = events[self._next :: self._stride].copy()
        self._kept.append(chosen)
        self._next += len(chosen) * self._stride - len(events)
        while sum(map(len, self._kept)) > _MOST:
            together = np.concatenate(self._kept)
            self._kept = [together[::2]]
            # The event after the last one that is kept.
            self._next += self._stride * (len(together) % 2)
            self._stride *= 2

    def events(self) -> np.ndarray:
        """Those kept (m, F)."""
        return np.concatenate(self._kept)


class _OfRegion:
    """Sums the events of a region, for all templates of a source."""

    def __init__(self, region: Region, source: Source) -> None:
        self.region, self.source = region, source
        templates = len(source.weights)
        self.events = np.zeros(templates, dtype=int)
        self.all = Sums(templates)
        self.bins = (
            Sums(templates, len(region.fixed_edges) - 1) if region.fit == "variable" else None
        )
        self.negative, self.largest = np.zeros((2, templates))

    def add(self, weights: np.ndarray, bins: np.ndarray | None) -> None:
        self.events += np.count_nonzero(weights, axis=1)
        self.all.count(weights)
        self.negative += np.minimum(weights, 0).sum(axis=1)
        if weights.shape[1]:
            self.largest = np.maximum(self.largest, np.abs(weights).max(axis=1))
        if self.bins is not None:
            assert bins is not None
            self.bins.count(weights, bins)

    def rows(self, factor: float) -> dict[str, RegionSums]:
        """Rows by template.

        Raises:
            InputError: a yield or its error is not known to 1e-9.
        """
        self.all.refuse_unknown(lambda t, _: self._where(t), factor=factor)
        if self.bins is not None:
            self.bins.refuse_unknown(lambda t, b: f"{self._where(t)}, bin {b + 1}", factor=factor)
        found = {}
        for k, template in enumerate(self.source.weights):
            total = self.all.values[k, 0]
            share = abs(total) or 1.0
            row: RegionSums = {
                "events": int(self.events[k]),
                "yield": float(total * factor),
                "error": float(math.sqrt(self.all.variances[k, 0]) * factor),
                "largest": float(self.largest[k] / share),
                "negative": float(-self.negative[k] / (self.all.absolute[k, 0] or 1.0)),
            }
            if self.bins is not None:
                of_bins = self.bins.values[k]
                refuse_lost_events(self._where(k), of_bins.sum(), total, self.all.absolute[k, 0])
                row["bins"] = (of_bins * factor).tolist()
            elif not self.region.is_trained:
                row["bins"] = [row["yield"]]
            found[template] = row
        return found

    def _where(self, template: int) -> str:
        name, files = list(self.source.weights)[template], ", ".join(self.source.files)
        varied = "" if name == self.source.name else f", template {name!r}"
        return f"{self.source} ({files}){varied}, region {self.region.name!r}"
