"""Errors of fits, naming the fit, the bin and the parameter."""

from typing import TYPE_CHECKING, Any

import numpy as np

from hone.errors import FitError
from hone.likelihood.histfactory import Model
from hone.likelihood.infer.minima import Minima, Reason

if TYPE_CHECKING:
    from hone.likelihood.infer.setup import FitSetup

__all__ = ["failed_fit", "no_uncertainties"]


def failed_fit(
    what: str, model: Model, data: Any, setup: "FitSetup", found: Minima | None = None
) -> FitError:
    """The error of a fit that did not converge.

    Args:
        what: which fit it is, e.g. ``"the fit at POI = 1"``.
        model: the model.
        data: bins and auxiliary data (D,).
        setup: start, bounds and fixed parameters of the fit.
        found: from its starts, if known.
    """
    layout, counts = model.layout, np.asarray(data)[: model.layout.total_bins]
    rates = np.asarray(model.expected_actualdata(np.asarray(setup.start)))
    poi, reason = layout.poi_index, "are parameters degenerate, or is a template far from the data?"
    where = "" if poi is None else f" at {layout.poi_name} = {float(setup.start[poi]):g}"
    if (rates < 0).any():
        bad = int(np.argmax(rates < 0))
        reason = f"{layout.name_of(bad)} has a negative expected rate{where} ({rates[bad]:g})"
    elif ((rates == 0) & (counts > 0)).any():
        bad = int(np.argmax((rates == 0) & (counts > 0)))
        reason = f"{layout.name_of(bad)} has {counts[bad]:g} events where{where} none is expected"
    elif found is not None and (np.asarray(found.reason) == Reason.ITERATIONS).any():
        most = int(np.max(found.evaluations))
        reason = f"-ln L still falls after {most} iterations: {reason}"
    return FitError(f"{what} did not converge: {reason}")


def no_uncertainties(model: Model, hessian: Any, free: Any) -> FitError:
    """The error of a fit whose Hessian at the minimum is not positive definite.

    Args:
        model: the model.
        hessian: of -ln L (P, P).
        free: 1 for parameters that float (P,).
    """
    curvature, free = np.diagonal(np.asarray(hessian)), np.asarray(free) > 0
    flat = free & ~(curvature > 1e-12 * curvature.max(initial=0.0, where=free))
    names = [name for name, is_flat in zip(model.config.par_names, flat, strict=True) if is_flat]
    which = f"in {', '.join(map(repr, names))}" if names else "in every direction"
    return FitError(
        f"the fit has no uncertainties: -ln L does not curve upwards {which}, as at a bound, at "
        "the edge of a rate of zero, or where the data cannot tell parameters apart"
    )
