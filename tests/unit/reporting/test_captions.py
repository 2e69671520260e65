"""What the report shows says what it is: category, labels and a caption for every item."""

import re
from pathlib import Path
from types import SimpleNamespace

import jinja2
import pytest
from allowed import NAMES
from docutils import nodes
from docutils.core import publish_doctree, publish_parts
from hypothesis import given

from hone.analysis import Analysis
from hone.analysis.report_items import ITEMS
from hone.reporting.describe import describe

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "workflow" / "report"
RULES = sorted(ROOT.glob("workflow/rules/*.smk"))
CAPTIONS = sorted(FOLDER.glob("*.rst"))
WILDCARDS = {
    "analysis": "a", "signal": "s_1", "observable": "neos", "seed": "1", "study": "bins",
    "template": "background",
}  # fmt: skip


def test_every_item_has_a_caption_a_category_and_a_label():
    assert set(ITEMS) == {path.stem for path in CAPTIONS}
    for item in ITEMS.values():
        assert re.fullmatch("[A-Z][a-z]+", item.category)
        assert item.label
        assert set(re.findall(r"{(\w+)}", item.label)) <= set(WILDCARDS)


def test_every_item_is_made_by_a_rule():
    rules = "".join(path.read_text() for path in RULES)
    calls = re.findall(r"\breport\(", rules)
    assert len(calls) == 1, "all go through shown(), which gives them a caption"
    drawn = set(re.findall(r'"(plot_\w+)"', "".join(re.findall(r"figures\(.*", rules))))
    for kind, item in ITEMS.items():
        assert item.rule in drawn if item.rule else f'shown("{kind}"' in rules, kind


def rendered(path, wildcards):
    template = jinja2.Template(path.read_text(), undefined=jinja2.StrictUndefined)
    return template.render(snakemake=SimpleNamespace(wildcards=SimpleNamespace(**wildcards)))


@given(NAMES, NAMES, NAMES)
def test_names_in_captions_are_words(signal, observable, study):
    """A trailing underscore would be a reference, and a missing one an error on the page."""
    names = {**WILDCARDS, "signal": signal, "observable": observable, "study": study}
    text = "\n\n".join(rendered(path, names) for path in CAPTIONS)
    page = publish_doctree(text, settings_overrides={"halt_level": 2})
    assert not list(page.findall(nodes.reference))
    assert observable in page.astext()


@pytest.mark.parametrize("path", CAPTIONS, ids=lambda path: path.stem)
def test_captions_say_what_is_shown_and_are_valid(path):
    text = " ".join(rendered(path, WILDCARDS).split())
    assert 60 < len(text) < 1200
    assert text.endswith(".")
    publish_parts(text, writer="html", settings_overrides={"halt_level": 2})


def test_the_readme_of_results_names_wildcards_in_words():
    config = Analysis.model_validate(
        {
            "analysis": "a", "seed": 1, "samples": [],
            "normfactors": [{"name": "free", "sample": "b"}],
        }
    )  # fmt: skip
    captions = {path.stem: path.read_text() for path in CAPTIONS}
    figures = [f"results/a/figures/s/neos/{name}.png" for name in captions]
    text = describe(config, "the result", "| table |", figures, captions, {"versions": {}})
    assert "{{" not in text
    assert "- free normalisations: free" in text
    # the result first, then how to make it again
    parts = (
        "the result",
        "![Upper limits",
        "| table |",
        "report.html",
        "## Figures",
        "$ snakemake",
    )
    assert sorted(parts, key=text.index) == list(parts)
