"""What is said of inputs that nobody may have meant, and what is refused of observed events."""

import re

import jax
import numpy as np
import pytest
from merged_file import HEAVY, LIGHT, SIZE, UP, surveyed
from ntuples import write

from hone.analysis.expressions import Expression
from hone.analysis.jagged import Jagged
from hone.analysis.leading import leading
from hone.analysis.region_observables import Seen
from hone.analysis.regions import ONE_REGION, Region
from hone.analysis.samples import FileSample
from hone.errors import InputError
from hone.events.check import check_inputs
from hone.events.first_look import about_data, in_training, notes
from hone.events.sources import data_source
from hone.events.stream import count_data
from hone.events.survey import refuse_sample_first, survey
from hone.observable import create_observable
from hone.sentinels import PADDING


def test_few_training_events_are_said_once(events):
    config, _, surveys = surveyed(HEAVY, LIGHT, systematics=[UP])
    region = ["signal_region"]
    observables = {"neos": Seen(region, 500), "bce": Seen(region, 2000), "mass": Seen(region)}
    check_inputs(surveys, config.samples, config.systematics, config.channels, observables)
    same, text = notes(surveys, observables)
    assert same.startswith("'heavy__jes_up': the files have the very same events as")  # without w
    there = {name: in_training(found, Seen(region)) for name, found in surveys.items()}
    assert f"a batch has ('neos': 500, 'bce': 2000): 's': {there['s']}, 'heavy': " in text
    assert f"'heavy__jes_up': {there['heavy']}" in text
    assert f"up to {there['s'] ** -0.5:.0%} of a yield" in text
    assert list(notes(surveys, {"neos": Seen(region, 50)})) == [same]
    # a varied file is missing
    write("1.root", {name: x[:2000] for name, x in events.items()})
    write("2.root", {name: x[2000:] for name, x in events.items()})
    write(
        "up.root", {name: x[:2000] * (1.01 if name == "mass" else 1) for name, x in events.items()}
    )
    _, _, surveys = surveyed({"name": "heavy", "files": "[12].root"}, systematics=[UP])
    assert list(notes(surveys, {})) == [
        "'heavy__jes_up' has 1 of the 2 files of its sample, and 2000 of its yield of 3000: is a "
        "varied file missing?"
    ]
    # of a file that was merged from another one twice, and of one with few different events
    merged = {name: np.append(x, x[:300]) for name, x in events.items()}
    for mass, part in ((merged["mass"], 1 / 11), (np.round(merged["mass"]), 0)):
        write("up.root", merged | {"mass": mass})
        surveys = surveyed({"name": "heavy", "files": "up.root", "weight": "w"})[2]
        (found,) = surveys["heavy"]["files"]
        assert found.get("repeated", 0) == pytest.approx(part, abs=0.05 * (part > 0))
        said = [text for text in notes(surveys, {}) if "of its events repeat others" in text]
        assert len(said) == (part > 0)
    # with another weight, or other events, it varies something
    for heavy, factor in ((HEAVY | {"weight": "w"}, 1), (HEAVY, 2)):
        write("up.root", events | {"w": events["w"] / 2, "mass": factor * events["mass"]})
        assert list(notes(surveyed(heavy, systematics=[UP])[2], {})) == []


def test_a_branch_that_a_variation_and_its_sample_lack_is_said_of_the_sample(events):
    write("up.root", {name: x for name, x in events.items() if name != "pt"})
    _, (_, heavy, varied), _ = surveyed(HEAVY, systematics=[UP])
    refuse_sample_first(heavy, varied, ["pt"], [ONE_REGION])
    with pytest.raises(
        InputError, match=r"variation .heavy__jes_up.: up\.root: there is no branch"
    ):
        survey(varied, ["pt"], [ONE_REGION])
    with pytest.raises(InputError, match=r"sample .heavy.: all\.root: there is no branch"):
        refuse_sample_first(heavy, varied, ["eta"], [ONE_REGION])
    empty = {name: x[:0] for name, x in events.items()}
    write("up.root", empty)
    refuse_sample_first(heavy, varied, ["pt"], [ONE_REGION])
    with pytest.raises(
        InputError, match=r"variation .heavy__jes_up.: there is no event in the tree 'events' of up"
    ):
        survey(varied, ["pt"], [ONE_REGION])
    write("all.root", empty)
    with pytest.raises(
        InputError, match=r"sample .heavy.: there is no event in the tree 'events' of all\.root"
    ):
        refuse_sample_first(heavy, varied, ["pt"], [ONE_REGION])


