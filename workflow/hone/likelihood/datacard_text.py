"""Text of a datacard: names, numbers, factors and columns as Combine reads them."""

import re
from collections.abc import Iterable, Sequence

from hone.errors import ModelError

__all__ = ["allowed_names", "columns", "factors_of", "number"]


def factors_of(at: str, low: float, high: float) -> str:
    """A lnN: factors at minus and plus one standard deviation."""
    if not min(low, high) > 0:
        raise ModelError(f"{at}: the factors {low:g} and {high:g} must be positive")
    return f"{number(low)}/{number(high)}"


def number(value: float) -> str:
    """All digits of a number."""
    return repr(float(value))


def allowed_names(kind: str, names: Iterable[str], reserved: Iterable[str] = ()) -> dict[str, str]:
    """Names of letters, digits and underscores, which do not begin with a digit."""
    found: dict[str, str] = {}
    taken = dict.fromkeys(reserved, "a name of Combine's own")
    for name in names:
        new = re.sub(r"^(?=\d)|[^A-Za-z0-9_]", "_", name)
        if new in taken:
            raise ModelError(f"{kind} {name!r} would be called {new!r} in a datacard: {taken[new]}")
        found[name], taken[new] = new, f"so is {name!r}"
    return found


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines whose cells stand below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
