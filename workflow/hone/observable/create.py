"""Observables from their settings."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import PRNGKeyArray

from hone.observable.base import Observable
from hone.observable.cuts import CutObservable, Cuts
from hone.observable.network import NetworkObservable, SoftmaxObservable
from hone.observable.variable import VariableObservable

__all__ = ["create_observable"]

_SHARED = ("hidden", "smoothing", "precision")


def create_observable(
    settings: Mapping[str, Any], features: Sequence[str], events: np.ndarray, key: PRNGKeyArray
) -> Observable:
    """An observable before training.

    Args:
        settings: an entry of ``observables`` in the config, with its defaults.
        features: names of the inputs, in order (F).
        events: nominal events, to scale the inputs by (n, F).
        key: for initial weights.
    """
    kind = settings["kind"]
    if kind == "variable":
        edges = np.asarray(settings["edges"], dtype="float64")
        return VariableObservable(
            bin_edges=edges, features=tuple(features), variable=settings["variable"]
        )
    cuts = Cuts.create(settings["cuts"], features, events) if settings.get("cuts") else None
    if kind == "cuts":
        assert cuts is not None, "the schema requires cuts"
        return CutObservable(cuts=cuts, features=tuple(features))
    chosen = {name: settings[name] for name in _SHARED if name in settings}
    if kind == "softmax":
        chosen |= {k: settings[k] for k in ("temperature",) if k in settings}
        return SoftmaxObservable.create(features, settings["bins"], events, key, **chosen)
    chosen |= {k: settings[k] for k in ("bandwidth", "edges") if k in settings}
    return NetworkObservable.create(features, settings["bins"], events, key, cuts=cuts, **chosen)
