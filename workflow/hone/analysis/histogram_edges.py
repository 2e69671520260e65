"""Bin edges that the config leaves to given histograms."""

from collections.abc import Iterator

from hone.analysis.analysis import Analysis
from hone.analysis.fields import filled_in
from hone.analysis.paths import matching
from hone.analysis.samples import HistogramSample
from hone.errors import InputError

__all__ = ["with_edges", "without_edges"]


def with_edges(analysis: Analysis) -> Analysis:
    """The same, with edges of all regions of a variable that have none.

    They are those of the first simulated sample with histograms; without one, none.

    Raises:
        InputError: there is no such histogram, or it cannot be read.
    """
    samples = (s for s in analysis.simulated if isinstance(s, HistogramSample))
    sample = next(samples, None)
    file = next(iter(matching(sample.histograms.files)), None) if sample else None
    places = [i for i, r in enumerate(analysis.regions) if r.fit == "variable" and not r.edges]
    if not places or sample is None or file is None:
        return analysis
    from hone.running.histogram_files import read_histogram  # most configs need no uproot

    regions = list(analysis.regions)
    for i in places:
        path = filled_in(sample.histograms.path, sample=sample.name, region=regions[i].name)
        try:
            (edges,) = read_histogram(file, path).unrolled(drops_beyond=False).edges
        except InputError as error:
            raise InputError(f"regions[{i}].edges: there are none, and {error}") from error
        regions[i] = regions[i].model_copy(update={"edges": edges.tolist()})
    return analysis.model_copy(update={"regions": regions})


def without_edges(analysis: Analysis) -> Iterator[tuple[int, str]]:
    """Regions of a variable that have no edges and cannot have any: place, and what is wrong."""
    if any(isinstance(sample, HistogramSample) for sample in analysis.simulated):
        return
    for i, region in enumerate(analysis.regions):
        if region.fit == "variable" and region.edges is None:
            yield i, f"regions[{i}]: 'edges' is missing"
