"""What a checked expression is for some events."""

import ast
import operator
from collections.abc import Callable, Iterable, Mapping
from functools import partial, reduce
from typing import Any
from unicodedata import normalize

import numpy as np

from hone.analysis.arithmetic import (
    Beyond,
    bitwise,
    choose,
    compare,
    compute,
    doubles,
    fold,
    negate,
    truth,
)  # fmt: skip
from hone.analysis.jagged import Column, Jagged, NoValueError, Text, each
from hone.errors import InputError
from hone.sentinels import PADDING

__all__ = [
    "BINARY", "BITS", "COMPARE", "OVER_VALUES", "UNARY", "Evaluation",
    "branch_of_get", "dotted", "leading_of",
]  # fmt: skip

BINARY: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
}
UNARY: Mapping[type, Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}
COMPARE: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
BITS = (ast.BitAnd, ast.BitOr)
OVER_VALUES = ("len", "sum", "max", "min", "any", "all")
"""Functions of the values of an event."""
_OF_INTEGERS = ("abs", "absolute", "neg", "fmin", "fmax")
"""uproot's functions whose value for integers is one; all others see doubles."""


class Evaluation:
    """Values of nodes of a checked expression.

    Only events for which it matters must have a value: not the others of ``where``, nor those for
    which ``and`` or ``&`` is false already.

    Args:
        columns: each branch.
        functions: uproot's, by name.
        needed: events that must have a value, bool (n,); all if None.
        lacking: where events without a value are noted, bool (n,); refused if None.
    """

    def __init__(
        self,
        columns: Mapping[str, Column],
        functions: Mapping[str, Callable[..., Any]],
        needed: np.ndarray | None = None,
        lacking: np.ndarray | None = None,
    ) -> None:
        self.columns, self.functions = columns, functions
        self.needed, self.lacking = needed, lacking

    def among(self, condition: Any, holds: bool = True) -> "Evaluation":
        """The same, where only events that pass a condition, or do not, must have a value."""
        if not (isinstance(condition, np.ndarray) and condition.ndim == 1):
            return self
        passing = truth(condition) == holds
        needed = passing if self.needed is None else self.needed & passing
        return Evaluation(self.columns, self.functions, needed, self.lacking)

    def value(self, node: ast.AST) -> Any:
        """A number or truth value, for each event (n,) or :class:`Jagged`; or text."""
        match node:
            case ast.Constant():
                return node.value if isinstance(node.value, str) else _literal(node.value)
            case ast.Name() | ast.Attribute():
                return self.columns[dotted(node) or ""]
            case ast.BinOp():
                return self._binary(node)
            case ast.UnaryOp():
                value = self.value(node.operand)
                if isinstance(node.op, ast.Invert):
                    return each(negate, value)
                if isinstance(node.op, ast.Not):
                    return each(lambda x: ~truth(x), value)
                return each(partial(compute, UNARY[type(node.op)]), value)
            case ast.BoolOp():
                return self._logical(node)
            case ast.Compare():
                parts = [self.value(part) for part in (node.left, *node.comparators)]
                pairs = zip(node.ops, parts[:-1], parts[1:], strict=True)
                return _all(operator.and_, (_compared(*pair) for pair in pairs))
            case ast.IfExp():
                return self._choice(node.test, node.body, node.orelse)
            case ast.Subscript():
                return self._part(node)
            case ast.Call(func=ast.Name(id="get")):
                return self.columns[branch_of_get(node)]
            case ast.Call(func=ast.Name(id=name)):
                return self._call(name, node)
        raise AssertionError(ast.dump(node))

    def _binary(self, node: ast.BinOp) -> Any:
        function, left = BINARY[type(node.op)], self.value(node.left)
        if not isinstance(node.op, BITS):
            return each(partial(compute, function), left, self.value(node.right))
        decides = isinstance(left, np.ndarray) and left.dtype == bool
        right = self.among(left, isinstance(node.op, ast.BitAnd)) if decides else self
        return each(partial(bitwise, function), left, right.value(node.right))

    def _logical(self, node: ast.BoolOp) -> Any:
        both = isinstance(node.op, ast.And)
        found, here = each(truth, self.value(node.values[0])), self
        for more in node.values[1:]:
            here = here.among(found, both)
            right = each(truth, here.value(more))
            found = each(operator.and_ if both else operator.or_, found, right)
        return found

    def _choice(self, test: ast.AST, yes: ast.AST, no: ast.AST) -> Any:
        condition = self.value(test)
        values = (self.among(condition, holds).value(x) for x, holds in ((yes, True), (no, False)))
        return each(choose, condition, *values)

    def _part(self, node: ast.Subscript) -> Any:
        """One of the values of each event, or those that pass a mask."""
        if padded := leading_of(node):
            return self._padded(node, *padded)
        values, wanted = self._several(node.value), self.value(node.slice)
        if isinstance(wanted, Jagged):
            if isinstance(wanted.content, Beyond) or wanted.content.dtype.kind != "b":
                raise InputError(
                    f"{ast.unparse(node.slice)} has several numbers for each event; in brackets "
                    "there is one number, as in x[0], or a condition on each value, as in x[x > 30]"
                )
            return values.passing(each(lambda mask, _: mask, wanted, values))
        if isinstance(wanted, Text | Beyond) or np.asarray(wanted).dtype.kind not in "iu":
            raise InputError(
                f"{ast.unparse(node.slice)} is no integer; in brackets there is one, as in x[0], "
                "or a condition on each value, as in x[x > 30]"
            )
        found, there = values.nth(np.asarray(wanted).astype(np.int64)[()])
        self._require(there, node)
        return found

    def _padded(self, node: ast.AST, values: ast.AST, number: int) -> Any:
        """A node that is one of the values of each event, ``PADDING`` where there is none."""
        found, there = self._several(values).nth(number)
        found = np.asarray(doubles(found))
        low = there & (found <= PADDING) & (True if self.needed is None else self.needed)
        if low.any():
            raise NoValueError(
                f"{ast.unparse(node)} is not above {PADDING:g}, which stands for what is not "
                "there; use another unit",
                int(np.argmax(low)),
            )
        return np.where(there, found, PADDING)

    def _call(self, name: str, node: ast.Call) -> Any:
        if name in OVER_VALUES and len(node.args) == 1:
            return self._over_values(name, node)
        if name == "where":
            return self._choice(*node.args)
        if name == "alt":
            return self._alternative(*node.args)
        arguments = [self.value(argument) for argument in node.args]
        if name == "isin":
            tests = (_compared(ast.Eq(), arguments[0], x) for x in arguments[1:])
            return _all(operator.or_, tests)
        if name in _EXTREMES:
            return _all(partial(compute, _EXTREMES[name]), arguments)
        if name == "pow":
            return each(partial(compute, operator.pow), *arguments)
        function = self.functions[name]
        if name in _OF_INTEGERS:
            return each(partial(compute, function), *arguments)
        return each(lambda *x: function(*map(doubles, x)), *arguments)

    def _over_values(self, name: str, node: ast.Call) -> Any:
        values = self._several(node.args[0])
        content, counts = values.content, values.counts
        if name == "len":
            return counts
        if name == "sum":
            return fold(np.add, content, counts)
        if name in _EXTREMES:
            self._require(counts > 0, node)
            return fold(_EXTREMES[name], content, counts)
        true = fold(np.add, np.asarray(truth(content)), counts)
        return true > 0 if name == "any" else true == counts

    def _alternative(self, wanted: ast.AST, otherwise: ast.AST) -> Any:
        """``alt``: what is wanted, or something else in events that do not have it."""
        if not self.columns:
            return self.value(wanted)
        lacking = np.zeros(len(next(iter(self.columns.values()))), dtype=bool)
        inner = Evaluation(self.columns, self.functions, self.needed, lacking)
        found, other = inner.value(wanted), self.among(lacking).value(otherwise)
        for node, value in ((wanted, found), (otherwise, other)):
            if isinstance(value, Jagged):
                raise InputError(f"alt is of one number for each event, not {ast.unparse(node)}")
        return each(choose, ~lacking, found, other)

    def _several(self, node: ast.AST) -> Jagged:
        found = self.value(node)
        if isinstance(found, Jagged):
            return found
        kind = "is text" if isinstance(found, Text) else "has one value for each event, not several"
        raise InputError(f"{ast.unparse(node)} {kind}")

    def _require(self, there: np.ndarray, node: ast.AST) -> None:
        missing = ~there if self.needed is None else ~there & self.needed
        if not missing.any():
            return
        if self.lacking is not None:
            self.lacking[missing] = True
            return
        text = ast.unparse(node)
        raise NoValueError(
            f"there is no {text}; write alt({text}, -1) to have -1, or any other number, in such "
            "events, or leave them out by the regions' selections",
            int(np.argmax(missing)),
        )


