"""Limits among hypothesis tests: between the points of a scan, and where CLs of toys crosses."""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import toms748

from hone.errors import FitError
from hone.likelihood.histfactory import Model
from hone.likelihood.infer.hypotest import TestOptions
from hone.likelihood.infer.setup import require_poi

__all__ = ["LIMIT_NAMES", "LimitOptions", "reported", "scan_limits", "toy_limits"]

log = logging.getLogger(__name__)

LIMIT_NAMES = (
    "observed",
    "expected -2 sigma",
    "expected -1 sigma",
    "expected median",
    "expected +1 sigma",
    "expected +2 sigma",
)


class LimitOptions(TestOptions, total=False):
    """Options of the tests behind a limit, as for :func:`hone.likelihood.infer.hypotest`."""

    init_pars: ArrayLike | None
    par_bounds: ArrayLike | None
    fixed_params: ArrayLike | None
    calctype: str


def reported(found: Iterable[Any]) -> list[np.ndarray]:
    """Limits, with NaN instead of reasons, which are logged.

    Raises:
        FitError: no limit exists.
    """
    limits = list(found)
    reasons = [text for text in limits if isinstance(text, str)]
    if len(reasons) == len(limits):
        raise FitError(reasons[0])
    for text in reasons:
        log.warning(text)
    return [np.asarray(np.nan if isinstance(x, str) else x, dtype=float) for x in limits]


def toy_limits(
    test: Callable[[float, LimitOptions], Any],
    model: Model,
    around: Sequence[Any],
    level: float,
    options: LimitOptions,
) -> tuple[list[np.ndarray], list[float], list[Any]]:
    """Roots of CLs from toys, each searched around the asymptotic limit, and the tests made.

    All POI values use the same random numbers, so that CLs falls smoothly up to steps of one toy;
    the root is the step that crosses the level.
    """
    seed = int(np.random.default_rng(options.get("rng")).integers(2**63))
    seeded: LimitOptions = {**options, "rng": seed}
    results: dict[float, Any] = {}

    def excess(mu: float, curve: int) -> float:
        if mu not in results:
            results[mu] = test(mu, seeded)
        observed, *_, expected = results[mu]
        return float([observed, *expected][curve]) - level

    given = options.get("par_bounds")
    bounds = model.config.suggested_bounds() if given is None else np.asarray(given)
    lower, upper = (float(x) for x in bounds[require_poi(model)])
    lower = max(lower, 0.0)

    def root(curve: int, guess: float) -> float | str:
        guess = guess if np.isfinite(guess) else upper
        low, high = 0.8 * guess, min(1.25 * guess, upper)
        missing = f"the {LIMIT_NAMES[curve]} limit does not exist: CLs from toys"
        while excess(low, curve) < 0:
            if low <= lower:
                return f"{missing} is below {level:g} down to {model.config.poi_name!r} = {low:g}"
            low = max(low / 2 if low > 1e-6 else 0.0, lower)
        while excess(high, curve) > 0:
            if high >= upper:
                return (
                    f"{missing} does not fall to {level:g} for {model.config.poi_name!r} up to "
                    f"{upper:g}; widen the POI's bounds?"
                )
            high = min(2 * high, upper)
        return float(toms748(excess, low, high, args=(curve,), rtol=1e-4))

    limits = reported(root(k, float(x)) for k, x in enumerate(around))
    return limits, list(results), list(results.values())


def scan_limits(
    test: Callable[[float], Any], scan: ArrayLike, level: float
) -> tuple[list[np.ndarray], np.ndarray, list[Any]]:
    """Limits by linear interpolation of CLs as pyhf does, the points of ``scan``, and the tests."""
    scan = np.asarray(scan, dtype=float)
    results = [test(mu) for mu in scan]
    curves = np.array([[observed, *expected] for observed, *_, expected in results]).T

    def crossing(name: str, curve: np.ndarray) -> float | str:
        if curve.min() <= level <= curve.max():
            return float(np.interp(level, curve[::-1], scan[::-1]))
        return (
            f"the {name} limit is not inside the scan: CLs goes from {curve[0]:.3g} to "
            f"{curve[-1]:.3g} and does not reach {level:g}; extend the scan"
        )

    return reported(map(crossing, LIMIT_NAMES, curves)), scan, results
