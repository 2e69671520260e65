"""The training loop, compiled between validations, for one or several seeds."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from hone.analysis.observables import ObservableSettings
from hone.errors import FitError, InputError
from hone.events.event_sets import EventSets
from hone.events.streamed_sets import StreamedSets
from hone.observable import Observable, create_observable
from hone.statmodel.channels import bin_name
from hone.statmodel.workspace import Process, rates_below_zero
from hone.training.batches import Data
from hone.training.checkpoint import Checkpoint, Progress, Record
from hone.training.devices import Devices, in_first_process
from hone.training.objectives import LOGARITHMS, Objective
from hone.training.settings import Settings
from hone.training.snapshots import Snapshots
from hone.training.step import Problem, State, make_step
from hone.training.streaming import Streamed, advancing, draw
from hone.training.validation import make_validation

__all__ = ["Trained", "history_of_trial", "train"]

log = logging.getLogger(__name__)

_SECONDS_BETWEEN_LINES = 2.0
"""The history has every validation; the log need not."""

Row = dict[str, float]


@dataclass(frozen=True)
class Trained:
    """The observable with the best validation objective, that objective, and the history."""

    observable: Observable
    objective: float
    history: list[Row]
    snapshots: Snapshots


def train(
    settings: Settings,
    observable: ObservableSettings,
    features: Sequence[str],
    samples: Sequence[Process],
    training: EventSets | StreamedSets,
    validation: EventSets,
    seeds: Sequence[int],
    of_model: Objective | None = None,
    level: float = 0.05,
    checkpoint: Checkpoint | None = None,
    starts: Sequence[Observable] = (),
) -> list[Trained]:
    """Train an observable with each seed and keep the weights with the best validation objective.

    Several seeds are trained in one program (``jax.vmap``) with the same steps as one by one; on a
    GPU this takes hardly longer than a single seed.

    Args:
        settings: of the training.
        observable: of the analysis.
        features: names of the inputs.
        samples: processes of the hypothesis.
        training: events for the batches.
        validation: events for the hard histograms of the validation.
        seeds: of initial weights and batches.
        of_model: objective of the likelihood; None for objectives of events.
        level: CLs at the limit that the validation shows.
        checkpoint: to resume from, and to write.
        starts: trained observables whose weights each seed starts from. They are validated as
            step 0, and may be the best; so are fresh weights, which may not: what would be their
            ``validation_objective`` is ``untrained_objective`` in the history.

    Raises:
        InputError: an objective without a function.
        FitError: too many steps, or all, were not finite; or no validation objective was finite.
    """
    nominal = [training.typical(sample.name) for sample in samples]
    keys = [_keys(seed) for seed in seeds]
    fresh = [create_observable(observable, features, nominal, init) for init, _ in keys]
    if starts:
        fresh = [new.started_from(start) for new, start in zip(fresh, starts, strict=True)]
    devices = Devices.of(settings.devices)
    problem, data = Problem.of(settings, samples, training, of_model, fresh[0].bins)
    local = data
    if not isinstance(data, Streamed):
        data = devices.put(data)
        local = devices.taken(data)
    parts = [eqx.partition(o, o.trainable()) for o in fresh]
    frozen = parts[0][1]
    batch_keys = [key for _, key in keys]
    states = [State.first(settings, trainable) for trainable, _ in parts]
    bests = [state.trainable for state in states]
    reels = [Snapshots.of(settings, state.trainable) for state in states]
    progress: list[Progress] = [
        {"history": [], "best": np.inf, "waited": 0, "stopped": False} for _ in seeds
    ]
    validate = in_first_process(make_validation(problem, validation, level))
    step = make_step(problem._replace(devices=devices), frozen)
    advance = advancing(step, data, devices, together=len(seeds) > 1)

    done, spent = 0, 0.0
    like = states, bests, reels
    found = in_first_process(_loaded)(checkpoint, like) if checkpoint else None
    if found is not None:
        leaves, record = found
        states, bests, reels = jax.tree.unflatten(jax.tree.structure(like), leaves)
        done, spent = record["step"], record["seconds"]
        progress = record["progress"]
    else:
        for standing, new in zip(progress, fresh, strict=True):
            row = {"step": 0, "training_objective": np.nan, **validate(new, 0.0)}
            row |= {"skipped": 0, "seconds": 0.0}
            if starts:
                _settle(standing, row, settings.patience)
            else:
                # To be looked at: weights that no step has changed are nothing to keep.
                untrained = {"untrained_objective": row["validation_objective"]}
                standing["history"].append(row | untrained | {"validation_objective": np.nan})
    state, key = devices.put((_joined(states), _joined(batch_keys)))
    started, said = time.monotonic(), [-np.inf] * len(seeds)
    while done < settings.steps and not all(p["stopped"] for p in progress):
        steps = np.arange(done, min(done + settings.validate_every, settings.steps))
        with devices.named():
            state, losses = advance(state, key, steps, data)
            states = list(_apart(devices.taken(state), len(seeds)))
            losses = np.reshape(np.asarray(losses), (len(seeds), -1))
        done += len(steps)
        for k, standing in enumerate(progress):
            _refuse_skipped(problem, states[k], frozen, local, batch_keys[k], seeds[k], done)
            if standing["stopped"]:
                continue
            current = eqx.combine(states[k].averaged, frozen)
            finite = losses[k][np.isfinite(losses[k])]
            row = {
                "step": done,
                "training_objective": float(finite.mean()) if len(finite) else np.nan,
                **validate(current, done / settings.steps),
                "skipped": int(states[k].skipped),
                "seconds": spent + time.monotonic() - started,
            }
            if _settle(standing, row, settings.patience):
                bests[k] = states[k].averaged
            reels[k] = reels[k].with_state(done, states[k].averaged)
            seconds = row["seconds"]
            if seconds - said[k] >= _SECONDS_BETWEEN_LINES or done == settings.steps:
                said[k] = seconds
                prefix = f"seed {seeds[k]}  " if len(seeds) > 1 else ""
                _report(standing["history"], settings, prefix)
        if checkpoint:
            seconds = spent + time.monotonic() - started
            in_first_process(checkpoint.save)(
                (states, bests, reels), {"step": done, "seconds": seconds, "progress": progress}
            )
    for seed, standing in zip(seeds, progress, strict=True):
        _refuse_without_result(standing, settings, seed)
    return [
        Trained(eqx.combine(best, frozen), standing["best"], standing["history"], reel)
        for best, standing, reel in zip(bests, progress, reels, strict=True)
    ]


@jax.jit
def _keys(seed: int) -> tuple[PRNGKeyArray, PRNGKeyArray]:
    """Of the initial weights, and of the batches."""
    init, batches = jax.random.split(jax.random.key(seed))
    return init, batches


def history_of_trial(run: Callable[[], Sequence[Trained]]) -> list[Row]:
    """The history of a training that may fail; then it is one row without an objective.

    Args:
        run: trains with one seed.
    """
    try:
        (trained,) = run()
    except FitError as error:
        log.warning("this trial cannot be chosen: %s", error)
        return [{"step": 0, "validation_objective": np.nan}]
    return trained.history


def _loaded(checkpoint: Checkpoint, like: Any) -> tuple[list[Any], Record] | None:
    """A checkpoint without classes: those of a user's own are of no other process."""
    found = checkpoint.load(like)
    return None if found is None else (jax.tree.leaves(found[0]), found[1])


