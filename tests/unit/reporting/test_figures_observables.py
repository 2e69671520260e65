"""Figures of systematics, trainings and features: what they show, and how they look."""

from itertools import product

import numpy as np
import pyhf
import pytest
from settings import hypothesis, region

from hone.analysis.sections import Pruning
from hone.reporting.figures.pages import save_pages
from hone.reporting.figures.style import note, save
from hone.reporting.figures.systematics import draw_systematics, variations
from hone.reporting.figures.training import draw_edges, draw_training
from hone.reporting.figures.trials import draw_trials
from hone.statmodel.channels import channel_sizes
from hone.statmodel.postprocessing import postprocess
from hone.statmodel.templates import Histogram
from hone.statmodel.workspace import build_workspace

picture = pytest.mark.mpl_image_compare(savefig_kwargs={"dpi": 40}, remove_text=False)


def model(*systematics):
    return hypothesis(*systematics, signal="s", background="b")


def falling(bins=6, scale=1.0):
    values = scale * np.linspace(100, 5, bins)
    return {"s": Histogram(values[::-1], values[::-1]), "b": Histogram(values, values)}


def varied(name, factor, histograms):
    up = histograms["b"].values * (1 + factor * np.linspace(-1, 1, len(histograms["b"].values)))
    down = 2 * histograms["b"].values - up
    return {f"b__{name}_up": Histogram(up, up), f"b__{name}_down": Histogram(down, abs(down))}


def found(samples, histograms, edges, smoothed=(), threshold=0.0):
    channels = channel_sizes(edges, [region(name) for name in edges if name] or [region("all")])
    _, fitted, effects = postprocess(samples, histograms, channels, smoothed, threshold)
    return variations(samples, histograms, fitted, effects, channels), fitted


def test_variations_are_ordered_by_what_they_do_to_the_expectation():
    histograms = falling() | varied("small", 0.01, falling()) | varied("large", 0.3, falling())
    samples = model(
        {"name": "small", "type": "histosys", "sample": "b"},
        {"name": "large", "type": "histosys", "sample": "b"},
        {"name": "rate", "type": "normsys", "sample": ["s", "b"], "up": 1.05, "down": 0.9},
    )
    shown, _ = found(samples, histograms, {"": np.linspace(0, 1, 7)}, threshold=0.02)
    assert [v.systematic for v in shown] == ["large", "rate", "rate", "small"]
    assert shown[-1].notes == ("pruned",)
    total = histograms["s"].values + histograms["b"].values
    largest = np.max(abs(histograms["b__large_up"].values - histograms["b"].values) / total**0.5)
    assert shown[0].size == pytest.approx(largest)
    np.testing.assert_allclose(shown[1].down, 0.9 * histograms[shown[1].sample].values)


def test_a_variation_is_not_drawn_in_regions_where_it_does_not_act():
    rate = {"name": "rate", "type": "normsys", "sample": "b", "up": 1.1, "down": 0.9}
    samples = model(rate | {"regions": ["a"]})
    edges = {"a": np.linspace(0, 1, 4), "c": np.linspace(0, 1, 4)}
    (only,), _ = found(samples, falling(), edges)
    assert np.isfinite(only.up[:3]).all()
    assert np.isnan(only.up[3:]).all()


def test_many_variations_are_pages_and_the_picture_says_so():
    names = [f"scale_{k}" for k in range(8)]
    histograms = falling()
    for k, name in enumerate(names):
        histograms |= varied(name, 0.05 * (k + 1), falling())
    samples = model(*({"name": n, "type": "histosys", "sample": "b"} for n in names))
    edges = {"": np.linspace(0, 1, 7)}
    shown, fitted = found(samples, histograms, edges)
    pages = draw_systematics(shown, fitted, edges, "o")
    assert len(pages) == 2
    assert pages[0].get_suptitle() == "o: 8 variations, largest first, page 1 of 2"
    assert pages[0].axes[0].get_title(loc="left") == "scale_7: b"


def test_pages_are_of_one_file_and_equal_figures_are_equal_files(tmp_path):
    for name in "ab":
        save_pages(
            [note("t", "one"), note("t", "two")], tmp_path / "o.png", tmp_path / f"{name}.pages"
        )
        save(note("t", "three"), [tmp_path / f"{name}.png", tmp_path / f"{name}.pdf"])
    for ending in ("pages", "png", "pdf"):
        first, again = ((tmp_path / f"{name}.{ending}").read_bytes() for name in "ab")
        assert first == again
    pages = (tmp_path / "a.pages").read_bytes()
    assert pages.count(b"/Type /Page ") == 2
    assert b"/Type3" not in pages


