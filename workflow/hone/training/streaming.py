"""Many steps of a training in one program, on events in memory or on those of files."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from hone.events.streamed_sets import StreamedSets
from hone.statmodel.workspace import Process
from hone.training.batches import Data, Drawn, Events, draw_batch, draw_places
from hone.training.devices import Devices
from hone.training.settings import Settings

__all__ = ["Streamed", "advancing", "draw"]

_LARGEST = 2**25
"""Bytes of batches that are read at a time; three such pieces are in memory."""

Known = tuple[Array, Array, Array]
"""What :class:`.Drawn` knows of all events."""
Pieces = Iterator[tuple[Int[Array, " n"], "Future[dict[str, Events]]"]]


class Streamed:
    """Batches of events on disk: the same as of :func:`.draw_batch`, read ahead in a thread.

    Args:
        sets: of events.
        columns: number of weights that are wanted, by set.
        settings: of the training.
    """

    def __init__(self, sets: StreamedSets, columns: Mapping[str, int], settings: Settings) -> None:
        self._sets, self._columns, self._settings = sets, columns, settings
        self._populations: dict[str, tuple[int, int, bool]] = {}
        self.small: dict[str, Events] = {}
        """Sets that a batch has all events of."""
        self.known: dict[str, Known] = {}
        """Of all others."""
        size = settings.batch
        for number, name in enumerate(sorted(columns)):
            rows = sets.rows.get(name)
            population = sets.sizes[name] if rows is None else len(rows)
            if population < size:
                parts = sets.take(name, np.arange(sets.sizes[name]), columns[name])
                self.small[name] = Events(*jax.tree.map(jnp.asarray, (*parts, rows)))
                continue
            self._populations[name] = (number, population, rows is not None)
            nominal = jnp.asarray(sets.nominal_weights(name))
            self.known[name] = (nominal.sum(), nominal.min(), jnp.asarray(population / size))
        numbers = sum(sets.features + columns[name] for name in self._populations)
        self._bytes = 8 * size * numbers

    @classmethod
    def of(
        cls,
        sets: StreamedSets,
        samples: Sequence[Process],
        settings: Settings,
        nominal_only: bool = False,
    ) -> "tuple[Streamed, dict[str, list[str]]]":
        """As :func:`.on_device`."""
        nominal = {sample.name for sample in samples}
        templates = {
            name: [name] if nominal_only else sets.templates_of(name)
            for name in sets.files
            if name in nominal or not nominal_only
        }
        columns = {name: len(found) for name, found in templates.items()}
        return cls(sets, columns, settings), templates

    def at(self, key: PRNGKeyArray) -> Data:
        """What :func:`.draw_batch` takes, for the key of a step."""
        drawn = jax.tree.map(jnp.asarray, self.read(self.places(key)))
        return _joined(drawn, self.small, self.known)

    def places(self, keys: PRNGKeyArray) -> dict[str, Array]:
        """Of each set the places of the events of batches (..., n), for the keys of steps (...)."""
        return _places(keys, tuple(self._populations.items()), self._settings.batch)

    def read(self, places: Mapping[str, Array]) -> dict[str, Events]:
        """Of events at places (..., n)."""
        found = {}
        for name, drawn in places.items():
            rows, chosen = self._sets.rows.get(name), np.asarray(drawn)
            if rows is not None:
                chosen = rows[chosen]
            events = self._sets.take(name, chosen, self._columns[name])
            found[name] = Events(*events, None if rows is None else chosen)
        return found

    def ahead(self, key: PRNGKeyArray, first: int) -> Pieces:
        """Numbers of steps, from the first on, and what is read for them.

        Args:
            key: of the seed, or of several that are trained together (S,).
            first: step.
        """
        with ThreadPoolExecutor(1) as thread:
            waiting: list[Any] = []
            for numbers in self._steps(first, key.size):
                # Not in the thread: it would wait for the steps that are being computed.
                places = jax.block_until_ready(self.places(_keys(key, numbers)))
                waiting.append((numbers, thread.submit(self.read, places)))
                if len(waiting) > 1:
                    yield waiting.pop(0)
            yield from waiting

    def _steps(self, first: int, seeds: int) -> Iterator[Int[Array, " n"]]:
        """Steps of one program: of one number, so that it is compiled once."""
        every, steps = self._settings.validate_every, self._settings.steps
        most = max(1, _LARGEST // max(1, seeds * self._bytes))
        size = max(n for n in range(1, every + 1) if every % n == 0 and n <= most)
        for start in range(first, steps, every):
            end = min(start + every, steps)
            for place in range(start, end, size):
                yield jnp.arange(place, min(place + size, end))


def advancing(
    step: Callable[..., Any], data: Data | Streamed, devices: Devices, together: bool
) -> Callable[..., Any]:
    """Many steps in one compiled program, for one or several seeds.

    Args:
        step: of :func:`hone.training.step.make_step`.
        data: of the training.
        devices: that the steps are on.
        together: whether there are several seeds.

    Returns:
        A function of state, key of the seed, numbers of the steps and ``data`` to state and losses.
        Of ``Streamed`` data the steps must follow each other.
    """
    if not isinstance(data, Streamed):

        def steps(
            state: Any, key: PRNGKeyArray, numbers: Int[Array, " n"], data: Data
        ) -> tuple[Any, Float[Array, " n"]]:
            done = jax.lax.scan(lambda s, n: step(s, key, n, data), state, numbers)
            return devices.everywhere(done)

        return jax.jit(jax.vmap(steps, in_axes=(0, 0, None, None)) if together else steps)
    streamed = data
    pieces: list[Pieces] = []

    def on_drawn(state: Any, key: PRNGKeyArray, numbers: Any, drawn: Any, *rest: Any) -> Any:
        done = jax.lax.scan(
            lambda s, x: step(s, key, x[0], _joined(x[1], *rest)), state, (numbers, drawn)
        )
        return devices.everywhere(done)

    axes = (0, 0, None, 0, None, None)
    program = jax.jit(jax.vmap(on_drawn, in_axes=axes) if together else on_drawn)
    rest = devices.put((streamed.small, streamed.known))

    def advance(state: Any, key: PRNGKeyArray, numbers: Any, _: Streamed) -> Any:
        if not pieces:
            pieces.append(streamed.ahead(key, int(numbers[0])))
        losses: list[np.ndarray] = []
        while sum(found.shape[-1] for found in losses) < len(numbers):
            these, drawn = next(pieces[0])
            state, found = program(state, key, these, devices.put(drawn.result()), *rest)
            losses.append(np.asarray(found))  # the next piece is read in the meantime
        return state, np.concatenate(losses, axis=-1)

    return advance


def draw(data: Data | Streamed, size: int, key: PRNGKeyArray) -> dict[str, Events]:
    """:func:`.draw_batch`, of events in memory or on disk."""
    return draw_batch(data.at(key) if isinstance(data, Streamed) else data, size, key)


def _joined(
    drawn: Mapping[str, Events], small: Mapping[str, Events], known: Mapping[str, Known]
) -> Data:
    """The sets of which a batch has all events, and those that were drawn from."""
    return {**small, **{name: Drawn(*found, *known[name]) for name, found in drawn.items()}}


def _keys(key: PRNGKeyArray, numbers: Int[Array, " n"]) -> PRNGKeyArray:
    """Keys of steps (n,), or of those of several seeds (S, n)."""
    of_seed = jax.vmap(jax.random.fold_in, in_axes=(None, 0))
    return (jax.vmap(of_seed, in_axes=(0, None)) if key.ndim else of_seed)(key, numbers)


@partial(jax.jit, static_argnames=("populations", "size"))
def _places(keys: PRNGKeyArray, populations: Any, size: int) -> dict[str, Array]:
    def of_step(key: PRNGKeyArray) -> dict[str, Array]:
        return {
            name: draw_places(key, number, population, has_rows, size)
            for name, (number, population, has_rows) in populations
        }

    for _ in range(keys.ndim):
        of_step = jax.vmap(of_step)
    return of_step(keys)
