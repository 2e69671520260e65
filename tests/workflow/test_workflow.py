"""The workflow as a whole: what its files say, and what it does with bad ones."""

import json
import os

import numpy as np
import pyhf
import pytest
import uproot
import yaml
from conftest import snakemake

from hone.files import read_csv
from hone.observable import load_observable

SMALL = ("--configfile", "config/small.yaml")
SEEDS = [f"signal/{name}/seed{k}" for name in ("neos", "neos-edges") for k in (1, 2)]


def test_events_are_three_independent_sets(run):
    seen = []
    for events_set, size in (("training", 2000), ("validation", 5000), ("evaluation", 20_000)):
        for template in ("signal", "background", "background__shape_up", "background__shape_down"):
            with uproot.open(run / "events" / events_set / f"{template}.root") as file:
                assert file["events"].num_entries == size
                seen.append(file["events/x"].array(library="np"))
                assert json.loads(file["provenance"])["set"] == events_set
    everything = np.concatenate(seen)
    assert len(np.unique(everything)) == len(everything)


@pytest.mark.parametrize("place", SEEDS)
def test_histograms_keep_every_event(run, place):
    with uproot.open(run / place / "histograms.root") as file:
        for template, total in (("signal", 20), ("background", 100), ("background__shape_up", 100)):
            hard, soft = (file[f"{group}/{template}"] for group in ("hard", "soft"))
            assert hard.values().sum() == pytest.approx(total)
            assert soft.values().sum() == pytest.approx(total)
            np.testing.assert_allclose(hard.values(), soft.values(), atol=3)
            assert ((hard.errors() > 0) == (hard.values() > 0)).all()
        edges = file["hard/signal"].axis().edges()
        with uproot.open(run / "events" / "observed" / "data.root") as events:
            observed = events["events"].num_entries
        assert file["observed/data"].values().sum() == observed
    np.testing.assert_allclose(edges, load_observable(run / place / "model.safetensors").edges)


@pytest.mark.parametrize("place", SEEDS)
def test_workspace_holds_the_hard_histograms(run, place):
    spec = json.loads((run / place / "workspace.json").read_text())
    pyhf.schema.validate(spec, "workspace.json")
    model = pyhf.Workspace(spec).model()
    with uproot.open(run / place / "histograms.root") as file:
        names = ("signal", "background")
        total = np.sum([file[f"hard/{name}"].values() for name in names], axis=0)
        observed = file["observed/data"].values()
    start = model.config.suggested_init()
    np.testing.assert_allclose(model.expected_data(start, include_auxdata=False), total)
    np.testing.assert_allclose(spec["observations"][0]["data"], observed)


@pytest.mark.parametrize("place", SEEDS)
def test_limits_are_pyhfs(run, place):
    limits = json.loads((run / place / "limits.json").read_text())
    workspace = pyhf.Workspace(json.loads((run / place / "workspace.json").read_text()))
    model = workspace.model()
    start = np.array(model.config.suggested_init())
    start[model.config.poi_index] = 0.0
    nominal = model.expected_data(start)
    expected = pyhf.infer.hypotest(1.0, nominal, model, return_expected_set=True)[1]
    np.testing.assert_allclose(limits["expected_cls"], expected, rtol=1e-4)
    median = limits["expected_limits"][2]
    assert pyhf.infer.hypotest(median, nominal, model, return_expected=True)[1] == pytest.approx(
        limits["level"], rel=1e-4
    )
    assert limits["expected_limits"] == sorted(limits["expected_limits"])
    check = limits["pyhf_check"]
    assert check["expected_limits"] == pytest.approx([0.05] * 5, rel=1e-3)
    assert check["max_difference"] < 1e-3
    assert {"settings", "code", "versions", "rule", "workspace"} <= set(limits["provenance"])
    assert limits["npars"] == model.config.npars == 5


def test_the_published_seed_is_the_best_in_validation(run):
    choice = json.loads((run / "signal/neos/selected.json").read_text())
    best = {}
    for seed in (1, 2):
        rows = read_csv(run / f"signal/neos/seed{seed}/history.csv")
        assert [row["step"] for row in rows] == [20, 40]
        best[seed] = min(row["validation_objective"] for row in rows)
    assert choice["seed"] == min(best, key=best.get)


def test_tables_hold_what_limits_say(run):
    rows = read_csv(run / "comparison.csv")
    assert [(r["observable"], r["seed"]) for r in rows] == [
        ("neos", 1), ("neos", 2), ("neos-edges", 1), ("neos-edges", 2),
    ]  # fmt: skip
    limits = json.loads((run / "signal/neos/seed2/limits.json").read_text())
    assert rows[1]["expected_limits_2"] == limits["expected_limits"][2]
    assert rows[1]["pyhf_expected_cls_2"] == limits["pyhf_check"]["expected_cls"][2]
    table = (run / "summary.txt").read_text()
    assert "neos-edges" in table
    assert "report.html" in table
    floor = json.loads((run / "signal/floor.json").read_text())
    assert min(r["pyhf_expected_cls_2"] for r in rows) > floor["expected_cls"]


def test_figures_and_report_are_there(run):
    for name in ("neos", "neos-edges"):
        for kind in ("training", "plane", "templates", "soft_hard", "cls_scan"):
            stem = run / "figures" / f"signal__{name}__{kind}"
            assert stem.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
            assert stem.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    report = (run / "report.html").read_text()
    assert "signal__neos__plane.png" in report
    assert "signal__comparison.png" in report


def test_the_recorded_config_is_complete_and_foreign_settings_do_not_survive(run):
    recorded = yaml.safe_load((run / "config.yaml").read_text())
    assert recorded["limits"] == {"level": 0.05}
    assert [o["name"] for o in recorded["observables"]] == ["neos", "neos-edges"]
    assert recorded["observation"] == {"mu": 1.0, "seed": 3}
    assert not (run.parent / "blobs").exists()


@pytest.mark.usefixtures("run")
def test_a_second_run_has_nothing_to_do(clone):
    code, output = snakemake(clone, *SMALL, "--dry-run")
    assert code == 0
    assert "Nothing to be done" in output


def test_a_misspelled_setting_stops_before_any_job(clone):
    code, output = snakemake(clone, "--config", "obervables=1")
    assert code != 0
    assert "unknown setting 'obervables'; did you mean 'observables'?" in output
    assert not (clone / "results" / "blobs").exists()


@pytest.mark.parametrize(
    ("broken", "target", "message"),
    [
        (
            "events/evaluation/signal.root",
            "signal/neos/seed1/histograms.root",
            "events/evaluation/signal.root: cannot be read as ROOT events",
        ),
        (
            "signal/neos/seed1/workspace.json",
            "signal/neos/seed1/limits.json",
            "signal/neos/seed1/workspace.json: not a valid pyhf workspace",
        ),
    ],
)
def test_broken_files_are_named_and_leave_nothing(run, clone, broken, target, message):
    victim, result = run / broken, run / target
    kept = {path: (path.read_bytes(), path.stat()) for path in (victim, result)}
    good = kept[victim][0]
    try:
        if victim.suffix == ".json":
            victim.write_bytes(good.replace(b"normfactor", b"normfaktor"))
        else:
            victim.write_bytes(good[:2000])
        code, output = snakemake(clone, str(result.relative_to(clone)), *SMALL)
        assert code != 0
        assert message in output
        assert not result.exists()
        assert not list(result.parent.glob("*.partial*"))
    finally:
        for path, (content, times) in kept.items():
            path.write_bytes(content)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
