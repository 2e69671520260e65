"""Figures of histograms, limits and studies look as they did."""

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer
from scipy.stats import chi2, norm
from settings import hypothesis, observable, region

from hone.analysis.sections import Study
from hone.errors import InputError
from hone.reporting.figures.histograms import draw_soft_hard, draw_templates
from hone.reporting.figures.limits import draw_cls_scan, draw_limit_summary, draw_limits
from hone.reporting.figures.prediction import draw_prediction
from hone.reporting.figures.study import draw_study
from hone.statmodel.channels import channel_sizes
from hone.statmodel.templates import Histogram

compared = pytest.mark.mpl_image_compare(savefig_kwargs={"dpi": 40})


def limits_at(scale, observed):
    """As in ``limits.json``: CLs falls exponentially, so that limits are where it should be."""
    mus = np.linspace(0, 2 * scale, 21)
    rates = np.array([5, 4, 3, 2, 1]) / scale
    crossing = (np.log(20) / rates).tolist()
    return {
        "level": 0.05,
        "poi": "mu",
        "scan": {
            "mu": mus.tolist(),
            "observed": np.exp(-2.5 * mus / scale).tolist() if observed else None,
            "expected": [np.exp(-rate * mus).tolist() for rate in rates],
        },
        "observed_limit": float(np.log(20) * scale / 2.5) if observed else None,
        "expected_limits": [1.5 * limit if observed else limit for limit in crossing],
        "expected_limits_postfit": crossing,
    }


@compared
def test_cls_scan_of_an_observation():
    return draw_cls_scan(limits_at(1.0, True), "neos")


@compared
def test_cls_scan_of_a_blind_analysis_with_large_limits():
    return draw_cls_scan(limits_at(5000.0, False), "neos")


@compared
def test_limits_against_mass():
    limits = {mass: limits_at((mass / 1000) ** 3, True) for mass in (600.0, 800.0, 1000.0, 1500.0)}
    return draw_limits(limits, "mass", "neos")


@compared
def test_limits_with_one_missing_and_without_observation():
    limits = {mass: limits_at((mass / 1000) ** 3, False) for mass in (600.0, 800.0, 1000.0)}
    limits[800.0]["expected_limits"] = [None] * 5
    return draw_limits(limits, "mass", "neos")


@compared
def test_limit_summary():
    limits = {"neos": limits_at(0.5, True), "bce": limits_at(1.0, True)}
    limits["missing"] = limits_at(1.0, False) | {"expected_limits": [None] * 5}
    floor = {"expected_limit": 0.4, "of_observables": {"bce": {"expected_limit": 0.6}}}
    return draw_limit_summary(limits, floor, "pseudo-data")


def test_limits_that_differ_by_orders_are_on_a_logarithmic_axis():
    limits = {name: limits_at(scale, False) for name, scale in (("a", 0.01), ("b", 1.0))}
    (axes,) = draw_limit_summary(limits, {}).axes
    assert axes.get_xscale() == "log"
    medians = [limits[name]["expected_limits"][2] for name in limits]
    lines = next(c for c in axes.collections if c.get_label().startswith("median expected"))
    np.testing.assert_allclose([path.vertices[0, 0] for path in lines.get_paths()], medians)


@compared
def test_study_of_bandwidths():
    rules, batches = ("fixed", "scott", "adaptive"), (100, 1000, 10_000)
    observables = [
        observable(name=f"{rule}{batch}", kind="network", batch=batch, smoothing=rule)
        for rule in rules
        for batch in batches
    ]
    rows = [
        {
            "observable": o.name,
            "seed": seed,
            "without_staterror_expected_cls": 1e-6 * seed * (1 + rules.index(o.smoothing))
            / np.sqrt(o.batch / 100),
        }
        for o in observables
        for seed in (1, 2, 3)
    ]  # fmt: skip
    study = Study.model_validate(
        {
            "name": "bandwidth",
            "against": "batch",
            "lines": ["smoothing"],
            "observables": [o.name for o in observables],
        }
    )
    return draw_study(rows, study, observables, {"expected_cls": 5e-8})


