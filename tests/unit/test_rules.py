"""Rules as Snakemake knows them: scripts find in them what they ask for."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# In a process of its own: the Snakefile is for one that ends with its run.
NAMES = """
import json
from pathlib import Path
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, ResourceSettings

with SnakemakeApi() as api:
    rules = api.workflow(
        resource_settings=ResourceSettings(cores=1),
        config_settings=ConfigSettings(configfiles=[Path("config/zprime.yaml")]),
        snakefile=Path("Snakefile"),
    )._workflow.rules
    print(json.dumps({
        rule.name: {
            "script": Path(rule.script).stem,
            **{k: list(getattr(rule, k).keys()) for k in ("output", "params")},
        }
        for rule in rules if rule.script
    }))
"""
OF_ALL_LISTS = {"get", "items", "keys", "values"}


@pytest.fixture(scope="module")
def rules():
    """The script of a rule, and names of its outputs and parameters, by rule with a script."""
    done = subprocess.run(
        [sys.executable, "-c", NAMES], cwd=ROOT, text=True, capture_output=True, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "workflow")},
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("kind", ["output", "params"])
def test_a_rule_has_what_its_script_asks_for(rules, kind):
    """Of rules that share a script, one of them."""
    asked = 0
    names = {found["script"] for found in rules.values()}
    assert len(names) > 30
    for name in names:
        has = {key for found in rules.values() if found["script"] == name for key in found[kind]}
        script = (ROOT / "workflow" / "scripts" / f"{name}.py").read_text()
        wanted = set(re.findall(rf"\b{kind.rstrip('s')}s?\.([a-z_]\w*)", script)) - OF_ALL_LISTS
        assert wanted <= has, name
        asked += len(wanted)
    assert asked > 30


def test_no_figure_waits_for_another_or_for_a_text():
    drawing = 0
    for path in (ROOT / "workflow" / "rules").glob("*.smk"):
        for rule in re.split(r"^ *(?:use )?rule ", path.read_text(), flags=re.MULTILINE)[1:]:
            needs, _, makes = rule.partition(" output:")
            if re.search(r"\*\*figures\(|<results>/figures/", makes):
                drawing += 1
                assert not re.search(r"figures|summary|headline|README|report", needs), needs
    assert drawing > 8
