"""Observables: networks, cuts and variables that map events to a score and to soft bins."""

from hone.observable.base import Observable
from hone.observable.create import create_observable
from hone.observable.cuts import CutObservable, Cuts
from hone.observable.ensemble import EnsembleObservable
from hone.observable.network import NetworkObservable, SoftmaxObservable
from hone.observable.outputs import CategoriesObservable, TwoDimensionalObservable
from hone.observable.soft import Softness, kernel_shares, scott_bandwidth, soft_histogram
from hone.observable.storage import load_observable, save_observable
from hone.observable.variable import VariableObservable

__all__ = [
    "CategoriesObservable",
    "CutObservable",
    "Cuts",
    "EnsembleObservable",
    "NetworkObservable",
    "Observable",
    "SoftmaxObservable",
    "Softness",
    "TwoDimensionalObservable",
    "VariableObservable",
    "create_observable",
    "kernel_shares",
    "load_observable",
    "save_observable",
    "scott_bandwidth",
    "soft_histogram",
]
