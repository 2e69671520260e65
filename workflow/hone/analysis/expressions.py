"""Expressions of branches, in uproot's language and ROOT's, without Python behind it.

uproot evaluates its expressions with ``eval`` after exchanging the names in them; attributes of
other things than names pass, and with them all of Python. Here only arithmetic, comparisons,
logic, brackets, uproot's functions and a few more are walked through, so that RNTuples have
expressions too. What they mean is :mod:`hone.analysis.arithmetic`'s: as uproot's for doubles, and
no integer wraps.
"""

import ast
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np

from hone.analysis.arithmetic import Beyond, doubles
from hone.analysis.draw_syntax import in_one_line, translated
from hone.analysis.evaluation import (
    BINARY,
    BITS,
    COMPARE,
    OVER_VALUES,
    UNARY,
    Evaluation,
    branch_of_get,
    dotted,
    leading_of,
)  # fmt: skip
from hone.analysis.jagged import Column, Jagged, NoValueError, Text
from hone.errors import InputError, did_you_mean

__all__ = ["Expression", "NoValueError", "meant"]

_OWN = {**dict.fromkeys(OVER_VALUES, 1), "where": 3, "alt": 2, "pow": 2, "isin": 2}
"""Functions that uproot does not have, or not so, and how many arguments they take."""
_OR_MORE = ("isin", "max", "min")
"""Functions that take further arguments."""
_MAX_LENGTH = 10_000
_SIZE_OF, _SIZE = re.compile(r"@.*\bsize\(\)"), "how many values there are is len(x)"
_ASSIGNED = re.compile(r"(?<![<>=!])=(?!=)")


class Expression:
    """Branches and what is computed of them, such as ``sqrt(px**2 + py**2)``.

    The syntax is that of uproot's expressions and of ``TTree::Draw``: numbers, branches (with dots
    in their names, or as ``get("any name")``), arithmetic, comparisons, ``& | ~``, ``&& || ! ?:``
    (or Python's words for them) and uproot's functions. Of a branch with several values for each
    event there are ``x[0]``, ``x[x > 30]``, ``len``, ``sum``, ``max``, ``min``, ``any`` and
    ``all``; ``alt(x[0], -1)`` is -1 where there is no first. The feature ``x[:5][0]`` is the first
    of the leading five, :data:`~hone.sentinels.PADDING` where there is none. Text is compared with
    ``==``, ``!=`` and ``isin``.

    Raises:
        InputError: the text is no such expression, and why.
    """

    def __init__(self, text: str) -> None:
        self.text = str(text).strip()
        try:
            if len(self.text) > _MAX_LENGTH:
                raise InputError(f"it is longer than {_MAX_LENGTH} characters")
            spelt = in_one_line(translated(self.text, _all_functions))
            self._tree = ast.parse(spelt, mode="eval").body
            _refuse_loose_masks(self._tree, spelt)
            self.is_padded = leading_of(self._tree) is not None
            """Whether it is one of the leading values of each event, which some do not have."""
            self.branches = tuple(dict.fromkeys(_names(self._tree, whole=True)))
        except InputError as error:
            raise InputError(f"{self.text!r} is not an expression of branches: {error}") from error
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            cure = "numbers are compared with ==" if _ASSIGNED.search(self.text) else ""
            size = _SIZE if _SIZE_OF.search(self.text) else ""
            hint = "".join(f"; {text}" for text in (cure, size, _logic(self.text)) if text)
            raise InputError(
                f"{self.text!r} is not an expression of branches ({error.args[0]}){hint}"
            ) from error

    def __call__(self, columns: Mapping[str, Column], needed: np.ndarray | None = None) -> Any:
        """The value of each event (n,), or one number if no branch is in it.

        A branch alone keeps its type; what is computed is boolean, int64 or float64.

        Args:
            columns: its branches.
            needed: events that must have a value, bool (n,); all if not given. The others may have
                any.

        Raises:
            NoValueError: an event that must have a value has none.
            InputError: the branches are of types, or have values, that the expression is not for.
        """
        try:
            with np.errstate(all="ignore"):  # what is not finite is looked for where it matters
                found = Evaluation(columns, _functions(), needed).value(self._tree)
        except NoValueError as error:
            raise NoValueError(f"{self.text!r} cannot be computed: {error}", error.event) from error
        except InputError as error:
            raise InputError(f"{self.text!r} cannot be computed: {error}") from error
        except (TypeError, ValueError) as error:
            raise InputError(f"{self.text!r} cannot be computed ({error})") from error
        if isinstance(found, Jagged):
            x = self.text if self.text in self.branches else "x"
            raise InputError(
                f"{self.text!r} has several values for each event, or none; say what of them, as "
                f"{x}[0], alt({x}[0], -1), len({x}), sum({x}), max({x}), min({x}), any({x} > 0) or "
                f"all({x} > 0)"
            )
        if isinstance(found, Text):
            raise InputError(
                f'{self.text!r} is text; compare it, as in {self.text} == "a" or '
                f'isin({self.text}, "a", "b")'
            )
        return doubles(found) if isinstance(found, Beyond) else found


def meant(branch: str, there: Sequence[str]) -> str:
    """What may be meant by a branch that is not there; empty if nothing is close.

    Args:
        branch: in an expression.
        there: the branches of the events.
    """
    for name in there:
        with suppress(InputError):
            if name != branch and branch in (parts := Expression(name).branches):
                return (
                    f"without get, {name} is computed from {' and '.join(parts)}; the branch of "
                    f"that name is get({json.dumps(name)})"
                )
    return did_you_mean(branch, there, most=3)


