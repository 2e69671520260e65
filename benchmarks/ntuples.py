"""Ntuples with many weights, written in pieces, for the benchmark of streaming."""

from pathlib import Path

import awkward as ak
import numpy as np
import uproot

__all__ = ["FEATURES", "OF_JETS", "SYSTEMATICS", "write"]

FEATURES = ("x0", "x1", "x2", "x3")
OF_JETS = ("x0", "x1", "alt(jet_pt[0], 0)", "sum(jet_pt[jet_pt > 1])")
SYSTEMATICS = 20
_PIECE = 500_000


def write(path: Path, size: int) -> None:
    """``size`` events: four features, a weight, and 20 weights up and 20 down, all float32, and
    three jets in the mean."""
    weights = ["w", *(f"w{k}_{side}" for k in range(SYSTEMATICS) for side in ("up", "down"))]
    rng = np.random.default_rng(1)
    with uproot.recreate(path, compression=uproot.LZ4(4)) as file:
        plain = dict.fromkeys((*FEATURES, *weights), np.dtype("float32"))
        file.mktree("events", {**plain, "jet_pt": "var * float32"})
        for start in range(0, size, _PIECE):
            number = min(_PIECE, size - start)
            columns = {name: rng.normal(0, 1, number).astype("float32") for name in FEATURES}
            # Weights with few digits, as those of generators: they compress.
            columns |= {
                name: (rng.integers(90, 110, number) / 100).astype("float32") for name in weights
            }
            counts = rng.poisson(3, number)
            jets = rng.exponential(1, counts.sum()).astype("float32")
            file["events"].extend({**columns, "jet_pt": ak.unflatten(jets, counts)})
