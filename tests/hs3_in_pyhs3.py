"""Compare pyhf's likelihood of a workspace with pyhs3's of its HS3 document.

    pip install pyhs3==0.4.2    # in an environment of its own
    .venv/bin/python tests/hs3_in_root.py workspace.json folder
    <pyhs3's python> tests/hs3_in_pyhs3.py folder

The first call writes the document and pyhf's -ln L at ten points, the second prints the largest
difference of 2 delta ln L.
"""

import json
import sys
from pathlib import Path


def compare(folder):
    """With pyhs3."""
    import numpy as np
    import pyhs3
    import pytensor
    from pytensor.graph.traversal import explicit_graph_inputs

    document = json.loads(Path(folder, "hs3.json").read_text())
    given = json.loads(Path(folder, "points.json").read_text())
    workspace = pyhs3.Workspace.load(Path(folder, "hs3.json"))
    model = workspace.model(document["analyses"][0]["name"], progress=False)
    inputs = list(explicit_graph_inputs([model.log_prob]))
    log_prob = pytensor.function(inputs, model.log_prob, mode="FAST_COMPILE")
    # Parameters that are constant in the document are no inputs.
    found = [
        -float(np.sum(log_prob(*(np.array(point[variable.name]) for variable in inputs))))
        for point in given["points"]
    ]
    pairs = list(zip(given["nll"], found, strict=True))
    differences = [2 * ((a - pairs[0][0]) - (b - pairs[0][1])) for a, b in pairs]
    print(
        f"2 delta ln L of {len(pairs)} points differs by at most {max(map(abs, differences)):.2g}"
    )


if __name__ == "__main__":
    compare(sys.argv[1])
