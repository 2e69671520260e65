"""Samples, their files and histograms that do not fit together or the rest."""

from collections.abc import Iterator

from hone.analysis.analysis import Analysis
from hone.analysis.contradictions.branches import missing_branches
from hone.analysis.contradictions.files import of_files, with_trees
from hone.analysis.fields import filled_in
from hone.analysis.modifiers import ALL
from hone.analysis.observables import VariableBins
from hone.analysis.paths import is_table, matching
from hone.analysis.samples import (
    DimuonSample,
    FileSample,
    GeneratedSample,
    HistogramSample,
    NtupleSample,
)
from hone.analysis.sections import SETS

__all__ = ["of_histograms", "of_samples", "of_split"]


def of_samples(analysis: Analysis) -> Iterator[str]:
    """Processes, files, branches and parameters of samples."""
    for process in ("signal", "background"):
        if process not in {s.process for s in analysis.samples}:
            yield f"samples: there is no sample of process {process!r}"
    if len({isinstance(s, GeneratedSample) for s in analysis.simulated}) > 1:
        yield (
            "samples: some have files or histograms and some a distribution; an analysis has either"
        )
    for i, sample in enumerate(analysis.samples):
        if sample.name == ALL:
            yield f"samples[{i}].name: {ALL!r} stands for every sample; choose another"
    data = [s.name for s in analysis.samples if s.is_data]
    if len(data) > 1:
        yield f"samples: {', '.join(data)} are all of process data; list all files in one sample"
    for i, sample in enumerate(analysis.samples):
        if sample.own_files is not None:
            key = "histograms.files" if isinstance(sample, HistogramSample) else "files"
            yield from (f"samples[{i}].{key}: {p}" for p in of_files(sample.own_files))
            if isinstance(sample, HistogramSample):
                for path in filter(is_table, matching(sample.own_files)):
                    yield f"samples[{i}].{key}: {path} has events, no histograms; give it as files"
        if (
            isinstance(sample, FileSample)
            and sample.tree != NtupleSample.model_fields["tree"].default
        ):
            yield from with_trees(f"samples[{i}].tree", sample.files)
        if isinstance(sample, DimuonSample):
            known = {f"samples[{i}]": sample.branches}
            for key, text in (("selection", sample.selection), ("weight", sample.weight)):
                yield from missing_branches(f"samples[{i}].{key}", text, known)
        if isinstance(sample, NtupleSample) and sample.cross_section and not analysis.luminosity:
            yield (
                f"samples[{i}].cross_section: needs the luminosity of the analysis (luminosity, "
                "in 1/fb)"
            )
        for name in (isinstance(sample, NtupleSample) and sample.shares_events_with) or []:
            others = [s.name for s in analysis.simulated if s.name != sample.name]
            if name not in others:
                yield (
                    f"samples[{i}].shares_events_with: {name!r} is no other simulated sample; "
                    f"these are {', '.join(others)}"
                )
    points = [
        tuple(sorted(s.parameters.items()))
        for s in analysis.samples
        if s.is_signal and not analysis.measure
    ]
    if len({tuple(name for name, _ in point) for point in points}) > 1:
        yield "samples: all signals must have the same parameters, or none"
    if any(points) and len(set(points)) < len(points):
        yield "samples: two signals have the same parameters"
    yield from of_split(analysis)


def of_histograms(analysis: Analysis) -> Iterator[str]:
    """Samples without events can be neither trained on nor drawn from."""
    places: dict[tuple[str, str], str] = {}
    for i, sample in enumerate(analysis.samples):
        if not isinstance(sample, HistogramSample):
            continue
        given = sample.histograms
        where = f"samples[{i}].histograms"
        for key in ("systematic", "side"):
            if f"{{{key}}}" in given.path:
                yield f"{where}.path: {{{key}}} has a name only in variations; remove it"
        if len(analysis.regions) > 1 and "{region}" not in given.path:
            yield f"{where}.path: needs {{region}}: each region has a histogram of its own"
        for file in matching(given.files):
            other = places.setdefault((file, filled_in(given.path, sample=sample.name)), where)
            if other != where:
                yield f"{where}.path: has the histograms of {other}, which would count twice"
    if not analysis.has_histograms:
        return
    if len(analysis.observables) > 1 or analysis.of_kind(VariableBins) != [
        o.name for o in analysis.observables
    ]:
        yield (
            "observables: histograms have no events to be trained on: leave out all observables, "
            "or keep one of kind variable"
        )
    if analysis.observation.pseudo_data:
        yield (
            "observation.pseudo_data: histograms have no events that can be drawn; remove it: the "
            "observation is then what is expected"
        )
    if all(isinstance(s, HistogramSample) for s in analysis.samples):
        for i, region in enumerate(analysis.regions):
            if region.selection is not None:
                yield (
                    f"regions[{i}].selection: all samples have histograms, which nothing can be "
                    "selected from; remove it"
                )


def of_split(analysis: Analysis) -> Iterator[str]:
    """Sets of events that nothing is left for, or that are of no use."""
    split = analysis.split
    if split.ends[2] >= 1:
        yield "split: training and validation leave no events for evaluation; their sum must be < 1"
    if split.folds and analysis.tracking != "none":
        yield f"tracking: {analysis.tracking} knows one training a seed; remove it, or split.folds"
    if split.folds and not analysis.has_ntuples:
        yield "split.folds: generated events have a set for each purpose; remove it"
    for name in set(SETS) - set(split.sets):
        if analysis.has_ntuples and analysis.learning:
            yield f"split.{name}: 0 is of no use to {', '.join(analysis.learning)}, which learn"
