"""Trained observables as safetensors: weights that open anywhere, and nothing that executes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from hone.errors import InputError
from hone.files import replacing
from hone.observable.network import NetworkObservable

__all__ = ["load_observable", "save_observable"]


def save_observable(
    path: str | Path, observable: NetworkObservable, provenance: Mapping[str, Any]
) -> None:
    """Write weights, scaling and edges as tensors; features, layers and provenance as metadata."""
    description = {
        "features": observable.features,
        "hidden": observable.hidden,
        "bandwidth": observable.bandwidth,
        "edges": np.asarray(observable.edges).tolist(),
    }
    metadata = {
        "observable": json.dumps(description),
        "provenance": json.dumps(provenance, sort_keys=True),
    }
    with replacing(path) as partial:
        save_file(_tensors(observable), partial, metadata=metadata)


def load_observable(path: str | Path) -> NetworkObservable:
    """Read an observable back.

    Raises:
        InputError: the file is damaged, or is not an observable of hone.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            description = json.loads(file.metadata()["observable"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        observable = NetworkObservable.create(
            features=description["features"],
            hidden=description["hidden"],
            bins=len(description["edges"]) - 1,
            bandwidth=description["bandwidth"],
            scaling_events=np.ones((2, len(description["features"]))),
            key=jax.random.key(0),
        )
        arrays, rest = eqx.partition(observable, eqx.is_array)
        leaves, structure = jax.tree_util.tree_flatten_with_path(arrays)
        loaded = []
        for place, leaf in leaves:
            tensor = tensors[_name(place)]
            if tensor.shape != leaf.shape or tensor.dtype != leaf.dtype:
                raise ValueError(f"tensor {_name(place)} has shape {tensor.shape}")
            loaded.append(jax.numpy.asarray(tensor))
        return eqx.combine(jax.tree_util.tree_unflatten(structure, loaded), rest)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: not a trained observable ({type(error).__name__}: {error}); "
            "delete it to have it trained again"
        ) from error


def _tensors(observable: NetworkObservable) -> dict[str, np.ndarray]:
    arrays = eqx.filter(observable, eqx.is_array)
    leaves, _ = jax.tree_util.tree_flatten_with_path(arrays)
    return {_name(place): np.ascontiguousarray(leaf) for place, leaf in leaves}


def _name(place: Any) -> str:
    return jax.tree_util.keystr(place, simple=True, separator=".")
