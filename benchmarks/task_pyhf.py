"""One benchmark of pyhf in a fresh process: ``task_pyhf.py <task> <backend> <optimizer> ...``."""

import sys
from typing import Any

import numpy as np
import pyhf
from clock import report, seconds
from models import MODELS, model, observation
from pyhf.infer.intervals.upper_limits import upper_limit
from pyhf.tensor.numpy_backend import numpy_backend


def limits(name: str) -> None:
    """Observed and five expected limits."""
    oracle = model(*MODELS[name])
    data = observation(oracle)
    took, (observed, expected, (scan, _)) = seconds(
        lambda: upper_limit(data, oracle, return_results=True)
    )
    found = [float(observed), *map(float, expected)]
    report(limits=found, inside=took, hypotests=len(scan))


def hypotests(name: str, *mus: str) -> None:
    """Single tests; each POI value is one."""
    oracle = model(*MODELS[name])
    data = observation(oracle)
    times, values = [], []
    for mu in mus:
        took, (observed, expected) = seconds(
            lambda at=float(mu): pyhf.infer.hypotest(at, data, oracle, return_expected_set=True)
        )
        times.append(took)
        values.append([float(observed), *map(float, expected)])
    report(times=times, cls=values)


def toys(name: str, ntoys: str) -> None:
    """CLs from toys at mu = 1."""
    # pyhf 0.7.6 asks NumPy for an argument that NumPy 2.4 no longer has.
    numpy_backend.percentile = lambda _, x, q, axis=None, interpolation="linear": np.percentile(
        x, q, axis=axis, method=interpolation
    )
    oracle = model(*MODELS[name])
    data = observation(oracle)
    options: dict[str, Any] = {"calctype": "toybased", "ntoys": int(ntoys), "track_progress": False}
    took, cls = seconds(lambda: pyhf.infer.hypotest(1.0, data, oracle, **options))
    report(inside=took, cls=float(cls))


def evaluations(name: str) -> None:
    """Evaluations of the likelihood in a free fit."""
    oracle = model(*MODELS[name])
    _, value, result = pyhf.infer.mle.fit(
        observation(oracle), oracle, return_fitted_val=True, return_result_obj=True
    )
    gradients = getattr(result, "njev", None)
    if hasattr(result, "minuit"):
        gradients = result.minuit.ngrad
    report(evaluations=int(result.nfev), gradients=int(gradients or 0), minimum=float(value))


TASKS = {f.__name__: f for f in (limits, hypotests, toys, evaluations)}
pyhf.set_backend(sys.argv[2], sys.argv[3])
TASKS[sys.argv[1]](*sys.argv[4:])
