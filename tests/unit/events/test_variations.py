"""Varied events have the normalisation of the nominal ones, or one of their own."""

import math

import jax
import numpy as np
import pytest
import uproot
from ntuples import ALL, columns, write

from hone.analysis import Analysis, Template, checked_config
from hone.analysis.files import Files
from hone.analysis.parts import of_survey
from hone.analysis.sections import SETS, Sizes
from hone.analysis.settings import plain
from hone.errors import InputError
from hone.events.first_look import yields_table
from hone.events.load import load_events
from hone.events.sources import sources
from hone.events.split import uniform
from hone.events.stream import Subsamples, fill_histograms
from hone.events.survey import survey
from hone.observable import create_observable
from hone.results.replicas import normalisations
from hone.statmodel.templates import read_subsamples, write_histograms


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


def with_samples_factor(config, surveys):
    known = normalisations(config, surveys)
    return [name for name, of in known.items() if of.has_samples_factor]


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
    rows = {
        r["variation"]: r for r in yields_table(surveys, config.systematics) if r["sample"] == "b"
    }
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
    assert with_samples_factor(config, surveys) == ["b__more_up", "b__half_up", "b__tree_up"]


def test_varied_events_may_have_a_normalisation_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    variations = {
        "own": {"files": "more.root", "normalise": "own"},
        "sum": {"files": "half.root", "sum_of_weights": 5000},
        "tree": {"tree": "shifted", "normalise": "own"},
        "nominal": {"files": "half.root"},
    }
    config, found, surveys, weights = varied({"yield": 500, "sum_of_weights": 8000}, variations)
    rows = {
        r["variation"]: r for r in yields_table(surveys, config.systematics) if r["sample"] == "b"
    }
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
    assert with_samples_factor(config, surveys) == ["b__nominal_up"]


def test_replaced_branches_are_read_wherever_they_occur(tmp_path, monkeypatch):
    """In features, weights, selections and variables; event by event in the same sets."""
    monkeypatch.chdir(tmp_path)
    events = columns(3000, 1, False)
    events["pt_up"], events["w_up"] = 1.1 * events["pt"], 2 * events["w"]
    for name in ("s", "b"):
        write(f"{name}.root", events)
    up = {"replace": {"pt": "pt_up", "w": "w_up", "event": "pt_up"}}
    config = checked_config(
        {
            "analysis": "a", "seed": 1, "features": ["mass", "log(pt)", "event"],
            "split": {"branch": "event"},
            "samples": [
                {"name": name, "process": process, "files": f"{name}.root", "weight": "w * pt"}
                for name, process in (("s", "signal"), ("b", "background"))
            ],
            "regions": [
                {"name": "low", "selection": "pt < 20", "fit": "variable", "variable": "pt + 1",
                 "edges": [0, 10, 30]},
                {"name": "high", "selection": "pt >= 20", "fit": "observable"},
            ],
            "systematics": [
                {"name": "jes", "type": "histosys", "sample": "all", "up": up,
                 "down": {"replace": {"pt": "pt_up", "event": "pt_up"}, "weight": "pt"}},
            ],
            "observables": [
                {"name": "o", "kind": "network", "objective": "cls"}
            ],
        }
    )  # fmt: skip
    files = Files(config).ntuples
    assert files["b__jes_up"] == files["b__jes_down"] == ["b.root"]
    found = sources(config, {t.name: files[t.name] for t in config.templates_of("s")})
    surveys = {s.name: survey(s, config.features, config.channels) for s in found}
    seen = []
    for events_set in SETS:
        few = ALL.model_copy(update={"validation": 100})
        sets = load_events(found, config.features, config.channels, surveys, events_set, few)
        numbers = uniform(events["event"])
        low, high = config.split.range(events_set)
        if events_set == "validation":
            there = surveys["b"]["sets"]["validation"]["events"]
            high = low + (high - low) * 100 / there
        mine = (numbers >= low) & (numbers < high)
        chosen = mine & (events["pt_up"] >= 20)
        expected = np.stack(
            [events["mass"], np.log(events["pt_up"]), events["pt_up"]], axis=1
        )[chosen]  # fmt: skip
        np.testing.assert_array_equal(sets.features["b__jes_up"], expected)
        nominal = events["pt"][mine & (events["pt"] >= 20)]
        np.testing.assert_allclose(sets.features["b"][:, 1], np.log(nominal))
        share = sets.weights["b__jes_up"] / (events["w_up"] * events["pt_up"])[chosen]
        np.testing.assert_allclose(share, share[0])
        share = sets.weights["b__jes_down"] / events["pt_up"][chosen]
        np.testing.assert_allclose(share, share[0])
        (fixed,) = sets.fixed["b__jes_up"]
        below = mine & (events["pt_up"] < 20)
        counted, _ = np.histogram(
            np.minimum(events["pt_up"] + 1, 29)[below], [0, 10, 30],
            weights=(events["w_up"] * events["pt_up"])[below],
        )  # fmt: skip
        np.testing.assert_allclose(fixed.values / fixed.values.sum(), counted / counted.sum())
        seen.append(len(expected))
    assert min(seen) > 0
    # 2 * 1.1 of the sample's weights, by its factor from weights to yields.
    rows = {
        r["variation"]: r for r in yields_table(surveys, config.systematics) if r["sample"] == "b"
    }
    weight = (events["w_up"] * events["pt_up"])[events["pt_up"] >= 20].sum()
    high = [
        r
        for r in yields_table(surveys, config.systematics)
        if r["sample"] == "b" and r["region"] == "high"
    ]
    assert {r["variation"] for r in rows.values()} == {"", "jes_up", "jes_down"}
    assert next(r for r in high if r["variation"] == "jes_up")["yield"] == pytest.approx(weight)
    # and its effect on the bins of a region that has some
    up, nominal = (
        np.histogram(pt + 1, [0, 10, 21], weights=w * pt)[0]
        for pt, w in ((events["pt_up"], events["w_up"]), (events["pt"], events["w"]))
    )
    effects = up / nominal - 1
    (low,) = (r for r in rows.values() if r["variation"] == "jes_up")
    assert low["region"] == "low"
    assert low["bins"] == f"{effects.min():+.1%} to {effects.max():+.1%}"


