"""The best few bins of known densities: no partition is better where all can be tried."""

from itertools import product

import numpy as np
import pytest
from blobs import CONFIG, SAMPLES

from hone.analysis import Analysis
from hone.errors import FitError
from hone.results.best_bins import MERITS, best_bins, merged
from hone.results.floor import classifier_cls, figures_of_merit, fine_histograms, floors
from hone.statmodel.templates import Histogram

LEVEL = 0.05
CELLS = {
    "signal": [1, 2, 4, 6, 3],
    "background": [40, 20, 12, 8, 4],
    "background__shape_up": [34, 24, 18, 9, 4],
    "background__shape_down": [45, 16, 8, 7, 4],
}


@pytest.fixture(scope="module")
def every_partition():
    """Figures of merit of all 25 partitions of five cells into three bins."""
    cells = {k: Histogram(np.array(x, float), np.zeros(5)) for k, x in CELLS.items()}
    found = []
    for index in product(range(3), repeat=5):
        first = [index.index(b) for b in range(3) if b in index]
        if len(first) == 3 and first == sorted(first):
            found.append(figures_of_merit(SAMPLES, merged(cells, np.array(index), 3), LEVEL))
    assert len(found) == 25
    return cells, found


@pytest.mark.parametrize("merit", MERITS)
def test_no_partition_of_a_small_grid_is_better(every_partition, merit):
    cells, partitions = every_partition
    index = best_bins(SAMPLES, cells, 3, merit, LEVEL)
    found = figures_of_merit(SAMPLES, merged(cells, index, 3), LEVEL)[merit]
    assert found == pytest.approx(min(one[merit] for one in partitions), rel=1e-9)


@pytest.mark.parametrize("failure", ["singular", "indefinite", "nan"])
def test_a_partition_that_cannot_be_fitted_is_never_the_best(monkeypatch, failure):
    cells = {k: Histogram(np.array(x, float), np.zeros(5)) for k, x in CELLS.items()}
    if failure == "nan":
        monkeypatch.setattr("hone.results.best_bins.twice_nll", lambda *_: np.nan)
    else:
        size = {"singular": 0.0, "indefinite": -1.0}[failure]
        wrong = size * np.eye(2), np.ones(2, dtype=bool)
        monkeypatch.setattr("hone.results.best_bins.nominal_hessian", lambda _: wrong)
    with pytest.raises(FitError, match="no result" if failure == "nan" else "positive definite"):
        best_bins(SAMPLES, cells, 3, "expected_cls" if failure == "nan" else "sigma_mu", LEVEL)


def test_few_bins_are_between_the_floor_and_bins_of_the_classifier():
    """A coarse grid of the blobs, where systematics make bins other than those of s / b best."""
    coarse = fine_histograms(CONFIG, SAMPLES, step=0.8)
    floor = figures_of_merit(SAMPLES, coarse, LEVEL)["expected_cls"]
    index = best_bins(SAMPLES, coarse, 5, "expected_cls", LEVEL)
    assert set(index) == set(range(5))
    found = figures_of_merit(SAMPLES, merged(coarse, index, 5), LEVEL)["expected_cls"]
    assert floor < found < 0.1 * classifier_cls(SAMPLES, coarse, 5, LEVEL)


def test_floors_in_bins_are_in_the_document(monkeypatch):
    def any_bins(_, cells, bins, *__):
        return np.arange(len(cells["signal"].values)) % bins

    monkeypatch.setattr("hone.results.floor.best_bins", any_bins)
    settings = CONFIG.model_dump(by_alias=True, exclude_unset=True) | {"floor": {"in_bins": [2]}}
    monkeypatch.setattr("hone.results.floor._MAX_CELLS", 2000)
    found = floors(Analysis.model_validate(settings), "signal", [], {})
    assert found["in_bins"]["2"].keys() == MERITS.keys()
    assert found["in_bins"]["2"]["expected_cls"] > found["expected_cls"]
