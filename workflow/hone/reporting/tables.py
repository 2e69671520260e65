"""The comparison of observables as a table, and its summary for the screen."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from hone.results.gains import pyhfs_verdict

__all__ = ["flatten", "summary"]


def flatten(limits: Mapping[str, Any]) -> dict[str, Any]:
    """One row of ``comparison.csv``: lists get an index, the check the prefix ``pyhf_``."""
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


def summary(
    analysis: str, rows: Sequence[Mapping[str, Any]], floors: Mapping[str, Mapping[str, Any]]
) -> str:
    """The table on screen: medians over seeds for each signal and observable."""
    head = (
        f"{'signal':<12} {'observable':<14} {'seeds':>5}  {'exp. CLs (mu=1)':>15}  "
        f"{'exp. limit [over seeds]':<26} {'sigma_mu':>8}  pyhf's CLs"
    )
    lines = [
        f"Analysis {analysis}: medians over seeds, nominal Asimov data",
        "",
        head,
        "-" * len(head),
    ]
    for signal in dict.fromkeys(row["signal"] for row in rows):
        for name in dict.fromkeys(r["observable"] for r in rows if r["signal"] == signal):
            group = [r for r in rows if r["signal"] == signal and r["observable"] == name]
            lines.append(_summary_line(signal, name, group))
        lines += _floor_lines(signal, floors.get(signal, {}))
    lines += _without_staterror(rows, head)
    for signal, floor in floors.items():
        for bins, cls in floor.get("classifier_expected_cls", {}).items():
            if cls is not None:
                lines.append(
                    f"{signal}: exact-density classifier in {bins} equal bins, CLs {cls:.3g}"
                )
    lines += [
        "",
        f"figures  results/{analysis}/figures/",
        f"tables   results/{analysis}/table.csv, .md, .tex; every seed: comparison.csv",
        f"readme   results/{analysis}/README.md",
        f"report   results/{analysis}/report.html",
    ]
    return "\n".join(lines) + "\n"


def _floor_lines(signal: str, floor: Mapping[str, Any]) -> list[str]:
    """What no observable can beat, for all systematics and for those with some of them."""
    lines = []
    for name, values in [("(floor)", floor), *floor.get("of_observables", {}).items()]:
        shown = name if values is floor else f"(of {name})"
        if values.get("expected_cls") is not None:
            limit = values["expected_limit"]
            lines.append(
                f"{signal:<12} {shown:<14} {'':>5}  {values['expected_cls']:>15.3g}  "
                f"{'none' if limit is None else format(limit, '.4f'):<26} "
                f"{values['sigma_mu']:>8.4f}"
            )
    return lines


def _without_staterror(rows: Sequence[Mapping[str, Any]], rule: str) -> list[str]:
    """Medians over seeds without staterror, with the bootstrap error of the median seed's."""
    if "without_staterror_expected_cls" not in rows[0]:
        return []
    lines = [
        "",
        "Without staterror, +- bootstrap of the evaluation events (median over seeds)",
        "-" * len(rule),
    ]
    for signal, name in dict.fromkeys((row["signal"], row["observable"]) for row in rows):
        group = [r for r in rows if (r["signal"], r["observable"]) == (signal, name)]
        shown = []
        for key, form in (
            ("expected_cls", ".3g"),
            ("expected_limit", ".4f"),
            ("expected_p0", ".3g"),
            ("sigma_mu", ".4f"),
        ):
            column = f"without_staterror_{key}"
            values = [r[column] for r in group if r[column] is not None]
            errors = [r[f"{column}_error"] for r in group if r[f"{column}_error"] is not None]
            text = f"{median(values):{form}}" if values else "none"
            error = f" +- {median(errors):.1g}" if errors else ""
            shown.append(f"{key.removeprefix('expected_')} {text}{error}")
        lines.append(f"{signal:<12} {name:<14} {len(group):>5}  " + "  ".join(shown))
    return lines


def _summary_line(signal: str, name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    limits = [row["expected_limits_2"] for row in rows if row["expected_limits_2"] is not None]
    # hone's: pyhf's are the same to the digits shown, or the notes say which fit of it failed.
    cls = [row["expected_cls_2"] for row in rows if row["expected_cls_2"] is not None]
    shown = "none"
    if limits:
        shown = f"{median(limits):.4f} [{min(limits):.4f}, {max(limits):.4f}]"
    found = pyhfs_verdict(rows)
    largest, noted = found["pyhf_max_difference"], len(rows) - found["pyhf_agrees"]
    verdict = "not compared" if largest is None else f"agrees to {largest:.0e}"
    if noted:
        verdict += f"; notes on {noted} of {len(rows)} in limits.json"
    return (
        f"{signal:<12} {name:<14} {len(rows):>5}  "
        f"{f'{median(cls):.3g}' if cls else 'none':>15}  {shown:<26} "
        f"{median(row['sigma_mu'] for row in rows):>8.4f}  {verdict}"
    )
