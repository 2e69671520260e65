"""Figures of fits: from a stored result, with and without data, in small and large models."""

import copy

import matplotlib.pyplot as plt
import numpy as np
import pytest

from hone.reporting.figures.breakdown import MOST_GROUPS, draw_breakdown
from hone.reporting.figures.fits import (
    MOST_CORRELATED,
    MOST_PULLS,
    draw_correlation,
    draw_impacts,
    draw_pulls,
)
from hone.reporting.figures.prediction import draw_prediction

IMAGE = pytest.mark.mpl_image_compare(savefig_kwargs={"dpi": 40}, remove_text=False)


def result(systematics=3, regions=("SR",), bins=4, blind=False):
    """As ``fit.json``: a POI, constrained parameters, and one normalisation without constraint."""
    rng = np.random.default_rng(0)
    names = ["mu", *(f"syst{k}" for k in range(systematics)), "norm"]
    n = len(names)
    correlation = np.full((n, n), 0.1) + 0.9 * np.eye(n)
    correlation[0, 1] = correlation[1, 0] = -0.8
    widths = [None, *[1.0] * systematics, None]
    ranked = slice(1, min(n, 21))
    impacts = 0.3 / np.arange(1, n + 1)[ranked]
    parameters = {
        "labels": names,
        "bestfit": [0.9, *rng.normal(0, 0.7, systematics).tolist(), 1.1],
        "uncertainty": [0.4, *rng.uniform(0.3, 1, systematics).tolist(), 0.1],
        "prefit_value": [1.0, *[0.0] * systematics, 1.0],
        "prefit_uncertainty": widths,
    }
    steps = np.geomspace(60, 4, bins)
    channel = {
        "samples": {"background": steps.tolist(), "signal": (steps[::-1] / 6).tolist()},
        "uncertainty": (0.1 * steps).tolist(),
        "below": (0.05 * steps).tolist(),
        "above": (0.1 * steps).tolist(),
    }
    source = {"data": "observation", "mu": None, "negative": False}
    if blind:
        source = {"data": "expected", "mu": 1.0, "negative": False}
    return {
        "poi": "mu",
        "signals": ["signal"],
        "blind": blind,
        "fit": {
            **parameters,
            "goodness_of_fit": 0.7366,
            "goodness_of_fit_toys": {"p": 0.81, "error": 0.01, "toys": 1000},
        },
        "pulls": {**source, **parameters, "correlation": correlation.tolist(), "on_bound": []},
        "ranking": {
            **source,
            **{key: values[ranked] for key, values in parameters.items()},
            "prefit_up": [1.2 * x if widths[1] else None for x in impacts],
            "prefit_down": [*(-1.1 * impacts[:-1]).tolist(), None],
            "postfit_up": impacts.tolist(),
            "postfit_down": (-impacts).tolist(),
            "cut_off": names[1:2],
            "parameters": n - 1,
            "poi_value": 0.9,
            "poi_uncertainty": 0.4,
        },
        "breakdown": {
            **source,
            "total": 0.4,
            "interval": [0.6, 1.4],
            "hessian": 0.38,
            "statistical": 0.25,
            "counts": 0.21,
            "systematic": 0.312,
            "data_component": 0.3,
            "free": {
                "parameters": ["norm"],
                "uncertainty": 0.135,
                "component": 0.0,
                "refitted": True,
            },
            "groups": {
                name: {
                    "parameters": [name],
                    "uncertainty": 1.2 * x,
                    "component": x,
                    "refitted": True,
                }
                for name, x in zip(names[1:-1], 0.16 / np.arange(1, n - 1), strict=True)
            },
            "on_bound": [],
        },
        "observation": None if blind else {name: np.round(steps).tolist() for name in regions},
        "prefit": {name: copy.deepcopy(channel) for name in regions},
        "postfit": {name: copy.deepcopy(channel) for name in regions},
        "reasons": {},
    }


@IMAGE
def test_pulls():
    return draw_pulls(result(), "neos")


@IMAGE
def test_correlation():
    return draw_correlation(result(), "neos")


@IMAGE
def test_impacts():
    return draw_impacts(result(), "neos")


@IMAGE
def test_breakdown():
    return draw_breakdown(result(), "neos")


@IMAGE
def test_prediction_of_several_regions():
    return draw_prediction(result(regions=("control", "signal")), "postfit", "neos")


