"""Results of the studies: medians over seeds, with published numbers, targets and floors.

Reads ``results/blobs_study``, ``results/inferno`` and ``results/shapes``, if they exist. All
numbers are nominal, for hard bins, with a million evaluation events per sample; without staterror
but for those of ``shapes``. Errors are from a bootstrap of these events.
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from tabulate import tabulate

from hone.running.files import read_csv, read_json

RESULTS = Path("results")
# analysis, observable, figure of merit, unit, published, target
TARGETS = (
    ("blobs_study", "neos", "expected_cls", 1, "6e-7 to 1e-6", 3.83e-7),
    ("blobs_study", "neos-40", "expected_cls", 1, "", 2.94e-7),
    ("blobs_study", "limit-20", "expected_limit", 1, "", 0.202),
    ("blobs_study", "inferno", "sigma_mu", 1, "0.26 to 0.275", 0.259),
    ("inferno", "hone-0", "sigma_mu", 50, "15.51", 14.9),
    ("inferno", "hone-3", "sigma_mu", 50, "16.89", 15.76),
    ("inferno", "hone-4", "sigma_mu", 50, "in the paper", 17.08),
)
LIMIT_TARGET = 0.99


def rows_of(analysis: str, observable: str) -> list[dict[str, Any]]:
    rows = read_csv(RESULTS / analysis / "comparison.csv")
    return sorted((r for r in rows if r["observable"] == observable), key=lambda r: r["seed"])


def values(rows: Sequence[dict[str, Any]], key: str) -> list[float]:
    return [row[f"without_staterror_{key}"] for row in rows]


def floor_of(analysis: str, observable: str, key: str) -> float | None:
    floor = read_json(RESULTS / analysis / "signal" / "floor.json")
    return floor.get("of_observables", {}).get(observable, floor).get(key)


def by_pyhf(rows: Sequence[dict[str, Any]], key: str) -> list[float]:
    """The same number from pyhf alone; a limit is hone's, where pyhf finds a CLs of 0.05."""
    if key != "expected_limit":
        return values(rows, f"pyhf_{key}")
    for row, found in zip(rows, values(rows, "pyhf_cls_at_limit"), strict=True):
        if not np.isclose(found, 0.05, atol=1e-4):
            raise SystemExit(f"{row['observable']}: pyhf's CLs at the limit is {found}, not 0.05")
    return values(rows, key)


def with_staterror(rows: Sequence[dict[str, Any]], key: str) -> float | None:
    medians = {"expected_cls": "expected_cls_2", "expected_limit": "expected_limits_2"}
    found = [row[medians.get(key, key)] for row in rows]
    known = [value for value in found if value is not None]
    return median(known) if known else None


def target_row(
    analysis: str, observable: str, key: str, unit: float, published: str, target: float
) -> dict[str, Any]:
    rows = rows_of(analysis, observable)
    reached = unit * median(by_pyhf(rows, key))
    error = unit * median(values(rows, f"{key}_error"))
    other = with_staterror(rows, key)
    floor = floor_of(analysis, observable, key)
    below = [v for v in by_pyhf(rows, key) if floor is not None and v < floor]
    verdict = "yes" if reached <= target else f"no, by {reached / target - 1:.1%}"
    if below:
        verdict += f"; {len(below)} of {len(rows)} seeds BELOW THE FLOOR"
    lowest, highest = (unit * end(by_pyhf(rows, key)) for end in (min, max))
    return {
        "analysis": analysis,
        "observable": observable,
        "number": key,
        "seeds": len(rows),
        "reached [over seeds]": f"{reached:.4g} ± {error:.1g} [{lowest:.4g}, {highest:.4g}]",
        "with staterror": f"{unit * other:.4g}" if other else "none",
        "published": published,
        "target": target,
        "floor": f"{unit * floor:.4g}" if floor else "",
        "met": verdict,
    }


def limit_line() -> str:
    """Limits trained on the limit against trained on CLs, paired by seed.

    The interval is a bootstrap over the pairs and, within each, over the evaluation events.
    """
    ours, theirs = (rows_of("blobs_study", name) for name in ("limit", "neos"))
    a, b = (np.array(values(rows, "expected_limit")) for rows in (ours, theirs))
    errors = [np.array(values(rows, "expected_limit_error")) for rows in (ours, theirs)]
    rng = np.random.default_rng(1)
    chosen = rng.integers(len(a), size=(10_000, len(a)))
    drawn = [
        x[chosen] + rng.normal(size=chosen.shape) * e[chosen]
        for x, e in zip((a, b), errors, strict=True)
    ]
    low, high = np.quantile(np.median(drawn[0] / drawn[1], axis=1), [0.025, 0.975])
    ratio = float(np.median(a / b))
    verdict = "yes" if ratio <= LIMIT_TARGET and high < 1 else "no"
    floor = floor_of("blobs_study", "limit", "expected_limit")
    return (
        f"blobs_study  limit / neos expected limit, paired by seed: {ratio:.4f}, "
        f"95 % interval [{low:.4f}, {high:.4f}]  target at most {LIMIT_TARGET}, below 1: {verdict}"
        f"  (limits {np.median(a):.4f} and {np.median(b):.4f}, floor {floor:.4f})"
    )


def lowest_found_line() -> str:
    """Trained CLs against the lowest that a search for as many bins found."""
    floor = read_json(RESULTS / "blobs_study" / "signal" / "floor.json")
    lowest = floor.get("in_bins", {}).get("5", {}).get("expected_cls")
    if lowest is None:
        return "blobs_study  lowest CLs found in 5 bins: none; floor: {in_bins: [5]}"
    reached = median(by_pyhf(rows_of("blobs_study", "neos"), "expected_cls"))
    return (
        f"blobs_study  neos expected_cls: {reached:.4g}, lowest found in 5 bins {lowest:.4g}: "
        f"{reached / lowest - 1:+.1%}"
    )


def gain_line() -> str:
    """How far limits trained on the limit are below the classifier's, paired by seed."""
    ours, theirs = (
        np.array([row["expected_limits_2"] for row in rows_of("shapes", name)])
        for name in ("neos", "bce-edges")
    )
    gains = ", ".join(f"{gain:.1%}" for gain in 1 - ours / theirs)
    return (
        f"shapes  gain in limit of neos over bce-edges, paired by seed: {gains}; "
        f"of the medians {1 - np.median(ours) / np.median(theirs):.1%}"
    )


def main() -> None:
    rows = []
    for target in TARGETS:
        if (RESULTS / target[0] / "comparison.csv").exists():
            rows.append(target_row(*target))
        else:
            print(f"{target[0]}: no results; make CONFIG=config/{target[0]}.yaml")
    print(tabulate(rows, "keys", disable_numparse=True))
    if (RESULTS / "blobs_study" / "comparison.csv").exists():
        print(limit_line())
        print(lowest_found_line())
    if (RESULTS / "shapes" / "comparison.csv").exists():
        print(gain_line())
    else:
        print("shapes: no results; make CONFIG=config/shapes.yaml")


if __name__ == "__main__":
    main()
