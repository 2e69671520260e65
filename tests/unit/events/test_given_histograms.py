"""Histograms as inputs: the workspace that their events have, and what is refused."""

import copy
import re
from pathlib import Path

import hist
import jax
import numpy as np
import pytest
import uproot
import yaml
from ntuples import columns, write, write_analysis

from hone.analysis import Analysis, Template, checked_config
from hone.analysis.files import Files
from hone.analysis.needs import Needs
from hone.analysis.parts import of_survey
from hone.errors import ConfigError, InputError
from hone.events.check import check_inputs
from hone.events.first_look import yields_table
from hone.events.histograms import read_template
from hone.events.observation import observe
from hone.events.sources import BinnedSource, sources
from hone.events.stream import fill_histograms
from hone.events.survey import survey, survey_weights
from hone.observable import create_observable
from hone.statmodel.postprocessing import postprocess
from hone.statmodel.workspace import build_workspace, processes

# Finer than the bins of the regions, and ending elsewhere.


REGIONS = {
    "control_region": (lambda e: e["mass"] <= 90, "pt", [0, 10, 20, 50, 100, 200]),
    "high": (lambda e: e["mass"] >= 160, "pt", [0, 30, 60]),
    "signal_region": (lambda e: (e["mass"] > 90) & (e["mass"] < 160), "pt", [0, 20, 40, 80, 300]),
}


