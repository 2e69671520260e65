"""Measure what Snakemake adds to the default analysis, and its plan for thousands of jobs.

Writes ``overhead.md``. Both in temporary copies of the workflow, on two cores.
"""

import csv
import datetime
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import yaml
from clock import seconds
from run import HERE, table

CORES = 2
OVERHEAD_TARGET, PLAN_TARGET = 0.35, 20.0
ROUNDS = 3
PARTS = ("Snakefile", "workflow", "config", "profiles", "envs")
NORMAL = {"kind": "normal", "variables": ["x", "y"], "covariance": [[1, 0], [0, 1]]}


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for part in PARTS:
            source = HERE.parent / part
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, Path(folder, part))
        wall, jobs = whole_run(folder)
        overhead = CORES * wall / jobs - 1
        rows.append([
            "default analysis", f"{wall:.0f} s on {CORES} cores", f"{jobs:.0f} s",
            f"**{overhead:.0%}**", f"{OVERHEAD_TARGET:.0%}",
            "yes" if overhead <= OVERHEAD_TARGET else "no",
        ])  # fmt: skip
        plans = [plan(folder) for _ in range(ROUNDS)]
        took = statistics.median(took for took, _ in plans)
        rows.append([
            "plan of 50 x 5 x 10 trainings", f"**{took:.1f} s**", f"{plans[0][1]:,} jobs", "",
            f"{PLAN_TARGET:g} s", "yes" if took <= PLAN_TARGET else "no",
        ])  # fmt: skip
    header = ["work", "time", "jobs", "overhead", "at most", "reached"]
    text = (HERE / "template_overhead.md").read_text()
    for name, value in {
        "table": table(header, rows),
        "date": datetime.date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}",
        "versions": ", ".join(f"{name} {version(name)}" for name in ("snakemake", "jax")),
    }.items():
        text = text.replace("{{" + name + "}}", value)
    (HERE / "overhead.md").write_text(text)
    print(table(header, rows))


def whole_run(folder: str) -> tuple[float, float]:
    """Time of a run from nothing, and the sum of its jobs' times."""
    for part in ("results", ".snakemake"):
        shutil.rmtree(Path(folder, part), ignore_errors=True)
    wall, _ = seconds(lambda: snakemake(folder, "--cores", str(CORES)))
    jobs = 0.0
    for path in Path(folder, "results").glob("*/benchmarks/**/*.tsv"):
        with path.open(newline="") as file:
            jobs += sum(float(row["s"]) for row in csv.DictReader(file, delimiter="\t"))
    return wall, jobs


def plan(folder: str) -> tuple[float, int]:
    """Time of a dry run of 50 hypotheses, 5 observables and 10 seeds, and its number of jobs."""
    signals = [
        {
            "name": f"s{k}", "process": "signal", "parameters": {"mass": 100 + k}, "yield": 50,
            "distribution": [{**NORMAL, "mean": [-1, 1 + k / 50]}],
        } for k in range(50)
    ]  # fmt: skip
    background = {
        "name": "background", "process": "background", "yield": 100,
        "distribution": [{**NORMAL, "mean": [1, -1]}],
    }  # fmt: skip
    observables = [
        {"name": f"o{k}", "kind": "network", "objective": "cls", "bins": 3 + k, "steps": 100,
         "seeds": 10} for k in range(5)
    ]  # fmt: skip
    config = {
        "analysis": "many", "seed": 1, "samples": [*signals, background], "features": ["x", "y"],
        "observables": observables,
    }  # fmt: skip
    path = Path(folder, "config", "many.yaml")
    path.write_text(yaml.safe_dump(config))
    arguments = ("--cores", "2", "--dry-run", "--configfile", str(path), "--quiet", "rules")
    took, _ = seconds(lambda: snakemake(folder, *arguments, "progress"))
    output = snakemake(folder, *arguments)
    total = next(line for line in output.splitlines() if line.startswith("total"))
    return took, int(total.split()[1])


def snakemake(folder: str, *arguments: str) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    print("   snakemake", *arguments, flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=folder, env=environment, text=True, capture_output=True, check=True,
    )  # fmt: skip
    return done.stdout + done.stderr


if __name__ == "__main__":
    main()
