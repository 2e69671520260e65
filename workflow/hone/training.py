"""Training of an observable by stochastic gradient descent, compiled between two validations."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from hone.errors import FitError
from hone.event_sets import EventSets, hard_histograms
from hone.fillable import fill, template_model
from hone.histfactory import Model
from hone.infer import sigma_mu
from hone.objectives import binary_cross_entropy, log_cls
from hone.observable import NetworkObservable, bandwidth_at, soft_histogram
from hone.templates import Histogram
from hone.workspace import Process

__all__ = ["Settings", "Trained", "train"]

log = logging.getLogger(__name__)

Row = dict[str, float]


@dataclass(frozen=True)
class Settings:
    """How an observable is trained; the names are those of the config."""

    objective: str
    bins: int
    edges: str
    bandwidth: tuple[float, float]
    hidden: tuple[int, ...]
    steps: int
    batch: int
    learning_rate: float
    validate_every: int
    staterror: bool
    evaluation_events: int
    """Events per sample in the evaluation set, whose statistical error the model shall have."""


@dataclass(frozen=True)
class Trained:
    """The observable of the best validation, that validation's objective, and the history."""

    observable: NetworkObservable
    objective: float
    history: list[Row]


def train(
    settings: Settings,
    features: Sequence[str],
    samples: Sequence[Process],
    training: EventSets,
    validation: EventSets,
    seed: int,
) -> Trained:
    """Train an observable and keep the weights with the best validation objective.

    Args:
        settings: what is trained and how.
        features: names of the inputs.
        samples: processes of the hypothesis.
        training: events to take batches from.
        validation: events for the hard histograms of the validation.
        seed: of initial weights and batches.

    Raises:
        FitError: no validation gave a finite objective.
    """
    init_key, batch_key = jax.random.split(jax.random.key(seed))
    nominal = np.concatenate([training.features[sample.name] for sample in samples])
    observable = NetworkObservable.create(
        features, settings.hidden, settings.bins, settings.bandwidth[1], nominal, init_key
    )
    trainable, frozen = eqx.partition(observable, _trainable(observable, settings.edges))
    model = template_model(samples, settings.bins, settings.staterror)
    batch_loss = _batch_objective(settings, samples, model)
    schedule = optax.cosine_decay_schedule(settings.learning_rate, settings.steps)
    optimiser = optax.chain(
        optax.clip_by_global_norm(1.0), optax.apply_if_finite(optax.adam(schedule), 1_000_000)
    )
    varied = settings.objective != "bce"
    data = {
        name: jnp.asarray(events)
        for name, events in training.features.items()
        if varied or "__" not in name
    }

    @jax.jit
    def advance(
        state: tuple[Any, Any], steps: Int[Array, " n"], data: Mapping[str, Array]
    ) -> tuple[tuple[Any, Any], Float[Array, " n"]]:
        def one(state: tuple[Any, Any], step: Int[Array, ""]) -> tuple[tuple[Any, Any], Array]:
            trainable, optimiser_state = state
            # The batch depends on seed and step only: a training can be taken up anywhere.
            key = jax.random.fold_in(batch_key, step)
            batch = _draw(data, settings.batch, key)
            bandwidth = bandwidth_at(step / settings.steps, *settings.bandwidth)
            loss, gradient = eqx.filter_value_and_grad(
                lambda t: batch_loss(eqx.combine(t, frozen), batch, bandwidth)
            )(trainable)
            updates, optimiser_state = optimiser.update(gradient, optimiser_state, trainable)
            return (eqx.apply_updates(trainable, updates), optimiser_state), loss

        return jax.lax.scan(one, state, steps)

    state = (trainable, optimiser.init(trainable))
    validate = _validation(settings, samples, model, validation)
    history: list[Row] = []
    best = (np.inf, observable)
    started = time.monotonic()
    for first in range(0, settings.steps, settings.validate_every):
        steps = jnp.arange(first, min(first + settings.validate_every, settings.steps))
        state, losses = advance(state, steps, data)
        current = eqx.combine(state[0], frozen)
        done = first + len(steps)
        row = {
            "step": done,
            "bandwidth": float(bandwidth_at(done / settings.steps, *settings.bandwidth)),
            "training_objective": float(jnp.nanmean(losses)),
            **validate(current),
            "skipped": int(state[1][1].total_notfinite),
            "seconds": time.monotonic() - started,
        }
        history.append(row)
        _report(row, settings.steps)
        if row["validation_objective"] < best[0]:
            best = (row["validation_objective"], current)
    if not np.isfinite(best[0]):
        raise FitError(
            f"no validation of the training gave a finite {settings.objective!r} objective; "
            f"{history[-1]['skipped']} of {settings.steps} steps were not finite. Is a bin empty "
            "in every template? Try fewer bins, a larger batch or a lower learning_rate."
        )
    return Trained(best[1], best[0], history)


