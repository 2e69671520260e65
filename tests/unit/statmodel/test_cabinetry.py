"""The workspace of cabinetry, from the same histograms and from the same files."""

import re
from pathlib import Path

import cabinetry
import jax
import numpy as np
import pyhf
import pytest
import uproot
import yaml
from split_norms import CHANNELS, SPLIT, histogram, varied

from hone.analysis import checked_config
from hone.analysis.files import Files
from hone.events.sources import sources
from hone.events.stream import fill_histograms
from hone.events.survey import survey
from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf
from hone.observable import create_observable
from hone.statmodel.postprocessing import postprocess
from hone.statmodel.templates import Histogram
from hone.statmodel.workspace import build_workspace, processes


def cabinetrys(folder, histograms):
    """cabinetry's workspace of the same histograms."""
    names = {"": "", "both_up": "both_Up", "both_down": "both_Down", "up_only_up": "up_only_Up"}
    (folder / "histograms").mkdir()
    for region, place in (("control", slice(0, 1)), ("signal_region", slice(1, 5))):
        for name, found in histograms.items():
            sample, _, variation = name.partition("__")
            edges = np.arange(len(found.values[place]) + 1.0)
            made = cabinetry.histo.Histogram.from_arrays(
                edges, found.values[place], np.sqrt(found.variances[place])
            )
            label = "_".join(filter(None, (region, sample, names[variation])))
            made.save(folder / "histograms" / f"{label}_modified")
    systematic = {"Type": "NormPlusShape", "Samples": "background"}
    config = {
        "General": {
            "Measurement": "limit", "POI": "mu", "HistogramFolder": str(folder / "histograms"),
            "InputPath": "",
        },
        "Regions": [
            {"Name": "control", "Variable": "x", "Binning": [0, 1]},
            {"Name": "signal_region", "Variable": "x", "Binning": [0, 1, 2, 3, 4]},
        ],
        "Samples": [
            {"Name": "signal", "Tree": "t"}, {"Name": "background", "Tree": "t"},
            {"Name": "data", "Tree": "t", "Data": True},
        ],
        "NormFactors": [
            {"Name": "mu", "Samples": "signal"},
            {"Name": "mu_b", "Samples": "background", "Nominal": 1, "Bounds": [0, 10]},
        ],
        "Systematics": [
            {"Name": "both", "Up": {"Tree": "t"}, "Down": {"Tree": "t"}, **systematic},
            {"Name": "up_only", "Up": {"Tree": "t"}, "Down": {"Symmetrize": True}, **systematic},
            {"Name": "rate", "Up": {"Normalization": 0.05}, "Down": {"Normalization": -0.05},
             "Type": "Normalization", "Samples": "background"},
        ],
    }  # fmt: skip
    return cabinetry.workspace.build(config)


def assert_same_modifiers(ours, theirs):
    assert ours["observations"] == theirs["observations"]
    for own, other in zip(ours["channels"], theirs["channels"], strict=True):
        assert own["name"] == other["name"]
        for mine, their in zip(own["samples"], other["samples"], strict=True):
            assert (mine["name"], mine["data"]) == (their["name"], their["data"])
            modifiers, expected = (
                {(m["name"], m["type"]): m["data"] for m in s["modifiers"]} for s in (mine, their)
            )
            assert modifiers.keys() == expected.keys()
            for key, content in modifiers.items():
                if isinstance(content, dict):
                    assert content.keys() == expected[key].keys()
                    for side, numbers in content.items():
                        np.testing.assert_allclose(numbers, expected[key][side], rtol=1e-12)
                elif content is None:
                    assert expected[key] is None
                else:
                    np.testing.assert_allclose(content, expected[key], rtol=1e-12)


def test_the_workspace_is_cabinetrys(tmp_path):
    rng = np.random.default_rng(4)
    nominal = rng.uniform(20, 30, 5)
    up, down, only = (nominal * rng.uniform(low, low + 0.4, 5) for low in (1, 0.6, 0.9))
    found = varied(nominal, both_up=up, both_down=down, up_only_up=only)
    data = np.arange(5.0)
    theirs = cabinetrys(tmp_path, found | {"data": histogram(data)})
    ours = build_workspace(SPLIT, found, data, True, CHANNELS)
    assert_same_modifiers(ours, theirs)
    likelihoods = []
    for spec in (ours, theirs):
        workspace = pyhf.Workspace(spec)
        model = workspace.model()
        pars = dict.fromkeys(model.config.par_names, 0.7)
        likelihoods.append(float(model.logpdf(list(pars.values()), workspace.data(model))[0]))
    assert likelihoods[0] == pytest.approx(likelihoods[1], rel=1e-12)


