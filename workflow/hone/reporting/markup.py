"""Text made harmless for a markup language, so that it comes out as it is written."""

import re

__all__ = ["latex", "rst"]

_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_LATEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}  # fmt: skip


def rst(text: str) -> str:
    """``text`` in a paragraph of reStructuredText, without links and directives, and for Jinja.

    White space becomes single spaces.
    """
    shown = _PUNCTUATION.sub(r"\\\g<0>", " ".join(text.split()))
    # An escaped space is nothing; without it, a line of backslashes would be that below a title.
    return f"\\ {shown}" if shown.startswith("\\") else shown


def latex(text: str) -> str:
    """``text`` with what LaTeX takes for commands made harmless."""
    return "".join(_LATEX.get(character, character) for character in text)
