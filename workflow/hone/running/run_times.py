"""Run times of jobs: the benchmark files of a results folder, summed by rule."""

from pathlib import Path
from typing import NamedTuple

from tabulate import tabulate

from hone.errors import InputError

__all__ = ["RuleTime", "as_text", "run_times"]


class RuleTime(NamedTuple):
    """Jobs of a rule: their number, and the wall time of all and of the longest in seconds."""

    rule: str
    jobs: int
    seconds: float
    longest: float


def run_times(folder: Path, since: float = 0.0) -> list[RuleTime]:
    """Times by rule from ``<rule>.tsv`` and ``<rule>/<wildcards>.tsv``, the longest first.

    Args:
        folder: ``results/<analysis>/benchmarks``.
        since: seconds since the epoch; older files belong to other runs.

    Raises:
        InputError: a file is not a benchmark file of Snakemake.
    """
    found: dict[str, list[float]] = {}
    for path in sorted(folder.rglob("*.tsv")):
        if path.stat().st_mtime >= since:
            rule = path.relative_to(folder).with_suffix("").parts[0]
            found.setdefault(rule, []).append(_read(path))
    times = [RuleTime(rule, len(jobs), sum(jobs), max(jobs)) for rule, jobs in found.items()]
    return sorted(times, key=lambda time: (-time.seconds, time.rule))


def as_text(times: list[RuleTime]) -> str:
    """A table for the terminal."""
    jobs, seconds = sum(time.jobs for time in times), sum(time.seconds for time in times)
    head = ["rule", "jobs", "seconds", "longest"]
    return tabulate([*times, ("total", jobs, seconds)], head, floatfmt=".1f") + "\n"


def _read(path: Path) -> float:
    """Wall time of a job in seconds."""
    try:
        head, values, *_ = (line.split("\t") for line in path.read_text().splitlines())
        return float(dict(zip(head, values, strict=True))["s"])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: not a benchmark of Snakemake ({error})") from error
