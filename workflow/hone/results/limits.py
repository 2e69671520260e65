"""Results of a workspace: limits, CLs, p0 and sigma_mu, nominal and post-fit."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from hone.errors import FitError
from hone.likelihood import infer
from hone.likelihood.histfactory import Model
from hone.likelihood.infer.intervals.upper_limits import LIMIT_NAMES, all_limits, missing_limit
from hone.likelihood.infer.profile import setup_for_test
from hone.likelihood.infer.scan import scan_tests
from hone.likelihood.infer.setup import require_poi
from hone.results.best_fit import empty_bins
from hone.results.documents import ClsScan, Limits

__all__ = ["compute_limits", "scan_cls", "scan_range"]


def compute_limits(
    model: Model,
    observed: Any,
    level: float,
    blind: bool = False,
    strengths: Sequence[str] = (),
    bounds_setting: str = "poi.bounds",
) -> Limits:
    """The limits, p-values and sigma_mu of a model and its observation, if that is not blind.

    Args:
        model: of the workspace.
        observed: bins and auxiliary data (D,).
        level: CLs at a limit.
        blind: whether the observation stands for what is expected.
        strengths: names of all strengths that are measured, where there are several.
        bounds_setting: in the config, of the POI's bounds, for reasons.
    """
    nominal, poi = infer.nominal_asimov(model, 0.0), model.config.par_names[require_poi(model)]
    reasons: dict[str, str] = {}

    def limits(data: Any, suffix: str) -> list[float | None]:
        six = np.asarray(all_limits(data, model, level))
        found = [float(limit) if np.isfinite(limit) else None for limit in six]
        missing = [k for k, limit in enumerate(found) if limit is None]
        at_end = _cls_at_end(data, model) if missing else []
        for k in missing:
            name = LIMIT_NAMES[k]
            reasons[f"{name} limit{suffix}"] = (
                f"the {name} limit does not exist: CLs is {at_end[k]:.3g} at the largest "
                f"{poi} allowed, {_largest(model):g}; widen its bounds in the "
                f"config ({bounds_setting})"
                if at_end and at_end[k] > level
                else missing_limit(name, data, model, level)
            )
        return found

    def p_values(name: str, found: Callable[[], Any], size: int = 1) -> list[float | None]:
        try:
            return [float(p) for p in jax.tree.leaves(found())]
        except FitError as error:
            reasons[name] = str(error)
            return [None] * size

    def best_fit() -> Any:
        try:
            return infer.fit(observed, model)
        except FitError:  # limits say why
            return None

    _, *expected_limits = limits(nominal, "")
    observed_limit, *expected_limits_postfit = limits(observed, ", post-fit")
    observed_cls, *postfit_cls = p_values(
        "observed CLs",
        lambda: infer.hypotest(1.0, observed, model, return_expected_set=True),
        size=6,
    )
    observed_p0, postfit_p0 = p_values(
        "observed p0",
        lambda: infer.hypotest(0.0, observed, model, test_stat="q0", return_expected=True),
        size=2,
    )
    best = best_fit()
    notes = [
        f"the best fit to the observation is where the expected rate of {name} reaches zero: "
        "beyond, the interpolated templates would be negative"
        for name in ([] if best is None else empty_bins(model, best, observed))
    ]
    found: Limits = {
        "observed_limit": observed_limit,
        "expected_limits": expected_limits,
        "observed_cls": observed_cls,
        "expected_cls": [float(x) for x in infer.expected_cls(model)],
        "observed_p0": observed_p0,
        "expected_p0": p_values("expected p0", lambda: infer.expected_p0(model))[0],
        "sigma_mu": float(infer.sigma_mu(model)),
        "expected_limits_postfit": expected_limits_postfit,
        "expected_cls_postfit": postfit_cls,
        "expected_p0_postfit": postfit_p0,
        "level": level,
        "poi": poi,
        "npars": model.config.npars,
        "reasons": reasons,
        "notes": notes,
    }
    if len(strengths) > 1:
        found["sigmas"] = _sigmas(model, strengths)
    return _without_observation(found) if blind else found


def _sigmas(model: Model, strengths: Sequence[str]) -> dict[str, float]:
    """Uncertainty of each strength, all of them at 1 in nominal Asimov data."""
    hessian, free = infer.nominal_hessian(model)
    hessian = np.asarray(hessian)[np.ix_(free, free)]
    errors = np.sqrt(np.diag(np.linalg.inv(hessian)))
    found = dict(zip(np.array(model.config.par_names)[free].tolist(), errors.tolist(), strict=True))
    return {name: found[name] for name in strengths}


def _without_observation(limits: Limits) -> Limits:
    reason = "not observed: the data stands for what is expected (see observation.unblind)"
    reasons = {
        **{k: v for k, v in limits["reasons"].items() if not k.startswith("observed")},
        "observed limit": reason,
    }
    return {
        **limits,
        "observed_limit": None,
        "observed_cls": None,
        "observed_p0": None,
        "reasons": reasons,
    }


def _largest(model: Model) -> float:
    """The upper bound of the POI."""
    return model.config.suggested_bounds()[require_poi(model)][1]


def _cls_at_end(data: Any, model: Model) -> list[float]:
    """Observed and expected CLs at the upper bound of the POI; none if a fit did not converge."""
    try:
        tests = infer.hypotest(_largest(model), data, model, return_expected_set=True)
    except FitError:
        return []
    return [float(cls) for cls in jax.tree.leaves(tests)]


def scan_range(model: Model, limits: Limits) -> float:
    """The largest signal strength of a scan: beyond all limits, within the bounds of the model."""
    known = [x for x in (limits["observed_limit"], *limits["expected_limits_postfit"]) if x]
    upper = _largest(model)
    return min(1.3 * max(known, default=upper), upper)


def scan_cls(
    model: Model, observed: Any, largest: float, points: int = 41, blind: bool = False
) -> ClsScan:
    """CLs, observed (None if ``blind``) and expected after the fit, from 0 to ``largest``."""
    mus = np.linspace(0.0, largest, points)
    curves = scan_tests(mus, model.checked_data(observed), model, setup_for_test(model, "qtilde"))
    # Tests whose fits did not converge are left out.
    known = np.isfinite(curves).all(axis=1)
    mus, columns = mus[known], curves[known].T
    return {
        "mu": mus.tolist(),
        "observed": None if blind else columns[0].tolist(),
        "expected": columns[1:].tolist(),
    }
