"""Calculators and test statistics by name, as ``pyhf.infer.utils``."""

from collections.abc import Callable
from typing import Any

import pyhf

from hone.errors import InputError
from hone.likelihood.infer.calculators import AsymptoticCalculator, ToyCalculator
from hone.likelihood.infer.test_statistics import q0, qmu, qmu_tilde

__all__ = ["create_calculator", "get_test_stat"]

_CALCULATORS = {"asymptotics": AsymptoticCalculator, "toybased": ToyCalculator}
_STATISTICS = {"q0": q0, "q": qmu, "qtilde": qmu_tilde}


def create_calculator(
    calctype: str, *args: Any, **kwargs: Any
) -> AsymptoticCalculator | ToyCalculator:
    """A calculator; ``"asymptotics"`` or ``"toybased"``, and its arguments.

    Raises:
        InputError: another type.

    >>> calculator = infer.utils.create_calculator("asymptotics", data, model)
    >>> round(float(calculator.teststatistic(3.0)), 4)
    -0.8189
    """
    if calctype not in _CALCULATORS:
        raise InputError(f"calctype is {calctype!r}, allowed: {', '.join(_CALCULATORS)}")
    return _CALCULATORS[calctype](*args, **kwargs)


def get_test_stat(name: str) -> Callable[..., Any]:
    """The test statistic called ``"q0"``, ``"q"`` or ``"qtilde"``.

    Raises:
        pyhf.exceptions.InvalidTestStatistic: another name.

    >>> infer.utils.get_test_stat("qtilde").__name__
    'qmu_tilde'
    """
    if name not in _STATISTICS:
        raise pyhf.exceptions.InvalidTestStatistic(
            f"test_stat is {name!r}, allowed: {', '.join(_STATISTICS)}"
        )
    return _STATISTICS[name]
