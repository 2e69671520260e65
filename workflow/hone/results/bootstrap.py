"""Nominal results without staterror, with bootstrap errors from the evaluation events.

A staterror includes the statistical uncertainty of the simulation in the model. Here it is left
out and quoted as an error instead, for comparisons with published numbers and with the floor, which
do not depend on a simulation.
"""

import copy
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import jax
import numpy as np
import pyhf
from scipy.special import ndtr

from hone.errors import FitError
from hone.likelihood import infer
from hone.likelihood.histfactory import Model, from_pyhf
from hone.likelihood.infer.asymptotics import TestStatistic
from hone.likelihood.infer.setup import require_poi
from hone.likelihood.specification import Workspace
from hone.results.pyhf_fits import Optimiser
from hone.results.replicas import Normalisation, replicas
from hone.statmodel.filling import fill
from hone.statmodel.templates import Histogram
from hone.statmodel.workspace import Process

__all__ = ["nominal_without_staterror"]

_REPLICAS = 100


def nominal_without_staterror(
    workspace: Workspace,
    samples: Sequence[Process],
    histograms: Mapping[str, Histogram],
    level: float,
    event_sets: Sequence[str] | None = None,
    normalised: Mapping[str, Normalisation] | None = None,
    unpruned: Sequence[Process] | None = None,
    subsamples: Mapping[str, np.ndarray] = MappingProxyType({}),
) -> dict[str, float | None]:
    """Nominal figures of merit without staterror, with bootstrap errors and pyhf's values.

    Args:
        workspace: a pyhf workspace of :mod:`hone.statmodel.workspace`.
        samples: its processes.
        histograms: the templates it was made of, with variances.
        level: CLs at the limit.
        event_sets: templates with events of their own, all if not given; others are weighted events
            of their sample and fluctuate with it.
        normalised: how each of these is normalised; to its sample's yield if not given.
        unpruned: processes with all the systematics that ``histograms`` have templates of; those of
            ``samples`` if not given.
        subsamples: as for :func:`.replicas`.

    Returns:
        ``expected_cls`` (median, at mu = 1), ``expected_limit`` (median), ``expected_p0`` and
        ``sigma_mu``, each with ``_error``, the standard deviation over bootstrap replicas of the
        templates; and by pyhf ``pyhf_expected_cls``, ``pyhf_cls_at_limit`` and ``pyhf_sigma_mu``.
        None where a number does not exist.
    """
    oracle = pyhf.Workspace(_stripped(workspace)).model()
    model = from_pyhf(oracle)

    sample_of = {t.name: sample for sample in unpruned or samples for t in sample.templates()}
    if normalised is None:
        normalised = {
            name: Normalisation(sample.name, sample.expected) for name, sample in sample_of.items()
        }
    own = set(histograms if event_sets is None else event_sets)
    events = {name: name if name in own else sample_of[name].name for name in histograms}
    drawn = replicas(histograms, normalised, _REPLICAS, events, subsamples)
    nominal = {name: Histogram(*(np.asarray(x) for x in h)) for name, h in histograms.items()}
    values = _merits(model, samples, nominal, drawn, level)
    highest = model.config.suggested_bounds()[require_poi(model)][1]
    found: dict[str, float | None] = {}
    for name, array in values.items():
        value, errors = float(array[0]), np.asarray(array[1:])
        usable = np.isfinite(errors)
        beyond = name == "expected_limit" and value > highest
        if beyond or not np.isfinite(value):
            value = _with_all_starts(name, fill(model, samples, nominal), level)
        # A p-value of zero comes from a bin without background.
        exists = np.isfinite(value) and (value > 0 or not name.startswith("expected_p0"))
        found[name] = value if exists else None
        # With many replicas without a fit, the error is not known.
        enough = usable.sum() > 0.9 * len(errors) and found[name] is not None
        found[f"{name}_error"] = float(errors[usable].std(ddof=1)) if enough else None
    return found | _by_pyhf(model, oracle, found["expected_limit"])


