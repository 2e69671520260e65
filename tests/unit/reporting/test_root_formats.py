"""Datacards by a reader of their own, XML by pyhf's: Combine and ROOT are not needed."""

import copy
import io
import time

import numpy as np
import pyhf
import pyhf.readxml
import pytest
import uproot
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from specs import assert_same_likelihood, everything, pseudo_data, typical, workspace_of, workspaces

from hone.errors import ModelError
from hone.likelihood.datacard import to_datacard
from hone.reporting.publication.root_formats import datacard_files, xml_files


class Card:
    """A datacard, read as Combine's documentation says."""

    def __init__(self, files):
        lines = [line.split() for line in files["datacard.txt"].decode().splitlines()]
        lines = [line for line in lines if not line[0].startswith(("#", "---"))]
        first = {}
        for line in lines:
            first.setdefault(line[0], []).append(line[1:])
        (channels, columns), (names, ids) = first["bin"], first["process"]
        self.observed = dict(zip(channels, map(float, first["observation"][0]), strict=True))
        self.columns = list(zip(columns, names, strict=True))
        self.ids = dict(zip(names, map(int, ids), strict=True))
        self.rates = dict(zip(self.columns, map(float, first["rate"][0]), strict=True))
        assert int(first["imax"][0][0]) == len(channels)
        assert int(first["jmax"][0][0]) == len(self.ids) - 1
        (_, _, self.file, self.name, self.shifted), (_, _, file, self.data) = first["shapes"]
        assert file == self.file
        rest = lines[[line[0] for line in lines].index("rate") + 1 :]
        self.factors = [line for line in rest if line[1] == "rateParam"]
        self.with_errors = {line[0] for line in rest if line[1] == "autoMCStats"}
        self.effects = {
            line[0]: (line[1], dict(zip(self.columns, line[2:], strict=True)))
            for line in rest
            if line[1] in ("lnN", "shape", "shape?")
        }
        with uproot.open(io.BytesIO(files[self.file])) as file:
            self.histograms = {key: file[key] for key in file.keys(cycle=False)}

    def histogram(self, pattern, channel, process="", shift=""):
        for word, value in (("PROCESS", process), ("CHANNEL", channel), ("SYSTEMATIC", shift)):
            pattern = pattern.replace(f"${word}", value)
        return self.histograms.get(pattern)

    def expected(self, name=None, side=0, factors=None, errors=None):
        """Yields of each channel, one parameter off by ``side`` standard deviations.

        ``errors``: of the total of each bin of a channel.
        """
        totals, variances = {}, {}
        for channel, process in self.columns:
            nominal = self.histogram(self.name, channel, process)
            yields = nominal.values()
            assert yields.sum() == pytest.approx(self.rates[channel, process], rel=1e-12)
            kind, effects = self.effects.get(name, ("lnN", {}))
            effect = effects.get((channel, process), "-")
            suffix = {1: "Up", -1: "Down"}.get(side)
            found = suffix and self.histogram(self.shifted, channel, process, f"{name}{suffix}")
            if effect != "-" and side:
                if kind == "lnN" or (kind == "shape?" and found is None):
                    low, high = map(float, effect.split("/"))
                    yields = yields * (high if side > 0 else low)
                else:
                    yields = found.values()
            for factor, _, c, p, *_ in self.factors:
                if (c, p) == (channel, process):
                    yields = yields * (factors or {}).get(factor, 1.0)
            if self.ids[process] <= 0:
                yields = yields * (factors or {}).get("r", 1.0)
            totals[channel] = totals.get(channel, 0) + yields
            variances[channel] = variances.get(channel, 0) + nominal.variances()
        if errors:
            assert errors in self.with_errors
            totals[errors] = totals[errors] + side * np.sqrt(variances[errors])
        return totals


def sayable(model):
    """Whether a datacard has it; these are refused, see below."""
    return not any(
        m["type"] == "shapefactor"
        for channel in model.spec["channels"]
        for sample in channel["samples"]
        for m in sample["modifiers"]
    )