def test_the_page_for_users_of_cabinetry_says_what_cabinetry_does(tmp_path, monkeypatch):
    """The same templates, from the same files, become the same modifiers."""
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[3] / "docs" / "cabinetry.md").read_text()
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert len(text.splitlines()) <= 20
    write_tutorial()
    analysis = checked_config(yaml.safe_load(text))
    config = {
        "General": {
            "Measurement": "limit", "POI": "mu", "HistogramFolder": "histograms/",
            "InputPath": "{SamplePath}",
        },
        "Regions": [
            {"Name": "Signal_region", "Filter": "lep_charge > 0", "Variable": "jet_pt",
             "Binning": [200, 300, 400, 500, 600]},
        ],
        "Samples": [
            {"Name": "Signal", "Tree": "signal", "SamplePath": "prediction.root",
             "Weight": "weight", "DisableStaterror": True},
            {"Name": "Background", "Tree": "background", "SamplePath": "prediction.root",
             "Weight": "weight"},
            {"Name": "Data", "Tree": "pseudodata", "SamplePath": "data.root", "Data": True},
        ],
        "NormFactors": [{"Name": "mu", "Samples": "Signal"}],
        "Systematics": [
            {"Name": "Luminosity", "Type": "Normalization", "Up": {"Normalization": 0.05},
             "Down": {"Normalization": -0.05}},
            {"Name": "Modeling", "Type": "NormPlusShape", "Samples": "Background",
             "Up": {"Tree": "background_varied"}, "Down": {"Symmetrize": True},
             "Smoothing": {"Algorithm": "353QH, twice"}},
            {"Name": "WeightBasedModeling", "Type": "NormPlusShape", "Samples": "Background",
             "Up": {"Weight": "weight_up"}, "Down": {"Weight": "0.7*weight"}},
        ],
    }  # fmt: skip
    cabinetry.templates.build(config, method="uproot")
    cabinetry.templates.postprocess(config)
    theirs = cabinetry.workspace.build(config)
    templates = {
        template.name: "_".join(filter(None, (*template[:2], template.side.capitalize())))
        for process in processes(analysis, "Signal")
        for template in process.templates()
    }
    made = {
        name: cabinetry.histo.Histogram.from_path(
            tmp_path / "histograms" / f"Signal_region_{file}", modified=False
        )
        for name, file in (templates | {"data": "Data"}).items()
    }
    names = [t.name for t in analysis.templates_of("Signal")]
    read = sources(analysis, {name: Files(analysis).ntuples[name] for name in names})
    surveys = {s.name: survey(s, analysis.features, analysis.channels) for s in read}
    observable = create_observable(
        analysis.observables[0], analysis.features, np.ones((2, 1)), jax.random.key(0)
    )
    how = (analysis.channels, surveys, analysis.features)
    filled = fill_histograms([observable], read, *how)["hard"]
    for name in templates:
        np.testing.assert_allclose(filled[name].values, made[name].yields, rtol=1e-12)
    found = {name: Histogram(h.yields, h.stdev**2) for name, h in made.items()}
    bins = {"Signal_region": 4}
    samples, fitted, _ = postprocess(
        processes(analysis, "Signal"), found, bins, analysis.smoothed, analysis.workspace.pruning
    )
    ours = build_workspace(samples, fitted, found["data"].values, True, bins)
    assert_same_modifiers(ours, theirs)
    assert_limits_are_pyhfs(ours, theirs)


def assert_limits_are_pyhfs(ours, theirs):
    """Observed and median to 1e-3: the CLs that cabinetry solves, pyhf's, are 5 % between."""
    workspace = pyhf.Workspace(ours)
    model = workspace.model()
    observed, expected = infer.upper_limit(np.array(workspace.data(model)), from_pyhf(model))
    workspace = pyhf.Workspace(theirs)
    model = workspace.model()
    data = workspace.data(model)
    for limit, of in ((observed, lambda cls, _: cls), (expected[2], lambda _, band: band[2])):
        below, above = (
            of(*pyhf.infer.hypotest(factor * limit, data, model, return_expected_set=True))
            for factor in (0.999, 1.001)
        )
        assert below > 0.05 > above


def write_tutorial():
    """Files as those of cabinetry's tutorial, of fewer events."""
    rng = np.random.default_rng(2)

    def events(size, mean):
        return {
            "jet_pt": rng.exponential(mean, size) + 150, "lep_charge": rng.choice([-1.0, 1], size),
            "weight": rng.uniform(0.5, 1.5, size), "weight_up": rng.uniform(0.9, 1.9, size),
        }  # fmt: skip

    trees = {"signal": (2000, 300), "background": (5000, 120), "background_varied": (5000, 140)}
    for path, content in (("prediction.root", trees), ("data.root", {"pseudodata": (800, 130)})):
        with uproot.recreate(path) as file:
            for name, (size, mean) in content.items():
                branches = events(size, mean)
                file.mktree(name, {branch: x.dtype for branch, x in branches.items()})
                file[name].extend(branches)
