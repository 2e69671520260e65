"""The seed that is published: the best in validation, never in evaluation."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from hone.results.documents import SelectedSeed
from hone.running.files import place_of, read_csv

__all__ = ["choose_seed"]


def choose_seed(histories: Iterable[str | Path]) -> SelectedSeed:
    """The seed whose training reached the smallest validation objective; of equal ones the first.

    With folds, the mean over these counts.

    Args:
        histories: ``.../seed<K>/[fold<J>/]history.csv`` of every seed and fold.
    """
    of_folds = defaultdict(list)
    for path in histories:
        values = [row["validation_objective"] for row in read_csv(path)]
        of_folds[place_of(path)[-1]].append(min(value for value in values if value is not None))
    objectives = {seed: sum(found) / len(found) for seed, found in of_folds.items()}
    return {
        "seed": min(objectives, key=lambda seed: objectives[seed]),
        "validation_objective": {f"seed{seed}": found for seed, found in objectives.items()},
    }