def _trainable(observable: NetworkObservable, edges: str) -> Any:
    """Marks what the gradient may change: the network, and the edges if they are learned."""
    none = jax.tree.map(lambda _: False, observable)
    network = jax.tree.map(eqx.is_inexact_array, observable.network)
    return eqx.tree_at(lambda o: (o.network, o.edge_logits), none, (network, edges == "learned"))


def _draw(data: Mapping[str, Array], size: int, key: PRNGKeyArray) -> dict[str, Array]:
    """A batch of every template, drawn with replacement."""
    batch = {}
    for i, (name, events) in enumerate(sorted(data.items())):
        chosen = jax.random.randint(jax.random.fold_in(key, i), (size,), 0, len(events))
        batch[name] = events[chosen]
    return batch


def _batch_objective(
    settings: Settings, samples: Sequence[Process], model: Model
) -> Callable[[NetworkObservable, Mapping[str, Array], Any], Float[Array, ""]]:
    """The training objective of a batch, by the observable, the batch and the bandwidth."""

    def bce(observable: NetworkObservable, batch: Mapping[str, Array], _: Any) -> Float[Array, ""]:
        logits = [
            jnp.concatenate([observable.logits(batch[s.name]) for s in samples if s.is_signal is k])
            for k in (True, False)
        ]
        return binary_cross_entropy(*logits)

    def cls(
        observable: NetworkObservable, batch: Mapping[str, Array], bandwidth: Any
    ) -> Float[Array, ""]:
        names = list(batch)
        scores = observable(jnp.concatenate([batch[name] for name in names]))
        histograms = {}
        for name, part in zip(names, jnp.split(scores, len(names)), strict=True):
            expected = _expected(samples, name)
            weights = jnp.full(settings.batch, expected / settings.batch)
            values = soft_histogram(part, weights, observable.edges, bandwidth)
            # The error that the evaluation set will have, not the larger one of a batch.
            variances = values * expected / settings.evaluation_events
            histograms[name] = Histogram(values, variances)
        return log_cls(fill(model, samples, histograms))

    return {"bce": bce, "cls": cls}[settings.objective]


def _expected(samples: Sequence[Process], template: str) -> float:
    """Total yield of a template; shape variations keep that of their sample."""
    return next(s.expected for s in samples if s.name == template.split("__")[0])


def _validation(
    settings: Settings, samples: Sequence[Process], model: Model, events: EventSets
) -> Callable[[NetworkObservable], Row]:
    """Figures of merit of an observable on hard histograms of the validation events."""

    @jax.jit
    def merits(model: Model) -> tuple[Array, Array]:
        return log_cls(model), sigma_mu(model)

    @eqx.filter_jit
    def cross_entropy(observable: NetworkObservable, *classes: Any) -> Array:
        return binary_cross_entropy(*(observable.logits(events) for events in classes))

    classes = [
        np.concatenate([events.features[s.name] for s in samples if s.is_signal is kind])
        for kind in (True, False)
    ]

    def validate(observable: NetworkObservable) -> Row:
        scores = {name: observable.score(x) for name, x in events.features.items()}
        filled = fill(model, samples, hard_histograms(observable, events, scores))
        log_cls_value, sigma = merits(filled)
        if settings.objective == "bce":
            objective = float(cross_entropy(observable, *classes))
        else:
            objective = float(log_cls_value)
        edges = np.asarray(observable.edges)
        return {
            "validation_objective": objective,
            "validation_cls": float(np.exp(log_cls_value)),
            "validation_sigma_mu": float(sigma),
            **{f"edge_{i}": float(edge) for i, edge in enumerate(edges)},
        }

    return validate


def _report(row: Row, steps: int) -> None:
    rate = row["step"] / row["seconds"]
    log.info(
        "step %d/%d  %.0f steps/s  ETA %.0f s  training %.4f  validation %.4f  CLs %.3g",
        row["step"],
        steps,
        rate,
        (steps - row["step"]) / rate,
        row["training_objective"],
        row["validation_objective"],
        row["validation_cls"],
    )
