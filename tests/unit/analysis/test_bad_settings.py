"""Bad settings are refused with an error that names the key and what is allowed."""

from pathlib import Path

import pytest
import yaml

from hone.analysis import checked_config
from hone.errors import ConfigError

ROOT = Path(__file__).parents[3]


@pytest.fixture
def config():
    return yaml.safe_load((ROOT / "config" / "config.yaml").read_text())


CATEGORIES = {
    "name": "s", "kind": "categories", "objective": "cross_entropy", "bins": [2, 1],
    "classes": [["signal"], ["background"]],
}  # fmt: skip
REGIONS = {"name": "r", "kind": "categories", "objective": "cls", "start_from": "s"}
ENSEMBLE = {"kind": "ensemble", "source": "neos"}


CUT = {"variable": "x", "side": "above"}
GRID = {"name": "g", "kind": "cuts", "search": "grid", "objective": "z_a"}
STUDY = {"name": "s", "against": "batch", "lines": ["kind"], "observables": ["neos", "bce"]}


BAD = {
    "misspelled": (
        lambda c: c.update(anlysis="a"),
        "unknown setting 'anlysis'; did you mean 'analysis'",
    ),
    "missing": (lambda c: c.pop("seed"), "'seed' is missing"),
    "text for a number": (
        lambda c: c["observables"][0].update(learning_rate="1e-1"),
        r'observables\[.neos.\].learning_rate: "1e-1" is not of type number .YAML reads this as',
    ),
    "out of range": (lambda c: c.update(limits={"level": 1}), "limits.level: 1 must be below 1"),
    "unknown objective": (
        lambda c: c["observables"][0].update(objective="clss"),
        r"observables\['neos'\].objective: there is no objective \"clss\"; did you mean 'cls'\?",
    ),
    "unknown observable": (
        lambda c: c["observables"][2].update(source="xgb"),
        r"observables\['bce-edges'\].source: there is no network 'xgb'; networks are neos, bce",
    ),
    "mean of cuts": (
        lambda c: (c["observables"][0].update(cuts=[CUT]), c["observables"][2].update(ENSEMBLE)),
        r"observables\['bce-edges'\].source: neos has cuts, which differ from seed to seed",
    ),
    "mean of one": (
        lambda c: (c["observables"][0].update(seeds=1), c["observables"][2].update(ENSEMBLE)),
        r"observables\['bce-edges'\].source: neos has only one seed; use the kind rebinned",
    ),
    "best edges beside a bin of failing events": (
        lambda c: (
            c["observables"][0].update(cuts=[CUT], failing="bin")
            or c["observables"][2].update(source="neos")
        ),
        r"observables\['bce-edges'\].source: neos has a bin of failing events, which has no best",
    ),
    "failing without cuts": (
        lambda c: c["observables"][0].update(failing="bin"),
        r"observables\['neos'\].failing: needs cuts: without any, no event fails",
    ),
    "start from several": (
        lambda c: c["observables"].extend(
            [ENSEMBLE | {"name": "all"}, c["observables"][0] | {"name": "b", "start_from": "all"}]
        ),
        r"observables\['b'\].start_from: there is no network 'all' above it",
    ),
    "unknown start": (
        lambda c: c["observables"][0].update(start_from="bce"),
        r"observables\['neos'\].start_from: there is no network 'bce' above it; there are \(none\)",
    ),
    "start of other layers": (
        lambda c: c["observables"][1].update(start_from="neos", hidden=[7]),
        r"observables\['bce'\].start_from: neos has hidden \[.*\], not \[7\]",
    ),
    "start of other categories": (
        lambda c: c["observables"].extend(
            [CATEGORIES, REGIONS | {"name": "t", "bins": [4, 1]}, REGIONS | {"bins": [1, 1, 1]}]
        ),
        r"cannot be used:\n- observables\['r'\].start_from: s has \[2, 1\] bins, not \[1, 1, 1\]$",
    ),
    "learned edges of other categories": (
        lambda c: c["observables"].extend(
            [CATEGORIES, REGIONS | {"bins": [3, 1], "edges": "learned"}]
        ),
        r"observables\['r'\].start_from: s has \[2, 1\] bins, not \[3, 1\]$",
    ),
    "frozen without a start": (
        lambda c: c["observables"][0].update(frozen_layers=1),
        r"observables\['neos'\].frozen_layers: needs start_from",
    ),
    "unknown optimiser": (
        lambda c: c["observables"][0].update(optimiser="adamv"),
        r'observables\[.neos.\].optimiser: "adamv" is not allowed; allowed are adabelief, ',
    ),
    "unknown argument": (
        lambda c: c["observables"][0].update(optimiser="sgd", optimiser_arguments={"b1": 0.5}),
        r"observables\['neos'\].optimiser_arguments: sgd has no argument 'b1'; it has momentum,",
    ),
    "unknown kind": (
        lambda c: c["observables"][0].update(kind="tree"),
        "allowed are network, softmax, two_dimensional, categories, cuts, variable, rebinned, en",
    ),
    "not for this kind": (
        lambda c: c["observables"][2].update(steps=10),
        r"observables\['bce-edges'\]: 'steps' does not apply to 'rebinned'",
    ),
    "reserved name": (lambda c: c["samples"][0].update(name="events"), "is not a valid name"),
    "two underscores": (lambda c: c["samples"][0].update(name="a__b"), "is not a valid name"),
    "outside results": (lambda c: c.update(analysis="../up"), "analysis: .* is not a valid name"),
    "duplicate": (
        lambda c: c["samples"][1].update(name="signal"),
        "'signal' is used more than once",
    ),
    "no signal": (
        lambda c: c["samples"][0].update(process="background"),
        "no sample of process 'signal'",
    ),
    "unknown sample": (
        lambda c: c["systematics"][0].update(sample="bkg"),
        r"systematics\['shape'\].sample: there is no sample 'bkg'; samples are signal, background",
    ),
    "covariance": (
        lambda c: c["samples"][0]["distribution"][0].update(covariance=[[1, 2], [2, 1]]),
        "must be symmetric and positive definite",
    ),
    "mean": (
        lambda c: c["samples"][0]["distribution"][0].update(mean=[1]),
        r"distribution\[1st\].mean: needs 2 numbers",
    ),
    "unknown feature": (
        lambda c: c.update(features=["x", "z"]),
        r"features\[2nd\]: the events of samples\['signal'\] have no branch 'z'; they have x, y",
    ),
    "unknown variable of a region": (
        lambda c: c.update(
            regions=[
                {"name": "low", "fit": "observable", "selection": "x < 0"},
                {
                    "name": "high",
                    "fit": "variable",
                    "selection": "xx > 0",
                    "variable": "y**2",
                    "edges": [0, 1],
                },
            ]
        ),
        r"regions\['high'\].selection: the events of samples\['signal'\] have no branch 'xx'; did",
    ),
    "unknown branch in the weight of a variation": (
        lambda c: c["systematics"].append(
            {
                "name": "w",
                "type": "histosys",
                "sample": c["samples"][1]["name"],
                "up": {"weight": "weight * (1 + 0.1 * z)"},
            }
        ),
        r"up.weight: the events of 'background' have no branch 'z'; they have x, y, weight",
    ),
    "mixed precision of no layer": (
        lambda c: c["observables"][0].update(hidden=[], precision="bfloat16"),
        r"observables\['neos'\].precision: bfloat16 is of the products in hidden layers",
    ),
    "batch": (
        lambda c: c["events"].update(training=100),
        r"observables\['neos'\].batch, .*\['bce'\].batch: 2000 events are more than the 100",
    ),
    "learned edges of bce": (
        lambda c: c["observables"][1].update(edges="learned"),
        r"observables\['bce'\].edges: bce does not depend on edges",
    ),
    "a classifier with cuts": (
        lambda c: c["observables"][1].update(cuts=[{"variable": "x", "side": "above"}]),
        r"observables\['bce'\].objective: bce trains a classifier, which an observable with cuts",
    ),
    "a classifier of cuts": (
        lambda c: c["observables"].append(
            {"name": "c", "kind": "cuts", "objective": "bce", "cuts": [CUT]}
        ),
        r"observables\['c'\].objective: bce trains .* which an observable of kind cuts is not",
    ),
    "a safeguard that sees no bins": (
        lambda c: c["observables"][1].update(minimum_background=1),
        r"observables\['bce'\].minimum_background: bce does not see the bins",
    ),
    "cuts on what is not there": (
        lambda c: c["observables"][0].update(cuts=[CUT | {"variable": "z"}]),
        r"observables\['neos'\].cuts\[1st\].variable: there is no feature 'z'; features are x, y",
    ),
    "edges that fall": (
        lambda c: c["observables"].append(
            {"name": "v", "kind": "variable", "variable": "x", "edges": [0, 2, 1]}
        ),
        r"observables\['v'\].edges: \[0.*2.*1.*\] must rise",
    ),
    "edges out of range": (
        lambda c: c["observables"][0].update(bins=2, edges=[0, 0.5, 2]),
        r"observables\['neos'\].edges: .* out of range: a network's edges go from 0 to 1",
    ),
    "a network with nothing to divide": (
        lambda c: c["observables"][0].update(bins=1),
        r"observables\['neos'\].bins: 1 must be at least 2",
    ),
    "edges of other bins": (
        lambda c: c["observables"][0].update(bins=3, edges=[0, 0.5, 1]),
        r"observables\['neos'\].edges: 3 edges do not make 3 bins",
    ),
    "edges that are a word": (
        lambda c: c["observables"][0].update(edges="quantiles"),
        r'observables\[.neos.\].edges: "quantiles" is not allowed. .*`learned`',
    ),
    "unknown systematic": (
        lambda c: c["observables"][0].update(systematics=["jes"]),
        r"observables\['neos'\].systematics: there is no systematic 'jes'; systematics are shape",
    ),
    "temperature of a kernel": (
        lambda c: c["observables"][0].update(temperature=[1]),
        r"observables\['neos'\]: 'temperature' does not apply to 'network'",
    ),
    "a rule for temperatures": (
        lambda c: c["observables"].append(
            {"name": "s", "kind": "softmax", "objective": "cls", "smoothing": "scott"}
        ),
        r'observables\[.s.\].smoothing: "scott" is not allowed; allowed are annealed, fixed,',
    ),
    "too many bins of two outputs": (
        lambda c: c["observables"].append(
            {"name": "s", "kind": "two_dimensional", "objective": "cls", "bins": [11, 10]}
        ),
        r"observables\['s'\].bins: 110 bins in all; 2 to 100 are allowed",
    ),
    "one category": (
        lambda c: c["observables"].append(
            {"name": "s", "kind": "categories", "objective": "cls", "bins": [4]}
        ),
        r"observables\['s'\].bins: ",
    ),
    "a classifier in two dimensions": (
        lambda c: c["observables"].append(
            {"name": "s", "kind": "two_dimensional", "objective": "bce"}
        ),
        r"observables\['s'\].objective: bce trains a classifier, which an observable of kind two_d",
    ),
    "classes that are not those of the categories": (
        lambda c: c["observables"].append(CATEGORIES | {"bins": [1, 1, 1]}),
        r"observables\['s'\].classes: 2 lists of samples do not make 3 categories",
    ),
    "classes without a sample": (
        lambda c: c["observables"].append(CATEGORIES | {"classes": [["signal"], ["ttbar"]]}),
        r"observables\['s'\].classes: there is no simulated sample 'ttbar'; samples are",
    ),
    "a sample in no class": (
        lambda c: c["observables"].append(CATEGORIES | {"classes": [["signal"], ["signal"]]}),
        r"observables\['s'\].classes: background must be in one of them, not in 0",
    ),
    "classes for a limit": (
        lambda c: c["observables"].append(CATEGORIES | {"objective": "limit"}),
        r"observables\['s'\].classes: does not apply to the objective limit; remove it",
    ),
    "signal and background of categories": (
        lambda c: c["observables"].append(CATEGORIES | {"objective": "bce"}),
        r"observables\['s'\].objective: bce is no objective of kind categories; use cross",
    ),
    "learned without room": (
        lambda c: c["observables"][0].update(smoothing="learned", bandwidth=[0.1]),
        r"observables\['neos'\].bandwidth: smoothing learned needs a start and, below it",
    ),
    "pieces that do not fit": (
        lambda c: c["observables"][0].update(accumulate=3),
        r"observables\['neos'\].accumulate: the batch of 2000 is not a multiple of 3",
    ),
    "too many combinations": (
        lambda c: c["observables"].append(GRID | {"cuts": [CUT] * 4, "points": 100}),
        r"observables\['g'\].points: 100000000 combinations are more than a million",
    ),
    "training of a grid": (
        lambda c: c["observables"].append(GRID | {"cuts": [CUT], "steps": 10}),
        r"observables\['g'\]: 'steps' does not apply to 'cuts'",
    ),
    "own objective without a file": (
        lambda c: c["observables"][0].update(objective="nowhere:loss"),
        r"observables\['neos'\].objective: 'nowhere:loss' needs the file .*nowhere.py, beside",
    ),
    "a study of nothing": (
        lambda c: c.update(studies=[STUDY | {"observables": ["neos", "x"]}]),
        r"studies\['s'\].observables: there is no observable 'x'; observables are neos, bce",
    ),
    "a search that is none": (
        lambda c: c["observables"].append(
            {"name": "c", "kind": "cuts", "search": "grd", "objective": "cls", "cuts": [CUT]}
        ),
        r'observables\[.c.\].search: "grd" is not allowed; allowed are gradient and grid',
    ),
    "an alias of the code": (
        lambda c: c["samples"][0].update(yield_=5),
        "unknown setting 'yield_'; did you mean 'yield'",
    ),
    "a study against what is no setting": (
        lambda c: c.update(studies=[STUDY | {"against": "is_trained"}]),
        r"studies\['s'\].against: the observable 'neos' has no number 'is_trained'",
    ),
    "a study against words": (
        lambda c: c.update(studies=[STUDY | {"against": "edges"}]),
        r"studies\['s'\].against: the observable 'neos' has no number 'edges'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_settings_are_refused(config, case):
    change, message = BAD[case]
    change(config)
    with pytest.raises(ConfigError, match=message):
        checked_config(config)
