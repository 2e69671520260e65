"""Contradictions in what a config says about systematics, each with the message it gives."""

import copy

import pytest

from hone.analysis.systematics import Systematic


def systematic(**changes):
    return lambda c: c["systematics"][0].update(changes)


CASES = {
    "a systematic twice": (
        lambda c: c["systematics"].append(copy.deepcopy(c["systematics"][0])),
        r"systematics\[5th\]: the name 'scale' is used more than once for a histosys of",
    ),
    "a systematic on an unknown sample": (
        systematic(sample="ttbar"), r"systematics\['scale'\].sample: there is no sample 'ttbar';",
    ),
    "a systematic on data": (
        systematic(sample="data"),
        r"systematics\['scale'\].sample: 'data' are observed events, which nothing varies; samples",
    ),
    "a systematic in an unknown region": (
        systematic(regions=["sr"]),
        r"systematics\['scale'\].regions: there is no region 'sr'; regions are",
    ),
    "a missing varied file": (
        systematic(up={"files": "no.root"}),
        r"systematics\['scale'\].up.files: no file matches 'no.root'",
    ),
    "a distribution for files": (
        systematic(up=[{"kind": "exponential", "variables": ["mass"], "rate": 1}]),
        r"systematics\['scale'\].up: a distribution cannot vary the events of files",
    ),
    "varied files of two samples": (
        systematic(sample=["signal", "background"]),
        r"systematics\['scale'\].up.files, systematics\['scale'\].down.files: these belong to one ",
    ),
    "a sum of weights of two samples": (
        systematic(
            sample=["signal", "background"],
            up={"files": "{sample}_*.root", "sum_of_weights": 1}, down={"tree": "events"},
        ), r"systematics\['scale'\].up.sum_of_weights: belongs to one sample",
    ),
    "varied files of a sample that are not there": (
        systematic(sample="all", up={"files": "{sample}_up.root"}, down={"tree": "events"}),
        r"systematics\['scale'\].up.files: no file matches 'signal_up.root'",
    ),
    "unknown braces": (
        systematic(up={"files": ["{sample}.root", "{name}_up.root"]}),
        r"systematics\['scale'\].up.files: {name} is not allowed; {sample} is the sample's name",
    ),
    "half a brace": (
        systematic(up={"tree": "{sample"}), r"systematics\['scale'\].up.tree: {sample is not",
    ),
    "a replaced branch that nothing has": (
        systematic(up={"replace": {"ptt": "pt_up"}}),
        r"systematics\['scale'\].up.replace: 'ptt' is in no feature, .*; did you mean 'pt'\?",
    ),
    "a branch replaced by itself": (
        systematic(up={"replace": {"pt": "pt"}}), r"up.replace: 'pt' is replaced by itself",
    ),
    "a replaced branch in other capitals": (
        systematic(up={"replace": {"Mass": "m"}}), r"did you mean 'mass'\?",
    ),
    "relative changes as factors": (
        lambda c: c["systematics"][2].update(up=0.2, down=0.8),
        r"systematics\['xsec'\]: up: 0.2, down: 0.8: these are factors on the yield, not relative",
    ),
    "a relative change as a factor": (
        lambda c: (c["systematics"][2].pop("down", None), c["systematics"][2].update(up=0.2)),
        r"systematics\['xsec'\]: up: 0.2: .*; if up: 0.2 is meant, give down, too",
    ),
    "no branch to replace": (
        systematic(up={"replace": {}}), r"up.replace: {} must have at least this many entries: 1",
    ),
    "a norm of replaced branches": (
        systematic(up={"replace": {"pt": "m"}, "normalise": "own"}),
        "up.normalise: only varied files or trees have a normalisation",
    ),
    "an exception of one sample": (
        systematic(**{"except": ["signal"]}),
        r"systematics\['scale'\].except: is of use with sample: all only",
    ),
    "an exception that is no sample": (
        systematic(**{"sample": "all", "except": ["qcd"]}),
        r"systematics\['scale'\].except: there is no sample 'qcd'; samples are signal, background",
    ),
    "an exception of all": (
        systematic(**{"sample": "all", "except": ["signal", "background"]}),
        r"systematics\['scale'\].except: leaves out all samples",
    ),
    "a norm of no background": (
        lambda c: c["normfactors"][0].update({"sample": "all", "except": ["background"]}),
        r"normfactors\['mu_background'\].except: leaves out all samples",
    ),
    "a sample called all": (
        lambda c: (c["samples"][1].update(name="all"), c["systematics"].clear()),
        r"samples\['all'\].name: 'all' stands for every sample",
    ),
    "two factors in one region": (
        lambda c: c["systematics"].extend(
            {**c["systematics"][2], "up": 1.2, "regions": [name]}
            for name in ("high", "signal_region")
        ),
        r"systematics\[6th\]: .*'xsec' is used more than once for a normsys of .*\[3rd\]\)",
    ),
    "a norm and a norm with a shape": (
        lambda c: c["systematics"].append(
            {**c["systematics"][0], "name": "xsec", "type": "normplusshape"}
        ), r"'xsec' is used more than once for a normsys of 'background' \(systematics\[3rd\]\)",
    ),
    "a pruning of something else": (
        lambda c: c.update(workspace={"pruning": {"rate": 0.1}}),
        r"workspace.pruning: unknown setting 'rate'; allowed are norm, shape",
    ),
    "a pruning of more than all": (
        lambda c: c.update(workspace={"pruning": {"norm": 1.5}}),
        r"workspace.pruning.norm: 1.5 must be below 1",
    ),
    "a pruning in words": (
        lambda c: c.update(workspace={"pruning": "small"}),
        r"workspace.pruning: \"small\" is not of type number",
    ),
    "an up without a mirror image": (
        lambda c: (c["systematics"][2].pop("down"), c["systematics"][2].update(up=2.5)),
        r"systematics\['xsec'\].down: has no mirror image above 0 of an up of 2.5; give it",
    ),
    "a shapesys without a down": (
        lambda c: (c["systematics"][0].update(type="shapesys"), c["systematics"][0].pop("down")),
        r"systematics\['scale'\]: 'down' is missing",
    ),
    "an empty variation": (systematic(up={}), r"systematics\['scale'\].up: {} is not allowed"),
    "types that share no parameter": (
        lambda c: c["systematics"][2].update(name="lumi"), "'lumi' is of types lumi and normsys",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_contradictions_are_named(refused, case):
    refused(*CASES[case])


@pytest.mark.parametrize("down", [0.45, 0.95, 1.6, None])
@pytest.mark.parametrize("up", [0.9, 1.0, 1.2])
def test_a_norm_may_lower_the_yield_on_both_sides(up, down):
    entry = {"name": "xsec", "type": "normsys", "sample": "b", "up": up}
    found = Systematic.checked(entry | ({} if down is None else {"down": down}))
    assert found.factors == (up, 2 - up if down is None else down)
    assert Systematic.checked(entry | {"up": 0.4, "down": 1.6}).factors == (0.4, 1.6)
