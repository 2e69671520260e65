"""Lock files name no index and pin by hash; what is made from sources is up to date."""

import importlib.metadata
import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow"))

import document  # noqa: E402

LOCKS = [ROOT / "envs" / name for name in ("requirements.lock", "requirements-dev.lock")]


# Plugins alone; what they need is in the lock of development.
PLUGINS = ROOT / "envs" / "requirements-clusters.lock"


@pytest.mark.parametrize("lock", [*LOCKS, PLUGINS], ids=lambda p: p.name)
def test_locks_pin_by_hash_and_name_no_index(lock):
    text = lock.read_text()
    assert not re.search(r"https?://|file://|--(extra-)?index-url|--find-links", text)
    entries = re.split(r"\n(?=[a-z0-9])", text.strip())
    assert len(entries) == 4 if lock == PLUGINS else len(entries) > 50
    for entry in entries:
        assert "==" in entry
        assert "--hash=sha256:" in entry


def test_the_development_lock_contains_the_same_versions():
    runtime, development = (document.locked(lock) for lock in LOCKS)
    assert runtime.items() <= development.items()


def test_the_plugins_of_clusters_find_what_they_need():
    installed = Path(sys.prefix, "clusters")
    versions = document.locked(LOCKS[1]) | document.locked(PLUGINS)
    found = list(importlib.metadata.distributions(path=[str(installed)]))
    if not found:
        pytest.skip("not installed; `make test` does it")
    for plugin in found:
        assert versions[plugin.name.lower()] == plugin.version
        for line in plugin.requires or []:
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                assert versions[needed.name.lower()] in needed.specifier, (plugin.name, line)


@pytest.mark.parametrize("path", document.documents(), ids=lambda p: p.name)
def test_made_documents_are_up_to_date(path):
    assert path.read_text() == document.documents()[path], "run `make docs`"


def test_environments_have_the_versions_of_the_lock():
    versions = document.locked(LOCKS[0])
    for name in ("cpu", "gpu"):
        text = (ROOT / "envs" / f"{name}.yaml").read_text()
        pins = dict(re.findall(r"- ([a-z-]+)(?:\[\w+\])?==(\S+)", text))
        assert set(pins) == set(document.DIRECT)
        assert all(versions[package] == version for package, version in pins.items())
    assert "jax[cuda12]" in text
