"""The pyhf models that the benchmarks fit, made from a fixed seed."""

import json
from typing import Any

import numpy as np
import pyhf

__all__ = ["MODELS", "model", "observation", "workspace"]

# channels, bins per channel, samples, normsys, histosys; each bin has a staterror parameter.
MODELS = {
    "17 parameters": (1, 10, 3, 3, 3),
    "91 parameters": (3, 20, 5, 15, 15),
    "200 parameters": (6, 20, 5, 40, 39),
    "401 parameters": (6, 50, 8, 50, 50),
    "1101 parameters": (10, 100, 20, 50, 50),
}


def model(channels: int, bins: int, samples: int, normsys: int, histosys: int) -> pyhf.Model:
    """A falling background, a signal that is a bump, and correlated systematics everywhere.

    Parameters: the POI, ``normsys + histosys`` alphas, and one staterror parameter a bin.
    """
    rng = np.random.default_rng(1)
    centres = (np.arange(bins) + 0.5) / bins
    spec: list[dict[str, Any]] = []
    for c in range(channels):
        entries = []
        for s in range(samples):
            is_signal = s == 0
            if is_signal:
                shape = 12 * np.exp(-0.5 * ((centres - 0.6) / 0.12) ** 2) / (c + 1)
            else:
                shape = (300 / s) * np.exp(-(1 + 0.5 * s) * centres)
            yields = shape * rng.uniform(0.95, 1.05, bins) + 0.05
            modifiers: list[dict[str, Any]] = [
                {"name": f"stat{c}", "type": "staterror", "data": (0.03 * yields).tolist()}
            ]
            if is_signal:
                modifiers.append({"name": "mu", "type": "normfactor", "data": None})
            for k in range(normsys):
                size = rng.uniform(0.01, 0.05)
                data = {"hi": 1 + size, "lo": 1 - 0.9 * size}
                modifiers.append({"name": f"norm{k}", "type": "normsys", "data": data})
            for k in range(0 if is_signal else histosys):
                tilt = rng.uniform(0.01, 0.05) * (centres - rng.uniform(0.2, 0.8))
                hi, lo = yields * (1 + tilt), yields * (1 - 0.8 * tilt)
                data = {"hi_data": hi.tolist(), "lo_data": lo.tolist()}
                modifiers.append({"name": f"shape{k}", "type": "histosys", "data": data})
            entries.append({"name": f"s{s}", "data": yields.tolist(), "modifiers": modifiers})
        spec.append({"name": f"channel{c}", "samples": entries})
    return pyhf.Model({"channels": spec}, poi_name="mu")


def observation(oracle: pyhf.Model) -> np.ndarray:
    """Poisson counts of the background, with nominal auxiliary data."""
    pars = np.array(oracle.config.suggested_init())
    pars[oracle.config.poi_index] = 0.0
    rates = oracle.expected_data(pars, include_auxdata=False)
    counts = np.random.default_rng(2).poisson(rates).astype(float)
    return np.concatenate([counts, oracle.config.auxdata])


def workspace(name: str) -> dict[str, Any]:
    """The pyhf workspace of one of the models and its observation."""
    oracle = model(*MODELS[name])
    counts, slices = observation(oracle), oracle.config.channel_slices
    observations = [{"name": c, "data": counts[slices[c]].tolist()} for c in oracle.config.channels]
    measurement = {"name": "fit", "config": {"poi": "mu", "parameters": []}}
    return {
        "channels": json.loads(json.dumps(oracle.spec["channels"])),
        "observations": observations,
        "measurements": [measurement],
        "version": "1.0.0",
    }
