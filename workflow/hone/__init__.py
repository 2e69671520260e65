"""hone: train the observable of a physics search on its own limit.

Nothing is imported eagerly: each attribute loads its module when first used, so that a script
which only draws never imports JAX, and depends only on the modules it reaches.
"""

from importlib import import_module
from typing import Any

_SUBMODULES = (
    "bootstrap",
    "certify",
    "config",
    "edges",
    "errors",
    "event_sets",
    "events",
    "figures",
    "files",
    "fillable",
    "floor",
    "grid",
    "histfactory",
    "infer",
    "objectives",
    "observable",
    "own_objective",
    "provenance",
    "results",
    "rootio",
    "script",
    "tables",
    "templates",
    "tracking",
    "training",
    "workspace",
)
_ATTRIBUTES = {"Model": "hone.histfactory", "from_pyhf": "hone.histfactory"}

__all__ = ["Model", "from_pyhf", *_SUBMODULES]


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"hone.{name}")
    if name in _ATTRIBUTES:
        return getattr(import_module(_ATTRIBUTES[name]), name)
    raise AttributeError(f"module 'hone' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
