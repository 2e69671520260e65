"""Expressions of branches, in uproot's language, without Python behind it.

uproot evaluates its expressions with ``eval`` after exchanging the names in them; attributes of
other things than names pass, and with them all of Python. Here only arithmetic, comparisons,
``& | ~`` and uproot's functions are walked through, so that RNTuples have expressions too. What
they mean is :mod:`hone.analysis.arithmetic`'s: as uproot's for doubles, and no integer wraps.
"""

import ast
import difflib
import json
import operator
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np

from hone.analysis.arithmetic import Beyond, bitwise, choose, compare, compute, doubles, negate
from hone.errors import InputError

__all__ = ["Expression", "meant"]

_BINARY: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}
_UNARY: Mapping[type, Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}
_COMPARE: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_BITS = (ast.BitAnd, ast.BitOr, ast.BitXor)
_OF_INTEGERS = ("abs", "absolute", "neg", "fmin", "fmax")
"""Functions whose value for integers is one; all others see doubles."""
_MAX_LENGTH = 10_000


class Expression:
    """Branches and what is computed of them, such as ``sqrt(px**2 + py**2)``.

    The syntax is that of uproot's expressions: numbers, branches (with dots in their names, or as
    ``get("any name")``), arithmetic, comparisons, ``& | ~`` and uproot's functions.

    Raises:
        InputError: the text is no such expression, and why.
    """

    def __init__(self, text: str) -> None:
        self.text = str(text).strip()
        try:
            if len(self.text) > _MAX_LENGTH:
                raise InputError(f"it is longer than {_MAX_LENGTH} characters")
            self._tree = ast.parse(self.text, mode="eval").body
            self.branches = tuple(dict.fromkeys(_names(self._tree)))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise InputError(
                f"{self.text!r} is not an expression of branches ({error.args[0]})"
            ) from error
        except InputError as error:
            raise InputError(f"{self.text!r} is not an expression of branches: {error}") from error

    def __call__(self, columns: Mapping[str, np.ndarray]) -> Any:
        """The value of each event (n,), or one number if no branch is in it.

        A branch alone keeps its type; what is computed is boolean, int64 or float64.

        Raises:
            InputError: the branches are of types, or have values, that the expression is not for.
        """
        try:
            with np.errstate(all="ignore"):  # what is not finite is looked for where it matters
                found = _value(self._tree, columns)
                return doubles(found) if isinstance(found, Beyond) else found
        except (TypeError, ValueError) as error:
            raise InputError(f"{self.text!r} cannot be computed ({error})") from error
        except InputError as error:
            raise InputError(f"{self.text!r} cannot be computed: {error}") from error


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
    close = difflib.get_close_matches(branch, there)
    return f"did you mean {' or '.join(map(repr, close))}?" if close else ""


@cache
def _functions() -> Mapping[str, Callable[..., Any]]:
    """uproot's functions by name; uproot takes a third of a second to import."""
    from uproot.language.python import PythonLanguage

    found: Mapping[str, Callable[..., Any]] = PythonLanguage.default_functions
    return found


def _names(node: ast.AST) -> Iterator[str]:
    """Branches in an expression; refuses all that is not one."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise InputError(f"{node.value!r} is not a number")
        if not abs(node.value) <= sys.float_info.max:
            raise InputError("a number in it is too large")
    elif isinstance(node, ast.Name | ast.Attribute):
        name = _dotted(node)
        if name is None:
            raise InputError("only branches may have dots in their names")
        yield name
    elif isinstance(node, ast.Call):
        yield from _names_in_call(node)
    elif isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        yield from _names(node.left)
        yield from _names(node.right)
    elif isinstance(node, ast.UnaryOp) and type(node.op) in (*_UNARY, ast.Invert):
        yield from _names(node.operand)
    elif isinstance(node, ast.Compare) and all(type(op) in _COMPARE for op in node.ops):
        parts = (node.left, *node.comparators)
        masked = any(isinstance(p, ast.BinOp) and isinstance(p.op, _BITS) for p in parts)
        # A mask compared with a number, (flags & 4) == 4, is the one thing that makes sense.
        if masked and not (len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq | ast.NotEq)):
            raise InputError(
                "& and | bind more tightly than comparisons; put each of these in parentheses, as "
                "(a > 1) & (b < 2)"
            )
        for part in parts:
            yield from _names(part)
    elif isinstance(node, ast.BoolOp) or (
        isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    ):
        raise InputError("write (a) & (b), (a) | (b) and ~(a) for and, or and not")
    else:
        raise InputError(f"{type(node).__name__} is not allowed")


def _names_in_call(node: ast.Call) -> Iterator[str]:
    name = node.func.id if isinstance(node.func, ast.Name) else None
    if node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
        raise InputError("functions take plain arguments only")
    if name == "get":
        yield _branch_of_get(node)
        return
    if name not in _functions():
        close = difflib.get_close_matches(str(name), _functions(), n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(_functions())}"
        raise InputError(f"there is no function {name or ast.unparse(node.func)!r}; {hint}")
    wanted = _arguments(str(name))
    if len(node.args) != wanted:
        raise InputError(f"{name} takes {wanted} arguments, not {len(node.args)}")
    for argument in node.args:
        yield from _names(argument)


def _arguments(name: str) -> int:
    """How many arguments a function takes; further ones would be numpy's ``out``."""
    if name == "where":
        return 3
    return int(getattr(_functions()[name], "nin", 1))


def _branch_of_get(node: ast.Call) -> str:
    if len(node.args) == 1 and isinstance(node.args[0], ast.Constant):
        name = node.args[0].value
        if isinstance(name, str):
            return name
    raise InputError('get takes the name of a branch: get("my branch")')


def _dotted(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return None if before is None else f"{before}.{node.attr}"
    return None


def _value(node: ast.AST, columns: Mapping[str, np.ndarray]) -> Any:
    """What :func:`_names` has allowed."""
    match node:
        case ast.Constant():
            return _literal(node.value)
        case ast.Name() | ast.Attribute():
            return columns[_dotted(node) or ""]
        case ast.BinOp():
            left, right = _value(node.left, columns), _value(node.right, columns)
            combine = bitwise if isinstance(node.op, _BITS) else compute
            return combine(_BINARY[type(node.op)], left, right)
        case ast.UnaryOp():
            value = _value(node.operand, columns)
            if isinstance(node.op, ast.Invert):
                return negate(value)
            return compute(_UNARY[type(node.op)], value)
        case ast.Compare():
            parts = [_value(part, columns) for part in (node.left, *node.comparators)]
            found: Any = True
            for op, left, right in zip(node.ops, parts[:-1], parts[1:], strict=True):
                found = found & compare(_COMPARE[type(op)], left, right)
            return found
        case ast.Call(func=ast.Name(id="get")):
            return columns[_branch_of_get(node)]
        case ast.Call(func=ast.Name(id=name)):
            arguments = [_value(argument, columns) for argument in node.args]
            if name == "where":
                return choose(*arguments)
            if name in _OF_INTEGERS:
                return compute(_functions()[name], *arguments)
            return _functions()[name](*map(doubles, arguments))
    raise AssertionError(ast.dump(node))


def _literal(value: Any) -> Any:
    """A number that was written down: numpy's, as Python's powers can take for ever."""
    if isinstance(value, int) and value < 2**64:
        return np.int64(value) if value < 2**63 else np.uint64(value)
    return np.float64(value)
