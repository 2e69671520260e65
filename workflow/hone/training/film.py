"""The observable, its histograms and its likelihood during training."""

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from hone.errors import FitError, InputError
from hone.events.event_sets import EventSets, scores_of
from hone.likelihood import infer
from hone.likelihood.histfactory import Model
from hone.likelihood.infer.scan import scan
from hone.likelihood.infer.setup import checked_setup, require_poi
from hone.observable import Observable
from hone.sentinels import shown_range
from hone.statmodel.filling import fill, template_model
from hone.statmodel.templates import count
from hone.statmodel.workspace import Process
from hone.training.importance import thinned
from hone.training.step import fittable_histograms

__all__ = ["Film", "Frame", "make_film"]

_EVENTS = 10_000
_GRID = 80
_SCORES = 40
_STRENGTHS = 31


class Frame(NamedTuple):
    """The state at one step; samples by name."""

    step: int
    edges: np.ndarray
    """(B + 1,)"""
    soft: dict[str, np.ndarray]
    """Yields (B,) in soft bins, of all regions with the observable."""
    hard: dict[str, np.ndarray]
    """The same in hard bins."""
    plane: np.ndarray | None
    """Scores (Y, X) on the grid of two features, NaN where events fail a cut."""
    scores: dict[str, np.ndarray]
    """Fraction of the events in each interval of the score (C,)."""
    rise: np.ndarray
    """-2 delta ln L (M,) at the signal strengths; NaN where a fit failed."""


class Film(NamedTuple):
    """The frames, and what they have in common."""

    features: tuple[str, ...]
    axes: tuple[np.ndarray, np.ndarray] | None
    """Of the plane, if there are two features."""
    strengths: np.ndarray
    """(M,)"""
    signal: str
    frames: list[Frame]


def make_film(
    snapshots: Sequence[tuple[int, Observable]],
    last: int,
    events: EventSets,
    samples: Sequence[Process],
    staterror: bool,
) -> Film:
    """The same events with the observable at each of its steps.

    The likelihood is that of the hard histograms, its data nominal Asimov data at mu = 1.

    Args:
        snapshots: steps and observables.
        last: number of steps of a full training.
        events: of one set, every template.
        samples: processes of the hypothesis.
        staterror: whether the model has a staterror.
    """
    events = thinned(events, _EVENTS)
    first = snapshots[0][1]
    model = template_model(samples, events.channels(first.bins).sizes, staterror)
    axes = _axes(events) if len(first.features) == 2 else None
    largest = model.config.suggested_bounds()[require_poi(model)][1]
    strengths = np.linspace(0.0, min(3.0, largest), _STRENGTHS)
    frames = []
    for step, observable in snapshots:
        scores = scores_of(observable, events)
        histograms = fittable_histograms(observable, events, scores)
        filled = fill(model, samples, histograms)
        edges = np.asarray(observable.edges)
        intervals = np.linspace(edges[0], edges[-1], _SCORES + 1)
        names = [sample.name for sample in samples]
        frames.append(
            Frame(
                step,
                edges,
                {n: _soft(observable, events, n, np.float64(step / last)) for n in names},
                {n: count(scores[n], events.weights[n], edges).values for n in names},
                None if axes is None else _plane(observable, axes),
                {
                    n: np.asarray(count(scores[n], events.weights[n], intervals).values)
                    / events.weights[n].sum()
                    for n in names
                },
                _rise(filled, strengths),
            )
        )
    signal = next(sample.name for sample in samples if sample.is_signal)
    return Film(first.features, axes, strengths, signal, frames)


def _axes(events: EventSets) -> tuple[np.ndarray, np.ndarray]:
    low, high = shown_range(*events.features.values())
    return np.linspace(low[0], high[0], _GRID), np.linspace(low[1], high[1], _GRID)


def _plane(observable: Observable, axes: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    grid = np.stack([x.ravel() for x in np.meshgrid(*axes)], axis=1)
    return observable.score(grid).reshape(len(axes[1]), len(axes[0]))


def _soft(observable: Observable, events: EventSets, name: str, progress: np.float64) -> np.ndarray:
    weights = events.weights[name]
    return np.asarray(_shares(observable, events.features[name], weights, progress))


@eqx.filter_jit
def _shares(
    observable: Observable,
    events: np.ndarray,
    weights: np.ndarray,
    progress: jax.Array | np.float64,
) -> jax.Array:
    response = observable.respond(jnp.asarray(events))
    widths = observable.widths(response, jnp.asarray(weights), progress)
    return jnp.asarray(weights) @ observable.shares(response, widths)


def _rise(model: Model, strengths: np.ndarray) -> np.ndarray:
    """-2 delta ln L at the signal strengths, profiled over all other parameters."""
    try:
        setup, poi = checked_setup(model), require_poi(model)
        data = np.asarray(infer.nominal_asimov(model, 1.0))
        best = scan(model, data, setup)
        at = scan(model, data, setup, [poi], strengths[:, None], near=best.pars[0])
    except (FitError, InputError):
        return np.full(len(strengths), np.nan)
    rise = 2 * (at.value - best.value[0])
    return np.where(np.isfinite(rise), np.maximum(rise, 0.0), np.nan)
