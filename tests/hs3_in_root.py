"""Compare pyhf's likelihood of a workspace with ROOT's of its HS3 document.

    pip install --pre root    # 680 MB, in an environment of its own
    .venv/bin/python tests/hs3_in_root.py workspace.json folder
    <ROOT's python> tests/hs3_in_root.py folder

The first call writes the document and pyhf's -ln L at ten points, the second prints the largest
difference of 2 delta ln L.
"""

import json
import os
import sys
from pathlib import Path

POINTS = 10
_KEPT = []
"""Objects that ROOT's likelihood refers to."""


def write(workspace, folder):
    """With pyhf and hone."""
    import numpy as np
    import pyhf

    from hone.likelihood.hs3 import to_hs3

    spec = json.loads(Path(workspace).read_text())
    found = pyhf.Workspace(spec)
    model = found.model()
    data, config, rng = found.data(model), model.config, np.random.default_rng(1)
    names = [name.replace("[", "_bin_").replace("]", "") for name in config.par_names]
    start, fixed = np.array(config.suggested_init()), np.array(config.suggested_fixed())
    steps = np.where(start == 0, 1.0, 0.05)
    points = [
        start + np.where(fixed, 0, steps * rng.normal(size=start.size)) for _ in range(POINTS)
    ]
    expected = [-float(model.logpdf(point, data)[0]) for point in points]
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hs3.json").write_text(json.dumps(to_hs3(spec), indent=1))
    values = [dict(zip(names, point.tolist(), strict=True)) for point in points]
    (folder / "points.json").write_text(json.dumps({"points": values, "nll": expected}))


def likelihood(path, *options):
    """ROOT's -ln L of an HS3 document, and its workspace; with options of ``createNLL``."""
    import ROOT

    ROOT.RooMsgService.instance().setGlobalKillBelow(ROOT.RooFit.ERROR)
    document = json.loads(Path(path).read_text())
    workspace = ROOT.RooWorkspace("workspace")
    ROOT.RooJSONFactoryWSTool(workspace).importJSON(str(path))
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
        data, ROOT.RooFit.GlobalObservables(config.GetGlobalObservables()), *options
    )
    _KEPT.extend([workspace, config, category, weight, columns, data])
    return nll, workspace


def compare(folder):
    """With ROOT."""
    given = json.loads(Path(folder, "points.json").read_text())
    nll, workspace = likelihood(Path(folder, "hs3.json"))
    found = []
    for point in given["points"]:
        for name, value in point.items():
            workspace.var(name).setVal(value)
        found.append(nll.getVal())
    pairs = list(zip(given["nll"], found, strict=True))
    differences = [2 * ((a - pairs[0][0]) - (b - pairs[0][1])) for a, b in pairs]
    print(
        f"2 delta ln L of {len(pairs)} points differs by at most {max(map(abs, differences)):.2g}"
    )
    sys.stdout.flush()
    os._exit(0)  # ROOT and Python both free the histograms


if __name__ == "__main__":
    write(*sys.argv[1:]) if len(sys.argv) > 2 else compare(sys.argv[1])
