"""Trained observables as safetensors files."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from hone.analysis.observables import ObservableSettings
from hone.analysis.settings import plain
from hone.errors import InputError
from hone.likelihood.floats import require_x64
from hone.observable.base import Observable
from hone.observable.create import create_observable
from hone.observable.ensemble import EnsembleObservable
from hone.running.files import replacing

__all__ = ["load_observable", "load_tensors", "save_observable", "save_tensors"]


def save_observable(
    path: str | Path,
    observable: Observable,
    settings: ObservableSettings,
    provenance: Mapping[str, object],
) -> None:
    """Write the arrays of an observable as tensors, its settings and provenance as metadata.

    Args:
        path: the file.
        observable: what to save.
        settings: of :func:`~hone.observable.create.create_observable` that made it; of an ensemble
            those of its networks.
        provenance: how it was made.

    Raises:
        InputError: a number is not finite; no file is written.
    """
    description = {
        "features": observable.features,
        "settings": plain(settings),
        "turned": observable.turned if isinstance(observable, EnsembleObservable) else [],
        "edges": np.asarray(observable.edges).tolist(),
    }
    try:
        metadata = {
            "observable": json.dumps(description, allow_nan=False),
            "provenance": json.dumps(provenance, sort_keys=True, allow_nan=False),
        }
    except ValueError as error:
        raise InputError(
            f"{path}: an edge, a setting or the objective of the observable is not finite; it is "
            "not written"
        ) from error
    save_tensors(path, observable, metadata)


def load_observable(path: str | Path) -> tuple[Observable, ObservableSettings]:
    """Read an observable and its settings.

    Raises:
        InputError: the file is damaged, is not an observable of hone, has a number that is not
            finite, or needs a module of the user that is not there or has changed.
        ModelError: JAX's 64-bit mode is off, in which the file would not be what was trained.
    """
    require_x64()
    try:
        with safe_open(path, framework="numpy") as file:
            description = json.loads(file.metadata()["observable"])
        settings = ObservableSettings.checked(description["settings"])
        features = description["features"]
        blank = _blank(settings, features)
        if turned := description.get("turned"):
            blank = EnsembleObservable.of([blank] * len(turned), turned)
        return load_tensors(path, blank)[0], settings
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: not a trained observable ({type(error).__name__}: {error}); "
            "delete it to train it again"
        ) from error


def _blank(settings: ObservableSettings, features: Sequence[str]) -> Observable:
    """An observable with shapes in place of JAX's arrays: no initial weights are drawn."""
    rest = None

    def arrays() -> Observable:
        nonlocal rest
        made = create_observable(settings, features, np.ones((2, len(features))), jax.random.key(0))
        traced, rest = eqx.partition(made, lambda leaf: isinstance(leaf, jax.Array))
        return traced

    found: Observable = eqx.combine(jax.eval_shape(arrays), rest)
    return found


def save_tensors(path: str | Path, tree: Any, metadata: Mapping[str, str]) -> None:
    """Write the arrays of a PyTree, named by their paths in it.

    Raises:
        InputError: names an array that is not finite; no file is written.
    """
    leaves, _ = jax.tree_util.tree_flatten_with_path(eqx.filter(tree, eqx.is_array))
    tensors = {_name(place): np.array(leaf, order="C") for place, leaf in leaves}
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise InputError(f"{path}: tensor {name} is not finite; it is not written")
    with replacing(path) as partial:
        partial.write_bytes(_in_order(save(tensors, metadata=dict(metadata))))


def load_tensors(path: str | Path, like: Any) -> tuple[Any, dict[str, str]]:
    """``like`` with its arrays, or their shapes, from a file, and the file's metadata.

    Raises:
        ValueError: a tensor has another shape or type, or is not finite.
        KeyError: a tensor is missing.
        SafetensorError: the file is damaged.
    """
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    arrays, rest = eqx.partition(like, _has_shape)
    leaves, structure = jax.tree_util.tree_flatten_with_path(arrays)
    loaded = []
    for place, leaf in leaves:
        tensor = tensors[_name(place)]
        if tensor.shape != leaf.shape or tensor.dtype != leaf.dtype:
            raise ValueError(f"tensor {_name(place)} has shape {tensor.shape}, type {tensor.dtype}")
        if not np.isfinite(tensor).all():
            raise ValueError(f"tensor {_name(place)} is not finite")
        # Not `asarray`, which compiles a program for each shape.
        loaded.append(tensor if isinstance(leaf, np.ndarray) else jax.device_put(tensor))
    return eqx.combine(jax.tree_util.tree_unflatten(structure, loaded), rest), metadata


def _has_shape(leaf: Any) -> bool:
    return eqx.is_array(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)


def _name(place: Any) -> str:
    return jax.tree_util.keystr(place, simple=True, separator=".")


def _in_order(content: bytes) -> bytes:
    """The same file with a sorted header: safetensors does not order metadata."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors are aligned
    return len(text).to_bytes(8, "little") + text + content[8 + size :]
