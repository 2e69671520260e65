"""The config of an analysis of ntuples, in a folder with them, and what is wrong with others."""

import pytest
from ntuples import columns, write, write_analysis

from hone.analysis import checked_config
from hone.errors import ConfigError


@pytest.fixture
def events_config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_analysis(tmp_path, size=60)


@pytest.fixture
def config(events_config):
    """With a second signal."""
    write("heavy.root", columns(60, 4, True))
    signal = events_config["samples"][0]
    events_config["samples"].append({**signal, "name": "heavy", "files": "heavy.root"})
    return events_config


@pytest.fixture
def refused(events_config):
    """Checks that a config with a change is refused, with a message."""

    def check(change, message):
        change(events_config)
        with pytest.raises(ConfigError, match=message):
            checked_config(events_config)

    return check
