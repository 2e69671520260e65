"""Fits of cabinetry that end in the deepest minimum, at rates that are possible, off the bounds."""

import copy
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import Any, Literal, NamedTuple

import numpy as np
import pyhf
from cabinetry import fit as cabinetry_fit
from cabinetry import model_utils
from cabinetry.fit.results_containers import FitResults

from hone.errors import FitError

__all__ = ["Fitted", "quiet_minuit", "shifted_poi", "unconditional_fit"]

_NEGATIVE = -1e-6
_AT_BOUND = 1e-3
# Of Minuit: a hundredth of its default, as impacts are differences of fits.
_TOLERANCE = 0.001
_STRATEGIES = (0, 1, 2)
# What pyhf, iminuit and cabinetry raise where a fit fails.
_FAILURES = (
    pyhf.exceptions.FailedMinimization, ArithmeticError, AttributeError, RuntimeError, TypeError,
    ValueError,
)  # fmt: skip


class Fitted(NamedTuple):
    """A converged fit."""

    results: FitResults
    model: pyhf.Model
    """The one that was fitted."""
    clipped: bool
    """Whether negative yields of samples were taken as zero."""
    fixed: list[bool]
    """Of each parameter (P,)."""
    on_bound: list[str]
    """Parameters that ended on a bound, and are fixed there."""


@contextmanager
def quiet_minuit() -> Iterator[None]:
    """pyhf's numpy backend with Minuit, and as it was afterwards; no log of fits that fail."""
    tensorlib, optimizer = pyhf.get_backend()
    loggers = [logging.getLogger(name) for name in ("cabinetry", "pyhf")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(), precision="64b")
        # On its way Minuit tries parameters with negative rates.
        with np.errstate(all="ignore"), warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        pyhf.set_backend(tensorlib, optimizer)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def unconditional_fit(spec: Mapping[str, Any], model: pyhf.Model, data: Sequence[float]) -> Fitted:
    """The deepest minimum that Minuit finds from several starts, as cabinetry describes it.

    If rates are negative there, or there is none, yields of samples below zero are taken as zero,
    as ROOT's HistFactory does. A parameter on its bound is fixed there: the Hessian says nothing
    about it, and wrong things about the others. To be called within ``quiet_minuit``.

    Args:
        spec: the workspace that the model is of.
        model: the model.
        data: counts with auxiliary data (D,).

    Raises:
        FitError: no fit converged.
    """
    fixed = [
        held or inert
        for held, inert in zip(model.config.suggested_fixed(), _inert(model), strict=True)
    ]
    for clip in (False, True):
        if clip:
            model = pyhf.Workspace(copy.deepcopy(dict(spec))).model(clip_sample_data=0.0)
        found = _deepest(model, data, fixed)
        if found is None or _impossible(model, found[0]):
            continue
        pars, held, on_bound = _held_on_bounds(model, data, *found, fixed)
        results = _described(model, data, pars, held)
        if results is not None and not _impossible(model, results.bestfit):
            return Fitted(results, model, clip, held, on_bound)
    raise FitError("no fit of the workspace converged, from any start or strategy of Minuit")


def shifted_poi(fitted: Fitted, data: Sequence[float], index: int, value: float) -> float | None:
    """The POI in the fit with a parameter fixed at ``value``; None if no such fit converges."""
    start = fitted.results.bestfit.copy()
    start[index] = value
    fixed = [held or k == index for k, held in enumerate(fitted.fixed)]
    for strategy in _STRATEGIES:
        found = _minimum(fitted.model, data, start, fixed, strategy)
        if found is not None and not _impossible(fitted.model, found[0]):
            return float(found[0][fitted.model.config.poi_index])
    return None


def _inert(model: pyhf.Model) -> list[bool]:
    """Which parameters nothing depends on, as one that scales an empty template (P,)."""
    start = model_utils.asimov_parameters(model).astype(float)
    nominal = np.asarray(model.expected_data(start))
    moved = (start + 0.1 * (np.arange(len(start)) == k) for k in range(len(start)))
    return [bool(np.array_equal(model.expected_data(pars), nominal)) for pars in moved]


def _impossible(model: pyhf.Model, pars: np.ndarray) -> bool:
    """Whether a rate is negative."""
    return bool((np.asarray(model.expected_actualdata(pars)) < _NEGATIVE).any())


def _deepest(
    model: pyhf.Model, data: Sequence[float], fixed: list[bool]
) -> tuple[np.ndarray, float] | None:
    """The best of fits from several starts, with the first strategy of Minuit that converges."""
    for strategy in _STRATEGIES:
        found = [_minimum(model, data, start, fixed, strategy) for start in _starts(model, fixed)]
        converged = [each for each in found if each is not None]
        if converged:
            return min(converged, key=lambda each: each[1])
    return None


