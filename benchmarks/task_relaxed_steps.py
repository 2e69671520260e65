"""Time of one training step on expected CLs with relaxed 0.4.0, in relaxed's own environment.

The network is written out, the histogram is relaxed's, the likelihood is hone's: compared is
relaxed's way to CLs and back. ``task_relaxed_steps.py <hidden>``, float64.
"""

import itertools
import sys

import equinox
import jax
import jax.numpy as jnp
import numpy as np
import relaxed
from blobs import BINS, NAMES, TOTALS, blob_model, blobs
from clock import median_seconds, report, seconds

from hone.histfactory import from_pyhf

jax.config.update("jax_enable_x64", True)

SIZE, EVALUATION = 2000, 1_000_000
oracle = blob_model()
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


def network(weights, x):
    for w, b in weights[:-1]:
        x = jax.nn.relu(x @ w + b)
    w, b = weights[-1]
    return jax.nn.sigmoid((x @ w + b)[:, 0])


def loss(pars, events):
    weights, edge_logits = pars
    inner = jnp.cumsum(jax.nn.softmax(edge_logits))[:-1]
    edges = jnp.concatenate([jnp.zeros(1), inner, jnp.ones(1)])
    yields = {}
    for name in NAMES:
        counts = relaxed.hist(
            network(weights, events[name]), bins=edges, bandwidth=0.05, reflect_infinities=True
        )
        yields[name] = counts * TOTALS[name] / SIZE + 1e-6 * TOTALS[name]
    nominal = jnp.stack([yields["background"], yields["signal"]])
    errors = jnp.sqrt(nominal * jnp.array([[100.0], [20.0]]) / EVALUATION)
    model = compiled.replace(
        nominal=nominal,
        histosys_hi=compiled.histosys_hi.at[0, 0].set(yields["background__shape_up"]),
        histosys_lo=compiled.histosys_lo.at[0, 0].set(yields["background__shape_down"]),
        staterror=errors[None],
    )
    true = {**start, "mu": jnp.zeros(())}
    data = model.prepare().expected_data(init.at[poi].set(0.0))
    # The free fit to Asimov data is known: relaxed is spared it, as hone is.
    return jnp.log(
        relaxed.infer.hypotest(
            1.0, data, Statistics(model), start, bounds=limits, expected_pars=true
        )
    )


@jax.jit
def step(state, events):
    """Adam, written out: optax is not what is compared."""
    pars, first, second, count = state
    value, gradient = jax.value_and_grad(loss)(pars, events)
    tree = jax.tree_util.tree_map
    first = tree(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
    second = tree(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradient)
    count = count + 1
    scale = jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
    pars = tree(lambda p, m, v: p - 1e-3 * scale * m / (jnp.sqrt(v) + 1e-8), pars, first, second)
    return (pars, first, second, count), value


assert list(compiled.config.samples) == ["background", "signal"]
sizes = [2, *map(int, sys.argv[1].split("-")), 1]
rng = np.random.default_rng(0)
weights = [
    (jnp.asarray(rng.uniform(-1, 1, (a, b)) / np.sqrt(a)), jnp.zeros(b))
    for a, b in itertools.pairwise(sizes)
]
pars = (weights, jnp.zeros(BINS))
zeros = jax.tree_util.tree_map(jnp.zeros_like, pars)
state, events = (
    (pars, zeros, zeros, jnp.zeros(())),
    {name: jnp.asarray(x, dtype="float64") for name, x in blobs(SIZE).items()},
)


def go_on(number):
    global state
    for _ in range(number):
        state, value = step(state, events)
    return jax.block_until_ready(value)


first, begin = seconds(lambda: go_on(1))
go_on(100)
warm = median_seconds(lambda: go_on(1), 100)
report(first=first, warm=warm, begin=float(begin), end=float(go_on(1)))
