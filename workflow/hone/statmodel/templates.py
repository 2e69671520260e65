"""Histograms: yields per bin and their variances, and ROOT files of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hone.errors import InputError
from hone.running.files import replacing
from hone.running.root_files import new_root_file, reason, root_file
from hone.sums import bin_of, exact_parts

if TYPE_CHECKING:  # it imports JAX: a second, for jobs that need none
    from jaxtyping import Array, Float

__all__ = ["Histogram", "count", "read_histograms", "read_subsamples", "write_histograms"]


_SUBSAMPLES = "subsamples"


class Histogram(NamedTuple):
    """Yields per bin and their variances (sums of squared weights), numpy or JAX, float64 (B,)."""

    values: Float[Array, " B"] | np.ndarray
    variances: Float[Array, " B"] | np.ndarray


def count(scores: np.ndarray, weights: np.ndarray, edges: np.ndarray) -> Histogram:
    """Weighted counts in the bins of :func:`hone.sums.bin_of`, so that nothing is lost.

    Args:
        scores: observable of each event (n,); NaN for events that fail a cut and are in no bin.
        weights: of each event (n,).
        edges: rising (B + 1,).
    """
    bins = len(edges) - 1
    kept = ~np.isnan(scores)
    if not kept.all():
        scores, weights = scores[kept], weights[kept]
    index = bin_of(scores, np.asarray(edges))
    values = sum(np.bincount(index, part, minlength=bins) for part in exact_parts(weights))
    return Histogram(np.asarray(values), np.bincount(index, weights**2, minlength=bins))


def write_histograms(
    path: str | Path,
    groups: Mapping[str, Mapping[str, Histogram]],
    edges: Mapping[str, np.ndarray],
    provenance: Mapping[str, object],
    subsamples: Mapping[str, Mapping[str, np.ndarray]] = MappingProxyType({}),
) -> None:
    """Write ROOT TH1s with errors.

    Args:
        path: of the file.
        groups: histograms by group and template, bins of all regions concatenated (B,).
        edges: of each region. A single region is written as ``<group>/<template>``, several as
            ``<group>/<region>/<template>``.
        provenance: how they were made.
        subsamples: yields in parts of the events, by group and template (parts, B + 1): TH2s
            ``subsamples/<group>/<template>`` of part and bin, where the last bin has all events.
    """
    import hist  # half a second, for few

    with replacing(path) as partial, new_root_file(partial, provenance) as file:
        for group, templates in groups.items():
            start = 0
            for region, of_region in edges.items():
                place = slice(start, start + len(of_region) - 1)
                start = place.stop
                folder = f"{group}/{region}" if len(edges) > 1 else group
                axis = hist.axis.Variable(of_region, name="observable")
                for name, template in templates.items():
                    histogram = hist.Hist(axis, storage=hist.storage.Weight())
                    histogram.view().value = np.asarray(template.values)[place]
                    histogram.view().variance = np.asarray(template.variances)[place]
                    file[f"{folder}/{name}"] = histogram
        for group, yields in subsamples.items():
            for name, array in yields.items():
                file[f"{_SUBSAMPLES}/{group}/{name}"] = (
                    array, *(np.arange(size + 1.0) for size in array.shape),
                )  # fmt: skip


def read_histograms(
    path: str | Path, group: str
) -> tuple[dict[str, Histogram], dict[str, np.ndarray]]:
    """Read the histograms of a group.

    Returns:
        Histograms by template name, bins of all regions concatenated (B,), and the edges of
        each region; a single region has no name.

    Raises:
        InputError: the file cannot be read, or has no such group.
    """
    try:
        with root_file(path) as file:
            kinds = file[group].classnames(recursive=False, cycle=False)
            folders = [name for name, kind in kinds.items() if kind.startswith("TDirectory")]
            parts: dict[str, list[Histogram]] = {}
            edges = {}
            for region in sorted(folders) or [""]:
                folder = f"{group}/{region}" if region else group
                names = list(file[folder].classnames(recursive=False, cycle=False))
                found = {name: file[f"{folder}/{name}"] for name in names}
                edges[region] = next(iter(found.values())).axis().edges()
                for name, h in found.items():
                    parts.setdefault(name, []).append(Histogram(h.values(), h.variances()))
    except Exception as error:  # uproot raises many kinds for a damaged file
        raise InputError(
            f"{path}: the histograms {group!r} cannot be read ({reason(error)}); "
            "delete the file to remake it"
        ) from error
    return {
        name: Histogram(*(np.concatenate([p[k] for p in several]) for k in (0, 1)))
        for name, several in parts.items()
    }, edges


def read_subsamples(path: str | Path, group: str) -> dict[str, np.ndarray]:
    """Yields in parts of the events by template (parts, B + 1), where the last bin has all events.

    None where no variation has its sample's events.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with root_file(path) as file:
            folder = f"{_SUBSAMPLES}/{group}"
            names = file[folder].keys(cycle=False) if _SUBSAMPLES in file else []
            return {name: file[f"{folder}/{name}"].values() for name in names}
    except Exception as error:  # uproot raises many kinds for a damaged file
        raise InputError(
            f"{path}: the {_SUBSAMPLES} {group!r} cannot be read ({reason(error)}); "
            "delete the file to remake it"
        ) from error
