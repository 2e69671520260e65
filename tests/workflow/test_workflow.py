"""The workflow as a whole: what its files say, and what it does with bad ones."""

import contextlib
import json
import os
import re
import sqlite3
import tarfile
from pathlib import Path

import numpy as np
import onnxruntime
import pyhf
import pytest
import uproot
import yaml
from browser import barriers, open_provenance, open_report, opened
from conftest import snakemake
from pages import run_page

import hone
from hone.observable import load_observable
from hone.reporting.publication.archive import check_archive
from hone.reporting.publication.hepdata import validate
from hone.running.files import read_csv

SMALL = ("--configfile", "config/small.yaml")
SEEDS = ["signal/neos/seed1", "signal/neos/seed2", "signal/600/seed1"]
SCORED = ["background", "background__shape_up"]


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


@pytest.mark.parametrize("width", [1400, 390])
def test_the_report_answers_in_a_browser_without_a_network(run, width):
    limit = min(row["expected_limit"] for row in read_csv(run / "table.csv"))
    with open_report(run / "report.html", width) as (page, wrong):
        assert f"μ < {limit:#.3g} expected at 95" in page.locator(".line").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        # every figure in its tab, and none that the reader has not asked for
        shown = set()
        for box in page.locator("#observables input").all():
            box.check()
        for tab in page.get_by_role("tab").all():
            tab.click()
            assert page.locator("[role=tabpanel]:visible").count() == 1
            assert barriers(page) == []
            for picture in page.locator("[role=tabpanel] figure img:visible").all():
                assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)")
                shown.add(picture.get_attribute("alt"))
            boxes = [f.bounding_box() for f in page.locator(".kind:visible figure").all()[:2]]
            if width < 400 and len(boxes) == 2:
                assert boxes[1]["y"] >= boxes[0]["y"] + boxes[0]["height"], "one column"
        assert len(shown) == len(list(run.glob("figures/**/*.[pg][ni][gf]")))
        page.get_by_role("tab", name="Observable").click()
        for box in page.locator("#observables input").all():
            box.set_checked(box.get_attribute("value") == "600")
        visible = page.locator(".kind figure:visible").all()
        assert {figure.get_attribute("data-observable") for figure in visible} == {"600"}

        # search as you type, also what is not chosen
        hits = page.get_by_role("status")
        page.get_by_label("Search").fill("contour neos")
        assert hits.inner_text().startswith("1 figure,")
        page.get_by_label("Search").fill("nothing of the kind")
        assert hits.inner_text() == "no hits"
        page.get_by_label("Search").fill("")

        # the keyboard: tabs by arrows, a figure by Enter, back by Escape
        page.get_by_role("tab", name="Result").focus()
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.textContent") == "Observable"
        page.locator(".kind figure:visible button").first.focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        image = dialog.locator("img")
        assert image.is_visible()
        assert image.bounding_box()["height"] <= 900
        page.keyboard.press("Escape")
        assert not dialog.is_visible()

        # a table by one of its columns, both ways
        page.get_by_role("tab", name="Result").click()
        table = page.locator("table").first
        for direction in (1, -1):
            table.get_by_role("button", name="Expected limit").click()
            cells = table.locator("tbody td:nth-child(3)").all_inner_texts()
            values = [direction * float(cell) for cell in cells]
            assert values == sorted(values)
        assert not wrong


