"""A free fit by RooFit, in a process of ROOT's Python: ``task_root.py <HS3 document>``.

The document is that of ``hone.likelihood.hs3``. Times are CPU seconds: of building the likelihood
(reading the document, data, ``createNLL`` with the CPU backend), and of Minuit2's Migrad at its
default strategy, the first and the median of later calls from the same start.
"""

import json
import os
import statistics
import sys
import time
from pathlib import Path

import ROOT

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from hs3_in_root import likelihood

REPEATS = 3


def main(path):
    start = time.process_time()
    nll, _ = likelihood(path, ROOT.RooFit.EvalBackend("cpu"))
    build = time.process_time() - start
    parameters = nll.getParameters(ROOT.RooArgSet())
    begin = parameters.snapshot()
    at_start, times, fallen, status = nll.getVal(), [], None, None
    for _ in range(1 + REPEATS):
        parameters.assign(begin)
        start = time.process_time()
        minimizer = ROOT.RooMinimizer(nll)
        minimizer.setPrintLevel(-1)
        status = minimizer.minimize("Minuit2", "Migrad")
        times.append(time.process_time() - start)
        fallen = 2 * (at_start - nll.getVal())
    print(
        json.dumps({
            "build": build,
            "cold": times[0],
            "warm": statistics.median(times[1:]),
            "fallen": fallen,
            "status": status,
            "version": ROOT.gROOT.GetVersion(),
        })
    )  # fmt: skip
    sys.stdout.flush()
    os._exit(0)  # ROOT and Python both free the histograms


main(sys.argv[1])
