"""Numbers with their errors: as many digits as the error is known to."""

import math

__all__ = ["decimals", "per_cent", "rounded", "with_ends", "with_error", "with_interval"]

_TWO_DIGITS = 3.55
_SMALL = 1e-3
"""Numbers below, with their errors, have a power of ten."""


def decimals(error: float) -> int:
    """Decimal places of a number with an error above 0, as the Particle Data Group rounds: two
    digits of the error if they are below 35 (or would be 100), otherwise one.

    >>> decimals(0.0823), decimals(0.124), decimals(0.97), decimals(120.0)
    (2, 2, 1, 0)
    """
    power = math.floor(math.log10(error))
    return max(-power + (error < _TWO_DIGITS * 10.0**power), 0)


def rounded(value: float, error: float | None, sign: str = "") -> tuple[str, str]:
    """A number and its error, to the same place; to four digits, and no error, if none is known.

    >>> rounded(1.0956, 0.0823), rounded(3.861e-7, 6.2e-9), rounded(12.0, None)
    (('1.10', '0.08'), ('3.86e-07', '6e-09'), ('12.00', ''))

    Args:
        value: any.
        error: at least 0.
        sign: ``+`` for one before numbers above zero.
    """
    if not error or not math.isfinite(error):
        return f"{value:{sign}#.4g}", ""
    number, shown = _to_one_place(value, [error], sign)
    return number, shown


def _to_one_place(value: float, errors: list[float], sign: str = "") -> list[str]:
    """A number and errors above 0, to the place that the smallest of them is known to."""
    places = decimals(min(errors))
    if max(abs(value), *errors) >= _SMALL:
        return [f"{value:{sign}z.{places}f}", *(f"{error:.{places}f}" for error in errors)]
    # Rounded first: 9.996e-7 becomes 1.000e-6.
    value, errors = round(value, places) or value, [round(error, places) for error in errors]
    power = math.floor(math.log10(abs(value))) if value else -places
    digits = [places + math.floor(math.log10(error)) for error in errors]
    shown = [f"{error:.{k}e}" for error, k in zip(errors, digits, strict=True)]
    return [f"{value:{sign}.{max(places + power, 0)}e}", *shown]


def with_error(value: float, error: float | None, sign: str = "") -> str:
    """Both in one text, ``1.10 ± 0.08``; arguments as for :func:`rounded`."""
    return " ± ".join(filter(None, rounded(value, error, sign)))


def with_ends(value: float, low: float | None, high: float | None) -> list[str]:
    """A number and the distances to the ends of its interval, None if it has no end there: with
    their signs, or one for both with ``±``.

    >>> with_ends(1.0, 0.49, 1.34), with_ends(1.0, 0.8, 1.2), with_ends(0.0, None, 0.04)
    (['1.00', '+0.34', '-0.51'], ['1.00', '± 0.20'], ['0.00', '+0.04'])
    """
    ends = {"+": high, "-": low}
    known = {sign: abs(end - value) for sign, end in ends.items() if end not in (None, value)}
    if not known:
        return [rounded(value, None)[0]]
    number, *sizes = _to_one_place(value, list(known.values()))
    if len(sizes) == 2 and sizes[0] == sizes[1]:
        return [number, f"± {sizes[0]}"]
    return [number, *map("".join, zip(known, sizes, strict=True))]


def with_interval(value: float, low: float | None, high: float | None) -> str:
    """All of :func:`with_ends` in one text, ``1.00 +0.34 -0.51``."""
    return " ".join(with_ends(value, low, high))


def per_cent(value: float, error: float | None, sign: str = "") -> str:
    """A change in per cent, for narrow columns: the error to one digit, at most two places; no
    error if it is below these."""
    if not error:
        return f"{value:{sign}z.1f}"
    places = min(max(-math.floor(math.log10(error)), 0), 2)
    known = f" ± {error:.{places}f}" if round(error, places) else ""
    return f"{value:{sign}z.{places}f}{known}"
