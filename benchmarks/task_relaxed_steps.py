"""Time of one training step on expected CLs with relaxed 0.4.0, in relaxed's own environment.

The network is written out, the histogram is relaxed's, the likelihood hone's: compared is relaxed's
way to CLs and back. ``task_relaxed_steps.py <hidden> <precision of the network>``. The steps that
are compared take turns: with the free fit to Asimov data for nothing, and with relaxed doing it.
"""

import itertools
import statistics
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import relaxed
from blobs import BINS, NAMES, TOTALS, blob_model, blobs
from clock import report, seconds
from relaxed_peer import expected_cls

from hone.likelihood.histfactory import from_pyhf

jax.config.update("jax_enable_x64", True)

SIZE, EVALUATION, TOGETHER, ROUNDS = 2000, 1_000_000, 5, 20
hidden, precision = sys.argv[1:]
oracle = blob_model()
compiled = from_pyhf(oracle)
assert list(compiled.config.samples) == ["background", "signal"]
tree = jax.tree_util.tree_map


def network(weights, x):
    for w, b in weights[:-1]:
        x = jax.nn.relu(x @ w + b)
    w, b = weights[-1]
    return jax.nn.sigmoid((x @ w + b)[:, 0]).astype("float64")


def loss(cls, pars, events):
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
    return jnp.log(cls(model))


@partial(jax.jit, static_argnums=0)
def step(cls, state, events):
    """Adam, written out: optax is not what is compared."""
    pars, first, second, count = state
    value, gradient = jax.value_and_grad(partial(loss, cls))(pars, events)
    first = tree(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
    second = tree(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradient)
    count = count + 1
    scale = jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
    # The bias correction is float64, the weights stay what they are.
    pars = tree(
        lambda p, m, v: (p - 1e-3 * scale * m / (jnp.sqrt(v) + 1e-8)).astype(p.dtype),
        pars, first, second,
    )  # fmt: skip
    return (pars, first, second, count), value


sizes = [2, *map(int, hidden.split("-")), 1]
rng = np.random.default_rng(0)
weights = [
    (
        jnp.asarray(rng.uniform(-1, 1, (a, b)) / np.sqrt(a), dtype=precision),
        jnp.zeros(b, precision),
    )
    for a, b in itertools.pairwise(sizes)
]
pars = (weights, jnp.zeros(BINS))
events = {name: jnp.asarray(x, dtype=precision) for name, x in blobs(SIZE).items()}
ways = {known: expected_cls(oracle, known) for known in (True, False)}
states = {
    known: (pars, tree(jnp.zeros_like, pars), tree(jnp.zeros_like, pars), jnp.zeros(()))
    for known in ways
}


def go_on(known, number):
    for _ in range(number):
        states[known], value = step(ways[known], states[known], events)
    return jax.block_until_ready(value)


first, begin = seconds(lambda: go_on(True, 1))
times: dict[bool, list[float]] = {known: [] for known in ways}
for known in ways:
    go_on(known, 100)
for _ in range(ROUNDS):
    for known, taken in times.items():
        taken.append(seconds(lambda k=known: go_on(k, TOGETHER))[0] / TOGETHER)
medians = {known: statistics.median(taken) for known, taken in times.items()}
end = {known: float(go_on(known, 1)) for known in ways}
report(
    first=first, warm=medians[True], with_free_fit=medians[False],
    begin=float(begin), end=end[True], end_with_free_fit=end[False],
)  # fmt: skip
