"""Text that comes out as it is written, whatever the markup language."""

import re
from collections.abc import Mapping, Sequence

from tabulate import DataRow, Line, TableFormat, tabulate

from hone.analysis.leading import shown

__all__ = ["latex", "list_table", "mathtext", "rst", "strength", "words"]

_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_LATEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}  # fmt: skip

_CELLS = DataRow("   * - ", "\n     - ", "")
_LIST_TABLE = TableFormat(
    Line(".. list-table::\n   :header-rows: 1", "", "", ""), None, None, None,
    _CELLS._replace(begin="\n   * - "), _CELLS, padding=0, with_header_hide=None,
)  # fmt: skip


def rst(text: str) -> str:
    """``text`` in a paragraph of reStructuredText, without links and directives, and for Jinja.

    White space becomes single spaces.
    """
    shown = _PUNCTUATION.sub(r"\\\g<0>", " ".join(text.split()))
    # An escaped space prints nothing; without it, a line of backslashes would underline a title.
    return f"\\ {shown}" if shown and not shown[0].isalnum() else shown


def list_table(rows: Sequence[Mapping[str, str]]) -> str:
    """A table in reStructuredText, whatever the cells (by column) hold."""
    cells = [{rst(name): rst(cell) for name, cell in row.items()} for row in rows]
    return tabulate(cells, "keys", tablefmt=_LIST_TABLE, disable_numparse=True) + "\n\n"


def latex(text: str) -> str:
    """``text`` without LaTeX commands."""
    return "".join(_LATEX.get(character, character) for character in text)


def words(name: str) -> str:
    """The name of a template or a figure, ``__`` between its parts, in words."""
    return name.replace("__", ", ").replace("_", " ")


def strength(name: str) -> str:
    """The symbol of a parameter within a formula, of a signal strength with a subscript.

    >>> strength("mu"), strength("mu_VBF"), strength("r")
    ('\\\\mu', '\\\\mu_{\\\\mathrm{VBF}}', '\\\\mathrm{r}')
    """
    first, _, rest = name.partition("_")
    if first != "mu":
        first, rest = "", name
    upright = r"\mathrm{" + rest.replace("_", r"\_") + "}"
    return r"\mu" + (f"_{{{upright}}}" if rest else "") if first else upright


def mathtext(text: str, longest: int | None = None) -> str:
    """``text`` for matplotlib: no formula, one line, at most ``longest`` characters.

    Of leading values, ``jet_pt[:5][0]``, only ``jet_pt[0]``.
    """
    text = shown(" ".join(text.split()))
    if longest is not None and len(text) > longest:
        text = f"{text[: longest - 3]}..."
    return text.replace("$", r"\$")
