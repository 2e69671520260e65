"""The workflow runs in another folder than its own, and as a module out of a repository."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, not_cloned, snakemake
from tiny import CONFIG

# As `snakedeploy deploy-workflow` writes it.
MODULE = """\
from snakemake.utils import min_version

min_version("6.10.0")

configfile: "config/config.yaml"

module hone:
    snakefile:
        github("theirs/hone", path="workflow/Snakefile", tag="v1")
    config:
        config

use rule * from hone
"""


@pytest.fixture
def _repository(tmp_path_factory, monkeypatch):
    """github.com/theirs/hone as Snakemake keeps it once it was there: nothing is downloaded."""
    cache, source = tmp_path_factory.mktemp("cache"), tmp_path_factory.mktemp("source") / "hone"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    shutil.copytree(ROOT, source, ignore=not_cloned)
    kept = Path("snakemake/snakemake/source-cache/snakemake-git-cache/github.com/theirs/hone")
    author = ["-c", "user.name=They", "-c", "user.email=they@example.org"]
    for command in (
        ["init", "--quiet"], ["add", "--all"], [*author, "commit", "--quiet", "--message", "All"],
        ["tag", "v1"], ["clone", "--quiet", "--bare", ".", str(cache / kept)],
    ):  # fmt: skip
        subprocess.run(["git", *command], cwd=source, check=True)


def recorded(folder, *arguments):
    """Plan an analysis and run its shortest job in ``folder``: what the record says made it."""
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    where = ("--directory", str(folder), *arguments, "--until", "record_config")
    code, output = snakemake(folder.parent, *where, cores=1)
    assert code == 0, output[-3000:]
    assert (folder / "results" / "tiny" / "config.yaml").exists()
    return json.loads((folder / "results/tiny/logs/record_config.json").read_text())


@pytest.mark.usefixtures("_repository")
def test_a_module_makes_what_the_workflow_makes_in_another_folder(tmp_path):
    """The other folder has nothing but a config."""
    config = str(tmp_path / "run" / "config" / "config.yaml")
    away = ("--snakefile", str(ROOT / "Snakefile"), "--configfile", config)
    (tmp_path / "Snakefile").write_text(MODULE)
    assert recorded(tmp_path / "run", *away) == recorded(tmp_path / "module")
