"""Writing of events to ROOT files."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hone.analysis.distributions import WEIGHT
from hone.running.files import replacing
from hone.running.root_files import new_root_file

__all__ = ["TREE", "WEIGHT", "write_events", "write_ntuple"]

TREE = "events"


def write_events(
    path: str | Path,
    variables: Mapping[str, np.ndarray],
    weights: np.ndarray,
    provenance: Mapping[str, object],
) -> None:
    """Write events as the TTree ``events`` (lz4): ``weight`` and a branch per variable."""
    columns = {**variables, WEIGHT: weights}
    write_ntuple(path, {n: np.asarray(x, dtype=float) for n, x in columns.items()}, provenance)


def write_ntuple(
    path: str | Path, columns: Mapping[str, np.ndarray], provenance: Mapping[str, object]
) -> None:
    """Write the TTree ``events`` (lz4) with a branch for each column, of its own type."""
    with replacing(path) as partial, new_root_file(partial, provenance) as file:
        file.mktree(TREE, {name: values.dtype for name, values in columns.items()})
        if any(map(len, columns.values())):
            file[TREE].extend(dict(columns))
