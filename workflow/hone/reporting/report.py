"""Tables of the first page of the report: results, run times, versions."""

from collections.abc import Mapping, Sequence

from tabulate import DataRow, Line, TableFormat, tabulate

from hone.reporting.markup import rst
from hone.running.provenance import versions
from hone.running.run_times import RuleTime

__all__ = ["how_it_was_made", "list_table"]

_CELLS = DataRow("   * - ", "\n     - ", "")
_LIST_TABLE = TableFormat(
    Line(".. list-table::\n   :header-rows: 1", "", "", ""), None, None, None,
    _CELLS._replace(begin="\n   * - "), _CELLS, padding=0, with_header_hide=None,
)  # fmt: skip


def how_it_was_made(times: Sequence[RuleTime]) -> str:
    """Versions and run times in reStructuredText."""
    found = versions("snakemake", "matplotlib", "mplhep")
    jobs, seconds = sum(time.jobs for time in times), sum(time.seconds for time in times)
    rows = [
        {
            "rule": time.rule,
            "jobs": str(time.jobs),
            "seconds": f"{time.seconds:.1f}",
            "longest job": f"{time.longest:.1f}",
        }
        for time in times
    ]
    lines = [
        f"{jobs} jobs, with a total wall time of {seconds:.0f} seconds.",
        "",
        list_table(rows),
        "Versions: " + ", ".join(f"{name} {rst(number)}" for name, number in found.items()) + ".",
    ]
    return "\n".join(lines) + "\n"


def list_table(rows: Sequence[Mapping[str, str]]) -> str:
    """A table in reStructuredText, whatever the cells (by column) hold."""
    cells = [{rst(name): rst(cell) for name, cell in row.items()} for row in rows]
    return tabulate(cells, "keys", tablefmt=_LIST_TABLE, disable_numparse=True) + "\n\n"
