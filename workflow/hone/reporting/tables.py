"""Rows of ``comparison.csv``, and the summary for the screen."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from tabulate import tabulate

from hone.results.gains import pyhfs_verdict

__all__ = ["flatten", "summary"]

Row = Mapping[str, Any]

_HEAD = ("signal", "observable", "seeds")
_MERITS = {"expected_cls": ".3g", "expected_limit": ".4f", "expected_p0": ".3g", "sigma_mu": ".4f"}


def flatten(limits: Mapping[str, Any]) -> dict[str, Any]:
    """A row of ``comparison.csv``: lists get an index, pyhf's check the prefix ``pyhf_``."""
    row: dict[str, Any] = {}
    for key, value in limits.items():
        if key in ("scan", "provenance", "reasons", "notes"):
            continue
        if key == "pyhf_check":
            checked = {k: v for k, v in value.items() if k not in ("notes", "pyhf")}
            row |= {f"pyhf_{k}": v for k, v in flatten(checked).items()}
        elif isinstance(value, dict):
            row |= {f"{key}_{name}": item for name, item in value.items()}
        elif isinstance(value, list):
            row |= {f"{key}_{i}": item for i, item in enumerate(value)}
        else:
            row[key] = value
    return row


def summary(analysis: str, rows: Sequence[Row], floors: Mapping[str, Row]) -> str:
    """The summary on screen: medians over seeds for each signal and observable."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["signal"], row["observable"]), []).append(row)
    medians = []
    for signal in dict.fromkeys(signal for signal, _ in groups):
        medians += [_medians(*key, group) for key, group in groups.items() if key[0] == signal]
        medians += _floors(signal, floors.get(signal, {}))
    lines = [
        f"Analysis {analysis}: medians over seeds, nominal Asimov data",
        "",
        tabulate(
            medians,
            (*_HEAD, "exp. CLs (mu=1)", "exp. limit [over seeds]", "sigma_mu", "pyhf's CLs"),
            disable_numparse=True,
            colalign=("left", "left", "right", "right", "left", "right", "left"),
        ),
        "",
    ]
    if "without_staterror_expected_cls" in rows[0]:
        bare = [
            [*key, len(group), *(_without_staterror(group, merit) for merit in _MERITS)]
            for key, group in groups.items()
        ]
        lines += [
            "Without staterror, +- bootstrap of the evaluation events (median over seeds)",
            "",
            tabulate(
                bare,
                (*_HEAD, "CLs", "limit", "p0", "sigma_mu"),
                disable_numparse=True,
                colalign=("left", "left", "right"),
            ),
            "",
        ]
    lines += [
        f"{signal}: exact-density classifier in {bins} equal bins, CLs {cls:.3g}\n"
        for signal, floor in floors.items()
        for bins, cls in floor.get("classifier_expected_cls", {}).items()
        if cls is not None
    ]
    return (
        "\n".join(lines)
        + f"""
figures  results/{analysis}/figures/
tables   results/{analysis}/table.csv, .md, .tex; every seed: comparison.csv
readme   results/{analysis}/README.md
report   results/{analysis}/report.html
"""
    )


def _medians(signal: str, name: str, rows: Sequence[Row]) -> list[Any]:
    limits = [row["expected_limits_2"] for row in rows if row["expected_limits_2"] is not None]
    # hone's; pyhf's are the same to the digits shown, or there are notes on its fits.
    cls = [row["expected_cls_2"] for row in rows if row["expected_cls_2"] is not None]
    found = pyhfs_verdict(rows)
    largest, noted = found["pyhf_max_difference"], len(rows) - found["pyhf_agrees"]
    verdict = "not compared" if largest is None else f"agrees to {largest:.0e}"
    if noted:
        verdict += f"; notes on {noted} of {len(rows)} in limits.json"
    spread = f" [{min(limits):.4f}, {max(limits):.4f}]" if limits else ""
    sigma = _median([row["sigma_mu"] for row in rows], "sigma_mu")
    limit = _median(limits, "expected_limit") + spread
    return [signal, name, len(rows), _median(cls, "expected_cls"), limit, sigma, verdict]


def _floors(signal: str, floor: Row) -> list[list[Any]]:
    """Floors with all systematics, and with subsets of them."""
    own = {f"(of {name})": values for name, values in floor.get("of_observables", {}).items()}
    rows = []
    for name, values in {"(floor)": floor, **own}.items():
        if values.get("expected_cls") is not None:
            cls, limit, sigma = (
                "none" if values[merit] is None else format(values[merit], _MERITS[merit])
                for merit in ("expected_cls", "expected_limit", "sigma_mu")
            )
            rows.append([signal, name, "", cls, limit, sigma, ""])
    return rows


def _without_staterror(rows: Sequence[Row], merit: str) -> str:
    """Median over seeds without staterror, with the median of the bootstrap errors."""
    column = f"without_staterror_{merit}"
    values = [row[column] for row in rows if row[column] is not None]
    errors = [row[f"{column}_error"] for row in rows if row[f"{column}_error"] is not None]
    return _median(values, merit) + (f" +- {median(errors):.1g}" if errors else "")


def _median(values: Sequence[float], merit: str) -> str:
    return format(median(values), _MERITS[merit]) if values else "none"
