"""The summary says medians, spreads, floors and pyhf's verdict, and survives missing numbers."""

import re

import pytest

from hone.reporting.comparison_table import summary
from hone.reporting.figures.fitted import in_formula
from hone.reporting.rounding import per_cent, with_error, with_interval
from hone.results.gains import compared, flatten


def row(observable, seed, cls, limit, agrees=True, difference=1e-7):
    check = {"expected_cls": [0, 0, cls, 0, 0], "max_difference": difference, "agrees": agrees}
    limits = {
        "expected_limits": [0.1, 0.2, limit, 0.4, 0.5],
        "expected_cls": [0, 0, cls, 0, 0],
        "sigma_mu": 0.3,
        "scan": {"mu": [0, 1]},
        "provenance": {"rule": "compute_limits"},
        "reasons": {},
        "without_staterror": {
            f"{key}{suffix}": value
            for key, value in (
                ("expected_cls", cls),
                ("expected_limit", limit),
                ("expected_p0", 1e-3),
                ("sigma_mu", 0.29),
            )
            for suffix, value in (("", value), ("_error", value and value / 50))
        },
        "pyhf_check": {**check, "notes": [], "pyhf": "0.7.6"},
    }
    return {"signal": "s", "observable": observable, "seed": seed, **flatten(limits)}


def summarised(rows, floors):
    return summary("x", rows, compared(rows, None), floors)


def test_flatten_keeps_numbers_only():
    flat = row("a", 1, 1e-6, 0.3)
    assert flat["expected_limits_2"] == 0.3
    assert flat["pyhf_expected_cls_2"] == 1e-6
    assert not {"scan", "provenance", "reasons", "pyhf_notes"} & set(flat)


def test_summary_says_what_staterror_and_events_are_worth():
    rows = [row("a", k, cls, 0.1 * k) for k, cls in ((1, 1e-6), (2, 3e-6), (3, 2e-6))]
    rows += [row("b", 1, None, None)]
    table = summarised(rows, {})
    block = table[table.index("The same without staterror") :]
    head, _, of_a, of_b = (re.split(r" {2,}", line) for line in block.splitlines()[3:7])
    assert head[2:4] == ["CLs", "Limit"]
    assert of_a[:4] == ["s", "a", "2.00e-06 ± 4e-08", "0.200 ± 0.004"]
    assert of_b[:4] == ["s", "b", "none", "none"]


def test_observables_with_systematics_of_their_own_have_floors_of_their_own():
    own = {"expected_cls": 1e-9, "expected_limit": 0.01, "sigma_mu": 0.1}
    floor = {
        "expected_cls": 1e-7,
        "expected_limit": 0.05,
        "sigma_mu": 0.2,
        "in_bins": {"5": {"expected_cls": 3e-7, "expected_limit": 0.06, "sigma_mu": 0.21}},
        "of_observables": {"a": own},
    }
    table = summarised([row("a", 1, 1e-6, 0.3)], {"s": floor})
    (few,) = (line for line in table.splitlines() if "(lowest found in 5 bins)" in line)
    assert few.split()[6:10] == ["3.00e-07", "0.06000", "none", "0.2100"]
    assert "(floor)" in table
    assert "(floor of a)" in table
    assert "1.00e-09" in table


def test_summary_of_medians():
    rows = [row("a", k, cls, 0.1 * k) for k, cls in ((1, 1e-6), (2, 3e-6), (3, 2e-6))]
    rows += [row("b", 1, None, None, agrees=False, difference=None)]
    floor = {
        "expected_cls": 1e-7, "expected_limit": 0.05, "sigma_mu": 0.2,
        "classifier_expected_cls": {"5": 5.6e-6},
    }  # fmt: skip
    table = summarised(rows, {"s": floor})
    line = next(text for text in table.splitlines() if " a " in text)
    assert "2.00e-06" in line
    assert "0.2000 [0.1000, 0.3000]" in line
    assert line.endswith("to 1e-07")
    missing = next(text for text in table.splitlines() if " b " in text)
    assert missing.split()[3] == "none"
    assert missing.endswith("not compared, its fit fails in 1 of 1")
    assert "(floor)" in table
    assert "5 equal bins, CLs 5.6e-06" in table


def test_summary_without_a_floor():
    assert "(floor)" not in summarised([row("a", 1, 1e-6, 0.3)], {"s": {"expected_cls": None}})


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        # the examples of the Review of Particle Physics, introduction, section 5.3
        (0.827, 0.119, "0.83 ± 0.12"), (0.827, 0.367, "0.8 ± 0.4"), (14.674, 0.964, "14.7 ± 1.0"),
        (1.0956, 0.0823, "1.10 ± 0.08"), (12934.2, 359.6, "12934 ± 360"),
        (3.861e-7, 6.21e-9, "3.86e-07 ± 6e-09"), (2e-8, 3.1e-7, "2e-08 ± 3.1e-07"),
        (0.25784, 1.2e-4, "0.25784 ± 0.00012"), (4.9e-5, 4.1e-5, "5e-05 ± 4e-05"),
        (9.996e-7, 4e-9, "1.000e-06 ± 4e-09"), (-3.861e-7, 9.97e-9, "-3.86e-07 ± 1.0e-08"),
        (0.0, 0.5, "0.0 ± 0.5"), (-0.0036, 0.096, "0.00 ± 0.10"),
        (0.2, 0.0, "0.2000"), (0.2, None, "0.2000"),
    ],
)  # fmt: skip
def test_digits_follow_the_error(value, error, text):
    assert with_error(value, error) == text


@pytest.mark.parametrize(
    ("value", "low", "high", "text", "formula"),
    [
        (1.0, 0.49, 1.34, "1.00 +0.34 -0.51", "1.00^{+0.34}_{-0.51}"),
        (0.9, 0.51, 1.31, "0.9 ± 0.4", r"0.9 \pm 0.4"),
        (-1e-9, None, 0.04, "0.00 +0.04", "0.00^{+0.04}"),
        (1.25, None, None, "1.250", "1.250"),
        (1e-5, 7e-6, 1.3e-5, "1.00e-05 ± 3.0e-06", r"1.00e-05 \pm 3.0e-06"),
        (1e-5, 7e-6, 9e-5, "1.00e-05 +8.00e-05 -3.0e-06", "1.00e-05^{+8.00e-05}_{-3.0e-06}"),
    ],
)  # fmt: skip
def test_both_errors_of_an_interval_have_the_digits_of_the_smaller(value, low, high, text, formula):
    assert with_interval(value, low, high) == text
    assert in_formula(value, low, high) == formula


def test_an_error_below_the_last_place_is_left_out():
    assert [per_cent(12.3, error) for error in (0.6, 0.006, 1e-4)] == [
        "12.3 ± 0.6", "12.30 ± 0.01", "12.30",
    ]  # fmt: skip
