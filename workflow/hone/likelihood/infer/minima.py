"""What fits return: where each one ended, and why."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int

__all__ = ["Minima", "Reason", "best_start"]


class Reason(IntEnum):
    """Why a fit ended; it has a result up to STALLED."""

    CONVERGED = 0
    AT_BOUND = 1
    """Converged, with a free parameter held by a bound."""
    AT_EDGE = 2
    """Converged where the rate of a bin without events reaches zero."""
    STALLED = 3
    """No decrease beyond rounding is left, though steps are: parameters are degenerate; or -ln L
    does not curve upwards there."""
    NEGATIVE_RATE = 4
    """A rate is negative at the start, or zero in a bin with events."""
    ITERATIONS = 5
    """The limit on iterations was reached."""
    GIVEN_UP = 6
    """Another start of the same fit converged in a fraction of the iterations."""
    NOT_TRIED = 7
    JOINED = 8
    """Another start of the same fit ends there, or has ended there."""


class Minima(NamedTuple):
    """Results of L fits."""

    pars: Float[Array, "L P"]
    """Parameters, NaN if a fit did not converge."""
    value: Float[Array, " L"]
    """-ln L relative to the saturated model, infinite where a fit did not converge."""
    gradient: Float[Array, "L P"]
    """Derivative of ``value``; not zero for parameters that are fixed or at a bound."""
    rates: Float[Array, "L B"]
    evaluations: Int[Array, " L"]
    """Evaluations of the model, each with gradient and Hessian."""
    reason: Int[Array, " L"]
    """A :class:`Reason`."""


def best_start(found: Minima, starts: int) -> Minima:
    """The lowest of each ``starts`` neighbouring fits."""
    values = found.value.reshape(-1, starts)
    place = values.argmin(axis=1) + starts * np.arange(len(values))
    return Minima(*(leaf[place] for leaf in found))
