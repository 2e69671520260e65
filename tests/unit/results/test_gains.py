"""Gains against a baseline: their numbers, their errors, and how they are shown."""

import math
import re

import numpy as np
import pytest
from latex_page import typeset
from scipy.stats import norm

from hone.errors import InputError
from hone.reporting.comparison_table import headline, latex, markdown
from hone.reporting.figures.comparison import draw_comparison, draw_gain
from hone.results.below_floor import below_floor
from hone.results.gains import FIGURES_OF_MERIT, compared

FLOOR = {"expected_cls": 2.9e-7, "expected_limit": 0.2, "expected_p0": 3e-21, "sigma_mu": 0.25}


def seed(observable, number, limit, signal="s", cls=1e-6, p0=1e-3, sigma=0.3):
    """A row of comparison.csv; without staterror p is half, its error a twentieth of that."""
    without = {
        "expected_cls": cls and cls / 2, "expected_limit": limit, "expected_p0": p0 and p0 / 2,
        "sigma_mu": sigma,
    }  # fmt: skip
    errors = {f"without_staterror_{k}_error": v and v / 20 for k, v in without.items()}
    return {
        "signal": signal, "observable": observable, "seed": number, "expected_limits_2": limit,
        "expected_cls_2": cls, "expected_p0": p0, "sigma_mu": sigma,
        "pyhf_max_difference": 2e-7, "pyhf_agrees": number != 3,
        **{f"without_staterror_{k}": v for k, v in without.items()}, **errors,
    }  # fmt: skip


def rows(seeds=3):
    numbers = range(1, seeds + 1)
    return [
        *(seed("neos", k, 0.2 + 0.001 * k, cls=1e-8 * k, p0=1e-5, sigma=0.2) for k in numbers),
        *(seed("bce", k, 0.4 + 0.002 * k, cls=1e-6 * k, p0=1e-3, sigma=0.5) for k in numbers),
        *(seed("edges_50%", k, 0.5 + 0.003 * k, cls=3e-6 * k, p0=None) for k in numbers),
    ]


def by_name(table):
    return {row["observable"]: row for row in table}


def test_gains_of_limits_are_by_how_much_they_are_smaller():
    found = by_name(compared(rows(), "bce"))
    assert found["neos"]["expected_limit"] == pytest.approx(0.202)
    assert found["neos"]["gain_expected_limit"] == pytest.approx(100 * (1 - 0.202 / 0.404))
    assert found["neos"]["gain_sigma_mu"] == pytest.approx(60)
    assert found["edges_50%"]["gain_expected_limit"] < 0
    assert found["bce"]["gain_expected_limit"] is None
    assert found["bce"]["baseline"] == "bce"


def test_gains_of_p_values_are_those_of_significances():
    found = by_name(compared(rows(), "bce"))["neos"]
    wanted = norm.isf(2e-8) / norm.isf(2e-6) - 1
    assert found["gain_expected_cls"] == pytest.approx(100 * wanted)
    # no significance, no gain
    worthless = [seed("a", 1, 0.2), seed("bce", 1, 0.3, cls=0.6, p0=0.5)]
    row = by_name(compared(worthless, "bce"))["a"]
    assert row["gain_expected_cls"] is None
    assert row["gain_expected_p0"] is None
    assert row["gain_expected_limit"] > 0


@pytest.mark.parametrize("name", FIGURES_OF_MERIT)
def test_one_seed_has_the_error_of_the_evaluation_events(name):
    """Against numbers drawn within the errors of both."""
    single = compared(rows(seeds=1), "bce")
    row = by_name(single)["neos"]
    assert row["gain_error_from"] == "events"
    draw = np.random.default_rng(5)
    column = FIGURES_OF_MERIT[name]
    of = {r["observable"]: r for r in rows(seeds=1)}

    def drawn(observable):
        value = of[observable][column]
        return value * (1 + draw.normal(0, 0.05, 200_000))

    if name in ("expected_cls", "expected_p0"):
        gains = norm.isf(drawn("neos")) / norm.isf(drawn("bce")) - 1
    else:
        gains = 1 - drawn("neos") / drawn("bce")
    # linear propagation: a twentieth squared is left out
    assert row[f"gain_{name}_error"] == pytest.approx(100 * gains.std(), rel=0.02)


