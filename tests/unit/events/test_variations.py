"""Varied events have the normalisation of the nominal ones, or one of their own."""

import math

import jax
import numpy as np
import pytest
import uproot
from ntuples import columns, write

from hone.analysis import checked_config
from hone.analysis.analysis import SETS, Sizes
from hone.analysis.files import Files
from hone.events.first_look import yields_table
from hone.events.load import load_events
from hone.events.sources import sources
from hone.events.stream import fill_histograms
from hone.events.survey import survey
from hone.observable import create_observable

ALL = Sizes.model_validate(dict.fromkeys(SETS, 10**9))


def varied(normalisation, variations):
    """5,000 events of ``b``, of which 2,400 are above 125, and 1.2 times the events in a file."""
    rng = np.random.default_rng(5)
    background = {"mass": np.repeat([100.0, 150.0], [2600, 2400]), "w": rng.uniform(0.5, 1.5, 5000)}
    half = {name: x[background["mass"] > 125] for name, x in background.items()}
    more = {name: np.tile(x, 2)[:6000] for name, x in background.items()}
    with uproot.recreate("b.root") as file:
        for name, events in (("events", background), ("shifted", half)):
            file.mktree(name, {n: x.dtype for n, x in events.items()})
            file[name].extend(events)
    write("half.root", half)
    write("more.root", more)
    write("s.root", columns(100, 1, True))
    config = checked_config(
        {
            "analysis": "a", "seed": 1, "features": ["mass"], "luminosity": 2.0,
            "split": {"training": 0.4, "validation": 0.2},
            "samples": [
                {"name": "s", "process": "signal", "files": "s.root", "yield": 1},
                {"name": "b", "process": "background", "files": "b.root", "weight": "w",
                 **normalisation},
            ],
            "systematics": [
                {"name": name, "type": "histosys", "sample": "b", "up": up}
                for name, up in variations.items()
            ],
            "observables": [
                {"name": "o", "kind": "variable", "variable": "mass", "edges": [0, 125, 200]}
            ],
        }
    )  # fmt: skip
    files = Files(config).ntuples
    found = sources(config, {t.name: files[t.name] for t in config.templates_of("s")})
    surveys = {s.name: survey(s, ["mass"], config.channels) for s in found}
    weights = {
        name: math.fsum(x["w"]) for name, x in (("b", background), ("more", more), ("half", half))
    }
    return config, found, surveys, weights


@pytest.mark.parametrize(
    "normalisation",
    [{"yield": 1000}, {"cross_section": 0.5}, {"yield": 500, "sum_of_weights": 4000}, {}],
    ids=str,
)
def test_varied_events_have_the_factor_of_the_sample(tmp_path, monkeypatch, normalisation):
    """20 % more events are 20 % more of yield, in the table, in training and in the histograms."""
    monkeypatch.chdir(tmp_path)
    variations = {
        "more": {"files": "more.root"}, "half": {"files": "half.root", "normalise": "nominal"},
        "tree": {"tree": "shifted"},
    }  # fmt: skip
    if not normalisation:
        variations["half"].pop("normalise")
    config, found, surveys, weights = varied(normalisation, variations)
    generated = normalisation.get("sum_of_weights", weights["b"])
    wanted = normalisation.get("yield", 1000)
    factor = wanted / generated if normalisation else 1.0
    right = {
        "b": factor * weights["b"], "b__more_up": factor * weights["more"],
        "b__half_up": factor * weights["half"], "b__tree_up": factor * weights["half"],
    }  # fmt: skip
    rows = {r["variation"]: r for r in yields_table(surveys) if r["sample"] == "b"}
    observable = create_observable(
        config.observables[0], ["mass"], np.ones((2, 1)), jax.random.key(0)
    )
    filled = fill_histograms([observable], found, config.channels, surveys, ["mass"])
    for events_set in SETS:
        sets = load_events(found, ["mass"], config.channels, surveys, events_set, ALL)
        for name, expected in right.items():
            assert sets.weights[name].sum() == pytest.approx(expected, rel=1e-9)
    for name, expected in right.items():
        row = rows[name.partition("__")[2]]
        assert row["yield"] == pytest.approx(expected, rel=1e-9)
        if name != "b":
            assert row["effect"] == pytest.approx(expected / right["b"] - 1, abs=1e-9)
        assert filled["hard"][name].values.sum() == pytest.approx(expected, rel=1e-9)
    assert Files(config).templates_scaled_to_yield("s", "o") == ["s", "b"]


def test_varied_events_may_have_a_normalisation_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    variations = {
        "own": {"files": "more.root", "normalise": "own"},
        "sum": {"files": "half.root", "sum_of_weights": 5000},
        "tree": {"tree": "shifted", "normalise": "own"},
        "nominal": {"files": "half.root"},
    }
    config, found, surveys, weights = varied({"yield": 500, "sum_of_weights": 8000}, variations)
    rows = {r["variation"]: r for r in yields_table(surveys) if r["sample"] == "b"}
    factor = 500 / 8000
    right = {
        "own_up": 500, "sum_up": 500 * weights["half"] / 5000, "tree_up": 500,
        "nominal_up": factor * weights["half"], "": factor * weights["b"],
    }  # fmt: skip
    sets = load_events(found, ["mass"], config.channels, surveys, "training", ALL)
    for variation, expected in right.items():
        assert rows[variation]["yield"] == pytest.approx(expected, rel=1e-9)
        name = f"b__{variation}" if variation else "b"
        assert sets.weights[name].sum() == pytest.approx(expected, rel=1e-9)
    scaled = Files(config).templates_scaled_to_yield("s", "o")
    assert scaled == ["s", "b", "b__own_up", "b__sum_up", "b__tree_up"]
