"""The report says the limit, what limits it and what did not pass, of whatever there is."""

import json
import re
from html import unescape
from pathlib import Path

import pytest
import yaml
from ntuples import write_analysis
from PIL import Image

from hone.analysis import checked_config
from hone.analysis.fair_baseline import fair_baseline
from hone.analysis.settings import plain
from hone.reporting.describe import true_of
from hone.reporting.page import page
from hone.reporting.page.checks import checks
from hone.reporting.page.words import observation, result, summary
from hone.results.folder import Folder
from hone.results.gains import compared, flatten
from hone.running.files import write_csv, write_json

ROOT = Path(__file__).parents[3]
CAPTIONS = {path.stem: path.read_text() for path in ROOT.glob("workflow/report/*.rst")}
CONFIG = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())


def limits(limit, observed=0.15, notes=(), error=0.004):
    return {
        "observed_limit": observed,
        "expected_limits": [limit and limit * f for f in (0.5, 0.7, 1.0, 1.5, 2.0)],
        "expected_cls": [1e-9, 1e-8, 1e-7, 1e-6, 1e-5], "expected_p0": 0.01, "sigma_mu": 0.25,
        "level": 0.05, "poi": "mu", "reasons": {} if limit else {"observed limit": "too large"},
        "without_staterror": {"expected_limit_error": error},
        "pyhf_check": {
            "expected_limits": [0.05] * 5, "max_difference": 1e-8, "agrees": not notes,
            "notes": list(notes),
        },
    }  # fmt: skip


def results(path, config, found, floor=0.2):
    """A folder with limits by signal and observable, each of one seed."""
    analysis = checked_config(config)
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.yaml").write_text(yaml.safe_dump(plain(analysis)))
    rows = []
    for (signal, observable), of_seed in found.items():
        place = path / signal / observable
        write_json(place / "seed1" / "limits.json", of_seed)
        write_json(place / "selected.json", {"seed": 1})
        rows.append({"signal": signal, "observable": observable, "seed": 1, **flatten(of_seed)})
        if floor:
            write_json(path / signal / "floor.json", {"expected_limit": floor})
    write_csv(path / "comparison.csv", rows)
    write_csv(path / "table.csv", compared(rows, analysis.baseline, fair_baseline(analysis)))
    return path


@pytest.fixture
def blobs(tmp_path):
    """The default analysis, with a workspace that pyhf cannot fit."""
    found = {
        ("signal", "neos"): limits(0.2139),
        ("signal", "bce"): limits(0.3692, observed=0.19),
        ("signal", "bce-edges"): limits(0.3018, observed=0.16, notes=["its free fit <failed>"]),
    }
    return results(tmp_path / "blobs", CONFIG, found, floor=0.2010)


def put_figures(folder, colour=(190, 30, 1)):
    """A picture in the place of every figure."""
    known = Folder(folder)
    for path in known.files.figures("png") + known.files.animations():
        place = folder / known.within(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (60, 40), colour).save(place)


def surveyed(path, sentinels=(), events=10**6):
    """What is known of the events of every template."""
    for template in Folder(path).analysis.templates_of("signal"):
        survey = {
            "sample": template.sample, "sentinels": dict(sentinels), "far_out": {}, "split": True,
            "files": [], "scored": {"training": {"signal_region": events}}, "regions": {},
            "sample_factor": False,
        }  # fmt: skip
        write_json(path / f"inputs/{template.name}.json", survey)


def words_of(text):
    without = re.sub(r"<(style|script)>.*?</\1>", "", text, flags=re.DOTALL)
    return " ".join(unescape(re.sub("<[^>]*>", " ", without)).split())


def test_the_first_line_is_the_result(blobs):
    folder = Folder(blobs)
    found = result(folder, "signal")
    assert found.line.replace("\N{NO-BREAK SPACE}", " ") == (
        "μ < 0.214 expected at 95 % CL, 29 ± 2 % below the classifier with its best edges, "
        "42 ± 1 % below cross-entropy, 6 % above the floor"
    )
    details = {name: text.replace("\N{NO-BREAK SPACE}", " ") for name, text in found.details}
    assert details["Pseudo-data"] == "μ < 0.150 with neos, 6 % below bce-edges, 21 % below bce"
    assert "pseudo-data" in observation(folder)
    text = words_of(page(folder, CAPTIONS))
    assert text.index("μ < 0.214") < text.index("pyhf of bce-edges did not pass") < 1500


