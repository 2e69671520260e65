"""What stands around the code agrees with it: recipes, citation, hooks, the image, the lock."""

import re
import tomllib
from pathlib import Path

import yaml

import hone

ROOT = Path(__file__).parents[2]


def loaded(name):
    return yaml.safe_load((ROOT / name).read_text())


def joined(name):
    """Text with the lines together that a backslash breaks."""
    return (ROOT / name).read_text().replace("\\\n", "")


def test_recipes_name_files_that_exist():
    recipes = (ROOT / "CONTRIBUTING.md").read_text().partition("## Recipes")[2]
    named = set(re.findall(r"`([\w./]+(?:/|\.(?:py|smk|yaml|md|cff)))`", recipes)) - {"mine.py"}
    assert len(named) > 20
    beside = [ROOT, ROOT / "workflow", ROOT / "workflow" / "rules"]
    assert [n for n in named if not any((place / n).exists() for place in beside)] == []


def test_citation_is_of_this_version_and_of_what_the_readme_asks_for():
    citation, readme = loaded("CITATION.cff"), (ROOT / "README.md").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert citation["version"] == hone.__version__
    assert citation["license"] == project["license"]
    for reference in citation["references"]:
        assert reference["title"].partition(":")[0] in readme
        number = reference.get("doi") or reference["identifiers"][0]["value"]
        assert number in readme


def test_links_of_the_readme_lead_to_pages_of_the_site_and_to_files():
    """On GitHub, too; those of all other pages are checked by `make site`."""
    readme = (ROOT / "README.md").read_text()
    assert len(readme.splitlines()) <= 150
    links = re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", readme)
    assert len(links) > 20
    assert [link for link in links if not (ROOT / link).exists()] == []
    pages = {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")}
    assert pages - {*links} <= {"docs/index.md", "docs/api.md"}


def test_snakemake_is_bounded_from_both_sides():
    """What is used of it beyond its interface may change with the next major version."""
    (lowest,) = re.findall(r'min_version\("([\d.]+)"\)', (ROOT / "Snakefile").read_text())
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = extras["optional-dependencies"]["workflow"]
    (snakemake,) = [line for line in needed if line.startswith("snakemake")]
    assert snakemake == f"snakemake[reports]>={lowest},<{int(lowest.partition('.')[0]) + 1}"


def test_hooks_are_the_linters_of_make_lint():
    lint = re.search(r"^lint:.*?\n\n", joined("Makefile"), re.DOTALL | re.MULTILINE).group()
    hooks = [
        hook["entry"]
        for repo in loaded(".pre-commit-config.yaml")["repos"]
        for hook in repo["hooks"]
    ]
    for entry in hooks:
        tool = entry.removeprefix(".venv/bin/")
        assert f"$(BIN)/{tool}" in lint
        assert f"{tool.split()[0]}==" in (ROOT / "envs" / "requirements-dev.lock").read_text()
    assert len(hooks) == lint.count("\t$(BIN)/")


def test_ci_runs_what_a_person_runs():
    (job,) = loaded(".github/workflows/ci.yml")["jobs"].values()
    assert job["steps"][-1] == {"run": ".ci/run"}
    script = (ROOT / ".ci" / "run").read_text()
    targets = re.findall(r"^ *make ?([\w-]*)$", script, re.MULTILINE)
    assert targets == ["lint", "site", "", "test", "test-slurm"]


def test_the_image_holds_what_the_lock_and_the_makefile_say():
    image, makefile = joined("Dockerfile"), joined("Makefile")
    for options in (
        "--require-hashes -r envs/requirements.lock",
        "--no-deps --no-build-isolation --editable .",
    ):
        assert len(re.findall(f"pip install .*{options}", image)) == 1
        assert f"install {options}" in makefile
    (python,) = re.findall(r"^FROM docker.io/library/python:([\d.]+)-slim$", image, re.MULTILINE)
    for name in ("cpu", "gpu"):
        assert f"python={python}" in loaded(f"envs/{name}.yaml")["dependencies"]
    copied = {
        n for line in re.findall(r"^COPY (.+) \S+$", image, re.MULTILINE) for n in line.split()
    }
    assert [name for name in copied if not (ROOT / name).exists()] == []
    sent = loaded("reana.yaml")["inputs"]
    assert copied >= {*sent["files"], *sent["directories"], "pyproject.toml"}
    assert "/opt/hone/Snakefile" in image
    assert "WORKDIR /opt/hone\n" in image
