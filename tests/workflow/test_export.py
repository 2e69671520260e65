"""What is for use elsewhere: scores in ONNX and in friend trees, and the publication."""

import json
import tarfile

import numpy as np
import onnxruntime
import pyhf
import pytest
import uproot
from conftest import SCORED
from pages import run_page

import hone
from hone.reporting.publication.archive import check_archive
from hone.reporting.publication.hepdata import validate


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
