"""A network that a function of the user's own makes."""

import dataclasses
import inspect
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from hone.analysis.leading import padded_groups
from hone.analysis.observables import OfNetwork
from hone.analysis.own_code import OwnFunction
from hone.errors import InputError
from hone.observable.scaling import Events, Standardised
from hone.sentinels import PADDING

__all__ = ["OwnNetwork"]

_TRIED = 1000
"""Events of the first forward pass."""


class OwnNetwork(Standardised):
    """Standardised features, then an equinox module of the user's own."""

    body: Any
    """Maps an event (F,) to its outputs (outputs,). If it takes a ``mask``, it gets what of the
    event is there, bool (F,); if a ``key``, that of its dropout in training, otherwise None."""
    own: OwnFunction = eqx.field(static=True)
    """That made the body."""
    keys: PRNGKeyArray | None
    """Of the dropout of each event of a training step (N,); None outside of training."""

    @classmethod
    def create(
        cls,
        settings: OfNetwork,
        outputs: int,
        features: Sequence[str],
        events: Events,
        key: PRNGKeyArray,
    ) -> "OwnNetwork":
        """A fresh network, tried with some of the events.

        Args:
            settings: of the observable; with an architecture.
            outputs: how many numbers an event gets.
            features: names (F,), for messages.
            events: of the training, of each sample, which set the scaling, float (n, F).
            key: of the initial weights.

        Raises:
            InputError: the function cannot be loaded, raises, or does not make such a module.
        """
        own, padded = settings.architecture, padded_groups(features)
        assert own is not None
        name, function = f"architecture: {own.function!r}", own.load("architecture")
        try:
            body = function(len(features), outputs, key)
        except Exception as error:
            raise InputError(f"{name} raised {type(error).__name__}: {error}") from error
        if not isinstance(body, eqx.Module):
            raise InputError(f"{name} must return an equinox module, not {body!r}")
        if padded and not (callable(body) and _takes(body, "mask")):
            raise InputError(
                f"{name}: the features {', '.join(padded)} are padded; its module must be called "
                "with a mask of what is there, __call__(self, x, mask)"
            )
        weights, rest = eqx.partition(body, eqx.is_inexact_array)
        if not jax.tree.leaves(weights):
            raise InputError(f"{name} returns a module without floating point arrays to train")
        weights = jax.tree.map(lambda x: jnp.asarray(x, settings.precision), weights)
        made = cls(
            body=eqx.combine(weights, rest),
            own=own,
            keys=None,
            precision=settings.precision,
            **cls.scaling(events, features, masked=True),
        )
        first = events if isinstance(events, np.ndarray) else np.concatenate(events)
        tried = np.concatenate([first[:_TRIED], first[:1]])
        for columns in padded.values():
            tried[-1, columns] = PADDING
        made._try(name, outputs, tried, list(padded))
        return made

    def _try(self, name: str, outputs: int, events: np.ndarray, padded: list[str]) -> None:
        """Refuse what it makes of events (n, F), of which the last has nothing that is padded."""
        try:
            found = self(jnp.asarray(events))
            keys = jax.random.split(jax.random.key(0), len(events))
            self.in_training(keys)(jnp.asarray(events))
        except Exception as error:
            raise InputError(
                f"{name}: its module, called with the features of one event (shape "
                f"({events.shape[1]},)), raised {type(error).__name__}: {error}"
            ) from error
        shape, dtype = getattr(found, "shape", (0,))[1:], getattr(found, "dtype", type(found))
        if shape != (outputs,) or not jnp.issubdtype(dtype, jnp.floating):
            raise InputError(
                f"{name}: its module must return real numbers of shape ({outputs},) for the "
                f"features of one event, not {dtype} of shape {shape}"
            )
        # While a file is read there are shapes without numbers.
        if not isinstance(found, jax.core.Tracer) and not np.isfinite(found).all():
            raise InputError(
                f"{name}: its module returns numbers that are not finite before any training"
                + f", for an event without any {', '.join(padded)}"
                * bool(np.isfinite(found[:-1]).all())
            )

    def __call__(self, events: Float[Array, "N F"]) -> Float[Array, "N outputs"]:
        body: Any = self.body
        more: dict[str, Array | PRNGKeyArray | None] = {}
        if _takes(body, "mask"):
            more["mask"] = there = events != PADDING
            events = jnp.where(there, events, self.mean)
        if _takes(body, "key"):
            body = eqx.nn.inference_mode(body) if self.keys is None else body
            more["key"] = self.keys
        outputs: Float[Array, "N outputs"]
        outputs = jax.vmap(lambda x, more: body(x, **more))(self.inputs(events), more)
        return outputs

    def in_training(self, keys: PRNGKeyArray) -> "OwnNetwork":
        return dataclasses.replace(self, keys=keys) if _takes(self.body, "key") else self

    def started_from(self, other: "OwnNetwork") -> "OwnNetwork":
        return other

    def trainable(self) -> Any:
        marks = jax.tree.map(lambda _: False, self)
        return eqx.tree_at(lambda n: n.body, marks, jax.tree.map(eqx.is_inexact_array, self.body))

    def matrices(self) -> list[Array]:
        weights = jax.tree.leaves(eqx.filter(self.body, eqx.is_inexact_array))
        return [leaf for leaf in weights if leaf.ndim > 1]


def _takes(body: Any, name: str) -> bool:
    """Whether a module is called with an argument of a name."""
    return name in inspect.signature(body).parameters
