"""Where a fit starts, within what bounds, and what is fixed in it."""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import pyhf
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from hone.errors import InputError
from hone.likelihood.arrays import compiled_if_traced, constant, is_traced, namespace
from hone.likelihood.floats import as_floats
from hone.likelihood.histfactory import Model, from_pyhf
from hone.likelihood.histfactory.likelihood import Likelihood
from hone.likelihood.infer.implicit import attach
from hone.likelihood.infer.minima import Minima
from hone.likelihood.infer.minimum import descend

__all__ = ["FitSetup", "as_model", "checked_setup", "require_poi", "starts_of"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class FitSetup:
    """Start, bounds and fixed flags of the parameters, each float64 (P,), in pyhf's order."""

    start: Float[Array, " P"]
    lower: Float[Array, " P"]
    upper: Float[Array, " P"]
    free: Float[Array, " P"]
    """1 for parameters that float, 0 for fixed ones."""

    @classmethod
    def of(
        cls,
        model: Model,
        init_pars: ArrayLike | None = None,
        par_bounds: ArrayLike | None = None,
        fixed_params: ArrayLike | None = None,
    ) -> "FitSetup":
        """With the suggestions of the model for None.

        Raises:
            InputError: a wrong length, or a start outside its bounds.
        """
        config = model.config
        init_pars = config.suggested_init() if init_pars is None else init_pars
        par_bounds = config.suggested_bounds() if par_bounds is None else par_bounds
        fixed_params = config.suggested_fixed() if fixed_params is None else fixed_params
        start, bounds, fixed = (as_floats(x) for x in (init_pars, par_bounds, fixed_params))
        for name, array, shape in (
            ("init_pars", start, (config.npars,)),
            ("par_bounds", bounds, (config.npars, 2)),
            ("fixed_params", fixed, (config.npars,)),
        ):
            if array.shape != shape:
                raise InputError(f"{name} has shape {array.shape}, the model needs {shape}")
        setup = cls(start, bounds[:, 0], bounds[:, 1], 1.0 - fixed)
        setup.check(config.par_names)
        return setup

    def check(self, names: list[str]) -> None:
        """Refuse a start outside its bounds (not inside ``jit``, where values are not known).

        Raises:
            InputError: names the parameter, its start and its bounds.
        """
        if not is_traced(self.start, self.lower, self.upper):
            inside = (self.lower <= self.start) & (self.start <= self.upper)
            for k in np.flatnonzero(~inside).tolist():
                self.check_value(k, self.start[k], names[k])

    def check_value(self, index: int, value: Any, name: str) -> None:
        """The same for a single value of one parameter."""
        low, up = self.lower[index], self.upper[index]
        if not is_traced(value, low, up) and not low <= value <= up:
            raise InputError(
                f"parameter {name!r} is at {value:g}, outside its bounds [{low:g}, {up:g}]: "
                "change the value or widen the bounds"
            )

    def fixing(self, index: int, value: Any) -> "FitSetup":
        """The same with one parameter fixed at ``value``."""
        at, xp = np.arange(len(self.lower)) == index, namespace(self, value)
        return FitSetup(
            xp.where(at, value, self.start), self.lower, self.upper, xp.where(at, 0.0, self.free)
        )

    def not_below(self, index: int, value: float) -> "FitSetup":
        """The same with one parameter bounded from below, its start within."""
        at, xp = np.arange(len(self.lower)) == index, namespace(self)
        lower, start = (xp.where(at, xp.maximum(x, value), x) for x in (self.lower, self.start))
        return FitSetup(start, lower, self.upper, self.free)

    def held_at(self, pars: Float[Array, "*K P"]) -> Float[Array, "*K P"]:
        """``pars`` with the fixed parameters at their values."""
        return namespace(self, pars).where(self.free > 0, pars, self.start)

    def starts(self, likelihood: Likelihood) -> Float[Array, "*M 4 P"]:
        """Starts of fits; several, because interpolated templates can lead to several minima.

        The given start, and all normally constrained parameters at +1 sigma of their constraints,
        at -1 sigma, and at these alternately; parameters that enter as squares, whose sign data may
        not tell, a quarter of their range away instead. Fixed parameters stay.
        """
        variance, xp = likelihood.inverse_variance, namespace(self, likelihood)
        sigma = xp.where(variance > 0, 1 / xp.sqrt(xp.where(variance > 0, variance, 1.0)), 0.0)
        if likelihood.layout.repeated.any():
            width = self.upper - self.lower
            away = xp.where(xp.isfinite(width), 0.25 * width, 1 + xp.abs(self.start))
            sigma = xp.where(likelihood.layout.repeated, away, sigma)
        turns = sigma * (-1.0) ** np.arange(sigma.shape[-1])
        shifts = xp.stack([xp.zeros_like(sigma), sigma, -sigma, turns], axis=-2)
        starts = self.start + shifts
        return self.held_at(xp.clip(starts, self.lower, self.upper))

    def minimise(
        self, likelihood: Likelihood, data: Float[Array, " D"]
    ) -> tuple[Float[Array, " P"], Minima]:
        """Parameters of the best fit, differentiable; NaN if none converged. And all fits."""
        xp = namespace(likelihood, data, self)
        frozen, d, setup = constant((likelihood, data, self))
        starts = setup.starts(frozen)
        shape = (len(starts), 1)
        free = xp.tile(setup.free, shape)
        found = descend(
            frozen, xp.tile(d, shape), starts, setup.lower, setup.upper, free, starts=len(starts)
        )
        best = xp.argmin(found.value)
        bounds = self.lower, self.upper
        pars = attach(likelihood, data, found.pars[best], *bounds, self.free, self.start)
        return pars, found


@compiled_if_traced()
def starts_of(model: Model, setup: FitSetup) -> Float[Array, "4 P"]:
    """Where fits of the model begin, see :meth:`FitSetup.starts`."""
    return setup.starts(model.prepare())


def as_model(pdf: Model | pyhf.Model) -> Model:
    """The model itself, or the compiled form of a pyhf model.

    Raises:
        ModelError: something else, or as :func:`~hone.likelihood.histfactory.from_pyhf`.
    """
    return pdf if isinstance(pdf, Model) else from_pyhf(pdf)


def require_poi(model: Model) -> int:
    """Index of the POI.

    Raises:
        pyhf.exceptions.UnspecifiedPOI: the model has none.
    """
    if model.config.poi_index is None:
        raise pyhf.exceptions.UnspecifiedPOI(
            "No POI is defined. A POI is required to fit with a fixed POI or to test a hypothesis."
        )
    return model.config.poi_index


def checked_setup(
    model: Model,
    init_pars: ArrayLike | None = None,
    par_bounds: Any = None,
    fixed_params: Any = None,
) -> FitSetup:
    """Start and bounds of a test, with a free POI.

    Raises:
        pyhf.exceptions.UnspecifiedPOI: the model has no POI.
        pyhf.exceptions.InvalidModel: the POI is fixed.
    """
    poi = require_poi(model)
    setup = FitSetup.of(model, init_pars, par_bounds, fixed_params)
    if not is_traced(setup.free) and setup.free[poi] == 0:
        raise pyhf.exceptions.InvalidModel(
            f"POI at index [{poi}] is set as fixed, which makes profile likelihood ratio based "
            "inference impossible. Please unfix the POI to continue."
        )
    return setup
