"""What holds for every value of a config: text as keys, finite numbers, a tree of some size."""

import math
from collections.abc import Iterator
from typing import Any

__all__ = ["value_problems"]

_MOST = 100_000
"""Values of a config, each counted as often as aliases repeat it."""
_DEEPEST = 30
_LARGEST = 2**63 - 1


def value_problems(config: Any) -> Iterator[str]:
    """Keys that are no text and numbers that no computer counts with, each with its place.

    Of a config that is too large or too deep to be looked through, that is the last one.
    """
    waiting = [(config, "", 0)]
    seen = 0
    while waiting:
        value, where, depth = waiting.pop()
        seen += 1
        if seen > _MOST:
            yield (
                f"the config has more than {_MOST} values, with those that its aliases repeat; "
                "leave something out"
            )
            return
        if depth > _DEEPEST:
            yield (
                f"{where[:60]}...: the config is nested more than {_DEEPEST} levels deep (as an "
                "alias within its own anchor is); nothing in a config is"
            )
            return
        if isinstance(value, dict):
            inner = [(v, f"{where}.{k}".lstrip("."), depth + 1) for k, v in value.items()]
            waiting += reversed(inner)
            for key in value:
                if not isinstance(key, str):
                    place = where or "the config"
                    yield f"{place}: YAML does not read the key {key!r} as text; put it in quotes"
        elif isinstance(value, list):
            inner = [(v, f"{where}[{i}]", depth + 1) for i, v in enumerate(value)]
            waiting += reversed(inner)
        elif isinstance(value, float) and not math.isfinite(value):
            yield f"{where}: {value} is not a finite number"
        elif isinstance(value, int) and abs(value) > _LARGEST:
            yield f"{where}: an integer is at most {_LARGEST}; write a large number as 1.0e+20"
