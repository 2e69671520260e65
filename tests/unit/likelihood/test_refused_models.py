"""Models and data without a meaning are refused; the message says where."""

import copy

import numpy as np
import pyhf
import pytest
from specs import everything, typical

from hone.errors import InputError, ModelError
from hone.likelihood.histfactory import from_pyhf


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["samples"][0]["data"].__setitem__(2, float("nan")), "sample 'signal', bin 3"),
        (
            lambda s: s["samples"][1]["data"].__setitem__(1, -40.0),
            "channel 'SR', bin 2: the expected rate at",
        ),
        (
            lambda s: s["samples"][1]["modifiers"][0]["data"]["hi_data"].__setitem__(0, np.inf),
            "histosys 'shape', bin 1",
        ),
        (
            lambda s: s["samples"][1]["modifiers"].append(
                {"name": "n", "type": "normsys", "data": {"hi": 1.1, "lo": 0.0}}
            ),
            "normsys 'n': lo is 0.0",
        ),
    ],
)
def test_bad_models_are_refused(change, message):
    spec = copy.deepcopy(typical().spec)
    change(spec["channels"][0])
    with np.errstate(all="ignore"):
        oracle = pyhf.Model(spec, poi_name="mu", validate=False)
        with pytest.raises(ModelError, match=message):
            from_pyhf(oracle)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (2, np.nan, r"data\[2\], channel 'SR', bin 3, is nan"),
        (4, -1.0, "bin 5, is -1: it must be finite and not negative"),
        (5, np.inf, "the auxiliary measurement of 'shape'"),
    ],
)
def test_bad_data_is_refused(place, value, message):
    model = from_pyhf(typical())
    data = np.ones(11)
    data[place] = value
    with pytest.raises(InputError, match=message):
        model.logpdf(np.ones(7), data)


def test_clipping_is_refused():
    with pytest.raises(ModelError, match=r"clip_bin_data=0\.5"):
        from_pyhf(pyhf.Model(typical().spec, poi_name="mu", clip_bin_data=0.5))


def twice(entries, **changed):
    entries.append({**copy.deepcopy(entries[0]), **changed})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: twice(c), "channel SR is given 2 times"),
        (lambda c: twice(c[0]["samples"], data=[1.0] * 5), "'SR': sample signal is given 2"),
        (lambda c: twice(c[0]["samples"][0]["modifiers"]), "modifier normfactor 'mu' is given 2"),
        (
            lambda c: twice(c[0]["samples"][1]["modifiers"]),
            "sample 'background': modifier histosys 'shape' is given 2 times",
        ),
        # only the product of the two can be measured
        (lambda c: twice(c[0]["samples"][0]["modifiers"], name="k"), "'k' scales exactly what"),
    ],
)  # fmt: skip
def test_what_pyhf_takes_once_or_not_at_all_is_refused(change, message):
    spec = copy.deepcopy(typical().spec)
    change(spec["channels"])
    oracle = pyhf.Model(spec, poi_name="mu")
    with pytest.raises(ModelError, match=message):
        from_pyhf(oracle)


def test_a_luminosity_without_width_is_refused():
    spec = copy.deepcopy(everything(only="lumi").spec)
    del spec["parameters"][0]["sigmas"]
    with pytest.raises(ModelError, match="no 'sigmas' for 'lumi'"):
        from_pyhf(pyhf.Model(spec, poi_name="mu"))


def test_an_interpolation_of_another_kind_is_refused():
    oracle = typical()
    oracle.main_model.modifiers_appliers["histosys"].interpcode = "code4"
    with pytest.raises(ModelError, match="'code4': supported are code0, code2, code4p"):
        from_pyhf(oracle)


def test_wrong_lengths_are_refused():
    model = from_pyhf(typical())
    with pytest.raises(InputError, match="7 parameters"):
        model.logpdf([1.0], np.ones(11))
    with pytest.raises(InputError, match="5 bins and 6 auxiliary"):
        model.logpdf(np.ones(7), [1.0, 2.0])
