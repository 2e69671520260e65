"""A training step: batch, histograms, objective, update."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from hone.errors import InputError
from hone.events.event_sets import EventSets, hard_histograms
from hone.events.streamed_sets import StreamedSets
from hone.likelihood.arrays import namespace
from hone.likelihood.histfactory import Model
from hone.observable import Observable
from hone.observable.soft import yields_and_variances
from hone.statmodel.channels import Channels
from hone.statmodel.filling import fill, template_model
from hone.statmodel.templates import Histogram
from hone.statmodel.workspace import Process
from hone.training.batches import Data, draw_batch, on_device
from hone.training.devices import ONE_DEVICE, Devices
from hone.training.objectives import OF_EVENTS, Objective, binary_cross_entropy, cross_entropy
from hone.training.optimiser import averaged, make_optimiser
from hone.training.penalties import penalty, regularisation
from hone.training.settings import Settings
from hone.training.streaming import Streamed

__all__ = ["Problem", "State", "fittable_histograms", "make_step"]

_DROPOUT = 2**32 - 1
"""Of the keys of a step; those of the draws of sets are smaller."""
_TRACE = 1e-6
"""Fraction of each sample's yield added to every bin in training (neos adds 1e-3 events)."""


class State(NamedTuple):
    """What changes from step to step; batches follow from the seed and the step."""

    trainable: Any
    optimiser: Any
    averaged: Any
    """What is validated and kept: the average of ``trainable``, or the same."""
    skipped: Int[Array, ""]
    """Steps whose loss, gradient or update was not finite."""
    last_skipped: Int[Array, ""]
    """The last such step, -1 if there is none."""

    @classmethod
    def first(cls, settings: Settings, trainable: Any) -> "State":
        """Before the first step; of the types that a step gives, or it would be compiled twice."""
        memory, skipped, last_skipped = _before_first(settings, trainable)
        return cls(trainable, memory, trainable, skipped, last_skipped)


@partial(jax.jit, static_argnames="settings")
def _before_first(settings: Settings, trainable: Any) -> Any:
    """Memory of the optimiser, and that no step was skipped."""
    return make_optimiser(settings).init(trainable), jnp.array(0), jnp.array(-1, int)


