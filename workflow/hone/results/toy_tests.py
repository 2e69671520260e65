"""Toys compared with asymptotic formulae: distributions of the test statistic, and CLs."""

from typing import Any

import numpy as np
from scipy.special import ndtr

from hone.errors import FitError, InputError
from hone.likelihood import infer
from hone.likelihood.histfactory import Model
from hone.likelihood.infer.calculators import (
    AsymptoticCalculator,
    EmpiricalDistribution,
    ToyCalculator,
)
from hone.likelihood.infer.densities import qtilde_density, qtilde_tail
from hone.results.documents import Numbers, PValues, ToyData, ToyHistogram, ToyTest

__all__ = ["binomial_errors", "expected_errors", "toy_test", "toy_test_or_reason"]

_BINS = 40
_CURVE = 200
_SIGMAS = -2.0, -1.0, 0.0, 1.0, 2.0
"""Of an expected set."""
_MEDIAN = 2
"""Its place in an expected set."""


def toy_test(model: Model, mu: float, observed: Any | None, ntoys: int, seed: int) -> ToyTest:
    """Tests of ``mu`` with toys and with asymptotic formulae, with q-tilde of the same data.

    Expected numbers are those of nominal Asimov data without a signal, observed ones of the
    observation. Toys are drawn at the conditional best fits to these data, at ``mu`` and without
    signal: the numbers are those of ``hone.likelihood.infer.hypotest`` with
    ``calctype="toybased"`` and this seed.

    Args:
        model: the model.
        mu: tested value of the POI, within its bounds.
        observed: bins and auxiliary data (D,), None if the analysis is blind.
        ntoys: of each hypothesis.
        seed: of the toys.

    Raises:
        FitError: a fit did not converge, or the statistic does not depend on the POI.
        InputError: an expected rate is negative.
    """
    nominal = np.asarray(infer.nominal_asimov(model, 0.0))

    def tested(data: Any, is_expected: bool) -> ToyData:
        formula = AsymptoticCalculator(data, model)
        statistic = formula.teststatistic(mu)
        q_asimov = float(formula.sqrtqmuA_v) ** 2
        if not q_asimov > 0:
            raise FitError(f"the test statistic of the Asimov data at POI = {mu:g} is {q_asimov:g}")
        calculator = ToyCalculator(data, model, ntoys=ntoys, rng=seed)
        distributions = calculator.distributions(mu)
        q = calculator.teststatistic(mu)
        kept = tuple(len(found.samples) for found in distributions)
        by_toys = _p_values(calculator, q, distributions, is_expected, kept)
        by_formula = _p_values(formula, statistic, formula.distributions(mu), is_expected, kept)
        looked_at = np.median(distributions[1].samples) if is_expected else q
        calculator.check_failures(looked_at, *distributions)
        toys = [np.asarray(found.samples) for found in distributions]
        errors = binomial_errors(by_toys["clsb"], by_toys["clb"], *kept)
        if is_expected:
            of_band = expected_errors(*distributions)
            errors["cls_error"] = of_band[_MEDIAN]
            by_toys["cls_expected_error"] = of_band
        by_toys = {**by_toys, **errors}  # type: ignore[typeddict-item]
        largest = float(np.quantile(np.concatenate(toys), 0.998))
        edges = np.linspace(0.0, max(largest, 2 * q_asimov), _BINS + 1)
        return {
            "q": float(q),
            "q_asimov": q_asimov,
            "edges": edges.tolist(),
            "signal_background": _histogram(toys[0], edges, q_asimov, background_only=False),
            "background": _histogram(toys[1], edges, q_asimov, background_only=True),
            "cls": {"toys": by_toys, "asymptotic": by_formula},
        }

    return {
        "mu": mu,
        "ntoys": ntoys,
        "expected": tested(nominal, True),
        "observed": None if observed is None else tested(model.checked_data(observed), False),
    }


def _p_values(
    calculator: Any, statistic: Any, distributions: Any, is_expected: bool, kept: tuple[int, ...]
) -> PValues:
    """CLs+b, CLb and CLs of a calculator, at the statistic or at the median, there with the whole
    expected set and its errors for so many toys as were ``kept``."""
    if is_expected:
        sets = calculator.expected_pvalues(*distributions)
        clsb, clb, cls = (float(values[_MEDIAN]) for values in sets)
        errors = [
            binomial_errors(float(p), float(q), *kept)["cls_error"]
            for p, q in zip(sets[0], sets[1], strict=True)
        ]
        expected = [float(x) for x in sets[2]]
        return {
            "clsb": clsb, "clb": clb, "cls": cls, "cls_expected": expected,
            "cls_expected_error": errors,
        }  # fmt: skip
    with np.errstate(invalid="ignore", divide="ignore"):
        clsb, clb, cls = map(float, calculator.pvalues(statistic, *distributions))
    return {"clsb": clsb, "clb": clb, "cls": cls if clb > 0 else None}


def expected_errors(
    signal_background: EmpiricalDistribution, background: EmpiricalDistribution
) -> Numbers:
    """Standard deviations of the expected CLs by toys, at -2 to +2 sigma; None if they are 0.

    These are quantiles of the CLs of background toys. The fraction of toys below a quantile has a
    binomial error, and so has CLs+b there.
    """
    values = np.asarray(background.samples)
    clsb, clb = signal_background.pvalue(values), background.pvalue(values)
    parts = ndtr(np.array(_SIGMAS))
    error = np.sqrt(parts * (1 - parts) / len(values))
    low, high = np.quantile(clsb / clb, np.clip([parts - error, parts + error], 0, 1))
    p, of_background = np.quantile(clsb, parts), np.quantile(clb, parts)
    own = np.sqrt(p * (1 - p) / len(signal_background.samples)) / of_background
    return [float(x) or None for x in np.hypot((high - low) / 2, own)]


def binomial_errors(
    clsb: float, clb: float, signal_background: int, background: int
) -> dict[str, float | None]:
    """Standard deviations of p-values from numbers of toys, and of their ratio.

    None if no toy, or every toy, is as extreme.
    """
    found: dict[str, float | None] = {}
    relative = 0.0
    for name, p, toys in (("clsb", clsb, signal_background), ("clb", clb, background)):
        found[f"{name}_error"] = float(np.sqrt(p * (1 - p) / toys)) or None
        relative += (1 - p) / (p * toys) if p > 0 else np.inf
    known = 0 < relative < np.inf
    return found | {"cls_error": clsb / clb * float(np.sqrt(relative)) if known else None}


def _histogram(
    q: np.ndarray, edges: np.ndarray, q_asimov: float, background_only: bool
) -> ToyHistogram:
    # Denser towards 0, where the density rises.
    curve = edges[-1] * (np.arange(1, _CURVE + 1) / _CURVE) ** 2
    return {
        "kept": len(q),
        "counts": np.histogram(q[q > 0], edges)[0].tolist(),
        "zero": int((q == 0).sum()),
        "beyond": int((q > edges[-1]).sum()),
        "asymptotic": {
            "q": curve.tolist(),
            "density": qtilde_density(curve, q_asimov, background_only).tolist(),
            "zero": float(1 - qtilde_tail(1e-300, q_asimov, background_only)),
        },
    }


def toy_test_or_reason(
    model: Model, mu: float, observed: Any | None, ntoys: int, seed: int, reasons: dict[str, str]
) -> ToyTest | None:
    """:func:`toy_test`, or None with the reason in ``reasons``."""
    try:
        return toy_test(model, mu, observed, ntoys, seed)
    except (FitError, InputError) as error:
        reasons["toys"] = str(error)
        return None
