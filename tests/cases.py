"""Check a folder of small inputs with known answers: ``python tests/cases.py FOLDER``.

The folder has ``inputs/make_cases.py``, which writes ntuples and configs, and pyhf workspaces in
``likelihood/*.json``. Prints a line for each case, and exits with 1 if one is wrong.
"""

import csv
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import jax
import numpy as np
import pyhf
import scipy.stats
import uproot

from hone.analysis import Template
from hone.analysis.regions import ONE_REGION
from hone.analysis.sections import Split
from hone.errors import FitError, ModelError
from hone.events.reader import Reader
from hone.events.sources import Source
from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf
from hone.observable import load_observable
from hone.statmodel.templates import read_histograms

jax.config.update("jax_enable_x64", True)
ROOT = Path(__file__).parents[1]
# Fraction of the signal's and the background's events that pass.
SELECTED = {
    "integers0": (0.509, 0.5157), "integers1": (0.3067, 0.293), "integers2": (0.7037, 0.6923),
    "integers3": (0.6303, 0.644), "integers4": (0.5, 0.5),
}  # fmt: skip
# What the error says, or -2 ln L of the free fit and CLs at mu = 1 (None where a test says FAILS).
REFUSED = {
    "duplicate_modifier": "is given 2 times",
    "poi_twice": "scales exactly what the POI",
    "normsys_lo_zero": "lo is 0.0",
    "zero_bin_all_with_data": "bin 2 has 1 events where at mu = 1 none is expected",
}
FITTED = {
    "interference_init0": 13.613860,
    "negative_bin_total": 10.622556,
    "zero_bkg_bin_with_data": 10.622048,
}
UNTESTABLE = {
    "negative_bin_total": "bin 2 has a negative expected rate at mu = 0",
    "zero_bkg_bin_with_data": "bin 2 has 3 events where at mu = 0 none is expected",
}


def expect(condition, otherwise):
    if not condition:
        raise AssertionError(otherwise)