class Problem(NamedTuple):
    """The statistical model that is trained on, and the source of its yields."""

    settings: Settings
    samples: Sequence[Process]
    model: Model
    """From :func:`hone.statmodel.filling.template_model`."""
    of_model: Objective | None
    """The objective of the likelihood, None for one of events."""
    templates: Mapping[str, Sequence[str]]
    """Templates of each set of events, the one of the same name first."""
    channels: Channels
    fixed: Mapping[str, Sequence[Histogram]]
    """By template, the histograms of regions without the observable."""
    evaluation: Mapping[str, float]
    """Evaluation events of each set, if not a setting."""
    yields: Mapping[str, float]
    """Yield of each set of events with its nominal weights."""
    devices: Devices = ONE_DEVICE
    """That the events of a batch are spread over."""

    @classmethod
    def of(
        cls,
        settings: Settings,
        samples: Sequence[Process],
        training: EventSets | StreamedSets,
        of_model: Objective | None,
        bins: int,
    ) -> "tuple[Problem, Data | Streamed]":
        """The problem of a training set, and its events on the device, or where they are.

        Raises:
            InputError: an objective without a function.
        """
        if settings.objective not in OF_EVENTS and of_model is None:
            raise InputError(f"objective: {settings.objective!r} needs a function of the model")
        nominal_only = settings.objective in ("bce", "cross_entropy")
        data: Data | Streamed
        if isinstance(training, StreamedSets):
            data, templates = Streamed.of(training, samples, settings, nominal_only)
        else:
            data, templates = on_device(training, samples, nominal_only)
        channels = training.channels(bins)
        problem = cls(
            settings,
            samples,
            template_model(samples, channels.sizes, settings.staterror),
            of_model,
            templates,
            channels,
            _with_evaluation_errors(training),
            {n: ratio * training.sizes[n] for n, ratio in training.evaluation.items()},
            training.yields,
        )
        return problem, data

    @property
    def of_events(self) -> bool:
        """Whether the objective is one of events, without histograms."""
        return self.settings.objective in OF_EVENTS

    def loss(
        self,
        observable: Observable,
        batch: Data,
        progress: Any,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, ""]:
        """The training objective of a batch.

        Args:
            observable: that is trained.
            batch: events.
            progress: of the training, from 0 to 1.
            key: of the dropout of a training step; without, there is none.
        """
        if self.of_events:
            return self._cross_entropy(observable, batch, key)
        assert self.of_model is not None
        histograms = self.histograms(observable, batch, progress, key)
        value = self.of_model(fill(self.model, self.samples, histograms))
        return value + penalty(self.settings, *self.background(histograms))

    def histograms(
        self,
        observable: Observable,
        batch: Data,
        progress: Any,
        key: PRNGKeyArray | None = None,
    ) -> dict[str, Histogram]:
        """Soft histograms of a batch, scaled to the yields; arguments as for :meth:`loss`."""
        names = list(batch)
        features = [batch[n].features for n in names]
        responses = self._in_pieces(lambda o, x: o.respond(x), observable, features, key)
        histograms = {}
        for name, response in zip(names, responses, strict=True):
            _, weights, place, rows = batch[name]
            nominal = weights[:, 0]
            shares = self.channels.shares(
                observable.shares(response, observable.widths(response, nominal, progress)), place
            )
            # The error of the evaluation set, not the larger one of a batch.
            number = len(nominal) if rows is None else jnp.count_nonzero(rows >= 0)
            fewer = number / self.evaluation.get(name, self.settings.evaluation_events)
            values, errors = yields_and_variances(weights.T, shares, self.settings.histograms)
            for template, yields in zip(self.templates[name], values, strict=True):
                soft = with_trace(Histogram(yields, errors * fewer), self.yields[name])
                histograms[template] = self.channels.joined(soft, self.fixed.get(template, []))
        return histograms

    def background(
        self, histograms: Mapping[str, Histogram]
    ) -> tuple[Float[Array, " B"], Float[Array, " B"]]:
        """Nominal background per bin and its variance."""
        chosen = [histograms[s.name] for s in self.samples if not s.is_signal]
        xp = namespace(chosen)
        values, variances = (xp.sum(xp.stack(parts), axis=0) for parts in zip(*chosen, strict=True))
        return values, variances

    def _cross_entropy(
        self, observable: Observable, batch: Data, key: PRNGKeyArray | None
    ) -> Float[Array, ""]:
        features = [found.features for found in batch.values()]
        found = self._in_pieces(lambda o, x: o.logits(x), observable, features, key)
        logits = dict(zip(batch, found, strict=True))
        return self.of_logits(logits, batch)

    def of_logits(self, logits: Mapping[str, Array], data: Any) -> Float[Array, ""]:
        """The cross-entropy of events, from what a classifier makes of each set of them."""
        of_classes = [self._class(names, logits, data) for names in self.settings.classes]
        if of_classes:
            return cross_entropy(of_classes)
        of_signal = [s.name for s in self.samples if s.is_signal]
        others = [s.name for s in self.samples if not s.is_signal]
        return binary_cross_entropy(
            self._class(of_signal, logits, data), self._class(others, logits, data)
        )

    def _class(
        self, names: Sequence[str], logits: Mapping[str, Array], data: Any
    ) -> tuple[Array, Array]:
        """Logits and weights of all templates of some samples in ``data``."""
        own = {t.name for s in self.samples if s.name in names for t in s.templates()}
        parts = [
            (logits[name], data[name].weights[:, k])
            for name in data
            for k, template in enumerate(self.templates[name])
            if template in own
        ]
        return jnp.concatenate([p[0] for p in parts]), jnp.concatenate([p[1] for p in parts])

    def _in_pieces(
        self,
        function: Callable[[Observable, Array], Any],
        observable: Observable,
        events: list[Array],
        key: PRNGKeyArray | None,
    ) -> list[Any]:
        """What an observable makes of the events of all sets, at once or piece by piece.

        In the second case each piece is recomputed for its gradient (``jax.checkpoint``), which
        needs the memory of one piece only. The dropout of an event is the same in both.
        """
        everything, pieces = jnp.concatenate(events), self.settings.accumulate
        missing = -len(everything) % (pieces * self.devices.number)
        if missing:  # sets of different sizes
            everything = jnp.pad(everything, ((0, missing), (0, 0)), mode="edge")
        keys = None if key is None else jax.random.split(key, len(everything))

        def of_piece(piece: Array, keys: PRNGKeyArray | None) -> Any:
            return function(observable if keys is None else observable.in_training(keys), piece)

        if pieces == 1:
            found = of_piece(self.devices.spread(everything), keys)
        else:
            split = everything.reshape(pieces, -1, everything.shape[1])
            split = self.devices.spread(split, axis=1)
            keys = None if keys is None else keys.reshape(pieces, -1)
            found = jax.lax.map(jax.checkpoint(lambda piece: of_piece(*piece)), (split, keys))
            found = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), found)
        # A few numbers of each event: every device gets all, and goes on with its part of each set.
        found = self.devices.everywhere(found)
        ends = list(itertools.accumulate(map(len, events)))
        return [
            self.devices.spread(jax.tree.map(lambda x, start=start, end=end: x[start:end], found))
            for start, end in zip([0, *ends], ends, strict=False)
        ]


