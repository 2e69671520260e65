"""Time of one training step of hone, by objective, network and number of weight systematics.

``task_steps.py objectives <hidden> <precision>``: CLs and cross-entropy, in turns.
``task_steps.py systematics <hidden>``: CLs with 0, 10, 40 and 80 varied weights, in turns.
"""

import statistics
import sys
from typing import Any

import equinox as eqx
import jax
import numpy as np
from blobs import BINS, NAMES, TOTALS, blobs
from clock import report, seconds

from hone.analysis.modifiers import Strength
from hone.analysis.observables import Network
from hone.analysis.shape_systematics import Histosys
from hone.analysis.variations import Variation
from hone.events.event_sets import EventSets
from hone.observable import create_observable
from hone.statmodel.workspace import Process
from hone.training.objectives import OF_MODEL
from hone.training.settings import Settings
from hone.training.step import Problem, State, make_step

jax.config.update("jax_enable_x64", True)

SIZE, TOGETHER = 2000, 5


def problem(
    objective: str, hidden: list[int], precision: str, weights: int = 0, size: int = SIZE
) -> Any:
    """A step to be compiled, its state and its data: ``size`` events of each set are a batch."""
    features = {name: x.astype(float) for name, x in blobs(size).items()}
    yields = {name: np.full(size, TOTALS[name] / size) for name in NAMES}
    rng = np.random.default_rng(1)
    systematics, weighted = [_varied("shape")], {}
    for k in range(weights):
        systematics.append(_varied(f"w{k}"))
        tilt = rng.normal(0, 0.03, 2) @ features["background"].T
        for side, sign in (("up", 1), ("down", -1)):
            varied = yields["background"] * np.exp(sign * tilt)
            yields[f"background__w{k}_{side}"] = varied
            weighted[f"background__w{k}_{side}"] = "background"
    samples = [
        Process("signal", True, 20.0, (Strength(name="mu", sample="signal"),)),
        Process("background", False, 100.0, tuple(systematics)),
    ]
    network = Network(
        name="network", kind="network", objective=objective, bins=BINS, hidden=hidden,
        precision=precision, edges="equal" if objective.startswith("bce") else "learned",
        bandwidth=[0.05],
    )  # fmt: skip
    settings = Settings(
        objective, steps=10_000, batch=size, learning_rate=1e-3, validate_every=100,
        staterror=True, evaluation_events=1_000_000,
    )  # fmt: skip
    observable = create_observable(network, ["x", "y"], features["background"], jax.random.key(0))
    free, frozen = eqx.partition(observable, observable.trainable())
    events = EventSets(features, yields, weighted=weighted)
    chosen, data = Problem.of(settings, samples, events, OF_MODEL.get(objective), BINS)
    state = State.first(settings, free)
    return make_step(chosen, frozen), state, data


def _varied(name: str) -> Histosys:
    """A systematic of the background, of weights."""
    up, down = (Variation(weight=side) for side in ("up", "down"))
    return Histosys(name=name, type="histosys", sample="background", up=up, down=down)


def in_turns(problems: dict[str, Any], rounds: int = 40, before: int = 100) -> None:
    """Medians of steps of all problems, measured in turns, and the time of the first call."""
    key, first, times = jax.random.key(1), {}, {name: [] for name in problems}
    states = {name: state for name, (_, state, _) in problems.items()}
    problems = {name: (jax.jit(step), *rest) for name, (step, *rest) in problems.items()}
    for name, (step, _, data) in problems.items():
        # The fits take fewer turns once the network has learned something.
        first[name], _ = seconds(
            lambda s=step, n=name, d=data: _steps(s, states, n, d, key, before)
        )
    for _ in range(rounds):
        for name, (step, _, data) in problems.items():
            took, _ = seconds(lambda s=step, n=name, d=data: _steps(s, states, n, d, key, TOGETHER))
            times[name].append(took / TOGETHER)
    report(
        first=first,
        steps={name: statistics.median(t) for name, t in times.items()},
        skipped={name: int(state.skipped) for name, state in states.items()},
    )


def _steps(step: Any, states: Any, name: str, data: Any, key: Any, number: int) -> None:
    for k in range(number):
        states[name], loss = step(states[name], key, np.array(k), data)
    jax.block_until_ready((states[name], loss))


def objectives(hidden: str, precision: str) -> None:
    layers = [int(n) for n in hidden.split("-")]
    names = ("cls", "bce_augmented", "bce")
    turns = (40, 100) if max(layers) < 500 else (8, 20)
    in_turns({name: problem(name, layers, precision) for name in names}, *turns)


def systematics(hidden: str) -> None:
    layers = [int(n) for n in hidden.split("-")]
    in_turns({str(n): problem("cls", layers, "float32", n) for n in (0, 10, 40, 80)})


if __name__ == "__main__":
    {"objectives": objectives, "systematics": systematics}[sys.argv[1]](*sys.argv[2:])
