"""What a run prints in the end: the result, its table, and where everything is."""

from pathlib import Path

__all__ = ["result_text"]

_PLACES = {
    "figures": ("figures/",),
    "tables": ("table.csv", "table.md", "table.tex", "comparison.csv"),
    "readme": ("README.md",),
    "report": ("report.html",),
    "publication": ("publication/",),
}


def result_text(folder: Path) -> str:
    """Of a results folder; of its files those that are there: `snakemake limits` draws nothing."""
    found = [folder / name for name in ("headline.txt", "summary.txt")]
    texts = [path.read_text().strip("\n") for path in found if path.exists()]
    lines = []
    for what, names in _PLACES.items():
        first, *others = [name for name in names if (folder / name).exists()] or [""]
        if first:
            lines.append(f"{what:<7}  {', '.join([f'{folder}/{first}', *others])}")
    return "\n\n".join([*texts, "\n".join(lines)]).strip("\n") + "\n"