def _with_evaluation_errors(events: EventSets | StreamedSets) -> dict[str, list[Histogram]]:
    """Histograms of regions without the observable, with the errors of the evaluation set."""
    found = {}
    for template, histograms in events.fixed.items():
        ratio = events.evaluation.get(events.events_of(template), 1.0)
        found[template] = [Histogram(h.values, h.variances / ratio) for h in histograms]
    return found


def fittable_histograms(
    observable: Observable, events: EventSets, scores: Mapping[str, np.ndarray]
) -> dict[str, Histogram]:
    """:func:`hone.events.event_sets.hard_histograms` with a trace in every bin, as in training."""
    hard = hard_histograms(observable, events, scores)
    return {name: with_trace(histogram, histogram.values.sum()) for name, histogram in hard.items()}


def with_trace(histogram: Histogram, total: Any) -> Histogram:
    """A histogram with a small yield added to every bin, with an uncertainty of 100 %.

    A bin without events has no gradient, and one with events of a variation only has no fit.

    Args:
        histogram: yields and variances (B,).
        total: yield of which a small fraction is added, by its size.
    """
    trace = _TRACE * abs(total)
    return Histogram(histogram.values + trace, histogram.variances + trace**2)


def make_step(
    problem: Problem, frozen: Any
) -> Callable[[State, PRNGKeyArray, Int[Array, ""], Data], tuple[State, Float[Array, ""]]]:
    """The function of one step: (state, key of the seed, step, data) to (state, loss).

    A step with a loss, gradient or update that is not finite is skipped and counted.
    """
    settings = problem.settings
    optimiser = make_optimiser(settings)

    def step(
        state: State, key: PRNGKeyArray, number: Int[Array, ""], data: Data
    ) -> tuple[State, Float[Array, ""]]:
        # The batch depends on seed and step only: a training can resume at any step.
        key = jax.random.fold_in(key, number)
        batch = problem.devices.everywhere(draw_batch(data, settings.batch, key))
        drops = jax.random.fold_in(key, _DROPOUT)

        def loss_of(trainable: Any) -> Float[Array, ""]:
            observable = eqx.combine(trainable, frozen)
            value = problem.loss(observable, batch, number / settings.steps, drops)
            return value + regularisation(settings, observable.matrices())

        loss, gradient = eqx.filter_value_and_grad(loss_of)(state.trainable)
        updates, memory = optimiser.update(gradient, state.optimiser, state.trainable, value=loss)
        norms = [optax.tree.norm(gradient), optax.tree.norm(updates)]
        finite = jnp.isfinite(jnp.stack([loss, *norms])).all()
        new = (eqx.apply_updates(state.trainable, updates), memory)
        kept = jax.tree.map(
            lambda a, b: jnp.where(finite, a, b), new, (state.trainable, state.optimiser)
        )
        return State(
            *kept,
            averaged=averaged(settings, state.averaged, kept[0], number),
            skipped=state.skipped + ~finite,
            last_skipped=jnp.where(finite, state.last_skipped, number),
        ), loss

    return step
