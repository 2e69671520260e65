"""The seed that is published: the best in validation, never in evaluation."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hone.running.files import place_of, read_csv

__all__ = ["choose_seed"]


def choose_seed(histories: Iterable[str | Path]) -> dict[str, Any]:
    """The seed whose training reached the smallest validation objective; of equal ones the first.

    Args:
        histories: ``.../seed<K>/history.csv`` of every seed.
    """
    objectives = {}
    for path in histories:
        values = [row["validation_objective"] for row in read_csv(path)]
        objectives[place_of(path)[-1]] = min(value for value in values if value is not None)
    return {
        "seed": min(objectives, key=lambda seed: objectives[seed]),
        "validation_objective": {f"seed{seed}": found for seed, found in objectives.items()},
    }
