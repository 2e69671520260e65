"""Maximum-likelihood fits, as ``pyhf.infer.mle``."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pyhf
from jaxtyping import Array, Float

from hone.errors import FitError, InputError
from hone.histfactory import Model, from_pyhf
from hone.histfactory.likelihood import Likelihood
from hone.infer.minimum import attach, descend

__all__ = ["FitSetup", "as_model", "fit", "fixed_poi_fit", "is_traced", "require_poi"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class FitSetup:
    """Start, bounds and freedom of the parameters, each float64 (P,), in pyhf's order."""

    start: Float[Array, " P"]
    lower: Float[Array, " P"]
    upper: Float[Array, " P"]
    free: Float[Array, " P"]
    """1 for parameters that float, 0 for fixed ones."""

    @classmethod
    def of(
        cls,
        model: Model,
        init_pars: Any = None,
        par_bounds: Any = None,
        fixed_params: Any = None,
    ) -> "FitSetup":
        """Fill what is None with the model's suggestions.

        Raises:
            InputError: a wrong length, or a start outside its bounds.
        """
        config = model.config
        init_pars = config.suggested_init() if init_pars is None else init_pars
        par_bounds = config.suggested_bounds() if par_bounds is None else par_bounds
        fixed_params = config.suggested_fixed() if fixed_params is None else fixed_params
        start, bounds, fixed = (_floats(x) for x in (init_pars, par_bounds, fixed_params))
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
        """Refuse a start outside its bounds (only where the values are known, not under ``jit``).

        Raises:
            InputError: names the parameter, its start and its bounds.
        """
        for k, name in enumerate(names):
            self.check_value(k, self.start[k], name)

    def check_value(self, index: int, value: Any, name: str) -> None:
        """The same for one parameter and a value it is about to be fixed at."""
        low, up = self.lower[index], self.upper[index]
        if not is_traced(value, low, up) and not low <= value <= up:
            raise InputError(
                f"parameter {name!r} is at {value:g}, outside its bounds [{low:g}, {up:g}]: "
                "change the value or widen the bounds"
            )

    def fixing(self, index: int, value: Any) -> "FitSetup":
        """The same with one parameter fixed at ``value``."""
        at = np.arange(len(self.lower)) == index
        return FitSetup(
            jnp.where(at, value, self.start), self.lower, self.upper, jnp.where(at, 0.0, self.free)
        )

    def held_at(self, pars: Float[Array, "*K P"]) -> Float[Array, "*K P"]:
        """``pars`` with the fixed parameters put to their values."""
        return jnp.where(self.free > 0, pars, self.start)

    def starts(self, likelihood: Likelihood) -> Float[Array, "3 P"]:
        """Where fits begin: several, as shifts of templates make likelihoods with several minima.

        The start itself, and all normally constrained parameters at +1 and at -1 sigma of their
        constraints; fixed parameters stay where they are.
        """
        variance = likelihood.inverse_variance
        sigma = jnp.where(variance > 0, 1 / jnp.sqrt(jnp.where(variance > 0, variance, 1.0)), 0.0)
        starts = jnp.stack([self.start, self.start + sigma, self.start - sigma])
        return self.held_at(jnp.clip(starts, self.lower, self.upper))

    def minimise(
        self, likelihood: Likelihood, data: Float[Array, " D"]
    ) -> tuple[Float[Array, " P"], Float[Array, ""]]:
        """Parameters of the best fit and -ln L there, as :meth:`Likelihood.nll`.

        NaN and infinity where it did not converge. Differentiable.
        """
        frozen, d, setup = jax.lax.stop_gradient((likelihood, data, self))
        starts = setup.starts(frozen)
        shape = (len(starts), 1)
        free = jnp.tile(setup.free, shape)
        found = descend(frozen, jnp.tile(d, shape), starts, setup.lower, setup.upper, free)
        best = jnp.argmin(found.value)
        bounds = self.lower, self.upper
        pars = attach(likelihood, data, found.pars[best], *bounds, self.free, self.start)
        return pars, found.value[best]


def fit(
    data: Any,
    pdf: Model | pyhf.Model,
    init_pars: Any = None,
    par_bounds: Any = None,
    fixed_params: Any = None,
    *,
    return_fitted_val: bool = False,
) -> Any:
    """Fit all parameters that are not fixed, as ``pyhf.infer.mle.fit``.

    Args:
        data: observed bins and auxiliary data, float (D,).
        pdf: the model; a pyhf model is compiled first.
        init_pars: starting values (P,); the model's suggestion if None.
        par_bounds: bounds (P, 2); the model's suggestion if None.
        fixed_params: True for parameters kept at their start (P,); the suggestion if None.
        return_fitted_val: also return the minimum of -2 ln L.

    Returns:
        Fitted parameters, float64 (P,), and with ``return_fitted_val`` a pair with the minimum.
        Both can be differentiated with respect to model and data.

    Raises:
        FitError: the fit did not converge (NaN instead, inside ``jit``).
        InputError: a wrong length, or a start outside its bounds.
    """
    model = as_model(pdf)
    setup = FitSetup.of(model, init_pars, par_bounds, fixed_params)
    return _checked_fit(data, model, setup, return_fitted_val=return_fitted_val)


def fixed_poi_fit(
    poi_val: Any,
    data: Any,
    pdf: Model | pyhf.Model,
    init_pars: Any = None,
    par_bounds: Any = None,
    fixed_params: Any = None,
    **kwargs: Any,
) -> Any:
    """Fit with the POI fixed at ``poi_val``, as ``pyhf.infer.mle.fixed_poi_fit``.

    Arguments, returns and errors as :func:`fit`; also raises ``pyhf.exceptions.UnspecifiedPOI``
    for a model without POI.
    """
    model = as_model(pdf)
    poi = require_poi(model)
    setup = FitSetup.of(model, init_pars, par_bounds, fixed_params)
    setup.check_value(poi, poi_val, str(model.config.poi_name))
    return _checked_fit(data, model, setup.fixing(poi, poi_val), **kwargs)


def _checked_fit(
    data: Any, model: Model, setup: FitSetup, *, return_fitted_val: bool = False
) -> Any:
    pars, value = _fit(model, model.checked_data(data), setup)
    if not is_traced(value) and not bool(np.isfinite(value)):
        raise FitError(
            "the fit did not converge; is there data in a bin where nothing is expected, or a "
            "start where an expected rate is negative?"
        )
    return (pars, value) if return_fitted_val else pars


@jax.jit
def _fit(model: Model, data: Float[Array, " D"], setup: FitSetup) -> tuple[Array, Array]:
    likelihood = model.prepare()
    pars, _ = setup.minimise(likelihood, data)
    return pars, -2 * likelihood.logpdf(pars, data)


def as_model(pdf: Model | pyhf.Model) -> Model:
    """The model itself, or the compiled form of a pyhf model."""
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


def is_traced(*arrays: Any) -> bool:
    """True inside a JAX transformation, where values cannot be looked at."""
    return any(isinstance(array, jax.core.Tracer) for array in arrays)


def _floats(values: Any) -> Any:
    """Numpy where the values are known: operations on JAX arrays would each be compiled."""
    try:
        return np.asarray(values, dtype=float)
    except jax.errors.TracerArrayConversionError:
        return jnp.asarray(values, dtype=float)
