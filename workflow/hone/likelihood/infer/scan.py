"""Scans: fits at many values of some parameters, and the likelihood at given parameters.

All fits of a scan use one compiled program, whatever is fixed and whatever the data.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from hone.likelihood.histfactory import Model
from hone.likelihood.histfactory.likelihood import Likelihood
from hone.likelihood.infer.batches import in_batches
from hone.likelihood.infer.minimum import descend
from hone.likelihood.infer.mle import FitSetup, starts_of

__all__ = ["Local", "Scan", "around", "scan"]

_BATCH = 128
"""Fits in parallel; always this number, for a single compiled program."""
_POINTS = 64


class Scan(NamedTuple):
    """Conditional fits, numpy float64; a fit that did not converge is infinite and NaN."""

    value: np.ndarray
    """-ln L relative to the saturated model (N,)."""
    pars: np.ndarray
    """Fitted parameters (N, P)."""


class Local(NamedTuple):
    """-ln L relative to the saturated model at N parameter points, numpy float64."""

    value: np.ndarray
    """(N,), infinite where a rate is negative."""
    gradient: np.ndarray
    """(N, P), by ``jax.grad``."""
    hessian: np.ndarray
    """(N, P, P)"""


def scan(
    model: Model,
    data: Any,
    setup: FitSetup,
    fixed: Sequence[int] = (),
    values: Any = None,
    near: Any = None,
) -> Scan:
    """Fit the data with some parameters fixed at N sets of values.

    Args:
        model: the model.
        data: bins and auxiliary data (D,).
        setup: start, bounds and freedom of the parameters.
        fixed: indices of K parameters; none for a single unconditional fit.
        values: of these parameters (N, K), inside their bounds.
        near: additional start (P,), besides those of :meth:`.mle.FitSetup.starts`.
    """
    at = np.asarray(values, dtype=float) if len(fixed) else np.empty((1, 0))
    starts = np.asarray(starts_of(model, setup))
    if near is not None:
        starts = np.concatenate([np.asarray(near)[None], starts])
    count = len(starts)
    rows = np.tile(starts, (len(at), 1))
    rows[:, list(fixed)] = np.repeat(at, count, axis=0)
    free = np.array(setup.free)
    free[list(fixed)] = 0

    def fits(k: np.ndarray) -> tuple[Array, Array]:
        # What fills up a batch is not fitted again.
        wanted = np.arange(len(k)) < len(np.unique(k))
        return _fits(model, data, rows[k], setup, free, wanted)

    value, pars = in_batches(fits, len(rows), _BATCH)
    value = value.reshape(-1, count)
    pars = pars.reshape(*value.shape, -1)
    every, best = np.arange(len(value)), np.argmin(value, axis=1)
    return Scan(value[every, best], pars[every, best])


def around(model: Model, data: Any, pars: Any) -> Local:
    """-ln L with its derivatives at each of ``pars`` (N, P), nothing fitted."""
    pars = np.asarray(pars, dtype=float)
    return Local(*in_batches(lambda k: _local(model, data, pars[k]), len(pars), _POINTS))


@jax.jit
def _fits(
    model: Model,
    data: Float[Array, " D"],
    start: Float[Array, "L P"],
    setup: FitSetup,
    free: Float[Array, " P"],
    wanted: Bool[Array, " L"],
) -> tuple[Float[Array, " L"], Float[Array, "L P"]]:
    shape = (len(start), 1)
    found = descend(
        model.prepare(), jnp.tile(data, shape), start, setup.lower, setup.upper,
        jnp.tile(free, shape), wanted,
    )  # fmt: skip
    return found.value, found.pars


@jax.jit
def _local(
    model: Model, data: Float[Array, " D"], pars: Float[Array, "N P"]
) -> tuple[Array, Array, Array]:
    likelihood = model.prepare()
    value, gradient = jax.vmap(
        jax.value_and_grad(Likelihood.nll, argnums=1), in_axes=(None, 0, None)
    )(likelihood, pars, data)
    hessian = jax.vmap(lambda x: likelihood.expansion(x, data, barrier=0.0).hessian.dense())(pars)
    return value, gradient, hessian
