"""Rows of ``comparison.csv``, and the summary for the screen."""

from collections.abc import Mapping, Sequence
from statistics import median

from tabulate import tabulate

from hone.reporting.comparison_table import text
from hone.results.documents import Floor, Row

__all__ = ["flatten", "summary"]

_MERITS = {"expected_cls": ".3g", "expected_limit": ".4f", "expected_p0": ".3g", "sigma_mu": ".4f"}


def flatten(limits: Mapping[str, object]) -> Row:
    """A row of ``comparison.csv``: lists get an index, pyhf's check the prefix ``pyhf_``."""
    row: dict[str, object] = {}
    for key, value in limits.items():
        if key in ("scan", "provenance", "reasons", "notes"):
            continue
        if isinstance(value, dict) and key == "pyhf_check":
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
    analysis: str, rows: Sequence[Row], table: Sequence[Row], floors: Mapping[str, Floor]
) -> str:
    """The summary on screen.

    Args:
        analysis: its name.
        rows: of ``comparison.csv``.
        table: of :func:`hone.results.gains.compared`.
        floors: by signal.
    """
    lines = [
        f"Analysis {analysis}: medians over seeds [lowest, highest], nominal Asimov data",
        "",
        text(table, floors),
        "",
    ]
    if "without_staterror_expected_cls" in rows[0]:
        groups: dict[tuple[str, str], list[Row]] = {}
        for row in rows:
            groups.setdefault((row["signal"], row["observable"]), []).append(row)
        cells = [[*key, *(_bare(group, x) for x in _MERITS)] for key, group in groups.items()]
        heads = ["Signal", "Observable", "CLs", "Limit", "p0", "sigma_mu"]
        lines += [
            "Without staterror, ± bootstrap of the evaluation events (medians over seeds)",
            "",
            tabulate(cells, heads, disable_numparse=True),
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


def _bare(rows: Sequence[Row], merit: str) -> str:
    """Median over seeds without staterror, with the median of the bootstrap errors."""
    column = f"without_staterror_{merit}"
    values = [row[column] for row in rows if row[column] is not None]
    errors = [row[f"{column}_error"] for row in rows if row[f"{column}_error"] is not None]
    if not values:
        return "none"
    return f"{median(values):{_MERITS[merit]}}" + (f" ± {median(errors):.1g}" if errors else "")
