"""Measure reading, scoring and histogramming of ntuples, and write ``streaming.md`` here.

Files of a million and ten million events are written into a temporary folder (two gigabytes).
"""

import datetime
import os
import platform
import statistics
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from ntuples import SYSTEMATICS, write
from run import HERE, run, table

os.environ |= {"NPROC": "1", "OPENBLAS_NUM_THREADS": "1"}
TIME_TARGETS = {"": 1.5, "jets": 2.0}
MEMORY_TARGET, MEMORY_LIMIT = 1.3, 2 * 1024**3
ROUNDS = 3


def main() -> None:
    rows, peaks = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for size in (1_000_000, 10_000_000):
            path = Path(folder, f"{size}.root")
            write(path, size)
            for jets, target in TIME_TARGETS.items():
                tasks = {what: ("task_stream.py", what, str(path), *jets.split()) for what in KINDS}
                rounds = [
                    {what: run(sys.executable, *task) for what, task in tasks.items()}
                    for _ in range(ROUNDS)
                ]
                alone, filled = (
                    statistics.median(r[what]["seconds"] for r in rounds) for what in KINDS
                )
                ratio, of_cpu = (
                    statistics.median(r["fill"][key] / r["iterate"][key] for r in rounds)
                    for key in ("seconds", "cpu")
                )
                peak = statistics.median(r["fill"]["peak"] for r in rounds)
                if not jets:
                    peaks[size] = peak
                large = size == 10_000_000
                rows.append([
                    f"{size:,}", jets, f"{alone:.3g} s", f"{filled:.3g} s", f"**{ratio:.3g}**",
                    f"{target:g}" if large else "",
                    ("yes" if ratio <= target else "no") if large else "", f"{of_cpu:.3g}",
                    f"{peak / 1024**2:.0f} MiB",
                ])  # fmt: skip
    small, large_peak = peaks.values()
    growth = large_peak / small
    within, below = (
        "yes" if good else "no" for good in (growth <= MEMORY_TARGET, large_peak < MEMORY_LIMIT)
    )
    memory = (
        f"Ten times the events take **{growth:.3g}** times the memory (at most {MEMORY_TARGET:g}: "
        f"{within}; below 2 GiB: {below})."
    )
    header = [
        "events", "", "iterate alone", "with hone", "ratio", "at most", "reached", "CPU time",
        "peak memory",
    ]  # fmt: skip
    text = (HERE / "template_streaming.md").read_text()
    for name, value in {
        "table": table(header, rows),
        "memory": memory,
        "systematics": str(SYSTEMATICS),
        "date": datetime.date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}",
        "versions": ", ".join(f"{name} {version(name)}" for name in ("uproot", "jax", "numpy")),
    }.items():
        text = text.replace("{{" + name + "}}", value)
    (HERE / "streaming.md").write_text(text)
    print(f"{table(header, rows)}\n\n{memory}")


KINDS = ("iterate", "fill")

if __name__ == "__main__":
    main()