def test_what_did_not_pass_is_linked_and_told(blobs):
    text = page(Folder(blobs), CAPTIONS)
    (address,) = re.findall(r'href="#(check-[^"]*)">pyhf of bce-edges', text)
    assert f'<tr id="{address}"' in text
    assert "its free fit &lt;failed&gt;" in text
    assert "in 1 of 1 seeds a fit of pyhf failed" in text


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
        ({"mt": mark}, 10**6, "not passed", "1 note: feature 'mt' is -999 in up to 11% of"),
        ({"mt": mark}, 83, "not passed", "2 notes: feature 'mt' is -999 in up to 11% of"),
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


@pytest.mark.parametrize(("by_toys", "outcome"), [(0.085, "not passed"), (0.055, "passed")])
def test_toys_that_differ_from_the_asymptotic_formulae_do_not_pass(by_toys, outcome, blobs):
    tested = {"toys": {"cls": by_toys, "cls_error": 0.01}, "asymptotic": {"cls": 0.05}}
    content = {
        "poi": "mu", "reasons": {},
        "toys": {"mu": 0.2, "ntoys": 2000, "expected": {"cls": tested}, "observed": None},
    }  # fmt: skip
    write_json(blobs / "signal" / "neos" / "likelihood.json", content)
    (check,) = (c for c in checks(Folder(blobs)) if (c.name, c.observable) == ("toys", "neos"))
    assert check.outcome == outcome
    assert f"{by_toys} ± 0.010 by toys" in check.text


@pytest.mark.parametrize(
    ("relative", "outcome"),
    [([[0.1, 1e-8], [1e-7, None]], "passed"), ([[0.1, 1e-8], [0.01, 0.02]], "not passed")],
)
def test_the_worst_direction_counts_for_the_gradient(relative, outcome, blobs):
    write_json(blobs / "signal/neos/gradient.json", {"relative": relative, "reason": None})
    (check,) = (c for c in checks(Folder(blobs)) if (c.name, c.observable) == ("gradient", "neos"))
    assert check.outcome == outcome


def test_the_page_needs_nothing_but_itself_and_the_folder(blobs):
    put_figures(blobs)
    (blobs / "figures/signal/neos/templates.pdf").write_bytes(b"%PDF")
    text = page(Folder(blobs), CAPTIONS)
    assert "{{" not in text
    for address in re.findall(r'(?:href|src)="([^"]*)"', text):
        assert not re.match("[a-z]+:", address) or address.startswith("data:"), address[:80]
        if address.startswith("#"):
            assert f'id="{address[1:]}"' in text
    assert 'href="figures/signal/neos/templates.pdf">PDF' in text
    pictures = re.findall(r"<img [^>]*>", text)
    # every figure once, two of them beside the result, and the one that is enlarged
    assert len(pictures) == len(list(blobs.rglob("figures/**/*.[pg][ni][gf]"))) + 3
    for picture in pictures[:-1]:
        alternative = unescape(re.search('alt="([^"]*)"', picture)[1])
        assert len(alternative) > 30
        assert "{" not in alternative


def test_many_figures_stay_beside_the_page(blobs, monkeypatch):
    put_figures(blobs)
    monkeypatch.setattr("hone.reporting.page.figures._EMBEDDED", 10)
    text = page(Folder(blobs), CAPTIONS)
    assert 'src="figures/signal/neos/pulls.png" width="60" height="40"' in text
    assert 'src="figures/signal/comparison.png"' not in text


@pytest.mark.parametrize("name", sorted(path.stem for path in ROOT.glob("config/*.yaml")))
def test_every_ready_analysis_has_a_page_even_without_results(name, tmp_path):
    config = yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text())
    analysis = checked_config(config)
    first = analysis.observables[0].name
    found = {(signal, first): limits(None, None) for signal in analysis.signals}
    folder = Folder(results(tmp_path / name, config, found, floor=None))
    whole = page(folder, CAPTIONS)
    text = words_of(whole)
    if not analysis.has_floor:
        told = " ".join(true_of(analysis, caption) for caption in CAPTIONS.values())
        assert "the floor" not in text + told
        assert "the horizontal line is the median." in told
    # what `snakemake publish` makes later is no link
    assert 'href="publication/' not in whole
    assert "no expected limit between 0 and 10" in text
    assert all(entry.name in text for entry in (*analysis.samples, *analysis.systematics))