def test_several_seeds_have_the_error_of_their_median():
    """The exact bootstrap: all resamples of three seeds, each as probable as any other."""
    found = by_name(compared(rows(), "bce"))["neos"]
    assert found["gain_error_from"] == "seeds"

    def error(values):
        resamples = np.stack(np.meshgrid(*[values] * 3), axis=-1).reshape(-1, 3)
        return np.median(resamples, axis=1).std()

    mine, base = 0.2 + 0.001 * np.arange(1, 4), 0.4 + 0.002 * np.arange(1, 4)
    wanted = 0.5 * np.hypot(error(mine) / 0.202, error(base) / 0.404)
    assert found["gain_expected_limit_error"] == pytest.approx(100 * wanted, rel=0.05)
    assert compared(rows(), "bce") == compared(rows(), "bce")
    mixed = [r for r in rows() if r["observable"] == "bce" or r["seed"] == 1]
    assert by_name(compared(mixed, "bce"))["neos"]["gain_error_from"] == "seeds and events"


def test_without_a_baseline_or_errors_there_is_none():
    for row in compared(rows(), None):
        assert row["baseline"] is None
        assert all(v is None for k, v in row.items() if k.startswith("gain_"))
    assert "Gain" not in markdown(compared(rows(), None), {})
    assert r"\begin{tabular}{@{}l@{\hspace{2mm}}l@{\hspace{2mm}}l@{}}" in latex(
        compared(rows(), None), {}
    )
    bare = [{k: v for k, v in r.items() if "staterror" not in k} for r in rows(seeds=1)]
    row = by_name(compared(bare, "bce"))["neos"]
    assert row["gain_expected_limit"] == pytest.approx(100 * (1 - 0.201 / 0.402))
    assert row["gain_expected_limit_error"] is None
    assert "+50.0 |" in unpadded(markdown(compared(bare, "bce"), {}))


def test_each_signal_has_its_own_baseline():
    two = [*rows(), seed("neos", 1, 0.9, signal="t"), seed("bce", 1, 1.8, signal="t")]
    of_t = [row for row in compared(two, "bce") if row["signal"] == "t"]
    assert by_name(of_t)["neos"]["gain_expected_limit"] == pytest.approx(50)
    only = [*rows(), seed("neos", 1, 0.9, signal="t")]
    assert [r["baseline"] for r in compared(only, "bce") if r["signal"] == "t"] == [None]


def unpadded(table):
    return re.sub(" +", " ", table)


def test_markdown_has_a_cell_for_everything():
    table = unpadded(markdown(compared(rows(), "bce"), {"s": FLOOR}))
    lines = [line for line in table.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in lines} == {10}
    assert "| 0.2020 [0.2010, 0.2030] |" in table
    assert "| baseline |" in table
    assert re.search(r"\| \+50\.0 ± 0\.\d \|", table)
    assert "(floor)" in table
    assert "none" in table
    assert "its fit fails in 1 of 3" in table
    assert "bootstrap of seeds" in table