@pytest.mark.parametrize("kind", ["histosys", "normplusshape"])
def test_sides_are_drawn_as_they_are_fitted(kind):
    """Mirrored and symmetrised ones at +1 and -1 sigma, with what was done to them."""
    edges = {"a": np.linspace(0, 1, 4), "c": np.linspace(0, 1, 4)}
    histograms = falling()
    for name in ("mirror", "two", "larger"):
        histograms |= varied(name, 0.3, falling())
    # Another size in the region c, and only a norm in a.
    scale = np.r_[np.full(3, 1.2), 1.02, 1.0, 1.01]
    for name in ("mirror", "two", "larger"):
        up = histograms["b"].values * scale
        histograms[f"b__{name}_up"] = Histogram(up, up)
    del histograms["b__mirror_down"]
    samples = model(
        {"name": "mirror", "type": kind, "sample": "b", "down": None},
        {"name": "two", "type": kind, "sample": "b", "symmetrise": "two-sided"},
        {"name": "larger", "type": kind, "sample": "b", "symmetrise": "max"},
    )
    shown, fitted = found(samples, histograms, edges, threshold=Pruning(norm=0.04, shape=0.005))
    notes = {v.systematic: v.notes for v in shown}
    assert notes["mirror"] == ("mirrored", "norm pruned in c")
    assert notes["two"][0] == "symmetrised: two-sided"
    spec = build_workspace(samples, fitted, np.ones(6), False, {"a": 3, "c": 3})
    pyhf_model = pyhf.Workspace(spec).model()
    for variation in shown:
        for alpha, side in ((1, variation.up), (-1, variation.down)):
            pars = np.array(pyhf_model.config.suggested_init())
            pars[pyhf_model.config.par_slice("mu")] = 0
            pars[pyhf_model.config.par_slice(variation.systematic)] = alpha
            rates = pyhf_model.expected_data(pars, include_auxdata=False)
            np.testing.assert_allclose(side, rates, rtol=1e-12)
    draw_systematics(shown, fitted, edges, "o")


@picture
def test_systematics_in_two_regions():
    edges = {"control": np.array([0.0, 50, 100]), "signal": np.linspace(0, 1, 5)}
    histograms = falling() | varied("shape", 0.4, falling()) | varied("noisy", 0.1, falling())
    del histograms["b__shape_down"]
    noisy = histograms["b__noisy_up"].values * [1, 1, 1.2, 0.9, 1.1, 1]
    histograms["b__noisy_up"] = Histogram(noisy, noisy)
    samples = model(
        {"name": "shape", "type": "histosys", "sample": "b", "down": None},
        {"name": "noisy", "type": "histosys", "sample": "b"},
        {"name": "lumi", "type": "lumi", "sample": "s", "uncertainty": 0.02},
    )
    shown, fitted = found(samples, histograms, edges, smoothed=[("b", "noisy")])
    assert [v.notes for v in shown if v.sample == "b"] == [("mirrored",), ("smoothed",)]
    return draw_systematics(shown, fitted, edges, "neos")[0]


@picture
def test_systematics_that_dwarf_the_nominal_yield():
    histograms = {
        name: Histogram(h.values * [1, 1, 0], h.variances) for name, h in falling(3).items()
    }
    huge = Histogram(np.array([1e5, 50, 3.0]), np.ones(3))
    histograms |= {"b__huge_up": huge, "b__huge_down": falling(3)["s"]}
    edges = {"": np.linspace(0, 1, 4)}
    samples = model({"name": "huge", "type": "histosys", "sample": "b"})
    return draw_systematics(*found(samples, histograms, edges), edges, "o")[0]


@picture
def test_without_systematics_the_errors_of_the_simulation_are_drawn():
    edges = {"": np.array([0.0, 1])}
    shown, fitted = found(model(), falling(1), edges)
    assert not shown
    return draw_systematics(shown, fitted, edges, "cut")[0]


