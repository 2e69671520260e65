"""Tables of the first page of the report: results, run times, versions."""

import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from tabulate import DataRow, Line, TableFormat, tabulate

from hone.reporting.markup import rst
from hone.running.run_times import RuleTime

__all__ = ["how_it_was_made", "results_table"]

_PACKAGES = (
    "snakemake", "jax", "jaxlib", "equinox", "optax", "pyhf", "cabinetry", "hist", "uproot",
    "mplhep", "matplotlib", "numpy", "scipy",
)  # fmt: skip
_DIGITS = {"expected_limit": 4, "expected_cls": 3, "expected_p0": 3, "sigma_mu": 4}
_CELLS = DataRow("   * - ", "\n     - ", "")
_LIST_TABLE = TableFormat(
    Line(".. list-table::\n   :header-rows: 1", "", "", ""), None, None, None,
    _CELLS._replace(begin="\n   * - "), _CELLS, padding=0, with_header_hide=None,
)  # fmt: skip


def results_table(table: Sequence[Mapping[str, Any]], floors: Mapping[str, Any]) -> str:
    """The comparison in reStructuredText, with few columns.

    Args:
        table: of :func:`hone.results.gains.compared`.
        floors: by signal.
    """
    rows = []
    for signal in dict.fromkeys(row["signal"] for row in table):
        floor = {**floors.get(signal, {}), "signal": signal, "observable": "(floor)"}
        mine = [row for row in table if row["signal"] == signal]
        for row in [*mine, *([floor] if floor.get("expected_cls") is not None else [])]:
            gain, error = row.get("gain_expected_limit"), row.get("gain_expected_limit_error")
            known = "" if error is None else f" ± {error:.1f}"
            merits = [
                "none" if row.get(name) is None else f"{row[name]:#.{digits}g}"
                for name, digits in _DIGITS.items()
            ]
            gained = "" if gain is None else f"{gain:+.1f}{known}"
            rows.append([signal, row["observable"], *merits, gained])
    head = ["signal", "observable", "limit", "CLs", "p0", "sigma of mu", "gain in limit [%]"]
    return _table(head, rows)


def how_it_was_made(times: Sequence[RuleTime]) -> str:
    """Versions and run times in reStructuredText."""
    jobs, seconds = sum(time.jobs for time in times), sum(time.seconds for time in times)
    rows = [
        [time.rule, str(time.jobs), f"{time.seconds:.1f}", f"{time.longest:.1f}"] for time in times
    ]
    lines = [
        f"{jobs} jobs, with a total wall time of {seconds:.0f} seconds.",
        "",
        _table(["rule", "jobs", "seconds", "longest job"], rows),
        "Versions: " + ", ".join(f"{name} {rst(number)}" for name, number in _versions()) + ".",
    ]
    return "\n".join(lines) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in reStructuredText, whatever its cells hold."""
    cells = [[rst(cell) for cell in row] for row in [head, *rows]]
    text = tabulate(cells[1:], cells[0], tablefmt=_LIST_TABLE, disable_numparse=True)
    return f"{text}\n\n"


def _versions() -> Iterator[tuple[str, str]]:
    yield "Python", platform.python_version()
    for package in _PACKAGES:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            continue
