"""Old name of :mod:`hone.likelihood.histfactory`, kept for one release."""

import sys
import warnings
from importlib import import_module
from pkgutil import iter_modules

_NEW = "hone.likelihood.histfactory"
warnings.warn(f"{__name__} is {_NEW} now", DeprecationWarning, stacklevel=2)
_module = import_module(_NEW)
for _each in iter_modules(_module.__path__):
    sys.modules[f"{__name__}.{_each.name}"] = import_module(f"{_NEW}.{_each.name}")
sys.modules[__name__] = _module