SAMPLES = hypothesis({"name": "shape", "type": "histosys"}, signal="s", background="b")
EDGES = {"control": np.array([0.0, 50, 100]), "signal": np.array([0, 0.2, 0.6, 1])}


def templates(values):
    """Signal, background and a varied background with these yields (B,) times 1, 2, 3, 4."""
    values = np.asarray(values, dtype=float)
    names = ("s", "b", "b__shape_up", "b__shape_down")
    return {name: Histogram(values * (k + 1), np.abs(values) / 10) for k, name in enumerate(names)}


def of_templates(found, observed, edges, name="o", **more):
    channels = channel_sizes(edges, [region("all")])
    return draw_templates(SAMPLES, found, observed, edges, channels, name, **more)


@compared
def test_templates_of_two_regions():
    observed = np.array([60.0, 35, 22, 9, 0])
    return of_templates(templates([20, 12, 8, 3, 0.2]), observed, EDGES, "neos")


def test_a_region_that_is_counted_has_no_edges():
    edges = {"counted": np.array([0.0, 1]), "signal": np.array([0, 0.2, 0.6, 1])}
    main, ratio = of_templates(templates([5, 20, 12, 8]), np.array([60.0, 35, 22, 9]), edges).axes
    drawn = {t.get_position()[0]: t.get_text() for t in ratio.get_xticklabels()}
    assert drawn == {1: "0", 2: "0.2", 3: "0.6", 4: "1"}
    assert {"counted", "signal"} <= {text.get_text() for text in main.texts}
    # the bands are those of the stack: signals are lines over it
    stacked = [p for p in main.patches if p.get_fill() and p.get_label() != "_nolegend_"]
    assert max(p.get_data().values.max() for p in stacked) == 40
    alone = of_templates(templates([5]), np.array([9.0]), {"": np.array([0.0, 1])}).axes[1]
    assert alone.get_xlabel() == "counted events"


def test_axes_name_what_is_binned():
    edges = {"": np.array([0, 0.2, 1])}
    shown = of_templates(templates([5, 20]), np.ones(2), edges, binned={"signal": "m_$"})
    assert shown.axes[1].get_xlabel() == r"m_\$ (bins drawn equally wide)"
    edges = {"a": edges[""], "b": edges[""], "c": edges[""], "counted": np.array([0.0, 1])}
    names = {"a": "observable", "b": "mass", "c": "mass", "counted": "Count"}
    shown = of_templates(templates(7 * [5]), np.ones(7), edges, binned=names)
    assert shown.axes[1].get_xlabel() == "observable (a), mass (b, c)"


@compared
def test_soft_and_hard_histograms():
    hard = templates([20, 12, 8, 3, 0.2])
    soft = {name: Histogram(h.values * 1.05 + 0.1, h.variances) for name, h in hard.items()}
    return draw_soft_hard(soft, hard, EDGES, "neos")


@compared
def test_soft_histograms_with_negative_yields():
    hard = templates([20, 12, 8, -3, 0.2])
    return draw_soft_hard(hard, hard, EDGES, "neos")


@pytest.mark.parametrize(
    "values", [[0, 0, 0], [5], [1e15, 1, 1e-9], [3, 0, 0], [1e-300, 2e6]], ids=str
)
def test_odd_yields_are_drawn(values):
    """Empty, of one bin, huge: without a warning, and the axis holds all that is positive."""
    edges, found = {"": np.linspace(0, 1, len(values) + 1)}, templates(values)
    observed = np.zeros(len(values))
    for figure in (
        of_templates(found, observed, edges),
        draw_soft_hard(found, found, edges, "o"),
    ):
        figure.draw_without_rendering()
        low, high = figure.axes[0].get_ylim()
        assert 0 < low < high
        assert high > 4 * max(values)