def history(seed, steps=10, missing=()):
    return [
        {
            "step": 100 * k,
            "training_objective": -10 - k / 5,
            "validation_objective": None if k in missing else -10 - 0.1 * k + 0.02 * seed * (k % 3),
            "validation_cls": 1e-5 * 0.8**k * (1 + 0.1 * seed),
            "validation_limit": None if k < 3 else 0.3 + 0.01 * seed / k,
            "edge_0": 0.0,
            "edge_1": 0.3 - 0.01 * k,
            "edge_2": 0.6 + 0.02 * seed,
            "edge_3": 1.0,
            "bandwidth": 0.1 * 0.9**k,
            "x_below": 1 + 0.1 * k,
            "x_below_slope": 5.0,
        }
        for k in range(1, steps + 1)
    ]


@picture
def test_training_of_several_seeds():
    seeds = {f"seed{k}": history(k, steps=8 if k == 1 else 10, missing=(2,)) for k in range(1, 5)}
    figure = draw_training(seeds, "neos")
    median = next(line for line in figure.axes[1].get_lines() if line.get_linewidth() == 2.2)
    assert median.get_ydata()[0] == pytest.approx(1e-5 * 0.8 * 1.25)
    assert len(figure.axes) == 3
    return figure


def test_the_network_before_training_is_drawn_and_not_kept():
    before = {"step": 0, "training_objective": None, "validation_objective": None}
    before |= {"untrained_objective": -20.0, "validation_cls": 1e-9}
    figure = draw_training({"seed1": [before, *history(1)]}, "neos")
    _, line, star = figure.axes[0].get_lines()
    assert line.get_xydata()[0] == pytest.approx([0, -20])
    assert star.get_xdata() == [1000]  # though the objective before is lower
    # What is trained fills the panels.
    low, high = figure.axes[0].get_ylim()
    start, *trained = line.get_ydata()
    assert start < low < min(trained) < max(trained) < high < 0
    # a line of one value is nothing
    figure = draw_training({f"seed{k}": [before, history(k)[0]] for k in range(1, 5)}, "neos")
    (dotted,) = (line for line in figure.axes[0].get_lines() if line.get_linestyle() == ":")
    assert dotted.get_marker() == "x"


@picture
def test_trials():
    """Failed ones have a place, too; a setting with one value has no panel."""
    grid = product([[8], [64, 64]], [0.01, 0.001, 0.003], ["cosine"])
    names = ("hidden", "learning_rate", "schedule")
    trials = [
        {"trial": k, "settings": dict(zip(names, values, strict=True)), "validation_objective": y}
        for k, (values, y) in enumerate(zip(grid, [-3, -2.5, -3.2, None, -3.6, -3.1], strict=True))
    ]
    figure = draw_trials({**trials[4], "trials": trials}, "neos")
    assert [axes.get_xlabel() for axes in figure.axes] == ["hidden", "learning rate"]
    labels = [tick.get_text() for tick in figure.axes[1].get_xticklabels()]
    assert labels == ["0.001", "0.003", "0.01"]
    (star,) = (line for line in figure.axes[1].get_lines() if line.get_marker() == "*")
    assert star.get_xydata()[0] == pytest.approx([0.6 * 0.18, -3.6])
    return figure


@picture
def test_training_of_one_seed():
    return draw_training({"seed1": history(1)}, "neos")


@picture
def test_edges_of_two_seeds():
    figure = draw_edges({"seed1": history(1), "seed2": history(2)}, "neos")
    assert [a.get_ylabel() for a in figure.axes] == ["bin edges", "bandwidth", "x <"]
    return figure


def test_what_does_not_move_is_not_drawn():
    softmax = [
        {k: v for k, v in row.items() if not k.startswith(("edge", "band", "x"))}
        | {"edge_0": 0.0, "edge_1": 1.0, "edge_2": 2.0, "temperature": 0.5}
        for row in history(1)
    ]
    figure = draw_edges({"seed1": softmax}, "o")
    assert [a.get_ylabel() for a in figure.axes] == ["temperature"]
    # one of the categories has a single bin
    edges = {"category_1_edge_0": 0.0, "category_1_edge_1": 1.0}
    categories = [
        {k: v for k, v in row.items() if not k.startswith(("edge", "x"))}
        | edges
        | {f"category_2_{k}": v for k, v in row.items() if k.startswith("edge")}
        for row in history(1)
    ]
    figure = draw_edges({"seed1": categories}, "o")
    assert [a.get_ylabel() for a in figure.axes] == ["edges, category 2", "bandwidth"]
    sweeps = [{"step": 1, "validation_objective": -3.0, "edge_0": 0.0, "edge_1": 1.0}]
    assert len(draw_edges({"seed1": sweeps}, "o").axes) == 1
    assert len(draw_training({"seed1": sweeps}, "o").axes) == 1