def test_the_provenance_opens_in_a_browser_without_a_network(run):
    with open_provenance(run / "provenance.html") as (page, wrong):
        first = page.locator(".prose").inner_text()
        for words in (
            (run / "headline.txt").read_text().split("\n")[0],
            "20 events expected",
            "a count after cuts, trained for",
            "compute_limits",
            f"pyhf {pyhf.__version__}",
        ):
            assert words in first
        # a reader's way: from the first page to a category, and to its first figure
        assert page.locator(".prose p").first.bounding_box()["y"] >= 0
        page.get_by_role("link", name="Limits", exact=True).last.click()
        page.locator("nav tbody tr").first.locator("a").first.click()
        page.locator("div.p-3 > img").wait_for()
        results = page.evaluate("Object.keys(results)")
        figures = {str(path.relative_to(run.parents[1])) for path in run.glob("figures/**/*.png")}
        assert figures < set(results)
        # of each kind the first
        for result in {Path(path).name: path for path in reversed(results)}.values():
            caption, what = opened(page, result)
            assert len(caption) > 60, result
            assert (what > 0) if result.endswith(".png") else what == "data:", result
        page.evaluate("app.setView({content: 'rulegraph'})")
        page.locator("#rulegraph canvas").wait_for()
        page.evaluate("app.setView({content: 'stats'})")
        page.locator("#runtimes canvas").wait_for()
        assert not wrong


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


@pytest.fixture(scope="module")
def outside(run, clone):
    """With what is for use elsewhere."""
    scores = [f"results/small/signal/neos/scores/{name}" for name in SCORED]
    code, output = snakemake(clone, "publish", "export", *scores, *SMALL)
    assert code == 0, output[-4000:]
    assert "\npublication  results/small/publication/\n" in output
    return run


@pytest.mark.parametrize("name", ["neos", "600"])
def test_onnxruntime_scores_as_the_workflow_does(outside, name):
    chosen = hone.load(outside)["signal"][name]
    session = onnxruntime.InferenceSession(outside / "signal" / name / "observable.onnx")
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["features"]) == ["x", "y"]
    assert (about["analysis"], about["signal"], about["observable"]) == ("small", "signal", name)
    assert int(about["seed"]) == chosen.seed
    assert json.loads(about["edges"]) == chosen.observable.edges[0].tolist()
    with uproot.open(outside / "events" / "evaluation" / "background.root") as file:
        events = file["events"].arrays(["x", "y"], library="np")
    score, bins = session.run(["score", "bin"], events)
    expected = chosen.observable(events)
    np.testing.assert_allclose(score, expected.score, rtol=0, atol=1e-6)
    assert np.count_nonzero(bins != expected.bin) < 3  # within 1e-6 of an edge


@pytest.mark.parametrize("name", SCORED)
def test_friends_have_the_histograms(outside, name):
    chosen = hone.load(outside)["signal"]["neos"]
    with uproot.open(outside / f"signal/neos/scores/{name}/{name}.root") as file:
        friend = file["scores"].arrays(library="np")
        assert json.loads(file["provenance"])["rule"] == "score_events"
    assert len(friend["score"]) == 20_000
    counted = np.bincount(friend["bin"], friend["weight"])
    np.testing.assert_allclose(counted, chosen.histograms[name].values(), rtol=1e-9)


