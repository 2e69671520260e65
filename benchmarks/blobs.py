"""The blobs of neos (arXiv:2203.05570) as arrays, for steps of a training."""

import numpy as np
import pyhf

__all__ = ["BINS", "NAMES", "TOTALS", "blob_model", "blobs"]

BINS = 5
MEANS = {
    "signal": (-1, 1),
    "background": (1, -1),
    "background__shape_up": (2.5, 2),
    "background__shape_down": (-2.5, -1.5),
}
NAMES = tuple(MEANS)
TOTALS = {name: 20.0 if name == "signal" else 100.0 for name in NAMES}


def blobs(size: int) -> dict[str, np.ndarray]:
    """``size`` events of each of the four sets, float32 (size, 2)."""
    rng = np.random.default_rng(2203)
    return {name: rng.normal(mean, 1, (size, 2)).astype("float32") for name, mean in MEANS.items()}


def blob_model() -> pyhf.Model:
    """Signal and background with one correlated shape and a staterror, in flat histograms."""
    spec = {
        "channels": [
            {
                "name": "c",
                "samples": [
                    {
                        "name": "signal",
                        "data": [4.0] * BINS,
                        "modifiers": [
                            {"name": "mu", "type": "normfactor", "data": None},
                            {"name": "stat", "type": "staterror", "data": [0.1] * BINS},
                        ],
                    },
                    {
                        "name": "background",
                        "data": [20.0] * BINS,
                        "modifiers": [
                            {
                                "name": "shape",
                                "type": "histosys",
                                "data": {"hi_data": [20.0] * BINS, "lo_data": [20.0] * BINS},
                            },
                            {"name": "stat", "type": "staterror", "data": [0.3] * BINS},
                        ],
                    },
                ],
            }
        ]
    }
    return pyhf.Model(spec, poi_name="mu")
