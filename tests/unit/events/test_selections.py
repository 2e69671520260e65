"""Samples that are parts of a file, and what the sets need to be those of the split."""

import json
import math
from contextlib import nullcontext

import jax
import numpy as np
import pytest
from merged_file import HEAVY, LIGHT, SIZE, UP, surveyed
from ntuples import ALL, columns, write

from hone.analysis import checked_config
from hone.analysis.region_observables import Seen
from hone.analysis.sections import SETS
from hone.errors import ConfigError, InputError
from hone.events.check import check_inputs
from hone.events.first_look import yields_table
from hone.events.load import load_events
from hone.events.sources import data_source
from hone.events.stream import count_data, fill_histograms
from hone.observable import create_observable


@pytest.mark.parametrize(
    ("normalisation", "factor"),
    [
        ({}, lambda _: 1),
        ({"yield": 900}, lambda all_weights: 900 / all_weights),
        ({"cross_section": 0.5}, lambda all_weights: 1000 / all_weights),
        ({"cross_section": 0.5, "sum_of_weights": 5000}, lambda _: 1000 / 5000),
    ],
    ids=["none", "yield", "cross-section", "sum of weights"],
)
def test_parts_of_a_file_add_up_to_it(events, normalisation, factor):
    """In the table, in each set and in the histograms; varied files have the selection too."""
    config, found, surveys = surveyed(
        *(part | {"weight": "w"} | normalisation for part in (LIGHT, HEAVY)), systematics=[UP]
    )
    surveys = json.loads(json.dumps(surveys))  # as the next job reads them
    check_inputs(surveys, config.samples, config.systematics, config.channels, {})
    is_heavy, scale = events["truth"] == 5, factor(math.fsum(events["w"]))
    right = {
        "light": scale * math.fsum(events["w"][~is_heavy]),
        "heavy": scale * math.fsum(events["w"][is_heavy]),
    }
    right["heavy__jes_up"] = right["heavy"] / 2
    rows = {(r["sample"], r["variation"]): r for r in yields_table(surveys, config.systematics)}
    made = create_observable(config.observables[0], ["mass"], np.ones((2, 1)), jax.random.key(0))
    filled = fill_histograms([made], found, config.channels, surveys, ["mass"])["hard"]
    for name, expected in right.items():
        sample, _, variation = name.partition("__")
        row = rows[sample, variation]
        assert row["yield"] == pytest.approx(expected, rel=1e-9)
        assert row["events"] == (is_heavy if sample == "heavy" else ~is_heavy).sum()
        assert filled[name].values.sum() == pytest.approx(expected, rel=1e-9)
        for events_set in SETS:
            sets = load_events(found, ["mass"], config.channels, surveys, events_set, ALL)
            assert sets.weights[name].sum() == pytest.approx(expected, rel=1e-9)


@pytest.mark.usefixtures("events")
def test_each_event_of_a_file_is_in_one_set_of_one_sample():
    config, found, surveys = surveyed(LIGHT, HEAVY)
    both = {name: load_events(found, ["event", "truth == 5"], config.channels, surveys, name, ALL)
            for name in SETS}  # fmt: skip
    numbers = [s.features[n] for s in both.values() for n in ("light", "heavy")]
    assert len(np.unique(np.concatenate(numbers)[:, 0])) == SIZE == sum(map(len, numbers))
    for sets in both.values():
        assert sets.features["heavy"][:, 1].all()
        assert not sets.features["light"][:, 1].any()


