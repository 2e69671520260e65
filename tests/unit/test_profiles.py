"""Profiles hold settings that Snakemake or the cluster's plugin knows, rules what they need."""

import ast
import dataclasses
import importlib
import io
import os
import re
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import yaml
import yte

from hone.analysis.needs import growing

ROOT = Path(__file__).parents[2]
# Plugins of clusters are apart: Snakemake would import them at the start of every job.
CLUSTERS = Path(sys.prefix, "clusters")
PROFILES = ["default", "slurm", "htcondor"]
GROUPS = {
    name
    for path in (ROOT / "workflow" / "rules").glob("*.smk")
    for name in re.findall(r'^    group:\n        "(\w+)"', path.read_text(), re.MULTILINE)
}
# What the executors of Snakemake itself know.
RESOURCES = {"mem_mb", "runtime", "disk_mb"}


def text_of(name):
    return (ROOT / "profiles" / name / "profile.yaml").read_text()


def with_choices(name):
    """The profile with every setting that is commented out, ``# key: value`` on its own line."""
    return re.sub(r"^( *)# ([a-z_A-Z-]+: \S+.*)$", _uncommented, text_of(name), flags=re.MULTILINE)


def _uncommented(match):
    key, value = match[2].split(": ", 1)
    one_word = value.startswith('"') or " " not in value or "attempt" in value
    return f"{match[1]}{key}: {value}" if one_word else match[0]


@pytest.fixture(scope="module", params=PROFILES)
def profile(request):
    text = io.StringIO(with_choices(request.param))
    return request.param, yte.process_yaml(text, require_use_yte=True)


@pytest.fixture
def plugin(profile, monkeypatch):
    """The executor plugin that a profile is for, imported from its folder apart."""
    if profile[0] == "default":
        pytest.skip("runs on this machine")
    name = f"snakemake_executor_plugin_{profile[1]['executor']}"
    if not (CLUSTERS / name).is_dir():
        pytest.skip(f"{name} is not installed; `make test` does it")
    monkeypatch.syspath_prepend(CLUSTERS)
    # HTCondor's library looks for a pool when it is imported.
    monkeypatch.setenv("CONDOR_CONFIG", "/dev/null")
    return importlib.import_module(name)


def test_settings_that_are_commented_out_are_read_too():
    slurm = yaml.safe_load(with_choices("slurm"))
    assert slurm["set-resources"]["train_observable"]["gres"] == "gpu:1"
    assert slurm["default-resources"]["slurm_account"] == "my_account"
    assert slurm["slurm-status-command"] == "squeue"
    assert "classad_MaxRuntime" in yaml.safe_load(with_choices("htcondor"))["default-resources"]


def test_snakemake_knows_every_option(profile):
    from snakemake.cli import get_argument_parser

    name, settings = profile
    known = {
        option.removeprefix("--")
        for action in get_argument_parser()._actions
        for option in action.option_strings
    }
    assert {key for key in settings if not key.startswith(f"{name}-")} <= known


def test_the_plugin_knows_every_option(profile, plugin):
    name, settings = profile
    known = {
        f"{name}-{field.name.replace('_', '-')}"
        for field in dataclasses.fields(plugin.ExecutorSettings)
    }
    assert {key for key in settings if key.startswith(f"{name}-")} <= known


def test_the_plugin_reads_every_resource(profile, plugin):
    _, settings = profile
    strings = {
        node.value if isinstance(node, ast.Constant) else node.attr
        for path in Path(plugin.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Constant) and isinstance(node.value, str))
        or isinstance(node, ast.Attribute)
    }
    named = [settings["default-resources"], *settings["set-resources"].values()]
    for resource in {key for resources in named for key in resources}:
        assert resource in strings | RESOURCES or resource.startswith("classad_"), resource


def test_profiles_name_rules_and_groups_that_exist(profile):
    _, settings = profile
    assert set(settings.get("set-resources", {})) <= set(BLOCKS)
    if "executor" in settings:
        assert set(settings["group-components"]) == GROUPS


