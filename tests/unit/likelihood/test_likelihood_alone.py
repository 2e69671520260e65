"""The likelihood is a package of its own: what is in the wheel, what it needs, its old names."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import hone
import hone.likelihood.histfactory
import hone.likelihood.infer

ROOT = Path(__file__).parents[3]
LIBRARY = ROOT / "workflow" / "hone"
NEEDED = {"jax", "jaxtyping", "numpy", "pyhf", "scipy"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built of the tracked sources alone, as from a clean clone, without the network."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(
        LIBRARY, folder / "workflow" / "hone", ignore=shutil.ignore_patterns("__pycache__")
    )
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, folder], cwd=folder, check=True)
    (path,) = folder.glob("*.whl")
    return path


def required(requirements):
    """Names of what is needed here without extras."""
    needed = (Requirement(line) for line in requirements or [])
    return {
        canonicalize_name(r.name)
        for r in needed
        if r.marker is None or r.marker.evaluate({"extra": ""})
    }


@pytest.fixture(scope="module")
def clean(wheel, tmp_path_factory):
    """Python of an environment with the wheel and what `pip install` would bring, nothing else.

    The packages are those of this environment, by links: nothing is downloaded.
    """
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, symlinks=True)
    scheme = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", "venv", scheme))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (installed,) = importlib.metadata.distributions(path=[str(site)])
    waiting, done = required(installed.requires), set()
    while waiting:
        name = waiting.pop()
        done.add(name)
        package = importlib.metadata.distribution(name)
        waiting |= required(package.requires) - done
        for top in {file.parts[0] for file in package.files} - {"..", "__pycache__"}:
            (site / top).symlink_to(package.locate_file(top))
    return folder / "bin" / "python"


def test_the_wheel_holds_the_library_and_its_version(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = (n for n in names if n.endswith(".dist-info/METADATA"))
        text = archive.read(metadata).decode()
    files = (p for p in LIBRARY.rglob("*") if p.is_file() and p.parent.name != "__pycache__")
    sources = {f"hone/{p.relative_to(LIBRARY)}" for p in files}
    assert sources == {n for n in names if n.startswith("hone/")}
    assert f"Version: {hone.__version__}\n" in text
    lines = re.findall(r"^Requires-Dist: (.+)$", text, re.MULTILINE)
    assert required(lines) == NEEDED
    assert "snakemake" in {Requirement(line).name for line in lines if "workflow" in line}


LIMIT = """
import importlib.util, pkgutil
for other in ("snakemake", "equinox", "optax", "uproot", "matplotlib"):
    assert importlib.util.find_spec(other) is None, other

import jax
jax.config.update("jax_enable_x64", True)
import pyhf
import hone, hone.likelihood
for module in pkgutil.walk_packages(hone.likelihood.__path__, "hone.likelihood."):
    importlib.import_module(module.name)

model = hone.from_pyhf(pyhf.simplemodels.uncorrelated_background([5.0], [50.0], [5.0]))
limit, gradient = jax.value_and_grad(hone.likelihood.infer.asimov_limit)(model)
print(hone.__file__, limit, *gradient.nominal[:, 0], sep="\\n")
"""


def test_the_wheel_alone_computes_a_limit_and_its_gradient(clean):
    """No module of the likelihood imports anything that the wheel does not ask for."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    run = {"env": environment, "cwd": clean.parent, "text": True, "capture_output": True}
    out = subprocess.run([clean, "-c", LIMIT], check=False, **run)
    assert out.returncode == 0, out.stderr
    place, *numbers = out.stdout.split()
    assert Path(place).is_relative_to(clean.parents[1])
    limit, d_background, d_signal = map(float, numbers)
    # The limit counts events over the signal's yield, so that its derivative is known exactly.
    assert d_signal == pytest.approx(-limit / 5, rel=1e-6)
    assert 0 < d_background < limit / 50


@pytest.fixture
def _unknown(monkeypatch):
    """The old names as before their first import."""
    for name in list(sys.modules):
        if name.startswith(("hone.infer", "hone.histfactory")):
            monkeypatch.delitem(sys.modules, name)
    for name in ("infer", "histfactory"):
        monkeypatch.delitem(vars(hone), name, raising=False)


OLD = {
    "from hone.infer import fit; assert fit is new.infer.fit": "infer",
    "import hone.infer.mle; assert hone.infer.mle is new.infer.mle": "infer",
    "from hone.infer.mle import FitSetup; assert FitSetup is new.infer.mle.FitSetup": "infer",
    "from hone import infer; import hone.infer; assert hone.infer is infer is new.infer": "infer",
    "import hone; assert hone.histfactory.from_pyhf is new.histfactory.from_pyhf": "histfactory",
}


@pytest.mark.usefixtures("_unknown")
@pytest.mark.parametrize("line", OLD)
def test_old_names_are_the_new_modules_and_warn_once(line):
    text = f"hone.{OLD[line]} is called hone.likelihood.{OLD[line]} now"
    with pytest.warns(DeprecationWarning, match=text) as warned:
        exec(f"{line}; {line}", {"new": hone.likelihood, "__name__": "theirs"})
    (warning,) = warned
    assert warning.filename == "<string>", "not where the user wrote it"