def test_events_without_weight_do_not_count(events):
    """The older spelling: a weight that is 0 for other events, of which some have a variation."""
    weight = {"heavy": "w * (truth == 5)", "light": "w * (truth != 5)"}
    config, found, surveys = surveyed(
        *({"name": name, "weight": text} for name, text in weight.items()),
        systematics=[{"name": "tag", "type": "histosys", "sample": "heavy",
                      "up": {"weight": "w * (truth >= 4)"}}],
    )  # fmt: skip
    check_inputs(surveys, config.samples, config.systematics, config.channels, {})
    truth = events["truth"]
    for name, number in (("heavy", (truth == 5).sum()), ("light", (truth != 5).sum())):
        known = surveys[name]
        assert known["regions"]["signal_region"][name]["events"] == number
        assert sum(entry["events"] for entry in known["sets"].values()) == number
        assert sum(of_set["signal_region"] for of_set in known["scored"].values()) == number
        assert known["files"][0]["events"] == number
    varied = surveys["heavy"]["regions"]["signal_region"]["heavy__tag_up"]
    assert varied["events"] == (truth >= 4).sum()
    total = 0.0
    for events_set in SETS:
        sets = load_events(found, ["truth"], config.channels, surveys, events_set, ALL)
        assert set(sets.features["heavy"].ravel()) == {4, 5}
        assert (sets.features["light"] != 5).all()
        entry = surveys["heavy"]["sets"][events_set]
        # set by set scaled to the yield of all, so that the ratio to it is that of the set
        nominal = math.fsum(sets.weights["heavy"])
        total += sets.weights["heavy__tag_up"].sum() * entry["weight"] / nominal
        evaluation = surveys["heavy"]["sets"]["evaluation"]["events"]
        assert sets.evaluation["heavy"] == pytest.approx(evaluation / entry["events"])
    assert total == pytest.approx(math.fsum(events["w"][truth >= 4]), rel=1e-9)


def test_samples_that_share_events_are_refused(events):
    truth = events["truth"]
    shared = np.flatnonzero(truth == 4)

    def refused(*parts):
        config, _, surveys = surveyed(*parts)
        with pytest.raises(InputError) as error:
            check_inputs(surveys, config.samples, config.systematics, config.channels, {})
        return str(error.value)

    text = refused(LIGHT, HEAVY | {"selection": "truth >= 4"})
    assert (
        f"event {shared[0]} of all.root and {len(shared) - 1} others are in both samples 'light' "
        "and 'heavy'" in text
    )
    weights = {"weight": "w * (truth >= 4)"}
    assert f"event {shared[0]} of all.root and" in refused(LIGHT, {"name": "heavy"} | weights)
    one = int(np.flatnonzero(truth == 5)[7])
    number = events["event"][one]
    assert f"event {one} of all.root is in both samples 'heavy' and 'one'" in refused(
        HEAVY, {"name": "one", "selection": f"event == {number}"}
    )
    both = refused(HEAVY, {"name": "whole"})
    assert f"and {(truth == 5).sum() - 1} others are in both samples 'heavy' and 'whole'" in both
    assert f"event 0 of all.root and {SIZE - 1} others" in refused(
        {"name": "one"}, {"name": "whole"}
    )
    assert refused({"name": "heavy", "files": ["all.root", "./all.root"]}) == (
        "the inputs cannot be used:\n- ./all.root and all.root of 'heavy' are one file; remove one"
    )


@pytest.mark.usefixtures("events")
def test_variations_that_share_events_are_refused():
    """Two samples with files of their own, and one varied file for both."""
    write("other.root", columns(SIZE, 7, False))
    first = {"name": "heavy"}
    config, _, surveys = surveyed(
        first, {"name": "light", "files": "other.root"},
        systematics=[UP, {**UP, "sample": "light"}],
    )  # fmt: skip
    with pytest.raises(InputError) as error:
        check_inputs(surveys, config.samples, config.systematics, config.channels, {})
    text = str(error.value)
    assert text.count("\n") == 1
    assert f"event 0 of up.root and {SIZE - 1} others are in both variations " in text
    assert "'heavy__jes_up' and 'light__jes_up', and would count twice" in text
    config, _, surveys = surveyed(HEAVY, LIGHT, systematics=[UP, {**UP, "sample": "light"}])
    check_inputs(surveys, config.samples, config.systematics, config.channels, {})


def test_data_have_a_selection_too(events):
    config = checked_config(
        {
            "analysis": "a", "seed": 1, "features": ["mass"],
            "samples": [
                {"name": "s", "process": "signal", "files": "s.root"},
                {"name": "b", "process": "background", "files": "all.root"},
                {"name": "data", "process": "data", "files": "all.root", "selection": "truth == 5"},
            ],
            "observables": [
                {"name": "o", "kind": "variable", "variable": "mass", "edges": [0, 125, 200]}
            ],
        }
    )  # fmt: skip
    source = data_source(config, ["all.root"])
    made = create_observable(config.observables[0], ["mass"], np.ones((2, 1)), jax.random.key(0))
    counted = count_data([made], source, config.channels, ["mass"]).values
    mass = events["mass"][events["truth"] == 5]
    np.testing.assert_array_equal(counted, [(mass < 125).sum(), (mass >= 125).sum()])


