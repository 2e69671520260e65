"""Ntuples: sets without common events, yields that stay, messages that name the place."""

import math
from dataclasses import replace

import jax
import numpy as np
import pytest
import uproot
from hypothesis import given
from hypothesis import strategies as st
from ntuples import columns, write, write_analysis
from settings import observable as settings_of
from settings import region

from hone.analysis import Template, checked_config
from hone.analysis.analysis import SETS, Observation, Sizes, Split
from hone.analysis.files import Files
from hone.analysis.samples import FileSample
from hone.errors import InputError
from hone.events import ntuples as ntuples_module
from hone.events import stream
from hone.events.check import check_inputs
from hone.events.event_sets import hard_histograms, scores_of
from hone.events.first_look import format_table, yields_table
from hone.events.load import load_events
from hone.events.observation import observe
from hone.events.reader import Reader, ahead
from hone.events.sources import Source, sources
from hone.events.split import uniform
from hone.events.stream import draw_data, fill_histograms
from hone.events.survey import survey, survey_weights
from hone.observable import create_observable

FEATURES = ["mass", "log(pt)"]
ALL = Sizes.model_validate(dict.fromkeys(SETS, 10**9))


@pytest.fixture
def analysis(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = checked_config(write_analysis(tmp_path))
    files = Files(config).ntuples
    names = ("signal", "background", "background__scale_up", "background__scale_down")
    found = sources(config, {name: files[name] for name in names})
    surveys = {s.name: survey(s, FEATURES, config.channels) for s in found}
    return config, found, surveys


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=50, unique=True))
def test_an_event_is_in_one_set(numbers):
    place = uniform(np.array(numbers))
    assert ((place >= 0) & (place < 1)).all()
    split = Split(branch="event", training=0.4, validation=0.2)
    inside = [(place >= low) & (place < high) for low, high in map(split.range, SETS)]
    np.testing.assert_array_equal(np.sum(inside, axis=0), 1)


def test_the_hash_is_uniform():
    counts, _ = np.histogram(uniform(np.arange(100_000)), bins=20, range=(0, 1))
    # 20 bins of 5,000: chi-squared of 19 degrees of freedom
    assert 5 < ((counts - 5000) ** 2 / 5000).sum() < 45


def test_numbers_of_events_must_be_integers():
    np.testing.assert_array_equal(uniform(np.array([3.0])), uniform(np.array([3])))
    with pytest.raises(InputError, match="must be integers"):
        uniform(np.array([0.5]))


def test_yields_are_those_of_the_settings(analysis):
    """30 signal events before selections; 0.1 pb x 10/fb = 1,000 of background."""
    config, _, surveys = analysis
    for name, expected in (("signal", 30), ("background", 1000)):
        known = surveys[name]
        total = sum(entry["weight"] for entry in known["sets"].values())
        assert known["factor"] * total == pytest.approx(expected, rel=1e-12)
        inside = sum(known["regions"][r.name][name]["yield"] for r in config.channels)
        assert inside == pytest.approx(expected, rel=1e-12)  # the regions have all events


def test_each_set_has_the_yield_of_all(analysis):
    _, found, _ = analysis
    everything = (region("all"),)
    known = {s.name: survey(s, FEATURES, everything) for s in found}
    for events_set in SETS:
        sets = load_events(found, FEATURES, everything, known, events_set, ALL)
        assert sets.weights["background"].sum() == pytest.approx(1000, rel=1e-9)
        assert sets.weights["signal"].sum() == pytest.approx(30, rel=1e-9)
        # the weight varies the yield by its mean effect, 1 + 0.001 <pt>
        assert sets.weights["signal__trigger_up"].sum() == pytest.approx(30 * 1.06, rel=0.01)


def test_sets_have_no_event_in_common_and_leave_none_out(analysis):
    _, found, _ = analysis
    background = [s for s in found if s.name == "background"]
    everything = (region("all"),)
    known = {"background": survey(background[0], ["event"], everything)}
    numbers = [
        load_events(background, ["event"], everything, known, name, ALL).features["background"]
        for name in SETS
    ]
    joined = np.concatenate(numbers)[:, 0]
    assert len(np.unique(joined)) == len(joined) == 4000


