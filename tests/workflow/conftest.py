"""A small analysis, run once through Snakemake in a folder of its own."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import forked
import pytest
import yaml

ROOT = Path(__file__).parents[2]
SMALL = ("--configfile", "config/small.yaml")
SCORED = ["background", "background__shape_up"]


def not_cloned(folder, names):
    """What a clone does not have; the library has a room called results."""
    patterns = [".git", ".venv", ".snakemake", ".*_cache"]
    patterns += ["results"] if Path(folder) == ROOT else []
    return shutil.ignore_patterns(*patterns)(folder, names)


def command(*arguments, cores=2, python=sys.executable):
    """The command line of Snakemake."""
    return [python, "-m", "snakemake", "--cores", str(cores), *arguments]


def environment():
    """Of Snakemake: with byte code, which makes jobs start faster; not as if `make` started it."""
    without = ("PYTHONDONTWRITEBYTECODE", "MAKELEVEL", "MAKEFLAGS")
    return {k: v for k, v in os.environ.items() if k not in without}


def snakemake(folder, *arguments, cores=2, within=()):
    """Run Snakemake in ``folder``, under a command such as ``prlimit``: exit code and output."""
    own = folder / ".venv" / "bin" / "python"
    python = str(own) if own.exists() else sys.executable
    line = command(*arguments, cores=cores, python=python)
    with tempfile.TemporaryDirectory() as place:
        output = Path(place, "output")
        if within:
            with output.open("w") as file:
                code = subprocess.run(
                    [*within, *line], cwd=folder, env=environment(), stdout=file,
                    stderr=subprocess.STDOUT, check=False,
                ).returncode  # fmt: skip
        else:
            code = forked.run(line[3:], folder, environment(), output, python)
        return code, output.read_text()


@pytest.fixture(scope="session")
def clone(tmp_path_factory):
    """A copy of the workflow without results, with a small analysis in config/small.yaml.

    It and its environment lie where people put them: in a folder with a space in its name.
    """
    folder = tmp_path_factory.mktemp("clone") / "My Analysis" / "hone"
    shutil.copytree(ROOT, folder, ignore=not_cloned)
    (folder / ".venv").symlink_to(sys.prefix)
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    config["analysis"] = "small"
    # shifts so small that the likelihood has one minimum, for pyhf's fits to find it too
    for side, mean in (("up", [1.2, -0.9]), ("down", [0.8, -1.1])):
        config["systematics"][0][side][0]["mean"] = mean
    config["events"] = {"training": 2000, "validation": 5000, "evaluation": 20_000}
    config["observation"] = {"mu": 1, "seed": 3}
    config["observables"] = [
        {
            "name": "neos", "kind": "network", "objective": "cls", "bins": 3, "edges": "learned",
            "hidden": [16], "steps": 40, "batch": 500, "validate_every": 20, "seeds": 2,
            "learning_rate": 0.01, "together": True,
        },
        # a name that reads as a number
        {
            "name": "600", "kind": "cuts", "objective": "mine:loss", "systematics": [],
            "cuts": [{"variable": "x", "side": "below"}], "steps": 20, "batch": 500,
            "validate_every": 20, "seeds": 1, "tune": {"grid": {"learning_rate": [0.003, 0.03]}},
        },
    ]  # fmt: skip
    config["tracking"] = "mlflow"
    config["studies"] = [
        {
            "name": "steps",
            "against": "steps",
            "lines": ["kind"],
            "observables": ["neos", "600"],
        }
    ]
    (folder / "config" / "mine.py").write_text(
        "from helper import loss_of\n\n\ndef loss(model):\n    return loss_of(model)\n"
    )
    (folder / "config" / "helper.py").write_text(
        "from hone.training.objectives import OF_MODEL\n\n\ndef loss_of(model):\n"
        "    return OF_MODEL['inverse_z_a'](model)\n"
    )
    (folder / "config" / "small.yaml").write_text(yaml.safe_dump(config))
    return folder


@pytest.fixture(scope="session")
def run(clone):
    """Results of the small analysis."""
    code, output = snakemake(clone, *SMALL)
    assert code == 0, output[-6000:]
    return clone / "results" / "small"


@pytest.fixture(scope="session")
def outside(run, clone):
    """With what is for use elsewhere."""
    scores = [f"results/small/signal/neos/scores/{name}" for name in SCORED]
    code, output = snakemake(clone, "publish", "export", *scores, *SMALL)
    assert code == 0, output[-4000:]
    assert "\npublication  results/small/publication/\n" in output
    return run