def _with_all_starts(name: str, model: Model, level: float) -> float:
    """A result from all starts of its fits, not one; NaN if it does not exist."""
    try:
        if name == "expected_cls":
            return float(infer.expected_cls(model)[2])
        if name == "expected_p0":
            return float(infer.expected_p0(model))
        if name == "expected_limit":
            data = infer.nominal_asimov(model, 0.0)
            return float(infer.upper_limit(data, model, level=level)[1][2])
    except FitError:
        pass
    return float("nan")


def _merits(
    model: Model,
    samples: Sequence[Process],
    nominal: Mapping[str, Histogram],
    drawn: Mapping[str, Histogram],
    level: float,
) -> dict[str, np.ndarray]:
    """Figures of merit with the nominal templates, and with each replica of these (1 + N,)."""
    empty = jax.tree.map(np.asarray, model)
    number = len(next(iter(drawn.values())).values)
    replicas = (
        {name: Histogram(*(x[k] for x in histogram)) for name, histogram in drawn.items()}
        for k in range(number)
    )
    filled = [fill(empty, samples, histograms) for histograms in (nominal, *replicas)]
    stacked = jax.tree.map(lambda *x: np.stack(x), *filled)

    def root(test_stat: TestStatistic) -> np.ndarray:
        return np.sqrt(np.maximum(infer.asimov_qmu(stacked, 1.0, test_stat), 0.0))

    return {
        # arXiv:1007.1727, eq. 52, 67 and 89
        "expected_cls": 2 * ndtr(-root("qtilde")),
        "expected_limit": np.asarray(infer.asimov_limit(stacked, level)),
        "expected_p0": ndtr(-root("q0")),
        "sigma_mu": np.asarray(infer.sigma_mu(stacked)),
    }


def _stripped(workspace: Workspace) -> Workspace:
    spec = copy.deepcopy(workspace)
    for channel in spec["channels"]:
        for sample in channel["samples"]:
            sample["modifiers"] = [m for m in sample["modifiers"] if m["type"] != "staterror"]
    return spec


def _by_pyhf(model: Model, oracle: pyhf.Model, limit: float | None) -> dict[str, float | None]:
    pyhf.set_backend("numpy", Optimiser(tolerance=1e-10))
    nominal = np.asarray(infer.nominal_asimov(model, 0.0))

    def median(mu: float | None) -> float | None:
        if mu is None:
            return None
        try:
            tested = pyhf.infer.hypotest(mu, nominal, oracle, return_expected=True)
        except pyhf.exceptions.FailedMinimization:
            return None
        value = float(tested[1])
        return value if np.isfinite(value) else None

    return {
        "pyhf_expected_cls": median(1.0),
        "pyhf_cls_at_limit": median(limit),
        "pyhf_sigma_mu": _numerical_sigma_mu(oracle),
    }


def _numerical_sigma_mu(oracle: pyhf.Model) -> float | None:
    """sigma_mu from second differences of pyhf's likelihood at its nominal parameters and 1."""
    centre = np.array(oracle.config.suggested_init(), dtype=float)
    centre[oracle.config.poi_index] = 1.0
    data = oracle.expected_data(centre)
    free = np.flatnonzero(~np.array(oracle.config.suggested_fixed(), dtype=bool))
    # Compromise between rounding of -2 ln L and its fourth derivative.
    step = 1e-3

    def value(*shifts: tuple[Any, float]) -> float:
        pars = centre.copy()
        for place, sign in shifts:
            pars[place] += sign * step
        return -float(oracle.logpdf(pars, data)[0])

    hessian = np.zeros((len(free), len(free)))
    middle = value()
    for a, i in enumerate(free):
        hessian[a, a] = (value((i, 1)) - 2 * middle + value((i, -1))) / step**2
        for b, j in enumerate(free[:a]):
            mixed = value((i, 1), (j, 1)) - value((i, 1), (j, -1))
            mixed += value((i, -1), (j, -1)) - value((i, -1), (j, 1))
            hessian[a, b] = hessian[b, a] = mixed / (4 * step**2)
    poi = list(free).index(oracle.config.poi_index)
    try:
        variance = np.linalg.inv(hessian)[poi, poi]
    except np.linalg.LinAlgError:
        return None
    return float(np.sqrt(variance)) if variance > 0 else None
