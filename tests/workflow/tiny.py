"""An analysis of seconds, in a folder of its own."""

import fcntl
import os
import shutil

import yaml
from conftest import ROOT, not_cloned, snakemake

__all__ = [
    "CONFIG",
    "EVERYTHING",
    "LIMITS",
    "SEED",
    "TARGETS",
    "contents",
    "copy_workflow",
    "made",
    "run",
    "write_config",
]

_NORMAL = {"kind": "normal", "covariance": [[1, 0], [0, 1]], "variables": ["x", "y"]}
CONFIG = {
    "analysis": "tiny",
    "seed": 1,
    "samples": [
        {"name": "signal", "process": "signal", "yield": 50,
         "distribution": [{**_NORMAL, "mean": [-1, 1]}]},
        {"name": "background", "process": "background", "yield": 100,
         "distribution": [{**_NORMAL, "mean": [1, -1]}]},
    ],
    "features": ["x", "y"],
    "systematics": [
        {"name": "rate", "type": "normsys", "sample": "background", "up": 1.1, "down": 0.9}
    ],
    "events": {"training": 2000, "validation": 3000, "evaluation": 5000},
    "observables": [
        {"name": "neos", "kind": "network", "objective": "cls", "bins": 3, "edges": "learned",
         "hidden": [8], "steps": 60, "batch": 500, "validate_every": 10, "seeds": 1}
    ],
}  # fmt: skip
SEED = "results/tiny/signal/neos/seed1"
LIMITS = f"{SEED}/limits.json"
TARGETS = [
    LIMITS,
    "results/tiny/signal/neos/selected.json",
    "results/tiny/figures/signal/neos/training.png",
]
EVERYTHING = ["results/tiny/inputs/yields.txt", *TARGETS]


def copy_workflow(folder):
    """The workflow without results; its files are younger than any result."""
    shutil.copytree(ROOT, folder, ignore=not_cloned)
    write_config(folder, CONFIG)
    return folder


def write_config(folder, config):
    (folder / "config" / "tiny.yaml").write_text(yaml.safe_dump(config))


def run(folder, *arguments, cores=2, targets=TARGETS, within=()):
    """Exit code and output of Snakemake in ``folder``."""
    config = ("--configfile", "config/tiny.yaml")
    return snakemake(folder, *targets, *arguments, *config, cores=cores, within=within)


def made(tmp_path_factory):
    """The results of an undisturbed run, in a folder to read or to copy: one for all workers."""
    session = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        session = session.parent
    folder = session / "undisturbed"
    with (session / "undisturbed.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            making = copy_workflow(session / "undisturbed.making")
            code, output = run(making, targets=EVERYTHING)
            assert code == 0, output[-4000:]
            making.rename(folder)
    return folder


def contents(folder):
    """All that must not depend on where, when and on how many cores it was made."""
    paths = [*folder.glob("results/tiny/**/*.json"), *folder.glob("results/tiny/**/*.safetensors")]
    return {str(p.relative_to(folder)): p.read_bytes() for p in paths}