def test_the_pages_run(outside, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = run_page("opened_result.ipynb", {"../results/blobs": str(outside)})
    session = onnxruntime.InferenceSession(outside / "signal/neos/observable.onnx")
    x, y = (np.asarray(found["events"][name]) for name in "xy")
    code = {'onnxruntime.InferenceSession("observable.onnx")': "session"}
    names = {"session": session, "x": x, "y": y}
    scored = run_page("scores.md", code, names)["score"]
    np.testing.assert_allclose(scored, found["neos"].observable(found["events"]).score, atol=1e-6)
    np.testing.assert_allclose(
        found["filled"].values(), found["neos"].histograms["background"].values(), rtol=1e-9
    )
    assert found["limits"]["expected_limits"][2] > 0
    assert [path.name for path in found["friends"]] == ["background.root"]


def test_the_publication_holds_what_it_says(outside, tmp_path):
    run = outside
    folder = run / "publication"
    archive = folder / "small.zip"
    manifest = check_archive(archive)
    assert manifest == json.loads((folder / "manifest.json").read_text())
    assert manifest["observation"] == "pseudo-data"
    seed = json.loads((run / "signal/neos/selected.json").read_text())["seed"]
    place = f"signal/neos/seed{seed}"
    spec = json.loads((run / place / "workspace.json").read_text())
    assert manifest["pyhf_digests"][f"{place}/workspace.json"] == pyhf.utils.digest(spec)
    names = {file["path"] for file in manifest["files"]}
    assert {
        "submission.tar.gz", "likelihoods.tar.gz", "numbers.tex", "yields.tex", "config.yaml",
        "comparison.csv",
        "figures/signal/neos/templates.pdf", f"{place}/model.safetensors", f"{place}/limits.json",
    } <= names  # fmt: skip
    assert f"signal/neos/seed{3 - seed}/limits.json" not in names
    with tarfile.open(folder / "submission.tar.gz") as submission:
        submission.extractall(tmp_path, filter="data")
    validate(tmp_path)


def test_no_checkpoint_is_left(run):
    assert not list(run.rglob("checkpoint*"))


@pytest.mark.usefixtures("run")
def test_an_own_objective_is_part_of_what_a_result_depends_on(clone):
    """Another function in what it imports: its observable, and no other, is trained again."""
    path = clone / "config" / "helper.py"
    text = path.read_text()
    try:
        path.write_text(text.replace("inverse_z_a", "z_a"))
        code, output = snakemake(clone, *SMALL, "--dry-run")
    finally:
        path.write_text(text)
    assert code == 0
    trained = re.findall(r"Training (\S+) for signal, (\w+ \d)", output)
    assert sorted(trained) == [("600", "seed 1"), ("600", "trial 1"), ("600", "trial 2")]


def test_the_readme_says_how_each_figure_is_made_again(run):
    text = (run / "README.md").read_text()
    for figure in (run / "figures").rglob("*.png"):
        assert f"--force {figure.relative_to(run.parents[1])} --configfile" in text
    assert "no observable can be below" in text  # a caption of the report
    assert "{{" not in text


@pytest.mark.usefixtures("run")
def test_a_run_says_what_it_did_and_a_quiet_one_nothing(clone):
    """At the end: jobs and times by rule, the result, the paths. With --quiet all only errors."""
    again = ("results/small/README.md", "--force", *SMALL)
    code, output = snakemake(clone, *again)
    assert code == 0
    end = output[output.index("Jobs of this run") :]
    assert re.search(r"^describe_results +1 ", end, re.MULTILINE)
    assert "compute_limits" not in end
    for words in ("the lowest expected limit on mu", "report   results/small/report.html"):
        assert words in end
    code, output = snakemake(clone, *again, "--quiet", "all")
    assert code == 0
    # Snakemake's own, before it looks at its options
    profile = "Using workflow specific profile profiles/default for setting default command line"
    assert [line for line in output.splitlines() if not line.startswith(profile)] == []


@pytest.mark.usefixtures("run")
def test_a_second_run_has_nothing_to_do_and_the_recorded_config_is_the_same_analysis(clone):
    code, output = snakemake(clone, "--dry-run", "--configfile", "results/small/config.yaml")
    assert code == 0
    assert "Nothing to be done" in output


def test_what_is_deleted_is_made_again(run, clone):
    """A file that others were made of counts as well, though these are there."""
    gone = [
        run / path
        for path in (
            "signal/neos/seed1/limits.json", "signal/600/seed1/systematics.csv",
            "signal/floor.json", "signal/neos/importance.json",
            "figures/signal/600/templates.pdf",
        )
    ]  # fmt: skip
    plans = {}
    try:
        for path in gone:
            path.rename(path.with_suffix(".kept"))
        for target in ("all", "limits"):
            code, plans[target] = snakemake(clone, target, *SMALL, "--dry-run")
            assert code == 0
    finally:
        for path in gone:
            path.with_suffix(".kept").rename(path)
    rules = {t: set(re.findall(r"^(\w+) +\d+$", plan, re.MULTILINE)) for t, plan in plans.items()}
    assert {
        "compute_limits", "build_workspace", "compute_floor", "rank_features", "plot_histograms",
    } <= rules["all"]  # fmt: skip
    assert "Training " not in plans["all"]
    # the result without all that draws
    assert rules["limits"] == {
        "compute_limits", "compute_floor", "compare_observables", "limits", "total",
    }  # fmt: skip


def test_provenance_says_all(run):
    for path in run.rglob("*.json"):
        if path.name in ("workspace.json", "background_only.json", "patchset.json"):
            continue  # pyhf's schema has no room; the record beside the log has it
        made = json.loads(path.read_text())["provenance"]
        assert {"settings", "code", "versions", "command", "wildcards", "rule"} <= set(made)
        assert made["command"].endswith("--configfile results/small/config.yaml")
    with uproot.open(run / "signal/neos/seed1/histograms.root") as file:
        assert json.loads(str(file["provenance"]))["rule"] == "fill_histograms"


@pytest.mark.usefixtures("run")
def test_another_caption_is_written_into_report_and_readme(clone):
    path = clone / "workflow" / "report" / "impacts.rst"
    text = path.read_text()
    try:
        path.write_text(text + "\nAnd that is that.\n")
        code, output = snakemake(clone, *SMALL, "--dry-run")
    finally:
        path.write_text(text)
    assert code == 0
    planned = set(re.findall(r"^(\w+) +\d+$", output, re.MULTILINE))
    assert planned == {"make_report", "describe_results", "all", "total"}


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        (
            # Snakemake itself would leave the number as text
            ("--config", "obervables=1", "limits={level: 2}", "seed=2"),
            [
                "unknown setting 'obervables'; did you mean 'observables'?",
                "- limits.level: 2 must be below 1",
            ],
        ),
        (
            ("--configfile", "config/config.yaml", "config/small.yaml"),
            ["--configfile: 2 files are given, but a file describes a whole analysis; give one"],
        ),
        (
            ("--configfile=config/small.yaml", "nobody"),
            ["No rule to produce nobody"],
        ),
    ],
)
def test_bad_settings_stop_before_any_job(clone, arguments, messages):
    code, output = snakemake(clone, *arguments)
    assert code != 0
    for message in messages:
        assert message in output
    if "--config" in arguments:
        assert "config/config.yaml cannot be used:" in output
        assert "common.smk" not in output
    assert not (clone / "results" / "blobs").exists()


