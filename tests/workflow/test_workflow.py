"""The workflow as a whole: what its files say."""

import contextlib
import json
import sqlite3

import numpy as np
import pyhf
import pytest
import uproot
import yaml

from hone.observable import load_observable
from hone.running.files import read_csv

SEEDS = ["signal/neos/seed1", "signal/neos/seed2", "signal/600/seed1"]


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
            if f"hard/{template}" not in file:
                assert "600" in place, "only this one leaves the systematic out"
                continue
            hard, soft = (file[f"{group}/{template}"] for group in ("hard", "soft"))
            if "600" in place:
                assert 0 < hard.values().sum() < total
            else:
                assert hard.values().sum() == pytest.approx(total)
                assert soft.values().sum() == pytest.approx(total)
            np.testing.assert_allclose(hard.values(), soft.values(), atol=3)
            assert ((hard.errors() > 0) == (hard.values() > 0)).all()
        edges = file["hard/signal"].axis().edges()
        with uproot.open(run / "events" / "observed" / "data.root") as events:
            observed = events["events"].num_entries
        counted = file["observed/data"].values().sum()
        assert counted < observed if "600" in place else counted == observed
    np.testing.assert_allclose(edges, load_observable(run / place / "model.safetensors")[0].edges)


@pytest.mark.parametrize("place", SEEDS)
def test_workspace_holds_the_hard_histograms(run, place):
    spec = json.loads((run / place / "workspace.json").read_text())
    pyhf.schema.validate(spec, "workspace.json")
    model = pyhf.Workspace(spec).model()
    with uproot.open(run / place / "histograms.root") as file:
        names = ("signal", "background")
        assert {s["name"] for s in spec["channels"][0]["samples"]} == set(names)
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
    assert limits["observed_limit"] > 0  # of pseudo-data
    check = limits["pyhf_check"]
    assert check["expected_limits"] == pytest.approx([0.05] * 5, rel=1e-3)
    assert check["max_difference"] < 1e-3
    assert {"settings", "code", "versions", "rule", "workspace"} <= set(limits["provenance"])
    assert limits["npars"] == model.config.npars
    bare = limits["without_staterror"]
    assert bare["pyhf_expected_cls"] == pytest.approx(bare["expected_cls"], rel=1e-4)
    assert bare["pyhf_sigma_mu"] == pytest.approx(bare["sigma_mu"], rel=1e-3)
    assert bare["expected_cls_error"] > 0
    assert bare["sigma_mu"] <= limits["sigma_mu"]


@pytest.mark.parametrize("name", ["neos", "600"])
def test_a_workspace_has_one_best_fit(name, run):
    fit, likelihood = (
        json.loads((run / f"signal/{name}/{what}.json").read_text())
        for what in ("fit", "likelihood")
    )
    found, scanned = fit["fit"], likelihood["best_fit"]["observed"]
    assert (found["bestfit"], found["uncertainty"]) == (scanned["pars"], scanned["errors"])
    best = found["bestfit"][found["labels"].index(fit["poi"])]
    assert likelihood["profile"]["observed"]["best_fit"] == best
    assert likelihood["contour"]["observed"]["best_fit"][0] == best
    assert found["goodness_of_fit_toys"]["toys"] == 1000
    parts = fit["breakdown"]
    components = [parts["data_component"], *(g["component"] for g in parts["groups"].values())]
    assert sum(x**2 for x in components) == pytest.approx(parts["hessian"] ** 2)
    assert np.diff(parts["interval"]) == pytest.approx(2 * parts["total"])
    assert "MC statistics" in parts["groups"]


def test_the_published_seed_is_the_best_in_validation(run):
    choice = json.loads((run / "signal/neos/selected.json").read_text())
    best = {}
    for seed in (1, 2):
        rows = read_csv(run / f"signal/neos/seed{seed}/history.csv")
        assert [row["step"] for row in rows] == [0, 20, 40]
        best[seed] = min(row["validation_objective"] for row in rows[1:])
    assert choice["seed"] == min(best, key=best.get)


