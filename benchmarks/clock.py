"""Timing, and how a task hands its numbers to the driver."""

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

__all__ = ["median_seconds", "report", "seconds"]


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Wall-clock time of one call, and its result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def median_seconds(work: Callable[[], Any], repeats: int) -> float:
    """Median wall-clock time of several calls."""
    return statistics.median(seconds(work)[0] for _ in range(repeats))


def report(**numbers: Any) -> None:
    """The last line of a task's output."""
    json.dump(numbers, sys.stdout, default=float)
    sys.stdout.write("\n")
