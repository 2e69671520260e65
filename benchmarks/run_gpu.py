"""Measure trainings and fits on a GPU against this machine's CPU and write ``gpu.md`` here.

``run_gpu.py --dry-run``: the same tasks with small sizes on the CPU alone, and no page.
Where ``JAX_COMPILATION_CACHE_DIR`` is set, compiled programs are kept there: a second run measures
what the first had no time for.
"""

import datetime
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import numpy as np
from run import HERE, run, table
from run_training import ms

BUDGET = 570.0
"""Seconds after which no further task begins."""
TOGETHER = max(1, min(7, (os.cpu_count() or 1) // 2))
"""Tasks side by side while programs are compiled, each up to a minute and more for a card."""
TASK, ALL = 170.0, 600.0
"""Seconds that a task may take, and all together."""
# Dense products in float32 and in bfloat16, in TFLOP/s (data sheets); V100 and T4 have no bfloat16.
PEAKS = {
    "H100": (67, 989), "H200": (67, 989), "A100": (19.5, 312), "L40": (91, 362), "L4": (30, 121),
    "V100": (15.7, None), "T4": (8.1, None),
}  # fmt: skip
# objective, hidden layers, batch, seeds, precision: what matters most comes first.
STEPS = [
    *(
        (objective, *rest, "float32")
        for rest in (
            ("100-100", 2000, 1), ("1024-1024", 2000, 1), ("100-100", 2000, 20),
            ("1024-1024", 200_000, 1), ("100-100", 200_000, 1),
        )
        for objective in ("cls", "bce_augmented")
    ),
    ("cls", "1024-1024", 200_000, 1, "bfloat16"), ("cls", "1024-1024", 2000, 20, "float32"),
    ("cls", "1024-1024", 20_000, 1, "float32"), ("cls", "1024-1024", 20_000, 1, "bfloat16"),
]  # fmt: skip

Task = tuple[Any, ...]
"""Arguments of ``task_gpu.py``."""


class Measurement:
    """Tasks on the CPU and on the device, until the time is over."""

    def __init__(self, dry: bool, cache: str) -> None:
        self.dry, self.cache, self.begun = dry, cache, time.monotonic()
        self.device = "cpu" if dry else "cuda"

    def task(self, *arguments: Any, device: str = "", limit: float = TASK) -> dict[str, Any] | None:
        """What a task reports; None if there is no time for it, or it failed."""
        passed = time.monotonic() - self.begun
        if passed > BUDGET:
            return None
        # What is compiled is kept for the next process.
        options: Any = {
            "limit": min(limit, ALL - passed),
            "cache": self.cache,
            "device": device or self.device,
        }
        try:
            return run(sys.executable, "task_gpu.py", *map(str, arguments), **options)
        except subprocess.SubprocessError as error:
            print("    ", error, flush=True)
            return None

    def compile(self, tasks: Sequence[Task], of_cpu: Sequence[Task]) -> None:
        """Every task once, side by side: what is measured later is compiled by then."""
        # Tasks side by side share the card's memory.
        os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
        with ThreadPoolExecutor(TOGETHER) as pool:
            begun = [
                pool.submit(self.task, *task, device=device, limit=ALL)
                for device, chosen in (("cpu", of_cpu), ("", tasks))
                # Cross-entropy later: the products of its network are those of CLs, chosen by then.
                for task in sorted(chosen, key=lambda task: "bce_augmented" in task)
            ]
            for future in begun:
                future.result()
        del os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"]

    def first_step(self) -> list[list[str]]:
        rows = []
        with tempfile.TemporaryDirectory() as folder:
            files = [str(Path(folder, f"{name}.npz")) for name in ("cpu", "device")]
            done = [self.task("first", files[0], device="cpu"), self.task("first", files[1])]
            if not all(done):
                return [["first step", "no result", ""]]
            one, other = (np.load(file) for file in files)
            for name in one.files:
                difference = np.abs(one[name] - other[name]).max() / np.abs(one[name]).max()
                rows.append([f"first step, {name}", f"{difference:.1e} of the largest", "1e-5"])
        return rows

    def trainings(self, steps: int) -> list[list[str]]:
        rows = []
        trained = [self.task("train", steps, device="cpu"), self.task("train", steps)]
        for name, found in zip(("CPU", "device"), trained, strict=True):
            ends = ", ".join(f"{x:.3f}" for x in found["end"]) if found else "no result"
            took = f"{found['seconds']:.3g} s" if found else ""
            rows.append([f"ln CLs after training, {name}", ends, took])
        return rows

    def of_steps(self) -> list[Task]:
        """The tasks of steps, small ones in a dry run."""
        if not self.dry:
            return [("step", *step) for step in STEPS]
        return [
            ("step", objective, hidden.replace("1024", "32"), min(batch, 500), min(seeds, 2), kind)
            for objective, hidden, batch, seeds, kind in STEPS
        ]

    def steps(self) -> list[list[str]]:
        rows = []
        for task in self.of_steps():
            _, objective, hidden, batch, seeds, precision = task
            found = self.task(*task)
            row = [objective, hidden, f"{batch:,}", str(seeds), precision]
            if found is None:
                rows.append([*row, "no result", "", "", ""])
                continue
            peaks = next((p for name, p in PEAKS.items() if name in found["card"]), (None, None))
            peak = peaks[precision == "bfloat16"]
            speed, memory = found["flops"] / 1e12, found["memory"]
            rows.append([
                *row, ms(found["seconds"]), f"{speed:.3g}",
                f"{100 * speed / peak:.1f} %" if peak else "",
                f"{memory / 2**30:.2g} GiB" if memory else "",
            ])  # fmt: skip
        return rows

    def fits(self) -> list[list[str]]:
        names = {"gradient": "CLs and its gradient", "limits": "six limits"}
        both = [self.task("likelihood"), self.task("likelihood", device="cpu")]
        return [
            [name, *(ms(found[key]) if found else "no result" for found in both)]
            for key, name in names.items()
        ]


def main(*options: str) -> None:
    dry = "--dry-run" in options
    if not dry and subprocess.run(["nvidia-smi"], capture_output=True, check=False).returncode:
        sys.exit("there is no NVIDIA card here; --dry-run tries the tasks on the CPU")
    steps = 20 if dry else 600
    with tempfile.TemporaryDirectory() as folder:
        measured = Measurement(dry, os.environ.get("JAX_COMPILATION_CACHE_DIR") or folder)
        of_device = [("train", steps), ("likelihood",), ("first", f"{folder}/first.npz")]
        if not dry:
            measured.compile([*of_device, *measured.of_steps()], of_cpu=[("train", steps)])
            print(f"compiled after {time.monotonic() - measured.begun:.0f} s", flush=True)
        numbers = [*measured.first_step(), *measured.trainings(steps)]
        fits, of_steps = measured.fits(), measured.steps()
    parts = {
        "numbers": table(["what", "difference or result", "at most, or time"], numbers),
        "step": table(["objective", "hidden", "batch", "seeds", "precision", "step", "TFLOP/s",
                       "of the peak", "memory"], of_steps),
        "fits": table(["work", "device", "CPU"], fits),
        "steps": str(steps),
        "date": datetime.date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}",
        "versions": ", ".join(sorted({
            f"{one.name} {one.version}" for one in distributions()
            if one.name in ("jax", "jax-cuda12-plugin", "jax-cuda13-plugin")
        })),
    }  # fmt: skip
    print("\n\n".join(parts[name] for name in ("numbers", "step", "fits")))
    if dry:
        return
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    found = subprocess.run(query, capture_output=True, check=True, text=True).stdout
    parts["card"] = "{}, driver {}, {}".format(*found.splitlines()[0].split(", "))
    text = (HERE / "template_gpu.md").read_text()
    for name, value in parts.items():
        text = text.replace("{{" + name + "}}", value)
    (HERE / "gpu.md").write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
