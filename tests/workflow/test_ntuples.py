"""From ntuples to limits through Snakemake: regions, blinding, and files that are left alone."""

import contextlib
import json
import os
import re
import shutil

import numpy as np
import pytest
import uproot
import yaml
from conftest import snakemake
from ntuples import columns, write, write_analysis

from hone.events.split import uniform
from hone.running.files import read_csv

TARGETS = [
    "results/ntuples/signal/neos/seed1/limits.json",
    "results/ntuples/signal/grid/seed1/model.safetensors",
    "results/ntuples/figures/signal/neos/templates.png",
    "results/ntuples/inputs/yields.txt",
    "results/ntuples/signal/neos-edges/seed1/workspace.json",
]


def run(folder, config, *arguments):
    (folder / "config" / "ntuples.yaml").write_text(yaml.safe_dump(config))
    return snakemake(folder, *arguments, "--configfile", "config/ntuples.yaml")


@pytest.fixture(scope="module")
def analysis(clone):
    config = write_analysis(clone)
    config["observables"] = [
        config["observables"][0] | {"seeds": 1, "steps": 20},
        {"name": "grid", "kind": "cuts", "search": "grid", "objective": "z_a", "points": 5,
         "cuts": [{"variable": "mass", "side": "above"}]},
        {"name": "neos-edges", "kind": "rebinned", "source": "neos", "bins": 2},
    ]  # fmt: skip
    config["regions"][2].update(fit="observable", observable="grid")
    # larger than what Snakemake compares by itself
    with uproot.update(clone / "background_2.root") as file:
        file["more"] = {"x": np.random.default_rng(1).normal(size=200_000)}
    data = (clone / "data.root").read_bytes()
    (clone / "data.root").write_text("nobody may look at this yet")
    before = {path: path.stat().st_mtime_ns for path in clone.glob("*.root")}
    code, output = run(clone, config, *TARGETS)
    assert code == 0, output
    assert {path: path.stat().st_mtime_ns for path in clone.glob("*.root")} == before
    (clone / "data.root").write_bytes(data)
    return clone, config, output


def limits_of(folder):
    return json.loads((folder / "results/ntuples/signal/neos/seed1/limits.json").read_text())


def test_the_inputs_were_checked_first(analysis):
    folder, _, output = analysis
    assert output.rindex("Surveying the events of") < output.index("Training neos")
    table = (folder / "results/ntuples/inputs/yields.txt").read_text()
    assert "control_region" in table
    assert "trigger_up" in table


def test_events_are_read_where_they_lie(analysis):
    folder, _, _ = analysis
    assert not (folder / "results/ntuples/events").exists()


def test_the_regions_are_channels(analysis):
    folder, _, _ = analysis
    spec = json.loads((folder / "results/ntuples/signal/neos/seed1/workspace.json").read_text())
    assert [c["name"] for c in spec["channels"]] == ["control_region", "high", "signal_region"]
    with uproot.open(folder / "results/ntuples/signal/neos/seed1/histograms.root") as file:
        assert file["hard/control_region/background"].axis().edges().tolist() == [0, 20, 50, 200]


def test_a_region_in_the_bins_of_another_observable_counts_what_that_does(analysis):
    """The cut on the mass, which is found before anything else is trained."""
    folder, _, output = analysis
    assert output.rindex("Searching the best cuts of grid") < output.index("Training neos")
    place = folder / "results/ntuples/signal"
    threshold = float(read_csv(place / "grid/seed1/history.csv")[0]["mass_above"])
    events = columns(4000, 2, False)
    weights = np.where(uniform(events["event"]) >= 0.7, events["w"], 0)  # evaluation
    inside = events["mass"] >= max(160, threshold)
    expected = 0.1 * 10.0 * 1000 * weights[inside].sum() / weights.sum()
    with uproot.open(place / "neos/seed1/histograms.root") as file:
        assert file["hard/high/background"].values() == pytest.approx([expected], rel=1e-9)


def test_pyhf_agrees_and_nothing_is_observed(analysis):
    folder, _, _ = analysis
    limits = limits_of(folder)
    assert limits["pyhf_check"]["agrees"] is True
    assert limits["expected_limits"][2] > 0
    assert limits["observed_limit"] is None
    assert "unblind" in limits["reasons"]["observed limit"]


def test_best_edges_have_the_same_events_in_other_bins(analysis):
    folder, _, _ = analysis
    events = []
    for name in ("neos", "neos-edges"):
        place = folder / f"results/ntuples/signal/{name}/seed1"
        spec = json.loads((place / "workspace.json").read_text())
        (region,) = (c for c in spec["channels"] if c["name"] == "signal_region")
        events.append({s["name"]: sum(s["data"]) for s in region["samples"]})
    assert len(region["samples"][0]["data"]) == 2
    assert events[1] == pytest.approx(events[0], rel=1e-12)


def planned(output):
    """Samples that a run would look at again."""
    return re.findall(r"Surveying the events of (\S+)", output)


@contextlib.contextmanager
def other_files(folder):
    """The user's files, to be changed as long as it takes."""
    kept = folder.parent / "kept"
    kept.mkdir()
    for path in folder.glob("*.root"):
        shutil.copy2(path, kept)
    try:
        yield kept
    finally:
        for path in kept.glob("*.root"):
            os.replace(path, folder / path.name)
        kept.rmdir()


def test_files_of_other_times_and_places_run_nothing_again(analysis):
    folder, config, _ = analysis
    assert (folder / "background_2.root").stat().st_size > 1_000_000
    with other_files(folder) as kept:
        for path in folder.glob("background_*.root"):
            path.touch()
        shutil.copy(kept / "background_2.root", folder)
        os.replace(shutil.copy(kept / "signal.root", folder / "copy"), folder / "signal.root")
        code, output = run(folder, config, "--dry-run", *TARGETS)
    assert code == 0
    assert "Nothing to be done" in output


