"""Gains of observables over a baseline, with uncertainties."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from hone.results.documents import Row

__all__ = ["FIGURES_OF_MERIT", "compared", "flatten", "pyhfs_verdict"]

Rows = Sequence[Row]

FIGURES_OF_MERIT = {
    "expected_cls": "expected_cls_2",
    "expected_limit": "expected_limits_2",
    "expected_p0": "expected_p0",
    "sigma_mu": "sigma_mu",
}
"""Columns of the table, and the columns of ``comparison.csv`` of which they are medians."""
_P_VALUES = ("expected_cls", "expected_p0")
_REPLICAS = 2000


class _Known(NamedTuple):
    """A median over seeds, its standard error (None if unknown), and the source of the error."""

    value: float
    error: float | None
    source: str


def flatten(limits: Mapping[str, object]) -> Row:
    """A row of ``comparison.csv``: lists get an index, pyhf's check the prefix ``pyhf_``."""
    row: dict[str, object] = {}
    for key, value in limits.items():
        if key in ("scan", "provenance", "reasons", "notes"):
            continue
        if isinstance(value, dict) and key == "pyhf_check":
            checked = {k: v for k, v in value.items() if k not in ("notes", "pyhf")}
            row |= {f"pyhf_{k}": v for k, v in flatten(checked).items()}
        elif isinstance(value, dict):
            row |= {f"{key}_{name}": item for name, item in value.items()}
        elif isinstance(value, list):
            row |= {f"{key}_{i}": item for i, item in enumerate(value)}
        else:
            row[key] = value
    return row


def compared(rows: Rows, baseline: str | None, fair: str | None = None) -> list[Row]:
    """One row per signal and observable: medians over seeds, their spread, and gains.

    Gains are in per cent, positive if the observable is better than the baseline: 100 (1 - a / b)
    for the limit and sigma_mu, and 100 (Z_a / Z_b - 1) for p-values (CLs at mu = 1, p0) with
    significance Z, the normal quantile of 1 - p. The errors of the two medians are propagated as if
    independent: with several seeds, the standard deviation of the median over bootstrap replicas
    of the seeds; with one, the bootstrap error of the evaluation events, as in the columns
    ``without_staterror_*_error``. ``gain_error_from`` says which. ``fair_gain`` is that of the
    limit over ``fair_baseline``.

    Args:
        rows: of ``comparison.csv``.
        baseline: name of the observable to compare with; None for no gains.
        fair: the same observable with its best edges, if there is one.
    """
    found: list[Row] = []
    for signal in dict.fromkeys(row["signal"] for row in rows):
        mine = [row for row in rows if row["signal"] == signal]
        groups = {
            name: [row for row in mine if row["observable"] == name]
            for name in dict.fromkeys(row["observable"] for row in mine)
        }
        found += [
            {
                "signal": signal,
                "observable": name,
                "seeds": len(group),
                **_medians(group),
                **_gains(group, groups.get(baseline or "", []), name == baseline),
                "baseline": baseline if baseline in groups else None,
                **_over_fair(group, groups.get(fair or "", []), fair if fair != name else None),
                **pyhfs_verdict(group),
            }
            for name, group in groups.items()
        ]
    return found


def _medians(rows: Rows) -> dict[str, float | None]:
    """Median, lowest and highest of each figure of merit over the seeds that have it."""
    found: dict[str, float | None] = {}
    for name, column in FIGURES_OF_MERIT.items():
        values = _values(rows, column)
        found[name] = float(np.median(values)) if values else None
        found[f"{name}_lowest"] = min(values, default=None)
        found[f"{name}_highest"] = max(values, default=None)
    return found


def _gains(rows: Rows, baseline: Rows, is_baseline: bool) -> Row:
    found: dict[str, float | None] = {}
    sources = []
    for name in FIGURES_OF_MERIT:
        known = None if is_baseline else _gain(name, rows, baseline)
        found[f"gain_{name}"] = known.value if known else None
        found[f"gain_{name}_error"] = known.error if known else None
        if known and known.error is not None:
            sources.append(known.source)
    return {**found, "gain_error_from": max(sources, key=len) if sources else None}


def _over_fair(rows: Rows, baseline: Rows, fair: str | None) -> Row:
    known = _gain("expected_limit", rows, baseline) if fair else None
    return {
        "fair_baseline": fair if known else None,
        "fair_gain": known.value if known else None,
        "fair_gain_error": known.error if known else None,
    }


def _gain(name: str, rows: Rows, baseline: Rows) -> _Known | None:
    """Gain in per cent; None if a number does not exist or the baseline is 0."""
    mine, other = _known(name, rows), _known(name, baseline)
    if mine is None or other is None or other.value <= 0:
        return None
    ratio = mine.value / other.value
    value = 100 * (ratio - 1 if name in _P_VALUES else 1 - ratio)
    if mine.error is None or other.error is None:
        return _Known(value, None, "")
    error = 100 * np.hypot(mine.error, ratio * other.error) / other.value
    sources = " and ".join(sorted({mine.source, other.source}, reverse=True))
    return _Known(value, float(error), sources)


def _known(name: str, rows: Rows) -> _Known | None:
    """The median over seeds; for p-values, that of the significance."""
    values = np.array(_values(rows, FIGURES_OF_MERIT[name]), dtype=float)
    if not len(values):
        return None
    p_value = float(np.median(values))
    if name in _P_VALUES:
        values = -ndtri(values)
    median = float(np.median(values))
    if not np.isfinite(median):
        return None
    if len(values) > 1:
        # With a fixed seed: equal inputs give equal tables.
        drawn = np.random.default_rng(1).choice(values, (_REPLICAS, len(values)))
        return _Known(median, float(np.median(drawn, axis=1).std()), "seeds")
    errors = _values(rows, f"without_staterror_{name}_error")
    if not errors:
        return _Known(median, None, "")
    error = float(np.median(errors))
    if name in _P_VALUES:
        # The relative error of p is that without staterror, where p differs.
        without = _values(rows, f"without_staterror_{name}")
        relative = error / without[0] if without and without[0] > 0 else np.inf
        density = np.exp(-(median**2) / 2) / np.sqrt(2 * np.pi)
        error = float(relative * p_value / density)
    return _Known(median, error if np.isfinite(error) else None, "events")


def pyhfs_verdict(rows: Rows) -> Row:
    """Number of rows in which pyhf agrees in everything, and the largest difference.

    Differences are those of :func:`.certify.difference`; None if nothing was compared.
    """
    return {
        "pyhf_agrees": sum(str(row.get("pyhf_agrees")) == "True" for row in rows),
        "pyhf_max_difference": max(_values(rows, "pyhf_max_difference"), default=None),
    }


def _values(rows: Rows, column: str) -> list[float]:
    return [row[column] for row in rows if row.get(column) is not None]