@pytest.mark.usefixtures("events")
def test_bad_selections_are_named():
    with pytest.raises(InputError, match=r"'heavy': all.root: selection 'truth - 2' of the sample "
                       "is a number, not true or false"):  # fmt: skip
        surveyed(HEAVY | {"selection": "truth - 2"})
    with pytest.raises(
        InputError, match=r"no branch 'thruth' in its tree 'events', for the selection of the"
    ):
        surveyed(HEAVY | {"selection": "thruth == 5"})
    with pytest.raises(InputError, match=r"no event with a weight in all.root passes the selection "
                       "'truth == 6' of the sample"):  # fmt: skip
        surveyed(HEAVY | {"selection": "truth == 6"})
    with pytest.raises(ConfigError, match=r"samples\['heavy'\].selection: 'truth ==' is not an"):
        surveyed(HEAVY | {"selection": "truth =="})


@pytest.mark.usefixtures("events")
def test_a_split_needs_many_different_numbers():
    """400 for 40, 20 and 40 %: then 20 % are known to a tenth of themselves."""
    config, _, surveys = surveyed(LIGHT, HEAVY, split={"branch": "run"})
    with pytest.raises(InputError) as error:
        check_inputs(surveys, config.samples, config.systematics, config.channels, {})
    text = str(error.value)
    assert text.count("\n") == 1
    assert "split.branch: 'run' has too few different values (30 of 'light' in all.root" in text
    assert "; 30 of 'heavy' in all.root): the sets need 400" in text
    for split in ({"branch": "event"}, {}):
        config, _, surveys = surveyed(LIGHT, HEAVY, split=split)
        check_inputs(surveys, config.samples, config.systematics, config.channels, {})
    larger = {"branch": "run", "training": 0.25, "validation": 0.25}
    assert surveyed(HEAVY, split=larger)[2]["heavy"]["few_numbers"]["needed"] == 300
    # few events with a number each are few, but as good as events can be
    write("s.root", columns(50, 1, True))
    assert "few_numbers" not in surveyed(HEAVY)[2]["s"]


@pytest.mark.usefixtures("events")
def test_a_trained_sample_has_a_training_event():
    write("s.root", {name: x[:3] for name, x in columns(500, 1, True).items()})
    config, _, surveys = surveyed(HEAVY, split={"branch": "event", "training": 0.01})
    seen_by_neos = {"neos": Seen(["signal_region"], 10)}
    with pytest.raises(InputError, match="'s' has no training event in a region with the observ"):
        check_inputs(surveys, config.samples, config.systematics, config.channels, seen_by_neos)


@pytest.mark.parametrize("files", ["all.root", "copy.root"])
def test_samples_that_may_share_events(events, files):
    """Signals of fits of their own; or, as a signal that is a background reweighted, if said so."""
    write("copy.root", events)
    light, other = {"name": "light", "weight": "w"}, {"name": "other", "files": files}
    for meant in ({}, {"shares_events_with": ["light"]}):
        config, _, surveys = surveyed(light, other | {"weight": "0.1 * w"} | meant)
        with nullcontext() if meant else pytest.raises(InputError, match="in shares_events_with"):
            check_inputs(surveys, config.samples, config.systematics, config.channels, {})
    apart = {"process": "signal", "shares_events_with": None}
    signals = [sample.model_copy(update=apart) for sample in config.samples]
    check_inputs(surveys, signals, (), (), {}, one_fit=False)
    with pytest.raises(InputError, match="in shares_events_with"):
        check_inputs(surveys, signals, (), (), {}, one_fit=True)
    with pytest.raises(ConfigError, match="'x' is no other simulated sample; these are s, light"):
        surveyed(light, other | {"shares_events_with": ["x"]})
