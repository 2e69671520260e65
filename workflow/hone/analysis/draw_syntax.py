"""ROOT's spellings in expressions, as ``TTree::Draw`` reads them, in Python's."""

import re
from collections.abc import Callable, Collection, Iterator
from typing import Any

from hone.errors import InputError

__all__ = ["in_one_line", "translated"]

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'      # text
    |[^\W\d]\w*(?:::\w+)*\$?                   # a name
    |\.?\d[\w.]*(?:(?<=[eE])[+-]\d+)?          # a number
    |&&|\|\||!=|[<>=]=|\*\*|//|.""",
    re.VERBOSE | re.DOTALL,
)
_ROOTS = re.compile(r"&&|\|\||!(?!=)|\?|\$|::|#")
_CLOSING = {"(": ")", "[": "]"}
_OF_EVENTS = {"Sum$": "sum", "Length$": "len", "Max$": "max", "Min$": "min", "Alt$": "alt"}

_Tokens = list[Any]
"""Text of each token; what is in brackets is a list of its own."""


def in_one_line(text: str) -> str:
    """An expression with spaces for line breaks.

    Raises:
        InputError: there is a line break within quotes, where it would be part of the text.
    """
    tokens = ((m.group(), m["space"]) for m in _TOKEN.finditer(text))
    found = "".join(token.replace("\n", " ") if space else token for token, space in tokens)
    if "\n" in found:
        raise InputError("a text in quotes is on one line")
    return found


def translated(text: str, functions: Callable[[], Collection[str]]) -> str:
    """An expression in Python's spelling.

    ``&&``, ``||``, ``!`` and ``?:`` become ``and``, ``or``, ``not`` and ``if`` with the precedence
    that they have in C++; ``Sum$`` and the like, and functions of ``TMath`` and ``std``, the names
    that they have here.

    Args:
        text: of the expression, in either spelling.
        functions: gives the names that there are.

    Raises:
        InputError: a function of ROOT has no name here; ``?`` has no ``:``; there is a ``#``, with
            which Python would leave out what follows.
    """
    if not _ROOTS.search(text):
        return text
    tokens = [m.group() for m in _TOKEN.finditer(text) if m["space"] is None]
    return _Translator(functions).several(_nested(iter(tokens), ""))


def _nested(tokens: Iterator[str], closing: str) -> _Tokens:
    found: _Tokens = []
    for token in tokens:
        if token == closing:
            return [*found, token]
        found.append([token, *_nested(tokens, _CLOSING[token])] if token in _CLOSING else token)
    return found


class _Translator:
    def __init__(self, functions: Callable[[], Collection[str]]) -> None:
        self.functions = functions

    def several(self, tokens: _Tokens) -> str:
        """Arguments between commas."""
        if "," not in tokens:
            return self.one(tokens)
        at = tokens.index(",")
        return f"{self.one(tokens[:at])}, {self.several(tokens[at + 1 :])}"

    def one(self, tokens: _Tokens) -> str:
        """``a ? b : c`` binds less than everything else, and groups from the right."""
        if "?" not in tokens:
            return " ".join(self.words(tokens))
        at, depth = tokens.index("?"), 0
        for end in range(at, len(tokens)):
            depth += {"?": 1, ":": -1}.get(tokens[end], 0) if isinstance(tokens[end], str) else 0
            if depth == 0:
                parts = (tokens[at + 1 : end], tokens[:at], tokens[end + 1 :])
                return "(({}) if ({}) else ({}))".format(*map(self.one, parts))
        raise InputError("a ? needs its :, as in a > 0 ? b : c")

    def words(self, tokens: _Tokens) -> list[str]:
        """Without ``?`` and commas."""
        found, place = [], 0
        while place < len(tokens):
            if tokens[place] == "!":
                end = _end_of_operand(tokens, place + 1)
                found.append(f"(not {' '.join(self.words(tokens[place + 1 : end]))})")
                place = end
            else:
                found.append(self.word(tokens[place]))
                place += 1
        return found

    def word(self, token: Any) -> str:
        if isinstance(token, list):
            closed = token[-1] == _CLOSING[token[0]]
            inside = self.several(token[1:-1] if closed else token[1:])
            return f"{token[0]}{inside}{token[-1] if closed else ''}"
        if token[0] in "\"'":
            return str(token)
        if token.endswith("$") and token != "$":
            if token not in _OF_EVENTS:
                raise InputError(f"{token} is not read; of these there are {', '.join(_OF_EVENTS)}")
            return _OF_EVENTS[token]
        if "::" in token:
            return self.function(token)
        if token == "#":
            raise InputError("# begins no comment in it; write comments outside of the quotes")
        return {"&&": "and", "||": "or"}.get(token, str(token))

    def function(self, token: str) -> str:
        space, _, name = token.rpartition("::")
        found = {"Power": "pow"}.get(name, name.lower())
        if space not in ("TMath", "std") or found not in self.functions():
            raise InputError(
                f"{token} is not read; with TMath:: or std:: before them, or without, there are "
                + ", ".join(self.functions())
            )
        return found


def _end_of_operand(tokens: _Tokens, place: int) -> int:
    """Where what ``!`` is of ends: signs, then one name, number or bracket and what follows it."""
    while place < len(tokens) and tokens[place] in ("!", "-", "+", "~"):
        place += 1
    place += 1
    while place < len(tokens) and (isinstance(tokens[place], list) or tokens[place] == "."):
        place += 2 if tokens[place] == "." else 1
    return min(place, len(tokens))
