"""Numbers in double precision, which everything is computed in."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from hone.errors import ModelError

__all__ = ["as_floats", "require_x64"]


def require_x64() -> None:
    """Refuse to compute in 32 bits.

    Raises:
        ModelError: JAX's 64-bit mode is off.
    """
    if not jax.config.jax_enable_x64:  # type: ignore[attr-defined]
        raise ModelError(
            "hone computes in 64 bits, but JAX's 64-bit mode is off: call "
            'jax.config.update("jax_enable_x64", True) before anything else'
        )


def as_floats(values: ArrayLike) -> Any:
    """A float64 array, of NumPy if not traced, because each JAX operation would be compiled."""
    try:
        return np.asarray(values, dtype=float)
    except jax.errors.TracerArrayConversionError:
        return jnp.asarray(values, dtype=float)
