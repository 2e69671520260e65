"""What maps an event to a number and to bins: network, edges and the soft histogram."""

from hone.observable.network import NetworkObservable
from hone.observable.soft import bandwidth_at, soft_errors, soft_histogram
from hone.observable.storage import load_observable, save_observable

__all__ = [
    "NetworkObservable",
    "bandwidth_at",
    "load_observable",
    "save_observable",
    "soft_errors",
    "soft_histogram",
]
