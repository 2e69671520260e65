"""What an expected limit would be without some of the systematic uncertainties."""

from collections.abc import Mapping, Sequence

import numpy as np

from hone.likelihood import infer
from hone.likelihood.histfactory import Model
from hone.likelihood.infer.intervals.upper_limits import median_limit
from hone.results.fit_documents import LimitParts
from hone.running.files import finite_or_none

__all__ = ["limit_parts"]


def limit_parts(model: Model, groups: Mapping[str, Sequence[str]], level: float) -> LimitParts:
    """Median expected limits on nominal Asimov data, with parameters fixed at their nominal values.

    Args:
        model: the model.
        groups: names of parameters by group, each of which is fixed alone.
        level: of CLs.

    Raises:
        FitError: a fit did not converge.
    """
    config, data = model.config, np.asarray(infer.nominal_asimov(model, 0.0))

    def limit(names: Sequence[str]) -> float | None:
        fixed = np.isin(config.par_names, names) | config.suggested_fixed()
        return finite_or_none([median_limit(data, model, level, fixed.tolist())])[0]

    constrained = [
        name
        for parameters in config.par_order
        if config.param_set(parameters).constrained
        for name in config.par_names[config.par_slice(parameters)]
    ]
    return {
        "expected": limit([]),
        "statistical": limit(constrained),
        "groups": {name: limit(members) for name, members in groups.items()},
    }
