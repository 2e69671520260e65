"""The best bin edges of a given score for an objective."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hone.errors import FitError
from hone.events.event_sets import EventSets
from hone.likelihood.histfactory import Model
from hone.statmodel.filling import fill, template_model
from hone.statmodel.templates import Histogram, count
from hone.statmodel.workspace import Process
from hone.training.objectives import Objective, log_cls, of_each
from hone.training.penalties import Safeguards, penalty

__all__ = ["optimise_edges"]

log = logging.getLogger(__name__)

_POSITIONS = 400
_CANDIDATES = 42
_MAX_SWEEPS = 50


def optimise_edges(
    scores: Mapping[str, np.ndarray],
    events: EventSets,
    samples: Sequence[Process],
    bins: int,
    staterror: bool,
    of_model: Objective = log_cls,
    safeguards: Safeguards | None = None,
) -> tuple[np.ndarray, float, list[dict[str, float]]]:
    """Edges with the smallest objective on hard histograms, by coordinate search.

    Each inner edge in turn moves to the best of 400 positions between its neighbours, until no edge
    moves; positions are quantiles of nominal signal and background in equal parts. The best of
    three starts is kept. The objective is that of the hard histograms.

    Args:
        scores: of each set of events, in [0, 1]; NaN for events that fail a cut.
        events: the validation events.
        samples: processes of the hypothesis.
        bins: number of bins.
        staterror: whether the model has a staterror.
        of_model: objective of the likelihood.
        safeguards: limits of what bins may have, as penalties.

    Returns:
        Edges from 0 to 1 (bins + 1,), the objective there, and the history of the best start.

    Raises:
        FitError: no edges have a finite objective.
    """
    channels = events.channels(bins)
    passing = {name: values[~np.isnan(values)] for name, values in scores.items()}
    positions = _positions(passing, samples)
    fine = {}
    for name, weights in events.weights.items():
        own = scores[events.events_of(name)]
        inside = [events.where(name, k) for k in range(len(channels.trained))]
        fine[name] = [_cumulative(own[chosen], weights[chosen], positions) for chosen in inside]
    model = template_model(samples, channels.sizes, staterror)
    last = len(positions) - 1

    of_models = of_each(of_model)

    # Their yields are an argument, not constants: other seeds have the same program.
    @jax.jit
    def objectives(inner: jax.Array, fine: Any) -> jax.Array:
        models, more, rising = jax.vmap(binned, in_axes=(0, None))(inner, fine)
        value = of_models(models) + more
        return jnp.where(rising & jnp.isfinite(value), value, jnp.inf)

    def binned(inner: jax.Array, fine: Any) -> tuple[Model, jax.Array, jax.Array]:
        """The model with these edges, its penalty, and whether the edges rise."""
        cuts = jnp.concatenate([jnp.zeros(1, int), inner, jnp.full(1, last)])
        templates = {
            name: channels.joined(
                [Histogram(*(jnp.diff(c[cuts]) for c in pair)) for pair in pairs],
                events.fixed.get(name, []),
            )
            for name, pairs in fine.items()
        }
        more = jnp.zeros(())
        if safeguards is not None:
            background = [templates[s.name] for s in samples if not s.is_signal]
            values, variances = (
                jnp.stack(parts).sum(axis=0) for parts in zip(*background, strict=True)
            )
            more = penalty(safeguards, values, variances)
        return fill(model, samples, templates), more, (jnp.diff(cuts) > 0).all()

    def objective(inner: np.ndarray) -> np.ndarray:
        return np.asarray(objectives(inner, fine))

    results = []
    for name, start in _starts(passing, samples, positions, bins).items():
        inner, value, history = _descend(objective, start, positions)
        log.info("edges from %s: objective %.4f after %d sweeps", name, value, len(history))
        results.append((value, positions[inner], history))
    value, edges, history = min(results, key=lambda result: result[0])
    if not np.isfinite(value):
        raise FitError("no edges have a finite objective: is there any background?")
    return np.concatenate([[0.0], edges, [1.0]]), value, history


def _descend(
    objective: Callable[[np.ndarray], np.ndarray], inner: np.ndarray, positions: np.ndarray
) -> tuple[np.ndarray, float, list[dict[str, float]]]:
    """Coordinate descent over positions of the inner edges."""
    history: list[dict[str, float]] = []
    last = len(positions) - 1
    # Always the same number of candidates, for a single compiled program.
    value = float(objective(np.repeat(inner[None], _CANDIDATES, axis=0))[0])
    for sweep in range(1, _MAX_SWEEPS + 1):
        before = value
        for i in range(len(inner)):
            low = inner[i - 1] if i else 0
            high = inner[i + 1] if i + 1 < len(inner) else last
            # First over the whole range between its neighbours, then around the best position.
            for _ in range(2):
                candidates = np.repeat(inner[None], _CANDIDATES, axis=0)
                candidates[:-1, i] = np.linspace(low, high, _CANDIDATES - 1).astype(int)
                values = objective(candidates)
                best = int(np.argmin(values))
                inner, value = candidates[best], float(values[best])
                step = (high - low) // (_CANDIDATES - 2) + 1
                low, high = max(low, inner[i] - step), min(high, inner[i] + step)
        edges = np.concatenate([[0.0], positions[inner], [1.0]])
        row = {f"edge_{i}": float(edge) for i, edge in enumerate(edges)}
        history.append({"step": sweep, "validation_objective": value, **row})
        if not value < before:
            break
    return inner, value, history


def _positions(scores: Mapping[str, np.ndarray], samples: Sequence[Process]) -> np.ndarray:
    """Candidate edges: quantiles of signal and of background, half each, rising from 0 to 1."""
    quantiles = np.linspace(0, 1, _POSITIONS // 2 + 2)[1:-1]
    parts = [
        np.quantile(
            np.concatenate([scores[s.name] for s in samples if s.is_signal is kind]), quantiles
        )
        for kind in (True, False)
    ]
    return np.unique(np.concatenate([[0.0], *parts, [1.0]]))


def _cumulative(
    scores: np.ndarray, weights: np.ndarray, positions: np.ndarray
) -> tuple[jax.Array, jax.Array]:
    """Yield and variance below each position, without events that fail a cut."""
    sums = count(scores, weights, positions)
    return tuple(jax.device_put(np.concatenate([[0.0], np.cumsum(s)])) for s in sums)


def _starts(
    scores: Mapping[str, np.ndarray], samples: Sequence[Process], positions: np.ndarray, bins: int
) -> dict[str, np.ndarray]:
    """Places of the inner edges among the positions."""
    fractions = np.linspace(0, 1, bins + 1)[1:-1]
    targets = {"equal widths": fractions}
    for kind, name in ((True, "signal quantiles"), (False, "background quantiles")):
        pooled = np.concatenate([scores[s.name] for s in samples if s.is_signal is kind])
        targets[name] = np.quantile(pooled, fractions)
    last = len(positions) - 2
    return {n: np.clip(np.searchsorted(positions, x), 1, last) for n, x in targets.items()}
