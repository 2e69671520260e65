"""Measure reading, scoring, histogramming and training on ntuples, and write ``streaming.md`` here.

Files of a million and ten million events are written into a temporary folder (a gigabyte), and what
is trained on from disk (four gigabytes).
"""

import datetime
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ntuples import SYSTEMATICS, write
from run import HERE, run, table

os.environ |= {"NPROC": "1", "OPENBLAS_NUM_THREADS": "1"}
SMALL, LARGE = 1_000_000, 10_000_000
TIME_TARGETS = {"": 1.5, "jets": 2.0}
MEMORY_TARGET, MEMORY_LIMIT = 1.3, 2 * 1024**3
STEP_TARGET, TRAINING_LIMIT = 1.2, 3 * 1024**3
ROUNDS = 3


def main() -> None:
    rows, peaks = [], {}
    with tempfile.TemporaryDirectory() as folder:
        paths = {size: Path(folder, f"{size}.root") for size in (SMALL, LARGE)}
        for size, path in paths.items():
            write(path, size)
        training, reached = trainings(paths)
        for size, path in paths.items():
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
                large = size == LARGE
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
        "training": f"{training}\n\n{reached}",
        "systematics": str(SYSTEMATICS),
        "date": datetime.date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}",
        "versions": ", ".join(f"{name} {version(name)}" for name in ("uproot", "jax", "numpy")),
    }.items():
        text = text.replace("{{" + name + "}}", value)
    (HERE / "streaming.md").write_text(text)
    print(f"{table(header, rows)}\n\n{memory}\n\n{training}\n\n{reached}")


def trainings(paths: Mapping[int, Path]) -> tuple[str, str]:
    """A table of trainings on events in memory and on disk, and what was reached."""
    cases = [("memory", SMALL), ("disk", SMALL), ("disk", LARGE)]

    def task(*cases: tuple[str, int]) -> dict[str, Any]:
        arguments = [text for where, size in cases for text in (where, str(paths[size]))]
        return run(sys.executable, "task_stream_training.py", str(paths[SMALL]), *arguments)

    alone, turns = [task(case) for case in cases], task(*cases)
    rows = [
        [
            where, f"{size:,}", f"{own['loaded'][0]:.3g} s", f"{1000 * turns['step'][k]:.3g} ms",
            f"**{turns['ratio'][k]:.3g}**", f"{1000 * turns['cpu'][k]:.3g} ms",
            f"{own['peak'] / 1024**3:.2f} GiB",
        ]
        for k, ((where, size), own) in enumerate(zip(cases, alone, strict=True))
    ]  # fmt: skip
    ratio, peak = turns["ratio"][-1], alone[-1]["peak"]
    within, below = (
        "yes" if good else "no" for good in (ratio <= STEP_TARGET, peak < TRAINING_LIMIT)
    )
    same = "the same" if turns["losses"][0] == turns["losses"][1] else "not the same"
    header = [
        "events in", "background events", "to load", "step", "ratio", "CPU time of a step",
        "peak memory",
    ]  # fmt: skip
    return table(header, rows), (
        f"On ten million events a step takes **{ratio:.3g}** times that in memory (at most "
        f"{STEP_TARGET:g}: {within}), the process {peak / 1024**3:.2f} GiB (below 3 GiB: {below}). "
        f"On a million events the last loss is {same} to the last digit."
    )


KINDS = ("iterate", "fill")

if __name__ == "__main__":
    main()
