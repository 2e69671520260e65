"""Figures of limits and studies look as they did."""

import numpy as np
import pytest

from hone.figures.limits import draw_cls_scan, draw_limits
from hone.figures.study import draw_study

compared = pytest.mark.mpl_image_compare(savefig_kwargs={"dpi": 40})


def limits_at(scale, observed):
    """As in ``limits.json``: CLs falls exponentially, so that limits are where it should be."""
    mus = np.linspace(0, 2 * scale, 21)
    rates = np.array([5, 4, 3, 2, 1]) / scale
    crossing = (np.log(20) / rates).tolist()
    return {
        "level": 0.05,
        "scan": {
            "mu": mus.tolist(),
            "observed": np.exp(-2.5 * mus / scale).tolist() if observed else None,
            "expected": [np.exp(-rate * mus).tolist() for rate in rates],
        },
        "observed_limit": float(np.log(20) * scale / 2.5) if observed else None,
        "expected_limits": crossing,
        "expected_limits_postfit": crossing,
    }


@compared
def test_cls_scan_of_an_observation():
    return draw_cls_scan(limits_at(1.0, True), "neos")


@compared
def test_cls_scan_of_a_blind_analysis_with_large_limits():
    return draw_cls_scan(limits_at(5000.0, False), "neos")


@compared
def test_limits_against_mass():
    limits = {mass: limits_at((mass / 1000) ** 3, True) for mass in (600.0, 800.0, 1000.0, 1500.0)}
    return draw_limits(limits, "mass", "neos")


@compared
def test_limits_with_one_missing_and_without_observation():
    limits = {mass: limits_at((mass / 1000) ** 3, False) for mass in (600.0, 800.0, 1000.0)}
    limits[800.0]["expected_limits"] = [None] * 5
    return draw_limits(limits, "mass", "neos")


@compared
def test_study_of_bandwidths():
    rules, batches = ("fixed", "scott", "adaptive"), (100, 1000, 10_000)
    observables = [
        {"name": f"{rule}{batch}", "batch": batch, "smoothing": rule}
        for rule in rules
        for batch in batches
    ]
    rows = [
        {
            "observable": o["name"],
            "seed": seed,
            "without_staterror_expected_cls": 1e-6 * seed * (1 + rules.index(o["smoothing"]))
            / np.sqrt(o["batch"] / 100),
        }
        for o in observables
        for seed in (1, 2, 3)
    ]  # fmt: skip
    study = {"name": "bandwidth", "against": "batch", "lines": ["smoothing"]}
    return draw_study(rows, study, observables, {"expected_cls": 5e-8})
