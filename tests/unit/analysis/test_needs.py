"""What rules need, asked of the analysis as Snakemake does it: functions of wildcards."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from hone.analysis import checked_config, parts
from hone.analysis.files import Files
from hone.analysis.needs import Needs, any_of
from hone.analysis.report_items import ITEMS, labels
from hone.analysis.trainings import Trials

ROOT = Path(__file__).parents[3]
READ = ["signal.root", "background_1.root", "background_2.root"]


def wildcards(**values):
    return SimpleNamespace(**{"signal": "signal", "observable": "neos", **values})


@pytest.fixture
def config(config):
    """The second signal is what is injected."""
    return config | {"observation": {"mu": 1.0, "signal": "heavy"}}


def needs_of(config):
    files = Files(checked_config(config))
    return Needs(files, {path: f"digest of {path}" for path in files.own}, "ancient({})".format)


@pytest.fixture
def needs(config):
    return needs_of(config)


@pytest.fixture
def blobs():
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    return Needs(Files(checked_config(config)), {})


def test_deleted_results_are_missed_and_none_of_a_run_that_has_not_begun(blobs, tmp_path):
    files = Files(blobs.analysis, str(tmp_path / "results"))
    assert files.missing() == []
    for path in map(Path, files.of_all()):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert files.missing() == []
    deleted = files.of_seed("signal", "neos", 1) + "/limits.json"
    Path(deleted).unlink()
    assert files.missing() == [deleted]


def test_constraints_match_the_names_and_nothing_else():
    assert re.fullmatch(any_of(["a", "b-1"]), "b-1")
    assert not re.fullmatch(any_of(["a.c"]), "abc")
    assert not re.fullmatch(any_of([]), "")


def test_a_group_is_of_the_breakdown_and_of_no_other_rule(config):
    """Or an edit of it would train again."""

    def found(given):
        needs = needs_of(given)
        pair = (needs.analysis, "signal", "neos")
        of_pair = (parts.of_training, parts.of_histograms, parts.of_model, parts.of_reading)
        template = next(iter(needs.templates.values()))
        of_events = (parts.of_survey, parts.of_weights)
        return needs.groups()(wildcards()), [
            *(part(*pair) for part in of_pair),
            *(part(needs.analysis, template) for part in of_events),
            parts.of_floor(needs.analysis),
        ]

    groups, before = found(config)
    assert groups == {}
    for systematic in config["systematics"]:
        systematic["group"] = "detector"
    groups, after = found(config)
    names = list(dict.fromkeys(s["name"] for s in config["systematics"]))
    assert groups == {"detector": names}
    assert after == before


def test_of_the_users_own_files_the_contents_count_and_not_the_times(needs):
    found = needs.events("training")(wildcards())
    background = ["background_1.root", "background_2.root"]
    assert found["training"][:3] == [f"ancient({path})" for path in READ]
    assert found["surveys"][0] == "results/ntuples/inputs/signal.json"
    params = needs.reading(parts.of_training, "training")
    assert params["files"](wildcards())["training"]["background"] == background
    assert params["contents"](wildcards())["signal.root"] == "digest of signal.root"
    assert "data.root" not in params["contents"](wildcards())
    assert needs.template_events()(wildcards(template="background")) == [
        f"ancient({path})" for path in background
    ]
    assert set(needs.template_contents()(wildcards(template="background"))) == set(background)


def test_generated_events_count_by_their_times(blobs):
    found = blobs.events("training", "validation")(wildcards())
    assert found["validation"][0] == "results/blobs/events/validation/signal.root"
    assert [Path(path).stem for path in found["surveys"]] == [
        "signal", "background", "background__shape_up", "background__shape_down",
    ]  # fmt: skip
    assert blobs.training("training")["contents"](wildcards()) == {}
    assert blobs.observed() == ["results/blobs/events/observed/data.root"]
    template = wildcards(template="background__shape_up")
    assert blobs.template_events()(template) == [
        "results/blobs/events/evaluation/background__shape_up.root"
    ]


def test_histograms_need_the_injected_signal_of_another_hypothesis(needs):
    inputs = needs.histogram_events()
    assert inputs(wildcards())["injected"] == ["ancient(heavy.root)"]
    assert inputs(wildcards())["surveys"][-1] == "results/ntuples/inputs/heavy.json"
    assert inputs(wildcards(signal="heavy"))["injected"] == []
    params = needs.histograms()
    assert params["files"](wildcards())["injected"] == {"heavy": ["heavy.root"]}
    assert "heavy.root" in params["contents"](wildcards())
    assert [s["name"] for s in params["injected"](wildcards())["samples"]] == ["heavy"]


@pytest.mark.parametrize(("unblind", "data"), [(False, []), (True, ["ancient(data.root)"])])
def test_data_are_needed_once_they_are_unblinded(config, unblind, data):
    needs = needs_of({**config, "observation": {"unblind": unblind}})
    assert needs.observed() == data
    assert ("data.root" in needs.histograms()["contents"](wildcards())) is unblind
    assert needs.analysis.observed == ("data" if unblind else None)


def test_jobs_of_all_seeds_share_their_parameters(needs):
    part = needs.part(parts.of_model, "limits")
    assert part(wildcards(seed="1")) is part(wildcards(seed="2"))
    assert part(wildcards()) is not part(wildcards(signal="heavy"))
    assert part(wildcards()) == parts.of_model(needs.analysis, "signal", "neos", "limits")


def test_files_of_seeds_and_of_signals(config):
    config["observables"].append({"name": "together", "kind": "ensemble", "source": "neos"})
    needs = needs_of(config)
    found = needs.selected("limits")
    seeds = found["limits"](wildcards())
    assert seeds == [f"results/ntuples/signal/neos/seed{k}/limits.json" for k in (1, 2, 3)]
    assert found["selected"](wildcards()) == "results/ntuples/signal/neos/selected.json"
    of_all_signals = SimpleNamespace(observable="neos")
    assert found["selected"](of_all_signals) == [
        f"results/ntuples/{signal}/neos/selected.json" for signal in ("signal", "heavy")
    ]
    assert len(found["limits"](of_all_signals)) == 2 * len(seeds)
    assert found["limits"](SimpleNamespace()) == needs.files.of_seeds("limits.json")
    rebinned = wildcards(observable="neos-edges", seed="2")
    models = [f"results/ntuples/signal/neos/seed{k}/model.safetensors" for k in (1, 2, 3)]
    assert needs.source_models()(rebinned) == models[1:2]
    ensemble = wildcards(observable="together", seed="1")
    assert needs.source_models()(ensemble) == models
    assert list(needs.analysis.seeds("together")) == [1]


def test_a_region_of_another_observable_needs_its_selected_seed(config):
    """But not where that observable, or one that it is made from, is trained or fitted itself."""
    config["observables"] += [
        {"name": "mass", "kind": "variable", "variable": "mass", "edges": [0, 100, 200]},
        config["observables"][0] | {"name": "bce", "objective": "bce", "edges": "equal"},
    ]
    config["regions"][2].update(fit="observable", observable="neos-edges")
    needs = needs_of(config)
    place = "results/ntuples/heavy/neos-edges"
    expected = [
        f"{place}/selected.json",
        *(f"{place}/seed{k}/model.safetensors" for k in (1, 2, 3)),
    ]
    of_template = wildcards(signal="heavy", observable="bce", template="data")
    inputs = [needs.events("training"), needs.histogram_events()]
    for observable, wanted in (
        ("bce", expected), ("mass", expected), ("neos", []), ("neos-edges", []),
    ):  # fmt: skip
        of = wildcards(signal="heavy", observable=observable)
        assert [found(of)["regions"] for found in inputs] == [wanted] * 2
        of_training = needs.training("training")["analysis"](of)["regions"][2]
        assert ("observable" in of_training) is bool(wanted)
    assert needs.scored()["regions"](of_template) == expected
    # What events are read for does not depend on it.
    surveyed = needs.of_template(parts.of_survey)(wildcards(template="signal"))["regions"]
    config["regions"][2]["observable"] = "mass"
    other = needs_of(config).of_template(parts.of_survey)
    assert other(wildcards(template="signal"))["regions"] == surveyed


def test_an_observable_has_the_features_that_it_names(config):
    config["observables"][0]["features"] = ["log(pt)"]
    needs = needs_of(config)
    for observable in ("neos", "neos-edges"):
        made = needs.training("training")["analysis"](wildcards(observable=observable))
        assert made["features"] == ["log(pt)"]
    surveyed = needs.of_template(parts.of_survey)(wildcards(template="signal"))
    assert surveyed["features"] == ["mass", "log(pt)"]


def test_with_folds_a_seed_has_a_network_for_each(config):
    config["observables"][0]["tune"] = {"grid": {"l2": [0.0, 0.1]}}
    config["observables"].append({"name": "together", "kind": "ensemble", "source": "neos"})
    needs = needs_of({**config, "split": {"branch": "event", "folds": 3}})
    place = "results/ntuples/signal/neos/seed{}/fold{}/model.safetensors"
    assert needs.networks("model.safetensors")(wildcards()) == [
        place.format(k, 1) for k in (1, 2, 3)
    ]
    assert needs.models()(wildcards(seed="2")) == [place.format(2, fold) for fold in (1, 2, 3)]
    assert len(needs.all_networks("history.csv")(wildcards())) == 9
    rebinned = wildcards(observable="neos-edges", seed="2", fold="3")
    assert needs.source_models()(rebinned) == [place.format(2, 3)]
    ensemble = wildcards(observable="together", seed="1", fold="3")
    assert needs.source_models()(ensemble) == [place.format(k, 3) for k in (1, 2, 3)]
    trials = Trials(needs.files).histories(wildcards())
    assert trials == [
        f"results/ntuples/signal/neos/trials/trial{k}/seed1/fold{fold}/history.csv"
        for k in (1, 2)
        for fold in (1, 2, 3)
    ]
    assert needs.training("training")["fold"](rebinned) == 3
    # what is computed of the templates is one
    assert len(needs.selected("limits")["limits"](wildcards())) == 3
    every = needs.files.of_all_seeds()
    assert place.format(2, 3) in every
    assert place.format(2, 1).replace("fold1/model.safetensors", "limits.json") in every
    assert len(every) == len(set(every))


@pytest.mark.parametrize("together", [False, True])
def test_a_training_knows_of_other_seeds_only_if_they_share_its_program(config, together):
    one, more = (
        needs_of({**config, "observables": [{**config["observables"][0], **changes}]})
        .training("training")["analysis"](wildcards())
        for changes in ({"seeds": k, "together": together} for k in (2, 5))
    )  # fmt: skip
    assert (one == more) is not together


def test_sets_of_events_with_weights_of_their_own(needs, blobs):
    assert set(needs.weighted) == {"signal", "background"}
    assert blobs.weighted == []
    assert "background__scale_down" in needs.templates
    survey = needs.of_template(parts.of_survey)(wildcards(template="heavy"))
    assert [s["name"] for s in survey["samples"]] == ["heavy"]


def test_figures_name_their_hypothesis_where_there_are_several(needs, blobs):
    assert needs.title()(wildcards(signal="heavy")) == "neos, heavy"
    assert blobs.title()(wildcards()) == "neos"


def test_an_own_objective_is_a_parameter(config, tmp_path):
    (tmp_path / "mine.py").write_text("def loss(model):\n    return 1.0\n")
    config["observables"][0]["objective"] = "mine:loss"
    config["modules"] = "."
    own = needs_of(config).training("training")["own_objective"]
    before = own(wildcards())
    assert before["folder"] == "."
    assert own(wildcards(observable="neos-edges")) == {}


def test_every_item_says_what_it_is_of():
    assert labels("limits", "figures/{observable}/limits.png") == {
        "figure": "limits", "signal": "all", "observable": "{observable}",
    }  # fmt: skip
    assert labels("study", "figures/{signal}/study_{study}.png")["observable"] == "several"
    assert labels("table", "table.csv", "table (CSV)")["figure"] == "table (CSV)"
    assert all(labels(kind, "")["signal"] == "all" for kind in ITEMS)


def test_what_is_binned_is_the_variable_where_there_is_one(config):
    config["observables"].append(
        {"name": "mass-bins", "kind": "variable", "variable": "mass", "edges": [0, 50, 200]}
    )
    config["regions"].append({"name": "other", "fit": "observable", "observable": "neos"})
    fixed = {"control_region": "pt", "high": "Count"}
    needs = needs_of(config)
    own = needs.binned()(wildcards())
    assert own == fixed | {"signal_region": "observable", "other": "observable"}
    of_mass = needs.binned()(wildcards(observable="mass-bins"))
    assert of_mass == fixed | {"signal_region": "mass", "other": "Observable neos"}
