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

REPEATS = 3
ROOT.RooMsgService.instance().setGlobalKillBelow(ROOT.RooFit.ERROR)
ROOT.EnableThreadSafety()


def likelihood(path, keep):
    document = json.loads(Path(path).read_text())
    workspace = ROOT.RooWorkspace("workspace")
    ROOT.RooJSONFactoryWSTool(workspace).importJSON(path)
    config = workspace.obj(document["analyses"][0]["name"])
    several = len(document["data"]) > 1
    category = workspace.cat(config.GetPdf().indexCat().GetName()) if several else None
    weight = ROOT.RooRealVar("event_weight", "", 1)
    columns = ROOT.RooArgSet(config.GetObservables())
    if several:
        columns.remove(category, True, True)
        columns.add(category)
    columns.add(weight)
    data = ROOT.RooDataSet("data", "", columns, ROOT.RooFit.WeightVar("event_weight"))
    for channel in document["data"]:
        name = channel["name"].removeprefix("observed_")
        if several:
            category.setLabel(f"model_{name}")
        for k, count in enumerate(channel["contents"]):
            workspace.var(f"obs_{name}").setVal(k + 0.5)
            data.add(columns, count)
    for pdf in workspace.allPdfs():
        if pdf.InheritsFrom("RooRealSumPdf"):
            # As HistFactory: a Poisson of each bin, without integrals.
            pdf.setAttribute("BinnedLikelihood")
    nll = config.GetPdf().createNLL(
        data,
        ROOT.RooFit.GlobalObservables(config.GetGlobalObservables()),
        ROOT.RooFit.EvalBackend("cpu"),
    )
    keep += [workspace, config, category, weight, columns, data]
    return nll


def main(path):
    keep = []
    start = time.process_time()
    nll = likelihood(path, keep)
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
