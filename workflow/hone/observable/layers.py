"""Fully connected networks, of standardised features."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from hone.analysis.observables import OfNetwork
from hone.observable.own_network import OwnNetwork
from hone.observable.scaling import Events, Standardised

__all__ = ["make_network"]

ACTIVATION = {
    "relu": jax.nn.relu,
    "elu": jax.nn.elu,
    "selu": jax.nn.selu,
    "gelu": jax.nn.gelu,
    "swish": jax.nn.swish,
    "tanh": jnp.tanh,
    "softplus": jax.nn.softplus,
}
"""Activations by name; gelu in its approximation by tanh."""


class _Hidden(eqx.Module):
    """A fully connected layer, its normalisation, activation and dropout."""

    linear: eqx.nn.Linear
    norm: eqx.nn.LayerNorm | None
    activation: str = eqx.field(static=True)
    dropout: float = eqx.field(static=True)
    residual: bool = eqx.field(static=True)

    def __call__(self, x: Float[Array, " before"], key: PRNGKeyArray | None) -> Array:
        # In training steps of mixed precision the weights are of fewer bits; biases never are.
        y = self.linear(x.astype(self.linear.weight.dtype))
        if self.norm is not None:
            y = self.norm(y)
        y = ACTIVATION[self.activation](y)
        if key is not None and self.dropout:
            y = eqx.nn.Dropout(self.dropout)(y, key=key)
        return x + y if self.residual else y


_LAYERS = ("hidden", "activation", "normalisation", "dropout", "residual", "dtype")


# One program for all seeds: outside of one, each operation of JAX is a program.
@partial(jax.jit, static_argnames=("inputs", "outputs", *_LAYERS))
def _initial_layers(
    key: PRNGKeyArray,
    inputs: int,
    outputs: int,
    hidden: tuple[int, ...],
    activation: str,
    normalisation: str,
    dropout: float,
    residual: bool,
    dtype: str,
) -> tuple[tuple[_Hidden, ...], eqx.nn.Linear]:
    """Layers with random weights."""
    sizes, layers = [inputs, *hidden], []
    keys = jax.random.split(key, len(hidden))
    for k, before, after in zip(keys, sizes, hidden, strict=False):
        norm = eqx.nn.LayerNorm(after, dtype=np.dtype(dtype)) if normalisation == "layer" else None
        layers.append(
            _Hidden(
                linear=eqx.nn.Linear(before, after, dtype=np.dtype(dtype), key=k),
                norm=norm,
                activation=activation,
                dropout=dropout,
                residual=residual and before == after,
            )
        )
    last = jax.random.fold_in(key, len(hidden))
    return tuple(layers), eqx.nn.Linear(sizes[-1], outputs, dtype=np.dtype(dtype), key=last)


class _Network(Standardised):
    """Standardised features, then fully connected layers."""

    layers: tuple[_Hidden, ...]
    last: eqx.nn.Linear
    keys: PRNGKeyArray | None
    """Of the dropout of each event of a training step (N,); None outside of training."""
    frozen: int = eqx.field(static=True)
    """Number of hidden layers, from the first, that are not trained."""
    multiplies_in: str = eqx.field(static=True)
    """Precision of the products of hidden layers in a training step."""

    @classmethod
    def create(
        cls,
        settings: OfNetwork,
        outputs: int,
        features: Sequence[str],
        events: Events,
        key: PRNGKeyArray,
    ) -> "_Network":
        chosen = {name: getattr(settings, name) for name in _LAYERS}
        chosen["hidden"] = tuple(settings.hidden)
        layers, last = _initial_layers(key, len(features), outputs, **chosen)
        return cls(
            layers=layers,
            last=last,
            keys=None,
            precision=settings.dtype,
            multiplies_in=settings.precision,
            frozen=settings.frozen_layers,
            **cls.scaling(events, features),
        )

    def __call__(self, events: Float[Array, "N F"]) -> Float[Array, "N outputs"]:
        scaled = self.inputs(events)
        outputs: Float[Array, "N outputs"] = jax.vmap(self._of_event)(scaled, self.keys)
        return outputs

    def _of_event(self, x: Float[Array, " F"], key: PRNGKeyArray | None) -> Array:
        for number, layer in enumerate(self.layers):
            x = layer(x, None if key is None else jax.random.fold_in(key, number))
        return self.last(x)

    def in_training(self, keys: PRNGKeyArray) -> "_Network":
        drops = any(layer.dropout for layer in self.layers)
        layers = tuple(
            eqx.tree_at(
                lambda each: each.linear.weight,
                layer,
                replace_fn=lambda w: w.astype(self.multiplies_in),
            )
            for layer in self.layers
        )
        return dataclasses.replace(self, layers=layers, keys=keys if drops else None)

    def started_from(self, other: "_Network") -> "_Network":
        # Their settings stay: dropout may differ.
        layers = jax.tree.unflatten(jax.tree.structure(self.layers), jax.tree.leaves(other.layers))
        return dataclasses.replace(other, layers=layers, frozen=self.frozen)

    def trainable(self) -> Any:
        marks = jax.tree.map(lambda _: False, self)
        layers, last = jax.tree.map(eqx.is_inexact_array, (self.layers, self.last))
        layers = marks.layers[: self.frozen] + layers[self.frozen :]
        return eqx.tree_at(lambda n: (n.layers, n.last), marks, (layers, last))

    def matrices(self) -> list[Array]:
        return [layer.linear.weight for layer in self.layers] + [self.last.weight]


def make_network(
    settings: OfNetwork,
    outputs: int,
    features: Sequence[str],
    events: Events,
    key: PRNGKeyArray,
) -> Standardised:
    """A fresh network with some outputs; other arguments as for :func:`.create_observable`."""
    kind = _Network if settings.architecture is None else OwnNetwork
    return kind.create(settings, outputs, features, events, key)