def _joined(trees: Sequence[Any]) -> Any:
    return trees[0] if len(trees) == 1 else _stacked(tuple(trees))


def _apart(tree: Any, size: int) -> Sequence[Any]:
    return [tree] if size == 1 else _split(tree, size)


# In one program each: operations on every leaf alone would be compiled for every shape.
@jax.jit
def _stacked(trees: tuple[Any, ...]) -> Any:
    return jax.tree.map(lambda *x: jnp.stack(x), *trees)


@partial(jax.jit, static_argnums=1)
def _split(tree: Any, size: int) -> tuple[Any, ...]:
    return tuple(jax.tree.map(lambda x, k=k: x[k], tree) for k in range(size))


def _settle(standing: Progress, row: Row, patience: int) -> bool:
    """Record a validation; True if it is the best so far."""
    standing["history"].append(row)
    value = row["validation_objective"]
    # An infinite significance comes from a bin without background.
    better = bool(np.isfinite(value)) and value < standing["best"]
    standing["best"] = row["validation_objective"] if better else standing["best"]
    standing["waited"] = 0 if better else standing["waited"] + 1
    if patience and standing["waited"] >= patience:
        standing["stopped"] = True
        log.info("no better validation in %d: training ends at step %d", patience, row["step"])
    return better


def _refuse_skipped(
    problem: Problem,
    state: State,
    frozen: Any,
    data: Data | Streamed,
    key: PRNGKeyArray,
    seed: int,
    done: int,
) -> None:
    """Refuse a training that skips too many or all steps."""
    settings, skipped = problem.settings, int(state.skipped)
    if skipped <= settings.max_skipped and skipped < done:
        return
    number = int(state.last_skipped)
    observable = eqx.combine(state.trainable, frozen)
    batch = draw(data, settings.batch, jax.random.fold_in(key, number))
    allowed = (
        f"{settings.max_skipped} are allowed (max_skipped)"
        if skipped > settings.max_skipped
        else "no step was taken"
    )
    raise FitError(
        f"seed {seed}: {skipped} steps had a loss, gradient or update that is not finite, the last "
        f"one step {number}; {allowed}. "
        + _cause(problem, observable, batch, number / settings.steps)
    )


