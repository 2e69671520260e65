"""What the report checks: what does not pass is said with its reason."""

import pytest
from page_results import limits, results, surveyed

from hone.reporting.page.checks import checks
from hone.reporting.page.words import result
from hone.results.folder import Folder
from hone.running.files import write_csv, write_json


def test_a_number_below_the_floor_does_not_pass(blobs):
    for floor, outcome, said in (
        (0.2010, "passed", "no figure of merit is below the floor"),
        (0.2250, "passed", "no figure of merit is below the floor"),  # by 2.8 of its errors
        (0.2500, "not passed", "signal/neos: expected limit 0.214 (floor 0.250): below what any"),
    ):
        write_json(blobs / "signal/floor.json", {"expected_limit": floor})
        found = {(c.name, c.observable): c for c in checks(Folder(blobs))}
        assert found["floor", "neos"].outcome == outcome
        assert found["floor", "neos"].text.startswith(said)
        assert found["floor", "bce"].outcome == "passed"


def test_all_notes_of_the_first_look_are_in_the_report(blobs):
    """Those of the table and those below it."""
    row = {"region": "all", "sample": "background", "variation": "", "warning": "empty bins: 3"}
    write_csv(blobs / "inputs/yields.csv", [row | {"warning": ""}])
    mark = {"part": 0.11, "values": [-999], "median": 41.0}

    def look():
        (check,) = (c for c in checks(Folder(blobs)) if c.name == "inputs")
        return check.outcome, check.text

    assert look() == ("not done", "there is no inputs/signal.json")
    for sentinels, events, outcome, first in (
        ({}, 10**6, "passed", "nothing to note about events, features, weights or bins"),
        ({"mt": mark}, 10**6, "not passed", "1 note: feature 'mt' is -999 in up to 11.0% of"),
        ({"mt": mark}, 83, "not passed", "2 notes: feature 'mt' is -999 in up to 11.0% of"),
    ):
        surveyed(blobs, sentinels, events)
        found = look()
        assert found[0] == outcome
        assert found[1].startswith(first)
    assert "; fewer training events than a batch has" in found[1]
    elsewhere = {"region": "control", "sample": "signal", "warning": "only 3 events; MC error 60%"}
    large = elsewhere | {"warning": "only 3 events; one event has 50% of the yield"}
    write_csv(blobs / "inputs/yields.csv", [row | elsewhere, row])
    assert look()[1].startswith("background in all: empty bins: 3; 2 notes: feature 'mt'")
    write_csv(blobs / "inputs/yields.csv", [row | large])
    assert look()[1].startswith("signal in control: one event has 50% of the yield; 2 notes")
    write_csv(blobs / "inputs/yields.csv", [row | elsewhere | {"region": "signal_region"}])
    assert look()[1].startswith("signal in signal_region: only 3 events; MC error")


@pytest.mark.parametrize(
    ("limit", "error", "p", "fewest", "outcome", "said"),
    [
        (0.205, 0.004, 0.4, 50, "passed", "0.205 ± 0.004 (-1.0\N{GREEK SMALL LETTER SIGMA})"),
        (0.19, 0.004, 0.4, 50, "not passed", "(-4.0"),
        (0.235, 0.004, 0.4, 50, "not passed", "(+5.0"),
        (0.205, 0.004, 0.001, 50, "not passed", "evaluation events 0.001, the smallest of 2"),
        (0.2, 0.02, 0.4, 50, "not done", "with so few events, limits differ by 10% by chance"),
        (0.1, 0.02, 0.4, 50, "not passed", "(-5.4"),
        (0.19, 0.004, 0.4, 2.5, "not done", "emptiest bin: training 2.5, validation 50, eval"),
        (0.21, 0.004, 0.001, 2.5, "not passed", "cannot tell by limits: effective background"),
        (0.205, 0.004, 0.4, 0.0017, "not passed", "training has emptied a bin: effective backgr"),
        (None, None, 0.4, 50, "not done", "cannot tell: no expected limit exists on training ev"),
        (None, None, 0.4, 0.0017, "not passed", "bin: training 0.0017 (negative weights cancel)"),
    ],
)
def test_what_was_learned_by_heart_does_not_pass(limit, error, p, fewest, outcome, said, blobs):
    """By limits in units of the errors of both sets of events, and by scores."""
    good = {"limit": 0.21, "error": 0.003, "fewest": 50.0}
    content = {
        "limits": {
            "training": {"limit": limit, "error": error, "fewest": fewest}, "validation": good,
            "evaluation": good,
        },
        "scores": {"signal": {"distance": 0.1, "p": 0.9}, "background": {"distance": 0.1, "p": p}},
    }  # fmt: skip
    write_json(blobs / "signal/neos/overtraining.json", content)
    found = {(c.name, c.observable): c for c in checks(Folder(blobs))}
    check = found["overtraining", "neos"]
    assert check.outcome == outcome
    assert said in check.text
    assert found["overtraining", "bce"].outcome == "not done"
    assert "weights are those of bce" in found["overtraining", "bce-edges"].text


