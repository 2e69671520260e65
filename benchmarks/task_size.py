"""Fits, tests and limits of one model in a fresh process: ``task_size.py <who> <model> <work>``.

``who`` is hone, or a backend and optimizer of pyhf: ``numpy-minuit``, ``jax-scipy``. The model is a
name in models.py or the path of a workspace. Times are CPU seconds, of the first call and of later
ones; several works may be given.
"""

import gzip
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pyhf
from clock import report
from models import MODELS, model, observation

from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf

jax.config.update("jax_enable_x64", True)
REPEATS = 3
LONG = 20.0
"""Seconds of a first call after which it is not repeated."""
CODES = {"normsys": {"interpcode": "code4"}, "histosys": {"interpcode": "code4p"}}


def opened(name: str) -> tuple[pyhf.Model, np.ndarray]:
    """The model and its observation."""
    if name in MODELS:
        oracle = model(*MODELS[name])
        return oracle, observation(oracle)
    data = Path(name).read_bytes()
    workspace = pyhf.Workspace(json.loads(gzip.decompress(data) if name.endswith("gz") else data))
    oracle = workspace.model(modifier_settings=CODES)
    return oracle, np.asarray(workspace.data(oracle), dtype=float)


def timed(work: Callable[[], Any]) -> dict[str, Any]:
    """CPU seconds of the first call and the median of later ones, and what it returned."""
    times, result = [], None
    while len(times) <= REPEATS:
        start = time.process_time()
        result = np.asarray(jax.tree.leaves(work()), dtype=float).tolist()
        times.append(time.process_time() - start)
        if times[0] > LONG and len(times) == 2:
            break
    return {"cold": times[0], "warm": statistics.median(times[1:]), "result": result}


def main(who: str, name: str, *works: str) -> None:
    start = time.process_time()
    oracle, data = opened(name)
    its: Any = from_pyhf(oracle) if who == "hone" else oracle
    build = time.process_time() - start
    library: Any = infer if who == "hone" else pyhf.infer
    fit = infer.fit if who == "hone" else pyhf.infer.mle.fit
    if who != "hone":
        pyhf.set_backend(*who.split("-"))
    calls = {
        "fit": lambda: fit(data, its, return_fitted_val=True)[1],
        "cls": lambda: library.hypotest(1.0, data, its, return_expected_set=True),
        "limits": lambda: infer.upper_limit(data, its),
    }
    found = {work: timed(calls[work]) for work in works}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sizes = {"pars": oracle.config.npars, "bins": oracle.config.nmaindata}
    report(**sizes, build=build, memory=memory, **found)


main(*sys.argv[1:])