def _cause(problem: Problem, observable: Observable, batch: Data, progress: float) -> str:
    """The sample or bin that makes the objective of a batch infinite, as far as it is known."""
    for name, (events, weights, *_) in batch.items():
        if not np.isfinite(np.asarray(events)).all():
            return f"Events of {name!r} have a feature that is not finite."
        if not np.isfinite(np.asarray(weights)).all():
            return f"The weights of {name!r} in the batch add up to zero."
        try:
            observable.score(np.asarray(events))
        except InputError as error:
            return f"In the batch of {name!r}, {error}, or try a lower learning_rate."
    if not np.isfinite(problem.settings.learning_rate):
        return f"The learning_rate is {problem.settings.learning_rate}."
    if problem.of_events:
        return "Try a lower learning_rate."
    histograms = jax.jit(lambda x: problem.histograms(observable, x, progress))(batch)
    channels = problem.channels.sizes
    for name, histogram in histograms.items():
        values = np.asarray(histogram.values)
        if not np.isfinite(values).all():
            return f"The soft histogram of {name!r} is not finite: try a lower learning_rate."
    for found in rates_below_zero(problem.samples, histograms, channels):
        where = bin_name(found.bin, channels)
        return f"In the soft histograms of the batch, {where}: {found}, or a larger batch."
    background = np.asarray(problem.background(histograms)[0])
    lowest = int(np.argmin(background))
    where = bin_name(lowest, channels)
    if (background <= 0).any():
        return (
            f"No background is left in {where}: use fewer bins, a larger batch, or set "
            "minimum_background."
        )
    return (
        "All histograms are finite, so a fit did not converge; the lowest background is "
        f"{background[lowest]:.3g} in {where}: set minimum_background."
    )


def _refuse_without_result(standing: Progress, settings: Settings, seed: int) -> None:
    if np.isfinite(standing["best"]):
        return
    raise FitError(
        f"seed {seed}: no validation of the training gave a finite {settings.objective!r} "
        f"objective; {standing['history'][-1]['skipped']} of {settings.steps} steps were skipped. "
        "Is a bin empty in every template? Try fewer bins, a larger batch or minimum_background."
    )


def _report(history: list[Row], settings: Settings, prefix: str) -> None:
    """Log the progress; the rate is that of the last steps, without compilation."""
    row, before = history[-1], history[-2] if len(history) > 1 else {"step": 0, "seconds": 0.0}
    rate = (row["step"] - before["step"]) / max(row["seconds"] - before["seconds"], 1e-9)
    log.info(
        "%sstep %d/%d  %.3g steps/s  ETA %.0f s  %s: training %.4f  validation %.4f  CLs %.3g",
        prefix,
        row["step"],
        settings.steps,
        rate,
        (settings.steps - row["step"]) / rate,
        f"ln {settings.objective}" if settings.objective in LOGARITHMS else settings.objective,
        row["training_objective"],
        row["validation_objective"],
        row["validation_cls"],
    )