def test_marks_for_missing_values_are_said_once(events):
    missing = np.random.default_rng(1).random(SIZE) < 0.2
    for name in ("all", "up"):
        write(f"{name}.root", events | {"mass": np.where(missing, -999, events["mass"])})
    _, _, surveys = surveyed(HEAVY, LIGHT, systematics=[UP])
    text, same = notes(surveys, {})
    assert same.startswith("'heavy__jes_up'")  # both files have been written alike
    assert "the very same events" in same
    assert "feature 'mass' is -999 in up to 2" in text
    assert "('heavy', 'light')" in text
    assert "where(mass != -999, mass, 1" in text
    entry = surveys["light"]["sentinels"]["mass"]
    assert entry["part"] == pytest.approx(missing[events["truth"] != 5].mean(), rel=1e-9)
    assert surveys["s"]["sentinels"] == {}
    for found in surveys.values():
        found["sentinels"] = dict.fromkeys(leading(["jet_b[:2]"]), entry)
    text, _ = notes(surveys, {})
    assert "feature 'jet_b[:2]' is -999 in" in text
    cures = re.findall(r"(where\(.*\)\[:2\]), with (.*\[:2\]) as", text)[0]
    jets = {"jet_b": Jagged(np.array([0.5, -999]), np.array([2, 0]))}
    found = [Expression(x)(jets).tolist() for x in leading(list(cures))]
    median = float(f"{entry['median']:.2g}")
    assert found == [[x, PADDING] for x in (0.5, median, 1, 0)]
    # where no feature shows them: what a counted region is binned in, and what a function takes
    side = {"name": "side", "selection": "pt < 20", "fit": "variable", "edges": [0, 100, 150]}
    regions = [ONE_REGION, Region(**side, variable="mass")]
    regions[0] = regions[0].model_copy(update={"selection": "pt >= 20"})
    for source in surveyed(HEAVY, LIGHT)[1][1:]:
        (mark,) = survey(source, ["pt"], regions)["sentinels"].items()
        assert mark[0] == "mass"
        assert mark[1]["user"] == "the variable of region 'side'"
        found = {source.name: survey(source, ["sin(mass)"], [ONE_REGION])}
        (text,) = notes(found, {})
        assert text.startswith("'mass', in feature 'sin(mass)', is -999 in up to ")
        for treated in ("where(mass > 0, sin(mass), 0)", "mass"):
            marks = survey(source, [treated], [ONE_REGION])["sentinels"]
            assert [mark.get("user") for mark in marks.values()] == [None] * (treated == "mass")
    # and single values far out, of a variation alone
    up = events["mass"].copy()
    up[np.flatnonzero(events["truth"] == 5)[:2]] = [1e9, -1e300]
    write("up.root", events | {"mass": up})
    _, _, surveys = surveyed(HEAVY, LIGHT, systematics=[UP])
    assert surveys["heavy"]["far_out"] == {}
    _, text = notes(surveys, {})
    assert "feature 'mass' is -1e+300 or 1e+09 in single events (2 of 'heavy__jes_up')" in text
    cure = re.findall(r"where\(.*\)", text)[0]
    found = Expression(cure)({"mass": up})
    np.testing.assert_array_equal(np.flatnonzero(found != up), np.flatnonzero(np.abs(up) > 1e8))
    # also of what is zero in most events, where the median is the smallest of the others
    up = np.maximum(events["mass"] - np.quantile(events["mass"], 0.8), 0.0)
    up[np.flatnonzero(events["truth"] == 5)[0]] = -1e9
    write("up.root", events | {"mass": up})
    text = " ".join(notes(surveyed(HEAVY, LIGHT, systematics=[UP])[2], {}))
    cure = re.findall(r"where\([^,]*, mass, 0\)", text)[0]
    np.testing.assert_array_equal(Expression(cure)({"mass": up}), np.maximum(up, 0.0))


def test_observed_events_count_once(events, caplog):
    """Whatever the name of the file: one twice, a copy, and one with some events of another."""
    write("copy.root", events)
    write("part.root", {name: np.append(x[:500], x[:500] + 1) for name, x in events.items()})
    write("merged.root", {name: np.append(x, x[:900]) for name, x in events.items()})
    config, *_ = surveyed({"name": "b"})
    data = FileSample(name="data", process="data", files=["all.root"])
    assert about_data(config) == ""
    config = config.model_copy(update={"samples": [*config.samples, data]})
    assert "No event of 'data' was looked at: the analysis is blind" in about_data(config)
    features = ["mass", "pt"]
    made = create_observable(config.observables[0], features, np.ones((2, 2)), jax.random.key(0))

    def counted(*files):
        source = data_source(config, files)
        return count_data([made], source, config.channels, features).values.sum()

    for other, problem in (
        ("./all.root", "all.root and ./all.root are one file; remove one"),
        ("copy.root", "have the same events, which would count twice"),
        ("part.root", r"have about 1\d\.\d% of their events in common"),
    ):
        with pytest.raises(InputError, match=problem):
            counted("all.root", other)
    assert counted("all.root", "s.root") == SIZE + 500
    assert not caplog.text
    assert counted("merged.root") == SIZE + 900
    assert "of its events repeat others" in caplog.text
