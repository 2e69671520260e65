"""Sources of the events of an analysis, from its config."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from hone.analysis import Analysis, Template
from hone.analysis.fields import filled_in
from hone.analysis.observables import VariableBins
from hone.analysis.samples import DimuonSample, HistogramSample, NtupleSample
from hone.analysis.sections import Split
from hone.analysis.variations import Variation
from hone.events import TREE, WEIGHT
from hone.events.split import fold_of

__all__ = ["BinnedSource", "Source", "data_source", "observed_source", "sources"]


@dataclass(frozen=True)
class Source:
    """The files of one set of events, and its templates."""

    template: Template
    """What the events belong to."""
    files: tuple[str, ...]
    tree: str
    weights: Mapping[str, str]
    """Expression of the weight for each template by name, that of the events themselves first."""
    split: Split | None = None
    """None where each of the three sets has files of its own."""
    normalisation: Mapping[str, float] = field(default_factory=dict)
    """``yield`` or ``cross_section`` and ``luminosity``, ``sum_of_weights``, or nothing."""
    sample_factor: bool = False
    """Whether it is a variation scaled by the sample's factor from weights to yields, so that its
    yield may differ."""
    fold: int = 1
    """(with folds) Whose network the sets are for: that fold is its evaluation set."""
    selection: str | None = None
    """Expression that is true for those events in the files that are its own; None if all are."""
    replaced: Mapping[str, str] = field(default_factory=dict)
    """Branches that are read in the place of others, by the name of these in expressions."""
    same_events: bool = False
    """Whether it is a variation of its sample's own events: other branches of them, or events with
    the same numbers in ``split.branch``."""

    @property
    def name(self) -> str:
        """Of the template."""
        return self.template.name

    @property
    def sample(self) -> str:
        """The sample that it belongs to."""
        return self.template.sample

    @property
    def is_divided_by_its_files(self) -> bool:
        """Whether its normalisation takes the sum of the weights of all events in the files."""
        wanted = self.normalisation.keys() & {"yield", "cross_section"}
        return bool(wanted) and not (self.sample_factor or "sum_of_weights" in self.normalisation)

    def folds_of(self, numbers: np.ndarray | None) -> np.ndarray | None:
        """The fold, from 1, of events with these numbers (n,); None without folds.

        Args:
            numbers: from 0 to 1, that decide on the set and the fold; None if the file does.
        """
        if self.split is None or not self.split.folds or numbers is None:
            return None
        return fold_of(numbers, self.split.folds, self.fold)

    def __str__(self) -> str:
        kind = "sample" if self.template == self.template.nominal else "variation"
        return f"{kind} {self.name!r}"


@dataclass(frozen=True)
class BinnedSource(Source):
    """The files of histograms, which have no events; ``tree`` is where these are in them, with
    ``{region}`` in the place of the region's name."""

    drops_beyond: bool = False
    """Whether bins beyond the edges of a region are left out, not added to its outermost ones."""
    regions: frozenset[str] | None = None
    """Those that have a histogram; others are as those of the sample. None if all have."""
    observable_edges: tuple[float, ...] | None = None
    """Bin edges (B + 1,) of the analysis' only observable; None if there is none, or several."""

    def has(self, region: str) -> bool:
        """Whether it has a histogram of its own in a region."""
        return self.regions is None or region in self.regions

    def path(self, region: str) -> str:
        """Where the histogram of a region is in each file."""
        return filled_in(self.tree, region=region)


def sources(analysis: Analysis, files: Mapping[str, Sequence[str]], fold: int = 1) -> list[Source]:
    """The sources of simulated events.

    Args:
        analysis: with their samples and systematics, the split and the luminosity.
        files: of each set of events that is wanted, by the name of its template.
        fold: (with folds) whose network the events are for.
    """
    templates = {t.name: t for t in analysis.event_templates(analysis.simulated)}
    return [
        replace(_source(analysis, templates[name], paths), fold=fold)
        for name, paths in files.items()
    ]


def data_source(analysis: Analysis, files: Sequence[str]) -> Source:
    """The source of observed events: each counts once, scored by the network of its fold."""
    (sample,) = analysis.data
    if isinstance(sample, HistogramSample):
        return _histograms(analysis, sample, Template(sample.name), tuple(files))
    assert isinstance(sample, NtupleSample)
    split = analysis.split if analysis.split.folds else None
    weights = {sample.name: "1"}
    return Source(
        Template(sample.name), tuple(files), sample.tree, weights, split, selection=sample.selection
    )


def observed_source(analysis: Analysis, files: Sequence[str]) -> Source:
    """The source of the observation: data, or the pseudo-data of generated events."""
    if analysis.data:
        return data_source(analysis, files)
    return Source(Template("data"), tuple(files), TREE, {"data": WEIGHT})


def _source(analysis: Analysis, template: Template, paths: Sequence[str]) -> Source:
    sample, variation = analysis.sample(template.sample), analysis.variation(template)
    files, is_nominal = tuple(map(str, paths)), template == template.nominal
    if isinstance(sample, HistogramSample):
        return _histograms(analysis, sample, template, files)
    varied = analysis.weights(sample.name) if is_nominal else {}
    weights = {t.name: weight for t, weight in varied.items()}
    if not isinstance(sample, NtupleSample):
        return Source(template, files, TREE, {template.name: WEIGHT} | weights)
    entry = variation or Variation.model_construct()
    return Source(
        template,
        files,
        entry.tree or sample.tree,
        {template.name: entry.weight or sample.weight} | weights,
        analysis.split,
        _normalisation(analysis, sample, entry, is_nominal),
        not is_nominal and not entry.has_own_normalisation,
        selection=sample.selection,
        replaced=entry.replace or {},
        same_events=not is_nominal and (_only_replaces(entry) or bool(analysis.split.branch)),
    )


def _only_replaces(variation: Variation) -> bool:
    """Whether it reads the sample's own events."""
    return variation.replace is not None and variation.files is None and variation.tree is None


def _histograms(
    analysis: Analysis, sample: HistogramSample, template: Template, files: tuple[str, ...]
) -> BinnedSource:
    given, variation = sample.histograms, analysis.variation(template)
    path = (variation and variation.path) or given.path
    names = {"sample": sample.name, "systematic": template.systematic, "side": template.side}
    acting = {
        region.name
        for region in analysis.channels
        for systematic in analysis.systematics
        if template in systematic.templates(sample.name) and sample.name in systematic.samples
        if systematic.acts_in(region.name)
    }
    binned = [x for x in analysis.observables if isinstance(x, VariableBins)]
    return BinnedSource(
        template,
        files,
        filled_in(path, **names),
        {template.name: "1"},
        drops_beyond=given.beyond == "dropped",
        regions=None if template == template.nominal else frozenset(acting),
        observable_edges=tuple(binned[0].edges) if len(binned) == 1 else None,
    )


def _normalisation(
    analysis: Analysis, sample: NtupleSample, variation: Variation, is_nominal: bool
) -> dict[str, float]:
    found = {
        "yield": sample.yield_,
        "cross_section": sample.cross_section,
        "sum_of_weights": sample.sum_of_weights if is_nominal else variation.sum_of_weights,
        "luminosity": analysis.luminosity,
    }
    if isinstance(sample, DimuonSample):
        # What the detector does not accept was generated all the same.
        found["sum_of_weights"] = sample.dimuons.events
    return {key: value for key, value in found.items() if value is not None}