@pytest.mark.parametrize(
    ("broken", "edit", "target", "gone", "message"),
    [
        (
            "events/evaluation/signal.root",
            lambda content: content[:2000],
            "signal/neos/seed1/histograms.root",
            "inputs/signal.json",
            "events/evaluation/signal.root cannot be read",
        ),
        (
            "signal/neos/seed1/workspace.json",
            lambda content: content.replace(b"normfactor", b"normfaktor"),
            "signal/neos/seed1/limits.json",
            "signal/neos/seed1/limits.json",
            "signal/neos/seed1/workspace.json: not a valid pyhf workspace",
        ),
        (
            "signal/neos/seed1/workspace.json",
            lambda content: re.sub(rb'("data": \[\s*)', rb"\g<1>1", content, count=1),
            "signal/neos/seed1/limits.json",
            "signal/neos/seed1/limits.json",
            "workspace.json is not what results/small/signal/neos/seed1/histograms.root gives",
        ),
    ],
)
def test_broken_files_are_named_and_leave_nothing(run, clone, broken, edit, target, gone, message):
    victim, result = run / broken, run / gone
    kept = {path: (path.read_bytes(), path.stat()) for path in (victim, result)}
    good = kept[victim][0]
    try:
        victim.write_bytes(edit(good))
        made = str((run / target).relative_to(clone))
        code, output = snakemake(clone, made, *SMALL, "--logger", "hone")
        assert code != 0
        # the one sentence that says it is the last, after the place of the log
        assert output.count(message) == 1
        assert message in output.splitlines()[-1]
        assert len(output.splitlines()) <= 4
        assert not result.exists()
        assert not list(result.parent.glob("*.partial*"))
    finally:
        for path, (content, times) in kept.items():
            path.write_bytes(content)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
