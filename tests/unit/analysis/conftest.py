"""The config of an analysis of ntuples, in a folder with them."""

import pytest
from ntuples import write_analysis


@pytest.fixture
def events_config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_analysis(tmp_path, size=60)