@settings(max_examples=6)
@given(model=workspaces(), seed=st.integers(0, 99))
def test_a_datacard_has_the_yields_of_every_parameter_alone(model, seed):
    """At 0 and at plus and minus one standard deviation, as pyhf."""
    assume(sayable(model))
    data = pseudo_data(model, seed, 1.0)
    card = Card(datacard_files(workspace_of(model, data)))
    config = model.config
    start = np.array(config.suggested_init())

    def agree(pars, yields):
        expected = model.expected_data(pars, include_auxdata=False)
        for channel, bins in config.channel_slices.items():
            np.testing.assert_allclose(yields[channel], expected[bins], rtol=1e-9)

    for channel, bins in config.channel_slices.items():
        observed = card.histogram(card.data, channel).values()
        np.testing.assert_array_equal(observed, data[bins])
        assert card.observed[channel] == data[bins].sum()
    agree(start, card.expected())
    for name in config.par_order:
        place, found = config.par_slice(name), config.param_set(name)
        if all(found.suggested_fixed):
            assert name not in card.effects
        elif not found.constrained:
            pars = start.copy()
            pars[place] = 1.3
            agree(pars, card.expected(factors={"r" if name == config.poi_name else name: 1.3}))
        elif found.is_scalar:
            for side in (1, -1):
                pars = start.copy()
                pars[place] += side * found.width()[0]
                agree(pars, card.expected(name, side))
        elif name.startswith("stat"):
            for side in (1, -1):
                pars = start.copy()
                pars[place] = np.where(found.suggested_fixed, 1, 1 + side * np.array(found.width()))
                agree(pars, card.expected(side=side, errors=name.replace("stat", "c")))
        else:
            for k, fixed in enumerate(found.suggested_fixed):
                pars = start.copy()
                pars[place.start + k] += 0 if fixed else 1 / np.sqrt(found.factors[k])
                assert (f"{name}_bin{k}" in card.effects) == (not fixed)
                agree(pars, card.expected(f"{name}_bin{k}", 1))


def test_names_that_combine_cannot_have_are_changed_and_listed():
    spec = copy.deepcopy(typical().spec)
    spec["channels"][0]["samples"][1]["name"] = "t-tbar"
    model = pyhf.Model(spec, poi_name="mu")
    card = to_datacard(workspace_of(model, pseudo_data(model, 1)))
    assert "# t_tbar is 't-tbar'." in card.text
    assert "SR-t_tbar-shapeUp" in card.histograms
    spec["channels"][0]["samples"][0]["name"] = "t_tbar"
    model = pyhf.Model(spec, poi_name="mu")
    with pytest.raises(ModelError, match="'t_tbar' in a datacard: so is"):
        to_datacard(workspace_of(model, pseudo_data(model, 1)))


def modifiers(workspace, sample):
    return workspace["channels"][0]["samples"][sample]["modifiers"]


def parameter(workspace, **entry):
    workspace["measurements"][0]["config"]["parameters"].append(entry)


NO_CARD = {
    "sample 'background': shapefactor 'f': Combine has no free": lambda w: modifiers(w, 1).append(
        {"name": "f", "type": "shapefactor", "data": None}
    ),
    "has no POI": lambda w: w["measurements"][0]["config"].update(poi=""),
    "'shape', lo_data, bin 2: -1 events": lambda w: modifiers(w, 1)[0]["data"][
        "lo_data"
    ].__setitem__(1, -1.0),
    "has the staterrors more, stat": lambda w: modifiers(w, 1)[1].update(name="more"),
    "the factors 0 and 1.1 must be positive": lambda w: modifiers(w, 1).append(
        {"name": "n", "type": "normsys", "data": {"lo": 0.0, "hi": 1.1}}
    ),
    "parameter 'shape' is fixed at 0.5": lambda w: parameter(
        w, name="shape", inits=[0.5], fixed=True
    ),
    "'shape' the auxiliary data 0.3 and the width 1": lambda w: parameter(
        w, name="shape", auxdata=[0.3]
    ),
}
NO_XML = {
    "sample 'signal': staterror 'stat', bin 1": lambda w: w["channels"][0]["samples"][0][
        "data"
    ].__setitem__(0, 0.0),
    "XML has one staterror for each": lambda w: modifiers(w, 1)[1].update(name="more"),
    "XML cannot fix 'stat'": lambda w: parameter(w, name="stat", fixed=True),
    "XML cannot fix 'shape' at 0.5": lambda w: parameter(w, name="shape", inits=[0.5], fixed=True),
    "lumi is the luminosity": lambda w: modifiers(w, 0).append(
        {"name": "lumi", "type": "normfactor", "data": None}
    ),
    "two histograms of one name": lambda w: w["channels"][0]["samples"][1].update(name="data"),
}