@pytest.mark.parametrize("observed", [[0, 3, 5, 1, 40], [0, 0, 0, 0, 0]], ids=str)
def test_counts_have_the_central_interval_of_a_poisson(observed):
    """Also none among others, and none anywhere: no event is known to be below 1.84."""
    background = templates([4, 5, 6, 7, 30])["b"].values
    figure = of_templates(templates([4, 5, 6, 7, 30]), np.array(observed), EDGES)
    ones = dict.fromkeys(("uncertainty", "below", "above"), np.ones(5))
    channel = {"samples": {"b": background}, **ones}
    content = {"prefit": {"r": channel}, "postfit": None, "observation": {"r": observed},
               "signals": [], "blind": False}  # fmt: skip
    alpha = norm.cdf(-1)
    low = np.nan_to_num(chi2.ppf(alpha, 2 * np.array(observed)) / 2)
    high = chi2.isf(alpha, 2 * np.array(observed) + 2) / 2
    if observed[0] == 0:
        assert high[0] == pytest.approx(1.841, abs=1e-3)
    for panels in (figure.axes, draw_prediction(content, "prefit", "o").axes):
        for axes, scale in zip(panels, (np.ones(5), background), strict=True):
            (points,) = (c for c in axes.containers if isinstance(c, ErrorbarContainer))
            (bars,) = points.lines[2]
            ends = np.array([segment[:, 1] for segment in bars.get_segments()])
            np.testing.assert_allclose(ends.T, [low / scale, high / scale], atol=1e-9)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_cannot_be_drawn_is_refused(wrong):
    found, edges = templates([3, wrong, 1]), {"": np.linspace(0, 1, 4)}
    with pytest.raises(InputError, match=rf"template 'b', bin 2: a yield of {2 * wrong:g} cannot"):
        of_templates(found, np.zeros(3), edges)
    with pytest.raises(InputError, match="template 's', bin 2"):
        draw_soft_hard(found, found, edges, "o")


def test_negative_yields_hang_below_zero():
    """And the line of the sum is above them, of all samples."""
    yields = {"b": [40.0, 3.0, 20.0], "interference": [-25.0, -2.0, 1.0]}
    ones = dict.fromkeys(("uncertainty", "below", "above"), np.ones(3))
    content = {"prefit": {"r": {"samples": yields, **ones}}, "postfit": None, "observation": None,
               "signals": [], "blind": True}  # fmt: skip
    figure = draw_prediction(content, "prefit", "o")
    axes = figure.axes[0]
    assert axes.get_ylim()[0] < -25
    (line,) = (p for p in axes.patches if p.get_label() == "sum")
    np.testing.assert_allclose(line.get_data().values, [15, 1, 21])
    lowest = [p.get_path().get_extents().y0 for p in axes.patches]
    assert min(lowest) == -25
    assert axes.get_ylabel() == "events"


def test_a_fit_that_ends_where_no_rate_is_left_says_so():
    """With a background that the interpolation of its templates makes negative."""
    ones = dict.fromkeys(("uncertainty", "below", "above"), np.ones(5))
    # One bin is empty before, and one has few events.
    before = {"r": {"samples": {"b": [400.0, 3.0, 0.1, 0, 9e-7], "s": [1, 2, 3, 0, 0]}, **ones}}
    after = {"r": {"samples": {"b": [390, 2, -0.15, 0, 8e-7], "s": [0.05, 0.1, 0.15, 0, 0]}}}
    after["r"] |= ones
    content = {"prefit": before, "postfit": after, "observation": None, "signals": ["s"],
               "blind": True}  # fmt: skip
    for which, said in (("prefit", False), ("postfit", True)):
        axes = draw_prediction(content, which, "o").axes[0]
        title = axes.get_title(loc="left")
        assert ("the interpolated b is negative in bin 3" in title) is said
        assert ("no rate is left in bin 3: no ratio there, and no band" in title) is said
        assert ("uncertainty" in axes.get_legend_handles_labels()[1]) is not said
        assert ("(linear within $\\pm$1)" in axes.get_ylabel()) is said
