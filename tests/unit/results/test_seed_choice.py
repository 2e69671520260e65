"""The published seed is the one with the best validation."""

import pytest

from hone.results.seed_choice import choose_seed
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