def test_a_missing_branch_that_replaces_another_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"variation 'b__x_up': b.root: .*no branch 'mass_up' .*"):
        varied({"yield": 10}, {"x": {"replace": {"mass": "mass_up"}}})


def test_one_line_varies_many_samples(tmp_path, monkeypatch):
    """By a pattern of files, or by a tree; all but some samples."""
    monkeypatch.chdir(tmp_path)
    for name in ("s", "b", "c", "qcd"):
        write(f"{name}.root", columns(20, 1, False))
        write(f"{name}_up.root", columns(20, 1, False), tree=f"{name}_up")
    config = {
        "analysis": "a", "seed": 1, "features": ["mass"],
        "samples": [
            {"name": name, "process": process, "files": f"{name}.root"}
            for name, process in (
                ("s", "signal"), ("b", "background"), ("c", "background"), ("qcd", "background"),
                ("data", "data"),
            )
        ],
        "systematics": [
            {"name": "jes", "type": "normplusshape", "sample": "all", "except": ["qcd"],
             "up": {"files": ["{sample}_up.root"], "tree": "{sample}_up"}},
            {"name": "jer", "type": "histosys", "sample": ["s", "b"], "up": {"tree": "JER__1up"}},
            {"name": "lumi", "type": "lumi", "sample": "all", "uncertainty": 0.02},
        ],
        "normfactors": [{"name": "k", "sample": "all", "except": ["c"]}],
        "observables": [
            {"name": "o", "kind": "variable", "variable": "mass", "edges": [0, 125, 200]}
        ],
    }  # fmt: skip
    config["samples"][-1]["files"] = "b.root"
    analysis = checked_config(config)
    assert [s.samples for s in analysis.systematics] == [
        ["s", "b", "c"], ["s", "b"], ["s", "b", "c", "qcd"],
    ]  # fmt: skip
    assert analysis.normfactors[0].samples == ["b", "qcd"]
    files = Files(analysis).ntuples
    found = sources(analysis, {t.name: files[t.name] for t in analysis.templates_of("s")})
    assert {s.name: (*s.files, s.tree) for s in found if s.template.systematic} == {
        **{f"{n}__jes_up": (f"{n}_up.root", f"{n}_up") for n in ("s", "b", "c")},
        "s__jer_up": ("s.root", "JER__1up"), "b__jer_up": ("b.root", "JER__1up"),
    }  # fmt: skip
    # What is written down is the same analysis.
    again = Analysis.model_validate(plain(analysis))
    assert again.systematics == analysis.systematics
    part = Analysis.model_validate(of_survey(analysis, Template("c", "jes", "up")))
    assert [s.files for s in sources(part, {"c__jes_up": ["c_up.root"]})] == [("c_up.root",)]


