"""Analyses that the report is of."""

import pytest
from ntuples import write_analysis
from page_results import CONFIG, limits, results


@pytest.fixture
def blobs(tmp_path):
    """The default analysis, with a workspace that pyhf cannot fit."""
    found = {
        ("signal", "neos"): limits(0.2139),
        ("signal", "bce"): limits(0.3692, observed=0.19),
        ("signal", "bce-edges"): limits(0.3018, observed=0.16, notes=["its free fit <failed>"]),
    }
    return results(tmp_path / "blobs", CONFIG, found, floor=0.2010)


@pytest.fixture
def ntuples(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_analysis(tmp_path) | {
        "observables": [{"name": "o", "kind": "network", "objective": "cls"}]
    }
