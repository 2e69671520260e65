"""What is known of ntuples before anything is trained."""

import re

import pytest

from hone.analysis.region_observables import seen
from hone.errors import InputError
from hone.events.check import check_inputs
from hone.events.first_look import format_table, yields_table
from hone.events.reader import ahead
from hone.events.survey import survey_weights


def test_yields_are_those_of_the_settings(analysis):
    """30 signal events before selections; 0.1 pb x 10/fb = 1,000 of background."""
    config, _, surveys = analysis
    for name, expected in (("signal", 30), ("background", 1000)):
        known = surveys[name]
        total = sum(entry["weight"] for entry in known["sets"].values())
        assert known["factor"] * total == pytest.approx(expected, rel=1e-12)
        inside = sum(known["regions"][r.name][name]["yield"] for r in config.channels)
        assert inside == pytest.approx(expected, rel=1e-12)  # the regions have all events


def test_the_table_says_what_is_there(analysis):
    config, _, surveys = analysis
    rows = yields_table(surveys, config.systematics)
    check_inputs(surveys, config.samples, config.systematics, config.channels, seen(config))
    text = format_table(rows)
    assert "control_region" in text
    effects = {
        (r["region"], r["variation"]): r["effect"] for r in rows if r["sample"] == "background"
    }
    assert effects["high", "scale_up"] > 0.05  # events move up into the region
    assert effects["high", ""] is None
    bins = {(r["region"], r["variation"]): r["bins"] for r in rows if r["sample"] == "background"}
    assert bins["high", "scale_up"] == ""  # counted in one bin
    # what is a factor needs no events
    assert effects["signal_region", "xsec_up"] == pytest.approx(0.1)
    assert ("high", "xsec_up") not in effects  # it acts in one region
    assert [r["effect"] for r in rows if r["variation"] == "lumi_down"] == [
        pytest.approx(-0.02)
    ] * 3


@pytest.mark.parametrize("source", ["background__scale_up", "background"])
def test_a_variation_with_a_yield_that_nobody_means_is_refused(analysis, source):
    """Of varied events, or of a varied weight, e.g. one that leaves out the sample's."""
    config, _, surveys = analysis
    regions = surveys[source]["regions"]
    name = next(name for name in next(iter(regions.values())) if name != "background")

    def check(factor, of_error=1.0):
        for rows in regions.values():
            if name in rows:
                rows[name]["yield"] *= factor
                rows[name]["error"] *= of_error
        check_inputs(surveys, config.samples, config.systematics, config.channels, seen(config))

    check(1 / 8)
    check(160, of_error=1e4)  # so few events tell nothing
    with pytest.raises(InputError, match=rf"{re.escape(name)}' \(.* instead of 1000\)"):
        check(1, of_error=1e-4)
    check(1 / 20)
    # Given histograms may be varied in some regions alone.
    for region in list(regions)[1:]:
        del regions[region][name]
    check(1)


def test_weights_are_surveyed_apart(analysis):
    config, found, surveys = analysis
    for source in found:
        known = surveys[source.name]
        weights = survey_weights(source, config.channels, known["factor"])
        for channel, rows in weights.items():
            assert set(rows) == set(source.weights) - {source.name}
            assert rows == {name: known["regions"][channel][name] for name in rows}


def test_reading_ahead_changes_nothing_but_the_time():
    assert list(ahead(iter([3, None, 4]))) == [3, None, 4]
    with pytest.raises(ZeroDivisionError):
        list(ahead(1 / k for k in (1, 0)))
    made: list[int] = []
    items = ahead(made.append(k) or k for k in range(9))
    assert next(items) == 0
    items.close()
    assert made in ([0], [0, 1], [0, 1, 2])
