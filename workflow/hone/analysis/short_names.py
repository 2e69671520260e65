"""Names that are made of the config's names where fewer characters are allowed."""

import re

__all__ = ["letters", "underscored"]

_DIGITS = ("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")


def underscored(name: str) -> str:
    """``name`` without hyphens, which Snakemake's rules and pyhf's patches do not have."""
    return name.replace("-", "_")


def letters(name: str) -> str:
    """``name`` in letters alone, as macros of LaTeX: ``zp500-a`` is ``ZpFiveZeroZeroA``."""
    spelled = re.sub(r"\d", lambda digit: f"-{_DIGITS[int(digit.group())]}-", name)
    parts = re.split(r"[^A-Za-z]+", spelled)
    return "".join(part[0].upper() + part[1:] for part in parts if part)
