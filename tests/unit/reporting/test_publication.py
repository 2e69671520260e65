"""What is published: valid for HEPData, read by LaTeX, in archives that say what they hold."""

import copy
import json
import re

import numpy as np
import pytest
import yaml
from allowed import NAMES
from hypothesis import given
from hypothesis import strategies as st
from latex_page import typeset
from matplotlib.figure import Figure
from PIL import Image
from test_covariance import workspace

from hone.analysis.sections import Publication
from hone.analysis.short_names import letters
from hone.errors import HoneError, InputError
from hone.reporting.markup import latex
from hone.reporting.publication.archive import (
    write_tar,
)
from hone.reporting.publication.covariance import background_prediction
from hone.reporting.publication.hepdata import make_submission, validate, write_submission
from hone.reporting.publication.latex import number, number_macros, with_band, yields_tables
from hone.reporting.publication.tables import Result
from hone.results.selection import selected_files
from hone.running.files import write_json
from hone.statmodel.templates import Histogram

LIMITS = {
    "observed_limit": 0.151, "expected_limits": [0.0878, 0.1317, 0.2138, 0.3584, None],
    "observed_cls": 2.38e-8, "expected_cls": [3.5e-11, 4.2e-9, 4.1e-7, 2.9e-5, 1.1e-3],
    "observed_p0": None, "expected_p0": 7.4e-3, "sigma_mu": 0.258,
    "expected_limits_postfit": [0.08, 0.12, 0.2, 0.3, 0.5],
    "expected_cls_postfit": [3.5e-11, 4.2e-9, 4.1e-7, 2.9e-5, 1.1e-3],
    "level": 0.05, "poi": "mu", "reasons": {"+2 sigma limit": "CLs does not cross 0.05"},
    "scan": {
        "mu": [0.0, 0.1], "observed": [1.0, 0.2], "expected": [[1.0, 0.1 * k] for k in range(5)],
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def prediction():
    return background_prediction(workspace(), "s")


def result(prediction, signal="s", observable="neos", **parameters):
    templates = {name: Histogram(np.ones(5), np.full(5, 0.04)) for name in ("s", "b", "c")}
    edges = {"control": np.array([0, 1, 2.5]), "signal_region": np.array([0, 0.2, 0.7, 1])}
    spec = json.loads(json.dumps(workspace()).replace('"name": "s"', f'"name": "{signal}"'))
    templates[signal] = templates["s"]
    axes = {"control": "mass"}
    return Result(signal, observable, parameters, LIMITS, spec, templates, edges, axes, prediction)


def documents(folder):
    return list(yaml.safe_load_all((folder / "submission.yaml").read_text()))


def table(folder, name):
    found = yaml.safe_load((folder / f"{name}.yaml").read_text())
    columns = found["independent_variables"] + found["dependent_variables"]
    return {column["header"]["name"]: column["values"] for column in columns}


def test_the_submission_is_valid_and_holds_the_numbers(prediction, tmp_path):
    likelihoods = tmp_path / "likelihoods.tar.gz"
    write_tar(likelihoods, {"a": b"a"})
    figures = [tmp_path / f"{name}.png" for name in ("s__neos__templates", "s__comparison")]
    for figure in figures:
        Figure(figsize=(4, 3)).savefig(figure)
    folder = tmp_path / "hepdata"
    found = Publication(reactions=["P P --> ZPRIME X"], energies=[13600.0])
    write_submission(
        *with_folder(
            make_submission([result(prediction)], "mine", "data", likelihoods, figures, found),
            folder,
        )
    )
    head, *tables = documents(folder)
    resources = {r["location"]: r for r in head["additional_resources"]}
    assert resources["likelihoods.tar.gz"]["type"] == "HistFactory"
    assert not [name for name in resources if name.endswith(".png")]
    keywords = {k["name"]: k["values"] for k in tables[0]["keywords"]}
    assert keywords == {
        "observables": ["CLS"], "reactions": ["P P --> ZPRIME X"], "cmenergies": [13600.0],
    }  # fmt: skip
    assert [t["name"] for t in tables] == [
        "neos limits", "neos s CLs scan", "neos s histogram control",
        "neos s histogram signal_region", "neos s background covariance",
        "neos s background correlation",
    ]  # fmt: skip
    with Image.open(folder / "s__neos__templates.thumb.png") as small:
        assert max(small.size) <= 240
    images = [r["location"] for r in tables[2]["additional_resources"]]
    assert images == ["s__neos__templates.png", "s__neos__templates.thumb.png"]

    limits = table(folder, "neos_limits")
    assert limits["Expected limit, median"] == [{"value": 0.2138}]
    assert limits["Expected limit, +2 sigma"] == [{"value": "-"}]
    assert limits["Observed limit (data)"] == [{"value": 0.151}]
    histogram = table(folder, "neos_s_histogram_signal_region")
    assert histogram["Observable neos"][1] == {"low": 0.2, "high": 0.7}
    assert table(folder, "neos_s_histogram_control")["mass"][1] == {"low": 1.0, "high": 2.5}
    spec = workspace()
    observed = [v["value"] for v in histogram["Observed (data)"]]
    assert observed == spec["observations"][1]["data"]
    (sample,) = (s for s in spec["channels"][1]["samples"] if s["name"] == "b")
    for k, cell in enumerate(histogram["Background b"]):
        assert cell["value"] == pytest.approx(sample["data"][k], rel=1e-5)
        errors = {e["label"]: e for e in cell["errors"]}
        assert errors["stat, simulation"]["symerror"] == 0.2
        up = sample["modifiers"][0]["data"]["hi_data"][k] - sample["data"][k]
        assert errors["sys, shape"]["asymerror"]["plus"] == pytest.approx(up, rel=1e-5)
        rate = errors["sys, rate"]["asymerror"]["minus"]
        assert rate == pytest.approx(-0.05 * sample["data"][k], rel=1e-5)
    total = histogram["Total background (pre-fit)"][2]
    assert total["value"] == pytest.approx(prediction.rates[4], rel=1e-5)
    sigma = np.sqrt(prediction.covariance[4, 4])
    assert total["errors"][0]["symerror"] == pytest.approx(sigma, rel=1e-5)
    covariance = table(folder, "neos_s_background_covariance")
    found = np.array([v["value"] for v in covariance["Covariance"]]).reshape(5, 5)
    np.testing.assert_allclose(found, prediction.covariance, rtol=1e-8)
    assert covariance["Bin"][5] == {"value": "control bin 2"}
    assert covariance["Other bin"][5] == {"value": "control bin 1"}
    assert np.linalg.eigvalsh(found).min() > 0


def with_folder(made, folder):
    submission, figures = made
    return submission, folder, figures


def test_equal_results_give_equal_bytes(prediction, tmp_path):
    figure = tmp_path / "s__neos__cls_scan.png"
    Figure(figsize=(4, 3)).savefig(figure)
    content = []
    for name in ("first", "second"):
        made = make_submission([result(prediction)], "mine", "data", figures=[figure])
        write_submission(*with_folder(made, tmp_path / name))
        content.append({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()})
    assert content[0] == content[1]


def test_nothing_observed_leaves_a_blind_analysis(prediction, tmp_path):
    spec = json.dumps(workspace())
    write_submission(make_submission([result(prediction)], "mine", None)[0], tmp_path / "a")
    text = "".join(p.read_text() for p in (tmp_path / "a").iterdir())
    assert not re.search(r"Observed (limit|CLs|\()", text)
    assert "the analysis is blind" in text
    assert "0.151" not in text
    counts = json.loads(spec)["observations"][0]["data"]
    assert not re.search(rf"value: {counts[0]}\b", text)


def test_pseudo_data_is_called_so(prediction, tmp_path):
    made = make_submission([result(prediction)], "mine", "pseudo-data")[0]
    write_submission(made, tmp_path / "a")
    assert "Observed limit (pseudo-data)" in table(tmp_path / "a", "neos_limits")
    assert "of pseudo-data, not of data" in documents(tmp_path / "a")[0]["comment"]


def test_hypotheses_with_parameters_share_a_table_of_limits(prediction, tmp_path):
    several = [result(prediction, f"{mass}-1", mass=mass) for mass in (500, 700)]
    write_submission(make_submission(several, "mine", "data")[0], tmp_path / "a")
    limits = table(tmp_path / "a", "neos_limits")
    assert limits["mass"] == [{"value": 500.0}, {"value": 700.0}]
    # 500-1 alone would be refused as a range
    assert limits["Signal"][0] == {"value": "signal 500-1"}


def test_without_a_covariance_the_reason_is_given(tmp_path):
    made = make_submission([result("the fit did not converge")], "mine", "data")[0]
    write_submission(made, tmp_path / "a")
    names = [document.get("name", "") for document in documents(tmp_path / "a")]
    assert not [name for name in names if "covariance" in name]
    assert "no covariance of the backgrounds: the fit did not converge" in str(
        documents(tmp_path / "a")
    )


def test_names_that_are_long_or_alike_stay_apart(prediction, tmp_path):
    long = "a" * 60
    alike = [("t", "a_s"), ("s_t", "a"), ("t", "A_s"), (long, long), (long, long.upper())]
    several = [result(prediction, signal, observable) for signal, observable in alike]
    write_submission(make_submission(several, "mine", "data")[0], tmp_path / "a")
    names = [document["name"] for document in documents(tmp_path / "a")[1:]]
    files = [document["data_file"] for document in documents(tmp_path / "a")[1:]]
    assert len(set(names)) == len(set(files)) == 5 * 6
    assert max(map(len, names)) <= 64


def test_an_invalid_submission_is_an_error(prediction, tmp_path):
    write_submission(make_submission([result(prediction)], "mine", "data")[0], tmp_path)
    path = tmp_path / "neos_limits.yaml"
    path.write_text(path.read_text().replace("name: Signal", "nom: Signal"))
    with pytest.raises(HoneError, match=r"neos_limits\.yaml"):
        validate(tmp_path)


def macros(text):
    """Names and contents, as TeX would read them: balanced braces, nothing between the lines."""
    found = {}
    for line in text.splitlines():
        if not line or line.startswith("%"):
            continue
        match = re.fullmatch(r"\\newcommand\{\\([A-Za-z]+)\}\{(.*)\}", line)
        assert match, line
        name, body = match.groups()
        depth = 0
        for token in re.findall(r"\\.|[{}]", body):
            depth += {"{": 1, "}": -1}.get(token, 0)
            assert depth >= 0, line
        assert depth == 0, line
        assert not re.search(r"(?<!\\)[%#&$]", body), line
        assert name not in found, "LaTeX refuses a second \\newcommand"
        found[name] = body
    return found


def test_macros_are_the_numbers():
    text = number_macros({("zp500", "neos"): LIMITS}, "mine", "abc123", "data")
    found = macros(text)
    assert found["honeZpFiveZeroZeroNeosExpectedLimit"] == r"\ensuremath{0.214}"
    assert found["honeZpFiveZeroZeroNeosExpectedCLs"] == r"\ensuremath{4.10 \times 10^{-7}}"
    band = r"\ensuremath{0.214^{+0.145}_{-0.082}}"
    assert found["honeZpFiveZeroZeroNeosExpectedLimitBand"] == band
    assert found["honeZpFiveZeroZeroNeosConfidenceLevel"] == r"\ensuremath{95\,\%}"
    assert found["honeZpFiveZeroZeroNeosObservedLimit"] == r"\ensuremath{0.151}"
    assert "config digest abc123" in text
    # what does not exist has no macro but a reason
    assert "honeZpFiveZeroZeroNeosExpectedLimitPlusTwoSigma" not in found
    assert "honeZpFiveZeroZeroNeosObservedPZero" not in found
    assert "% no +2 sigma limit: CLs does not cross 0.05" in text


def test_a_blind_analysis_has_no_observed_macros():
    text = number_macros({("s", "o"): LIMITS}, "mine", "abc", None)
    assert not [name for name in macros(text) if "Observed" in name or "Postfit" in name]
    assert "the analysis is blind" in text


@given(
    # what a config may have together: no two read the same
    st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=6, unique_by=lambda place: macro(place))
)
def test_no_two_macros_have_one_name(places):
    found = macros(number_macros(dict.fromkeys(places, LIMITS), "mine", "abc", "data"))
    of_one = len(macros(number_macros({places[0]: LIMITS}, "mine", "abc", "data")))
    assert len(found) == of_one * len(places)
    named = {(found[n], found[n[:-6] + "Observable"]) for n in found if n.endswith("Signal")}
    assert named == {(latex(signal), latex(observable)) for signal, observable in places}


def macro(place):
    return "".join(map(letters, place))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"), (0.2138, "0.214"), (9.996, "10.0"), (0.00074, r"7.40 \times 10^{-4}"),
        (0.001, "0.00100"), (123.4, "123"), (12345.0, "12300"), (99960.0, r"1.00 \times 10^{5}"),
        (3.5e-11, r"3.50 \times 10^{-11}"),
    ],
)  # fmt: skip
def test_numbers_have_three_digits(value, shown):
    assert number(value) == rf"\ensuremath{{{shown}}}"


