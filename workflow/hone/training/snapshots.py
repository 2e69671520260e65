"""Snapshots of an observable during training, for animations."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from safetensors import SafetensorError, safe_open

from hone.errors import InputError
from hone.observable import Observable
from hone.observable.storage import load_tensors, save_tensors
from hone.training.settings import Settings

__all__ = ["Snapshots", "load_snapshots"]

_MOST = 25
_LARGEST = 5_000_000
"""Most numbers in all snapshots of a seed; large networks have fewer snapshots."""


class Snapshots(NamedTuple):
    """N snapshots of one seed, filled during training."""

    steps: np.ndarray
    """int (N,): 0, and evenly spaced validated steps up to the last."""
    numbers: Any
    """The trained part of the observable, each leaf (N, ...); zero for steps to come."""

    @classmethod
    def of(cls, settings: Settings, trainable: Any) -> "Snapshots":
        """Empty snapshots but the first, the observable before training."""
        size = sum(x.size for x in jax.tree.leaves(trainable))
        most = max(2, min(_MOST, _LARGEST // max(size, 1)))
        every = settings.validate_every
        last = -(-settings.steps // every)
        chosen = np.unique(np.linspace(0, last, min(most, last + 1)).round().astype(int))
        steps = np.minimum(chosen * every, settings.steps)
        numbers = jax.tree.map(lambda x: np.zeros((len(steps), *x.shape), x.dtype), trainable)
        return cls(steps, numbers).with_state(0, trainable)

    def with_state(self, step: int, trainable: Any) -> "Snapshots":
        """With the state at this step, if there is a snapshot of it."""
        (places,) = np.nonzero(self.steps == step)
        if not len(places):
            return self

        def put(numbers: np.ndarray, state: Any) -> np.ndarray:
            numbers = numbers.copy()
            numbers[places[0]] = state
            return numbers

        return self._replace(numbers=jax.tree.map(put, self.numbers, trainable))

    def save(self, path: str | Path, last: int, provenance: Mapping[str, object]) -> None:
        """Write those up to the ``last`` step as safetensors."""
        reached = self.steps <= last
        numbers = jax.tree.map(lambda x: x[reached], self.numbers)
        metadata = {
            "steps": json.dumps(self.steps[reached].tolist()),
            "provenance": json.dumps(dict(provenance), sort_keys=True),
        }
        save_tensors(path, numbers, metadata)


def load_snapshots(path: str | Path, observable: Observable) -> list[tuple[int, Observable]]:
    """Steps, and the observable at each of them.

    Args:
        path: the file.
        observable: the trained one.

    Raises:
        InputError: the file is damaged, or belongs to another observable.
    """
    trainable, frozen = eqx.partition(observable, observable.trainable())
    try:
        with safe_open(path, framework="numpy") as file:
            steps = json.loads(file.metadata()["steps"])
        like = jax.tree.map(lambda x: np.zeros((len(steps), *x.shape), x.dtype), trainable)
        numbers, _ = load_tensors(path, like)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: no snapshots of this training ({type(error).__name__}: {error}); delete it "
            "to remake them"
        ) from error
    return [
        (step, eqx.combine(jax.tree.map(lambda x, k=k: jax.device_put(x[k]), numbers), frozen))
        for k, step in enumerate(steps)
    ]
