"""Measure hone against its peers in one run and write ``README.md`` and ``scaling.png`` here.

Every task is a fresh process, one after the other. Targets stand beside what was reached.
"""

import datetime
import importlib.metadata
import json
import math
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt
from clock import seconds
from tabulate import tabulate

HERE = Path(__file__).parent
SMALL, MIDDLE, LARGE = "17 parameters", "91 parameters", "200 parameters"
OPTIMIZERS = ("scipy", "minuit")


def run(
    python: str,
    script: str,
    *arguments: str,
    cache: str = "",
    limit: float | None = None,
    cpu: int | None = None,
    device: str = "",
) -> dict[str, Any]:
    """A task in a fresh process, on ``device`` of JAX if given.

    Returns:
        What it reports, and ``wall``, its time from start to end, in seconds.

    Raises:
        subprocess.SubprocessError: the task failed, or took longer than ``limit``, in seconds, or
            more processor time than ``cpu``.
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = str(HERE.parent / "workflow")
    if cache:
        environment["JAX_COMPILATION_CACHE_DIR"] = cache
    if device:
        environment["JAX_PLATFORMS"] = device
    print("  ", script, *arguments, flush=True)
    command = [python, str(HERE / script), *arguments]
    limited = cpu and partial(resource.setrlimit, resource.RLIMIT_CPU, (cpu, cpu))
    options: Any = {"env": environment, "timeout": limit, "preexec_fn": limited}
    took, done = seconds(
        lambda: subprocess.run(command, check=True, stdout=subprocess.PIPE, **options)
    )
    return {"wall": took, **json.loads(done.stdout.splitlines()[-1])}


def hone(*arguments: str, cache: str = "") -> dict[str, Any]:
    return run(sys.executable, "task_hone.py", *arguments, cache=cache)


def pyhf(task: str, backend: str, optimizer: str, *arguments: str) -> dict[str, Any]:
    return run(sys.executable, "task_pyhf.py", task, backend, optimizer, *arguments)


def median(runs: Sequence[dict[str, Any]], key: str = "wall") -> float:
    return statistics.median(r[key] for r in runs)


def furthest(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Largest relative difference."""
    return max(abs(a / b - 1) for a, b in zip(ours, theirs, strict=True))


def small_limits() -> tuple[list[list[str]], int]:
    """Six limits of the small model, complete on both sides."""
    peers = {o: [pyhf("limits", "numpy", o, SMALL) for _ in range(3)] for o in OPTIMIZERS}
    fastest = min(OPTIMIZERS, key=lambda o: median(peers[o]))
    peer, inside = median(peers[fastest]), median(peers[fastest], "inside")
    count = peers[fastest][0]["hypotests"]
    jax = pyhf("hypotests", "jax", "scipy", SMALL, "1.0", "1.1", "1.2", "1.3")
    jax_warm = count * statistics.median(jax["times"][1:])
    jax_cold = jax["times"][0] + jax_warm

    cold, cached = [], []
    for _ in range(5):
        with tempfile.TemporaryDirectory() as cache:
            cold.append(hone("once", SMALL, cache=cache))
            cached.append(hone("once", SMALL, cache=cache))
    warm = hone("limits", SMALL, "50")
    agreement = f"{furthest(warm['limits'], peers['scipy'][0]['limits']):.0e} in the limits"
    return [
        row("six limits, 17 parameters, fresh process, empty cache", median(cold), peer, fastest,
            3, agreement, jax_cold),
        row("the same, compilation cache of an earlier run", median(cached), peer, fastest,
            10, agreement, jax_cold),
        row("the same, warm, in the process", warm["warm"], inside, fastest,
            200, agreement, jax_warm),
    ], count  # fmt: skip


def large_limits(name: str, count: int, target: float, mus: Sequence[str]) -> list[str]:
    """Six limits of a model on which pyhf is timed on single tests, and scaled."""
    peers = {o: pyhf("hypotests", "numpy", o, name, *mus) for o in OPTIMIZERS}
    each = {o: statistics.median(peers[o]["times"]) for o in OPTIMIZERS}
    fastest = min(OPTIMIZERS, key=each.__getitem__)
    jax = pyhf("hypotests", "jax", "scipy", name, "1.0", "1.1", "1.2")
    jax_time = jax["times"][0] + count * statistics.median(jax["times"][1:])
    with tempfile.TemporaryDirectory() as cache:
        ours = hone("once", name, cache=cache)
    # What is compared is CLs at pyhf's POI values, by hone.
    scaled = count * each[fastest]
    agreement = f"{_cls_difference(name, mus, peers):.0e} in ln CLs"
    ending = f", scaled from {len(mus)} of {count} tests"
    return row(
        f"six limits, {name}, fresh process, empty cache", ours["wall"], scaled, fastest + ending,
        target, agreement, jax_time,
    )  # fmt: skip


def _cls_difference(name: str, mus: Sequence[str], peers: dict[str, Any]) -> float:
    """The better of the peers, as both end a little above the minimum now and then."""
    ours = hone("tests", name, *mus)["cls"]
    return min(
        max(abs(math.log(a / b)) for x, y in zip(ours, p["cls"], strict=True)
            for a, b in zip(x, y, strict=True))
        for p in peers.values()
    )  # fmt: skip


