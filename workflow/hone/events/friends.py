"""Scores of the events of ntuples, as friends of their trees: entry by entry, piece by piece."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hone.analysis.regions import Region
from hone.events.batch import Batch
from hone.events.documents import Surveys
from hone.events.load import scale_of_set, scored_range
from hone.events.reader import Reader
from hone.events.selected import weight_names
from hone.events.sources import Source
from hone.observable import Observable
from hone.observable.scores import score_events
from hone.running.files import replacing
from hone.running.root_files import new_root_file

__all__ = ["FRIEND", "write_friends"]

FRIEND = "scores"
"""Name of the trees."""
_EMPTY = {"score": np.float64(np.nan), "bin": np.int32(-1), "region": np.int32(-1),
          "fold": np.int32(0)}  # fmt: skip
"""Of an event that is in no region."""


def write_friends(
    observables: Sequence[Observable],
    source: Source,
    regions: Sequence[Region],
    surveys: Surveys,
    folder: str | Path,
    provenance: Mapping[str, object],
    weighted: bool = True,
) -> list[Path]:
    """Write a file with a TTree ``scores`` for each file of a source.

    It has an entry for each entry of the tree that is read, in the same order:

    - ``score`` (float64); NaN for events in no region with the observable or that fail a cut
    - ``bin`` (int32) in the histogram of the region, from 0; -1 for events in no region or that
      fail a cut
    - ``region`` (int32), its place among all by name, from 0; -1 for none
    - ``fold`` (int32), from 1, whose network is the event's; 1 without folds, 0 for events in no
      region
    - ``weight`` (float64), with which the events of the histograms add up to the yield; 0 for
      those of the training and validation sets, which are in no histogram, and for events that the
      sample's selection leaves out; and ``weight__<systematic>_<side>`` if the weight is varied

    Events without weight in any template are left out as well: they are in no region. Memory is
    that of a piece of a file.

    Args:
        observables: one, or the network of each fold.
        source: of the events.
        regions: of the analysis.
        surveys: what :func:`hone.events.survey.survey` found, by source; none for data.
        folder: of the new files, which have the names of those that are read; a number before it
            tells files of one name apart.
        provenance: how they were made.
        weighted: whether there are weights.

    Returns:
        Paths of the new files, in the order of those that are read.

    Raises:
        InputError: the files cannot be used; an event has no score.
    """
    scale = scale_of_set(source, surveys, "evaluation") if weighted else 1.0
    low, high = scored_range(source, surveys) if weighted else (0.0, 0.0)
    names = weight_names(source) if weighted else []
    empty = {**_EMPTY, **dict.fromkeys(names, np.float64(0))}
    kinds = {name: np.asarray(value).dtype for name, value in empty.items()}
    stems = [Path(path).stem for path in source.files]
    common = {stem for stem, times in Counter(stems).items() if times > 1}
    paths = []
    for number, (path, stem) in enumerate(zip(source.files, stems, strict=True), 1):
        paths.append(Path(folder, f"{number}_{stem}.root" if stem in common else f"{stem}.root"))
        reader = Reader(replace(source, files=(path,)), observables[0].features, regions)
        made = {"file": path, "tree": source.tree, **provenance}
        with replacing(paths[-1]) as partial, new_root_file(partial, made) as file:
            file.mktree(FRIEND, kinds)
            for batch in reader.batches():
                columns = {name: np.full(batch.read, value) for name, value in empty.items()}
                _fill(columns, batch, observables, regions)
                within = slice(None) if batch.uniform is None else _within(batch.uniform, low, high)
                for name, weights in zip(names, batch.raw_weights, strict=weighted):
                    columns[name][batch.places[within]] = scale * weights[within].astype(float)
                file[FRIEND].extend(columns)
    return paths


def _within(numbers: np.ndarray, low: float, high: float) -> np.ndarray:
    found: np.ndarray = (numbers >= low) & (numbers < high)
    return found


def _fill(
    columns: Mapping[str, np.ndarray],
    batch: Batch,
    observables: Sequence[Observable],
    regions: Sequence[Region],
) -> None:
    """Score, bin, region and fold of the events of a batch that are in a region."""
    trained = [k for k, region in enumerate(regions) if region.is_trained]
    own = np.flatnonzero(batch.place >= 0)
    places, folds = batch.places, batch.folds
    found = score_events(
        observables,
        batch.features,
        None if folds is None else folds[own],
        lambda at: f"{batch.source}: {batch.path}, event {batch.piece.number(int(own[at]))}",
    )
    columns["score"][places[own]], columns["bin"][places[own]] = found
    columns["region"][places[own]] = np.array(trained, dtype=int)[batch.place[own]]
    for k, region in enumerate(regions):
        if not region.is_trained:
            inside, bins = batch.fixed[region.name]
            columns["region"][places[inside]] = k
            columns["bin"][places[inside]] = bins
    somewhere = columns["region"][places] >= 0
    columns["fold"][places[somewhere]] = 1 if folds is None else folds[somewhere]
