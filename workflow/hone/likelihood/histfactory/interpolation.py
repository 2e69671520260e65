"""The interpolations between a nominal value and its +-1 sigma variations, with derivatives.

All follow pyhf 0.7.6 (``pyhf/interpolators``), whose formulas are those of the HistFactory note
CERN-OPEN-2012-016 and of ROOT's ``FlexibleInterpVar`` and ``PiecewiseInterpolation``: codes 1 and 4
for a normsys, codes 0, 2 and 4p for a histosys. Codes 0 and 1 have a kink at alpha = 0, where
``side``, +1 or -1, selects the formula.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float

from hone.likelihood.arrays import namespace

__all__ = [
    "HISTOSYS_CODES",
    "KINKED",
    "NORMSYS_CODES",
    "Weights",
    "histosys_terms",
    "histosys_weights",
    "normsys_coefficients",
    "normsys_factor",
]

NORMSYS_CODES = ("code1", "code4")
HISTOSYS_CODES = ("code0", "code2", "code4p")
KINKED = ("code0", "code1")
"""Codes whose slope jumps at alpha = 0."""


def _code4_inverse() -> np.ndarray:
    """Inverse of the six conditions on the coefficients a_1..a_6 of 1 + sum a_i alpha^i.

    At alpha = +1 and -1 the polynomial has the value, slope and curvature of the exponentials.
    """
    powers = np.arange(1, 7)
    conditions = []
    for order in range(3):
        falling = np.prod([powers - k for k in range(order)], axis=0) if order else np.ones(6)
        for side in (1.0, -1.0):
            conditions.append(falling * side ** np.maximum(powers - order, 0))
    return np.linalg.inv(np.array(conditions))


_CODE4_INVERSE = _code4_inverse()


def normsys_coefficients(
    lo: Float[Array, "*shape"], hi: Float[Array, "*shape"]
) -> Float[Array, "*shape 8"]:
    """Coefficients of a normsys: six of the polynomial of code 4, then ln(lo) and ln(hi).

    Args:
        lo: factor at alpha = -1, positive.
        hi: factor at alpha = +1, positive.
    """
    xp = namespace(lo, hi)
    log_lo, log_hi = xp.log(lo), xp.log(hi)
    conditions = xp.stack(
        [hi - 1, lo - 1, hi * log_hi, -lo * log_lo, hi * log_hi**2, lo * log_lo**2], axis=-1
    )
    polynomial = conditions @ _CODE4_INVERSE.T
    return xp.concatenate([polynomial, log_lo[..., None], log_hi[..., None]], axis=-1)


def normsys_factor(
    code: str,
    alpha: Float[Array, "*#shape"],
    each: Float[Array, "8 *#shape"],
    side: Float[Array, "*#shape"],
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"], Float[Array, "*shape"]]:
    """Factor of a normsys, and its first and second derivative in alpha.

    Code 1 is ``hi**alpha`` above 0 and ``lo**-alpha`` below; code 4 has a polynomial of sixth order
    for ``|alpha| < 1`` instead.

    Args:
        code: ``code1`` or ``code4``.
        alpha: nuisance parameter, in units of its constraint's sigma.
        each: coefficients from :func:`normsys_coefficients`, each contiguous in memory.
        side: 1 or -1, the sign of alpha, which may be 0; for code 1.
    """
    xp = namespace(alpha, each)
    if code == "code1":
        rate = xp.where(side > 0, each[7], -each[6])
        outside = xp.exp(alpha * rate)
        return outside, outside * rate, outside * rate**2
    far = ~(xp.abs(alpha) < 1)
    # The branch that is not selected must be finite for the derivative to be finite.
    x = xp.clip(alpha, -1.0, 1.0)
    shape = np.broadcast_shapes(x.shape, each.shape[1:])
    value, first, second = (xp.zeros(shape) for _ in range(3))
    for power in range(6, 0, -1):
        a = each[power - 1]
        # In place: NumPy makes no arrays in between.
        value += a
        value *= x
        first *= x
        first += power * a
        if power > 1:
            second *= x
            second += power * (power - 1) * a
    value += 1
    if xp is not np:
        rate = xp.where(alpha > 0, each[7], -each[6])
        outside = xp.exp(alpha * rate)
        both = (value, outside), (first, outside * rate), (second, outside * rate**2)
        one, two, three = (xp.where(far, yes, no) for no, yes in both)
        return one, two, three
    # Exponentials where they are needed alone: in few places, after the first steps of a fit.
    places = far.reshape(-1).nonzero()[0]
    if len(places):
        high, low, alpha = (np.broadcast_to(y, shape).take(places) for y in (*each[:5:-1], alpha))
        rate = np.where(alpha > 0, high, -low)
        outside = np.exp(alpha * rate)
        for found, order in zip((value, first, second), range(3), strict=True):
            found.reshape(-1)[places] = outside * rate**order
    return value, first, second


def histosys_terms(
    nominal: Float[Array, "*#shape"], lo: Float[Array, "*#shape"], hi: Float[Array, "*#shape"]
) -> tuple[Float[Array, "*#shape"], Float[Array, "*#shape"]]:
    """The two templates ``S`` and ``A`` whose linear combination is the shift of a histosys.

    ``delta(alpha) = f(alpha) S + g(alpha) A`` with ``S = (hi - lo) / 2`` and
    ``A = (hi + lo - 2 nominal) / 16`` and the :func:`histosys_weights` f and g: computing the
    templates once leaves two matrix-vector products per evaluation.
    """
    up, down = hi - nominal, nominal - lo
    return (up + down) / 2, (up - down) / 16


class Weights(NamedTuple):
    """Weights f and g of the two templates of a histosys, with derivatives in alpha."""

    symmetric: Any
    """f, its first derivative (its second is 0)"""
    asymmetric: Any
    """g, its first and second derivative"""


def histosys_weights(
    code: str, alpha: Float[Array, "*shape"], side: Float[Array, "*shape"]
) -> Weights:
    """Weights of the templates from :func:`histosys_terms`.

    ``f = alpha``, and ``g = 8 |alpha|`` (code 0), or for ``|alpha| < 1``
    ``g = 15 alpha^2 - 10 alpha^4 + 3 alpha^6`` (code 4p) or ``g = 8 alpha^2`` (code 2). Code 2 is
    pyhf's, which jumps at ``|alpha| = 1``: above, ``f = alpha - 1`` and ``g = 16 (alpha - 1)``;
    below, ``f = alpha`` and ``g = 16 |alpha|``.

    Args:
        code: ``code0``, ``code2`` or ``code4p``.
        alpha: nuisance parameter, in units of its constraint's sigma.
        side: 1 or -1, the sign of alpha, which may be 0.
    """
    xp = namespace(alpha)
    one = xp.ones_like(alpha)
    if code == "code0":
        return Weights((alpha, one), (8 * side * alpha, 8 * side, 0 * alpha))
    x = xp.clip(alpha, -1.0, 1.0)
    square = x**2
    if code == "code2":
        inside, start = xp.abs(alpha) <= 1, xp.where(alpha > 1, 1.0, 0.0)
        return Weights(
            (alpha - start, one),
            (
                xp.where(inside, 8 * square, 16 * (side * alpha - start)),
                xp.where(inside, 16 * x, 16 * side),
                xp.where(inside, 16.0, 0.0),
            ),
        )
    inside = xp.abs(alpha) < 1
    return Weights(
        (alpha, one),
        (
            xp.where(inside, square * (15 + square * (3 * square - 10)), 8 * side * alpha),
            xp.where(inside, x * (30 + square * (18 * square - 40)), 8 * side),
            xp.where(inside, 30 + square * (90 * square - 120), 0.0),
        ),
    )