def snakemake(folder, name, *targets):
    """Exit code and output of a run with a config of the folder."""
    command = [sys.executable, "-m", "snakemake", *targets, "--cores", "2", "--quiet", "all"]
    command += ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    command += ["--configfile", str(folder / f"{name}.yaml")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.returncode, run.stdout + run.stderr


def first_look(folder, name):
    """Rows of the first look at the inputs, by sample and variation."""
    code, output = snakemake(folder, name, "check_inputs")
    expect(code == 0, output[-2000:])
    with (folder / f"results/{name}/inputs/yields.csv").open(newline="") as file:
        return {(row["sample"], row["variation"]): row for row in csv.DictReader(file)}


def selection(folder, name):
    rows = first_look(folder, name)
    found = [int(rows[sample, ""]["events"]) / 3000 for sample in ("s", "b")]
    np.testing.assert_allclose(found, SELECTED[name], atol=5e-5)
    return f"{found[0]:.4f} and {found[1]:.4f} selected"


def normalisation(folder):
    effect = float(first_look(folder, "normalisation")["b", "jes_up"]["effect"])
    expect(abs(effect - 0.2) < 1e-9, effect)
    return f"{effect:+.1%}"


def merged(folder):
    """Parts of a file by their weights, and by their selections: they add up to the file."""
    with uproot.open(folder / "merged.root") as file:
        heavy = int((file["events"]["truth"].array(library="np") == 5).sum())
    text = (folder / "merged.yaml").read_text()
    for part in ("truth != 5", "truth == 5"):
        text = text.replace(f"weight: w * ({part})", f"weight: w, selection: {part}")
    (folder / "selected.yaml").write_text(text.replace("analysis: merged", "analysis: selected"))
    for name in ("merged", "selected"):
        rows = first_look(folder, name)
        for sample, events in (("light", 4000 - heavy), ("heavy", heavy)):
            row = rows[sample, ""]
            expect(int(row["events"]) == events, row)
            expect(abs(float(row["yield"]) - events) < 1e-6, row)
    (folder / "overlap.yaml").write_text(
        text.replace("analysis: merged", "analysis: overlap").replace("truth != 5", "truth < 5.5")
    )
    code, output = snakemake(folder, "overlap", "check_inputs")
    expect(code and f"and {heavy - 1} others are in both samples" in output, output[-2000:])
    return f"{4000 - heavy} and {heavy} events"


def rare(folder):
    look = (folder / "results/rare/inputs/yields.txt").read_text
    spec = workspace(folder, "rare")
    sums = {s["name"]: sum(s["data"]) for s in spec["channels"][0]["samples"]}
    expect(np.allclose([sums["s"], sums["b"], sums["c"]], [20, 1000, 5]), sums)
    first_look(folder, "rare")
    expect(look().count("fewer training events than a batch") == 1, look())
    return f"yields {sums}"


def separation(folder, name, features):
    """Area under the ROC curve of a network, on the evaluation events."""
    code, output = snakemake(folder, name, f"results/{name}/s/nn/seed1/model.safetensors")
    expect(code == 0, output[-2000:])
    observable, _ = load_observable(folder / f"results/{name}/s/nn/seed1/model.safetensors")
    scores = []
    for sample in "sb":
        source = Source(Template(sample), (str(folder / f"sent_{sample}.root"),), "events",
                        {sample: "1"}, Split())  # fmt: skip
        batches = Reader(source, features, (ONE_REGION,)).batches(0.6, 1.0)
        scores.append(np.concatenate([observable.score(b.features) for b in batches]))
    ranks = scipy.stats.rankdata(np.concatenate(scores))[: len(scores[0])]
    return (ranks.mean() - (len(ranks) + 1) / 2) / len(scores[1])


def sentinel(folder):
    """As with the sentinel replaced by hand; the first look says once how."""
    text = (folder / "sentinel.yaml").read_text().replace("analysis: sentinel", "analysis: by-hand")
    by_hand = ["where(x > -900, x, 0)", "x > -900", "y"]
    text = text.replace("features: [x, y]", f"features: {json.dumps(by_hand)}")
    (folder / "by-hand.yaml").write_text(text)
    areas = [
        separation(folder, "sentinel", ["x", "y"]), separation(folder, "by-hand", by_hand)
    ]  # fmt: skip
    expect(areas[0] > areas[1] - 0.005, areas)
    first_look(folder, "sentinel")
    said = (folder / "results/sentinel/inputs/yields.txt").read_text()
    expect(said.count("where(x != -999, x, ") == 1, said)
    return f"AUC {areas[0]:.4f}, by hand {areas[1]:.4f}"


def edges(folder):
    """Of copies in another order: equal files would be refused."""
    with uproot.recreate(folder / "edge_b.root") as file:
        file["events"] = {"x": np.tile(np.arange(11) / 10, 300)}
    target = "results/edges/s/v/seed1/histograms.root"
    code, output = snakemake(folder, "edges", target)
    expect(code == 0, output[-2000:])
    values = read_histograms(folder / target, "hard")[0]["s"].values[-3:]  # "high" comes first
    # A part of the events, weighted: each share is that of all within its error.
    np.testing.assert_allclose(values / 300, [3, 4, 1], rtol=0.25)
    return f"bins {np.round(values)}"


def workspace(folder, name):
    target = f"results/{name}/s/nn/seed1/workspace.json"
    code, output = snakemake(folder, name, target)
    expect(code == 0, output[-2000:])
    return json.loads((folder / target).read_text())


def huge(folder):
    code, output = snakemake(folder, "huge", "results/huge/s/nn/seed1/workspace.json")
    if code:
        expect("'x'" in output and "huge_" in output, output[-2000:])
        return "refused: " + re.sub(r"\s+", " ", output.split("rule ", 1)[-1])[:120]
    spec = json.loads((folder / "results/huge/s/nn/seed1/workspace.json").read_text())
    sums = {s["name"]: sum(s["data"]) for s in spec["channels"][0]["samples"]}
    expect(np.allclose([sums["s"], sums["b"]], [20, 100]), sums)
    return f"yields {sums}"


def likelihood(path):
    """A workspace: refused, or fitted as low as pyhf fits it; tests agree with pyhf or say why."""
    name = path.stem
    workspace = pyhf.Workspace(json.loads(path.read_text()))
    oracle = workspace.model()
    data = workspace.data(oracle)
    if name in REFUSED:
        try:
            infer.fit(data, from_pyhf(oracle))
        except (ModelError, FitError) as error:
            expect(REFUSED[name] in str(error), error)
            return f"refused: {error}"
        raise AssertionError("not refused")
    model = from_pyhf(oracle)
    pars, value = infer.fit(data, model, return_fitted_val=True)
    # pyhf loses digits of auxiliary counts of 1e11
    np.testing.assert_allclose(float(value), -2 * oracle.logpdf(pars, data)[0], rtol=1e-4)
    if name in FITTED:
        np.testing.assert_allclose(float(value), FITTED[name], atol=1e-5)
    said = f"-2 ln L {float(value):.6f}"
    try:
        infer.fixed_poi_fit(0.0, data, model)
        said += f", CLs {float(infer.hypotest(1.0, data, model)):.6f}"
    except FitError as error:
        expect(UNTESTABLE.get(name, "none is expected") in str(error), error)
        return f"{said}, {error}"
    expect(name not in UNTESTABLE, "tested")
    return said


def checks(folder, made):
    for name in SELECTED:
        yield name, lambda name=name: selection(made, name)
    for check in (normalisation, merged, rare, sentinel, edges, huge):
        yield check.__name__, lambda check=check: check(made)
    for path in sorted((folder / "likelihood").glob("*.json")):
        yield path.stem, lambda path=path: likelihood(path)


def main():
    folder, failed = Path(sys.argv[1]).absolute(), 0
    with tempfile.TemporaryDirectory() as made:
        maker = [sys.executable, str(folder / "inputs" / "make_cases.py")]
        subprocess.run(maker, cwd=made, check=True, capture_output=True)
        for name, check in checks(folder, Path(made)):
            try:
                print(f"{name:24s} ok     {check()}")
            except Exception as error:
                failed += 1
                print(f"{name:24s} WRONG  {type(error).__name__}: {error}")
    sys.exit(min(failed, 1))


if __name__ == "__main__":
    main()