@pytest.mark.parametrize(
    "split",
    [{"training": 0.4, "validation": 0.2}, {"folds": 3}],
    ids=["sets", "folds"],
)
def test_variations_of_the_same_events_have_the_parts_of_their_sample(tmp_path, monkeypatch, split):
    """Events are told by their number, whatever their order in the file, or are the very same."""
    monkeypatch.chdir(tmp_path)
    events = columns(2000, 1, False)
    events["mass_up"] = 1.1 * events["mass"]
    shuffled = np.random.default_rng(1).permutation(2000)
    write("b.root", events)
    write("s.root", events)
    varied_events = events | {"mass": events["mass_up"]}
    write("up.root", {name: x[shuffled] for name, x in varied_events.items()})
    config = checked_config(
        {
            "analysis": "a", "seed": 1, "features": ["mass"], "split": {"branch": "event"} | split,
            "samples": [
                {"name": name, "process": process, "files": f"{name}.root", "weight": "w",
                 "yield": 9}
                for name, process in (("s", "signal"), ("b", "background"))
            ],
            "regions": [
                {"name": "low", "selection": "mass < 90", "fit": "variable", "variable": "mass",
                 "edges": [0, 70, 90]},
                {"name": "high", "selection": "mass >= 90", "fit": "observable"},
            ],
            "systematics": [
                {"name": "jes", "type": "histosys", "sample": "b",
                 "up": {"replace": {"mass": "mass_up"}}, "down": {"files": "up.root"}},
                {"name": "w", "type": "histosys", "sample": "b", "up": {"weight": "w * w"}},
            ],
            "observables": [
                {"name": "o", "kind": "variable", "variable": "mass", "edges": [0, 125, 200]}
            ],
        }
    )  # fmt: skip
    files = Files(config).ntuples
    found = sources(config, {t.name: files[t.name] for t in config.templates_of("s")})
    surveys = {s.name: survey(s, ["mass"], config.channels) for s in found}
    made = create_observable(config.observables[0], ["mass"], np.ones((2, 1)), jax.random.key(0))
    parts = Subsamples(found)
    filled = fill_histograms([made], found, config.channels, surveys, ["mass"], parts)
    edges = {"high": np.arange(3.0), "low": np.arange(3.0)}
    write_histograms("h.root", filled, edges, {}, parts.yields)
    for group in ("hard", "soft"):
        yields = read_subsamples("h.root", group)
        assert set(yields) == {"b", "b__jes_up", "b__jes_down"}
        for name, found_parts in yields.items():
            sums = found_parts.sum(axis=0)
            np.testing.assert_allclose(sums[:-1], filled[group][name].values, rtol=1e-9)
            assert sums[-1] == pytest.approx(9)
            np.testing.assert_allclose(found_parts[:, -1], yields["b"][:, -1], rtol=1e-9)
        np.testing.assert_allclose(yields["b__jes_up"], yields["b__jes_down"], rtol=1e-9)
        assert (yields["b"][:, -1] > 0).all()
    # And what is trained on knows which events they are.
    training = load_events(found, ["mass"], config.channels, surveys, "training", Sizes())
    varied_names = {"b", "b__jes_up", "b__jes_down"}
    assert set(training.rows) == varied_names
    at = {n: np.append(training.features[n][:, 0], np.nan)[training.rows[n]] for n in varied_names}
    np.testing.assert_array_equal(at["b__jes_up"], at["b__jes_down"])
    both = np.isfinite(at["b"])
    assert 0 < both.sum() < len(both) == len(training.features["b__jes_up"])
    np.testing.assert_allclose(at["b__jes_up"][both], 1.1 * at["b"][both], rtol=1e-12)
    # Simulated apart, with few numbers in common: drawn on its own, as no draw may be wasted.
    write("up.root", {**varied_events, "event": varied_events["event"] + 1500})
    apart = load_events(found, ["mass"], config.channels, surveys, "training", Sizes())
    assert set(apart.rows) == {"b", "b__jes_up"}
    only = normalisations(config, surveys)["s"]
    assert only.total == pytest.approx(9)
    assert only.rest == pytest.approx(0 if "folds" in split else 1.5, abs=0.3)
    assert only.others == pytest.approx(0, abs=1e-12)
