"""The best cuts on a grid of thresholds: a reference for trained cuts."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from hone.errors import FitError
from hone.events.event_sets import EventSets
from hone.observable import CutObservable, Observable
from hone.sentinels import with_values
from hone.statmodel.filling import fill, template_model
from hone.statmodel.templates import Histogram
from hone.statmodel.workspace import Process
from hone.training.objectives import Objective

__all__ = ["search_cuts"]

_TOGETHER = 4096
"""Combinations of cuts per call of the objective."""


def search_cuts(
    observable: Observable,
    events: EventSets,
    samples: Sequence[Process],
    staterror: bool,
    objective: Objective | None,
    points: int,
) -> tuple[CutObservable, float]:
    """Try all combinations of ``points`` thresholds for each cut.

    Args:
        observable: cuts; their thresholds are not used.
        events: to count.
        samples: processes of the hypothesis.
        staterror: whether the model has a staterror.
        objective: of the likelihood or of counts.
        points: thresholds of each cut, quantiles from 0.001 to 0.999 of the nominal events that
            have its variable.

    Returns:
        The cuts with the smallest objective, and that objective.

    Raises:
        FitError: no combination has a finite objective.
    """
    assert isinstance(observable, CutObservable)
    assert objective is not None, "cuts have no objective of events"
    cuts = observable.cuts
    nominal = [events.features[s.name] for s in samples]
    there, everything = np.concatenate(with_values(*nominal)), np.concatenate(nominal)
    quantiles = np.linspace(0.001, 0.999, points)
    thresholds = [np.quantile(everything[there[:, c], c], quantiles) for c in cuts.columns]
    channels = events.channels(1)
    counts = {
        name: [
            _passing(cuts.columns, cuts.sides, thresholds, events, name, place)
            for place in range(len(channels.trained))
        ]
        for name in events.weights
    }
    model = template_model(samples, channels.sizes, staterror)

    @jax.jit
    @jax.vmap
    def value(passing: dict[str, list[Histogram]]) -> jax.Array:
        histograms = {n: channels.joined(h, events.fixed.get(n, [])) for n, h in passing.items()}
        return objective(fill(model, samples, histograms))

    values = []
    size = points ** len(thresholds)
    together = min(_TOGETHER, size)
    for start in range(0, size, together):
        # The last piece overlaps the previous one, so that all have the same size.
        first = min(start, size - together)
        piece = jax.tree.map(lambda x, k=first: jnp.asarray(x[k : k + together, None]), counts)
        values.append(np.asarray(value(piece))[start - first :])
    objectives = np.concatenate(values)
    if not np.isfinite(objectives).any():
        raise FitError("no combination of cuts has a finite objective: is there any background?")
    best = int(np.nanargmin(np.where(np.isfinite(objectives), objectives, np.nan)))
    place = np.unravel_index(best, (points,) * len(thresholds))
    chosen = np.array([edges[i] for edges, i in zip(thresholds, place, strict=True)])
    return eqx.tree_at(lambda o: o.cuts, observable, cuts.at(chosen)), float(objectives[best])


def _passing(
    columns: Sequence[int],
    sides: Sequence[str],
    thresholds: Sequence[np.ndarray],
    events: EventSets,
    template: str,
    place: int,
) -> Histogram:
    """Yield and variance that pass each combination (flat), from cumulative sums of a histogram."""
    chosen = events.where(template, place)
    matrix = events.features[events.events_of(template)][chosen]
    weights = events.weights[template][chosen]
    # Index i: between thresholds i - 1 and i. Above threshold t are the indices beyond t.
    index = [
        np.searchsorted(edges, matrix[:, c], side="left" if side == "above" else "right")
        for c, side, edges in zip(columns, sides, thresholds, strict=True)
    ]
    shape = tuple(len(edges) + 1 for edges in thresholds)
    flat = np.ravel_multi_index(index, shape)
    totals = []
    for power in (1, 2):
        table = np.bincount(flat, weights**power, minlength=int(np.prod(shape))).reshape(shape)
        for axis, side in enumerate(sides):
            if side == "above":
                table = np.flip(np.flip(table, axis).cumsum(axis), axis)
                table = np.take(table, range(1, shape[axis]), axis)
            else:
                table = np.take(table.cumsum(axis), range(shape[axis] - 1), axis)
        totals.append(table.ravel())
    return Histogram(*totals)
