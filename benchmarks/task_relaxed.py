"""Expected CLs and its gradient in the yields with relaxed 0.4.0, in relaxed's own environment.

The likelihood is hone's, so that only the way to CLs and back is compared: relaxed fits with
jaxopt's L-BFGS-B and differentiates implicitly.
"""

import sys

import equinox
import jax
import jax.numpy as jnp
import numpy as np
import relaxed
from clock import median_seconds, report, seconds
from models import MODELS, model

from hone.histfactory import from_pyhf

jax.config.update("jax_enable_x64", True)

oracle = model(*MODELS[sys.argv[1]])
compiled = from_pyhf(oracle)
poi = oracle.config.poi_index
init = jnp.array(oracle.config.suggested_init())
bounds = jnp.array(oracle.config.suggested_bounds())
start = {"mu": init[poi], "others": jnp.delete(init, poi)}
limits = {"mu": bounds[poi], "others": jnp.delete(bounds, poi, axis=0)}


class Statistics(equinox.Module):
    """A model as relaxed wants it: parameters by name."""

    model: object

    def logpdf(self, pars, data):
        return self.model.prepare().logpdf(jnp.insert(pars["others"], poi, pars["mu"]), data)


def fixed_poi_fit(data, model, poi_value, poi_name, init_pars, bounds=None):
    """relaxed's, without changing the dictionary of parameters, which its jaxopt refuses."""

    def objective(pars, model, data):
        return -model.logpdf(data=data, pars={**pars, poi_name: poi_value})

    found = relaxed.mle._minimize(objective, model, data, init_pars, bounds)
    return {**found, poi_name: poi_value}


relaxed.infer.fixed_poi_fit = fixed_poi_fit


def cls(nominal):
    model = compiled.replace(nominal=nominal)
    true = {**start, "mu": jnp.zeros(())}
    data = model.prepare().expected_data(init.at[poi].set(0.0))
    # The free fit to Asimov data is known: relaxed is spared it, as hone is.
    return relaxed.infer.hypotest(
        1.0, data, Statistics(model), start, bounds=limits, expected_pars=true
    )


step = jax.jit(jax.value_and_grad(cls))
first, (value, slope) = seconds(lambda: jax.block_until_ready(step(compiled.nominal)))
warm = median_seconds(lambda: jax.block_until_ready(step(compiled.nominal)), 50)
report(first=first, warm=warm, cls=value, gradient=np.asarray(slope).ravel().tolist())
