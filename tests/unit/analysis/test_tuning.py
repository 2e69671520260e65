"""Settings that are searched: which trials there are, and what cannot be tried."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from hone.analysis import Analysis, checked_config, parts
from hone.analysis.files import Files
from hone.analysis.needs import Needs
from hone.analysis.settings import plain
from hone.analysis.trainings import Trials, trainings
from hone.analysis.tuning import Tuning
from hone.errors import ConfigError

ROOT = Path(__file__).parents[3]
GRID = {"learning_rate": [0.001, 0.003, 0.01], "hidden": [[8], [8, 8]]}


def config(tune, **changes):
    found = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    found["observables"][0].update(tune=tune, **changes)
    return found


def analysis(**tune):
    return checked_config(config({"grid": GRID, **tune}))


def test_trials_are_the_grid_or_a_part_that_grows_with_their_number():
    assert analysis().observables[0].tune.numbers(1) == [1, 2, 3, 4, 5, 6]
    drawn = [set(analysis(trials=k).observables[0].tune.numbers(1)) for k in (1, 2, 4, 6)]
    assert list(map(len, drawn)) == [1, 2, 4, 6]
    assert drawn[0] < drawn[1] < drawn[2] < drawn[3]
    others = {tuple(analysis(trials=3).observables[0].tune.numbers(seed)) for seed in range(20)}
    assert len(others) > 5


def test_a_number_means_the_same_settings_however_the_grid_is_written():
    """The record of a config may have its keys in another order."""
    tunes = [Tuning(grid=dict(sorted(GRID.items(), reverse=r)), trials=3) for r in (False, True)]
    combinations = [[t.combination(k) for k in range(1, 7)] for t in tunes]
    assert combinations[0] == combinations[1]
    assert combinations[0][:2] == [
        {"hidden": [8], "learning_rate": 0.001}, {"hidden": [8], "learning_rate": 0.003},
    ]  # fmt: skip
    assert tunes[0].numbers(4) == tunes[1].numbers(4)


def test_a_trial_is_an_observable_with_its_settings():
    chosen = analysis(steps=300).observables[0]
    before = {**plain(chosen), "tune": None}
    shorter = {"hidden": [8, 8], "learning_rate": 0.003, "steps": 300}
    assert (
        chosen.trial(5).model_dump()
        == Analysis.model_validate(config({"grid": GRID}))
        .observables[0]
        .model_copy(update={"tune": None, **shorter})
        .model_dump()
    )
    assert {**plain(chosen.with_settings({})), "tune": None} == before


BAD = {
    "misspelled": (
        {"learning_rat": [1]}, {}, "tune: grid: unknown setting 'learning_rat'; did you mean",
    ),
    "out of range": (
        {"learning_rate": [0.1, 3]}, {},
        "tune: a trial with learning_rate: 3 is not possible: learning_rate: 3 must be at most 1",
    ),
    "not together": (
        {"optimiser": ["sgd", "adam"], "optimiser_arguments": [{"momentum": 0.9}]}, {},
        'with optimiser: "adam", optimiser_arguments: {"momentum": 0.9} is not possible: '
        "optimiser_arguments: adam has no argument 'momentum'",
    ),
    "another kind's": (
        {"temperature": [[1, 0.1]]}, {}, "'temperature' does not apply to 'network'",
    ),
    "no list": ({"l2": 0.1}, {}, "tune.grid.l2: 0.1 is not of type list"),
    "twice": ({"hidden": [[8], [8]]}, {}, r"tune.grid.hidden: [8] is listed more than once"),
    "which jobs": ({"seeds": [1, 2]}, {}, "seeds decides which jobs there are"),
    "which question": ({"bins": [3, 4]}, {}, "bins decides what trials are compared by"),
    "steps twice": ({"steps": [100]}, {"steps": 100}, "steps are given for all trials, and in"),
    "too short": ({"l2": [0.1]}, {"steps": 50}, "validate_every: must be at most steps (50)"),
    "too few": ({"l2": [0.1]}, {"trials": 2}, "the grid has 1 combinations, fewer than 2 trials"),
    "too many": (
        {name: [k / 1e3 for k in range(11)] for name in ("l1", "l2", "dropout")}, {},
        "the grid has 1331 combinations; at most 1000 are allowed",
    ),
    "more than there are": (
        {"batch": [2000, 60_000]}, {}, "observables['neos'].batch: 60000 events are more than the",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_tried_is_refused_before_any_job(case):
    grid, others, message = BAD[case]
    with pytest.raises(ConfigError) as error:
        checked_config(config({"grid": grid, **others}))
    assert message in str(error.value)
    assert len(str(error.value).splitlines()) == 2, "said once"


def test_what_is_not_known_beforehand_is_nothing_to_rely_on():
    """The layers of a start, the axis of a study."""
    given = config({"grid": GRID})
    given["observables"][1]["start_from"] = "neos"
    given["studies"] = [
        {
            "name": "rates",
            "against": "learning_rate",
            "lines": ["hidden"],
            "observables": ["neos", "bce"],
        }
    ]
    with pytest.raises(ConfigError) as error:
        checked_config(given)
    for line in (
        "observables['bce'].start_from: neos tunes its hidden, which must be known beforehand",
        "studies['rates'].against: neos tunes its learning_rate, which has no one value",
        "studies['rates'].lines: neos tunes its hidden, which has no one value",
    ):
        assert line in str(error.value)


def wildcards(**values):
    return SimpleNamespace(signal="signal", observable="neos", **values)


def test_trials_are_jobs_and_the_best_is_an_input_of_every_seed():
    found = analysis(trials=2, steps=300)
    files = Files(found)
    needs, trials = Needs(files, {}), Trials(files)
    first, second = found.observables[0].tune.numbers(found.seed)
    place = "results/blobs/signal/neos"
    assert trials.histories(wildcards()) == [
        f"{place}/trials/trial{k}/seed1/history.csv" for k in (first, second)
    ]
    assert list(trials.settings(wildcards())) == [first, second]
    assert trials.chosen(wildcards(seed="2")) == [f"{place}/tuned.json"]
    assert trials.chosen(wildcards(trial="2")) == []
    of_trial, of_seed = (
        needs.training("training")["analysis"](wildcards(**chosen))["observables"]
        for chosen in ({"trial": str(first)}, {"seed": "2"})
    )
    settings = files.trials("neos")[first]
    assert {key: of_trial[0][key] for key in settings} == settings
    assert (of_trial[0]["steps"], of_seed[0]["steps"]) == (300, 1000)
    # what was searched is not taken for what the config says itself, nor the other way round
    without = config(None)
    del without["observables"][0]["tune"]
    assert of_seed != parts.of_training(checked_config(without), "signal", "neos")["observables"]
    assert "tune" not in of_trial[0]
    assert f"{place}/tuned.json" in files.of_all()
    assert "results/blobs/figures/signal/neos/trials.png" in files.figures("png")
    (rule,) = (t for t in trainings(files) if t.rule == "train_trial")
    assert rule.observables == ["neos"]
    assert rule.outputs("{signal}/{observable}/seed{seed}") == {
        "histories": ["{signal}/{observable}/trials/trial{trial}/seed1/history.csv"]
    }
    assert trials.chosen(SimpleNamespace(signal="signal", observable="bce", seed="1")) == []


@pytest.mark.parametrize(("observable", "trial"), [("neos", 7), ("bce", 1), ("bce-edges", 1)])
def test_what_is_left_of_a_trial_of_another_config_is_none_of_this(observable, trial):
    with pytest.raises(LookupError):
        parts.of_training(analysis(), "signal", observable, trial)


def test_a_trial_starts_from_the_first_seed_of_its_start():
    given = config({"grid": {"l2": [0.0, 0.1]}})
    given["observables"][1].update(start_from="neos", tune={"grid": {"l1": [0.0, 0.1]}})
    start = Needs(Files(checked_config(given)), {}).start()
    found = start(SimpleNamespace(signal="signal", observable="bce", trial="2"))
    assert found == ["results/blobs/signal/neos/seed1/model.safetensors"]
