"""The default analysis with few events, and short trainings on it."""

from dataclasses import replace
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
import yaml
from settings import observable

from hone.analysis import checked_config
from hone.analysis.sections import Sizes
from hone.events import generate
from hone.events.event_sets import EventSets
from hone.events.row_file import RowFile
from hone.events.streamed_sets import StreamedSets
from hone.observable import create_observable
from hone.statmodel.workspace import processes
from hone.training.batches import draw_batch
from hone.training.loop import train
from hone.training.objectives import resolve_objective
from hone.training.settings import Settings
from hone.training.step import Problem

ROOT = Path(__file__).parents[2]
CONFIG = checked_config(yaml.safe_load((ROOT / "config" / "config.yaml").read_text()))
CONFIG = CONFIG.model_copy(
    update={"events": Sizes(training=3000, validation=10_000, evaluation=10_000)}
)
SAMPLES = processes(CONFIG, "signal")
TRAINING = {
    "objective": "cls", "steps": 60, "batch": 1000, "learning_rate": 0.01, "validate_every": 20,
}  # fmt: skip
SOFTMAX = {"bins": 4, "hidden": [16]}
NETWORK = SOFTMAX | {"edges": "learned", "bandwidth": [0.1, 0.03]}
CUTS = [{"variable": "x", "side": "below"}, {"variable": "y", "side": "above"}]


def events(name, size=None):
    sizes = CONFIG.events.model_copy(update={name: size or getattr(CONFIG.events, name)})
    config = CONFIG.model_copy(update={"events": sizes})
    made = {t.name: generate(config, t, name) for t in CONFIG.templates_of("signal")}
    features = {t: np.stack([e["x"], e["y"]], axis=1) for t, (e, _) in made.items()}
    return EventSets(features, {t: weights for t, (_, weights) in made.items()})


def on_disk(sets):
    """The same events in files."""
    templates = {name: sets.templates_of(name) for name in sets.features}
    found = StreamedSets({}, dict.fromkeys(templates, 1.0), templates, 2)
    for name, columns in templates.items():
        found.files[name] = RowFile(2 + len(columns), name)
        weights = [sets.weights[template] for template in columns]
        found.files[name].append(np.column_stack([sets.features[name], *weights]))
    return found


def chosen(**changes):
    """A small observable, quickly trained; a network unless another kind is asked for."""
    kind = changes.get("kind", "network")
    own = {"network": NETWORK, "softmax": SOFTMAX}.get(kind, {})
    return observable(**{"kind": kind} | TRAINING | own | changes)


def settings(learning_rate=TRAINING["learning_rate"], histograms="hard", **changes):
    """How that is trained; a learning rate may be one that no config allows."""
    found = Settings.of(CONFIG, chosen(**changes))
    return replace(found, learning_rate=learning_rate, histograms=histograms)


def trained_with(
    seeds=(1,), training=None, checkpoint=None, of_model=None, starts=(), validation=None,
    features=("x", "y"), **changes,
):  # fmt: skip
    how = settings(**changes)
    changes.pop("learning_rate", None)
    return train(
        how, chosen(**changes), list(features), SAMPLES, training or events("training"),
        validation or events("validation"), list(seeds),
        of_model or resolve_objective(how.objective, 0.05, ROOT), checkpoint=checkpoint,
        starts=starts,
    )  # fmt: skip


def numbers(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_array))]


def problem_of(training=None, features=("x", "y"), **changes):
    how, training = settings(**changes), training or events("training")
    changes.pop("histograms", None)
    of_model = resolve_objective(how.objective, 0.05, ROOT)
    made = create_observable(
        chosen(**{"precision": "float64"} | changes), features,
        np.concatenate([training.features[s.name] for s in SAMPLES]), jax.random.key(0),
    )  # fmt: skip
    problem, data = Problem.of(how, SAMPLES, training, of_model, made.bins)
    return problem, data, made


def loss_and_gradient(problem, data, observable):
    free, frozen = eqx.partition(observable, observable.trainable())
    batch = draw_batch(data, problem.settings.batch, jax.random.key(9))
    drops = jax.random.key(3)

    def loss(free):
        return problem.loss(eqx.combine(free, frozen), batch, 0.5, drops)

    return jax.jit(jax.value_and_grad(loss))(free)
