"""Templates that are given as histograms, in the bins of the regions."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np

from hone.analysis.regions import Region
from hone.errors import InputError
from hone.events.documents import RegionSums, Survey
from hone.events.sources import BinnedSource
from hone.running.histogram_files import GivenHistogram, read_histogram
from hone.statmodel.templates import Histogram

__all__ = ["read_template", "survey_histograms"]

log = logging.getLogger(__name__)

_CLOSE = 1e-9
"""Relative to the width of a bin, for edges that are the same."""


def read_template(
    source: BinnedSource,
    edges: Mapping[str, np.ndarray | None],
    nominal: Histogram | None = None,
    *,
    counted: bool = False,
) -> Histogram:
    """Histograms of all regions side by side (B,).

    Args:
        source: of a sample, of a variation, or of the observed events.
        edges: of each region (B + 1,); None where events are only counted.
        nominal: histogram of the sample, which a variation has in regions without its own.
        counted: whether these are observed events, whose errors do not matter.

    Raises:
        InputError: names file and histogram: it does not exist or is none; edges of the region
            are none of its edges; a yield is not finite, or negative in data; a sample's has no
            error.
    """
    parts, start = [], 0
    for region, of_region in edges.items():
        bins = 1 if of_region is None else len(of_region) - 1
        if source.has(region):
            parts.append(_of_region(source, region, of_region, counted))
        else:
            assert nominal is not None, "each sample is before its variations"
            parts.append(Histogram(*(part[start : start + bins] for part in nominal)))
        start += bins
    return Histogram(*(np.concatenate([part[k] for part in parts]) for k in (0, 1)))


def survey_histograms(source: BinnedSource, regions: Sequence[Region], events_set: str) -> Survey:
    """What :func:`hone.events.survey.survey` finds of events, of histograms.

    The number of events is the effective one, yield^2 / variance.

    Raises:
        InputError: as :func:`read_template`; a sample has no yield in any region.
    """
    found: dict[str, dict[str, RegionSums]] = {}
    for region in (r for r in regions if source.has(r.name)):
        edges = region.fixed_edges if region.fit == "variable" else None
        if region.is_trained and source.observable_edges is not None:
            edges = np.array(source.observable_edges)
        values, variances = map(np.asarray, _of_region(source, region.name, edges, counted=False))
        total, variance = float(values.sum()), float(variances.sum())
        sums: RegionSums = {
            "events": round(total**2 / variance) if variance else int(total != 0),
            "yield": total,
            "error": float(np.sqrt(variance)),
            "largest": 0.0,
            "negative": 0.0,
        }
        if not region.is_trained:
            sums["bins"] = [total] if edges is None else values.tolist()
        found[region.name] = {source.name: sums}
    rows = [row[source.name] for row in found.values()]
    total, events = sum(row["yield"] for row in rows), sum(row["events"] for row in rows)
    if rows and not total:
        raise InputError(f"{source} ({', '.join(source.files)}): its histograms have no yield")
    return {
        "source": source.name,
        "tree": source.tree,
        # No two samples have events in common that could be known.
        "files": [{"path": path, "events": 0} for path in source.files],
        "sets": {events_set: {"events": events, "weight": total}},
        "factor": 1.0,
        "divided_by": None,
        "sample": source.sample,
        "split": False,
        "sample_factor": False,
        "scored": {},
        "sentinels": {},
        "far_out": {},
        "regions": found,
    }


def _of_region(
    source: BinnedSource, region: str, edges: np.ndarray | None, counted: bool
) -> Histogram:
    path, sums = source.path(region), []
    is_nominal = source.template == source.template.nominal
    for file in source.files:
        where = f"{file}: histogram {path!r}"
        cells = _read(file, path, is_nominal and not counted, source.drops_beyond)
        (found,) = cells.edges
        starts, end = _starts(found, edges, source.drops_beyond, f"{where}, region {region!r}")
        sums.append([np.add.reduceat(x[:end], starts) for x in cells[:2]])
    values, variances = np.sum(sums, axis=0)
    files = ", ".join(source.files)
    fractional = counted & (values != np.rint(values))
    for k, (value, variance) in enumerate(zip(values, variances, strict=True), 1):
        where = f"{files}: histogram {path!r}, bin {k} of region {region!r}"
        if counted and value < 0:
            raise InputError(f"{where}: {value:g} events were observed; data are not negative")
        if is_nominal and not counted and value != 0 and variance == 0:
            raise InputError(
                f"{where}: the yield is {value:g} and its error 0; a histogram of simulated events "
                "needs their errors (Sumw2)"
            )
    if fractional.any():
        log.warning(
            "%s: histogram %r, region %r: %d of %d bins are no whole numbers, as counts are (%g in "
            "bin %d); they are fitted as they are",
            files, path, region, fractional.sum(), len(values), values[fractional][0],
            np.argmax(fractional) + 1,
        )  # fmt: skip
    return Histogram(values, variances)


def _starts(
    found: np.ndarray, edges: np.ndarray | None, drops_beyond: bool, where: str
) -> tuple[np.ndarray, int]:
    """First cell of each bin of a region, and the end of the last one."""
    if edges is None:
        edges = found[[0, -1]]
    nearest = np.abs(found[:, None] - edges).argmin(axis=0)
    width = np.diff(found).min()
    if (np.abs(found[nearest] - edges) > _CLOSE * width).any():
        raise InputError(
            f"{where}: its edges are {found.tolist()}; those of the region must be among them: "
            f"{np.asarray(edges).tolist()}"
        )
    # Cell 0 is the underflow; the cell after the edge k is k + 1.
    starts, end = nearest[:-1] + 1, int(nearest[-1]) + 1
    if not drops_beyond:
        starts[0], end = 0, len(found) + 1
    return starts, end


def _read(file: str, path: str, has_errors: bool, drops_beyond: bool) -> GivenHistogram:
    found = read_histogram(file, path)
    if has_errors and not found.has_errors and (found.values != np.rint(found.values)).any():
        raise InputError(
            f"{file}: histogram {path!r}: it has no errors (Sumw2), and its yields are no numbers "
            "of events; fill it with TH1::Sumw2 (hist: storage Weight), or write its errors"
        )
    return found.unrolled(drops_beyond)
