"""What rules read and depend on, asked of the analysis without Snakemake."""

import copy
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from hone.analysis import Analysis, Template, checked_config, parts
from hone.analysis.files import Files
from hone.analysis.needs import Needs

ROOT = Path(__file__).parents[3]


def ready(name):
    return checked_config(yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text()))


BLOBS = ready("config")


def test_files_of_generated_events():
    files = Files(BLOBS)
    assert files.ntuples == {}
    assert files.own == []
    assert files.observed == ["results/blobs/events/observed/data.root"]
    names = files.templates("signal", "neos")
    assert names == ["signal", "background", "background__shape_up", "background__shape_down"]
    assert files.events_of(names, "training")["background__shape_up"] == [
        "results/blobs/events/training/background__shape_up.root"
    ]


def test_every_seed_of_every_observable():
    files = Files(BLOBS)
    found = files.of_seeds("limits.json")
    assert len(found) == len(set(found)) == 3 * len(BLOBS.observables)
    assert files.of_seeds("limits.json", ["signal"], ["bce"]) == [
        f"results/blobs/signal/bce/seed{k}/limits.json" for k in (1, 2, 3)
    ]
    assert files.source_models("signal", "bce-edges", "2", 1) == [
        "results/blobs/signal/bce/seed2/model.safetensors"
    ]
    assert files.patchsets() == []


def test_every_figure_is_of_an_observable_a_signal_or_all():
    files = Files(ready("zprime"))
    figures = files.figures("png")
    assert len(figures) == len(set(figures))
    observables, signals = files.observables, files.analysis.signals
    assert f"results/zprime/figures/{observables[0]}/limits.png" in figures
    for signal in signals:
        assert f"results/zprime/figures/{signal}/comparison.png" in figures
        for observable in observables:
            assert f"results/zprime/figures/{signal}/{observable}/templates.png" in figures
    assert set(figures) < set(files.shown())


@pytest.mark.parametrize(
    ("observation", "read", "injected"),
    [
        ({}, False, None),
        ({"unblind": True}, True, None),
        ({"mu": 1.0}, False, "signal"),
        ({"mu": 1.0, "pseudo_data": True, "signal": "heavy"}, False, "heavy"),
        ({"mu": 1.0, "unblind": True}, True, None),
    ],
)
def test_data_are_read_once_they_are_unblinded(config, observation, read, injected):
    analysis = checked_config({**config, "observation": observation})
    files = Files(analysis)
    assert (files.observed == ["data.root"]) is ("data.root" in files.own) is read
    assert files.injected == injected
    for signal in analysis.signals:
        assert files.injected_in(signal) == ([injected] if injected not in (None, signal) else [])


def changed(config, path, value):
    found = copy.deepcopy(config)
    *inner, last = path
    place = found
    for key in inner:
        place = place[key]
    place[last] = value
    return checked_config(found)


CHANGES = {
    "smoothing": (("systematics", 0, "smoothing"), True, {"model"}),
    "pruning": (("workspace",), {"pruning": 0.1}, {"model"}),
    "steps": (("observables", 0, "steps"), 80, {"training"}),
    "another observable": (("observables", 1, "bins"), 4, set()),
    "a yield": (("samples", 0, "yield"), 31, {"training", "model", "histograms", "survey"}),
    "another hypothesis": (("samples", 3, "yield"), 31, set()),
    "a rate": (("systematics", 2, "up"), 1.2, {"training", "model"}),
    "features": (("features",), ["mass"], {"training", "survey"}),
    "the level": (("limits",), {"level": 0.1}, {"training"}),
    "pseudo-data": (("observation",), {"pseudo_data": True}, {"histograms"}),
    "sizes": (("events",), {"training": 500}, {"training"}),
    "the labels": (("samples", 0, "parameters"), {}, set()),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGES)
def test_a_rule_depends_on_what_it_uses(config, case):
    """What is in its part makes a rule run again, and nothing else."""
    path, value, expected = CHANGES[case]

    def found(analysis):
        return {
            "training": parts.of_training(analysis, "signal", "neos"),
            "model": parts.of_model(analysis, "signal", "neos"),
            "histograms": parts.of_histograms(analysis, "signal", "neos"),
            "survey": parts.of_survey(analysis, Template("signal")),
        }

    before, after = found(checked_config(config)), found(changed(config, path, value))
    assert {name for name in before if before[name] != after[name]} == expected


def test_a_part_is_an_analysis(config):
    analysis = checked_config(config)
    part = Analysis.model_validate(parts.of_training(analysis, "signal", "neos"))
    assert part.signals == ["signal"]
    assert [o.name for o in part.observables] == ["neos"]
    assert part.templates_of("signal") == analysis.templates_of("signal", "neos")
    assert part.split == analysis.split
    assert part.features == analysis.features


def test_collisions_depend_on_what_they_see():
    config = yaml.safe_load((ROOT / "config" / "zprime.yaml").read_text())
    template = Template("drellyan", "scale", "up")
    before = parts.of_collisions(checked_config(config), template)
    for sample in config["samples"]:
        if "cross_section" in sample:
            sample["cross_section"] *= 2
    config["events"] = {"training": 40_000}
    muons = next(s for s in config["systematics"] if s["name"] == "scale")
    muons["down"] = {"muon_scale": 0.5}
    assert parts.of_collisions(checked_config(config), template) == before
    muons["up"] = {"muon_scale": 1.5}
    after = Analysis.model_validate(parts.of_collisions(checked_config(config), template))
    assert after.variation(after.template(template.name)).muons() == {"muon_scale": 1.5}


def test_own_files_are_followed_wherever_they_lie(config):
    Path("results/ntuples/events").mkdir(parents=True)
    Path("heavy.root").rename("results/ntuples/events/heavy.root")
    config["samples"][-1]["files"] = "results/ntuples/events/heavy.root"
    assert "results/ntuples/events/heavy.root" in Files(checked_config(config)).own


def test_files_on_a_server_are_no_inputs_of_snakemake(config):
    remote = "root://host//a.root"
    Path("list.txt").write_text(f"{remote}\nheavy.root\n")
    config["samples"][-1]["files"] = "list.txt"
    files = Files(checked_config(config))
    name = config["samples"][-1]["name"]
    assert files.ntuples[name] == ["heavy.root", remote]
    assert "heavy.root" in files.own
    assert remote not in files.own
    needs, wildcards = Needs(files, {}), SimpleNamespace(template=name)
    assert needs.template_events()(wildcards) == ["heavy.root"]
    assert needs.template_files()(wildcards) == {name: ["heavy.root", remote]}
    assert needs.sample_files()(wildcards) == {name: ["heavy.root", remote]}


def test_files_of_a_sample_that_a_rule_has_still_to_make_are_not_looked_at():
    analysis = checked_config(yaml.safe_load((ROOT / "config" / "zprime.yaml").read_text()))
    wildcards = SimpleNamespace(template="drellyan__scale_up")
    needs = Needs(Files(analysis), {})
    assert needs.template_files()(wildcards)
    assert needs.sample_files()(wildcards) == {}
