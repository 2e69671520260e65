"""Scans: fits at many values of some parameters, and the likelihood at given parameters."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float

from hone.likelihood.arrays import compiled_if_traced, namespace
from hone.likelihood.histfactory import Model
from hone.likelihood.infer.asymptotics import log_pvalues
from hone.likelihood.infer.minimum import descend
from hone.likelihood.infer.profile import asimov_poi, off_zero
from hone.likelihood.infer.setup import FitSetup, require_poi, starts_of

__all__ = ["Local", "Scan", "around", "scan", "scan_tests"]


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
    """(N, P)"""
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
        near: additional start (P,), besides those of :meth:`.setup.FitSetup.starts`.
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

    value, pars = _fits(model, data, rows, setup, free, count)
    value = value.reshape(-1, count)
    pars = pars.reshape(*value.shape, -1)
    every, best = np.arange(len(value)), np.argmin(value, axis=1)
    return Scan(value[every, best], pars[every, best])


def scan_tests(mus: Any, data: Any, model: Model, setup: FitSetup) -> np.ndarray:
    """CLs of q-tilde at N signal strengths: observed, and expected at -2 to +2 sigma (N, 6).

    As :func:`.hypotest` at each, with the fits that do not depend on the signal strength made once.
    NaN where a fit did not converge.

    Args:
        mus: signal strengths (N,).
        data: bins and auxiliary data (D,).
        model: the model.
        setup: from :func:`.profile.setup_for_test`.
    """
    poi, mus = require_poi(model), np.asarray(mus, dtype=float)
    near = off_zero(mus, "qtilde")
    free = scan(model, data, setup)
    asimov = scan(model, data, setup, [poi], [[asimov_poi("qtilde")]])
    fixed = scan(model, data, setup, [poi], near[:, None], free.pars[0])
    lowest = int(np.argmin(fixed.value))
    if fixed.value[lowest] < free.value[0]:
        free = scan(model, data, setup, near=fixed.pars[lowest])
    expected = np.asarray(model.expected_data(asimov.pars[0]))
    fixed_asimov = scan(model, expected, setup, [poi], near[:, None], asimov.pars[0])
    with np.errstate(invalid="ignore"):  # where fits failed
        q = 2 * np.maximum(fixed.value - free.value, 0.0)
    q = np.where(free.pars[0, poi] > mus, 0.0, q)
    q_asimov = 2 * np.maximum(fixed_asimov.value, 0.0)
    ratio = mus / near
    known = np.isfinite(q + q_asimov) & np.isfinite(asimov.value)
    found = np.full((len(mus), 6), np.nan)
    for k in np.flatnonzero(known):
        logs = log_pvalues(q[k], q_asimov[k], "qtilde", ratio=ratio[k])
        found[k] = np.exp([logs.cls, *logs.cls_expected])
    return found


def around(model: Model, data: Any, pars: Any) -> Local:
    """-ln L with its derivatives at each of ``pars`` (N, P), nothing fitted."""
    pars = np.asarray(pars, dtype=float)
    return Local(*_local(model, data, pars))


@compiled_if_traced(5)
def _fits(
    model: Model,
    data: Float[Array, " D"],
    start: Float[Array, "L P"],
    setup: FitSetup,
    free: Float[Array, " P"],
    starts: int,
) -> tuple[Float[Array, " L"], Float[Array, "L P"]]:
    xp, shape = namespace(model, data, start, setup, free), (len(start), 1)
    found = descend(
        model.prepare(), xp.tile(data, shape), start, setup.lower, setup.upper,
        xp.tile(free, shape), starts=starts,
    )  # fmt: skip
    return found.value, found.pars


@compiled_if_traced()
def _local(
    model: Model, data: Float[Array, " D"], pars: Float[Array, "N P"]
) -> tuple[Array, Array, Array]:
    xp = namespace(model, data, pars)
    found = model.prepare().expansion(pars, xp.tile(data, (len(pars), 1)), 0.0)
    return found.value, found.gradient, found.hessian.dense()