def test_the_best_trial_is_what_is_trained(run):
    """Seed 1 repeats it, step by step."""

    def objectives(place):
        rows = read_csv(run / "signal/600" / place / "history.csv")
        return [row["validation_objective"] for row in rows[1:]]

    chosen = json.loads((run / "signal/600/tuned.json").read_text())
    best = {k: min(objectives(f"trials/trial{k}/seed1")) for k in (1, 2)}
    assert chosen["trial"] == min(best, key=best.get)
    settings = load_observable(run / "signal/600/seed1/model.safetensors")[1]
    assert settings.learning_rate == chosen["settings"]["learning_rate"]
    assert objectives("seed1") == objectives(f"trials/trial{chosen['trial']}/seed1")
    rows = read_csv(run / "signal/600/trials.csv")
    assert [row["learning_rate"] for row in rows] == [0.003, 0.03]
    assert "learning_rate: the best of 2 trials" in (run / "provenance.html").read_text()


def test_tables_hold_what_limits_say(run):
    rows = read_csv(run / "comparison.csv")
    assert [(r["observable"], r["seed"]) for r in rows] == [("neos", 1), ("neos", 2), ("600", 1)]
    bare = json.loads((run / "signal/neos/seed1/limits.json").read_text())["without_staterror"]
    assert rows[0]["without_staterror_expected_cls"] == bare["expected_cls"]
    limits = json.loads((run / "signal/neos/seed2/limits.json").read_text())
    assert rows[1]["expected_limits_2"] == limits["expected_limits"][2]
    assert rows[1]["pyhf_expected_cls_2"] == limits["pyhf_check"]["expected_cls"][2]
    table = (run / "summary.txt").read_text()
    assert "600" in table
    floor = json.loads((run / "signal/floor.json").read_text())
    assert min(r["pyhf_expected_cls_2"] for r in rows) > floor["expected_cls"]
    # without the systematic there is less to be beaten
    assert floor["of_observables"]["600"]["expected_cls"] < floor["expected_cls"]


def test_figures_and_report_are_there(run):
    for name in ("neos", "600"):
        for kind in ("plane", "templates", "soft_hard", "cls_scan"):
            stem = run / "figures" / "signal" / name / kind
            assert stem.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
            assert stem.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    others = "neos/training 600/training neos/overtraining 600/roc 600/gradient 600/trials"
    others += " study_steps comparison"
    for figure in others.split():
        assert (run / "figures" / "signal" / f"{figure}.png").exists()
    report = (run / "provenance.html").read_text()
    assert "a count after cuts, trained for" in report  # the first page
    assert "figures/signal/neos/plane.png" in report
    assert "figures/signal/comparison.png" in report
    assert "yields.txt" in report
    assert (run / "report.html").stat().st_size < 3e6


def test_the_recorded_config_is_complete_and_foreign_settings_do_not_survive(run):
    recorded = yaml.safe_load((run / "config.yaml").read_text())
    assert recorded["limits"] == {"level": 0.05}
    names = [o["name"] for o in recorded["observables"]]
    assert names == ["neos", "600"]
    assert recorded["observation"]["mu"] == 1.0
    assert recorded["observation"]["unblind"] is False
    assert not (run.parent / "blobs").exists()


def test_trainings_are_runs_of_mlflow(run):
    with contextlib.closing(sqlite3.connect(run / "mlflow" / "mlflow.db")) as store:
        names = {name for (name,) in store.execute("select name from runs")}
    assert names == set(SEEDS)
    assert len(list((run / "mlflow" / "artifacts").glob("*/artifacts/history.csv"))) == len(SEEDS)


def test_no_checkpoint_is_left(run):
    assert not list(run.rglob("checkpoint*"))


def test_the_readme_says_how_each_figure_is_made_again(run):
    text = (run / "README.md").read_text()
    for figure in (run / "figures").rglob("*.png"):
        assert f"--force {figure.relative_to(run.parents[1])} --configfile" in text
    assert "no observable is below it" in text  # a caption of the report
    assert "{{" not in text


def test_provenance_says_all(outside):
    run = outside
    for path in run.rglob("*.json"):
        if path.name in ("workspace.json", "background_only.json", "patchset.json"):
            continue  # pyhf's schema has no room; the record beside the log has it
        made = json.loads(path.read_text())["provenance"]
        assert {"settings", "code", "versions", "command", "wildcards", "rule"} <= set(made)
        assert made["command"].endswith("--configfile results/small/config.yaml")
    with uproot.open(run / "signal/neos/seed1/histograms.root") as file:
        assert json.loads(str(file["provenance"]))["rule"] == "fill_histograms"
