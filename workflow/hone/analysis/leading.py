"""Leading values of each event as features: ``jet_pt[:5]`` stands for five.

Each of them is an expression, ``jet_pt[:5][0]`` to ``jet_pt[:5][4]``, which is
:data:`~hone.sentinels.PADDING` in events that have fewer.
"""

import re
from collections.abc import Sequence
from contextlib import suppress

from hone.analysis.expressions import Expression
from hone.analysis.settings import refuse
from hone.errors import InputError

__all__ = ["as_written", "first_of_each", "leading", "padded_groups", "parted", "shown"]

_MOST = 1000
_SLICE = re.compile(r".+\[(?P<bounds>[\s\w.+:-]*:[\s\w.+:-]*)\]", re.DOTALL)
_VALUE = re.compile(r"(?P<slice>(?P<values>.+)(?P<brackets>\[\s*:\s*\d+\s*\]))\[\d+\]", re.DOTALL)
_SLICED = re.compile(r"\[\s*:\s*\d+\s*\](?=\[\d+\]$)")


def leading(features: list[str]) -> list[str]:
    """Features of a config, each slice as the features it stands for.

    Raises:
        ValidationError: a slice is not of that form.
    """
    found = []
    for place, text in enumerate(features):
        match = _SLICE.fullmatch(text.strip())
        if not match:
            found.append(text)
            if _is_padded(text) and not _VALUE.fullmatch(text):
                raise refuse(f"{text!r}: one of the leading values is written as x[:5][0]", place)
            continue
        bound = match["bounds"].replace(" ", "").removeprefix(":")
        if not (bound.isdecimal() and 0 < int(bound) <= _MOST):
            raise refuse(
                f"{text!r}: a feature may be the leading values of each event, a fixed number from "
                f"1 to {_MOST}, as in x[:5]",
                place,
            )
        columns = [f"{text.strip()}[{k}]" for k in range(int(bound))]
        try:
            Expression(columns[0])
        except InputError as error:
            raise refuse(str(error), place) from None
        found += columns
    return found


def _is_padded(text: str) -> bool:
    with suppress(InputError):  # which those raise who look at all expressions
        return ":" in text and Expression(text).is_padded
    return False


def padded_groups(features: Sequence[str]) -> dict[str, list[int]]:
    """The features that are leading values of the same, and may be missing: their places, by what
    they were written as."""
    found: dict[str, list[int]] = {}
    for place, feature in enumerate(features):
        if match := _VALUE.fullmatch(feature):
            found.setdefault(match["slice"], []).append(place)
    return found


def parted(feature: str) -> tuple[str, str]:
    """What a feature is one of the leading values of, and which they are: ``jet_pt`` and ``[:5]``
    of ``jet_pt[:5][0]``. Of any other feature itself and nothing."""
    match = _VALUE.fullmatch(feature)
    return (match["values"], match["brackets"]) if match else (feature, "")


def shown(feature: str) -> str:
    """A feature for figures: ``jet_pt[0]`` for ``jet_pt[:5][0]``."""
    return _SLICED.sub("", feature)


def first_of_each(texts: Sequence[str]) -> list[str]:
    """Features as they stand in a config, the first of each slice before all others: what figures
    draw if they draw a few."""
    groups = [leading([text]) for text in texts]
    return [group[0] for group in groups] + [name for group in groups for name in group[1:]]


def as_written(features: Sequence[str]) -> list[str]:
    """Features as they stand in a config, :func:`leading` the other way round."""
    found = {place: [feature] for place, feature in enumerate(features)}
    for text, (first, *others) in padded_groups(features).items():
        whole = [f"{text}[{k}]" for k in range(1 + len(others))]
        is_all = re.search(rf":\s*{len(whole)}\s*\]$", text)
        if is_all and list(features[first : first + len(whole)]) == whole:
            found |= {first: [text]} | {place: [] for place in others}
    return [text for texts in found.values() for text in texts]
