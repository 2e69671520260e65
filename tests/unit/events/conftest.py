"""An analysis of ntuples, with what is known of them."""

import pytest
from ntuples import FEATURES, write_analysis

from hone.analysis import checked_config
from hone.analysis.files import Files
from hone.events.sources import sources
from hone.events.survey import survey


@pytest.fixture
def analysis(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = checked_config(write_analysis(tmp_path))
    files = Files(config).ntuples
    names = ("signal", "background", "background__scale_up", "background__scale_down")
    found = sources(config, {name: files[name] for name in names})
    surveys = {s.name: survey(s, FEATURES, config.channels) for s in found}
    return config, found, surveys
