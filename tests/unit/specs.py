"""Small pyhf models for the tests."""

import numpy as np
import pyhf


def blobs_like(signal, background, up, down, errors=None):
    """One channel with a shape systematic on the background, as the default analysis."""
    signal_modifiers = [{"name": "mu", "type": "normfactor", "data": None}]
    background_modifiers = [
        {"name": "shape", "type": "histosys", "data": {"hi_data": up, "lo_data": down}}
    ]
    if errors:
        for modifiers, data in zip((signal_modifiers, background_modifiers), errors, strict=True):
            modifiers.append({"name": "stat", "type": "staterror", "data": data})
    samples = [
        {"name": "signal", "data": signal, "modifiers": signal_modifiers},
        {"name": "background", "data": background, "modifiers": background_modifiers},
    ]
    return pyhf.Model({"channels": [{"name": "SR", "samples": samples}]}, poi_name="mu")


def typical():
    """Five bins like those of a trained observable."""
    return blobs_like(
        [0.1, 0.5, 1.0, 5.0, 13.4],
        [60.0, 30.0, 8.0, 1.5, 0.5],
        [56.0, 31.0, 9.5, 1.8, 0.65],
        [63.0, 28.5, 7.0, 1.3, 0.4],
        [[0.01] * 5, [0.3] * 5],
    )


def everything(seed=0, channels=(4, 3), only=None):
    """All modifiers in several channels, or ``only`` some, with an empty cell."""
    rng = np.random.default_rng(seed)
    spec = []
    for i, n in enumerate(channels):
        nominal = rng.uniform(20, 50, n)
        other = rng.uniform(5, 9, n)
        other[0] = 0.0
        up = nominal * 1.1 + rng.normal(0, 1, n)
        signal = [
            {"name": "lumi", "type": "lumi", "data": None},
            {"name": f"stat{i}", "type": "staterror", "data": rng.uniform(0.1, 0.5, n).tolist()},
        ]
        background = [
            {
                "name": "shape",
                "type": "histosys",
                "data": {"hi_data": up.tolist(), "lo_data": (0.93 * nominal).tolist()},
            },
            {"name": "norm", "type": "normsys", "data": {"hi": 1.2, "lo": 0.85}},
            # the same parameter in another type of modifier
            {"name": "shape", "type": "normsys", "data": {"hi": 1.05, "lo": 0.99}},
            {"name": f"stat{i}", "type": "staterror", "data": rng.uniform(1, 3, n).tolist()},
        ]
        extra = [
            {"name": f"bins{i}", "type": "shapesys", "data": rng.uniform(1, 2, n).tolist()},
            {"name": "lumi", "type": "lumi", "data": None},
            {"name": f"free{i}", "type": "shapefactor", "data": None},
        ]
        keep = [
            [m for m in group if only is None or m["type"] == only]
            for group in (signal, background, extra)
        ]
        poi = {"name": "mu", "type": "normfactor", "data": None}
        samples = [
            {"name": "sig", "data": rng.uniform(1, 5, n).tolist(), "modifiers": [poi, *keep[0]]},
            {"name": "bkg", "data": nominal.tolist(), "modifiers": keep[1]},
            {"name": "other", "data": other.tolist(), "modifiers": keep[2]},
        ]
        spec.append({"name": f"channel{i}", "samples": samples})
    parameters = []
    if only in (None, "lumi"):
        lumi = {"auxdata": [1.0], "sigmas": [0.02], "bounds": [[0.9, 1.1]], "inits": [1.0]}
        parameters = [{"name": "lumi", **lumi}]
    return pyhf.Model({"channels": spec, "parameters": parameters}, poi_name="mu")
