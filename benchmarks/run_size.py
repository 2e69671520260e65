"""Measure fits of large models, and of the likelihoods in a folder, and write ``size.md`` here.

``run_size.py [--likelihoods <folder>] [--root <python>]``: pyhf workspaces (``.json``,
``.json.gz``) with a parameter of interest; the Python of an environment with ROOT. Every task is a
fresh process with one thread, one after the other.
"""

import argparse
import datetime
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from models import workspace
from run import HERE, LARGE, MIDDLE, SMALL, duration, run, table
from run_limits import limits, workspaces

from hone.likelihood.hs3 import to_hs3

os.environ |= {"NPROC": "1", "OPENBLAS_NUM_THREADS": "1"}
LARGEST, HUGE = "401 parameters", "1101 parameters"
JAX, MINUIT = "jax-scipy", "numpy-minuit"
LIMIT = 600.0
"""Seconds after which a task is given up."""


def task(*arguments: str) -> dict[str, Any] | None:
    """What a task reports; None if it failed or took too long."""
    try:
        return run(sys.executable, "task_size.py", *arguments, limit=LIMIT)
    except subprocess.SubprocessError as error:
        print("    ", type(error).__name__)
        return None


def times(found: dict[str, Any] | None, work: str) -> str:
    """Seconds of the first and of later calls."""
    if found is None:
        return "none"
    return f"{duration(found[work]['cold'])} / {duration(found[work]['warm'])}"


def ratio(ours: dict[str, Any] | None, theirs: dict[str, Any] | None, work: str) -> str:
    if ours is None or theirs is None:
        return ""
    return f"**{theirs[work]['warm'] / ours[work]['warm']:.3g}**"


def root_fit(python: str, name: str) -> dict[str, Any] | None:
    """RooFit's fit of a model; None if there is no ROOT, or it failed."""
    if not python:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "hs3.json")
        path.write_text(json.dumps(to_hs3(workspace(name))))
        try:
            found = run(python, "task_root.py", str(path), limit=LIMIT)
        except subprocess.SubprocessError as error:
            print("    ", type(error).__name__)
            return None
    return {"fit": {**found, "cold": found["build"] + found["cold"]}}


def fits(python: str) -> list[list[str]]:
    rows = []
    for name in (SMALL, MIDDLE, LARGE, LARGEST):
        ours, jax, minuit = (task(who, name, "fit") for who in ("hone", JAX, MINUIT))
        root = root_fit(python, name)
        row = [name, times(ours, "fit")]
        for peer in (jax, minuit):
            difference = ""
            if ours and peer:
                difference = f"{peer['fit']['result'][0] - ours['fit']['result'][0]:.0e}"
            row += [times(peer, "fit"), ratio(ours, peer, "fit"), difference]
        first = ""
        if root and ours:
            first = f"**{root['fit']['cold'] / (ours['build'] + ours['fit']['cold']):.3g}**"
        rows.append([*row, times(root, "fit"), first, ratio(ours, root, "fit")])
    return rows


def huge() -> list[list[str]]:
    rows = []
    for name, work in ((HUGE, "fit"), (HUGE, "limits"), (LARGE, "toys")):
        if ours := task("hone", name, work):
            sizes, memory = f"{ours['pars']} / {ours['bins']}", f"{ours['memory']:.0f} MiB"
            rows.append([work, sizes, times(ours, work), memory])
    return rows


def likelihoods(folder: Path) -> list[list[str]]:
    rows = []
    for path in workspaces(folder):
        # A search that ends without limits leaves the times of the test.
        ours = task("hone", str(path), "cls", "limits") or task("hone", str(path), "cls")
        jax = task(JAX, str(path), "cls")
        size = f"{ours['pars']} / {ours['bins']}" if ours else ""
        limits = times(ours if ours and "limits" in ours else None, "limits")
        rows.append([
            path.name.split(".")[0], size, times(ours, "cls"), times(jax, "cls"),
            ratio(ours, jax, "cls"), difference(ours, jax), limits,
        ])  # fmt: skip
    return rows


def difference(ours: dict[str, Any] | None, theirs: dict[str, Any] | None) -> str:
    """Largest difference of ln CLs, observed or expected."""
    if ours is None or theirs is None:
        return ""
    pairs = zip(ours["cls"]["result"], theirs["cls"]["result"], strict=True)
    largest = max(abs(math.log(a / b)) if a > 0 and b > 0 else math.nan for a, b in pairs)
    return f"{largest:.0e}"


def main(folder: str, python: str) -> None:
    rows = table(
        ["free fit", "hone", "pyhf, jax", "ratio", "higher by", "pyhf, minuit", "ratio",
         "higher by", "RooFit", "ratio, first", "ratio"],
        fits(python),
    )  # fmt: skip
    others = six = "No folder was given."
    if folder:
        six = limits(Path(folder))
        others = table(
            ["likelihood", "parameters / bins", "CLs, hone", "CLs, pyhf's jax", "ratio",
             "difference in ln CLs", "six limits, hone"],
            likelihoods(Path(folder)),
        )  # fmt: skip
    text = (HERE / "template_size.md").read_text()
    for name, value in {
        "fits": rows,
        "huge": table(["hone", "parameters / bins", "time", "memory"], huge()),
        "likelihoods": others,
        "limits": six,
        "date": datetime.date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}",
        "versions": ", ".join(
            f"{name} {version(name)}" for name in ("jax", "pyhf", "iminuit", "scipy")
        ),
    }.items():
        text = text.replace("{{" + name + "}}", value)
    (HERE / "size.md").write_text(text)
    print(rows + "\n\n" + others)


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--likelihoods", default="")
    options.add_argument("--root", default="")
    given = options.parse_args()
    main(given.likelihoods, given.root)
