"""Layouts and correlations of models that a workspace of pyhf cannot describe."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hone.errors import InputError
from hone.likelihood.arrays import cholesky
from hone.likelihood.floats import as_floats
from hone.likelihood.histfactory.layout import Layout

__all__ = ["correlated", "correlations", "product_for", "unconstrained"]


def unconstrained(layout: Layout, names: Sequence[str]) -> tuple[Layout, np.ndarray]:
    """Without the auxiliary measurements of some parameters; and which normal ones are left.

    Raises:
        InputError: there is no such parameter, or it has no constraint.
    """
    _known(names, [p.name for p in layout.parameters if p.constrained], "with a constraint")
    free = [np.arange(layout.npars)[layout.parameter(name).slice] for name in names]
    parameters = np.concatenate([*free, np.zeros(0, dtype=int)])
    kept = ~np.isin(layout.aux_par, parameters)
    normal, poisson = kept[~layout.aux_poisson], kept[layout.aux_poisson]
    without = replace(
        layout,
        parameters=tuple(
            replace(p, pdf_type=None) if p.name in names else p for p in layout.parameters
        ),
        auxdata_order=tuple(name for name in layout.auxdata_order if name not in names),
        aux_par=layout.aux_par[kept],
        aux_poisson=layout.aux_poisson[kept],
        aux_sigma_source=layout.aux_sigma_source[normal],
        aux_tau_source=layout.aux_tau_source[poisson],
        correlated=tuple(k for k in layout.correlated if k not in parameters),
    )
    return without, normal


def correlated(layout: Layout, names: Sequence[str]) -> Layout:
    """With correlated auxiliary measurements of parameters with one normal constraint each.

    Raises:
        InputError: there is no such parameter, it has no such constraint, or is named twice.
    """
    allowed = [p.name for p in layout.parameters if p.is_scalar and p.pdf_type == "normal"]
    _known(names, allowed, "with one value and a normal constraint")
    if len(set(names)) < len(names) or not len(names):
        raise InputError(f"parameters must be different, and at least one: {list(names)}")
    return replace(layout, correlated=tuple(layout.parameter(name).start for name in names))


def correlations(names: Sequence[str], matrix: ArrayLike) -> Any:
    """The matrix (R, R) of that many parameters, checked where its values are known.

    Raises:
        InputError: this is no correlation matrix.
    """
    values = as_floats(matrix)
    if values.shape != (len(names),) * 2:
        raise InputError(f"the correlations have shape {values.shape}, not {(len(names),) * 2}")
    if isinstance(values, np.ndarray):
        unit = (np.diagonal(values) == 1).all() and (values == values.T).all()
        if not unit or not np.isfinite(cholesky(values)).all():
            raise InputError(
                f"correlations of {', '.join(map(repr, names))}: the matrix must be symmetric "
                "and positive definite, with 1 on its diagonal"
            )
    return values


def product_for(layout: Layout, name: str, of: Sequence[str]) -> Layout:
    """With a normfactor replaced by a product of others, wherever it scales a sample.

    Raises:
        InputError: one is no normfactor; the product is of none, of itself, or for the POI.
    """
    kinds: dict[str, set[str]] = {}
    for known, kind in layout.modifiers:
        kinds.setdefault(known, set()).add(kind)
    normfactors = [known for known, found in kinds.items() if found == {"normfactor"}]
    _known([name, *of], normfactors, "that is a normfactor")
    if name == layout.poi_name:
        raise InputError(f"{name!r} cannot be a product: it is the parameter of interest")
    if name in of or not len(of):
        raise InputError(f"{name!r} must be a product of other parameters, not of {list(of)}")
    old, count = layout.parameter(name).start, layout.npars

    def place(parameters: np.ndarray) -> np.ndarray:
        """Their new numbers."""
        return parameters - (parameters > old)

    scaled = (layout.factor_par == old).any(axis=0)
    factors = np.where(layout.factor_par == old, count, layout.factor_par)
    others = [np.where(scaled, layout.parameter(other).start, count) for other in of]
    # The number for none is the largest: it comes last.
    factors = np.sort(place(np.concatenate([factors, np.stack(others)])), axis=0)
    factors = factors[(factors < count - 1).any(axis=(1, 2))]
    return replace(
        layout,
        modifiers=tuple(modifier for modifier in layout.modifiers if modifier[0] != name),
        parameters=tuple(
            replace(p, start=p.start - (p.start > old)) for p in layout.parameters if p.name != name
        ),
        histosys_par=place(layout.histosys_par),
        normsys_par=place(layout.normsys_par),
        factor_par=factors,
        aux_par=place(layout.aux_par),
        correlated=tuple(k - (k > old) for k in layout.correlated),
    )


def _known(names: Sequence[str], allowed: Sequence[str], what: str) -> None:
    for name in names:
        if name not in allowed:
            raise InputError(
                f"there is no parameter {name!r} {what}, allowed: {', '.join(allowed) or '(none)'}"
            )
