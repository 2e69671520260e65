"""Results that another config, code or ntuples made are found by the records beside their logs."""

import os

import pytest

from hone.running.job_records import (
    errors_since,
    forget,
    job_digests,
    write_error,
    write_record,
)
from hone.running.stale_results import Difference, differences, explain

PARAMS = {
    "bins": 3, "contents": {"a.root": "1"},
    "made_by": {"code": "c", "versions": {"numpy": "2.0", "old": "1"}},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """A job of two outputs, one that is not there any more, one of a rule that is no more."""
    for name, rule in (("a", "fill"), ("b", "fill"), ("gone", "fill"), ("c", "retired")):
        outputs = [str(tmp_path / f"{name}.{end}") for end in ("json", "csv")]
        for path in outputs:
            if name != "gone":
                (tmp_path / path).write_text("{}")
        made = {"rule": rule, "wildcards": {"name": name}, **job_digests(PARAMS)}
        write_record(tmp_path / "logs" / rule / f"{name}.log", outputs, made)
    (tmp_path / "logs" / "damaged.json").write_text("{")
    return tmp_path


def found(folder, runs_again=lambda *_: False, **changes):
    now = job_digests({**PARAMS, **changes})
    digests = {"fill": now, "elsewhere": now}
    return list(
        differences(
            folder, lambda rule, _: digests.get(rule), runs_again,
            lambda rule, _: rule != "elsewhere",
        )
    )  # fmt: skip


def test_equal_results_are_taken(folder):
    assert found(folder, lambda *_: pytest.fail("nothing differs")) == []


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"bins": 4}, "settings"),
        ({"contents": {"a.root": "2"}}, "ntuples"),
        ({"contents": {}}, "ntuples"),
        ({"made_by": {**PARAMS["made_by"], "code": "d"}}, "code"),
        (
            {"made_by": {"code": "c", "versions": {"numpy": "2.1", "new": "1"}}},
            "versions (new none, here 1; numpy 2.0, here 2.1; old 1, here none)",
        ),
    ],
)
def test_what_differs_is_named(folder, changes, what):
    paths = [str(folder / f"{name}.json") for name in "ab"]
    assert found(folder, **changes) == [Difference("fill", what, path, False) for path in paths]
    text = explain(folder, found(folder, **changes), "why not")
    assert f"- other {what} in fill: {paths[0]} and 1 more" in text
    assert f"rm -r {folder}" in text


def test_what_another_rule_makes_now_is_not_taken(folder):
    """As of an observable of another kind under its old name."""
    path = folder / "d.json"
    path.write_text("{}")
    made = {"rule": "elsewhere", "wildcards": {}, **job_digests(PARAMS)}
    write_record(folder / "logs" / "elsewhere" / "d.log", [str(path)], made)
    assert found(folder) == [Difference("elsewhere", "rule", str(path), False)]


def test_what_snakemake_makes_anew_by_itself_is_told_apart(folder):
    asked = []

    def runs_again(rule, wildcards, outputs):
        asked.append((rule, wildcards["name"], len(outputs)))
        return wildcards["name"] == "a"

    assert [d.runs_again for d in found(folder, runs_again, bins=4)] == [True, False]
    assert asked == [("fill", "a", 2), ("fill", "b", 2)]


def test_contents_are_not_settings():
    """So that the message says which of both it is."""
    one, two = (job_digests({**PARAMS, "contents": {"a.root": k}}) for k in "12")
    assert {key for key in one if one[key] != two[key]} == {"ntuples"}
    assert "ntuples" not in job_digests({**PARAMS, "contents": {}})