def test_the_default_looks_at_config_files_before_snakemake_does(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text("analysis: a\nseed: [1\nsamples: 3\n")
    Path("b.yaml").write_text('{\n\t"analysis": "b"\n}')
    target = r"--configfile: limits cannot be read \(No such file.* targets come before it.* {}$"
    for arguments, message in {
        ("--configfile", "a.yaml", "-n"): r"a.yaml, line 3, column 8: this is not YAML \(expected",
        ("-n", "--configfile", "b.yaml", "limits"): target.format("b.yaml"),
        ("limits", "--configfiles", "b.yaml", "--cores", "1"): None,
        ("--mode", "subprocess", "--configfiles", "a.yaml"): None,
        ("--cores", "1"): None,
    }.items():
        monkeypatch.setattr(sys, "argv", ["snakemake", *arguments])
        with pytest.raises(SystemExit, match=message) if message else nullcontext():
            yte.process_yaml(io.StringIO(text_of("default")), require_use_yte=True)


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_lets_an_interrupted_run_go_on(name):
    assert yaml.safe_load(text_of(name))["rerun-incomplete"] is True


def rule_blocks():
    """Text of every rule, by name."""
    found = {}
    for path in (ROOT / "workflow" / "rules").glob("*.smk"):
        blocks = re.split(r"^(?=(?: {4})?rule\b|def |for )", path.read_text(), flags=re.MULTILINE)
        for block in blocks:
            match = re.match(r" *rule ?(\w*):", block)
            if match:
                found[match[1] or "train_observable"] = block
    return found


BLOCKS = rule_blocks()
# Rules without a script.
TARGETS = {"limits", "results", "publish", "export", "score"}


SHORT = {
    key: int(text.removesuffix(" * attempt"))
    for key, text in yaml.safe_load(text_of("slurm"))["default-resources"].items()
}
"""Memory and minutes of rules that say nothing of their own."""


def needs(name):
    """Memory and minutes of a rule; both grow."""
    given = "".join(re.findall(r"\*\*growing\((.*)\)", BLOCKS[name]))
    found = re.findall(r"(\w+)=(\d+)", given.replace("training.minutes", "240"))
    return {key: int(value) for key, value in found} or SHORT


@pytest.mark.parametrize("name", sorted(set(BLOCKS) - TARGETS))
def test_rules_that_need_more_than_the_default_say_so(name):
    found = needs(name)
    assert set(found) == {"mem_mb", "runtime"}
    assert found is SHORT or any(found[key] > SHORT[key] for key in found)
    assert found["mem_mb"] <= 4000
    assert found["runtime"] <= 240


def test_needs_grow_with_every_attempt():
    grown = growing(mem_mb=700, runtime=10)
    assert [grown["mem_mb"](None, attempt=n) for n in (1, 2, 3)] == [700, 1400, 2100]
    assert grown["runtime"](None, attempt=2) == 20


# The hypotheses of zprime have rules that the default does not have.
@pytest.mark.parametrize(("name", "config"), [("slurm", "zprime"), ("htcondor", "config")])
def test_snakemake_takes_the_profile_and_its_groups(name, config):
    """A dry run builds the groups, and fails if one depends on itself."""
    if not (CLUSTERS / f"snakemake_executor_plugin_{name}").is_dir():
        pytest.skip("the plugin is not installed; `make test` does it")
    arguments = ["--profile", f"profiles/{name}", "--configfile", f"config/{config}.yaml"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run", "--forceall", *arguments],
        cwd=ROOT, text=True, capture_output=True, check=False,
        env={**os.environ, "PYTHONPATH": str(CLUSTERS), "CONDOR_CONFIG": "/dev/null"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    groups = re.findall(r"Group job (\w+)", done.stdout + done.stderr)
    assert set(groups) == GROUPS
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout, re.MULTILINE))
    assert groups.count("limits") == -(-int(jobs["compute_limits"]) // 4)


def test_htcondor_asks_for_the_memory_that_rules_need():
    """Its plugin does not read ``mem_mb``; the profile has to say enough for all."""
    settings = yaml.safe_load(text_of("htcondor"))["default-resources"]
    asked, _, growth = settings["htcondor_request_mem_mb"].partition(" * ")
    assert growth == "attempt"
    assert int(asked) >= max(needs(name)["mem_mb"] for name in set(BLOCKS) - TARGETS)
