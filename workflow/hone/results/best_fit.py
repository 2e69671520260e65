"""A best fit in JSON, and the bins that it leaves empty."""

from typing import Any

import numpy as np

from hone.likelihood.histfactory import Model
from hone.likelihood.infer.best_fit import BestFit
from hone.results.documents import StoredFit

__all__ = ["empty_bins", "restored", "stored"]

_EMPTY = 1e-6
"""Expected events below which a rate counts as zero."""


def stored(fit: BestFit) -> StoredFit:
    """Everything but the data, for JSON."""
    return {
        "value": fit.value,
        "pars": fit.pars.tolist(),
        "fixed": fit.fixed.tolist(),
        "at_bound": fit.at_bound.tolist(),
        "errors": None if fit.errors is None else fit.errors.tolist(),
        "correlation": None if fit.correlation is None else fit.correlation.tolist(),
        "reason": fit.reason,
    }


def restored(data: Any, content: StoredFit) -> BestFit:
    """The best fit to ``data`` (D,) from :func:`stored`."""
    arrays = {k: np.array(v) if isinstance(v, list) else v for k, v in content.items()}
    return BestFit(data=np.asarray(data), **arrays)  # type: ignore[arg-type]


def empty_bins(model: Model, pars: Any, data: Any) -> list[str]:
    """Names of the bins without events whose expected rate is zero at ``pars``."""
    rates = np.asarray(model.expected_actualdata(pars))
    empty = (rates < _EMPTY) & (np.asarray(data)[: len(rates)] == 0)
    return [model.layout.name_of(int(k)) for k in np.flatnonzero(empty)]
