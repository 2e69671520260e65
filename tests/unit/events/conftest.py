"""An analysis of ntuples with what is known of them, and a file whose parts are samples."""

import numpy as np
import pytest
from merged_file import SIZE
from ntuples import FEATURES, columns, write, write_analysis

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


@pytest.fixture
def events(tmp_path, monkeypatch):
    """``all.root``: events of three truth labels; ``up.root``: the same, with half the weight."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    made = columns(SIZE, 2, False) | {
        "truth": rng.choice([0, 4, 5], SIZE), "run": np.arange(SIZE) // 100,
    }  # fmt: skip
    write("all.root", made)
    write("up.root", made | {"w": made["w"] / 2})
    numbers = {"truth": np.full(500, 5), "run": np.arange(500)}
    write("s.root", columns(500, 1, True) | numbers)
    return made
