"""Fits, tests and limits of one model in a fresh process: ``task_size.py <who> <model> <work>``.

``who`` is hone, or a backend and optimizer of pyhf: ``numpy-minuit``, ``jax-scipy``. The model is a
name in models.py or the path of a workspace. Times are CPU seconds, of the first call and of later
ones; several works may be given: ``fit``, ``cls``, ``limits``, ``toys`` (of hone), and for pyhf
``limits=<top>``, once, by a scan from 0 to this parameter of interest.
"""

import gzip
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
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
TOYS = 10_000
"""With the signal, and as many without; once."""
STEPS = 21
"""Hypothesis tests of a scan."""
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


def timed(work: Callable[[], Any], repeats: int = REPEATS) -> dict[str, Any]:
    """CPU seconds of the first call and the median of later ones, and what it returned."""
    times, result = [], None
    while len(times) <= repeats:
        start = time.process_time()
        result = np.asarray(jax.tree.leaves(work()), dtype=float).tolist()
        times.append(time.process_time() - start)
        if times[0] > LONG and len(times) == 2:
            break
    return {"cold": times[0], "warm": statistics.median(times[1:] or times), "result": result}


def main(who: str, name: str, *works: str) -> None:
    start = time.process_time()
    oracle, data = opened(name)
    its: Any = from_pyhf(oracle) if who == "hone" else oracle
    build = time.process_time() - start
    library: Any = infer if who == "hone" else pyhf.infer
    fit = infer.fit if who == "hone" else pyhf.infer.mle.fit
    if who != "hone":
        pyhf.set_backend(*who.split("-"))

    def limits(top: str) -> Any:
        if not top:
            return infer.upper_limit(data, its)
        _, bound = oracle.config.suggested_bounds()[oracle.config.poi_index]
        scan = np.linspace(0.0, min(float(top), bound), STEPS)
        return pyhf.infer.intervals.upper_limits.upper_limit(data, its, scan)

    calls = {
        "fit": lambda _: fit(data, its, return_fitted_val=True)[1],
        "cls": lambda _: library.hypotest(1.0, data, its, return_expected_set=True),
        "limits": limits,
        "toys": lambda _: infer.hypotest(1.0, data, its, calctype="toybased", ntoys=TOYS, rng=1),
    }
    found = {}
    for work in works:
        kind, _, top = work.partition("=")
        found[kind] = timed(partial(calls[kind], top), 0 if top or kind == "toys" else REPEATS)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sizes = {"pars": oracle.config.npars, "bins": oracle.config.nmaindata}
    report(**sizes, build=build, memory=memory, **found)


main(*sys.argv[1:])
