"""A background with variations whose norm and shape are split, in two regions."""

import numpy as np
from settings import hypothesis

from hone.statmodel.templates import Histogram

__all__ = ["CHANNELS", "SPLIT", "histogram", "varied"]

CHANNELS = {"control": 1, "signal_region": 4}
SPLIT = hypothesis(
    {"name": "both", "type": "normplusshape"},
    {"name": "up_only", "type": "normplusshape", "down": None},
    {"name": "rate", "type": "normsys", "up": 1.05, "down": 0.95},
    {"name": "mu_b", "type": "normfactor"},
)


def histogram(values):
    return Histogram(np.asarray(values, dtype=float), 0.1 * np.asarray(values, dtype=float))


def varied(nominal, **templates):
    found = {"signal": histogram(np.ones(5)), "background": histogram(nominal)}
    return found | {f"background__{name}": histogram(values) for name, values in templates.items()}
