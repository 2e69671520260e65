"""The interpolations between a nominal value and its +-1 sigma variations, with derivatives.

Both follow pyhf 0.7.6 (``pyhf/interpolators/code4.py`` and ``code4p.py``), whose formulas are
those of the HistFactory note CERN-OPEN-2012-016 and of ROOT's ``FlexibleInterpVar`` and
``PiecewiseInterpolation``.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

__all__ = ["code4", "code4_coefficients", "code4p_terms", "code4p_weight"]


def _code4_inverse() -> np.ndarray:
    """Inverse of the six conditions on the coefficients a_1..a_6 of 1 + sum a_i alpha^i.

    At alpha = +1 and -1 the polynomial meets the exponentials in value, slope and curvature.
    """
    powers = np.arange(1, 7)
    conditions = []
    for order in range(3):
        falling = np.prod([powers - k for k in range(order)], axis=0) if order else np.ones(6)
        for side in (1.0, -1.0):
            conditions.append(falling * side ** np.maximum(powers - order, 0))
    return np.linalg.inv(np.array(conditions))


_CODE4_INVERSE = _code4_inverse()


def code4_coefficients(
    lo: Float[Array, "*shape"], hi: Float[Array, "*shape"]
) -> Float[Array, "8 *shape"]:
    """What code 4 needs of a normsys: six polynomial coefficients, then ln(lo) and ln(hi).

    Args:
        lo: factor at alpha = -1, positive.
        hi: factor at alpha = +1, positive.
    """
    log_lo, log_hi = jnp.log(lo), jnp.log(hi)
    conditions = jnp.stack(
        [hi - 1, lo - 1, hi * log_hi, -lo * log_lo, hi * log_hi**2, lo * log_lo**2]
    )
    polynomial = jnp.tensordot(_CODE4_INVERSE, conditions, axes=1)
    return jnp.concatenate([polynomial, log_lo[None], log_hi[None]])


def code4(
    alpha: Float[Array, "*#shape"], coefficients: Float[Array, "8 *#shape"]
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"], Float[Array, "*shape"]]:
    """Factor of a normsys (interpolation code 4), and its first and second derivative in alpha.

    A polynomial of sixth order for ``|alpha| < 1``, ``hi**alpha`` or ``lo**-alpha`` outside.

    Args:
        alpha: nuisance parameter, in units of its constraint's sigma.
        coefficients: from :func:`code4_coefficients`.
    """
    # The branch that is not taken must stay finite, or its derivative would poison the other.
    x = jnp.clip(alpha, -1.0, 1.0)
    value, first, second = (jnp.zeros(jnp.broadcast_shapes(x.shape, coefficients.shape[1:])),) * 3
    for power in range(6, 0, -1):
        a = coefficients[power - 1]
        value = (value + a) * x
        first = first * x + power * a
        if power > 1:
            second = second * x + power * (power - 1) * a
    rate = jnp.where(alpha >= 0, coefficients[7], -coefficients[6])
    outside = jnp.exp(alpha * rate)
    inside = jnp.abs(alpha) < 1
    return (
        jnp.where(inside, 1 + value, outside),
        jnp.where(inside, first, outside * rate),
        jnp.where(inside, second, outside * rate**2),
    )


def code4p_terms(
    nominal: Float[Array, "*#shape"], lo: Float[Array, "*#shape"], hi: Float[Array, "*#shape"]
) -> tuple[Float[Array, "*#shape"], Float[Array, "*#shape"]]:
    """The two templates ``S`` and ``A`` of which every code4p shift is a combination.

    ``delta(alpha) = alpha S + g(alpha) A`` with :func:`code4p_weight` for ``g``; computing them
    once leaves two matrix-vector products per evaluation.
    """
    up, down = hi - nominal, nominal - lo
    return (up + down) / 2, (up - down) / 16


def code4p_weight(
    alpha: Float[Array, "*shape"],
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"], Float[Array, "*shape"]]:
    """Weight ``g`` of the asymmetric template in code4p, with its first and second derivative.

    ``g = 15 alpha^2 - 10 alpha^4 + 3 alpha^6`` for ``|alpha| < 1``, ``8 |alpha|`` outside.
    """
    inside = jnp.abs(alpha) < 1
    x = jnp.clip(alpha, -1.0, 1.0)
    square = x**2
    return (
        jnp.where(inside, square * (15 + square * (3 * square - 10)), 8 * jnp.abs(alpha)),
        jnp.where(inside, x * (30 + square * (18 * square - 40)), 8 * jnp.sign(alpha)),
        jnp.where(inside, 30 + square * (90 * square - 120), 0.0),
    )