def test_why_jobs_of_this_run_failed_is_said_once(tmp_path):
    logs = [tmp_path / "logs" / rule / "a.log" for rule in ("old", "survey", "fill", "again")]
    for log, message in zip(logs, ("of old", "no branch", "no branch", "mended"), strict=True):
        write_error(log, message, {"wildcards": [], "inputs": []})
    os.utime(logs[0].with_suffix(".error"), (1e9, 1e9))
    forget(logs[-1])
    assert errors_since(tmp_path / "logs", 1e9 + 1) == ["no branch"]
    assert errors_since(tmp_path / "nothing", 0.0) == []
    for sample, path, why in (
        ("tt", "tt.root", "text"), ("wjets", "410470.root", "text"), ("data", "d.root", "none"),
    ):  # fmt: skip
        own = {"wildcards": [sample], "inputs": [path]}
        said = f"rule survey ({sample}): sample {sample!r}: {path}, event {len(path)}: pt is {why}"
        write_error(tmp_path / f"of/{sample}.log", said, own)
    assert errors_since(tmp_path / "of", 0.0) == [
        "rule survey (tt): sample 'tt': tt.root, event 7: pt is text; likewise (wjets)",
        "rule survey (data): sample 'data': d.root, event 6: pt is none",
    ]


def test_one_cause_of_several_rules_is_said_once(tmp_path):
    """With what is said most of it first, and the number of jobs where these are many."""
    unusable, no_event = "the inputs cannot be used:", "'s' (s.root) has no event in a region"
    for number, (rule, jobs, what) in enumerate(
        [
            (
                "survey",
                ["b__jes_up"],
                "variation 'b__jes_up': bu.root: there is no branch 'pt' in its tree 'up'",
            ),
            (
                "survey",
                ["b__jer_up"],
                "sample 'b': b.root: there is no branch 'pt' in its tree 'e'",
            ),
            ("survey", ["b"], "sample 'b': b.root: there is no branch 'pt' in its tree 'e'"),
            (
                "survey",
                ["b__jes_down"],
                "sample 'b': b.root: there is no branch 'pt' in its tree 'e'",
            ),
            ("weights", ["b"], "sample 'b': b.root: there is no branch 'pt' in its tree 'e'"),
            ("survey", ["c__jes_up"], "sample 'c': c.root: there is no branch 'w'"),
            *(
                ("train", ["s", observable], f"{unusable}\n- {no_event} ({observable}: r 'x')")
                for observable in ("neos", "bce", "cuts", "mass")
            ),
            (
                "check_inputs",
                [],
                f"{unusable}\n- 'g' has no event\n- {no_event} (neos: r 'x', b: r)",
            ),
            ("fill", ["s", "1"], "ValueError: x (traceback in logs/fill/s/1.log)"),
            ("fill", ["s", "2"], "ValueError: x (traceback in logs/fill/s/2.log)"),
            ("other", ["s", "2"], "ValueError: y (traceback in logs/fill/s/2.log)"),
        ]
    ):
        which = f" ({', '.join(jobs)})" if jobs else ""
        log = tmp_path / f"{number}.log"
        # A variation has a file of its own, and its job may look at that of the sample.
        sample, varied, _ = (*jobs, "")[0].partition("__")
        inputs = [f"{sample}u.root", f"{sample}.root"] if varied else [f"{sample}.root"]
        write_error(log, f"rule {rule}{which}: {what}", {"wildcards": jobs, "inputs": inputs})
        os.utime(log.with_suffix(".error"), (1e9 + number, 1e9 + number))
    first, branch, weight, value, other = errors_since(tmp_path, 0.0)
    assert first == (
        f"rule check_inputs: {unusable}\n- 'g' has no event\n- {no_event} (neos: r 'x', b: r); "
        "likewise rule train (s, neos), rule train (s, bce), rule train (s, cuts) and 1 more"
    )
    # the sample first, whichever job has told it
    assert branch == (
        "rule survey (b): sample 'b': b.root: there is no branch 'pt' in its tree 'e'; likewise in "
        "its variations, rule weights (b)"
    )
    assert weight == (
        "rule survey (c): sample 'c': c.root: there is no branch 'w'; likewise in its variations"
    )
    assert (
        value == "rule fill (s, 1): ValueError: x (traceback in logs/fill/s/1.log); likewise (s, 2)"
    )
    assert other.startswith("rule other (s, 2): ValueError: y")
