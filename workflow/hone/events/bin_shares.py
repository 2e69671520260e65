"""Shares of events in the bins of an observable, one compiled program for all."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from hone.events.ntuples import PIECE
from hone.observable import Observable
from hone.observable.base import finite
from hone.statmodel.channels import Channels

__all__ = ["BLOCK", "PIECE", "BinShares", "edges_of", "number_of_bins"]

BLOCK = 4096
"""Events of a piece at a time, whose shares and weights fit into the processor's cache."""
_SCORED = 512
"""Events of a block at a time, of which the network's hidden layers fit into it."""
_COMPILER = ThreadPoolExecutor(1)


@eqx.filter_jit
def edges_of(observable: Observable) -> jax.Array:
    """Bin edges (B + 1,) of an observable."""
    return observable.edges


def number_of_bins(observable: Observable) -> int:
    """Of an observable, without computing its edges."""
    shape: tuple[int] = eqx.filter_eval_shape(edges_of, observable).shape
    return shape[0] - 1


class BinShares:
    """Shares of events in the hard and in the soft bins of all regions with an observable.

    Their program is compiled in a thread, while the first events are read.

    Args:
        observable: that scores.
        channels: of all regions.
    """

    def __init__(self, observable: Observable, channels: Channels) -> None:
        self._has_places = len(channels.trained) > 1
        # JAX would flatten the observable again for each of thousands of pieces.
        leaves, structure = jax.tree.flatten(observable)
        self._numbers = tuple(x if eqx.is_array(x) else None for x in leaves)
        rest = (structure, *(None if eqx.is_array(x) else x for x in leaves))
        self._widths = np.ones(PIECE) if observable.widths_follow_events else None
        edges = np.empty(channels.observable_bins + 1)
        events, places = np.empty((PIECE, len(observable.features))), np.empty(PIECE, np.int8)
        arguments = self._numbers, edges, events, self._widths, places if self._has_places else None
        self._program = _compiled(rest, channels, jax.tree.map(_without_numbers, arguments))
        self._edges = np.asarray(edges_of(observable))

    def __call__(
        self, features: np.ndarray, place: np.ndarray, widths: np.ndarray | None
    ) -> jax.Array:
        """Also whether events pass the cuts, and whether their score is a number: blocks
        (k, 2 R b + 2, ``BLOCK``), which are computed while the caller goes on.

        Args:
            features: of up to ``PIECE`` events, float64 (n, F); the last blocks are of no events.
            place: number of each event's region with the observable, int8 (n,).
            widths: softness of the bins for each event, if it depends on all events and the soft
                bins are wanted.
        """
        found: jax.Array = self._program.result()(
            self._numbers,
            self._edges,
            _filled(features),
            self._widths if widths is None else _filled(widths, 1.0),
            _filled(place) if self._has_places else None,
        )
        return found


def _without_numbers(array: Any) -> jax.ShapeDtypeStruct:
    """What a program depends on: a network of a training on several devices is on all of them."""
    sharding = array.sharding if getattr(array, "committed", False) else None
    weak = getattr(array, "weak_type", False)
    return jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=sharding, weak_type=weak)


def _filled(values: np.ndarray, filling: float = 0.0) -> np.ndarray:
    """Values padded to a whole piece of events."""
    missing = PIECE - len(values)
    if not missing:
        return values
    return np.pad(values, [(0, missing), *[(0, 0)] * (values.ndim - 1)], constant_values=filling)


@cache
def _compiled(rest: Any, channels: Channels, shapes: Any) -> Future[Any]:
    """``_shares`` for arguments of these shapes."""
    return _COMPILER.submit(_shares.lower(rest, channels, *shapes).compile)


@partial(jax.jit, static_argnames=("rest", "channels"))
def _shares(
    rest: Any,
    channels: Channels,
    numbers: Sequence[Any],
    edges: Any,
    events: Any,
    widths: Any,
    place: Any,
) -> jax.Array:
    """Shares of events in the hard and in the soft bins of all regions with the observable, whether
    they pass the cuts, and whether their score is a number: blocks (k, 2 R b + 2, n / k)."""
    structure, *others = rest
    leaves = [other if x is None else x for x, other in zip(numbers, others, strict=True)]
    observable = jax.tree.unflatten(structure, leaves)

    def of_block(block: Any) -> jax.Array:
        events, widths, place = block
        response = _in_parts(observable.respond, events, min(_SCORED, BLOCK))
        if widths is None:
            widths = observable.widths(response, jnp.ones(len(events)), 1.0)
        scores = observable.hard(response)
        shares = [
            channels.shares(part, place)
            for part in (
                _hard_shares(scores, jnp.asarray(edges)),
                observable.shares(response, widths),
            )
        ]
        passing = ~jnp.isnan(scores) if observable.has_cuts else jnp.ones(len(scores))
        rest_of = jnp.stack([passing, finite(response)]).astype("float64")
        return jnp.concatenate([*(part.T for part in shares), rest_of])

    blocks = jax.tree.map(
        lambda x: jnp.asarray(x).reshape(-1, BLOCK, *x.shape[1:]), (events, widths, place)
    )
    found: jax.Array = jax.lax.map(of_block, blocks)
    return found


def _in_parts(function: Callable[[Any], Any], events: Any, size: int) -> Any:
    """A function of events of so many at a time; a PyTree of arrays for all of them."""
    found = jax.lax.map(function, events.reshape(-1, size, *events.shape[1:]))
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), found)


def _hard_shares(scores: Any, edges: Any) -> jax.Array:
    """1 in the bin of an event by :func:`hone.sums.bin_of`, 0 in others and after cuts (n, B)."""
    beyond = jnp.concatenate(
        [~jnp.isnan(scores)[None], scores >= edges[1:-1, None], jnp.zeros((1, len(scores)), bool)]
    ).astype("float64")
    return (beyond[:-1] - beyond[1:]).T
