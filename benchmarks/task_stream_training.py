"""Training on events in memory or on disk:
``task_stream_training.py <signal> (memory|disk) <background> ...``, files of :mod:`ntuples`.

Reports of each background the time of loading and that of a step, on the clock and on the CPU, in
turns, and the peak memory of the process.
"""

import resource
import sys
import time
from collections.abc import Iterator

import equinox as eqx
import jax
import numpy as np
from clock import report, seconds
from ntuples import FEATURES, SYSTEMATICS

from hone.analysis import Template
from hone.analysis.modifiers import Strength
from hone.analysis.observables import Network
from hone.analysis.regions import ONE_REGION
from hone.analysis.sections import Sizes, Split
from hone.analysis.shape_systematics import Histosys
from hone.analysis.variations import Variation
from hone.events.event_sets import EventSets
from hone.events.load import load_events
from hone.events.sources import Source
from hone.events.streamed_sets import StreamedSets, stream_events
from hone.observable import create_observable
from hone.statmodel.workspace import Process
from hone.training.devices import ONE_DEVICE
from hone.training.objectives import OF_MODEL
from hone.training.settings import Settings
from hone.training.step import Problem, State, make_step
from hone.training.streaming import advancing

jax.config.update("jax_enable_x64", True)

TOGETHER, BEFORE, ROUNDS = 20, 60, 20
signal, *given = sys.argv[1:]
cases = list(zip(given[::2], given[1::2], strict=True))


def weight(k: int, side: str) -> str:
    """40 systematics of the 20 in the file: another 20 are products."""
    other = f" * w{(k + 1) % SYSTEMATICS}_{side}" if k >= SYSTEMATICS else ""
    return f"w{k % SYSTEMATICS}_{side}{other}"


names = [f"s{k}" for k in range(2 * SYSTEMATICS)]
varied = {
    f"background__{name}_{side}": weight(k, side)
    for k, name in enumerate(names)
    for side in ("up", "down")
}
up, down = (Variation(weight=side) for side in ("up", "down"))
systematics = [
    Histosys(name=name, type="histosys", sample="background", up=up, down=down) for name in names
]
samples = [
    Process("signal", True, 20.0, (Strength(name="mu", sample="signal"),)),
    Process("background", False, 100.0, tuple(systematics)),
]
everything = Split.model_construct(training=1.0, validation=0.0)
settings = Settings(
    "cls", steps=BEFORE + ROUNDS * TOGETHER, batch=2000, learning_rate=1e-3,
    validate_every=TOGETHER, staterror=True, evaluation_events=1_000_000,
)  # fmt: skip


def loaded(where: str, background: str) -> StreamedSets | EventSets:
    """The training events of both samples."""
    sources, surveys = [], {}
    for name, path, weights, total in (
        ("background", background, {"background": "w"} | varied, 100.0),
        ("signal", signal, {"signal": "w"}, 20.0),
    ):
        sources.append(Source(Template(name), (path,), "events", weights, everything))
        sets = {s: {"events": 1, "weight": 1.0} for s in ("training", "validation", "evaluation")}
        surveys[name] = {"sets": sets, "factor": total / 3}
    load = {"memory": load_events, "disk": stream_events}[where]
    return load(sources, FEATURES, [ONE_REGION], surveys, "training", Sizes(training=10**9))


def training(events: StreamedSets | EventSets) -> Iterator[float]:
    """The last loss of each 20 steps."""
    observable = create_observable(
        Network(name="network", kind="network", objective="cls", bins=5, hidden=[100, 100]),
        FEATURES, np.concatenate([events.typical(name) for name in events.sizes]),
        jax.random.key(0),
    )  # fmt: skip
    free, frozen = eqx.partition(observable, observable.trainable())
    problem, data = Problem.of(settings, samples, events, OF_MODEL["cls"], 5)
    advance = advancing(make_step(problem, frozen), data, ONE_DEVICE, together=False)
    state = State.first(settings, free)
    for start in range(0, settings.steps, TOGETHER):
        numbers = np.arange(start, start + TOGETHER)
        state, losses = jax.block_until_ready(advance(state, jax.random.key(1), numbers, data))
        yield float(losses[-1])


loading, trainings = [], []
for case in cases:
    took, events = seconds(lambda case=case: loaded(*case))
    loading.append(took)
    trainings.append(training(events))
del events
steps, used = np.zeros((2, settings.steps // TOGETHER, len(cases)))
for turn in range(len(steps)):
    losses = []
    for k, each in enumerate(trainings):
        before = time.process_time()
        took, loss = seconds(lambda each=each: next(each))
        steps[turn, k] = took / TOGETHER
        used[turn, k] = (time.process_time() - before) / TOGETHER
        losses.append(loss)
first = BEFORE // TOGETHER
report(
    loaded=loading, step=np.median(steps[first:], axis=0).tolist(),
    cpu=np.median(used[first:], axis=0).tolist(), losses=losses,
    ratio=np.median(steps[first:] / steps[first:, :1], axis=0).tolist(),
    peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
)  # fmt: skip
