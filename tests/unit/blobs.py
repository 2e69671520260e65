"""The default analysis with few events, and short trainings on it."""

from pathlib import Path

import equinox as eqx
import jax
import numpy as np
import yaml

from hone.analysis import checked_config, templates
from hone.events import generate
from hone.events.event_sets import EventSets
from hone.observable import create_observable
from hone.statmodel.workspace import processes
from hone.training.loop import train
from hone.training.objectives import resolve_objective
from hone.training.settings import Settings
from hone.training.step import Problem, draw_batch

ROOT = Path(__file__).parents[2]
CONFIG = checked_config(yaml.safe_load((ROOT / "config" / "config.yaml").read_text()))
CONFIG["events"] = {"training": 3000, "validation": 10_000, "evaluation": 10_000}
SAMPLES = processes(CONFIG, "signal")
NETWORK = {
    "kind": "network", "objective": "cls", "bins": 4, "edges": "learned", "bandwidth": [0.1, 0.03],
    "hidden": [16], "steps": 60, "batch": 1000, "learning_rate": 0.01, "validate_every": 20,
}  # fmt: skip
CUTS = [{"variable": "x", "side": "below"}, {"variable": "y", "side": "above"}]


def events(name, size=None):
    config = CONFIG | {"events": {name: size or CONFIG["events"][name]}}
    made = {t: generate(config, t, name) for t in templates(CONFIG, "signal")}
    features = {t: np.stack([e["x"], e["y"]], axis=1) for t, (e, _) in made.items()}
    return EventSets(features, {t: weights for t, (_, weights) in made.items()})


def settings(**changes):
    return Settings.of(NETWORK | changes, staterror=True, evaluation_events=10_000)


def trained_with(seeds=(1,), training=None, checkpoint=None, of_model=None, **changes):
    chosen = NETWORK | changes
    return train(
        settings(**changes), chosen, ["x", "y"], SAMPLES, training or events("training"),
        events("validation"), list(seeds),
        of_model or resolve_objective(chosen["objective"], 0.05, ROOT), checkpoint=checkpoint,
    )  # fmt: skip


def numbers(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_array))]


def problem_of(training=None, **changes):
    chosen, training = settings(**changes), training or events("training")
    of_model = resolve_objective(chosen.objective, 0.05, ROOT)
    observable = create_observable(
        NETWORK | {"precision": "float64"} | changes, ["x", "y"],
        np.concatenate([training.features[s.name] for s in SAMPLES]), jax.random.key(0),
    )  # fmt: skip
    problem, data = Problem.of(chosen, SAMPLES, training, of_model, observable.bins)
    return problem, data, observable


def loss_and_gradient(problem, data, observable):
    free, frozen = eqx.partition(observable, observable.trainable())
    batch = draw_batch(data, problem.settings.batch, jax.random.key(9))
    return jax.jit(jax.value_and_grad(lambda t: problem.loss(eqx.combine(t, frozen), batch, 0.5)))(
        free
    )
