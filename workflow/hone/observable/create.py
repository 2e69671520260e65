"""Observables from their settings."""

from collections.abc import Sequence
from functools import singledispatch

import numpy as np
from jaxtyping import PRNGKeyArray

from hone.analysis.observables import (
    Cut,
    Cuts,
    GridCuts,
    Network,
    ObservableSettings,
    Softmax,
    VariableBins,
)
from hone.observable import cuts, network, variable
from hone.observable.base import Observable

__all__ = ["create_observable"]


@singledispatch
def create_observable(
    settings: ObservableSettings,
    features: Sequence[str],  # noqa: ARG001
    events: np.ndarray,  # noqa: ARG001
    key: PRNGKeyArray,  # noqa: ARG001
) -> Observable:
    """An observable before training.

    A new kind of settings registers its own function, ``@create_observable.register``.

    Args:
        settings: of the analysis.
        features: names of the inputs, in order (F).
        events: nominal events, to scale the inputs by (n, F).
        key: for initial weights.
    """
    raise TypeError(f"an observable of kind {settings.kind} is made of another one")


@create_observable.register
def _network(
    settings: Network, features: Sequence[str], events: np.ndarray, key: PRNGKeyArray
) -> Observable:
    return network.NetworkObservable.create(
        features, settings.bins, events, key,
        hidden=settings.hidden, edges=settings.edges, smoothing=settings.smoothing,
        bandwidth=settings.bandwidth, precision=settings.precision,
        cuts=_cuts(settings.cuts, features, events) if settings.cuts else None,
    )  # fmt: skip


@create_observable.register
def _softmax(
    settings: Softmax, features: Sequence[str], events: np.ndarray, key: PRNGKeyArray
) -> Observable:
    return network.SoftmaxObservable.create(
        features, settings.bins, events, key,
        hidden=settings.hidden, smoothing=settings.smoothing, temperature=settings.temperature,
        precision=settings.precision,
    )  # fmt: skip


@create_observable.register(Cuts)
@create_observable.register(GridCuts)
def _count(
    settings: Cuts | GridCuts,
    features: Sequence[str],
    events: np.ndarray,
    key: PRNGKeyArray,  # noqa: ARG001
) -> Observable:
    chosen = _cuts(settings.cuts, features, events)
    return cuts.CutObservable(cuts=chosen, features=tuple(features))


@create_observable.register
def _variable(
    settings: VariableBins,
    features: Sequence[str],
    events: np.ndarray,  # noqa: ARG001
    key: PRNGKeyArray,  # noqa: ARG001
) -> Observable:
    return variable.VariableObservable(
        bin_edges=np.asarray(settings.edges, dtype="float64"),
        features=tuple(features),
        variable=settings.variable,
    )


def _cuts(settings: Sequence[Cut], features: Sequence[str], events: np.ndarray) -> cuts.Cuts:
    return cuts.Cuts.create(settings, features, events)
