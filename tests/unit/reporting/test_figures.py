"""Every figure draws, without a warning, from what the workflow gives it."""

import itertools
from types import SimpleNamespace
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backends.backend_svg import FigureCanvasSVG
from settings import hypothesis, observable, region

from hone.analysis.sections import Study
from hone.reporting.figures import save
from hone.reporting.figures.comparison import draw_comparison
from hone.reporting.figures.histograms import draw_soft_hard, draw_templates
from hone.reporting.figures.importance import draw_importance
from hone.reporting.figures.limits import draw_cls_scan, draw_limit_summary, draw_limits
from hone.reporting.figures.plane import draw_plane
from hone.reporting.figures.study import draw_study
from hone.reporting.figures.training import draw_edges, draw_training
from hone.reporting.markup import mathtext
from hone.results.selection import selected
from hone.running.files import write_json
from hone.sentinels import PADDING
from hone.statmodel.channels import channel_sizes
from hone.statmodel.templates import Histogram

SAMPLES = hypothesis(
    {"name": "shape", "type": "histosys"},
    {"name": "rate", "type": "normsys", "up": 1.1, "down": 0.9},
    signal="s", background="b",
)  # fmt: skip


def histograms(bins, scale=1.0):
    values = scale * np.linspace(10, 1, bins)
    names = ("s", "b", "b__shape_up", "b__shape_down")
    return {name: Histogram(values * (i + 1), values / 10) for i, name in enumerate(names)}


def of_templates(found, observed, edges, samples=SAMPLES, **more):
    channels = channel_sizes(edges, [region("all")])
    return draw_templates(samples, found, observed, edges, channels, "o", **more)


def drawn(figure):
    """All of it is laid out and drawn; the pixels are what `test_a_figure_is_saved` looks at."""
    figure.draw_without_rendering()
    return figure