def test_older_and_exchanged_files_run_again_what_depends_on_them(analysis):
    """A file from a backup has an old time; of exchanged ones neither is younger than before."""
    folder, config, _ = analysis
    with other_files(folder):
        older = {name: x[::3] for name, x in columns(4000, 2, False).items()}
        write(folder / "older.root", older)
        os.utime(folder / "older.root", (1e9, 1e9))
        (folder / "older.root").replace(folder / "background_2.root")
        up, down, between = (folder / f"background_{side}.root" for side in ("up", "down", "no"))
        for one, other in ((up, between), (down, up), (between, down)):
            one.rename(other)
        code, output = run(folder, config, "--dry-run", *TARGETS)
        assert code == 0
        assert sorted(planned(output)) == [
            "background", "background__scale_down", "background__scale_up",
        ]  # fmt: skip
        assert "Training neos" in output
        survey = "results/ntuples/inputs/background.json"
        code, output = run(folder, config, survey)
        assert code == 0
        found = json.loads((folder / survey).read_text())
        expected = columns(4000, 2, False)["w"][: 4000 // 3].sum() + older["w"].sum()
        total = sum(entry["weight"] for entry in found["sets"].values())
        assert total == pytest.approx(expected, rel=1e-12)
        assert found["factor"] == pytest.approx(0.1 * 10.0 * 1000 / expected, rel=1e-12)
    assert run(folder, config, survey)[0] == 0


def test_unblinding_counts_the_data_and_trains_nothing(analysis):
    folder, config, _ = analysis
    expected = limits_of(folder)["expected_limits"]
    code, output = run(folder, {**config, "observation": {"unblind": True}}, TARGETS[0])
    assert code == 0, output
    assert "Training neos" not in output
    limits = limits_of(folder)
    assert limits["observed_limit"] > 0
    assert limits["expected_limits"] == expected
    spec = json.loads((folder / "results/ntuples/signal/neos/seed1/workspace.json").read_text())
    assert sum(sum(o["data"]) for o in spec["observations"]) == 300


def test_pseudo_data_smoothing_and_pruning_train_nothing(analysis):
    folder, config, _ = analysis
    changed = {
        **config,
        "observation": {"pseudo_data": True, "mu": 1, "seed": 3},
        "workspace": {"pruning": 0.5},
        "systematics": [
            s | {"smoothing": True} if s["name"] == "scale" else s for s in config["systematics"]
        ],
    }
    code, output = run(folder, changed, "results/ntuples/signal/neos/seed1/workspace.json")
    assert code == 0, output
    assert "Training neos" not in output
    place = folder / "results/ntuples/signal/neos/seed1"
    spec = json.loads((place / "workspace.json").read_text())
    counts = [n for o in spec["observations"] for n in o["data"]]
    assert all(n == round(n) for n in counts)
    modifiers = [m for c in spec["channels"] for s in c["samples"] for m in s["modifiers"]]
    assert "xsec" not in {m["name"] for m in modifiers}  # 10 %, of 50 % that are wanted
    rows = (place / "systematics.csv").read_text().splitlines()
    assert rows[0] == (
        "region,sample,systematic,type,largest_effect,norm_effect,shape_effect,smoothed,pruned"
    )
    (xsec,) = (row for row in rows if ",xsec," in row)
    assert xsec.startswith("signal_region,background,xsec,normsys,0.1")
    assert xsec.endswith("0.0,False,all")


@pytest.mark.parametrize("pseudo_data", [False, True])
def test_every_hypothesis_sees_the_same_observation(analysis, pseudo_data):
    folder, config, _ = analysis
    (signal,) = (s for s in config["samples"] if s["name"] == "signal")
    several = {
        **config,
        "analysis": "several",
        "samples": [*config["samples"], {**signal, "name": "heavy", "weight": "w * pt"}],
        "regions": [
            *config["regions"][:2],
            {"name": "high", "selection": "mass >= 160", "fit": "count"},
        ],
        "observation": {"signal": "signal", "mu": 2.0, "pseudo_data": pseudo_data, "seed": 3},
        "observables": [
            {
                "name": "mass",
                "kind": "variable",
                "variable": "mass",
                "edges": [90, 115, 135, 160],
            }
        ],
    }
    places = [f"results/several/{name}/mass/seed1/workspace.json" for name in ("signal", "heavy")]
    code, output = run(folder, several, *places)
    assert code == 0, output
    own, other = (json.loads((folder / path).read_text()) for path in places)
    own_data, other_data = ([o["data"] for o in spec["observations"]] for spec in (own, other))
    if pseudo_data:
        assert own_data == other_data
    else:
        # The injected signal alone or with its variations: its sums round differently.
        assert all(
            a == pytest.approx(b, rel=1e-13) for a, b in zip(own_data, other_data, strict=True)
        )
    total = sum(sum(o["data"]) for o in own["observations"])
    expected = sum(
        (2 if sample["name"] == "signal" else 1) * sum(sample["data"])
        for channel in own["channels"]
        for sample in channel["samples"]
    )
    assert total == pytest.approx(expected, abs=4 * total**0.5 if pseudo_data else 1e-6)


def test_bad_events_stop_everything_with_one_error(analysis):
    folder, config, _ = analysis
    bad = {**config, "analysis": "bad", "features": ["mass", "log(pt - 5)"]}
    code, output = run(folder, bad, "--keep-going", "results/bad/signal/neos/seed1/limits.json")
    assert code != 0
    assert "feature 'log(pt - 5)' is nan in event" in output
    assert "Training" not in output
    assert not list((folder / "results/bad").rglob("*.safetensors"))
