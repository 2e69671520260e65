"""The words of the report are those of the config, for every ready analysis."""

import re
from pathlib import Path
from types import SimpleNamespace

import jinja2
import pytest
import yaml
from allowed import TEXTS
from docutils import nodes
from docutils.core import publish_doctree, publish_parts
from hypothesis import given
from settings import observable

from hone.analysis import checked_config
from hone.reporting.comparison_table import rst
from hone.reporting.first_page import first_page, how_it_was_made
from hone.running.run_times import RuleTime

ROOT = Path(__file__).parents[3]
CATEGORIES = ("Inputs", "Results")
ROW = {
    "signal": "s_1", "observable": "neos", "expected_limit": 0.2, "expected_cls": 1e-7,
    "expected_p0": None, "sigma_mu": 0.25, "gain_expected_limit": 12.34,
    "gain_expected_limit_error": 0.56, "baseline": "bce",
}  # fmt: skip


def rendered(config, headline="s_1: the limit is 0.2.\n", rows=(ROW,)):
    """As Snakemake does it."""
    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    table = rst(rows, {"s_1": {"expected_cls": 1e-8}})
    made = how_it_was_made([RuleTime("train_observable", 2, 30.04, 20.0)])
    page = environment.from_string(first_page(config, headline, table, made))
    links = "".join(f"\n.. _{name}: javascript:app.showCategory('{name}')" for name in CATEGORIES)
    return page.render(categories=[SimpleNamespace(name=name) for name in CATEGORIES]) + links


def configs():
    for path in sorted(ROOT.glob("config/*.yaml")):
        yield pytest.param(path, id=path.stem)


@pytest.mark.parametrize("path", list(configs()))
def test_the_landing_page_says_what_each_observable_is(path):
    config = checked_config(yaml.safe_load(path.read_text()), path)
    page = publish_doctree(rendered(config), settings_overrides={"halt_level": 2})
    items = [item.astext() for item in page.findall(nodes.list_item)]
    for entry in config.observables:
        said = next(item for item in items if item.startswith(f"{entry.name} ("))
        if entry.kind == "rebinned":
            assert f"weights of {entry.source} with" in said
        elif entry.kind == "variable":
            assert "variable" in said
        else:
            assert entry.objective in said
    stressed = [node.astext() for node in page.findall(nodes.emphasis)]
    for entry in (*config.samples, *config.systematics):
        assert entry.name in stressed
    for region in config.regions:
        assert region.name in page.astext()


def test_the_landing_page_says_what_is_binned_of_several_outputs():
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    config["observables"] = [
        {"name": "plane", "kind": "two_dimensional", "objective": "cls", "bins": [4, 3]},
        {"name": "regions", "kind": "categories", "objective": "limit", "bins": [5, 1, 1]},
        {"name": "both", "kind": "network", "objective": "p0", "bins": 4, "failing": "bin",
         "cuts": [{"variable": "x", "side": "below"}]},
    ]  # fmt: skip
    page = first_page(checked_config(config), "", "", "")
    for words in (
        "a network with two outputs trained on the expected CLs (``cls``), 4 x 3 bins of both",
        "an output for each of 3 categories trained on",
        "7 bins (5, 1, 1)",
        "5 bins, one of them of the events that fail its cuts",
    ):
        assert words in page


@pytest.mark.parametrize("path", list(configs()))
def test_the_landing_page_is_valid_and_begins_with_the_result(path):
    config = checked_config(yaml.safe_load(path.read_text()), path)
    page = publish_parts(rendered(config), writer="html", settings_overrides={"halt_level": 2})
    text = page["html_body"]
    assert text.index("the limit is 0.2") < text.index("neos") < text.index("The analysis")
    for words in ("+12.3 ± 0.6", "none", "(floor)", "1.00e-08", "train_observable", "30.0", "jax"):
        assert words in text
    assert text.count("<ul") >= 2
    assert set(re.findall(r'href="(.*?)"', text)) == {
        f"javascript:app.showCategory('{name}')" for name in CATEGORIES
    }


HOSTILE = [
    "pt_", "bkg__", "|x|", "*x*", "`x`", "``x``", "x_ y__", "a|b*`c`_", "\\", "{{ 7 * 7 }}",
    "{% raw %}", "`x <javascript:alert(1)>`_", "javascript:alert(1)",
    "https://x.org", "a@x.org", "[1]_", "\\" * 8,
    "|x|_", ":raw:`x`", "- x", "1. x", "======", "<b>x</b>", "&lt;", "$x$",
    "x\n\n.. include:: /etc/passwd\n",
    "x\n\n.. raw:: html\n\n   <script>\n", "x\n\n.. _y: javascript:alert(1)\n", "Inputs_",
]  # fmt: skip


def shown_as_written(names):
    """Whether a page with the names says what they are, and nothing more."""
    config = checked_config(yaml.safe_load((ROOT / "config/config.yaml").read_text()))
    binned = observable(name="neos", kind="variable", variable=names[0], edges=[0, 1])
    config = config.model_copy(update={"features": names, "observables": [binned]})
    rows = [{**ROW, "observable": name} for name in names]
    page = publish_doctree(
        rendered(config, "\n\n".join(" ".join(name.split()) for name in names), rows),
        settings_overrides={"halt_level": 2},
    )
    allowed = {"reference", "target"}
    kinds = {node.tagname for node in page.findall(nodes.Element)} - allowed
    assert not kinds & {"raw", "image", "literal_block", "comment", "system_message", "title"}
    links = {node["refuri"] for node in page.findall(nodes.reference)}
    assert links == {f"javascript:app.showCategory('{name}')" for name in CATEGORIES}
    text = " ".join(page.astext().split())
    assert all(" ".join(name.split()) in text for name in names)
    cells = [node.astext() for node in page.findall(nodes.entry)]
    assert all(" ".join(name.split()) in cells for name in names)


def test_names_come_out_as_they_are_written():
    shown_as_written(HOSTILE)


@given(TEXTS)
def test_any_name_comes_out_as_it_is_written(name):
    shown_as_written([name])


def test_reports_neither_include_files_nor_take_html(monkeypatch):
    """Of Snakemake's reports too, by the variable that the workflow sets."""
    monkeypatch.setenv("DOCUTILSCONFIG", str(ROOT / "workflow/report/docutils.conf"))
    text = f".. include:: {__file__}\n\n.. raw:: html\n\n   <script>\n\n:raw:`x`\n"
    page = publish_parts(text, writer="html", settings_overrides={"report_level": 5})["body"]
    assert "HOSTILE" not in page
    assert "<script>" not in page
