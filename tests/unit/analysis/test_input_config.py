"""Contradictions in what a config says about events, each with the message it gives."""

from pathlib import Path

import pytest
from ntuples import columns, write

from hone.analysis import checked_config
from hone.analysis.files import Files
from hone.analysis.settings import plain


def sample(**changes):
    return lambda c: c["samples"][1].update(changes)


def systematic(**changes):
    return lambda c: c["systematics"][0].update(changes)


def region(**changes):
    return lambda c: c["regions"][0].update(changes)


DENSITY = [{"kind": "exponential", "variables": ["mass"], "rate": 1}]


def generated(**changes):
    def change(config):
        config.update(regions=[], features=["mass"], systematics=[], normfactors=[], **changes)
        config["samples"] = [
            {"name": s["name"], "process": s["process"], "yield": 1, "distribution": DENSITY}
            for s in config["samples"][:2]
        ]

    return change


CASES = {
    "a missing file": (
        sample(files="nothing_*.root"),
        r"samples\['background'\].files: no file matches 'nothing_\*.root' in /",
    ),
    "a tree behind the file, as uproot has it": (
        sample(files="background_1.root:events"),
        r"no file matches 'background_1.root:events' in .*; the tree .* apart, tree: events",
    ),
    "no tree behind a pattern": (
        sample(files="nothing_*.root"), r"nothing_\*.root' in [^;]*$",
    ),
    "braces in a file name": (
        lambda c: (write("a{b}.root", columns(9, 1, False)), sample(files="a{b}.root")(c)),
        r"samples\['background'\].files: a{b}.root: Snakemake takes braces",
    ),
    "a file twice": (
        sample(files=["background_1.root", "background_*.root"]),
        r"samples\['background'\].files: background_1.root is listed more than once: its events",
    ),
    "a list with a file that is missing": (
        lambda c: (Path("list.txt").write_text("nothing.root"), sample(files="list.txt")(c)),
        r"samples\['background'\].files: no file matches 'nothing.root' in /",
    ),
    "an empty list": (
        lambda c: (Path("list.txt").write_text("# none\n"), sample(files="list.txt")(c)),
        r"samples\['background'\].files: list.txt lists no file",
    ),
    "a list within a list": (
        lambda c: (
            Path("list.txt").write_text("more.txt  # background"),
            Path("more.txt").write_text("background_1.root"),
            sample(files="list.txt")(c),
        ),
        r"samples\['background'\].files: more.txt is within another list; name both lists in",
    ),
    "a file twice, in a list": (
        lambda c: (
            Path("list.txt").write_text("background_1.root"),
            sample(files=["list.txt", "background_*.root"])(c),
        ),
        r"background_1.root is listed more than once: its events would count",
    ),
    "a pattern on a server": (
        sample(files="root://host//b_*.root"),
        r"root://host//b_\*.root: what is on a server has no patterns; list the files",
    ),
    "no luminosity": (
        lambda c: c.pop("luminosity"), r"samples\['background'\].cross_section: needs the",
    ),
    "yield and cross-section": (sample(**{"yield": 3}), r"there is a yield as well; give one"),
    "a sum of weights alone": (
        lambda c: (c["samples"][0].pop("yield"), c["samples"][0].update(sum_of_weights=3)),
        r"samples\['signal'\].sum_of_weights: is of no use without a yield or a cross_section",
    ),
    "a weight of data": (
        lambda c: c["samples"][2].update(weight="w"), r"observed events are counted, not weighted",
    ),
    "Python in a weight": (
        sample(weight="__import__('os')"),
        r"samples\['background'\].weight: .*there is no function '__import__'",
    ),
    "Python in a feature": (
        lambda c: c["features"].append("(1).__class__"), r"features\[3rd\]: .*dots in their names",
    ),
    "leading values without a bound": (
        lambda c: c["features"].append("jet_pt[:]"),
        r"features\[3rd\]: 'jet_pt\[:\]': .* a fixed number from 1 to 1000, as in x\[:5\]",
    ),
    "leading values as a part of a feature": (
        lambda c: c["features"].append("met + jet_pt[:2]"),
        r"features\[3rd\]: .*may be leading values, with these brackets at its end",
    ),
    "one of the leading values in another way": (
        lambda c: c["features"].append("(jet_pt[:2])[0]"),
        r"features\[3rd\]: '\(jet_pt\[:2\]\)\[0\]': .* is written as x\[:5\]\[0\]",
    ),
    "leading values twice": (
        lambda c: c["features"].extend(["jet_pt[:2][0]", "jet_pt[:2]"]),
        r'features: "jet_pt\[:2\]\[0\]" is listed more than once',
    ),
    "leading values as a weight": (
        sample(weight="jet_pt[:2]"), r"\['background'\].weight: .*only a feature may be leading",
    ),
    "a padded weight": (
        sample(weight="w[:1][0]"), r"weight: 'w\[:1\]\[0\]': only features are padded; write alt",
    ),
    "leading values as a selection": (
        region(selection="jet_pt[:2] > 3"), r"selection: .*only a feature may be leading values",
    ),
    "other leading values than the analysis has": (
        lambda c: (
            c["features"].append("jet_pt[:2]"), c["observables"][0].update(features=["jet_pt[:3]"])
        ),
        r"features\[1st\]: there is no feature 'jet_pt\[:3\]'; features are .*, jet_pt\[:2\]$",
    ),
    "files and a distribution": (
        sample(distribution=[]), r"samples\['background'\].*'distribution' does not apply",
    ),
    "neither files nor a distribution": (
        lambda c: [c["samples"][1].pop(k) for k in ("files", "weight", "cross_section")],
        r"samples\['background'\]: .*'distribution'.* is missing",
    ),
    "no signal": (
        lambda c: c["samples"][0].update(process="background"), "no sample of process 'signal'",
    ),
    "no background": (
        lambda c: c["samples"][1].update(process="signal"), "no sample of process 'background'",
    ),
    "two samples of data": (
        lambda c: c["samples"].append({"name": "more", "process": "data", "files": "data.root"}),
        "data, more are all of process data",
    ),
    "duplicate samples": (
        lambda c: c["samples"][1].update(name="signal"), "samples: the name 'signal' is used more",
    ),
    "duplicate regions": (region(name="high"), "regions: the name 'high' is used more than once"),
    "no region to train for": (
        region(fit="count"), "regions: none has fit: observable",
    ),
    "no region to train for where the one feature is a number": (
        lambda c: (
            region(fit="count")(c), c["observables"].__delitem__(slice(1, None)),
            c.update(features=["1"]),
        ),
        "regions: none has fit: observable",
    ),
    "an unknown observable in a region": (
        lambda c: c["regions"][2].update(fit="observable", observable="neo"),
        r"regions\['high'\].observable: there is no observable 'neo'; did you mean 'neos'\?",
    ),
    "an observable for a count": (
        lambda c: c["regions"][2].update(observable="neos"),
        r"regions\['high'\]: 'observable' does not apply to fit: count; remove it",
    ),
    "no region for the observable itself": (
        region(observable="neos"), "regions: all with fit: observable have an observable of their",
    ),
    "observables that need each other": (
        lambda c: (
            c["observables"].append(c["observables"][0] | {"name": "other"}),
            c["regions"][1].update(observable="neos", fit="observable"),
            [c["regions"][1].pop(key) for key in ("variable", "edges")],
            c["regions"][2].update(observable="other", fit="observable"),
        ),
        "observables: 'neos' needs 'other' .observable of region high., 'other' needs 'neos' "
        ".observable of region control_region.: none of them can be trained first",
    ),
    "a start from what is made of it": (
        lambda c: (
            c["observables"].reverse(), c["observables"][1].update(start_from="neos-edges"),
        ),
        "'neos-edges' needs 'neos' .source of neos-edges., 'neos' needs 'neos-edges' .start_from",
    ),
    "edges that do not rise": (
        lambda c: c["regions"][1].update(edges=[0, 5, 5]), r"regions\['control_region'\].edges: .*",
    ),
    "a variable without edges": (
        lambda c: c["regions"][1].pop("edges"), r"regions\['control_region'\]: 'edges' is missing",
    ),
    "a selection with ROOT's power": (
        region(selection="mass ^ 2 > 90"),
        r"regions\['signal_region'\].selection: .*write \*\* for a power",
    ),
    "a feature of an observable alone": (
        lambda c: c["observables"][0].update(features=["pt"]),
        r"observables\['neos'\].features\[1st\]: there is no feature 'pt'; features are mass,",
    ),
    "features of a rebinned observable": (
        lambda c: c["observables"][1].update(features=["mass"]),
        r"observables\['neos-edges'\].features: are those of its source",
    ),
    "a region of an observable that is not there": (
        lambda c: c.update(observables=[]), "observables: there is none; without any, there are ",
    ),
    "folds and a part": (
        lambda c: c["split"].update(folds=5), "split.training: there are folds as well",
    ),
    "two folds": (lambda c: c.update(split={"folds": 2}), "split.folds: 2 must be at least 3"),
    "nothing to train on": (
        lambda c: c["split"].update(training=0), "split.training: 0 is of no use to neos, neos-edg",
    ),
    "folds of generated events": (
        generated(split={"folds": 3}), "split.folds: generated events have a set for each purpose",
    ),
    "a split without evaluation": (
        lambda c: c["split"].update(training=0.7), "leave no events for evaluation",
    ),
    "a normfactor of the signal": (
        lambda c: c["normfactors"][0].update(sample="signal"),
        r"normfactors\['mu_background'\].sample: there is no background 'signal'; backgrounds are",
    ),
    "a normfactor with the POI's name": (
        lambda c: c["normfactors"][0].update(name="mu"), "'mu' is the name of another parameter",
    ),
    "a systematic with the name that the POI was given": (
        lambda c: (c.update(poi={"name": "r"}), c["systematics"][0].update(name="r")),
        r"systematics\['r'\].name: 'r' is the name of another parameter",
    ),
    "a POI with the luminosity's name": (
        lambda c: c.update(poi={"name": "lumi"}), "poi.name: 'lumi' is the name of another",
    ),
    "a negative signal strength": (
        lambda c: c.update(poi={"bounds": [-5, 5]}), r"poi.bounds: \[-5.*must begin at 0",
    ),
    "bounds of the POI below its nominal value": (
        lambda c: c.update(poi={"bounds": [0, 0.5]}), r"poi.bounds: .* and end above 1",
    ),
    "a luminosity of another name": (
        lambda c: c["systematics"][3].update(name="luminosity"), "wants a lumi to be named 'lumi'",
    ),
    "two luminosities": (
        lambda c: c["systematics"].append({"name": "lumi", "type": "lumi", "sample": "background",
                                           "uncertainty": 0.05}),
        "entries of lumi have different uncertainties",
    ),
    "a systematic with the POI's name": (
        systematic(name="mu"), r"systematics\['mu'\].name: 'mu' is the name of another parameter",
    ),
    "a systematic with the luminosity's name": (
        systematic(name="lumi"), "another parameter; choose another, or type: lumi",
    ),
    "a shapesys in several regions": (
        systematic(type="shapesys"), "a shapesys is of one sample in one region",
    ),
    "bounds without the start": (
        lambda c: c["normfactors"][0].update(bounds=[2, 5]), "must rise, with 1 between them",
    ),
    "a sum of weights of varied weights": (
        systematic(up={"weight": "2 * w", "sum_of_weights": 5}),
        r"systematics\['scale'\].up.sum_of_weights: only varied files or trees have a",
    ),
    "a normalisation of nothing": (
        lambda c: (c["samples"][1].pop("cross_section"),
                   c["systematics"][0]["up"].update(normalise="own")),
        r"systematics\['scale'\].up.normalise: is of no use: the sample has no yield or",
    ),
    "two normalisations": (
        systematic(up={"files": "background_up.root", "sum_of_weights": 5, "normalise": "nominal"}),
        r"systematics\['scale'\].up.normalise: there is a sum_of_weights as well; give one of both",
    ),
    "another normalisation": (
        systematic(up={"files": "background_up.root", "normalise": "mine"}),
        r"systematics\['scale'\].up.normalise: .* is not allowed; allowed are nominal, own",
    ),
    "pseudo-data of generated events": (
        generated(observation={"pseudo_data": True}),
        "observation.pseudo_data: generated events always have pseudo-data",
    ),
    "few bins without a floor": (
        lambda c: c.update(floor={"in_bins": [5]}), "floor.in_bins: there is no floor",
    ),
    "a tree without a name": (
        systematic(up={"tree": ""}), r"systematics\['scale'\].up.tree: must not be empty",
    ),
    "a number for a shape": (
        systematic(up=1.1), r"systematics\['scale'\].up: 1.1 is not allowed; allowed are a",
    ),
    "a strength beyond its bounds": (
        lambda c: c.update(observation={"mu": 20}, poi={"bounds": [0, 15]}),
        r"observation.mu: 20 is beyond poi.bounds, where no fit goes: \[0.0, 15.0\]",
    ),
    "pseudo-data and data": (
        lambda c: c.update(observation={"unblind": True, "pseudo_data": True}),
        "observation.pseudo_data: unblind counts the data; set one of both",
    ),
    "smoothing of a number": (
        lambda c: c["systematics"][2].update(smoothing=True),
        r"systematics\['xsec'\]: 'smoothing' does not apply to 'normsys'; remove it",
    ),
    "a group with the name of another parameter": (
        lambda c: c["systematics"][2].update(group="scale"),
        r"systematics\['xsec'\].group: 'scale' is the name of a parameter that is not in the group",
    ),
    "two groups of one parameter": (
        lambda c: (c["systematics"].append({**c["systematics"][2], "sample": "signal"}),
                   c["systematics"][2].update(group="theory")),
        "entries of 'xsec' have different groups; they are one parameter",
    ),
    "a group without a name": (
        systematic(group=""), r"systematics\['scale'\].group: must not be empty",
    ),
    "nothing to unblind": (
        lambda c: (c["samples"].pop(2), c.update(observation={"unblind": True})),
        "observation.unblind: there is no sample of process data",
    ),
    "files and generated events": (
        lambda c: c["samples"].append({
            "name": "toy", "process": "background", "yield": 1, "distribution": [
                {"kind": "exponential", "variables": ["mass", "pt"], "rate": 1}],
        }),
        "some have files or histograms and some a distribution",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_contradictions_are_named(refused, case):
    refused(*CASES[case])


def test_events_of_an_analysis(events_config):
    checked = checked_config(events_config)
    names = ["signal", "background", "background__scale_up", "background__scale_down"]
    assert [t.name for t in checked.templates_of("signal")] == names
    files = Files(checked).ntuples
    assert files["background"] == ["background_1.root", "background_2.root"]
    assert set(files) == {*names, "data"}
    assert checked_config(plain(checked)) == checked
