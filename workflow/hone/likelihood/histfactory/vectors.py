"""Vectors of parameters and of data as a model takes them: their lengths and their values."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from hone.errors import InputError
from hone.likelihood.floats import as_floats
from hone.likelihood.histfactory.layout import Layout

__all__ = ["checked_data", "checked_pars", "completed_data"]


def checked_pars(layout: Layout, pars: ArrayLike) -> Any:
    """Parameters (P,) in float64; :meth:`.Model.checked_pars`."""
    values = as_floats(pars)
    if values.shape != (layout.npars,):
        raise InputError(
            f"parameters have shape {values.shape}, but the model has {layout.npars} parameters"
        )
    return values


def checked_data(layout: Layout, data: ArrayLike) -> Any:
    """Bins and auxiliary data (B + A,) in float64; :meth:`.Model.checked_data`."""
    values = as_floats(data)
    bins, aux = layout.total_bins, layout.aux_par.size
    if values.shape != (bins + aux,):
        raise InputError(
            f"data has shape {values.shape}, but the model needs ({bins + aux},): "
            f"{bins} bins and {aux} auxiliary measurements"
        )
    if isinstance(values, np.ndarray):
        counted = np.concatenate([np.full(bins, True), layout.aux_poisson])
        wrong = ~np.isfinite(values) | (counted & (values < 0))
        if wrong.any():
            k = int(np.argmax(wrong))
            raise InputError(
                f"data[{k}], {layout.name_of(k)}, is {values[k]:g}: it must be finite"
                + (" and not negative" if counted[k] else "")
            )
    return values


def completed_data(layout: Layout, bins: ArrayLike | None, auxdata: ArrayLike | None) -> Any:
    """:func:`checked_data` of one of the two parts; the other is of no consequence."""
    parts = (
        np.ones(layout.total_bins) if bins is None else as_floats(bins),
        np.ones(layout.aux_par.size) if auxdata is None else as_floats(auxdata),
    )
    module: Any = np if all(isinstance(part, np.ndarray) for part in parts) else jnp
    return checked_data(layout, module.concatenate(parts))
