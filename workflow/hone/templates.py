"""Histograms of an analysis: nominal and varied yields per bin with their variances."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import hist
import numpy as np
import uproot
from jaxtyping import Array, Float

from hone.errors import InputError
from hone.files import replacing
from hone.rootio import reason, root_file

__all__ = ["Histogram", "count", "read_histograms", "write_histograms"]


class Histogram(NamedTuple):
    """Yields per bin and their variances (sums of squared weights), numpy or JAX, float64 (B,)."""

    values: Float[Array, " B"] | np.ndarray
    variances: Float[Array, " B"] | np.ndarray


def count(scores: np.ndarray, weights: np.ndarray, edges: np.ndarray) -> Histogram:
    """Weighted counts in bins; the outermost bins take what lies beyond, so nothing is lost.

    Args:
        scores: observable of each event (n,); those with NaN were cut away and are in no bin.
        weights: of each event (n,).
        edges: rising (B + 1,).
    """
    bins = len(edges) - 1
    kept = ~np.isnan(scores)
    if not kept.all():
        scores, weights = scores[kept], weights[kept]
    index = np.clip(np.searchsorted(edges, scores, side="right") - 1, 0, bins - 1)
    return Histogram(
        np.bincount(index, weights, minlength=bins),
        np.bincount(index, weights**2, minlength=bins),
    )


def write_histograms(
    path: str | Path,
    groups: Mapping[str, Mapping[str, Histogram]],
    edges: np.ndarray,
    provenance: Mapping[str, Any],
) -> None:
    """Write ROOT TH1s with errors as ``<group>/<template>``, binned in the observable."""
    with replacing(path) as partial, root_file(partial, provenance) as file:
        for group, templates in groups.items():
            for name, template in templates.items():
                histogram = hist.Hist(
                    hist.axis.Variable(edges, name="observable"), storage=hist.storage.Weight()
                )
                histogram.view().value = np.asarray(template.values)
                histogram.view().variance = np.asarray(template.variances)
                file[f"{group}/{name}"] = histogram


def read_histograms(path: str | Path, group: str) -> tuple[dict[str, Histogram], np.ndarray]:
    """Read the histograms of a group.

    Returns:
        Histograms by template name, and the edges (B + 1,).

    Raises:
        InputError: the file cannot be read, or has no such group.
    """
    try:
        with uproot.open(path) as file:
            names = [key.split(";")[0] for key in file[group].keys()]  # noqa: SIM118
            found = {name: file[f"{group}/{name}"] for name in names}
            edges = next(iter(found.values())).axis().edges()
            histograms = {n: Histogram(h.values(), h.variances()) for n, h in found.items()}
    except Exception as error:  # uproot raises many kinds for a damaged file
        raise InputError(
            f"{path}: the histograms {group!r} cannot be read ({reason(error)}); "
            "delete the file to have it made again"
        ) from error
    return histograms, edges
