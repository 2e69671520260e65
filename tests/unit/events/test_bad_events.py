"""Events that no later step could use are refused, with the file and the event."""

import numpy as np
import pytest
from ntuples import columns, write
from settings import region

from hone.analysis import Template
from hone.analysis.region_observables import Seen
from hone.analysis.samples import FileSample
from hone.analysis.sections import Split
from hone.analysis.shape_systematics import Histosys
from hone.analysis.systematics import Normsys
from hone.errors import InputError
from hone.events.check import _negative, check_inputs
from hone.events.first_look import yields_table
from hone.events.sources import Source
from hone.events.survey import survey


def one(tmp_path, events, **changes):
    write(tmp_path / "a.root", events)
    settings = {"weights": {"s": "w"}, "split": Split(branch="event")} | changes
    return Source(
        Template("s"), (str(tmp_path / "a.root"),), settings.pop("tree", "events"), **settings
    )


BAD = {
    "a feature that is not finite": (
        {"mass": np.where(np.arange(50) == 7, np.nan, 1.0)}, {},
        r"sample 's': .*a.root: feature 'mass' is nan in event 7; give such events a value",
    ),
    "a weight that is not finite": (
        {"w": np.where(np.arange(50) == 3, np.inf, 1.0)}, {},
        r"sample 's': .*a.root: weight 'w' is inf in event 3",
    ),
    "no weight": ({"w": np.zeros(50)}, {}, r"the weights in .*a.root add up to 0"),
    "a yield of weights that cancel": (
        {"w": np.where(np.arange(50) < 27, 1.0, -1.0)}, {"normalisation": {"yield": 10.0}},
        r"its yield is 10, and its weights add up to 4 ± 7\.07.*give the sum_of_weights",
    ),
    "no event": ({k: v[:0] for k, v in columns(50, 1, True).items()}, {}, r"there is no event in"),
    "a missing tree": ({}, {"tree": "Events"}, r"a.root has no tree 'Events'; it has events"),
    "a missing branch": (
        {}, {"weights": {"s": "weight"}},
        r"a.root: there is no branch 'weight' in its tree 'events', for weight 'weight'; it has ma",
    ),
    "a misspelt branch": (
        {}, {"weights": {"s": "w * masss"}},
        r"no branch 'masss' in its tree 'events', for weight 'w \* masss'; did you mean 'mass'",
    ),
    "a branch whose name reads as a difference": (
        {"w-mc": np.ones(50)}, {"weights": {"s": "wmc-mc"}},
        r"no branch 'wmc' in its tree 'events', for weight 'wmc-mc'; did you mean 'w-mc'",
    ),
    "the same without get": (
        {"mu-mc": np.ones(50)}, {"weights": {"s": "mu-mc"}},
        r"no branch 'mu' in its tree 'events', for weight 'mu-mc'; without get, mu-mc is computed "
        r"from mu and mc; "
        r'the branch of that name is get\("mu-mc"\)',
    ),
    "numbers of events that are not integers": (
        {"event": np.arange(50) + 0.5}, {}, r"branch 'event' of split.branch: .* must be integers",
    ),
    "event numbers that float32 rounds": (
        {"event": (np.arange(50) + 2**24).astype("f4")}, {},
        r"branch 'event' of split.branch: float32 holds integers up to 16777216 only",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_events_are_named(tmp_path, case):
    events, changes, message = BAD[case]
    source = one(tmp_path, {**columns(50, 1, True), **events}, **changes)
    with pytest.raises(InputError, match=message):
        survey(source, ["mass"], (region("all"),))


def test_few_events_with_a_negative_one_are_scaled_to_a_yield(tmp_path):
    """22 ± 4.9: hardly anything cancels, and 20 ± 4.5 of positive ones are no better known."""
    weights = np.where(np.arange(24) < 23, 1.0, -1.0)
    source = one(
        tmp_path, columns(24, 1, True) | {"w": weights}, normalisation={"yield": 11.0}, split=None
    )
    assert survey(source, ["mass"], (region("all"),))["factor"] == 0.5


def test_bad_files_are_named(tmp_path):
    source = one(tmp_path, columns(5000, 1, True))
    path = tmp_path / "a.root"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InputError, match=r"sample 's': .*a.root cannot be read"):
        survey(source, ["mass"], (region("all"),))
    path.write_text("not ROOT")
    with pytest.raises(InputError, match=r"sample 's': .*a.root cannot be read"):
        survey(source, ["mass"], (region("all"),))
    path.unlink()
    with pytest.raises(InputError, match=r"sample 's': there is no file .*a.root"):
        survey(source, ["mass"], (region("all"),))


def test_regions_must_exclude_each_other(tmp_path):
    regions = (region("a", "mass > 100"), region("b", "mass > 120", "count"))
    with pytest.raises(InputError, match="is in the regions 'a' and 'b': their selections must"):
        survey(one(tmp_path, columns(50, 1, True)), ["mass"], regions)


def test_a_selection_is_true_or_false(tmp_path):
    events = columns(50, 1, True) | {
        "flag": (np.arange(50) % 2).astype("u1"),
        "n": np.arange(50, dtype="u1"),
    }
    source = one(tmp_path, events)
    for selection, passing in (("flag", 25), ("~flag", 25), ("flag - n >= -2", 4), ("n", 49)):
        found = survey(source, ["mass"], (region("a", selection),))
        assert found["regions"]["a"]["s"]["events"] == passing, selection
    with pytest.raises(
        InputError, match="selection 'flag - n' of region 'a' is a number, not true"
    ):
        survey(source, ["mass"], (region("a", "flag - n"),))
    with pytest.raises(InputError, match=r"selection '~n' of region 'a': .*write flag == 0"):
        survey(source, ["mass"], (region("a", "~n"),))
    with pytest.raises(InputError, match="selection 'mass' of region 'a' is a number"):
        survey(one(tmp_path, columns(50, 1, True)), ["mass"], (region("a", "mass"),))


def checked(tmp_path, regions, background=None, signal=None, observables=None, systematics=()):
    files = {
        "signal": signal or columns(100, 1, True),
        "background": background or columns(100, 2, False),
    }
    surveys = {}
    for name, events in files.items():
        write(tmp_path / f"{name}.root", events)
        source = Source(Template(name), (str(tmp_path / f"{name}.root"),), "events", {name: "w"},
                        Split(branch="event"))  # fmt: skip
        surveys[name] = survey(source, ["mass"], regions)
    samples = [FileSample(name=name, process=name, files="a.root") for name in files]
    observables = observables or {"o": Seen([r.name for r in regions if r.is_trained])}
    try:
        check_inputs(surveys, samples, systematics, regions, observables)
    except InputError as error:
        return str(error)
    return ""


def test_events_that_two_files_of_a_sample_have_in_common_are_found(tmp_path):
    """A file and a part of it among others, not events that are alike by chance."""

    def refused(*parts):
        files = tuple(str(tmp_path / f"{k}.root") for k in range(len(parts)))
        for path, part in zip(files, parts, strict=True):
            write(path, part)
        source = Source(Template("b"), files, "events", {"b": "w"}, Split())
        surveys = {"b": survey(source, ["mass"], (region("a"),))}
        sample = FileSample(name="b", process="background", files="0.root")
        try:
            check_inputs(surveys, [sample], (), (region("a"),), {})
        except InputError as error:
            return str(error)
        return ""

    first, second = columns(3000, 1, False), columns(3000, 2, False)
    part = {name: np.r_[second[name][:500], first[name][:500]] for name in first}
    assert "1.root of sample 'b' have about 1" in refused(first, part)  # 14 %
    assert refused(first, second) == ""
    integers = [
        {**events, "mass": events["mass"].round(), "w": np.ones(3000)} for events in (first, second)
    ]
    assert refused(*integers) == ""


def test_what_no_later_step_could_use_is_refused(tmp_path):
    empty = (region("a"), region("b", "mass > 1000", "count"))
    assert "region 'b': no event of any sample passes its selection 'mass > 1000'" in checked(
        tmp_path, empty
    )
    narrow = (region("a", "mass < 51"),)
    text = checked(tmp_path, narrow)
    assert "sample 'signal' (" in text
    assert "has no event in any region (o: a 'mass < 51'); change a selection" in text
    # Where nothing is trained, it does not matter in which region of all it is.
    other = (region("a", "mass < 60"), region("b", "mass >= 60", "count"))
    assert checked(tmp_path, other) == ""
    trained = checked(tmp_path, other, observables={"o": Seen(["a"], 10)})
    assert "has no event in a region with the observable (o: a 'mass < 60')" in trained
    high = columns(100, 2, False) | {"mass": np.full(100, 60.0)}
    above = (region("a", "mass < 100"), region("b", "mass >= 100", "count"))
    assert "region 'b': no background event passes" in checked(tmp_path, above, background=high)
    # a sample may be in the region of another observable alone, but for a training
    low = columns(100, 1, True) | {"mass": np.full(100, 60.0)}
    both = (region("a", "mass < 100"), region("b", "mass >= 100"))
    for batch, problem in ((0, ""), (10, "(v: b 'mass >= 100'); change a selection")):
        seen = {"o": Seen(["a"]), "v": Seen(["b"], batch)}
        text = checked(tmp_path, both, signal=low, observables=seen)
        assert problem in text
        assert bool(problem) == bool(text)
    same = columns(100, 1, True)
    assert "have the same events; remove one" in checked(tmp_path, (region("a"),), same, same)
    alike = columns(100, 1, True) | {"event": np.ones(100, dtype=int)}
    seen = {"o": Seen(["a"], 10)}
    text = checked(tmp_path, (region("a"),), signal=alike, observables=seen)
    assert "has too few different values (1 of 'signal' in " in text
    assert "'signal' has no training event" not in text  # which is a consequence
    few = {name: x[:1] for name, x in same.items()}
    assert "'signal' has no event in the" in checked(tmp_path, (region("a"),), signal=few)
    # The expectation must not be negative; the yield of one sample may be.
    negative = columns(1000, 2, False)
    negative["w"] = np.where(negative["pt"] > 60, -0.05, 1.0)
    binned = (region("a", "mass > 60"), region("b", "mass <= 60", "variable", "pt", (0, 60, 90)))
    found = checked(tmp_path, binned, background=negative)
    assert "- region 'b', bin 2: the expectation is negative (-" in found
    assert "because of 'background' (-" in found
    assert not checked(tmp_path, binned, signal=negative)
    # What varies it has no events of its own: 100 - 90, and 100 - 108 with it.
    negative, positive = (
        columns(100, k, k > 1) | {"w": np.full(100, w)} for k, w in ((1, -0.9), (2, 1.0))
    )
    size = Normsys(name="size", type="normsys", sample=["signal"], up=1.2)
    for systematics, problem in (
        ((), ""),
        ((size,), "the expectation with size_up is negative (-8)"),
    ):
        found = checked(tmp_path, (region("a"),), positive, negative, systematics=systematics)
        assert problem in found
        assert bool(problem) == bool(found)


def test_mirror_images_are_asked_for_negative_rates_in_known_bins():
    """They are made, and cut at zero, bin by bin; the sum of the bins tells nothing of them."""
    samples = [
        FileSample(name=name, process="background", files="a.root") for name in ("rest", "cut")
    ]

    def problems(up, known, **sides):
        shape = Histosys(name="x", type="histosys", sample="cut", up={"weight": "u"}, **sides)
        surveys = {}
        for name, found in (
            ("rest", {"rest": [1.0, 11.0]}),
            ("cut", {"cut": [5.0, -10.0], "cut__x_up": up, "cut__x_down": [-5.0, -10.0]}),
        ):
            rows = {k: {"yield": sum(v)} | ({"bins": v} if known else {}) for k, v in found.items()}
            surveys[name] = {
                "regions": {"a": rows}, "factor": 1.0, "sample_factor": False, "files": [],
            }  # fmt: skip
        return list(_negative(surveys, samples, [shape], True))

    # 0 + 1 and -10 + 11 in the bins, -15 + 12 of their sums
    both = {"down": {"weight": "d"}, "symmetrise": "two-sided"}
    for sides in ({}, both):
        assert problems([15.0, -10.0], known=True, **sides) == []
        assert problems([15.0, -10.0], known=False, **sides) == []
    (found,) = problems([15.0, -8.0], known=True)
    assert found.startswith("region 'a', bin 2: the expectation with x_down is negative (-1)")
    # what is no mirror image is a sum, too
    (found,) = problems([5.0, -30.0], known=False)
    assert found.startswith("region 'a': the expectation with x_up is negative (-13)")


def test_the_first_look_has_sizes_of_negative_yields(tmp_path):
    """-500 ± 32, of weights of which three in four are negative."""
    events = columns(1000, 2, False) | {"w": np.where(np.arange(1000) % 4, -1.0, 1.0)}
    high = events["mass"] >= 100
    regions = region("a", "mass < 100"), region("b", "mass >= 100", "count")
    found = survey(one(tmp_path, events), ["mass"], regions)
    counted = found["regions"]["b"]["s"]
    assert counted["events"] == high.sum()
    assert counted["bins"] == [counted["yield"]] == [events["w"][high].sum()]
    assert "bins" not in found["regions"]["a"]["s"]
    found = survey(one(tmp_path, events), ["mass"], (region("a"),))
    assert found["factor"] == 1.0
    (row,) = yields_table({"s": found}, ())
    assert (row["yield"], row["error"]) == (-500, pytest.approx(1000**0.5))
    assert row["warning"] == "75% of the sum of |weights| is negative"
