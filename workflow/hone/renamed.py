"""Old names of modules, which work for one release more."""

import sys
import warnings
from importlib import import_module
from pkgutil import iter_modules
from types import FrameType

__all__ = ["stand_in"]


def stand_in(old: str, new: str) -> None:
    """Let a package of modules be imported by its old name, with a warning the first time.

    Args:
        old: name of the module that calls this, which the package takes the place of.
        new: name of the package.
    """
    frame: FrameType = sys._getframe(1)
    while frame.f_back and frame.f_globals["__name__"].partition(".")[0] in ("hone", "importlib"):
        frame = frame.f_back
    warnings.warn_explicit(
        f"{old} is called {new} now; the old name will be gone in the next release",
        DeprecationWarning,
        frame.f_code.co_filename,
        frame.f_lineno,
        module=frame.f_globals["__name__"],
    )
    package = import_module(new)
    for module in iter_modules(package.__path__):
        sys.modules[f"{old}.{module.name}"] = import_module(f"{new}.{module.name}")
    sys.modules[old] = package
