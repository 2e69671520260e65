"""hone: train the observable of a physics search on its own limit.

Nothing is imported eagerly: each attribute loads its module when first used, so that a script
which only draws never imports JAX, and depends only on the modules it reaches. Modules are not
listed here either: every result depends on this file.
"""

import pkgutil
from importlib import import_module
from typing import Any

_ATTRIBUTES = {
    "Model": "hone.likelihood.histfactory",
    "__version__": "hone.version",
    "from_pyhf": "hone.likelihood.histfactory",
    "load": "hone.results.load",
}


def __getattr__(name: str) -> Any:
    if name in _ATTRIBUTES:
        return getattr(import_module(_ATTRIBUTES[name]), name)
    if name in _modules():
        return import_module(f"hone.{name}")
    raise AttributeError(f"module 'hone' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*_ATTRIBUTES, *_modules()])


def _modules() -> set[str]:
    return {module.name for module in pkgutil.iter_modules(__path__)}