_EXTREMES = {"max": np.maximum, "min": np.minimum}


def branch_of_get(node: ast.Call) -> str:
    """The branch of ``get("my branch")``.

    Raises:
        InputError: it is something else.
    """
    if len(node.args) == 1 and isinstance(node.args[0], ast.Constant):
        name = node.args[0].value
        if isinstance(name, str):
            return normalize("NFKC", name)  # as Python does with names
    raise InputError('get takes the name of a branch: get("my branch")')


def leading_of(node: ast.AST) -> tuple[ast.AST, int] | None:
    """What ``x[:5][0]`` is one of the leading values of, and which one; None of something else.

    Raises:
        InputError: it is none of so many.
    """
    match node:
        case ast.Subscript(
            ast.Subscript(value, ast.Slice(None, ast.Constant(int(size)), None)),
            ast.Constant(int(number)),
        ):
            if number >= size:
                raise InputError(f"[:{size}] has no [{number}]")
            return value, number
    return None


def dotted(node: ast.AST) -> str | None:
    """A name, with dots or without; None of something else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return None if before is None else f"{before}.{node.attr}"
    return None


def _all(function: Callable[..., Any], values: Iterable[Any]) -> Any:
    return reduce(lambda left, right: each(function, left, right), values)


def _compared(op: ast.cmpop, left: Any, right: Any) -> Any:
    if not any(isinstance(x, Text | str) for x in (left, right)):
        return each(partial(compare, COMPARE[type(op)]), left, right)
    text, written = (left, right) if isinstance(left, Text) else (right, left)
    if not (isinstance(text, Text) and isinstance(written, str)):
        raise InputError('text is compared with text that is written down, as in name == "a"')
    found = text.equals(written)
    return found if isinstance(op, ast.Eq) else ~found


def _literal(value: Any) -> Any:
    """A number that was written down: numpy's, as Python's powers can take for ever."""
    if isinstance(value, int) and value < 2**64:
        return np.int64(value) if value < 2**63 else np.uint64(value)
    return np.float64(value)
