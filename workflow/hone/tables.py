"""The comparison of observables as a table, and its summary for the screen."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

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
        floor = floors.get(signal, {})
        if floor.get("expected_cls") is not None:
            lines.append(
                f"{signal:<12} {'(floor)':<14} {'':>5}  {floor['expected_cls']:>15.3g}  "
                f"{floor['expected_limit']:<26.4f} {floor['sigma_mu']:>8.4f}"
            )
    for signal, floor in floors.items():
        for bins, cls in floor.get("classifier_expected_cls", {}).items():
            lines.append(f"{signal}: exact-density classifier in {bins} equal bins, CLs {cls:.3g}")
    lines += [
        "",
        f"figures  results/{analysis}/figures/",
        f"table    results/{analysis}/comparison.csv",
        f"report   results/{analysis}/report.html",
    ]
    return "\n".join(lines) + "\n"


def _summary_line(signal: str, name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    limits = [row["expected_limits_2"] for row in rows if row["expected_limits_2"] is not None]
    cls = [row["pyhf_expected_cls_2"] for row in rows if row["pyhf_expected_cls_2"] is not None]
    shown = "none"
    if limits:
        shown = f"{median(limits):.4f} [{min(limits):.4f}, {max(limits):.4f}]"
    differences = [row["pyhf_max_difference"] or 0.0 for row in rows]
    noted = sum(str(row["pyhf_agrees"]) != "True" for row in rows)
    verdict = f"agrees to {max(differences):.0e}"
    if noted:
        verdict += f"; notes on {noted} of {len(rows)} in limits.json"
    return (
        f"{signal:<12} {name:<14} {len(rows):>5}  "
        f"{f'{median(cls):.3g}' if cls else 'none':>15}  {shown:<26} "
        f"{median(row['sigma_mu'] for row in rows):>8.4f}  {verdict}"
    )