def test_a_figure_is_saved(tmp_path):
    figure = of_templates(histograms(5), np.ones(5), {"": np.linspace(0, 1, 6)})
    # characters of the small fonts of figures, and others, which are matplotlib's to draw
    figure.axes[0].set_title(r"$\mu^2$ Ж, $Ж$")
    save(figure, [tmp_path / "a.png", tmp_path / "a.pdf"])
    assert (tmp_path / "a.png").stat().st_size > 10_000
    content = (tmp_path / "a.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    # fonts that a journal accepts, and that can be edited
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    assert len(content) < 40_000


@pytest.mark.parametrize(("bins", "scale"), [(1, 1.0), (5, 1e6), (40, 1.0)])
def test_templates(bins, scale):
    edges, observed = np.linspace(0, 1, bins + 1), np.round(np.linspace(20, 0, bins))
    figure = drawn(of_templates(histograms(bins, scale), observed, {"": edges}))
    assert figure.axes[0].get_yscale() == "log"
    assert figure.axes[0].get_ylim()[1] > 20


def test_templates_call_the_observation_what_it_is():
    edges = {"": np.linspace(0, 1, 4)}
    figure = of_templates(histograms(3), np.ones(3), edges, label="pseudo-data")
    shown = {text.get_text() for text in figure.axes[0].get_legend().get_texts()}
    assert "pseudo-data" in shown
    assert "observed" not in shown


def test_each_of_many_signals_has_a_line_of_its_own():
    (signal, background), of = SAMPLES, histograms(3)
    names = [f"s{k}" for k in range(10)]
    samples = [*(signal._replace(name=name, modifiers=()) for name in names), background]
    figure = of_templates(
        of | dict.fromkeys(names, of["s"]), np.ones(3), {"": np.linspace(0, 1, 4)}, samples
    )
    legend = figure.axes[0].get_legend()
    shown = {text.get_text() for text in legend.get_texts()}
    assert {f"{name} ($\\mu = 1$)" for name in names} <= shown
    lines = [p for p in figure.axes[0].patches if "mu = 1" in p.get_label()]
    assert len({(p.get_edgecolor(), p.get_linestyle()) for p in lines}) == 10


def test_of_many_templates_those_that_differ_have_colours_of_their_own():
    flat = Histogram(np.full(3, 10.0), np.ones(3))
    hard = {"b": flat} | {f"b__x{k}_{side}": flat for k in range(6) for side in ("up", "down")}
    soft = hard | {"b__x4_up": Histogram(np.array([9.0, 11, 10]), np.ones(3))}
    main, _ = draw_soft_hard(soft, hard, {"": np.linspace(0, 1, 4)}, "o").axes
    assert main.get_title(loc="left") == "o: 7 of 13 templates, those that differ most"
    handles, names = main.get_legend_handles_labels()
    looks = {(line.get_color(), line.get_marker()) for line in handles[:-1]}
    assert {"b", "b, x4 up"} <= set(names)
    assert len(names) == 7 + 1
    assert len(looks) == 7


def test_empty_bins_are_drawn():
    empty = {n: Histogram(h.values * [1, 0, 1], h.variances * 0) for n, h in histograms(3).items()}
    edges = np.array([0, 0.1, 0.9, 1])
    drawn(of_templates(empty, np.zeros(3), {"": edges}))
    drawn(draw_soft_hard(empty, empty, {"": edges}, "o"))


def test_regions_side_by_side():
    edges = {"control": np.array([0.0, 50, 100]), "signal": np.array([0, 0.5, 1])}
    blind = of_templates(histograms(4), np.ones(4), edges, blind=True)
    figure = drawn(blind)
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert {"control", "signal"} <= texts
    assert "observed" not in {t.get_text() for t in figure.axes[0].get_legend().get_texts()}
    ticks = [t.get_text() for t in figure.axes[1].get_xticklabels()]
    assert ticks == ["0", "50", "0", "0.5", "1"]


def test_a_blind_ratio_shows_all_of_its_bands():
    """One side of a rate that is much larger than the other."""
    rate = {"name": "rate", "type": "normsys", "sample": ["b"], "up": 1.02, "down": 0.6}
    samples = hypothesis(rate, signal="s", background="b")
    edges = {"r": np.array([0, 0.5, 1])}
    figure = of_templates(histograms(2), np.ones(2), edges, samples, blind=True)
    low, high = figure.axes[1].get_ylim()
    assert low < 0.6
    assert high > 1.4


@pytest.mark.parametrize(
    "edges",
    [
        np.linspace(0, 1, 27) ** 1.1,
        np.array([0, 2.26e-8, 4.8e-5, 0.0029, 0.0119, 0.016, 0.397, 0.442, 0.75, 0.928, 1]),
    ],
)
def test_labels_of_many_edges_do_not_touch(edges):
    bins = len(edges) - 1
    figure = of_templates(histograms(bins), np.ones(bins), {"r": edges})
    figure.canvas.draw()
    boxes = [t.get_window_extent() for t in figure.axes[1].get_xticklabels()]
    assert len(boxes) > 4
    assert all(a.x1 + 5 < b.x0 for a, b in itertools.pairwise(boxes))


def test_training():
    rows = [
        {"step": k, "training_objective": -k, "validation_objective": None if k == 2 else -k,
         "validation_cls": 0.5**k}
        for k in (1, 2, 3)
    ]  # fmt: skip
    figure = drawn(draw_training({"seed1": rows, "seed2": rows[:2]}, "o"))
    assert len(figure.axes) == 2
    edges_only = [{"step": 1, "validation_objective": -3.0}]
    assert len(drawn(draw_training({"seed1": edges_only}, "o")).axes) == 1


def test_plane():
    rng = np.random.default_rng(0)
    events = {name: rng.normal(i, 1, (50, 2)) for i, name in enumerate(histograms(1))}
    edges = [0, 0.3, 0.7, 1]
    drawn(draw_plane(lambda x: 1 / (1 + np.exp(-x[:, 0])), edges, events, ("x", "y"), "o"))


def test_a_plane_is_of_events_that_there_may_be():
    """Half of the events lack the third feature: the median is no mean with what pads it."""
    events = {"signal": np.c_[np.arange(20).reshape(10, 2), np.repeat([PADDING, 4.0], 5)]}
    seen = []

    def score(x):
        seen.append(x)
        return np.full(len(x), 0.5)

    draw_plane(score, [0, 1], events, ("x", "y", "jet_pt[:1][0]"), "o")
    assert (seen[0][:, 2] == PADDING).all()
    assert all(((x[:, 2] >= 3) | (x[:, 2] == PADDING)).all() for x in seen)


def test_plane_of_cuts_and_of_bins_with_numbers():
    rng = np.random.default_rng(0)
    events = {name: rng.normal(i, 1, (50, 2)) for i, name in enumerate(histograms(1))}

    def passing(x):
        return np.where(x[:, 0] > 1, 0.5, np.nan)

    figure = drawn(draw_plane(passing, [0, 1], events, ("x", "y"), "o"))
    assert figure.axes[0].get_title(loc="left") == "o: grey is cut away"
    figure = drawn(draw_plane(lambda x: 1.5 + (x[:, 0] > 1), [0, 1, 2, 3], events, ("x", "y"), "o"))
    assert figure.axes[1].get_ylim() == (0, 3)
    outputs = {name: 0.5 + 0.01 * x for name, x in events.items()}

    def numbers(x):
        return 0.5 + (x[:, 0] > 0.5)

    figure = drawn(draw_plane(numbers, [0, 1, 2], outputs, ("x", "y"), "o", numbered=True))
    assert figure.axes[0].get_xlim() == figure.axes[0].get_ylim() == (0, 1)
    assert [t.get_text() for t in figure.axes[1].get_yticklabels()] == ["0", "1"]
    assert figure.axes[1].get_ylabel() == "number of the bin"


def test_study():
    observables = [
        observable(name=f"{rule}{n}", kind="network", batch=n, smoothing=rule)
        for rule in ("scott", "fixed")
        for n in (1000, 100)
    ]
    rows = [
        {"observable": o.name, "seed": k, "without_staterror_expected_cls": value}
        for o in observables
        for k, value in enumerate((1e-6, 2e-6, None))
    ]
    study = Study(
        name="s", against="batch", lines=["smoothing"], observables=[o.name for o in observables]
    )
    figure = drawn(draw_study(rows, study, observables, {"expected_cls": 1e-7}))
    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    np.testing.assert_array_equal(lines["scott"].get_xdata(), [100, 1000])
    np.testing.assert_allclose(lines["fixed"].get_ydata(), 1.5e-6)


def written(figure, tmp_path):
    """All text of a figure, as a reader sees it."""
    with plt.rc_context({"svg.fonttype": "none"}):
        FigureCanvasSVG(figure).print_svg(tmp_path / "a.svg")
    return " ".join(" ".join(ElementTree.parse(tmp_path / "a.svg").getroot().itertext()).split())


def test_text_of_the_users_is_no_formula(tmp_path):
    for text in ("$x", "$x$", "$x^{$", r"\$x$", "a_$b^c$", "<&>", "a\n\nb", r"\frac{1}$", "$$"):
        figure = plt.figure()
        figure.text(0, 0, mathtext(text))
        assert written(figure, tmp_path).endswith(" ".join(text.split()))


def test_features_are_drawn_as_they_are_written(tmp_path):
    text = r"_a$b^\$ $"
    events = {"s": np.random.default_rng(0).normal(size=(50, 2))}
    features = [{"name": text, "log_ratio": 0.1, "log_ratio_error": None}]
    rows = [{"step": 1, "edge_0": 0, "edge_1": 1, f"{text}_above": 2.0, f"{text}_above_slope": 1}]
    values = [{"batch": 0, "variable": text}, {"batch": 1, "variable": text}]
    observables = [
        SimpleNamespace(name=n, setting=own.get) for n, own in zip("ab", values, strict=True)
    ]
    merits = [{"observable": n, "without_staterror_expected_cls": 0.1} for n in "ab"]
    study = Study(name="s", against="batch", lines=["variable"], observables=["a", "b"])
    one = {"s": events["s"][:, :1]}
    for figure in (
        draw_plane(lambda x: x[:, 0], [0, 1], events, (text, "y"), "o"),
        draw_plane(lambda x: x[:, 0], [0, 1], one, (text,), "o"),
        draw_importance({"features": features, "expected_cls": 0.1}, "o"),
        draw_edges({"seed1": rows}, "o"),
        draw_study(merits, study, observables, {}),
    ):
        assert text in written(figure, tmp_path)


def test_cuts_are_told_from_edges_by_their_columns():
    rows = [{"step": 1, "edge_0": 0, "edge_1": 1, "edge_1_above": 2.0, "edge_1_above_slope": 1}]
    figure = draw_edges({"seed1": rows}, "o")
    assert [axes.get_ylabel() for axes in figure.axes] == ["edge_1 >"]


@pytest.mark.parametrize("blind", [True, False])
@pytest.mark.parametrize("missing", [True, False])
def test_cls_scan(missing, blind):
    mus = np.linspace(0, 2, 11)
    limits = {
        "scan": {
            "mu": mus.tolist(),
            "observed": None if blind else np.exp(-2 * mus).tolist(),
            "expected": [np.exp(-k * mus).tolist() for k in (5, 4, 3, 2, 1)],
        },
        "level": 0.05,
        "poi": "mu",
        "observed_limit": None if missing or blind else 1.5,
        "expected_limits": [None] * 5 if missing else [0.9, 1.0, 1.3, 1.8, 3.0],
        "expected_limits_postfit": [None] * 5 if missing else [0.6, 0.7, 1.0, 1.5, 3.0],
    }
    figure = drawn(draw_cls_scan(limits, "o"))
    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    assert ("observed" in lines) is not blind
    # between the points of the scan, too
    x, y = lines["median expected"].get_data()
    np.testing.assert_allclose(y, np.exp(-3 * x))
    # what is excluded is seen
    assert figure.axes[0].get_yscale() == "log"
    assert figure.axes[0].get_ylim() == pytest.approx((0.001, 1))
    (legend,) = draw_cls_scan(limits, "o", "pseudo-data").legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert ("pseudo-data" in labels) is not blind
    said = legend.get_title().get_text()
    assert "observed" not in said
    # Both expected limits, each with what it is for; without an observation they are one.
    both = not (missing or blind)
    assert ("(curves), nuisances fitted to pseudo-data: $\\mu <$ 1\n" in said) is both
    assert ("(square), nuisances nominal: $\\mu <$ 1.3" in said) is both
    assert ("median, nuisances nominal" in lines) is both
    summary = draw_limit_summary({"o": limits}, {}, "pseudo-data").axes[0].get_lines()
    fitted = [line for line in summary if "fitted to pseudo-data" in line.get_label()]
    assert [line.get_xdata() for line in fitted] == ([1.0] if both else [])


@pytest.mark.parametrize("observed", [None, 0.8])
def test_limits_against_a_parameter(observed):
    limits = {
        mass: {"expected_limits": [0.2, 0.3, None if mass == 600 else 0.5, 0.9, 1.4],
               "observed_limit": observed, "level": 0.05, "poi": "mu"}
        for mass in (1000, 600, 800)
    }  # fmt: skip
    figure = drawn(draw_limits(limits, "mass", "o"))
    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    np.testing.assert_array_equal(lines["median expected"].get_xdata(), [600, 800, 1000])
    assert ("observed" in lines) is (observed is not None)
    shown = draw_limits(limits, "mass", "o", "pseudo-data").axes[0].get_legend_handles_labels()[1]
    assert ("pseudo-data" in shown) is (observed is not None)
    assert "observed" not in shown
    empty = {1: {"expected_limits": [None] * 5, "observed_limit": None, "level": 0.05, "poi": "mu"}}
    drawn(draw_limits(empty, "mass", "o"))


def test_comparison_with_and_without_floor():
    rows = [
        {"observable": name, "expected_cls_2": 1e-6 * k, "expected_p0": 1e-3, "sigma_mu": 0.3,
         "expected_limits_2": None if k == 2 else 0.2 * k}
        for name in ("a", "b") for k in (1, 2)
    ]  # fmt: skip
    drawn(draw_comparison(rows, {"expected_cls": 3e-7, "expected_limit": 0.1}))
    drawn(draw_comparison(rows, {"expected_cls": None, "reason": "too many"}))


def test_the_selected_seed_is_found(tmp_path):
    write_json(tmp_path / "selected.json", {"seed": 12})
    paths = [f"results/a/s/o/seed{k}/limits.json" for k in (1, 12, 2)]
    assert selected(tmp_path / "selected.json", paths) == paths[1]
