"""Events in ROOT files, by uproot."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hone.errors import InputError
from hone.running.files import replacing
from hone.running.root_files import new_root_file, reason, root_file

__all__ = ["TREE", "WEIGHT", "read_events", "write_events", "write_ntuple"]

TREE = "events"
WEIGHT = "weight"


def write_events(
    path: str | Path,
    variables: Mapping[str, np.ndarray],
    weights: np.ndarray,
    provenance: Mapping[str, Any],
) -> None:
    """Write events as the TTree ``events`` (lz4): a branch per variable, and ``weight``."""
    columns = {**variables, WEIGHT: weights}
    with replacing(path) as partial, new_root_file(partial, provenance) as file:
        file.mktree(TREE, {name: np.dtype("float64") for name in columns})
        if len(weights):
            file[TREE].extend(columns)


def write_ntuple(
    path: str | Path, columns: Mapping[str, np.ndarray], provenance: Mapping[str, Any]
) -> None:
    """Write the TTree ``events`` (lz4) with a branch for each column, of its own type."""
    with replacing(path) as partial, new_root_file(partial, provenance) as file:
        file.mktree(TREE, {name: values.dtype for name, values in columns.items()})
        file[TREE].extend(dict(columns))


def read_events(
    path: str | Path, variables: Sequence[str], stop: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Read the variables of events (the first ``stop``, or all) as a matrix, and their weights.

    Returns:
        float64 (n, len(variables)) and float64 (n,).

    Raises:
        InputError: the file cannot be read, a branch is missing or holds no finite numbers.
    """
    wanted = [*variables, WEIGHT]
    try:
        with root_file(path) as file:
            tree = file[TREE]
            branches = tree.keys()
            missing = [name for name in wanted if name not in branches]
            if missing:
                raise InputError(
                    f"{path}: the tree {TREE!r} has no branch {', '.join(missing)}; "
                    f"it has {', '.join(branches)}"
                )
            columns = tree.arrays(wanted, library="np", entry_stop=stop)
    except InputError:
        raise
    except Exception as error:  # uproot raises many kinds for a damaged file
        raise InputError(
            f"{path}: cannot be read as ROOT events ({reason(error)}); delete it to remake it"
        ) from error
    for name, values in columns.items():
        if not np.isfinite(values).all():
            at = int(np.argmin(np.isfinite(values)))
            raise InputError(f"{path}: branch {name!r}, event {at}: {values[at]} is not finite")
    matrix = np.stack([columns[name] for name in variables], axis=1).astype(float)
    return matrix, columns[WEIGHT].astype(float)
