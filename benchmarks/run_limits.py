"""Observed and five expected limits of public likelihoods, by hone and by pyhf.

``run_limits.py <folder>`` prints a row for each pyhf workspace (``.json``, ``.json.gz``) with a
parameter of interest, and the median ratio. Every task is a fresh process with one thread, one
after the other; times are CPU seconds of the first call, compilation included. pyhf tests 21 values
up to 1.5 times the largest limit: its own search does not run with its jax backend, as an array is
no key of its cache.
"""

import gzip
import json
import math
import os
import signal
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from run import duration, run, table

__all__ = ["limits", "workspaces"]

PEERS = {"pyhf, jax": "jax-scipy", "pyhf, minuit": "numpy-minuit"}
PATIENCE = 120
"""CPU seconds after which a peer is given up."""


def workspaces(folder: Path) -> list[Path]:
    """The workspaces in a folder that have a parameter of interest."""
    files = sorted(p for p in folder.iterdir() if p.name.endswith((".json", ".json.gz")))
    return [path for path in files if has_poi(path)]


def has_poi(path: Path) -> bool:
    data = path.read_bytes()
    spec = json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)
    if "channels" not in spec:
        return False
    samples = [sample for channel in spec["channels"] for sample in channel["samples"]]
    names = {modifier["name"] for sample in samples for modifier in sample["modifiers"]}
    return spec["measurements"][0]["config"]["poi"] in names


def found(who: str, path: Path, work: str = "limits") -> dict[str, Any] | str:
    """Time and limits; or that it took too long, or did not end with limits."""
    try:
        return run(sys.executable, "task_size.py", who, str(path), work, cpu=PATIENCE)["limits"]
    except subprocess.CalledProcessError as error:
        late = error.returncode in (-signal.SIGXCPU, -signal.SIGKILL)
        return f"> {PATIENCE} s" if late else "none"


def limits(folder: Path) -> str:
    """The table, and below it the median over likelihoods of the ratio to the faster peer."""
    rows, ratios = [], []
    for path in workspaces(folder):
        name, ours = path.name.split(".")[0], found("hone", path)
        if isinstance(ours, str):
            rows.append([name, ours])
            continue
        row, known = [name, duration(ours["cold"])], []
        top = 1.5 * max(x for x in ours["result"] if not math.isnan(x))
        for who in PEERS.values():
            peer = found(who, path, f"limits={top}")
            if isinstance(peer, str):
                late = f"> {PATIENCE / ours['cold']:.2g}" if peer != "none" else ""
                row += [peer, late, ""]
                continue
            known.append(peer["cold"] / ours["cold"])
            pairs = zip(ours["result"], peer["result"], strict=True)
            apart = [abs(a / b - 1) for a, b in pairs if not math.isnan(a * b)]
            row += [duration(peer["cold"]), f"**{known[-1]:.3g}**", f"{max(apart, default=0):.0e}"]
        rows.append(row)
        ratios += [min(known)] if known else []
    header = ["likelihood", "hone"]
    for who in PEERS:
        header += [who, "ratio", "difference"]
    middle = statistics.median(ratios) if ratios else float("nan")
    below = f"Median of the {len(ratios)} ratios to the faster peer: **{middle:.3g}**."
    return f"{table(header, rows)}\n\n{below}"


if __name__ == "__main__":
    os.environ |= {"NPROC": "1", "OPENBLAS_NUM_THREADS": "1"}
    print(limits(Path(sys.argv[1])))