def test_nominal_and_varied_events_are_in_the_same_set(analysis):
    _, found, _ = analysis
    events = [dict.fromkeys(SETS), dict.fromkeys(SETS)]
    for k, name in enumerate(("background", "background__scale_up")):
        source = next(s for s in found if s.name == name)
        reader = Reader(source, ["event"], (region("all"),))
        for events_set in SETS:
            parts = [b.features[:, 0] for b in reader.batches(*source.split.range(events_set))]
            events[k][events_set] = np.concatenate(parts)
    for events_set in SETS:
        np.testing.assert_array_equal(events[0][events_set], events[1][events_set])


def test_fewer_events_are_taken_evenly(analysis):
    config, found, surveys = analysis
    fewer = Sizes.model_validate(dict.fromkeys(SETS, 500))
    some = load_events(found, FEATURES, config.channels, surveys, "training", fewer)
    everything = load_events(found, FEATURES, config.channels, surveys, "training", ALL)
    for name in ("signal", "background"):
        taken, there = len(some.features[name]), len(everything.features[name])
        assert taken < there
        assert some.weights[name].sum() == pytest.approx(everything.weights[name].sum(), rel=0.2)


@pytest.mark.parametrize("smoothing", ["annealed", "scott", "adaptive"])
def test_streamed_histograms_are_those_of_events_in_memory(analysis, monkeypatch, smoothing):
    config, found, surveys = analysis
    regions = config.channels
    events = load_events(found, FEATURES, regions, surveys, "evaluation", ALL)
    observable = create_observable(
        settings_of(kind="network", bins=3, hidden=[8], smoothing=smoothing), FEATURES,
        events.features["background"], jax.random.key(0),
    )  # fmt: skip
    scores = {name: observable.score(x) for name, x in events.features.items()}
    in_memory = hard_histograms(observable, events, scores)
    streamed = fill_histograms(observable, found, regions, surveys, FEATURES)
    assert set(streamed["hard"]) == set(in_memory)
    # pieces that no file of these fills, and none but the last is whole
    monkeypatch.setattr(stream, "_PIECE", 100)
    monkeypatch.setattr(ntuples_module, "_STEP", 333)
    again = fill_histograms(observable, found, regions, surveys, FEATURES)
    for name, histogram in in_memory.items():
        for group in ("hard", "soft"):
            one, other = streamed[group][name], again[group][name]
            # to the rounding of a float32 network in matrices of another size
            np.testing.assert_allclose(one.values, other.values, rtol=1e-6, atol=1e-9)
            np.testing.assert_allclose(one.variances, other.variances, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(streamed["hard"][name].values, histogram.values, rtol=1e-9)
        np.testing.assert_allclose(streamed["hard"][name].variances, histogram.variances, rtol=1e-9)
        # soft bins share events, and lose none
        assert np.sum(streamed["soft"][name].values) == pytest.approx(np.sum(histogram.values))
    # bins in the order of the names: control_region (3), high (1), signal_region (3)
    nominal = streamed["hard"]["background"].values
    masses = columns(4000, 2, False)["mass"]
    assert nominal[3] / nominal.sum() == pytest.approx((masses >= 160).mean(), abs=0.03)


def varied(normalisation, variations):
    """5,000 events of ``b``, of which 2,400 are above 125, and 1.2 times the events in a file."""
    rng = np.random.default_rng(5)
    background = {"mass": np.repeat([100.0, 150.0], [2600, 2400]), "w": rng.uniform(0.5, 1.5, 5000)}
    half = {name: x[background["mass"] > 125] for name, x in background.items()}
    more = {name: np.tile(x, 2)[:6000] for name, x in background.items()}
    with uproot.recreate("b.root") as file:
        for name, events in (("events", background), ("shifted", half)):
            file.mktree(name, {n: x.dtype for n, x in events.items()})
            file[name].extend(events)
    write("half.root", half)
    write("more.root", more)
    write("s.root", columns(100, 1, True))
    config = checked_config(
        {
            "analysis": "a", "seed": 1, "features": ["mass"], "luminosity": 2.0,
            "samples": [
                {"name": "s", "process": "signal", "files": "s.root", "yield": 1},
                {"name": "b", "process": "background", "files": "b.root", "weight": "w",
                 **normalisation},
            ],
            "systematics": [
                {"name": name, "type": "histosys", "sample": "b", "up": up}
                for name, up in variations.items()
            ],
            "observables": [
                {"name": "o", "kind": "variable", "variable": "mass", "edges": [0, 125, 200]}
            ],
        }
    )  # fmt: skip
    files = Files(config).ntuples
    found = sources(config, {t.name: files[t.name] for t in config.templates_of("s")})
    surveys = {s.name: survey(s, ["mass"], config.channels) for s in found}
    weights = {
        name: math.fsum(x["w"]) for name, x in (("b", background), ("more", more), ("half", half))
    }
    return config, found, surveys, weights


@pytest.mark.parametrize(
    "normalisation",
    [{"yield": 1000}, {"cross_section": 0.5}, {"yield": 500, "sum_of_weights": 4000}, {}],
    ids=str,
)
def test_varied_events_have_the_factor_of_the_sample(tmp_path, monkeypatch, normalisation):
    """20 % more events are 20 % more of yield, in the table, in training and in the histograms."""
    monkeypatch.chdir(tmp_path)
    variations = {
        "more": {"files": "more.root"}, "half": {"files": "half.root", "normalise": "nominal"},
        "tree": {"tree": "shifted"},
    }  # fmt: skip
    if not normalisation:
        variations["half"].pop("normalise")
    config, found, surveys, weights = varied(normalisation, variations)
    generated = normalisation.get("sum_of_weights", weights["b"])
    wanted = normalisation.get("yield", 1000)
    factor = wanted / generated if normalisation else 1.0
    right = {
        "b": factor * weights["b"], "b__more_up": factor * weights["more"],
        "b__half_up": factor * weights["half"], "b__tree_up": factor * weights["half"],
    }  # fmt: skip
    rows = {r["variation"]: r for r in yields_table(surveys) if r["sample"] == "b"}
    observable = create_observable(
        config.observables[0], ["mass"], np.ones((2, 1)), jax.random.key(0)
    )
    filled = fill_histograms(observable, found, config.channels, surveys, ["mass"])
    for events_set in SETS:
        sets = load_events(found, ["mass"], config.channels, surveys, events_set, ALL)
        for name, expected in right.items():
            assert sets.weights[name].sum() == pytest.approx(expected, rel=1e-9)
    for name, expected in right.items():
        row = rows[name.partition("__")[2]]
        assert row["yield"] == pytest.approx(expected, rel=1e-9)
        if name != "b":
            assert row["effect"] == pytest.approx(expected / right["b"] - 1, abs=1e-9)
        assert filled["hard"][name].values.sum() == pytest.approx(expected, rel=1e-9)
    assert Files(config).templates_scaled_to_yield("s", "o") == ["s", "b"]


def test_varied_events_may_have_a_normalisation_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    variations = {
        "own": {"files": "more.root", "normalise": "own"},
        "sum": {"files": "half.root", "sum_of_weights": 5000},
        "tree": {"tree": "shifted", "normalise": "own"},
        "nominal": {"files": "half.root"},
    }
    config, found, surveys, weights = varied({"yield": 500, "sum_of_weights": 8000}, variations)
    rows = {r["variation"]: r for r in yields_table(surveys) if r["sample"] == "b"}
    factor = 500 / 8000
    right = {
        "own_up": 500, "sum_up": 500 * weights["half"] / 5000, "tree_up": 500,
        "nominal_up": factor * weights["half"], "": factor * weights["b"],
    }  # fmt: skip
    sets = load_events(found, ["mass"], config.channels, surveys, "training", ALL)
    for variation, expected in right.items():
        assert rows[variation]["yield"] == pytest.approx(expected, rel=1e-9)
        name = f"b__{variation}" if variation else "b"
        assert sets.weights[name].sum() == pytest.approx(expected, rel=1e-9)
    scaled = Files(config).templates_scaled_to_yield("s", "o")
    assert scaled == ["s", "b", "b__own_up", "b__sum_up", "b__tree_up"]


def test_pseudo_data_are_poisson_counts_of_what_is_expected(analysis):
    config, found, surveys = analysis
    regions = config.channels
    observable, other = (
        create_observable(
            settings_of(kind="network", bins=3, hidden=[8]), FEATURES, np.ones((5, 2)),
            jax.random.key(k),
        ) for k in (0, 1)
    )  # fmt: skip
    nominal = [s for s in found if s.name == s.sample]

    def draw(seed, strength=2.0, which=observable):
        arguments = (nominal, regions, surveys, FEATURES, {"signal": strength}, seed)
        return draw_data(which, *arguments).values

    filled = fill_histograms(observable, nominal, regions, surveys, FEATURES)["hard"]
    expected = filled["background"].values + 2 * filled["signal"].values
    drawn = np.array([draw(seed) for seed in range(30)])
    np.testing.assert_array_equal(drawn, drawn.round())
    # the mean of 30 Poisson numbers, 4 standard deviations wide; and their spread
    assert (np.abs(drawn.mean(axis=0) - expected) <= 4 * np.sqrt((expected + 1) / 30)).all()
    many = expected > 20
    assert (np.abs(drawn.var(axis=0)[many] / expected[many] - 1) < 4 * np.sqrt(2 / 29)).all()
    # the same events, whatever bins they are in
    assert draw(1, which=other).sum() == draw(1).sum()
    np.testing.assert_array_equal(draw(1), drawn[1])


@pytest.mark.parametrize("state", ["blind", "pseudo_data", "unblind"])
def test_the_observation_is_what_the_config_says(analysis, state):
    config, found, surveys = analysis
    observable = create_observable(
        settings_of(kind="network", bins=3, hidden=[8]), FEATURES, np.ones((5, 2)),
        jax.random.key(0),
    )  # fmt: skip
    settings = Observation(mu=2.0, signal="signal", **({} if state == "blind" else {state: True}))
    config = config.model_copy(update={"observation": settings})
    hard = fill_histograms(observable, found, config.channels, surveys, FEATURES)["hard"]
    of_signal = [source for source in found if source.name == "signal"]
    of_others = [source for source in found if source.sample != "signal"]

    def observed(signal, simulated, injected):
        return observe(
            config, signal, observable, simulated, injected, surveys, ["data.root"], hard
        ).values

    counted = observed("signal", found, [])
    # the same for another hypothesis, into which the signal is injected
    np.testing.assert_array_equal(observed("other", of_others, of_signal), counted)
    expected = 2 * hard["signal"].values + hard["background"].values
    if state == "blind":
        np.testing.assert_allclose(counted, expected, rtol=1e-12)
    else:
        np.testing.assert_array_equal(counted, counted.round())
    if state == "pseudo_data":
        assert abs(counted.sum() - expected.sum()) < 5 * np.sqrt(expected.sum())
    if state == "unblind":
        assert counted.sum() == 300


def test_the_table_says_what_is_there(analysis):
    config, _, surveys = analysis
    rows = yields_table(surveys)
    check_inputs(surveys, config.samples, config.channels, {})
    text = format_table(rows)
    assert "control_region" in text
    effects = {
        (r["region"], r["variation"]): r["effect"] for r in rows if r["sample"] == "background"
    }
    assert effects["high", "scale_up"] > 0.05  # events move up into the region
    assert effects["high", ""] is None


def one(tmp_path, events, **changes):
    write(tmp_path / "a.root", events)
    settings = {"weights": {"s": "w"}, "split": Split(branch="event")} | changes
    return Source(
        Template("s"), (str(tmp_path / "a.root"),), settings.pop("tree", "events"), **settings
    )


BAD = {
    "a feature that is not finite": (
        {"mass": np.where(np.arange(50) == 7, np.nan, 1.0)}, {},
        r"sample 's': .*a.root: feature 'mass' is nan in event 7; exclude such events",
    ),
    "a weight that is not finite": (
        {"w": np.where(np.arange(50) == 3, np.inf, 1.0)}, {},
        r"sample 's': .*a.root: weight 'w' is inf in event 3",
    ),
    "no weight": ({"w": np.zeros(50)}, {}, r"the weights in .*a.root add up to 0"),
    "no event": ({k: v[:0] for k, v in columns(50, 1, True).items()}, {}, r"there is no event in"),
    "a missing tree": ({}, {"tree": "Events"}, r"a.root has no tree 'Events'; it has events"),
    "a missing branch": (
        {}, {"weights": {"s": "weight"}},
        r"a.root: there is no branch 'weight' in it, for weight 'weight'; it has mass",
    ),
    "a misspelt branch": (
        {}, {"weights": {"s": "w * masss"}},
        r"no branch 'masss' in it, for weight 'w \* masss'; did you mean 'mass'",
    ),
    "numbers of events that are not integers": (
        {"event": np.arange(50) + 0.5}, {}, r"branch 'event' of split.branch: .* must be integers",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_events_are_named(tmp_path, case):
    events, changes, message = BAD[case]
    source = one(tmp_path, {**columns(50, 1, True), **events}, **changes)
    with pytest.raises(InputError, match=message):
        survey(source, ["mass"], (region("all"),))


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


def test_jagged_branches_and_text_are_refused(tmp_path):
    ak = pytest.importorskip("awkward")

    with uproot.recreate(tmp_path / "j.root") as file:
        file["events"] = {
            "jets": ak.Array([[1.0, 2.0], [], [3.0]]),
            "name": ak.Array(["a", "b", "c"]),
        }
    for name, kind in (("jets", "lists of different length"), ("name", "text")):
        source = Source(Template("s"), (str(tmp_path / "j.root"),), "events", {"s": "1"}, Split())
        with pytest.raises(InputError, match=f"branch '{name}' holds {kind}, not one number"):
            survey(source, [name], (region("all"),))


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


@pytest.mark.parametrize("precision", ["f4", "f8"])
def test_a_region_and_an_observable_bin_a_value_alike(tmp_path, precision):
    """As a double, whatever the branch: 0.7 in single precision is below the edge 0.7."""
    values = np.repeat(np.arange(11) / 10, 20).astype(precision)
    write(tmp_path / "a.root", {"v": values})
    source = Source(Template("s"), (str(tmp_path / "a.root"),), "events", {"s": "1"})
    edges = [0.0, 0.3, 0.7, 1.0]
    right = np.histogram(values.astype("f8"), edges)[0]
    binned = (region("r", fit="variable", variable="v", edges=edges),)
    assert survey(source, [], binned, "training")["regions"]["r"]["s"]["bins"] == right.tolist()
    settings = settings_of(kind="variable", variable="v", edges=edges)
    observable = create_observable(settings, ["v"], np.ones((2, 1)), jax.random.key(0))
    filled = fill_histograms(observable, [source], (region("r"),), {}, ["v"])
    np.testing.assert_array_equal(filled["hard"]["s"].values, right)
    np.testing.assert_array_equal(filled["soft"]["s"].values, right)


def test_an_event_without_a_score_is_named_with_its_file(tmp_path):
    """1e300 is no number for a network in single precision; NaN is the sign of a cut."""
    regions = (region("low", "mass < 90", "count"), region("high", "mass >= 90"))
    events = columns(300, 1, True)
    inside = np.flatnonzero(events["mass"] >= 90)
    split = Split()
    evaluated = inside[uniform(inside) >= 0.6]
    events["pt"][evaluated[5]] = 1e300
    write(tmp_path / "huge.root", events)
    source = Source(Template("s"), (str(tmp_path / "huge.root"),), "events", {"s": "w"}, split)
    observable = create_observable(
        settings_of(kind="network", bins=3, hidden=[8, 8]), ["mass", "pt"],
        np.random.default_rng(0).normal([120, 50], [30, 40], (100, 2)), jax.random.key(0),
    )  # fmt: skip
    known = {"s": survey(source, ["mass", "pt"], regions)}
    with pytest.raises(
        InputError,
        match=rf"sample 's': .*huge.root, event {evaluated[5]} has a score that is not a number; "
        r"its most extreme features: pt = 1e\+300, mass = ",
    ):
        fill_histograms(observable, [source], regions, known, ["mass", "pt"])
    sets = load_events([source], ["mass", "pt"], regions, known, "evaluation", ALL)
    with pytest.raises(InputError, match="'s': event 5 has a score that is not a number"):
        scores_of(observable, sets)


@pytest.mark.parametrize("kind", ["network", "cuts", "joint"])
def test_histograms_have_all_the_weight_of_their_events(analysis, kind):
    """Of both signs too; of observables with cuts that of the events that pass."""
    _, found, _ = analysis
    background = [s for s in found if s.name == "background"]
    cuts = [{"variable": "mass", "side": "above", "start": 100.0}]
    settings = {
        "network": {"kind": "network", "bins": 3, "hidden": [8]},
        "cuts": {"kind": "cuts", "cuts": cuts},
        "joint": {"kind": "network", "bins": 3, "hidden": [8], "cuts": cuts},
    }[kind]
    (source,) = (replace(s, weights={"background": "w - 1.2 * (event % 2)"}) for s in background)
    everything = (region("all"),)
    known = {"background": survey(source, FEATURES, everything)}
    observable = create_observable(
        settings_of(**settings), FEATURES,
        np.random.default_rng(0).normal([120, 3], [30, 1], (100, 2)), jax.random.key(0),
    )  # fmt: skip
    sets = load_events([source], FEATURES, everything, known, "evaluation", ALL)
    weights = sets.weights["background"]
    assert weights.min() < 0
    passing = sets.features["background"][:, 0] > 100 if kind != "network" else weights != 0
    filled = fill_histograms(observable, [source], everything, known, FEATURES)
    total = math.fsum(weights[passing])
    assert filled["hard"]["background"].values.sum() == pytest.approx(total, rel=1e-9)
    counted = hard_histograms(observable, sets, scores_of(observable, sets))["background"]
    np.testing.assert_allclose(filled["hard"]["background"].values, counted.values, rtol=1e-9)
    if kind == "network":
        assert filled["soft"]["background"].values.sum() == pytest.approx(total, rel=1e-9)


def test_scores_that_are_not_numbers_do_not_make_a_histogram(analysis):
    config, found, surveys = analysis
    sets = load_events(found, FEATURES, config.channels, surveys, "evaluation", ALL)
    observable = create_observable(
        settings_of(kind="network", bins=3, hidden=[8]),
        FEATURES,
        np.ones((5, 2)),
        jax.random.key(0),
    )
    scores = scores_of(observable, sets)
    scores["signal"] = np.where(np.arange(len(scores["signal"])) == 3, np.nan, scores["signal"])
    with pytest.raises(InputError, match="histogram 'signal': its bins add up to"):
        hard_histograms(observable, sets, scores)


def checked(tmp_path, regions, background=None, signal=None):
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
    with pytest.raises(InputError) as error:
        check_inputs(surveys, samples, regions, {})
    return str(error.value)


def test_what_no_later_step_could_use_is_refused(tmp_path):
    empty = (region("a"), region("b", "mass > 1000", "count"))
    assert "region 'b': no event of any sample passes its selection 'mass > 1000'" in checked(
        tmp_path, empty
    )
    narrow = (region("a", "mass < 51"),)
    text = checked(tmp_path, narrow)
    assert "sample 'signal' (" in text
    assert "has no event in a region with the observable (a: 'mass < 51')" in text
    high = columns(100, 2, False) | {"mass": np.full(100, 60.0)}
    above = (region("a", "mass < 100"), region("b", "mass >= 100", "count"))
    assert "region 'b': no background event passes" in checked(tmp_path, above, background=high)
    same = columns(100, 1, True)
    assert "have the same events; remove one" in checked(tmp_path, (region("a"),), same, same)
    alike = columns(100, 1, True) | {"event": np.ones(100, dtype=int)}
    assert "has no event in the" in checked(tmp_path, (region("a"),), signal=alike)
    negative = columns(1000, 2, False)
    negative["w"] = np.where(negative["pt"] > 60, -1.0, 1.0)
    binned = (region("a", "mass > 60"), region("b", "mass <= 60", "variable", "pt", (0, 60, 90)))
    assert "'background' has a negative yield" in checked(tmp_path, binned, background=negative)


def test_weights_are_surveyed_apart(analysis):
    config, found, surveys = analysis
    for source in found:
        known = surveys[source.name]
        weights = survey_weights(source, config.channels, known["factor"])
        for channel, rows in weights.items():
            assert set(rows) == set(source.weights) - {source.name}
            assert rows == {name: known["regions"][channel][name] for name in rows}


def test_a_batch_needs_so_many_events(analysis):
    config, _, surveys = analysis
    batches = {"neos": 10_000}
    with pytest.raises(InputError, match=r"'signal' has .* batch of 'neos' is 10000"):
        check_inputs(surveys, config.samples, config.channels, batches)


def test_reading_ahead_changes_nothing_but_the_time():
    assert list(ahead(iter([3, None, 4]))) == [3, None, 4]
    with pytest.raises(ZeroDivisionError):
        list(ahead(1 / k for k in (1, 0)))
