"""Measure steps of a training and write ``training.md`` here; ``run.py`` measures the likelihood.

Every task is a fresh process with one thread for XLA, as in the workflow's rule; within a task the
steps that are compared are measured in turns.
"""

import datetime
import os
import platform
import sys
from importlib.metadata import version

from run import HERE, run, table

# As the rule train_observable, which asks for one core.
os.environ["NPROC"] = "1"
NETWORKS = {"2 x 64": "64-64", "2 x 100": "100-100", "1024-1024": "1024-1024"}
TARGETS = {"2 x 100": 1.1, "1024-1024": 1.05}
RELAXED_TARGET, SYSTEMATICS_TARGET, LARGE_TARGET = 5.0, 1.5, 1.5


def ms(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms"


def verdict(reached: bool) -> str:
    return "yes" if reached else "no"


def against_cross_entropy() -> list[list[str]]:
    rows = []
    for name, hidden in NETWORKS.items():
        found = run(sys.executable, "task_steps.py", "objectives", hidden, "float32")
        steps, target = found["steps"], TARGETS.get(name)
        ratio = steps["cls"] / steps["bce_augmented"]
        rows.append([
            name, ms(steps["cls"]), ms(steps["bce_augmented"]), ms(steps["bce"]),
            f"**{ratio:.3g}**", f"{target:g}" if target else "",
            verdict(ratio <= target) if target else "",
            f"{steps['cls'] / steps['bce']:.3g}", str(found["skipped"]["cls"]),
        ])  # fmt: skip
    return rows


def against_relaxed(relaxed: str) -> list[list[str]]:
    rows = []
    for precision in ("float64", "float32"):
        for name in ("2 x 64", "2 x 100"):
            theirs = run(relaxed, "task_relaxed_steps.py", NETWORKS[name], precision)
            ours = run(sys.executable, "task_steps.py", "objectives", NETWORKS[name], precision)
            cls, network = ours["steps"]["cls"], ours["steps"]["bce_augmented"]
            ratio, own_fit = theirs["warm"] / cls, theirs["with_free_fit"] / cls
            target = name == "2 x 64"
            rows.append([
                f"{name}, {precision}", ms(cls), ms(network),
                ms(theirs["warm"]), f"**{ratio:.3g}**",
                ms(theirs["with_free_fit"]), f"**{own_fit:.3g}**",
                f"{RELAXED_TARGET:g}" if target else "",
                verdict(ratio >= RELAXED_TARGET) if target else "",
                f"{theirs['begin']:.3g} to {theirs['end']:.3g}",
            ])  # fmt: skip
    return rows


def with_systematics() -> list[list[str]]:
    found = run(sys.executable, "task_steps.py", "systematics", NETWORKS["2 x 100"])
    none = found["steps"]["0"]
    rows = []
    for number, seconds in found["steps"].items():
        last = number == "80"
        rows.append([
            number, ms(seconds), f"**{seconds / none:.3g}**",
            f"{SYSTEMATICS_TARGET:g}" if last else "",
            verdict(seconds / none <= SYSTEMATICS_TARGET) if last else "",
        ])  # fmt: skip
    return rows


def with_large_likelihood() -> list[list[str]]:
    name = "2 x 100"
    steps = run(sys.executable, "task_steps.py", "likelihood", NETWORKS[name])["steps"]
    ratio = steps["cls"] / steps["bce"]
    return [[
        name, ms(steps["cls"]), ms(steps["bce"]), f"**{ratio:.3g}**", f"{LARGE_TARGET:g}",
        verdict(ratio <= LARGE_TARGET),
    ]]  # fmt: skip


def main(relaxed: str) -> None:
    parts = {
        "objectives": table(
            ["network", "CLs", "cross-entropy, 4 sets", "cross-entropy, 2 sets",
             "CLs over 4 sets", "at most", "reached", "CLs over 2 sets", "skipped steps"],
            against_cross_entropy(),
        ),
        "relaxed": table(
            ["network", "hone", "of it cross-entropy", "relaxed", "ratio", "relaxed, free fit",
             "ratio", "at least", "reached", "relaxed's ln CLs"],
            against_relaxed(relaxed),
        ),
        "systematics": table(
            ["weight systematics", "step", "over none", "at most", "reached"], with_systematics()
        ),
        "large": table(
            ["network", "CLs", "cross-entropy", "ratio", "at most", "reached"],
            with_large_likelihood(),
        ),
        "date": datetime.date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}",
        "versions": ", ".join(f"{name} {version(name)}" for name in ("jax", "optax", "equinox")),
    }  # fmt: skip
    text = (HERE / "template_training.md").read_text()
    for name, value in parts.items():
        text = text.replace("{{" + name + "}}", value)
    (HERE / "training.md").write_text(text)
    print("\n\n".join(parts[name] for name in ("objectives", "relaxed", "systematics", "large")))


if __name__ == "__main__":
    main(*sys.argv[1:])
