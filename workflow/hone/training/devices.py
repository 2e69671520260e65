"""The devices of a training: a batch is spread over them, all else is on each of them."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from pydantic import JsonValue
from safetensors import numpy as safetensors

from hone import errors
from hone.errors import HoneError, InputError

__all__ = ["ONE_DEVICE", "Devices", "in_first_process"]

log = logging.getLogger(__name__)

T = TypeVar("T")

_EVENTS = "events"


@dataclass(frozen=True)
class Devices:
    """Devices of one or several processes.

    The functions of a step are those of one device: where an array is spread says only which
    device computes which events. XLA adds up what each has found (GSPMD, arXiv:2105.04663).
    """

    mesh: Mesh | None
    """None is one device, to which nothing of this applies."""

    @classmethod
    def of(cls, number: int) -> "Devices":
        """So many devices, of all processes together.

        Raises:
            InputError: there are fewer, or several processes have more.
        """
        processes, found = jax.process_count(), jax.devices()
        if number == 1 and processes == 1:
            return ONE_DEVICE
        if len(found) < number or (processes > 1 and len(found) > number):
            of_processes = f" in {processes} processes" if processes > 1 else ""
            raise InputError(
                f"devices: {number} are asked for, and JAX sees {len(found)} ({found[0].platform})"
                f"{of_processes}; set devices: {len(found)}, or let the profile ask for {number} "
                "(docs/gpu.md)"
            )
        log.info("each batch is on %d devices of %d process(es)", number, processes)
        return cls(Mesh(np.array(found[:number]), (_EVENTS,)))

    @property
    def number(self) -> int:
        """How many there are."""
        return 1 if self.mesh is None else self.mesh.size

    def named(self) -> AbstractContextManager[None]:
        """Errors of JAX within, other than of memory, are InputErrors that name the setting, with
        several devices."""
        return nullcontext() if self.mesh is None else _named(f"one of {self.number}")

    def put(self, tree: Any) -> Any:
        """Arrays that all processes have, on every device."""
        if self.mesh is None:
            return tree
        sharding = NamedSharding(self.mesh, PartitionSpec())

        def put(array: Any) -> Any:
            if jnp.issubdtype(array.dtype, jax.dtypes.prng_key):  # of one process only
                return jax.random.wrap_key_data(put(jax.random.key_data(array)))
            return jax.device_put(array, sharding)

        return jax.tree.map(put, tree)

    def taken(self, tree: Any) -> Any:
        """Arrays that every device has, computed, on the first one of this process."""
        if self.mesh is None:
            return tree
        return jax.tree.map(lambda x: x.addressable_data(0), jax.block_until_ready(tree))

    def spread(self, tree: Any, axis: int = 0) -> Any:
        """Within a program: each device has its part of the events along an axis.

        Arrays that cannot be divided evenly stay everywhere.
        """
        mesh, number = self.mesh, self.number
        if mesh is None:
            return tree
        sharding = NamedSharding(mesh, PartitionSpec(*[None] * axis, _EVENTS))
        return jax.tree.map(
            lambda x: (
                x if x.shape[axis] % number else jax.lax.with_sharding_constraint(x, sharding)
            ),
            tree,
        )

    def everywhere(self, tree: Any) -> Any:
        """Within a program: every device has all of the arrays."""
        if self.mesh is None:
            return tree
        return jax.lax.with_sharding_constraint(tree, NamedSharding(self.mesh, PartitionSpec()))


ONE_DEVICE = Devices(None)


@contextmanager
def _named(what: str) -> Iterator[None]:
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" in str(error):  # there it is, and full
            raise
        raise InputError(
            f"devices: {what} has failed or is not there any more; when the job is started again, "
            f"the training resumes from its last validation ({error})"
        ) from error


def in_first_process(function: Callable[..., T]) -> Callable[..., T]:
    """A function that is called in the first process only, for all of them.

    What it returns, or raises if it is one of hone's errors, is the same in all; they call it at
    the same time. With one process it is the function itself; with several it has to return what
    JSON knows and arrays, and a tuple becomes a list.
    """
    if jax.process_count() == 1:
        return function

    def of_all(*arguments: Any) -> T:
        content = b""
        if jax.process_index() == 0:
            try:
                content = _written({"found": function(*arguments)})
            except HoneError as error:
                content = _written({"error": [type(error).__name__, str(error)]})
        with _named("another process"):
            size = int(multihost_utils.broadcast_one_to_all(np.array(len(content))))
            filled = np.frombuffer(content.ljust(size), np.uint8)
            found = _read(multihost_utils.broadcast_one_to_all(filled).tobytes()[:size])
        if "error" in found:
            kind, text = found["error"]
            raise getattr(errors, kind)(text)
        return cast(T, found["found"])

    return of_all


def _written(found: Any) -> bytes:
    """JSON with arrays as safetensors, which no code can hide in."""
    arrays: list[np.ndarray] = []

    def place_of(leaf: Any) -> Any:
        if isinstance(leaf, np.generic):
            return leaf.item()
        arrays.append(np.asarray(leaf))
        return {"array": len(arrays) - 1, "jax": isinstance(leaf, jax.Array)}

    text = np.frombuffer(json.dumps(found, default=place_of).encode(), np.uint8)
    return safetensors.save({"text": text} | {str(k): array for k, array in enumerate(arrays)})


def _read(content: bytes) -> Any:
    arrays = safetensors.load(content)
    text = arrays.pop("text").tobytes()

    def array_of(found: dict[str, JsonValue]) -> Any:
        if "array" not in found:
            return found
        array = arrays[str(found["array"])]
        return jnp.asarray(array) if found["jax"] else array.copy()

    return json.loads(text, object_hook=array_of)
