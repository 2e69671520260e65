"""Several regions: what is trained on is what is fitted, bin by bin in pyhf's order."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pyhf
import pytest
from blobs import SAMPLES, chosen, events, loss_and_gradient, problem_of
from settings import hypothesis, observable, region

from hone.events.event_sets import EventSets, hard_histograms
from hone.likelihood.histfactory import from_pyhf
from hone.observable import create_observable
from hone.sentinels import PADDING
from hone.statmodel.channels import Channels
from hone.statmodel.filling import fill, template_model
from hone.statmodel.templates import Histogram, read_histograms, write_histograms
from hone.statmodel.workspace import build_workspace
from hone.training.bin_edges import optimise_edges
from hone.training.cut_search import search_cuts
from hone.training.objectives import OF_MODEL

REGIONS = (
    region("a"), region("b", fit="variable", variable="m", edges=(0.0, 1.0, 3.0)), region("c"),
    region("d", fit="count"),
)  # fmt: skip
CHANNELS = Channels(REGIONS, 3)
PROCESSES = hypothesis(
    {"name": "shape", "type": "histosys"},
    {"name": "one_sided", "type": "histosys", "down": None},
    {"name": "half", "type": "histosys", "symmetrise": "two-sided"},
    {"name": "larger", "type": "histosys", "symmetrise": "max"},
    {"name": "split", "type": "normplusshape"},
    {"name": "split_one_sided", "type": "normplusshape", "down": None},
    {"name": "split_larger", "type": "normplusshape", "symmetrise": "max"},
    {"name": "rate", "type": "normsys", "up": 1.1, "down": 0.95, "regions": ["a", "d"]},
    {"name": "rate", "type": "normsys", "up": 1.3, "regions": ["c"]},
    {"name": "bins", "type": "shapesys", "regions": ["c"]},
    {"name": "lumi", "type": "lumi", "sample": ["background"], "uncertainty": 0.02},
    {"name": "norm", "type": "normfactor", "bounds": [0.0, 5.0]},
)


def histograms(seed=0):
    rng = np.random.default_rng(seed)
    names = ["signal", "background"]
    names += [f"background__{name}_up" for name in ("one_sided", "split_one_sided")]
    two_sided = ("shape", "bins", "half", "larger", "split", "split_larger")
    names += [f"background__{name}_{side}" for name in two_sided for side in ("up", "down")]
    return {n: Histogram(rng.uniform(4, 9, 9), rng.uniform(0.1, 0.5, 9)) for n in names}


def built(staterror=True, processes=PROCESSES):
    return build_workspace(processes, histograms(), np.arange(9.0), staterror, CHANNELS.sizes)


def test_bins_stand_in_pyhfs_order():
    assert CHANNELS.sizes == {"a": 3, "b": 2, "c": 3, "d": 1}
    trained = Histogram(np.arange(6.0), np.zeros(6))
    fixed = [Histogram(np.array([10.0, 11]), np.zeros(2)), Histogram(np.array([20.0]), np.zeros(1))]
    joined = CHANNELS.joined(trained, fixed).values
    np.testing.assert_array_equal(joined, [0, 1, 2, 10, 11, 3, 4, 5, 20])
    workspace = pyhf.Workspace(built())
    assert list(workspace.model().config.channels) == list(CHANNELS.sizes)
    data = workspace.data(workspace.model(), include_auxdata=False)
    np.testing.assert_array_equal(data, np.arange(9))


@pytest.mark.parametrize("of", [("signal", "background"), ("background",), ()])
def test_what_is_trained_on_is_what_is_fitted(of):
    """With the statistical errors of all samples, of one, of none."""
    processes = [p._replace(staterror=not of or p.name in of) for p in PROCESSES]
    spec = built(bool(of), processes)
    having = {s["name"] for c in spec["channels"] for s in c["samples"] for m in s["modifiers"]
              if m["type"] == "staterror"}  # fmt: skip
    assert having == set(of)
    written = from_pyhf(pyhf.Workspace(spec).model())
    empty = template_model(processes, CHANNELS.sizes, bool(of))
    filled = fill(empty, processes, histograms())
    # Training is ready for an empty bin where a region has one: the histosys of a normplusshape.
    assert replace(filled.layout, histosys_mask=written.layout.histosys_mask) == written.layout
    pars = np.array(written.config.suggested_init()) + 0.1
    np.testing.assert_allclose(filled.expected_data(pars), written.expected_data(pars), rtol=1e-13)
    data = np.asarray(written.expected_data(written.config.suggested_init()))
    np.testing.assert_allclose(filled.logpdf(pars, data), written.logpdf(pars, data), rtol=1e-13)


@pytest.mark.parametrize("empty", ["background", "background__split_up", "background__split_down"])
def test_one_bin_without_a_yield_is_trained_on_as_it_is_fitted(empty):
    """In a region with one bin, where no factor goes from an empty template to another."""
    found = histograms()
    found[empty] = Histogram(*(np.where(np.arange(9) == 8, 0.0, x) for x in found[empty]))
    written = from_pyhf(build_workspace(PROCESSES, found, np.zeros(9), True, CHANNELS.sizes))
    filled = fill(template_model(PROCESSES, CHANNELS.sizes, True), PROCESSES, found)
    start = np.array(written.config.suggested_init())
    place = written.config.par_names.index("split")
    for value in (-1.0, 1.0):
        start[place] = value
        expected = np.asarray(written.expected_data(start))
        np.testing.assert_allclose(filled.expected_data(start), expected, rtol=1e-13)
        side = found[f"background__split_{'up' if value > 0 else 'down'}"].values[8]
        assert expected[8] == pytest.approx(found["signal"].values[8] + side)


def test_modifiers_act_where_the_settings_say():
    model = pyhf.Workspace(built()).model()
    found = {
        (channel["name"], modifier["name"])
        for channel in model.spec["channels"]
        for sample in channel["samples"]
        for modifier in sample["modifiers"]
    }
    assert {c for c, name in found if name == "rate"} == {"a", "c", "d"}
    assert {c for c, name in found if name == "bins"} == {"c"}
    assert {c for c, name in found if name == "norm"} == set("abcd")
    assert model.config.suggested_bounds()[model.config.par_map["norm"]["slice"]] == [[0.0, 5.0]]
    assert model.config.param_set("lumi").sigmas == [0.02]


def test_a_systematic_without_down_is_mirrored():
    found = histograms()
    low = Histogram(found["background"].values * 3, found["background"].variances)
    spec = build_workspace(
        PROCESSES, {**found, "background__one_sided_up": low}, np.zeros(9), True, CHANNELS.sizes
    )
    modifiers = spec["channels"][0]["samples"][1]["modifiers"]
    data = next(m["data"] for m in modifiers if m["name"] == "one_sided")
    np.testing.assert_array_equal(data["lo_data"], 0)  # as far as yields stay positive
    modifiers = built()["channels"][0]["samples"][1]["modifiers"]
    data = next(m["data"] for m in modifiers if m["name"] == "one_sided")
    expected = 2 * found["background"].values - found["background__one_sided_up"].values
    np.testing.assert_allclose(data["lo_data"], np.maximum(expected[:3], 0))


def test_histograms_of_regions_round_trip(tmp_path):
    path, edges = tmp_path / "histograms.root", CHANNELS.edges(np.array([0, 0.2, 0.7, 1]))
    write_histograms(path, {"hard": histograms()}, edges, {})
    found, found_edges = read_histograms(path, "hard")
    assert list(found_edges) == list(edges)
    np.testing.assert_array_equal(found_edges["b"], [0, 1, 3])
    for name, histogram in histograms().items():
        np.testing.assert_allclose(found[name].values, histogram.values)
        np.testing.assert_allclose(found[name].variances, histogram.variances)


def split_by_sign(sets):
    """The blobs in two regions with the observable, by the sign of x, and a count beside them."""
    regions = (region("neg"), region("pos"), region("side", fit="count"))
    place = {n: (x[:, 0] > 0).astype(np.int8) for n, x in sets.features.items()}
    fixed = {n: [Histogram(np.array([50.0]), np.array([0.1]))] for n in sets.weights}
    return EventSets(sets.features, sets.weights, regions, place, fixed)


def test_the_training_sees_all_regions():
    """Soft bins as hard as they get are the counted ones of every region."""
    sets = split_by_sign(events("training"))
    problem, data, observable = problem_of(sets, bandwidth=[1e-6], smoothing="fixed")
    assert problem.model.layout.channels == ("neg", "pos", "side")
    soft = jax.jit(lambda d: problem.histograms(observable, d, 1.0))(data)
    scores = {name: observable.score(x) for name, x in sets.features.items()}
    hard = hard_histograms(observable, sets, scores)
    for name, histogram in hard.items():
        np.testing.assert_allclose(soft[name].values, histogram.values, atol=0.1)
        assert float(soft[name].values[-1]) == 50
    assert not np.allclose(hard["signal"].values[:4], hard["signal"].values[4:8], rtol=0.1)


def test_gradient_with_regions():
    problem, data, observable = problem_of(split_by_sign(events("training")))
    value, gradient = loss_and_gradient(problem, data, observable)
    assert np.isfinite(value)
    assert float(jnp.abs(gradient.edge_logits).max()) > 0


def test_edges_and_cuts_are_found_with_regions():
    sets = split_by_sign(events("validation"))
    scores = {n: 1 / (1 + np.exp(-2 * (x[:, 1] - x[:, 0]))) for n, x in sets.features.items()}
    edges, value, _ = optimise_edges(scores, sets, SAMPLES, 3, True)
    model = template_model(SAMPLES, sets.channels(3).sizes, True)
    network = create_observable(chosen(), ["x", "y"], sets.features["signal"], jax.random.key(0))
    found = hard_histograms(network.with_edges(edges), sets, scores)
    assert float(OF_MODEL["cls"](fill(model, SAMPLES, found))) == pytest.approx(value, rel=1e-9)

    cuts = observable(kind="cuts", cuts=[{"variable": "y", "side": "above"}])
    blank = create_observable(cuts, ["x", "y"], sets.features["signal"], jax.random.key(0))
    best, value = search_cuts(blank, sets, SAMPLES, True, OF_MODEL["cls"], 10)
    scores = {name: best.score(x) for name, x in sets.features.items()}
    model = template_model(SAMPLES, sets.channels(1).sizes, True)
    filled = fill(model, SAMPLES, hard_histograms(best, sets, scores))
    assert float(OF_MODEL["cls"](filled)) == pytest.approx(value, rel=1e-9)
    # thresholds are among the values that are there
    fewer = {n: x.copy() for n, x in sets.features.items()}
    for x in fewer.values():
        x[np.arange(len(x)) % 4 > 0, 1] = PADDING
    best, _ = search_cuts(blank, replace(sets, features=fewer), SAMPLES, True, OF_MODEL["z_a"], 2)
    assert best.cuts.values()[0] > -100