def test_latex_is_booktabs_with_escaped_names():
    table = latex(compared(rows(), "bce"), {"s": FLOOR})
    body = [line for line in table.splitlines() if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", line)) for line in body} == {3}
    assert r"edges\_50\%" in table
    assert r"$(2.0^{+1.0}_{-1.0}) \times 10^{-8}$ & $0.2020^{+0.0010}_{-0.0010}$ & $" in table
    assert r"$2.90 \times 10^{-7}$" in table
    for word in (r"\toprule", r"\midrule", r"\bottomrule"):
        assert table.count(word) == 1
    assert all(line.count("$") % 2 == 0 for line in body)
    assert table.isascii()


def test_the_latex_table_fits_a_column(tmp_path):
    table = latex(compared(rows(), "bce"), {"s": FLOOR})
    assert "Overfull" not in typeset(table, tmp_path)


def test_the_headline_says_the_best_limit_its_gain_and_pyhfs_verdict():
    text = headline(compared(rows(), "bce"), {"s": FLOOR})
    first = text.splitlines()[0]
    assert first.startswith("s: the lowest expected limit on mu is 0.2020, of neos")
    assert "median of 3 seeds, 0.2010 to 0.2030" in first
    assert "per cent below bce (0.4040)" in first
    assert first.endswith("No observable can be below 0.2000.")
    assert "by nominal medians over seeds." in first
    verdict = text.splitlines()[-1]
    assert verdict.startswith("pyhf agrees to 2e-07 for 6 of 9 workspaces; in s/neos ")
    assert "s/bce (1 of 3 seeds), s/edges_50% (1 of 3 seeds) its own fit failed" in verdict
    assert verdict.endswith("see pyhf_check.notes in limits.json.")
    single = headline(compared(rows(seeds=1), "bce"), {})
    assert "by nominal limits." in single
    assert single.splitlines()[-1] == "pyhf finds the same CLs at every limit to 2e-07."
    # alone it is neither the lowest, nor a median
    alone = compared([seed("a", 1, 0.2)], None)
    assert headline(alone, {}).startswith("s: the expected limit on mu is 0.2000, of a.")
    assert "edian" not in headline(alone, {}) + latex(alone, {}) + markdown(alone, {})
    observed = {("s", "a"): 0.15, ("s", "neos"): 0.21}
    told = headline(alone, {}, "mu_H", observed).splitlines()[0]
    assert told == "s: the expected limit on mu_H is 0.2000, of a. The observed one is 0.1500."
    drawn = headline(compared(rows(), "bce"), {}, "mu", observed, "pseudo-data").splitlines()[0]
    assert drawn.endswith(" That of the pseudo-data is 0.2100 (selected seed).")
    assert "CLs at mu_H = 1, expected limit on mu_H," in markdown(alone, {}, "mu_H")
    assert r"Limit on $\mu_{\mathrm{H}}$" in latex(alone, {}, "mu_H")
    assert "CLs at mu_H = 1 and expected limit on mu_H." in latex(alone, {}, "mu_H")
    none = headline(compared([seed("a", 1, None)], None), {})
    assert "no observable has an expected limit" in none
    own = {**FLOOR, "of_observables": {"neos": {**FLOOR, "expected_limit": 0.1}}}
    assert "below 0.1000." in headline(compared(rows(), "bce"), {"s": own})
    fair = headline(compared(rows(), "bce", "edges_50%"), {}).splitlines()[0]
    assert re.search(
        r"; that is 60.1 ± \S+ per cent below edges_50% \(0.5060\), the classifier with its best "
        r"edges, and 50.0 ± \S+ per cent below bce \(0.4040\), by nominal medians over seeds\.",
        fair,
    )  # fmt: skip
    # the next best is not hidden behind the baseline, and not said twice
    assert "the next" not in text
    better = headline(compared([*rows(), seed("cuts", 1, 0.25)], "bce"), {})
    assert "per cent below bce (0.4040)" in better
    # of which no error is known
    assert ", and about 19 per cent below the next, cuts (0.2500; errors are of gains" in better


def test_numbers_below_the_floor_are_named():
    found = below_floor(rows(), {"s": FLOOR})
    assert list(found) == [("s", "neos")]  # CLs from 1e-8 and sigma_mu 0.2, not the limits
    assert found["s", "neos"].startswith(
        "s/neos: CLs at mu = 1 in 3 of 3 seeds, the lowest 1.00e-08 (floor 2.90e-07), "
        "sigma_mu in 3 of 3 seeds, the lowest 0.200 (floor 0.250): below what any"
    )
    text = headline(compared(rows(), "bce"), {"s": FLOOR}, remarks=found.values())
    assert "\n\ns/neos: CLs at mu = 1 in 3 of 3" in text
    assert below_floor(rows(), {}) == {}
    # with systematics of its own, and where only the number without staterror is below
    own = {"of_observables": {"neos": FLOOR | {"expected_cls": 4.5e-9, "sigma_mu": 0.19}}}
    assert below_floor(rows(seeds=1), {"s": FLOOR | own}) == {}
    own["of_observables"]["neos"]["expected_cls"] = 9e-9
    text = below_floor(rows(seeds=1), {"s": FLOOR | own})["s", "neos"]
    assert "s/neos: CLs at mu = 1 without staterror 5.00e-09 (floor 9.00e-09): below" in text
    # the bootstrap error of sigma_mu is 0.01; without one, rounding alone counts
    for bound, error, said in ((0.229, 0.01, None), (0.231, 0.01, "0.200 (floor 0.231)"),
                               (0.20001, None, "0.20000 (floor 0.20001)")):  # fmt: skip
        (row,) = (r for r in rows(seeds=1) if r["observable"] == "neos")
        text = below_floor(
            [row | {"without_staterror_sigma_mu_error": error}], {"s": {"sigma_mu": bound}}
        ).get(("s", "neos"))
        assert f"s/neos: sigma_mu {said}: below" in text if said else text is None


def test_what_pyhf_could_not_compare_is_no_agreement():
    """A workspace without a number of pyhf's counts neither as equal nor as 0."""
    none = {"pyhf_max_difference": None, "pyhf_agrees": False}
    some = compared([seed("a", 1, 0.2), seed("a", 2, 0.2) | none], None)
    assert (some[0]["pyhf_agrees"], some[0]["pyhf_max_difference"]) == (1, 2e-7)
    assert "to 2e-07, its fit fails in 1 of 2" in markdown(some, {})
    words = "agrees to 2e-07 for 1 of 2 workspaces; in s/a (1 of 2 seeds) its own"
    assert words in headline(some, {})
    nothing = compared([seed("a", 1, 0.2) | none], None)
    assert nothing[0]["pyhf_max_difference"] is None
    assert "not compared, its fit fails in 1 of 1" in markdown(nothing, {})
    assert "pyhf agrees for 0 of 1 workspaces; in s/a its own" in headline(nothing, {})
    many = compared([seed(f"o{k}", 1, 0.2) | none for k in range(9)], None)
    assert "s/o4, s/o5 and 3 more its own fit failed" in headline(many, {})


def test_what_has_no_gain_is_refused():
    with pytest.raises(InputError, match="baseline"):
        draw_gain(compared(rows(), None))


def test_the_gain_that_is_drawn_is_that_of_the_table():
    table = compared(rows(), "bce")
    axes = draw_gain(table).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["neos", "edges_50%"]
    centres = axes.containers[0].lines[0].get_xdata().astype(float)
    wanted = [by_name(table)[name]["gain_expected_limit"] for name in ("neos", "edges_50%")]
    np.testing.assert_allclose(centres, wanted)
    assert "bce" in axes.get_xlabel()


def test_the_comparison_draws_every_value_and_marks_what_is_missing():
    figure = draw_comparison([*rows(), seed("zero", 1, 0.3, p0=0.0)], FLOOR)
    limits, p0 = figure.axes[1], figure.axes[2]
    points = np.concatenate([own.lines[0].get_ydata() for own in limits.containers]).astype(float)
    assert {round(r["expected_limits_2"], 6) for r in rows()} <= set(np.round(points, 6))
    crosses = next(line.get_xdata() for line in p0.lines if line.get_marker() == "x")
    assert list(crosses) == [2, 3]
    assert all(math.isfinite(v) for v in p0.get_ylim())


def test_the_comparison_has_errors_of_the_evaluation_events():
    """That without staterror is a twentieth of p."""
    limits = draw_comparison(rows(), FLOOR).axes[1]
    (neos, *_) = limits.containers
    (bars,) = neos.lines[2]
    heights = [np.ptp(segment[:, 1]) for segment in bars.get_segments()]
    np.testing.assert_allclose(heights, [2 * 0.05 * (0.2 + 0.001 * k) for k in (1, 2, 3)])


def test_the_comparison_shows_what_few_bins_can_reach():
    limits = draw_comparison(rows(), FLOOR | {"in_bins": {"5": {"expected_limit": 0.15}}}).axes[1]
    heights = [
        y for lines in limits.collections for y in np.array(lines.get_segments())[:, :, 1].flat
    ]
    assert heights.count(0.15) == 2 * len({r["observable"] for r in rows()})
    labels = [text.get_text() for text in limits.figure.legends[0].get_texts()]
    assert "lowest found in 5 bins" in labels


def test_a_floor_far_below_does_not_flatten_what_is_compared():
    p0 = draw_comparison(rows(), FLOOR).axes[2]
    assert p0.get_ylim()[0] > 1e-7
    assert [text.get_text() for text in p0.texts] == ["floor 3.0e-21"]
    near = draw_comparison(rows(), {**FLOOR, "expected_p0": 1e-7}).axes[2]
    assert near.get_ylim()[0] < 1e-7
    assert not near.texts
    # One value and its median differ by rounding: no range for an axis.
    one = seed("neos", 1, 0.2, cls=1.1974113934048637e-07) | {
        "without_staterror_expected_cls_error": None
    }
    alone = draw_comparison([one], {"expected_cls": 6e-18}).axes[0]
    assert alone.get_ylim()[1] > 2 * alone.get_ylim()[0]


@pytest.mark.mpl_image_compare(savefig_kwargs={"dpi": 40}, remove_text=False)
def test_comparison_looks_as_before():
    return draw_comparison(rows(), FLOOR)


@pytest.mark.mpl_image_compare(savefig_kwargs={"dpi": 40}, remove_text=False)
def test_gain_looks_as_before():
    return draw_gain(compared(rows(), "bce"))
