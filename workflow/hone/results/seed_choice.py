"""What validation chooses, never evaluation: the seed that is published, and tuned settings."""

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from pydantic import JsonValue

from hone.errors import FitError
from hone.results.documents import Row, SelectedSeed, TunedSettings
from hone.running.files import place_of, read_csv

__all__ = ["choose_seed", "choose_trial", "table_of_trials"]

_Paths = Iterable[str | Path]


def choose_seed(histories: _Paths) -> SelectedSeed:
    """The seed whose training reached the smallest validation objective; of equal ones the first.

    With folds, the mean over these counts.

    Args:
        histories: ``.../seed<K>/[fold<J>/]history.csv`` of every seed and fold.
    """
    found = _objectives(histories, lambda path: place_of(path)[-1])
    objectives = {seed: value for seed, value in found.items() if value is not None}
    return {
        "seed": min(objectives, key=lambda seed: objectives[seed]),
        "validation_objective": {f"seed{seed}": value for seed, value in objectives.items()},
    }


def choose_trial(histories: _Paths, trials: Mapping[int, Mapping[str, JsonValue]]) -> TunedSettings:
    """The trial with the smallest validation objective, as :func:`choose_seed` chooses a seed.

    One that failed, in any fold, is never chosen.

    Args:
        histories: ``.../trials/trial<T>/seed1/[fold<J>/]history.csv`` of every trial and fold.
        trials: settings of each, by number.

    Raises:
        FitError: all failed.
    """
    found = _objectives(histories, lambda path: int(place_of(path)[1].removeprefix("trial")))
    objectives = {number: value for number, value in found.items() if value is not None}
    if not objectives:
        raise FitError(
            f"none of the {len(found)} trials reached a finite validation objective; their logs "
            "say why. Try other values in tune.grid"
        )
    best = min(objectives, key=lambda number: objectives[number])
    return {
        "trial": best,
        "settings": dict(trials[best]),
        "trials": [
            {"trial": number, "settings": dict(trials[number]), "validation_objective": value}
            for number, value in found.items()
        ],
    }


def table_of_trials(chosen: TunedSettings) -> list[Row]:
    """A row for each trial: its settings, lists as JSON, and the objective, if it has one."""
    return [
        {
            "trial": trial["trial"],
            **{
                name: value if isinstance(value, int | float | str) else json.dumps(value)
                for name, value in trial["settings"].items()
            },
            "validation_objective": trial["validation_objective"],
            "chosen": trial["trial"] == chosen["trial"],
        }
        for trial in chosen["trials"]
    ]


def _objectives(histories: _Paths, group: Callable[[str | Path], int]) -> dict[int, float | None]:
    """The smallest validation objective of each group, as a mean over its folds; None without."""
    of_folds: dict[int, list[float]] = defaultdict(list)
    for path in histories:
        values = [row["validation_objective"] for row in read_csv(path)]
        known = [value for value in values if value is not None]
        of_folds[group(path)].append(min(known, default=math.inf))
    means = {key: sum(found) / len(found) for key, found in of_folds.items()}
    return {key: mean if math.isfinite(mean) else None for key, mean in means.items()}