VARIED = {"path": "{region}/{sample}_{systematic}_{side}"}


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Ntuples; beside them ``histograms.root`` of the same events."""
    monkeypatch.chdir(tmp_path)
    found = write_analysis(tmp_path, size=400)
    for key in ("features", "observables", "split", "luminosity"):
        del found[key]
    for sample in found["samples"]:
        for key in ("yield", "cross_section"):
            sample.pop(key, None)
    found["regions"][0] |= {"fit": "variable", "variable": "pt", "edges": [0, 40, 300]}
    found["regions"][1]["edges"] = [0, 20, 50, 200]
    # it has no histogram in the other regions
    found["systematics"][0]["regions"] = ["control_region", "signal_region"]
    found["systematics"][0]["smoothing"] = True
    found["observation"] = {"unblind": True}
    signal, background = columns(400, 1, True), columns(400, 2, False)
    data = {name: x[:300] for name, x in columns(400, 3, False).items()}
    with uproot.recreate("histograms.root") as file:
        for region, (inside, variable, edges) in REGIONS.items():

            def fill(name, events, weight, of=(region, inside, variable, edges)):
                region, inside, variable, edges = of
                histogram = hist.Hist(hist.axis.Variable(edges), storage=hist.storage.Weight())
                chosen = inside(events)
                histogram.fill(events[variable][chosen], weight=weight[chosen])
                file[f"{region}/{name}"] = histogram

            for name, events in (("signal", signal), ("background", background)):
                fill(name, events, events["w"])
                fill(f"{name}_trigger_up", events, events["w"] * (1 + 0.001 * events["pt"]))
            for side, factor in (("up", 1.02), ("down", 0.98)) if region != "high" else ():
                varied = {**background, "mass": background["mass"] * factor}
                fill(f"background_scale_{side}", varied, varied["w"])
            fill("data", data, np.ones(300))
    return found


def of_histograms(config, *names):
    """The same analysis, with these samples from histograms."""
    found = copy.deepcopy(config)
    for i, sample in enumerate(found["samples"]):
        if sample["name"] in names:
            kept = {key: sample[key] for key in ("name", "process")}
            found["samples"][i] = kept | {"histograms": {"files": "histograms.root"}}
    scale, trigger = found["systematics"][:2]
    if "background" in names:
        scale |= {"up": VARIED, "down": VARIED}
    if "data" in names:  # nothing is selected from histograms
        for region in found["regions"]:
            del region["selection"]
    of_others = copy.deepcopy(trigger)
    trigger |= {"sample": [n for n in trigger["sample"] if n in names], "up": VARIED}
    of_others["sample"] = [n for n in of_others["sample"] if n not in names]
    if of_others["sample"]:
        found["systematics"].append(of_others)
    return found


def made(config):
    """The workspace, and the surveys."""
    analysis = checked_config(config)
    files, regions = Files(analysis), analysis.channels
    names = files.templates("signal", "regions")
    found = sources(analysis, {name: files.ntuples[name] for name in names})
    surveys = {s.name: survey(s, analysis.features, regions, "evaluation") for s in found}
    for name in Needs(files, {}).weighted:
        (source,) = (s for s in found if s.name == name)
        for region, rows in survey_weights(source, regions, surveys[name]["factor"]).items():
            surveys[name]["regions"][region] |= rows
    check_inputs(surveys, analysis.samples, analysis.systematics, regions, {})
    observables = [
        create_observable(
            analysis.observables[0], analysis.features, np.ones((2, 1)), jax.random.key(0)
        )
    ]
    groups = fill_histograms(observables, found, regions, surveys, analysis.features)
    observed = observe(
        analysis, "signal", observables, found, [], surveys, files.observed, groups["hard"]
    )
    bins = {"control_region": 3, "high": 1, "signal_region": 2}
    samples, histograms, _ = postprocess(
        processes(analysis, "signal"), groups["hard"], bins, analysis.smoothed, 0.0
    )
    return build_workspace(samples, histograms, observed.values, True, bins), surveys


def numbers(spec, place=""):
    """All numbers of a workspace by their place, which has the texts; modifiers in any order."""
    if isinstance(spec, dict):
        pairs = spec.items()
    elif isinstance(spec, list):
        named = bool(spec) and isinstance(spec[0], dict)
        pairs = enumerate(sorted(spec, key=lambda x: x["name"]) if named else spec)
    elif isinstance(spec, float):
        return {place: spec}
    else:
        return {f"{place}={spec}": 0.0}
    return {k: v for key, value in pairs for k, v in numbers(value, f"{place}/{key}").items()}


def test_the_workspace_is_that_of_the_events(config):
    expected, _ = made(config)
    wanted = numbers(expected)
    for names in (["signal", "background", "data"], ["background"]):
        found, surveys = made(of_histograms(config, *names))
        assert numbers(found) == pytest.approx(wanted, rel=1e-12), names
    # the first look has a row in each region, also of what is varied
    table = yields_table(surveys, checked_config(config).systematics)
    rows = [row for row in table if row["variation"] == "scale_up"]
    assert [row["region"] for row in rows] == ["control_region", "signal_region"]


def test_the_first_look_is_in_the_bins_of_the_workspace(config):
    """In the first region with a variable as in the others."""
    found = of_histograms(config, "signal", "background", "data")
    found["samples"][1]["histograms"]["beyond"] = "dropped"

    def regions(edges):
        found["regions"][0]["edges"] = edges
        analysis = checked_config(found)
        reading = Analysis.model_validate(of_survey(analysis, Template("background")))
        (source,) = sources(reading, {"background": Files(analysis).ntuples["background"]})
        return survey(source, reading.features, reading.channels)["regions"]

    with uproot.open("histograms.root") as file:
        right = file["signal_region/background"].values()[1:3].sum()
    total = regions([20, 80])["signal_region"]["background"]["yield"]
    assert total == pytest.approx(right, rel=1e-12)
    with pytest.raises(InputError, match=r"region 'signal_region': its edges are .* among them"):
        regions([0, 30, 300])


@pytest.mark.usefixtures("config")
def test_data_that_are_no_counts_are_taken_and_said(caplog):
    with uproot.update("histograms.root") as file:
        counts = file["high/data"].to_hist()
        counts.view().value += 0.25
        file["high/more"] = counts
    for name, said in (("data", False), ("more", True)):
        source = BinnedSource(
            Template("data"), ("histograms.root",), f"{{region}}/{name}", {"data": "1"}
        )
        found = read_template(source, {"high": None}, counted=True)
        assert ("region 'high': 1 of 1 bins are no whole numbers" in caplog.text) is said
    assert found.values == [counts.values(flow=True).sum()]


def test_a_blind_analysis_opens_no_data_histogram(config):
    blind = of_histograms(config, "signal", "background", "data")
    blind["observation"] = {}
    data = next(s for s in blind["samples"] if s["name"] == "data")
    write("data_only.root", {"x": np.ones(1)})  # it has no histogram
    data["histograms"]["files"] = "data_only.root"
    found, _ = made(blind)
    files = Files(checked_config(blind))
    assert files.observed == []
    assert files.own == ["histograms.root"]
    for channel, observation in zip(found["channels"], found["observations"], strict=True):
        (background,) = (s["data"] for s in channel["samples"] if s["name"] == "background")
        assert observation["data"] == pytest.approx(background)


def test_only_what_needs_no_events_is_made(config):
    files = Files(checked_config(of_histograms(config, "background")))
    made_of_events = ("plane", "features", "importance")
    assert not [p for p in files.figures("png") if any(k in p for k in made_of_events)]
    assert not [p for p in files.of_selected_seeds() if "importance" in p]
    assert files.templates_that_fluctuate("signal", "regions") == ["signal", "background"]


def test_observed_events_may_be_a_background_with_another_selection(config):
    """Fakes from data: weighted events that the signal region does not select."""
    fakes = {
        "name": "fakes", "process": "background", "files": "data.root", "selection": "pt < 15",
        "weight": "0.2 * w",
    }  # fmt: skip
    config["samples"].append(fakes)
    for unblind in (False, True):
        config["observation"] = {"unblind": unblind}
        found, _ = made(config)
        data = {name: x[:300] for name, x in columns(400, 3, False).items()}
        inside = (data["pt"] < 15) & (data["mass"] >= 160)
        high = next(c for c in found["channels"] if c["name"] == "high")
        (yields,) = (s["data"] for s in high["samples"] if s["name"] == "fakes")
        assert yields == [pytest.approx(0.2 * data["w"][inside].sum())]
    (observed,) = (o["data"] for o in found["observations"] if o["name"] == "high")
    assert observed == [(data["mass"] >= 160).sum()]


def test_edges_that_are_left_out_are_those_of_the_histograms(config):
    for samples in (["signal", "background", "data"], ["background"]):
        found = of_histograms(config, *samples)
        of_sample = copy.deepcopy(found)
        for region in found["regions"]:
            region.pop("edges", None)
        analysis = checked_config(found)
        for region in of_sample["regions"]:
            if region["fit"] == "variable":
                region["edges"] = list(REGIONS[region["name"]][2])
        assert analysis == checked_config(of_sample)
    missing = of_histograms(config, "background")
    del missing["regions"][0]["edges"], missing["regions"][1]["edges"]
    background = missing["samples"][1]["histograms"]
    background["path"] = "{region}/none"
    with pytest.raises(
        ConfigError,
        match=r"regions\['signal_region'\].edges: there are none, and .* no histogram",
    ):
        checked_config(missing)
    background["files"] = "no.root"
    with pytest.raises(
        ConfigError, match=r"cannot be used:\n- samples\['background'\].*no file matches"
    ):
        checked_config(missing)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["samples"][0].update({"yield": 3}), "histograms have their own yields"),
        (lambda c: c["samples"][0]["histograms"].update(path="{bin}/x"), "{bin} is not allowed"),
        (lambda c: c["samples"][0]["histograms"].update(path="x"), r"needs \{region\}"),
        (lambda c: c["samples"][0]["histograms"].update(path="{region}/background"), "count twice"),
        (lambda c: c["systematics"][0].update(up={"weight": "w"}), "has histograms; give the path"),
        (lambda c: c["systematics"][0].update(up={"path": "{region}/{sample}"}), "the nominal"),
        (lambda c: c.update(observation={"pseudo_data": True}), "no events that can be drawn"),
        (lambda c: c["regions"][0].update(selection="pt > 3"), "nothing can be selected from"),
        (lambda c: c["samples"][0]["histograms"].update(files="no.root"), "no file matches"),
    ],
)
def test_settings_that_histograms_cannot_have(config, change, message):
    found = of_histograms(config, "signal", "background", "data")
    checked_config(found)
    change(found)
    with pytest.raises(ConfigError, match=message):
        checked_config(found)


@pytest.mark.usefixtures("config")
def test_the_config_of_the_page_is_valid():
    page = (Path(__file__).parents[3] / "docs" / "histograms.md").read_text()
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    Path("histograms.root").rename("fakes.root")
    analysis = checked_config(yaml.safe_load(text))
    names = ["signal", "fakes", "fakes__fake_rate_up", "fakes__fake_rate_down"]
    assert Files(analysis).templates("signal", "regions") == names
    *_, source = sources(analysis, {name: ["fakes.root"] for name in names})
    assert source.path("peak") == "peak/fakes_fake_rate_down"


def test_nothing_is_trained_on_histograms(config):
    found = of_histograms(config, "background")
    found["systematics"], found["features"] = [], ["pt"]
    found["regions"][0] = {"name": "signal_region", "fit": "observable"}
    own = {"name": "o", "kind": "variable", "variable": "pt", "edges": [0, 40, 300]}
    checked_config({**found, "observables": [own]})
    network = {"name": "n", "kind": "network", "objective": "cls", "bins": 3}
    for others in ([own, own | {"name": "p"}], [network]):
        with pytest.raises(ConfigError, match="histograms have no events to be trained on"):
            checked_config({**found, "observables": others})
    of_events = copy.deepcopy(config)
    of_events["systematics"][0]["up"] = VARIED
    with pytest.raises(ConfigError, match=r"up.path: is of histograms, which 'background' has"):
        checked_config(of_events)
