"""Observables from their settings."""

from collections.abc import Sequence
from functools import singledispatch

import numpy as np
from jaxtyping import PRNGKeyArray

from hone.analysis.observables import (
    Categories,
    Cuts,
    GridCuts,
    Network,
    ObservableSettings,
    Softmax,
    TwoDimensional,
    VariableBins,
)
from hone.observable.base import Observable
from hone.observable.cuts import CutObservable
from hone.observable.cuts import Cuts as CutSet
from hone.observable.network import NetworkObservable, SoftmaxObservable
from hone.observable.outputs import CategoriesObservable, TwoDimensionalObservable
from hone.observable.scaling import Events
from hone.observable.variable import VariableObservable

__all__ = ["create_observable"]


@singledispatch
def create_observable(
    settings: ObservableSettings, features: Sequence[str], events: Events, key: PRNGKeyArray
) -> Observable:
    """An observable before training.

    A new kind of settings registers its own function, ``@create_observable.register``.

    Args:
        settings: of the analysis.
        features: names of the inputs, in order (F).
        events: nominal events of each sample, to scale the inputs by (n, F).
        key: for initial weights.
    """
    raise TypeError(f"an observable of kind {settings.kind} is made of another one")


create_observable.register(Network, NetworkObservable.create)
create_observable.register(Softmax, SoftmaxObservable.create)
create_observable.register(TwoDimensional, TwoDimensionalObservable.create)
create_observable.register(Categories, CategoriesObservable.create)


@create_observable.register(Cuts)
@create_observable.register(GridCuts)
def _count(
    settings: Cuts | GridCuts, features: Sequence[str], events: Events, key: PRNGKeyArray
) -> Observable:
    cuts = CutSet.create(settings.cuts, features, events)
    return CutObservable(cuts=cuts, features=tuple(features))


@create_observable.register
def _variable(
    settings: VariableBins, features: Sequence[str], events: Events, key: PRNGKeyArray
) -> Observable:
    return VariableObservable(
        bin_edges=np.asarray(settings.edges, dtype="float64"),
        features=tuple(features),
        variable=settings.variable,
    )
