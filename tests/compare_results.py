"""Compare two results folders of one analysis, e.g. made by two versions of the code.

    .venv/bin/python tests/compare_results.py <one>/results/blobs <other>/results/blobs

Numbers must be equal to the last digit; how and when they were made, and in how long, may differ.
"""

import csv
import json
import math
import sys
from pathlib import Path

NAMES = (
    "limits.json", "workspace.json", "likelihood.json", "fit.json", "floor.json", "selected.json",
    "importance.json", "patchset.json", "comparison.csv", "table.csv", "history.csv",
    "systematics.csv", "yields.csv",
)  # fmt: skip
MAY_DIFFER = ("provenance", "notes", "seconds")


def content(path):
    """What must be equal."""
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        return [{k: v for k, v in row.items() if k not in MAY_DIFFER} for row in rows]
    return {k: v for k, v in json.loads(path.read_text()).items() if k not in MAY_DIFFER}


def difference(one, other):
    """The largest difference of two numbers in one place, relative to them or to 1e-3.

    Infinite if it is another number of entries or not a number.
    """
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return max((difference(one[k], other[k]) for k in one), default=0.0)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return max(map(difference, one, other), default=0.0)
    if one == other:
        return 0.0
    try:
        a, b = float(one), float(other)
    except (TypeError, ValueError):
        return math.inf
    return abs(a - b) / max(abs(a), abs(b), 1e-3)


def main(one, other):
    """Print the files that differ, and by how much; 1 if there are any."""
    paths = sorted(path for name in NAMES for path in Path(one).rglob(name))
    different = 0
    for path in paths:
        same_place = Path(other, path.relative_to(one))
        if not same_place.exists():
            print(f"{same_place} is not there")
            different += 1
            continue
        a, b = content(path), content(same_place)
        if a != b:
            keys = (
                sorted(k for k in {*a, *b} if a.get(k) != b.get(k)) if isinstance(a, dict) else ""
            )
            print(f"{path} differs by {difference(a, b):.1g} {keys}")
            different += 1
    print(f"{len(paths)} files compared, {different} differ")
    return int(different > 0 or not paths)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
