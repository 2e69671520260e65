"""Toys against asymptotic formulae: distributions of the test statistic, and CLs from both."""

from typing import Any

import numpy as np

from hone import infer
from hone.errors import FitError, InputError
from hone.histfactory import Model
from hone.infer.densities import qtilde_density, qtilde_tail
from hone.infer.mle import FitSetup, checked_setup, require_poi
from hone.infer.scan import scan
from hone.infer.toys import sample_toys, toy_statistics

__all__ = ["p_values", "toy_test", "toy_test_or_reason"]

_BINS = 40
_CURVE = 200
_FAILING = 0.01
"""Fraction of toys whose fits may fail: what they would change is below what can be seen."""
_HYPOTHESES = {"signal_background": False, "background": True}


def toy_test(
    model: Model, mu: float, observed: Any | None, ntoys: int, rng: np.random.Generator
) -> dict[str, Any]:
    """Distributions of q-tilde at ``mu`` for toys without signal and with signal of that strength.

    Toys are drawn at the suggested values of all other parameters, auxiliary data included; the
    asymptotic formulae have the statistic of the nominal Asimov data.

    Args:
        model: the model.
        mu: tested value of the POI, within its bounds.
        observed: bins and auxiliary data (D,), None while the analysis is blind.
        ntoys: of each hypothesis.
        rng: source of randomness.

    Returns:
        ``mu``, ``ntoys``, ``q_asimov``, ``q_observed`` (None if blind); ``edges`` of a histogram,
        which ends where one toy in 500 lies beyond; by hypothesis (``signal_background``,
        ``background``) ``kept``: how many toys have a statistic, ``counts`` of those above 0,
        ``zero`` and ``beyond``: how many are at 0 and beyond the last edge, and in ``asymptotic``
        the expectation: ``q``, ``density``, ``zero`` (its probability); ``cls``: p-values by
        ``toys`` and by the ``asymptotic`` formulae, each at its own median for the background
        (``expected``), and both at the observation (``observed``, None if blind).

    Raises:
        FitError: a fit, or those of one toy in a hundred, did not converge, or the statistic does
            not depend on the POI.
        InputError: an expected rate is negative.
    """
    setup, poi = checked_setup(model), require_poi(model)
    setup.check_value(poi, mu, str(model.config.poi_name))
    q_asimov = _statistic(model, infer.nominal_asimov(model, 0.0), setup, mu)
    if not q_asimov > 0:
        raise FitError(f"the test statistic of the Asimov data at POI = {mu:g} is {q_asimov:g}")
    toys = {}
    for name, background_only in _HYPOTHESES.items():
        truth = np.array(model.config.suggested_init())
        truth[poi] = 0.0 if background_only else mu
        drawn = sample_toys(model, truth, ntoys, rng)
        q = toy_statistics(model, drawn, setup, mu, truth, "qtilde")
        if np.isnan(q).mean() > _FAILING:
            raise FitError(f"the fits of {np.isnan(q).sum()} of {ntoys} toys did not converge")
        toys[name] = q[np.isfinite(q)]
    q_observed = None
    if observed is not None:
        q_observed = _statistic(model, model.checked_data(observed), setup, mu)
    largest = float(np.quantile(np.concatenate(list(toys.values())), 0.998))
    edges = np.linspace(0.0, max(largest, 2 * q_asimov), _BINS + 1)
    # Between the edges, and closer where the density rises towards 0.
    curve = edges[-1] * (np.arange(1, _CURVE + 1) / _CURVE) ** 2
    found: dict[str, Any] = {
        "mu": mu,
        "ntoys": ntoys,
        "q_asimov": q_asimov,
        "q_observed": q_observed,
        "edges": edges.tolist(),
    }
    for name, background_only in _HYPOTHESES.items():
        above = toys[name][toys[name] > 0]
        found[name] = {
            "kept": len(toys[name]),
            "counts": np.histogram(above, edges)[0].tolist(),
            "zero": int((toys[name] == 0).sum()),
            "beyond": int((toys[name] > edges[-1]).sum()),
            "asymptotic": {
                "q": curve.tolist(),
                "density": qtilde_density(curve, q_asimov, background_only).tolist(),
                "zero": float(1 - qtilde_tail(1e-300, q_asimov, background_only)),
            },
        }
    median = float(np.median(toys["background"]))
    tested = {"expected": (median, q_asimov), "observed": (q_observed, q_observed)}
    found["cls"] = {
        name: None
        if of_toys is None or of_formula is None
        else {
            "toys": p_values(toys["signal_background"], toys["background"], of_toys),
            "asymptotic": _asymptotic(of_formula, q_asimov),
        }
        for name, (of_toys, of_formula) in tested.items()
    }
    return found


def p_values(signal_background: np.ndarray, background: np.ndarray, q: float) -> dict[str, Any]:
    """CLs+b, CLb and CLs from toys with their binomial standard deviations.

    Args:
        signal_background: statistic of toys with the tested signal (n,).
        background: of toys without (m,).
        q: the statistic that is looked at; at least as large is at least as extreme.

    Returns:
        ``q``, ``clsb``, ``clb``, ``cls`` and the last three with ``_error``. CLs is None where no
        background toy is as extreme, and an error where no toy is or every toy, of which counts
        alone do not tell it.
    """
    found: dict[str, Any] = {"q": q}
    relative = 0.0
    for name, toys in (("clsb", signal_background), ("clb", background)):
        p = float((toys >= q).mean())
        inside = 0 < p < 1
        found |= {name: p, f"{name}_error": float(np.sqrt(p * (1 - p) / len(toys))) or None}
        relative += (1 - p) / (p * len(toys)) if inside else (0.0 if p == 1 else np.inf)
    if found["clb"] == 0:
        return found | {"cls": None, "cls_error": None}
    cls = found["clsb"] / found["clb"]
    known = 0 < relative < np.inf
    return found | {"cls": cls, "cls_error": cls * float(np.sqrt(relative)) if known else None}


def _statistic(model: Model, data: Any, setup: FitSetup, mu: float) -> float:
    """q-tilde of one set of data, by the program of the other scans."""
    poi, data = require_poi(model), np.asarray(data)
    best = scan(model, data, setup)
    tested = scan(model, data, setup, [poi], [[mu]], near=best.pars[0])
    values = np.array([best.value[0], tested.value[0]])
    if not np.isfinite(values).all():
        raise FitError(f"a fit of the data at POI = {mu:g} did not converge")
    return 0.0 if best.pars[0, poi] > mu else max(2 * float(values[1] - values[0]), 0.0)


def _asymptotic(q: float, q_asimov: float) -> dict[str, float | None]:
    clsb, clb = (float(qtilde_tail(q, q_asimov, b)) for b in _HYPOTHESES.values())
    return {"q": q, "clsb": clsb, "clb": clb, "cls": clsb / clb if clb > 0 else None}


def toy_test_or_reason(
    model: Model,
    mu: float,
    observed: Any | None,
    ntoys: int,
    rng: np.random.Generator,
    reasons: dict[str, str],
) -> dict[str, Any] | None:
    """:func:`toy_test`, or None with why not in ``reasons``."""
    try:
        return toy_test(model, mu, observed, ntoys, rng)
    except (FitError, InputError) as error:
        reasons["toys"] = str(error)
        return None
