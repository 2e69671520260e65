"""Sums of weights in bins, in double precision: right to 1e-9, or an error.

Without negative weights any order of additions is accurate enough. With them, rounding errors are
summed as well: large weights of both signs may cancel.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from hone.errors import InputError

__all__ = ["Sums", "bin_of", "cancel_too_far", "exact_parts", "refuse_lost_events"]

_PIECE = 4096
_TERMS, _RESULTS = 1024, 960
"""Of a product of matrices that BLAS does not copy first: so many terms of so many sums."""
_SIGNIFICANT, _LEFT = 5, 0.5
_WANTED = 1e-9
_SMALLEST, _LARGEST = 1e-140, 1e140
"""Range of errors: their squares must be normal doubles."""


def bin_of(values: Any, edges: Any) -> Any:
    """Number of each value's bin, int (n,): a bin has its lower edge, and not its upper one.

    The outermost bins take what lies beyond them, NaN counts as above. NumPy's or JAX's.

    Args:
        values: (n,).
        edges: rising (B + 1,), an array of the same kind.
    """
    return edges[1:-1].searchsorted(values, side="right")


def exact_parts(weights: np.ndarray) -> tuple[np.ndarray, ...]:
    """Arrays (..., n) that add up to the weights and can be summed almost without rounding.

    The weights themselves if none is negative. Otherwise their leading digits, multiples of a
    common power of two whose sums are exact, and the small remainder (S. M. Rump, T. Ogita,
    S. Oishi, SIAM J. Sci. Comput. 31 (2008) 189).
    """
    if not weights.size or weights.min() >= 0:
        return (weights,)
    with np.errstate(over="ignore", invalid="ignore"):  # seen in the sums
        power = np.frexp(_largest(weights))[1] + weights.shape[-1].bit_length() + 1
        shift = np.ldexp(1.0, power)
        leading = weights + shift
        leading -= shift
        return leading, weights - leading


def _largest(numbers: np.ndarray) -> np.ndarray:
    """Largest absolute value of each row (..., 1)."""
    highest, lowest = (f(axis=-1, keepdims=True) for f in (numbers.max, numbers.min))
    return np.maximum(highest, -lowest)


def _product(weights: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """weights (T, n) @ shares (n, B) by small matrices, in half the time: BLAS copies larger ones
    first, which with so few bins takes longer than to multiply them."""
    (templates, size), bins = weights.shape, shares.shape[1]
    if weights.size * bins <= _TERMS * _RESULTS:
        return weights @ shares
    found = np.empty((templates, bins))
    whole, rows = size - size % _TERMS, max(_RESULTS // bins, 1)
    right = shares[:whole].reshape(-1, _TERMS, bins)
    for start in range(0, templates, rows):
        these = slice(start, start + rows)
        left = weights[these, :whole].reshape(len(found[these]), -1, _TERMS).swapaxes(0, 1)
        found[these] = (left @ right).sum(axis=0) + weights[these, whole:] @ shares[whole:]
    return found


class Sums:
    """Sums of weights and of their squares in bins, for T templates of the same events (T, B).

    Args:
        templates: number of weights of each event.
        bins: number of bins.
    """

    def __init__(self, templates: int, bins: int = 1) -> None:
        self._leading, self._rest, self._unknown = np.zeros((3, templates, bins))
        self._smallest = np.full((templates, 1), np.inf)
        self.absolute = np.zeros((templates, bins))
        """Sums of the absolute weights."""
        self.variances = np.zeros((templates, bins))
        """Sums of the squares."""
        self._squares = np.empty((templates, 0))

    @property
    def values(self) -> np.ndarray:
        """Sums of the weights (T, B)."""
        return self._leading + self._rest

    def add(self, weights: np.ndarray, shares: np.ndarray) -> None:
        """Add some thousand events.

        Args:
            weights: float64 (T, n).
            shares: of each event in each bin, between 0 and 1, float64 (n, B).
        """
        with np.errstate(over="ignore", invalid="ignore"):  # seen in the end
            self.variances += _product(self._squared(weights), shares**2)
            parts = exact_parts(weights)
            sums = [_product(part, shares) for part in parts]
            if len(parts) == 1:
                self.absolute += sums[0]
            else:
                lost = _largest(parts[1]) * len(shares) * np.finfo(float).eps
                self._unknown += lost * shares.sum(axis=0)
                sizes = np.abs(weights)
                self.absolute += _product(sizes, shares)
                sizes[sizes == 0] = np.inf
                self._smallest = np.minimum(self._smallest, sizes.min(axis=1, keepdims=True))
            for more in sums:
                total = self._leading + more
                back = total - self._leading
                self._rest += (self._leading - (total - back)) + (more - back)
                self._leading = total

    def _squared(self, weights: np.ndarray) -> np.ndarray:
        """Squares (T, n) in an array that is used again: to map the memory of a new one takes
        longer than the sums."""
        size = weights.shape[1]
        if size > self._squares.shape[1]:
            self._squares = np.empty(weights.shape)
        return np.multiply(weights, weights, out=self._squares[:, :size])

    def count(self, weights: np.ndarray, bins: np.ndarray | None = None) -> None:
        """Add any number of events, each in one bin.

        Args:
            weights: float64 (T, n).
            bins: of each event, int (n,); the first if not given.
        """
        for start in range(0, weights.shape[1], _PIECE):
            piece = weights[:, start : start + _PIECE]
            inside = np.zeros((piece.shape[1], self.values.shape[1]))
            if bins is None:
                inside[:, 0] = 1.0
            else:
                inside[np.arange(len(inside)), bins[start : start + _PIECE]] = 1.0
            self.add(piece, inside)

    def total(self, what: str) -> float:
        """The sum in the first bin for the first template.

        Args:
            what: name of the sum, for messages.

        Raises:
            InputError: it is not known to 1e-9.
        """
        self.refuse_unknown(lambda *_: what)
        return float(self.values[0, 0])

    def refuse_unknown(
        self, where: Callable[[int, int], str], columns: slice = slice(None), factor: float = 1.0
    ) -> None:
        """Refuse sums known to fewer than nine digits, or whose squares no double holds.

        Args:
            where: name of a template and a bin, from their numbers.
            columns: bins to look at.
            factor: by which sums are multiplied in the end.

        Raises:
            InputError: names the first of them, and why.
        """
        with np.errstate(all="ignore"):
            values, absolute = self.values[:, columns], self.absolute[:, columns]
            yields, unknown = np.abs(factor * values), self._unknown[:, columns]
            size = np.maximum(np.abs(values), np.where(np.isinf(self._smallest), 0, self._smallest))
            errors = np.sqrt(self.variances[:, columns]) * np.array([1, factor])[:, None, None]
            weighed = ((errors > _SMALLEST) & (errors < _LARGEST)).all(axis=0)
            reasons = {
                "are too large for a sum": ~(np.isfinite(yields) & np.isfinite(absolute)),
                "cancel so far that their sum is not known": unknown > _WANTED * size,
                "are too large or too small for a sum of their squares": (absolute > 0) & ~weighed,
                "add up to too small a number": (values != 0) & (yields < np.finfo(float).tiny),
            }
        for reason, bad in reasons.items():
            if bad.any():
                template, column = map(int, np.argwhere(bad)[0])
                raise InputError(
                    f"{where(template, column)}: the weights {reason} (sum "
                    f"{values[template, column]:g}, without signs {absolute[template, column]:g}"
                    + (f", times {factor:g}" if factor != 1 else "")
                    + "); look at the weight"
                )


def cancel_too_far(values: float, variances: float, absolute: float) -> bool:
    """Whether weights of both signs add up to less than half of their sizes, and to less than five
    times their statistical error, which is nothing to divide by.

    Args:
        values: their sum.
        variances: sum of their squares.
        absolute: sum of their absolute values.
    """
    cancel = abs(values) < _LEFT * absolute
    return bool(cancel and abs(values) < _SIGNIFICANT * np.sqrt(variances))


def refuse_lost_events(what: str, filled: float, entered: float, absolute: float) -> None:
    """Refuse a histogram whose bins do not add up to the weight of its events.

    Args:
        what: name of the histogram, for the message.
        filled: sum of its bins.
        entered: sum of the weights of its events.
        absolute: sum of their absolute values.

    Raises:
        InputError: they differ by more than 1e-9 of the absolute sum.
    """
    if not abs(filled - entered) <= _WANTED * absolute:
        raise InputError(
            f"{what}: its bins add up to {filled:.10g}, the weights of its events to "
            f"{entered:.10g}: events are lost, or weigh more than a sum can hold"
        )
