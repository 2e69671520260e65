"""Time of one training step of hone, by objective, network and number of weight systematics.

``task_steps.py objectives <hidden> <precision>``: CLs and cross-entropy, in turns.
``task_steps.py systematics <hidden>``: CLs with 0, 10, 40 and 80 varied weights, in turns.
``task_steps.py likelihood <hidden>``: CLs with 401 parameters and cross-entropy, in turns.
"""

import statistics
import sys
from typing import Any

import equinox as eqx
import jax
import numpy as np
from blobs import BINS, NAMES, TOTALS, blobs
from clock import report, seconds
from models import MODELS, model

from hone.analysis.modifiers import Strength
from hone.analysis.observables import Network
from hone.analysis.shape_systematics import Histosys
from hone.analysis.variations import Variation
from hone.events.event_sets import EventSets
from hone.likelihood.histfactory import from_pyhf
from hone.observable import create_observable
from hone.statmodel.workspace import Process
from hone.training.objectives import OF_MODEL, log_cls
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
    events = EventSets(features, yields, weighted=weighted)
    return _step(objective, samples, events, hidden, precision, BINS, OF_MODEL.get(objective))


def _step(
    objective: str,
    samples: list[Process],
    events: EventSets,
    hidden: list[int],
    precision: str,
    bins: int,
    of_model: Any,
) -> Any:
    network = Network(
        name="network", kind="network", objective=objective, bins=bins, hidden=hidden,
        precision=precision, edges="equal" if objective.startswith("bce") else "learned",
        bandwidth=[0.05],
    )  # fmt: skip
    settings = Settings(
        objective, steps=10_000, batch=events.sizes[samples[0].name], learning_rate=1e-3,
        validate_every=100, staterror=True, evaluation_events=1_000_000,
    )  # fmt: skip
    features = events.features[samples[-1].name]
    observable = create_observable(network, ["x", "y"], features, jax.random.key(0))
    free, frozen = eqx.partition(observable, observable.trainable())
    chosen, data = Problem.of(settings, samples, events, of_model, bins)
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
    in_turns({name: problem(name, layers, precision) for name in names}, *_turns(layers))


def systematics(hidden: str) -> None:
    layers = [int(n) for n in hidden.split("-")]
    in_turns({str(n): problem("cls", layers, "float32", n) for n in (0, 10, 40, 80)})


def likelihood(hidden: str) -> None:
    """The likelihood of 401 parameters, 8 samples and 300 bins, 10 of which are of the network."""
    large = from_pyhf(model(*MODELS["401 parameters"]))
    bins, totals = 10, np.asarray(large.nominal)[:, :10]
    ratio = {
        name: np.asarray(getattr(large, name))[..., :bins] / totals
        for name in ("histosys_hi", "histosys_lo", "staterror")
    }

    def of_model(small: Any) -> Any:
        filled = {name: scale * small.nominal for name, scale in ratio.items()}
        filled["nominal"] = small.nominal
        return log_cls(
            large.replace(**{n: getattr(large, n).at[..., :bins].set(x) for n, x in filled.items()})
        )

    rng = np.random.default_rng(1)
    features = {
        name: rng.normal((-1, 1) if k == 0 else (1, -k / 7), 1, (SIZE, 2))
        for k, name in enumerate(large.layout.samples)
    }
    yields = {n: np.full(SIZE, y.sum() / SIZE) for n, y in zip(features, totals, strict=True)}
    samples = [
        Process(n, n == "s0", None, (Strength(name="mu", sample=n),) if n == "s0" else ())
        for n in features
    ]
    layers = [int(n) for n in hidden.split("-")]
    events = EventSets(features, yields)
    objectives = {"cls": of_model, "bce": None}
    in_turns(
        {n: _step(n, samples, events, layers, "float32", bins, of) for n, of in objectives.items()},
        *_turns(layers),
    )


def _turns(layers: list[int]) -> tuple[int, int]:
    """Of steps that are measured, and steps before."""
    return (40, 100) if max(layers) < 500 else (8, 20)


if __name__ == "__main__":
    {f.__name__: f for f in (objectives, systematics, likelihood)}[sys.argv[1]](*sys.argv[2:])
