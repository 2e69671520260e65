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

from hone.reporting.describe import describe

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "workflow" / "report"
RULES = sorted(ROOT.glob("workflow/rules/*.smk"))
CAPTIONS = sorted(FOLDER.glob("*.rst"))
WILDCARDS = {
    "analysis": "a", "signal": "s_1", "observable": "neos", "seed": "1", "study": "bins",
    "template": "background",
}  # fmt: skip


def items():
    """The arguments of every ``report(...)``, with the file of rules that it stands in."""
    for path in RULES:
        text = path.read_text()
        for start in re.finditer(r"\breport\(\n", text):
            depth, end = 1, start.end()
            while depth:
                depth += {"(": 1, ")": -1}.get(text[end], 0)
                end += 1
            arguments = text[start.end() : end - 1]
            target = re.search(r'"([^"]+)"', arguments).group(1)
            yield pytest.param(path, arguments, id=f"{path.stem}-{target}")


@pytest.mark.parametrize(("path", "arguments"), list(items()))
def test_every_item_has_a_caption_a_category_and_labels(path, arguments):
    assert set(re.findall(r"^\s*(\w+)=", arguments, re.MULTILINE)) >= {
        "category",
        "caption",
        "labels",
    }
    caption = re.search(r'caption="([^"]+)"', arguments).group(1)
    assert (path.parent / caption).resolve() in CAPTIONS
    assert re.search(r'category="[A-Z][a-z]+"', arguments)
    labels = dict(re.findall(r'"(\w+)": "([^"]+)"', arguments))
    # one order of columns in every category
    assert list(labels) == ["figure", "signal", "observable"]
    used = set(re.findall(r"{(\w+)}", arguments))
    assert used - {"FIGURE", "ANALYSIS", "RESULT"} <= set(WILDCARDS)


def test_items_are_found_and_every_caption_is_used():
    found = [param.values[1] for param in items()]
    written = sum(len(re.findall(r"\breport\(", path.read_text())) for path in RULES)
    assert len(found) == written > 10
    used = {Path(re.search(r'caption="([^"]+)"', arguments).group(1)).name for arguments in found}
    assert used == {path.name for path in CAPTIONS}


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
    config = {
        "analysis": "a", "seed": 1, "samples": [], "systematics": [], "regions": [],
        "normfactors": [{"name": "free", "sample": "b"}], "observables": [],
    }  # fmt: skip
    captions = {path.stem: path.read_text() for path in CAPTIONS}
    figures = [f"results/a/figures/s__{name}.png" for name in captions]
    text = describe(config, "table", figures, captions, {"versions": {}})
    assert "{{" not in text
    assert "- free normalisations: free" in text
