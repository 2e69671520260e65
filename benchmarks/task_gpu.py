"""What a training and a likelihood cost on the device that JAX takes, and whether numbers agree.

``task_gpu.py first <file>``: loss and gradient of a first step, to compare with another device.
``task_gpu.py train <steps>``: the blobs with three seeds in one program, from start to end.
``task_gpu.py step <objective> <hidden> <batch> <seeds> <precision>``: a step, warm; FLOPs, memory.
``task_gpu.py likelihood``: CLs with its gradient and six limits, warm.
"""

import sys
from itertools import pairwise
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from blobs import NAMES, blob_model
from clock import median_seconds, report, seconds
from task_steps import problem

from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf
from hone.likelihood.infer.intervals.upper_limits import all_limits
from hone.training.devices import ONE_DEVICE
from hone.training.objectives import log_cls
from hone.training.streaming import advancing

TOGETHER, ROUNDS = 20, 5
"""Steps in one program, and how often it is measured."""


def device() -> dict[str, str]:
    (first, *_) = jax.devices()
    return {"platform": first.platform, "card": first.device_kind}


def first(path: str) -> None:
    """In single precision, as networks are by default, and in double."""
    found = {}
    for precision in ("float32", "float64"):
        step, state, data = problem("cls", [100, 100], precision)
        after, loss = jax.jit(step)(state, jax.random.key(1), jnp.array(0), data)
        # The first moment of Adam after one step is a tenth of the gradient.
        moments = eqx.filter(after.optimiser, eqx.is_inexact_array)
        found[f"{precision} loss"] = np.asarray(loss)
        leaves = [np.ravel(np.asarray(leaf, dtype=float)) for leaf in jax.tree.leaves(moments)]
        found[f"{precision} gradient"] = np.concatenate(leaves)
    np.savez(path, **found)
    report(**device())


def train(steps: str) -> None:
    seeds = 3
    step, state, data = problem("cls", [100, 100], "float32")
    keys = jax.random.split(jax.random.key(1), seeds)
    numbers = jnp.arange(int(steps))

    def all_steps(key: Any, start: Any) -> Any:
        return jax.lax.scan(lambda s, n: step(s, key, n, data), start, numbers)[1]

    run = jax.jit(jax.vmap(all_steps, in_axes=(0, None)))
    took, losses = seconds(lambda: jax.block_until_ready(run(keys, state)))
    report(
        seconds=took, begin=float(losses[:, 0].mean()), **device(),
        end=[float(np.mean(own[-len(own) // 10 :])) for own in np.asarray(losses)],
    )  # fmt: skip


def step(objective: str, hidden: str, batch: str, seeds: str, precision: str) -> None:
    layers, size, number = [int(n) for n in hidden.split("-")], int(batch), int(seeds)
    one, state, data = problem(objective, layers, precision, size=size)
    states = jax.tree.map(lambda x: jnp.stack([x] * number), state)
    keys = jax.random.split(jax.random.key(1), number)
    # As in a training: a step that is launched alone takes about a millisecond more on a card.
    run = advancing(one, data, ONE_DEVICE, together=True)

    def steps(begin: Any) -> Any:
        return jax.block_until_ready(run(begin, keys, jnp.arange(TOGETHER), data))[0]

    compiled, states = seconds(lambda: steps(states))
    took = median_seconds(lambda: steps(states), ROUNDS) / TOGETHER
    sets = 2 if objective == "bce" else len(NAMES)
    widths = [2, *layers, 1]
    products = sum(a * b for a, b in pairwise(widths))
    memory = jax.devices()[0].memory_stats() or {}
    report(
        seconds=took, first=compiled, memory=memory.get("peak_bytes_in_use"), **device(),
        # Forward, and twice as much backward.
        flops=3 * 2 * products * sets * size * number / took,
    )  # fmt: skip


def likelihood() -> None:
    model = from_pyhf(blob_model())
    data = jnp.asarray(infer.nominal_asimov(model, 0.0))
    gradient = jax.jit(jax.value_and_grad(log_cls))
    limits = jax.jit(lambda x: all_limits(x, model))
    jax.block_until_ready((gradient(model), limits(data)))
    report(
        gradient=median_seconds(lambda: jax.block_until_ready(gradient(model)), 20),
        limits=median_seconds(lambda: jax.block_until_ready(limits(data)), 5),
        values=np.asarray(limits(data)).tolist(), **device(),
    )  # fmt: skip


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    # As in the trainings of the workflow: hone.running.script.setup_jax.
    jax.config.update("jax_default_matmul_precision", "float32")
    {"first": first, "train": train, "step": step, "likelihood": likelihood}[sys.argv[1]](
        *sys.argv[2:]
    )