@IMAGE
def test_prediction_while_blind():
    return draw_prediction(result(blind=True), "prefit", "neos")


def labels(axes):
    return {text.get_text() for text in axes.get_legend().get_texts()}


def test_nothing_observed_is_drawn_while_blind():
    for which in ("prefit", "postfit"):
        axes = draw_prediction(result(blind=True), which, "o").axes
        assert "observed" not in labels(axes[0])
        assert not axes[1].containers
        assert axes[1].get_ylabel() == "relative error"
        main = draw_prediction(result(), which, "o").axes[0]
        assert "observed" in labels(main)
        known = "goodness of fit $p$ = 0.74; 0.81 by 1000 toys"
        assert (known in main.get_title(loc="left")) == (which == "postfit")
    assert "blind" in draw_pulls(result(blind=True), "o").axes[0].get_title(loc="left")


def test_pseudo_data_are_not_called_observed():
    for which in ("prefit", "postfit"):
        shown = labels(draw_prediction(result(), which, "o", "pseudo-data").axes[0])
        assert "pseudo-data" in shown
        assert "observed" not in shown


def test_of_many_parameters_the_leading_ones_are_drawn():
    content = result(systematics=60)
    pulls = draw_pulls(content, "o").axes[0]
    assert len(pulls.get_yticklabels()) == MOST_PULLS
    assert f"{MOST_PULLS} of 60 parameters" in pulls.get_title(loc="left")
    matrix = draw_correlation(content, "o").axes[0]
    shown = [text.get_text() for text in matrix.get_yticklabels()]
    assert len(shown) == MOST_CORRELATED
    assert {"mu", "syst0"} <= set(shown)
    impacts = draw_impacts(content, "o").axes[0]
    assert len(impacts.get_yticklabels()) == 20
    breakdown = draw_breakdown(content, "o").axes[0]
    shown = [text.get_text() for text in breakdown.get_yticklabels()]
    sums = ["total", "statistical", "  counts alone", "  free normalisations", "systematic"]
    assert shown[:6] == [*sums, "syst0"]
    assert len(shown) == 5 + MOST_GROUPS
    assert f"{MOST_GROUPS} of 60 groups" in breakdown.get_title(loc="left")


def test_the_pull_is_in_widths_of_the_constraint():
    content = result(systematics=1)
    fit = content["pulls"]
    fit["prefit_value"][1], fit["prefit_uncertainty"][1] = 1.0, 0.02
    fit["bestfit"][1], fit["uncertainty"][1] = 1.03, 0.01
    axes = draw_pulls(content, "o").axes[0]
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [1.5])
    assert "mu = $0.90^{+0.50}_{-0.30}$, norm = 1.10 $\\pm$ 0.10" in axes.get_title(loc="left")
    assert "$\\hat{\\mu}$ = $0.90^{+0.50}_{-0.30}$" in title(draw_impacts(content, "o"))
    content["breakdown"]["interval"] = [None, 1.4]
    assert "68 % interval of $\\mu$: its bound to 1.4" in title(draw_breakdown(content, "o"))
    content["breakdown"] = None
    assert "mu = 0.9 $\\pm$ 0.4, norm" in title(draw_pulls(content, "o"))


def test_what_does_not_exist_is_said():
    content = result()
    names = ("fit", "pulls", "ranking", "breakdown", "postfit")
    content |= dict.fromkeys(names)
    content["reasons"] = dict.fromkeys(names, "no fit converged")
    for figure in (
        draw_pulls(content, "o"),
        draw_correlation(content, "o"),
        draw_impacts(content, "o"),
        draw_breakdown(content, "o"),
        draw_prediction(content, "postfit", "o"),
    ):
        assert figure.axes[0].texts[0].get_text() == "no fit converged"


def title(figure):
    """Of the first panel, or of the legend of impacts."""
    legends = [legend.get_title().get_text() for legend in figure.legends]
    return figure.axes[0].get_title(loc="left") + "".join(legends)


def test_all_figures_of_the_parameters_name_the_same_fit():
    negative, expected = result(), result()
    for name in ("pulls", "ranking", "breakdown"):
        negative[name]["negative"] = True
        expected[name] |= {"data": "expected", "mu": 1.0}
    close = "expected data at $\\mu = 1$\n($\\hat{\\mu}$ of the data is close to its bound)"
    for draw in (draw_pulls, draw_correlation, draw_impacts, draw_breakdown):
        assert "o: unconditional fit\n($\\mu$ < 0 allowed)" in title(draw(negative, "o"))
        assert close in title(draw(expected, "o"))
    expected["fit"]["uncertainty"] = None
    assert "(the fit to the data has no uncertainties)" in title(draw_pulls(expected, "o"))
    assert "expected data at $\\mu = 1$\n(blind)" in title(draw_pulls(result(blind=True), "o"))