def test_limits_that_events_cannot_change_differ_by_rounding_alone(blobs):
    """All events are in one bin."""
    limits = {
        name: {"limit": 0.21 + rounding, "error": 0.0, "fewest": 50.0}
        for name, rounding in (("training", 1e-15), ("validation", 0.0), ("evaluation", 0.0))
    }
    content = {"limits": limits, "scores": {"signal": {"distance": 0.1, "p": 0.9}}}
    write_json(blobs / "signal/neos/overtraining.json", content)
    found = {(c.name, c.observable): c for c in checks(Folder(blobs))}
    assert found["overtraining", "neos"].outcome == "passed"


@pytest.mark.parametrize(
    ("by_toys", "outcome", "upper", "of_band", "said"),
    [
        (0.085, "not passed", 0.2, "passed", " 0.200 ± 0.010 by toys, 0.2 asymptotic (+0.0"),
        (0.055, "passed", 0.14, "not passed", " 0.140 ± 0.010 by toys, 0.2 asymptotic (-6.0"),
        (0.055, "passed", 0.001, "not passed", " 0.0010 ± 0.0010 by toys, 0.2 asymptotic ("),
        (0.055, "passed", None, "not done", "no toys"),
    ],
)
def test_toys_that_differ_from_the_asymptotic_formulae_do_not_pass(
    by_toys, outcome, upper, of_band, said, blobs
):
    """The median, and the ends of the bands, each with the error of the toys that are there."""
    errors, formula = [None, 0.008, 0.007, 0.001 if upper == 0.001 else 0.01, 0.011], [0.01] * 5
    tested = {
        "toys": {"cls": by_toys, "cls_error": 0.01, "cls_expected_error": errors,
                 "cls_expected": [0, 0.02, 0.06, upper, 0.53]},
        "asymptotic": {"cls": 0.05, "cls_expected": [0.002, 0.0097, 0.05, 0.2, 0.53],
                       "cls_expected_error": formula},
    }  # fmt: skip
    content = {
        "poi": "mu", "reasons": {},
        "toys": {"mu": 0.2, "ntoys": 2000, "expected": {"cls": tested}, "observed": None},
    }  # fmt: skip
    write_json(blobs / "signal" / "neos" / "likelihood.json", content)
    if upper is None:
        content |= {"toys": None, "reasons": {"toys": "no toys"}}
        write_json(blobs / "signal" / "neos" / "likelihood.json", content)
    found = {c.name: c for c in checks(Folder(blobs)) if c.observable == "neos"}
    band = found["band by toys"]
    assert band.outcome == of_band
    assert said in band.text
    if upper is not None:
        assert found["toys"].outcome == outcome
        assert f": median expected CLs {by_toys} ± 0.010 by toys" in found["toys"].text
        assert ("; so many toys do not show differences below 60%" in found["toys"].text) is (
            outcome == "passed"
        )
        assert ("(upper end too high): " in band.text) is (of_band == "not passed")
        assert band.text.count("too few toys to tell") == 1
        assert " 0.020 ± 0.008 by toys, 0.0097 asymptotic (too few toys to tell)" in band.text
    (line,) = (text for name, text in result(Folder(blobs), "signal").details if "seed" in name)
    assert ("toys differ, see Checks" in line) is (of_band == "not passed")


@pytest.mark.parametrize(
    ("relative", "outcome"),
    [([[0.1, 1e-8], [1e-7, None]], "passed"), ([[0.1, 1e-8], [0.01, 0.02]], "not passed")],
)
def test_the_worst_direction_counts_for_the_gradient(relative, outcome, blobs):
    write_json(blobs / "signal/neos/gradient.json", {"relative": relative, "reason": None})
    (check,) = (c for c in checks(Folder(blobs)) if (c.name, c.observable) == ("gradient", "neos"))
    assert check.outcome == outcome


@pytest.mark.parametrize("unblind", [True, False])
def test_data_that_are_no_counts_are_on_the_page(ntuples, tmp_path, unblind):
    config = ntuples | {"observation": {"unblind": unblind}}
    path = results(tmp_path / "results", config, {("signal", "o"): limits(0.3)}, None)
    write_csv(path / "inputs/yields.csv", [{"region": "high", "sample": "signal", "warning": ""}])
    surveyed(path)
    counts = [{"name": "high", "data": [3.0, 4.0]}, {"name": "low", "data": [5.0, 2.25]}]
    write_json(path / "signal/o/seed1/workspace.json", {"observations": counts})
    (found,) = (check for check in checks(Folder(path)) if check.name == "inputs")
    said = "data in low: 2.25 events in a bin, which is no count"
    assert found.outcome == ("not passed" if unblind else "passed")
    assert (said in found.text) is unblind