def _logic(text: str) -> str:
    """How logic is written, if a text has a word for it that is not read as such."""
    words = re.findall(r"\w+", text)
    known = ("and", "or", "not")
    word = next((w for w in words if w.lower() in known and w not in known), None)
    spelt = "(a > 1) & (b < 2), (a > 1) | (b < 2) or ~(a > 1)"
    return f"{word} is not read; write {spelt}" if word else ""


@cache
def _functions() -> Mapping[str, Callable[..., Any]]:
    """uproot's functions by name; uproot takes a third of a second to import."""
    from uproot.language.python import PythonLanguage

    found: Mapping[str, Callable[..., Any]] = PythonLanguage.default_functions
    return found


def _all_functions() -> tuple[str, ...]:
    return tuple(dict.fromkeys((*_functions(), *_OWN)))


def _names(node: ast.AST, whole: bool = False) -> Iterator[str]:
    """Branches in an expression (or in a part of a whole one); refuses all that is not one."""
    parts: tuple[ast.AST, ...] = ()
    if isinstance(node, ast.Constant):
        _refuse_constant(node.value)
    elif isinstance(node, ast.Name | ast.Attribute):
        name = dotted(node)
        if name is None:
            raise InputError("only branches may have dots in their names")
        yield name
    elif isinstance(node, ast.Call):
        yield from _names_in_call(node)
    elif isinstance(node, ast.BinOp) and type(node.op) in BINARY:
        parts = (node.left, node.right)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitXor):
        raise InputError(
            "^ is a power in ROOT and exclusive or in Python; write ** for a power, and "
            "(a > 1) != (b < 2) where one of both is true"
        )
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.LShift | ast.RShift):
        raise InputError("bits are not shifted; write x * 8 for x << 3, and x // 8 for x >> 3")
    elif isinstance(node, ast.UnaryOp) and type(node.op) in (*UNARY, ast.Invert, ast.Not):
        parts = (node.operand,)
    elif isinstance(node, ast.Compare) and all(type(op) in COMPARE for op in node.ops):
        yield from _names_in_comparison(node)
    elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
        raise InputError("write isin(x, 1, 2) for x in (1, 2)")
    elif isinstance(node, ast.BoolOp):
        parts = tuple(node.values)
    elif isinstance(node, ast.IfExp):
        parts = (node.test, node.body, node.orelse)
    elif whole and (values := leading_of(node)):
        parts = (values[0],)
    elif isinstance(node, ast.Subscript):
        if isinstance(node.slice, ast.Slice | ast.Tuple):
            raise InputError(
                "in brackets there is one number, as in x[0], or a condition on each value, as in "
                "x[x > 30]; only a feature may be leading values, with these brackets at its end, "
                "as in log(x)[:5] or (x / 1000)[:5]"
            )
        parts = (node.value, node.slice)
    else:
        raise InputError(f"{type(node).__name__} is not allowed")
    for part in parts:
        yield from _names(part)


def _refuse_constant(value: object) -> None:
    if isinstance(value, str):
        raise InputError(f"{value!r} is not a number; text is compared with ==, != or isin")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{value!r} is not a number")
    if not abs(value) <= sys.float_info.max:
        raise InputError("a number in it is too large")


_LOOSE = (
    "& and | bind more tightly than comparisons; put each of these in parentheses, as "
    "(a > 1) & (b < 2)"
)


def _refuse_loose_masks(tree: ast.AST, text: str) -> None:
    """Refuse ``a == 2 & b``, which is ``(a == 2) & b`` in C++ and ``a == (2 & b)`` in Python.

    Args:
        tree: of the expression.
        text: of which it was made, in one line.
    """
    written = text.encode()
    for node in ast.walk(tree):
        for part in (node.left, *node.comparators) if isinstance(node, ast.Compare) else ():
            before, after = written[: part.col_offset], written[part.end_col_offset :]
            closed = before.rstrip().endswith(b"(") and after.lstrip().startswith(b")")
            if _is_mask(part) and not closed:
                raise InputError(_LOOSE)


def _is_mask(node: ast.AST) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, BITS)


def _names_in_comparison(node: ast.Compare) -> Iterator[str]:
    parts = (node.left, *node.comparators)
    equality = len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq | ast.NotEq)
    for part in parts:
        if not (equality and _is_text(part)):
            yield from _names(part)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _names_in_call(node: ast.Call) -> Iterator[str]:
    name = node.func.id if isinstance(node.func, ast.Name) else None
    if node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
        raise InputError("functions take plain arguments only")
    if name == "get":
        yield branch_of_get(node)
        return
    if name not in (known := _all_functions()):
        text = name or ast.unparse(node.func)
        size = _SIZE if text.endswith(".size") else ""
        hint = _logic(text) or size or did_you_mean(text, known) or f"there are {', '.join(known)}"
        raise InputError(f"there is no function {text!r}; {hint}")
    wanted, given = _arguments(str(name)), len(node.args)
    if given != wanted and not (name in _OR_MORE and given > wanted):
        several = f"{wanted} or more" if name in _OR_MORE else str(wanted)
        raise InputError(f"{name} takes {several} arguments, not {given}")
    for argument in node.args:
        if not (name == "isin" and argument is not node.args[0] and _is_text(argument)):
            yield from _names(argument)


def _arguments(name: str) -> int:
    """How many arguments a function takes; further ones would be numpy's ``out``."""
    return _OWN[name] if name in _OWN else int(getattr(_functions()[name], "nin", 1))
