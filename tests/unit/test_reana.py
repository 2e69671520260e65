"""What reana.yaml sends to REANA exists and is all that a run needs."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from hone.analysis.report_items import ITEMS

ROOT = Path(__file__).parents[2]
SPECIFICATION = yaml.safe_load((ROOT / "reana.yaml").read_text())
INPUTS = SPECIFICATION["inputs"]
SENT = [ROOT / name for name in INPUTS["files"] + INPUTS["directories"]]
COMMANDS = [
    command
    for step in SPECIFICATION["workflow"]["specification"]["steps"]
    for command in step["commands"]
]


def is_sent(path):
    path = Path(path).resolve()
    return any(path == sent or sent in path.parents for sent in SENT)


def named_in_rules():
    """Files that the Snakefile and the rules name: includes, scripts, environments, captions."""
    keys = r"(?:include|script|configfile|report|conda)"
    for path in [ROOT / "Snakefile", *(ROOT / "workflow" / "rules").glob("*.smk")]:
        for name in re.findall(rf'\b{keys}\s*[:=]\s*"([^"{{}}<]+)"', path.read_text()):
            yield (ROOT if name == "config/config.yaml" else path.parent) / name
    yield from (ROOT / "workflow" / "report" / f"{kind}.rst" for kind in ITEMS)


def test_all_that_is_listed_exists():
    for name in INPUTS["files"]:
        assert (ROOT / name).is_file(), name
    for name in INPUTS["directories"]:
        assert (ROOT / name).is_dir(), name


def test_all_that_the_rules_name_is_sent():
    found = list(named_in_rules())
    kinds = {path.suffix for path in found}
    assert kinds == {".smk", ".py", ".yaml", ".rst"}
    assert len(found) > 60
    for path in found:
        assert path.is_file(), path
        assert is_sent(path), path


def test_the_library_its_schema_and_the_ready_configs_are_sent():
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, text=True, capture_output=True, check=False
    ).stdout.split()
    if not tracked:
        pytest.skip("not a clone")
    needed = [name for name in tracked if name.startswith(("workflow/", "config/"))]
    assert "workflow/schemas/config.schema.json" in needed
    assert [name for name in [*needed, "profiles/default/profile.yaml"] if not is_sent(name)] == []


def test_commands_use_what_is_sent():
    text = "\n".join(COMMANDS)
    assert set(re.findall(r"\$\{(\w+)\}", text)) == set(INPUTS["parameters"])
    for name in [*re.findall(r"-r (\S+)", text), INPUTS["parameters"]["config"]]:
        assert (ROOT / name).is_file()
        assert is_sent(ROOT / name)


def test_its_python_is_one_that_the_workflow_supports():
    (image,) = {step["environment"] for step in SPECIFICATION["workflow"]["specification"]["steps"]}
    version = tuple(int(n) for n in image.rpartition(":")[2].split("."))
    assert version >= (3, 11)
