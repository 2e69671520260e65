"""Errors for the user: what is wrong, where, and what is allowed."""

import difflib
from collections.abc import Iterable

__all__ = ["ConfigError", "FitError", "HoneError", "InputError", "ModelError", "did_you_mean"]


class HoneError(Exception):
    """Base of all errors that hone raises deliberately; the message is for the user."""


class ConfigError(HoneError, ValueError):
    """A setting is missing, misspelled, of the wrong type or out of range."""


class InputError(HoneError, ValueError):
    """An input file or array cannot be used."""


class ModelError(HoneError, ValueError):
    """A statistical model cannot be computed as specified."""


class FitError(HoneError, RuntimeError):
    """A fit did not converge, or a limit does not exist."""


def did_you_mean(name: str, known: Iterable[str], most: int = 1) -> str:
    """A question after the names that may be meant; nothing if none is close.

    Capitals do not matter: what differs in nothing else is meant.

    Args:
        name: that is not known.
        known: those that are.
        most: how many of these to ask after.

    >>> did_you_mean("met", ["mt", "MET"])
    "did you mean 'MET'?"
    """
    alike: dict[str, list[str]] = {}
    for other in known:
        alike.setdefault(other.casefold(), []).append(other)
    folded = name.casefold()
    close = [folded] if folded in alike else difflib.get_close_matches(folded, alike, n=most)
    found = [other for word in close for other in alike[word]]
    return f"did you mean {' or '.join(map(repr, found))}?" if found else ""
