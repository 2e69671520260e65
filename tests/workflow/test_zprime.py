"""The example with Pythia, small: from collisions, and from the same ntuples as files."""

import json

import pytest
import uproot
import yaml
from conftest import ROOT, snakemake

SIGNALS = ["zp500"]


def workspaces(folder, analysis):
    """By signal."""
    places = {signal: folder / f"results/{analysis}/{signal}/mass/seed1" for signal in SIGNALS}
    return {s: json.loads((p / "workspace.json").read_text()) for s, p in places.items()}


def histograms(folder, analysis):
    """Values and variances by signal and name: with the workspaces all that limits are made of."""
    found = {}
    for signal in SIGNALS:
        with uproot.open(
            folder / f"results/{analysis}/{signal}/mass/seed1/histograms.root"
        ) as file:
            for key in file.keys(filter_classname="TH1D"):
                found[signal, key] = [file[key].values().tolist(), file[key].variances().tolist()]
    return found


def test_ntuples_on_disk_give_the_workspace_of_the_collisions(clone):
    pytest.importorskip("pythia8mc", reason="needs the extra pythia")
    config = yaml.safe_load((ROOT / "config/zprime.yaml").read_text())
    config["analysis"] = "collided"
    kept = [*SIGNALS, "drellyan"]
    config["samples"] = [s for s in config["samples"] if s["name"] in kept]
    for sample in config["samples"]:
        sample["dimuons"]["events"] = 6000
        if "slices" in sample["dimuons"]:
            sample["dimuons"]["slices"] = [450]
    for systematic in config["systematics"]:
        if isinstance(systematic["sample"], list):
            systematic["sample"] = [n for n in systematic["sample"] if n in kept]
    # a variation that is collided again, and one that is a weight
    config["systematics"] = [
        s for s in config["systematics"] if s["name"] in ("resolution", "efficiency")
    ]
    config["observables"] = [config["observables"][0]]
    config["observables"][0]["edges"] = [5.86, 6.1, 6.3, 6.85]

    def run(settings):
        name = settings["analysis"]
        path = clone / f"config/{name}.yaml"
        path.write_text(yaml.safe_dump(settings))
        targets = [f"results/{name}/{signal}/mass/seed1/workspace.json" for signal in SIGNALS]
        code, output = snakemake(clone, *targets, "--configfile", f"config/{name}.yaml")
        assert code == 0, output[-3000:]

    run(config)
    place = "results/collided/events/dimuons"
    files = yaml.safe_load(yaml.safe_dump({**config, "analysis": "read"}))
    for sample in files["samples"]:
        generated = sample.pop("dimuons")["events"]
        sample |= {
            "files": f"{place}/{sample['name']}.root", "tree": "events",
            "weight": "weight", "sum_of_weights": generated,
        }  # fmt: skip
    for systematic in files["systematics"]:
        for side in ("up", "down"):
            if {"muon_scale", "muon_resolution"} & set(systematic.get(side, {})):
                name = f"drellyan__{systematic['name']}_{side}"
                systematic[side] = {"files": f"{place}/{name}.root"}
    run(files)
    assert workspaces(clone, "read") == workspaces(clone, "collided")
    assert (found := histograms(clone, "collided"))
    assert histograms(clone, "read") == found