def test_bands_share_their_digits():
    assert with_band(1.0, 2.0, 4.0) == r"\ensuremath{2.0^{+2.0}_{-1.0}}"
    expected = r"\ensuremath{(2.1^{+1.4}_{-1.0}) \times 10^{-4}}"
    assert with_band(1.1e-4, 2.1e-4, 3.5e-4) == expected
    assert with_band(0.0, 0.0, 0.0) == r"\ensuremath{0.0^{+0.0}_{-0.0}}"


FITTED = {
    "prefit": {"sr_1": {
        "samples": {"b": [90.0, 10.0], "s": [5.0, 15.0]}, "total": 120.0, "total_uncertainty": 11.6,
    }},
    "postfit": {"sr_1": {
        "samples": {"b": [80.0, 9.04], "s": [0.5, 1.5]}, "total": 91.04, "total_uncertainty": 0.283,
    }},
    "observation": {"sr_1": [82.0, 9.0]},
    "notes": ["the expected rate of bin 2 is zero at the best fit"],
}  # fmt: skip


def test_yields_are_summed_and_have_as_many_digits_as_their_uncertainty():
    text = yields_tables({("s", "neos"): FITTED}, "pseudo-data")
    rows = [line.removesuffix(r" \\").split(" & ") for line in text.splitlines() if " & " in line]
    assert rows[1:] == [
        ["b", "100", "89.04"],
        ["s", "20", "2.00"],
        ["Total", r"$120 \pm 12$", r"$91.04 \pm 0.28$"],
        ["Pseudo-data", "91", "91"],
    ]
    assert r"\multicolumn{3}{l}{sr\_1}" in text
    assert f"% {FITTED['notes'][0]}" in text.splitlines()
    # a fit that ends where no rate is left has no error by the Hessian
    lost = copy.deepcopy(FITTED)
    lost["postfit"]["sr_1"]["samples"]["b"] = [80.0, -1.5]
    assert r"Total & $120 \pm 12$ & $91.04$ \\" in yields_tables({("s", "neos"): lost}, "data")


