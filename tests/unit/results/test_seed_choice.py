"""The published seed, and the trial whose settings are trained, have the best validation."""

import math

import pytest

from hone.errors import FitError
from hone.results.seed_choice import choose_seed, choose_trial, table_of_trials
from hone.running.files import write_csv


@pytest.fixture
def histories(tmp_path):
    """Of four seeds; a skipped validation is empty."""
    paths = []
    for seed, values in {1: [0.3, 0.2], 2: [None, 0.1, 0.4], 10: [0.1], 11: [0.5]}.items():
        path = tmp_path / "signal" / "neos" / f"seed{seed}" / "history.csv"
        path.parent.mkdir(parents=True)
        write_csv(path, [{"step": k, "validation_objective": v} for k, v in enumerate(values)])
        paths.append(path)
    return paths


def test_the_smallest_objective_of_any_step_counts_and_of_equal_seeds_the_first(histories):
    assert choose_seed(histories) == {
        "seed": 2,
        "validation_objective": {"seed1": 0.2, "seed2": 0.1, "seed10": 0.1, "seed11": 0.5},
    }
    assert choose_seed(histories[2:])["seed"] == 10


def test_with_folds_the_mean_over_the_networks_counts(tmp_path):
    paths = []
    for (seed, fold), value in {(1, 1): 0.1, (1, 2): 0.7, (2, 1): 0.3, (2, 2): 0.3}.items():
        paths.append(tmp_path / "signal" / "neos" / f"seed{seed}" / f"fold{fold}" / "history.csv")
        write_csv(paths[-1], [{"step": 0, "validation_objective": value}])
    found = choose_seed(paths)
    assert found["seed"] == 2
    assert found["validation_objective"] == pytest.approx({"seed1": 0.4, "seed2": 0.3})


SETTINGS = {k: {"learning_rate": k / 100, "hidden": [8] * k} for k in (2, 3, 7, 9)}


def trials(folder, objectives):
    """Histories of trials, or of their folds."""
    paths = []
    for number, of_folds in objectives.items():
        for fold, values in enumerate(of_folds, 1):
            of_fold = f"fold{fold}" if len(of_folds) > 1 else ""
            place = folder / f"trials/trial{number}/seed1" / of_fold
            paths.append(place / "history.csv")
            rows = [{"step": k, "validation_objective": v} for k, v in enumerate(values)]
            write_csv(paths[-1], rows)
    return paths


def test_the_trial_with_the_smallest_objective_is_chosen_and_no_failed_one(tmp_path):
    found = {2: [[0.3, 0.2]], 3: [[math.nan]], 7: [[0.5, 0.1, 0.4]], 9: [[0.1]]}
    chosen = choose_trial(trials(tmp_path, found), SETTINGS)
    assert (chosen["trial"], chosen["settings"]) == (7, SETTINGS[7]), "of equal ones the first"
    objectives = {t["trial"]: t["validation_objective"] for t in chosen["trials"]}
    assert objectives == {2: 0.2, 3: None, 7: 0.1, 9: 0.1}
    rows = table_of_trials(chosen)
    assert [row["chosen"] for row in rows] == [False, False, True, False]
    assert rows[0] == {
        "trial": 2, "learning_rate": 0.02, "hidden": "[8, 8]", "validation_objective": 0.2,
        "chosen": False,
    }  # fmt: skip


def test_a_trial_that_fails_in_one_fold_has_failed(tmp_path):
    found = {2: [[0.3], [0.5]], 3: [[0.1], [None]], 7: [[0.2], [0.5]]}
    chosen = choose_trial(trials(tmp_path, found), SETTINGS)
    assert chosen["trial"] == 7
    assert [t["validation_objective"] for t in chosen["trials"]] == [0.4, None, 0.35]
    with pytest.raises(FitError, match="none of the 1 trials reached a finite"):
        choose_trial(trials(tmp_path, {3: [[None], [0.1]]}), SETTINGS)
