"""Figures of merit of an observable on hard histograms of the validation events."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from hone.events.event_sets import EventSets, scores_and_logits_of, scores_of
from hone.likelihood.histfactory import Model
from hone.likelihood.infer import asimov_limit, sigma_mu
from hone.observable import Observable
from hone.statmodel.filling import fill
from hone.statmodel.templates import Histogram
from hone.training.batches import Events
from hone.training.objectives import OF_MODEL, Objective, log_cls
from hone.training.penalties import effective_events, penalty
from hone.training.settings import Settings
from hone.training.step import Problem, fittable_histograms

__all__ = ["make_validation"]

Row = dict[str, float]


def make_validation(problem: Problem, events: EventSets, level: float) -> Callable[..., Row]:
    """The function that validates an observable.

    Args:
        problem: of the training.
        events: the validation set.
        level: CLs at the limit.
    """
    settings = problem.settings
    of_model = problem.of_model
    if of_model is not None and settings.objective not in OF_MODEL:
        # A user's function may ask for arrays of JAX, and is compiled as in training.
        of_model = jax.jit(of_model)

    of_logits = jax.jit(problem.of_logits)

    def cross_entropy(logits: dict[str, np.ndarray]) -> float:
        data: Any = {
            name: Events(
                matrix, np.stack([events.weights[t] for t in problem.templates[name]], axis=1)
            )
            for name, matrix in events.features.items()
            if name in problem.templates
        }
        return float(of_logits({name: logits[name] for name in data}, data))

    def validate(observable: Observable, progress: float) -> Row:
        if problem.of_events:
            scores, logits = scores_and_logits_of(observable, events)
        else:
            scores, logits = scores_of(observable, events), {}
        histograms = fittable_histograms(observable, events, scores)
        background = Histogram(*map(np.asarray, problem.background(histograms)))
        model = fill(problem.model, problem.samples, histograms)
        found = _merits(model, background, settings, of_model, level)
        row = {name: float(value) for name, value in found.items()}
        objective = cross_entropy(logits) if problem.of_events else row["validation_objective"]
        row = {"validation_objective": objective, **row}
        if settings.minimum_background > 0:
            row["lowest_background"] = float(np.min(background.values))
        if settings.maximum_mc_error > 0:
            events_in_bins = np.asarray(effective_events(*map(jnp.asarray, background)))
            row["largest_mc_error"] = float(np.max(np.maximum(events_in_bins, 1e-300)) ** -0.5)
        return row | observable.summary(progress)

    return validate


def _merits(
    model: Model, background: Any, settings: Settings, of_model: Objective | None, level: float
) -> dict[str, Array | np.ndarray]:
    found: dict[str, Array | np.ndarray] = {
        "validation_cls": np.exp(log_cls(model)),
        "validation_limit": asimov_limit(model, level),
        "validation_sigma_mu": sigma_mu(model),
    }
    if of_model is not None:
        added = penalty(settings, background.values, background.variances)
        found["validation_objective"] = of_model(model) + added
    return found
