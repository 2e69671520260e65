"""Branches with several values for each event, or none, as the momenta of its jets; and text.

The values of all events lie one after another, so that arithmetic is that of one long array.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Self

import numpy as np

from hone.analysis.arithmetic import Beyond, fold
from hone.errors import InputError

__all__ = ["Column", "Jagged", "NoValueError", "Text", "each"]


class NoValueError(InputError):
    """An expression has no value in an event.

    Args:
        text: the message.
        event: place of the event in the columns.
    """

    def __init__(self, text: str, event: int) -> None:
        super().__init__(text)
        self.event = event


class Jagged:
    """Several values for each event.

    Args:
        content: values of all events one after another (N,), numbers or truth values.
        counts: how many of them each event has, int64 (n,).
    """

    def __init__(self, content: Any, counts: np.ndarray) -> None:
        self.content, self.counts = content, counts

    @cached_property
    def starts(self) -> np.ndarray:
        """Place of each event's first value in the content, int64 (n,)."""
        return np.cumsum(self.counts) - self.counts

    def __len__(self) -> int:
        return len(self.counts)

    def __getitem__(self, events: np.ndarray) -> Self:
        """Of some events only, given by their places in rising order, int (m,)."""
        kept = np.zeros(len(self.counts), dtype=bool)
        kept[events] = True
        return type(self)(_taken(self.content, np.repeat(kept, self.counts)), self.counts[kept])

    @property
    def arrays(self) -> tuple[Any, ...]:
        """All that it holds."""
        return self.counts, self.content

    def passing(self, mask: "Jagged") -> "Jagged":
        """The values at which a mask of as many truth values is true."""
        counts = fold(np.add, mask.content, mask.counts)
        return Jagged(_taken(self.content, mask.content), counts)

    def nth(self, number: Any) -> tuple[Any, np.ndarray]:
        """One value of each event, and which events have it (n,).

        Args:
            number: from 0 on, of each event (n,) or one for all; one below 0 counts from the end.
        """
        if np.ndim(number) == 0 and number < 0:
            number = self.counts + number
        there = (number >= 0) & (number < self.counts)
        if not there.any():
            return np.zeros(len(there), getattr(self.content, "dtype", float)), there
        return _taken(self.content, np.where(there, self.starts + number, 0)), there

    def spread(self, value: Any) -> Any:
        """What is one number for each event (n,), for each value (N,)."""
        return _mapped(lambda x: np.repeat(x, self.counts) if np.ndim(x) else x, value)


class Text:
    """Text of each event: bytes of all events one after another (N,), and how many (n,)."""

    def __init__(self, content: np.ndarray, counts: np.ndarray) -> None:
        self._jagged = Jagged(content, counts)

    def __len__(self) -> int:
        return len(self._jagged)

    def __getitem__(self, events: np.ndarray) -> "Text":
        """Of some events only, given by their places in rising order, int (m,)."""
        chosen = self._jagged[events]
        return Text(chosen.content, chosen.counts)

    @property
    def arrays(self) -> tuple[Any, ...]:
        """All that it holds."""
        return self._jagged.arrays

    def equals(self, text: str) -> np.ndarray:
        """Which events have this text, bool (n,)."""
        wanted = np.frombuffer(text.encode(), dtype=np.uint8)
        found = self._jagged.counts == len(wanted)
        places = self._jagged.starts[found, None] + np.arange(len(wanted))
        found[found] = (self._jagged.content[places] == wanted).all(axis=1)
        return found


Column = np.ndarray | Jagged | Text
"""A branch: a number or truth value for each event (n,), several, or text."""


def each(function: Callable[..., Any], *values: Any) -> Any:
    """A function of numbers, of each event or of each of its values if one operand has several.

    Raises:
        InputError: operands are text.
        NoValueError: they have different numbers of values in an event.
    """
    if any(isinstance(x, Text | str) for x in values):
        raise InputError(
            'text can only be compared, as in name == "a", name != "a" or isin(name, "a", "b")'
        )
    first = next((x for x in values if isinstance(x, Jagged)), None)
    if first is None:
        return function(*values)
    for other in values:
        if isinstance(other, Jagged) and not np.array_equal(first.counts, other.counts):
            at = int(np.argmax(first.counts != other.counts))
            raise NoValueError(
                f"there are {first.counts[at]} values of one branch and {other.counts[at]} of "
                "another, which are to be combined one by one",
                at,
            )
    content = [x.content if isinstance(x, Jagged) else first.spread(x) for x in values]
    return Jagged(function(*content), first.counts)


def _mapped(function: Callable[[Any], Any], value: Any) -> Any:
    return Beyond(*map(function, value)) if isinstance(value, Beyond) else function(value)


def _taken(content: Any, places: np.ndarray) -> Any:
    """Values at some places, int, or where a mask is true."""
    if places.dtype == bool:  # six times as fast as in brackets
        return _mapped(lambda x: x.compress(places) if np.ndim(x) else x, content)
    return _mapped(lambda x: x[places] if np.ndim(x) else x, content)
