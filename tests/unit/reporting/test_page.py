"""The report says the limit, what limits it and what did not pass, of whatever there is."""

import json
import re
from html import unescape
from pathlib import Path

import pytest
import yaml
from page_results import CONFIG, limits, results
from PIL import Image

from hone.analysis import checked_config
from hone.reporting.describe import true_of
from hone.reporting.page import page
from hone.reporting.page.words import observation, result, summary
from hone.results.folder import Folder
from hone.running.files import write_json

ROOT = Path(__file__).parents[3]
CAPTIONS = {path.stem: path.read_text() for path in ROOT.glob("workflow/report/*.rst")}


def put_figures(folder, colour=(190, 30, 1)):
    """A picture in the place of every figure."""
    known = Folder(folder)
    for path in known.files.figures("png") + known.files.animations():
        place = folder / known.within(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (60, 40), colour).save(place)


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
    assert details["Pseudo-data"] == (
        "μ < 0.150 with neos (asymptotic), 6 % below bce-edges, 21 % below bce"
    )
    assert "pseudo-data" in observation(folder)
    text = words_of(page(folder, CAPTIONS))
    assert text.index("μ < 0.214") < text.index("pyhf of bce-edges did not pass") < 1500


def test_what_did_not_pass_is_linked_and_told(blobs):
    text = page(Folder(blobs), CAPTIONS)
    (address,) = re.findall(r'href="#(check-[^"]*)">pyhf of bce-edges', text)
    assert f'<tr id="{address}"' in text
    assert "its free fit &lt;failed&gt;" in text
    assert "in 1 of 1 seeds a fit of pyhf failed" in text


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
        }, "limit": {
            "expected": 0.3, "statistical": 0.1, "groups": {"jes": 0.3, "scale": 0.15, "x": None},
        }},
    )  # fmt: skip
    folder = Folder(path)
    found = result(folder, "signal")
    assert found.line.startswith("μ_a < 0.300 expected")
    assert dict(found.details)["What limits it"] == (
        "systematics: the limit of the selected seed, 0.300, is 200\N{NO-BREAK SPACE}% above that "
        "without systematic uncertainties; without one of these: scale 0.150"
    )
    assert dict(found.details)["Uncertainty of μ_a"] == (
        "0.500 expected at μ_a = 1, 0.400 of it "
        "statistical with free normalisations; free normalisations 0.35, scale 0.3"
    )
    stored = json.loads((path / "signal/o/fit.json").read_text())
    stored["breakdown"] |= {"mu": None, "negative": True, "hessian": 0.3, "systematic": 0.42}
    write_json(path / "signal/o/fit.json", stored)
    negative = dict(result(Folder(path), "signal").details)["Uncertainty of μ_a"]
    assert negative.startswith(
        "0.500 in the fit with negative μ_a allowed (not Gaussian: 0.300 by the Hessian), 0.400 of"
    )
    assert dict(found.details)["Best fit"] == "μ_a = 0.00 (at its bound), μ_b = 1.2 ± 0.5"
    interval = {"observed": {"best_fit": 0.0, "interval": [None, 0.043]}}
    write_json(path / "signal/o/likelihood.json", {"poi": "mu_a", "profile": interval})
    folder = Folder(path)
    best = "0.00 +0.04 (at its bound), μ_b = 1.2 ± 0.5"
    assert dict(result(folder, "signal").details)["Best fit"] == f"μ_a = {best}"
    shown = words_of(page(folder, CAPTIONS))
    assert "goodness of fit of o" in shown
    # no error at a bound
    none = "\N{EN DASH}"
    assert f"mu_a 0.000 {none} {none} at its bound; 0.00 +0.04 by its profile likelihood" in shown
    # a scan without the ends of the interval takes no error away
    interval = {"observed": {"best_fit": 1.25, "interval": [None, None]}}
    write_json(path / "signal/o/likelihood.json", {"poi": "mu_b", "profile": interval})
    folder = Folder(path)
    assert dict(result(folder, "signal").details)["Best fit"].endswith("μ_b = 1.2 ± 0.5")
    assert "by its profile likelihood" not in words_of(page(folder, CAPTIONS))


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