def _starts(model: pyhf.Model, fixed: Sequence[bool]) -> Iterator[np.ndarray]:
    """Nominal parameters, and constrained ones at +1 and -1 sigma and at one or the other in turn.

    Shifts of templates make likelihoods with several minima; ``hone.infer`` starts there too.
    """
    start = np.asarray(model.config.suggested_init(), dtype=float)
    lower, upper = np.transpose(model.config.suggested_bounds())
    sigma = np.where(fixed, 0.0, model_utils.prefit_uncertainties(model))
    turns = (-1.0) ** np.arange(len(sigma))
    for shift in (0.0, sigma, -sigma, turns * sigma):
        yield np.clip(start + shift, lower, upper)


def _minimum(
    model: pyhf.Model,
    data: Sequence[float],
    start: np.ndarray,
    fixed: list[bool],
    strategy: int = 0,
) -> tuple[np.ndarray, float] | None:
    """Parameters (P,) and -2 ln L; None if the fit did not converge.

    By pyhf, as cabinetry does, with fewer calls: where the likelihood is not a number, Minuit goes
    on for minutes. It refuses to fit nothing.
    """
    n = model.config.npars
    try:
        value = _twice_nll(model, data, start)
        if all(fixed) or not np.isfinite(value):
            return (start, value) if np.isfinite(value) else None
        pars, value = pyhf.infer.mle.fit(
            list(data), model, _visible(model, start, fixed), fixed_params=fixed,
            return_fitted_val=True, strategy=strategy, tolerance=_TOLERANCE,
            maxiter=1000 + 100 * n + 5 * n**2,
        )  # fmt: skip
    except _FAILURES:
        return None
    return (np.asarray(pars), float(value)) if np.isfinite([*pars, value]).all() else None


def _twice_nll(model: pyhf.Model, data: Sequence[float], pars: np.ndarray) -> float:
    return float(-2 * model.logpdf(pars, np.asarray(data))[0])


def _visible(model: pyhf.Model, start: np.ndarray, fixed: list[bool]) -> list[float]:
    """A start whose free parameters are 0 or at least 0.01 away from it.

    Minuit's first steps are a hundredth of a value, or 0.1 for 0: with steps of 1e-9 its
    derivatives, and the uncertainties from them, are rounding.
    """
    lower, upper = np.transpose(model.config.suggested_bounds())
    tiny = (np.abs(start) < 0.01) & ~np.asarray(fixed)
    apart = np.where(tiny, np.where(lower < 0, 0.0, 0.01), start)
    return np.where(tiny, np.clip(apart, lower, upper), apart).tolist()


def _described(
    model: pyhf.Model, data: Sequence[float], pars: np.ndarray, fixed: list[bool]
) -> FitResults | None:
    """cabinetry's fit from a known minimum, with uncertainties and correlations.

    Where all parameters are fixed there is none: the minimum is all that there is to say.
    """
    if all(fixed):
        none = np.zeros(len(pars))
        labels = list(model.config.par_names)
        lowest = _twice_nll(model, data, pars)
        return FitResults(pars, none, labels, np.outer(none, none), lowest, float("nan"))
    strategies: tuple[Literal[0, 1, 2], ...] = (2, 1, 0)
    for strategy in strategies:
        try:
            results = cabinetry_fit.fit(
                model, list(data), init_pars=_visible(model, pars, fixed), fix_pars=fixed,
                strategy=strategy, tolerance=_TOLERANCE, goodness_of_fit=True,
            )  # fmt: skip
        except _FAILURES:
            continue
        # What is fixed is not correlated with anything.
        none = np.logical_or.outer(fixed, fixed)
        results = results._replace(corr_mat=np.where(none, 0.0, np.asarray(results.corr_mat)))
        numbers = (results.bestfit, results.uncertainty, results.corr_mat, results.best_twice_nll)
        if all(np.isfinite(x).all() for x in numbers):
            return results
    return None


def _held_on_bounds(
    model: pyhf.Model,
    data: Sequence[float],
    pars: np.ndarray,
    lowest: float,
    fixed: Sequence[bool],
) -> tuple[np.ndarray, list[bool], list[str]]:
    """Best fit with parameters that end on a bound fixed there; all fixed ones; those names."""
    on_bound: list[str] = []
    held = list(fixed)
    for k, (lower, upper) in enumerate(model.config.suggested_bounds()):
        bound = lower if pars[k] - lower < upper - pars[k] else upper
        if held[k] or abs(pars[k] - bound) > 0.01 * (upper - lower):
            continue
        trial = [f or i == k for i, f in enumerate(held)]
        start = np.where(np.arange(len(pars)) == k, bound, pars)
        found = _minimum(model, data, start, trial)
        # Where the minimum is inside, leaving the bound gains something.
        if found is not None and found[1] < lowest + _AT_BOUND:
            (pars, lowest), held = found, trial
            on_bound.append(model.config.par_names[k])
    return pars, held, on_bound