def test_yields_of_a_blind_analysis_are_those_before_the_fit():
    text = yields_tables({("s", "neos"): FITTED}, None)
    assert "pm 12" in text
    assert "89.04" not in text
    assert "91" not in text


def test_latex_reads_numbers_and_yields(tmp_path):
    results = {("s_1", "neos"): LIMITS}
    (tmp_path / "numbers.tex").write_text(number_macros(results, "mine", "abc", "pseudo-data"))
    (tmp_path / "yields.tex").write_text(yields_tables({("s", "neos"): FITTED}, "pseudo-data"))
    body = r"\input{numbers} The limit is \honeSOneNeosExpectedLimitBand. \input{yields}"
    assert "Overfull" not in typeset(body, tmp_path)


def test_letters_and_escapes():
    assert letters("zp500-a_b") == "ZpFiveZeroZeroAB"
    assert letters("7") == "Seven"
    assert latex("a_b & 50%\\") == r"a\_b \& 50\%\textbackslash{}"


def test_the_selected_seed_is_taken(tmp_path):
    paths = [tmp_path / f"s/o/seed{k}/limits.json" for k in (1, 2)]
    choice = tmp_path / "s/o/selected.json"
    write_json(choice, {"seed": 2})
    assert selected_files([choice], paths) == {("s", "o"): paths[1]}
    with pytest.raises(InputError, match="names seed 2"):
        selected_files([choice], paths[:1])