def toys() -> list[str]:
    """CLs from toys, pyhf's scaled from 200 of 10,000."""
    peers = {o: pyhf("toys", "numpy", o, SMALL, "200") for o in OPTIMIZERS}
    fastest = min(OPTIMIZERS, key=lambda o: peers[o]["inside"])
    scaled = 50 * peers[fastest]["inside"]
    with tempfile.TemporaryDirectory() as cache:
        ours = hone("toys", SMALL, "10000", cache=cache)
    agreement = f"CLs {ours['cls']:.3f} and {peers[fastest]['cls']:.2f} (200 toys)"
    ending = ", scaled from 200 toys"
    return row(
        "CLs from 10,000 toys, 17 parameters, fresh process", ours["wall"], scaled,
        fastest + ending, 50, agreement,
    )  # fmt: skip


def gradient(relaxed: str) -> list[str]:
    """Expected CLs and its gradient with respect to the yields."""
    theirs = run(relaxed, "task_relaxed.py", SMALL)
    ours = hone("gradient", SMALL)
    scale = max(map(abs, theirs["gradient"]))
    difference = max(abs(a - b) for a, b in zip(ours["gradient"], theirs["gradient"], strict=True))
    agreement = f"{abs(ours['cls'] / theirs['cls'] - 1):.0e}, gradient {difference / scale:.0e}"
    return row(
        "CLs and its gradient in the yields, 17 parameters, warm", ours["warm"], theirs["warm"],
        "relaxed 0.4.0", 10, agreement,
    )  # fmt: skip


def row(
    work: str, ours: float, peer: float, who: str, target: float, agreement: str, jax: float = 0.0
) -> list[str]:
    reached = peer / ours
    return [
        work, duration(ours), f"{duration(peer)} ({who})", f"**{reached:.3g}**",
        f"{target:g}" if target else "time below 2 min",
        "yes" if (reached >= target if target else ours < 120) else "no",
        agreement, f"{jax / ours:.3g} ({duration(jax)})" if jax else "",
    ]  # fmt: skip


def duration(t: float) -> str:
    return f"{1000 * t:.3g} ms" if t < 1 else f"{t:.3g} s"


def evaluations() -> list[list[str]]:
    """Evaluations of -2 ln L in one free fit, by what is known of its derivatives."""
    rows = []
    for label, backend, optimizer in (
        ("SLSQP, no gradient", "numpy", "scipy"),
        ("minuit, no gradient", "numpy", "minuit"),
        ("SLSQP, gradient (pyhf's jax)", "jax", "scipy"),
        ("minuit, gradient (pyhf's jax)", "jax", "minuit"),
    ):
        r = pyhf("evaluations", backend, optimizer, SMALL)
        gradients = str(r["gradients"]) if backend == "jax" else "0"
        rows.append([label, str(r["evaluations"]), gradients, "0", f"{r['minimum']:.7f}"])
    r = hone("evaluations", SMALL)
    count = str(r["evaluations"])
    rows.append(["Newton, gradient and Hessian (hone)", count, count, count, f"{r['minimum']:.7f}"])
    return rows


def draw_scaling() -> None:
    """How hone's time grows with bins, parameters and toys."""
    found = hone("scaling")
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
    for axis, key, label, what in zip(
        axes,
        ("bins", "parameters", "toys"),
        ("bins (parameters = bins + 7)", "parameters (20 bins)", "toys"),
        ("six limits, warm", "six limits, warm", "CLs from toys, warm"),
        strict=True,
    ):
        x, y = zip(*found[key], strict=True)
        axis.loglog(x, y, "o-")
        axis.set(xlabel=label, ylabel="seconds", title=what)
        axis.set_xticks(x, labels=map(str, x))
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    figure.savefig(HERE / "scaling.png", dpi=110)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return tabulate(rows, header, tablefmt="github", disable_numparse=True)


def main(relaxed: str) -> None:
    limits, count = small_limits()
    rows = [
        *limits,
        large_limits(MIDDLE, count, 50, ("0.5", "1.0", "2.0")),
        large_limits(LARGE, count, 0, ("1.0",)),
        toys(),
        gradient(relaxed),
    ]
    counts = evaluations()
    draw_scaling()
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}"
        for name in ("jax", "pyhf", "iminuit", "scipy", "numpy")
    )
    measured = table(
        ["work", "hone", "peer", "ratio", "target", "reached", "agreement", "pyhf's jax backend"],
        rows,
    )
    fits = table(["free fit, 17 parameters", "-2 ln L", "gradients", "Hessians", "minimum"], counts)
    text = (HERE / "template.md").read_text()
    for name, value in {
        "measured": measured,
        "fits": fits,
        "date": datetime.date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}",
        "versions": versions,
    }.items():
        text = text.replace("{{" + name + "}}", value)
    (HERE / "README.md").write_text(text)
    print("\n" + measured + "\n\n" + fits)


if __name__ == "__main__":
    main(*sys.argv[1:])