@pytest.mark.parametrize(
    ("write", "message", "change"),
    [(to_datacard, *case) for case in NO_CARD.items()]
    + [(xml_files, *case) for case in NO_XML.items()],
    ids=[*NO_CARD, *NO_XML],
)
def test_what_a_format_cannot_say_is_refused(write, message, change):
    workspace = copy.deepcopy(workspace_of(typical(), pseudo_data(typical(), 1)))
    change(workspace)
    with np.errstate(all="ignore"), pytest.raises(ModelError, match=message):
        write(workspace)


@settings(max_examples=6)
@given(model=workspaces(), seed=st.integers(0, 99))
def test_pyhf_reads_its_xml_back_to_the_same_likelihood(model, seed, tmp_path_factory):
    fixed = {p["name"] for p in model.spec["parameters"] if p.get("fixed")}
    assume(not any(name.startswith("stat") for name in fixed))
    data = pseudo_data(model, seed, 1.0)
    counted = np.array([*data[: model.config.nmaindata], *model.config.auxdata])
    folder = tmp_path_factory.mktemp("xml")
    for name, content in xml_files(workspace_of(model, data)).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    pyhf.readxml.clear_filecache()
    back = pyhf.Workspace(pyhf.readxml.parse(folder / "FitConfig.xml", folder))
    again = back.model()
    names = [name.replace("stat", "staterror_c") for name in model.config.par_names]
    order = [again.config.par_names.index(name) for name in names]
    assert np.array(again.config.suggested_fixed())[order].tolist() == (
        model.config.suggested_fixed()
    )
    assert_same_likelihood(model, counted, back, names, seed)


def test_root_is_told_how_pyhf_constrains_staterrors():
    """ROOT takes Poissons, and none below 5%, if XML does not say so."""
    model = everything(only="staterror", channels=(2,))
    for sample in model.spec["channels"][0]["samples"]:
        sample["data"] = [max(1.0, value) for value in sample["data"]]
    files = xml_files(workspace_of(model, np.ones(2)))
    text = files["config/FitConfig_channel0.xml"].decode()
    assert '<StatErrorConfig RelErrorThreshold="0" ConstraintType="Gaussian" />' in text
    assert 'InputFile="data/data.root"' in text


def test_equal_inputs_give_equal_files():
    workspace = workspace_of(typical(), pseudo_data(typical(), 1))
    first = {**datacard_files(workspace), **xml_files(workspace)}
    time.sleep(1.1)  # ROOT stores the time in seconds
    assert {**datacard_files(workspace), **xml_files(workspace)} == first


def test_the_luminosity_has_its_relative_width():
    """pyhf 0.7.6 writes the absolute one."""
    model = everything(only="lumi", channels=(2,))
    lumi = model.spec["parameters"][0]
    lumi |= {"auxdata": [2.0], "sigmas": [0.06], "inits": [2.0], "bounds": [[1.0, 3.0]]}
    workspace = workspace_of(pyhf.Model(model.spec, poi_name="mu"), np.ones(2))
    text = xml_files(workspace)["FitConfig.xml"].decode()
    assert 'Lumi="2.0" LumiRelErr="0.03"' in text
    card = Card(datacard_files(workspace))
    np.testing.assert_allclose(
        card.expected("lumi", -1)["channel0"],
        pyhf.Workspace(workspace)
        .model()
        .expected_data([1.94 if n == "lumi" else 1 for n in ("lumi", "mu")], include_auxdata=False),
    )