@pytest.fixture
def ntuples(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_analysis(tmp_path) | {
        "observables": [{"name": "o", "kind": "network", "objective": "cls"}]
    }


def test_a_blind_analysis_shows_nothing_observed(ntuples, tmp_path):
    path = results(tmp_path / "results", ntuples, {("signal", "o"): limits(0.3, None)}, None)
    write_json(
        path / "signal/o/fit.json",
        {"poi": "mu", "reasons": {"goodness_of_fit": "nothing is observed"}, "fit": {
            "labels": ["mu"], "bestfit": [0.1], "uncertainty": [0.2], "on_bound": [],
            "prefit_uncertainty": [None], "goodness_of_fit_toys": None, "goodness_of_fit": None,
        }, "prefit": {}, "postfit": None, "observation": None, "breakdown": None},
    )  # fmt: skip
    text = words_of(page(Folder(path), CAPTIONS))
    assert "Blind: no data have been looked at" in text
    assert "nothing is observed" in text
    assert "Best fit" not in text
    assert "Pseudo-data" not in text
    # of one observable with one seed
    for words in ("Medians", "best in validation", "cross-entropy", "all observables", "Compar"):
        assert words not in text, words


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


def test_strengths_that_are_measured_together_are_named(ntuples, tmp_path):
    """The limit is of the first; the best fit is of all."""
    extra = dict(ntuples["samples"][0], name="other", files="background_2.root")
    config = ntuples | {
        "samples": [*ntuples["samples"], extra],
        "measure": [{"name": "mu_a", "sample": "signal"}, {"name": "mu_b", "sample": "other"}],
        "observation": {"pseudo_data": True},
    }
    path = results(tmp_path / "results", config, {("signal", "o"): limits(0.3)}, None)
    write_json(
        path / "signal/o/fit.json",
        {"poi": "mu_a", "reasons": {}, "fit": {
            "labels": ["mu_b", "mu_a"], "bestfit": [1.25, 0.0], "uncertainty": [0.5, 0.0],
            "on_bound": ["mu_a"], "prefit_uncertainty": [None, None], "goodness_of_fit": None,
            "goodness_of_fit_toys": {"p": 0.01, "toys": 1000}, "deviance": 9.0,
            "degrees_of_freedom": 2,
        }, "prefit": {}, "postfit": None, "observation": None, "breakdown": {
            "mu": 1.0, "negative": False, "total": 0.5, "statistical": 0.4, "systematic": 0.3,
            "hessian": 0.5, "free": {"uncertainty": 0.35},
            "groups": {"scale": {"uncertainty": 0.3}},
        }},
    )  # fmt: skip
    folder = Folder(path)
    found = result(folder, "signal")
    assert found.line.startswith("μ_a < 0.300 expected")
    assert dict(found.details)["What limits it"] == (
        "statistics: the uncertainty of μ_a, expected at μ_a = 1, is 0.500, 0.400 of it "
        "statistical with free normalisations; free normalisations 0.35, scale 0.3"
    )
    stored = json.loads((path / "signal/o/fit.json").read_text())
    stored["breakdown"] |= {"mu": None, "negative": True, "hessian": 0.3, "systematic": 0.42}
    write_json(path / "signal/o/fit.json", stored)
    negative = dict(result(Folder(path), "signal").details)["What limits it"]
    assert negative.startswith(
        "statistics and systematics alike: the uncertainty of μ_a in the fit with negative μ_a "
        "allowed is 0.500 (not Gaussian: 0.300 by the Hessian), 0.400 of"
    )
    assert dict(found.details)["Best fit"] == "μ_a = 0.00 (at its bound), μ_b = 1.2 ± 0.5"
    assert "goodness of fit of o" in words_of(page(folder, CAPTIONS))


def test_many_signals_are_a_range(tmp_path):
    signals = [f"s_{mass}" for mass in (200, 400, 600, 800)]
    config = CONFIG | {
        "samples": [
            *({**CONFIG["samples"][0], "name": name} for name in signals), CONFIG["samples"][1],
        ],
        "observables": CONFIG["observables"][:1],
    }  # fmt: skip
    found = {(name, "neos"): limits(0.1 * k) for k, name in enumerate(signals, 1)}
    folder = Folder(results(tmp_path / "many", config, found, None))
    said = summary(folder).replace("\N{NO-BREAK SPACE}", " ")
    assert "from 0.100 (s_200) to 0.400 (s_800) at 95 % CL" in said
    assert said in words_of(page(folder, CAPTIONS)).replace("\N{NO-BREAK SPACE}", " ")