def test_a_breakdown_says_where_the_hessian_is_wrong_and_what_is_at_a_bound():
    content = result()
    before = draw_breakdown(content, "o").axes[0]
    assert "Hessian" not in title(before.figure)
    assert "68 % interval of $\\mu$: 0.6 to 1.4" in title(before.figure)
    content["breakdown"] |= {"hessian": 0.25, "on_bound": ["syst1", "staterror_SR[0]", "x"]}
    after = draw_breakdown(content, "o").axes[0]
    assert "not Gaussian: $\\pm$ 0.25 by the Hessian" in title(after.figure)
    assert "at a bound: syst1, MC, SR bin 1 and 1 more" in title(after.figure)
    assert len(before.lines) - len(after.lines) == 1


def test_what_is_by_the_hessian_in_a_breakdown_is_marked():
    content = result()
    before = draw_breakdown(content, "o")
    content["breakdown"]["groups"]["syst2"]["refitted"] = False
    after = draw_breakdown(content, "o")
    for figure, marked in ((before, []), (after, [7])):
        legend = {text.get_text() for text in figure.legends[0].get_texts()}
        assert ("by the Hessian" in legend) == bool(marked)
        bars = sorted(figure.axes[0].patches, key=lambda bar: bar.get_y())
        assert [k for k, bar in enumerate(bars) if bar.get_hatch()] == marked


@pytest.mark.parametrize(("bins", "scale"), [(1, 0.0), (40, 1e-3), (1, 1e9)])
def test_any_yields_are_drawn(bins, scale):
    content = result(bins=bins)
    for channel in content["prefit"].values():
        channel["samples"] = {k: [scale * x for x in v] for k, v in channel["samples"].items()}
        channel["samples"]["background"][0] = -1e-9
        channel["below"] = channel["above"] = [0.1 * scale] * bins
    draw_prediction(content, "prefit", "o").draw_without_rendering()


def test_the_band_is_as_wide_below_and_above_as_it_is_written():
    main, ratio = draw_prediction(result(), "prefit", "o").axes
    samples = result()["prefit"]["SR"]["samples"]
    total = np.sum(list(samples.values()), axis=0)
    steps = np.array(samples["background"])
    for axes, unit, centre in ((main, 1.0, total), (ratio, total, 1.0)):
        (drawn,) = (p for p in axes.patches if getattr(p, "get_hatch", str)() == "////")
        values, _, baseline = drawn.get_data()
        np.testing.assert_allclose(values, centre + 0.1 * steps / unit)
        np.testing.assert_allclose(baseline, centre - 0.05 * steps / unit)


def test_a_small_background_is_seen():
    """At the bottom of the stack, on an axis that begins below it."""
    content = result()
    content["prefit"]["SR"]["samples"]["rare"] = [0.1, 0.02, 0.01, 1e-9]
    main = draw_prediction(content, "prefit", "o").axes[0]
    assert main.get_yscale() == "log"
    assert 0.01 < main.get_ylim()[0] < 0.1
    stacked = main.get_legend_handles_labels()[1]  # from the top
    assert (
        stacked.index("signal ($\\mu = 1$)") < stacked.index("background") < stacked.index("rare")
    )


def test_a_rate_on_its_edge_does_not_stretch_the_axis():
    content = result()
    channel = content["postfit"]["SR"]
    channel["samples"]["background"][3] = -channel["samples"]["signal"][3] + 1e-10
    assert draw_prediction(content, "postfit", "o").axes[0].get_yscale() == "linear"


def test_before_and_after_the_fit_have_the_same_kind_of_axis():
    content = result()
    content["prefit"]["SR"]["samples"]["signal"][3] = 1e4
    for which in ("prefit", "postfit"):
        assert draw_prediction(content, which, "o").axes[0].get_yscale() == "log"


def test_global_settings_of_matplotlib_stay():
    before = dict(plt.rcParams)
    draw_impacts(result(), "o")
    draw_pulls(result(), "o")
    assert dict(plt.rcParams) == before
