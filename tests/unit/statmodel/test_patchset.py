"""Hypotheses as patches: pyhf makes each workspace again from the background-only one."""

import copy

import numpy as np
import pyhf
import pytest
from test_workspace import SAMPLES, histograms

from hone.statmodel.patchset import background_only, make_patchset
from hone.statmodel.workspace import build_workspace


def workspace(name, seed):
    samples = [SAMPLES[0]._replace(name=name), SAMPLES[1]]
    found = histograms(seed)
    found[name] = found.pop("signal")
    return build_workspace(samples, found, np.arange(4.0), staterror=True)


@pytest.fixture
def hypotheses():
    return {"zp600": workspace("zp600", 1), "zp-800": workspace("zp-800", 2)}


def test_each_patch_gives_its_workspace(hypotheses):
    parameters = {"zp600": {"mass": 600}, "zp-800": {"mass": 800}}
    before = copy.deepcopy(hypotheses)
    background, spec = make_patchset(hypotheses, parameters, "test")
    assert hypotheses == before
    patchset = pyhf.PatchSet(spec)
    patchset.verify(background)
    assert patchset.labels == ["mass"]
    assert patchset[(600,)].name == "zp600"
    for name, expected in hypotheses.items():
        patch = name.replace("-", "_")
        assert patchset[patch].apply(background) == expected
        assert patchset.apply(background, patch).model().config.poi_name == "mu"
    names = {s["name"] for c in background["channels"] for s in c["samples"]}
    assert names == {"background"}


def test_without_parameters_the_name_is_the_label(hypotheses):
    _, spec = make_patchset(hypotheses, {"zp600": {}, "zp-800": {}}, "test")
    assert spec["metadata"]["labels"] == ["signal"]
    assert [p["metadata"]["values"] for p in spec["patches"]] == [["zp600"], ["zp-800"]]
    assert [p["metadata"]["name"] for p in spec["patches"]] == ["zp600", "zp_800"]


def test_background_only_leaves_the_workspace_alone(hypotheses):
    before = copy.deepcopy(hypotheses["zp600"])
    background_only(hypotheses["zp600"], "zp600")
    assert hypotheses["zp600"] == before
