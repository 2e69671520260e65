"""The words of the report are those of the config, for every ready analysis."""

from pathlib import Path
from types import SimpleNamespace

import jinja2
import pytest
import yaml

from hone.config import checked_config

ROOT = Path(__file__).parents[2]
TEMPLATE = (ROOT / "workflow/report/workflow.rst").read_text()


def words(config):
    template = jinja2.Template(TEMPLATE, undefined=jinja2.StrictUndefined)
    return " ".join(template.render(snakemake=SimpleNamespace(config=config)).split())


@pytest.mark.parametrize("path", sorted(ROOT.glob("config/*.yaml")), ids=lambda p: p.stem)
def test_the_landing_page_says_what_each_observable_is(path):
    config = checked_config(yaml.safe_load(path.read_text()), ROOT / "config")
    text = words(config)
    for observable in config["observables"]:
        said = text.partition(f"*{observable['name']}* (")[2].partition(")")[0]
        if observable["kind"] == "rebinned":
            assert f"weights of {observable['source']} with" in said
        elif observable["kind"] == "variable":
            assert "variable" in said
        else:
            assert f"``{observable['objective']}``" in said
    for systematic in config["systematics"]:
        assert systematic["name"] in text
    for region in config["regions"]:
        assert region["name"] in text
