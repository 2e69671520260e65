"""Constraint terms: what follows from yields, uncertainties and correlations, differentiably."""

import numpy as np
from jaxtyping import Array, Float

from hone.likelihood.arrays import namespace
from hone.likelihood.histfactory.layout import Layout

__all__ = ["coupling", "half_log_det", "rates", "widths"]


def widths(
    layout: Layout,
    nominal: Float[Array, "*L S B"],
    staterror: Float[Array, "*L T S B"],
    given: Float[Array, "*L given"],
) -> Float[Array, "*L normals"]:
    """Widths of the normal constraints; a staterror's is sqrt(sum unc^2) / sum nominal.

    Bins without yield or uncertainty get width 1, as in pyhf's ``modifiers/staterror.py``.
    """
    mask, xp = layout.staterror_mask, namespace(nominal, staterror, given)
    total = xp.where(mask, nominal[..., None, :, :], 0.0).sum(axis=-2)
    variance = xp.where(mask, staterror**2, 0.0).sum(axis=-2)
    valid = (total > 0) & (variance > 0)
    ratio = xp.where(valid, variance, 1.0) ** 0.5 / xp.where(valid, total, 1.0)
    derived = xp.where(valid, ratio, 1.0)
    derived = derived.reshape(*derived.shape[:-2], -1)
    return xp.concatenate([given, derived], axis=-1)[..., layout.aux_sigma_source]


def rates(
    layout: Layout, nominal: Float[Array, "*L S B"], shapesys: Float[Array, "*L Y S B"]
) -> Float[Array, "*L poissons"]:
    """Rates (nominal / uncertainty)^2 of the shapesys constraints, 1 where undefined."""
    nominal, xp = nominal[..., None, :, :], namespace(nominal, shapesys)
    valid = layout.shapesys_mask & (nominal > 0) & (shapesys > 0)
    tau = xp.where(valid, nominal**2 / xp.where(valid, shapesys, 1.0) ** 2, 1.0)
    return tau.reshape(*tau.shape[:-3], -1)[..., layout.aux_tau_source]


def coupling(
    correlation: Float[Array, "*L R R"] | None,
    inverse_variance: Float[Array, "*L P"],
    layout: Layout,
) -> Float[Array, "*L R R"] | None:
    """What correlations add to the inverse covariance of the auxiliary measurements."""
    if correlation is None:
        return None
    unit = np.eye(len(layout.correlated))
    width = inverse_variance[..., list(layout.correlated)] ** 0.5
    xp = namespace(correlation, width)
    found = (xp.linalg.inv(correlation) - unit) * width[..., None]
    return found * width[..., None, :]


def half_log_det(correlation: Float[Array, "*L R R"] | None) -> Float[Array, "*L"] | None:
    """Half of the logarithm of the determinant of correlations."""
    if correlation is None:
        return None
    return 0.5 * namespace(correlation).linalg.slogdet(correlation)[1]
