"""relaxed 0.4.0 given a likelihood of hone, so that only its way to CLs and back is compared.

relaxed fits with jaxopt's L-BFGS-B and differentiates implicitly.
"""

from collections.abc import Callable
from typing import Any

import equinox
import jax.numpy as jnp
import relaxed
from jax import Array

__all__ = ["expected_cls"]


def _fixed_poi_fit(data, model, poi_value, poi_name, init_pars, bounds=None):
    """relaxed's, without changing the dictionary of parameters, which its jaxopt refuses."""

    def objective(pars, model, data):
        return -model.logpdf(data=data, pars={**pars, poi_name: poi_value})

    found = relaxed.mle._minimize(objective, model, data, init_pars, bounds)
    return {**found, poi_name: poi_value}


relaxed.infer.fixed_poi_fit = _fixed_poi_fit


def expected_cls(oracle: Any, free_fit_known: bool = True) -> Callable[[Any], Array]:
    """CLs at mu = 1 on background-only Asimov data, as a function of a likelihood of hone.

    Args:
        oracle: the pyhf model, for start values, bounds and the parameter of interest.
        free_fit_known: the free fit to Asimov data finds what these were made with. hone never does
            it, relaxed does unless it is told.
    """
    poi = oracle.config.poi_index
    init = jnp.array(oracle.config.suggested_init())
    bounds = jnp.array(oracle.config.suggested_bounds())
    start = {"mu": init[poi], "others": jnp.delete(init, poi)}
    limits = {"mu": bounds[poi], "others": jnp.delete(bounds, poi, axis=0)}
    true = {**start, "mu": jnp.zeros(())} if free_fit_known else None

    class Statistics(equinox.Module):
        """A model as relaxed wants it: parameters by name."""

        model: object

        def logpdf(self, pars, data):
            return self.model.prepare().logpdf(jnp.insert(pars["others"], poi, pars["mu"]), data)

    def cls(model: Any) -> Array:
        data = model.prepare().expected_data(init.at[poi].set(0.0))
        return relaxed.infer.hypotest(
            1.0, data, Statistics(model), start, bounds=limits, expected_pars=true
        )

    return cls
