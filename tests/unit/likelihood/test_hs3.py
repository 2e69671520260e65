"""Workspaces as HS3 documents and back; that ROOT reads them alike is for tests/hs3_in_root.py."""

import copy
import json

import numpy as np
import pyhf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from specs import assert_same_likelihood, pseudo_data, typical, workspace_of, workspaces

from hone.errors import ModelError
from hone.likelihood.hs3 import from_hs3, to_hs3


@given(model=workspaces(), seed=st.integers(0, 99))
def test_what_is_written_is_read(model, seed):
    """The likelihood is the same, and so are starts, bounds and what is fixed."""
    data = pseudo_data(model, seed, 1.0)
    workspace = workspace_of(model, data)
    document = json.loads(json.dumps(to_hs3(workspace)))
    back = pyhf.Workspace(from_hs3(document))
    again = back.model()
    order = [again.config.par_names.index(name) for name in model.config.par_names]
    for what in ("suggested_init", "suggested_bounds", "suggested_fixed"):
        ours, theirs = getattr(again.config, what)(), getattr(model.config, what)()
        np.testing.assert_allclose(np.array(ours, dtype=float)[order], theirs)
    counted = np.array([*data[: model.config.nmaindata], *model.config.auxdata])
    assert_same_likelihood(model, counted, back, model.config.par_names, seed)


@pytest.fixture
def document():
    model = typical()
    return to_hs3(workspace_of(model, pseudo_data(model, 1, 1.0)))


def test_names_that_root_needs(document):
    """Without these ROOT 6.40 reads nothing, or Poisson constraints of staterrors."""
    assert document["metadata"]["hs3_version"] == "0.2"
    domains = {domain["name"]: domain for domain in document["domains"]}
    axes = {axis["name"] for axis in domains["default_domain"]["axes"]}
    (point,) = document["parameter_points"]
    assert point["name"] == "default_values"
    assert axes == {parameter["name"] for parameter in point["parameters"]}
    channels = [d for d in document["distributions"] if d["type"] == "histfactory_dist"]
    assert all(c["staterror"]["constraint_type"] == "Gauss" for c in channels)
    normal = {d["name"] for d in document["distributions"] if d["type"] == "gaussian_dist"}
    modifiers = [m for c in channels for s in c["samples"] for m in s["modifiers"]]
    assert normal == {m["constraint_name"] for m in modifiers if "constraint_name" in m}


REFUSED = {
    "has no analyses": lambda document, **_: document.pop("analyses"),
    "no likelihoods called 'x'": lambda document, **_: document["analyses"][0].update(
        likelihood="x"
    ),
    "has 2 POIs, pyhf has one": lambda document, **_: document["analyses"][0].update(
        parameters_of_interest=["mu", "k"]
    ),
    "is a polynomial_dist: only": lambda channel, **_: channel.update(type="polynomial_dist"),
    "pyhf has no such modifier": lambda normfactor, **_: normfactor.update(type="custom"),
    "the interpolation is 0, allowed": lambda histosys, **_: histosys.update(interpolation=0),
    "no distributions called 'x'": lambda histosys, **_: histosys.update(constraint_name="x"),
    "the constraint is Poisson, pyhf's is Gauss": lambda staterror, **_: staterror.update(
        constraint_type="Poisson"
    ),
    "are not called <name>_bin_<k>": lambda staterror, **_: staterror.update(parameters=["a", "b"]),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_a_workspace_cannot_hold_is_refused(document, message):
    document = copy.deepcopy(document)
    channel = document["distributions"][0]
    modifiers = {m["type"]: m for s in channel["samples"] for m in s["modifiers"]}
    REFUSED[message](document=document, channel=channel, **modifiers)
    with pytest.raises(ModelError, match=message):
        from_hs3(document)
