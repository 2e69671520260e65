"""The words of the report are those of the config, for every ready analysis."""

from pathlib import Path
from types import SimpleNamespace

import jinja2
import pytest
import yaml
from docutils.core import publish_parts

from hone.config import checked_config
from hone.report import how_it_was_made, results_table
from hone.run_times import RuleTime

ROOT = Path(__file__).parents[2]
TEMPLATE = (ROOT / "workflow/report/workflow.rst").read_text()
CATEGORIES = ("Inputs", "Results")
ROW = {
    "signal": "s_1", "observable": "neos", "expected_limit": 0.2, "expected_cls": 1e-7,
    "expected_p0": None, "sigma_mu": 0.25, "gain_expected_limit": 12.34,
    "gain_expected_limit_error": 0.56,
}  # fmt: skip


def rendered(config):
    """As Snakemake does it."""
    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    categories = [SimpleNamespace(name=name) for name in CATEGORIES]
    snakemake = SimpleNamespace(config=config)
    return environment.from_string(TEMPLATE).render(snakemake=snakemake, categories=categories)


def configs():
    for path in sorted(ROOT.glob("config/*.yaml")):
        yield pytest.param(path, id=path.stem)


@pytest.mark.parametrize("path", list(configs()))
def test_the_landing_page_says_what_each_observable_is(path):
    config = checked_config(yaml.safe_load(path.read_text()), ROOT / "config")
    text = " ".join(rendered(config).split())
    for observable in config["observables"]:
        said = text.partition(f"- *{observable['name']}* (")[2].partition(" - ")[0]
        if observable["kind"] == "rebinned":
            assert f"weights of {observable['source']} with" in said
        elif observable["kind"] == "variable":
            assert "variable" in said
        else:
            assert f"``{observable['objective']}``" in said
    for entry in (*config["samples"], *config["systematics"]):
        assert f"*{entry['name']}*" in text
    for region in config["regions"]:
        assert region["name"] in text


@pytest.mark.parametrize("path", list(configs()))
def test_the_landing_page_is_valid_and_begins_with_the_result(path, tmp_path, monkeypatch):
    config = checked_config(yaml.safe_load(path.read_text()), ROOT / "config")
    place = tmp_path / "results" / config["analysis"]
    place.mkdir(parents=True)
    (place / "headline.txt").write_text("s_1: the limit is 0.2.\n")
    (place / "table.rst").write_text(results_table([ROW], {"s_1": {"expected_cls": 1e-8}}))
    times = [RuleTime("train_observable", 2, 30.04, 20.0)]
    (place / "run.rst").write_text(how_it_was_made(times))
    monkeypatch.chdir(tmp_path)
    links = "".join(f"\n.. _{name}: javascript:app.showCategory('{name}')" for name in CATEGORIES)
    page = publish_parts(
        rendered(config) + "\n\n" + links, writer="html", settings_overrides={"halt_level": 2}
    )["html_body"]
    assert page.index("the limit is 0.2") < page.index("neos") < page.index("The analysis")
    for words in ("+12.3 ± 0.6", "none", "(floor)", "1.00e-08", "train_observable", "30.0", "jax"):
        assert words in page
    assert page.count("<ul") >= 2


def test_tables_hold_what_names_hold():
    text = results_table([{**ROW, "observable": "a|b*`c`_"}], {})
    page = publish_parts(text, writer="html", settings_overrides={"halt_level": 2})["html_body"]
    assert "a|b*`c`_" in page
