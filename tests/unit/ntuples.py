"""Small ntuples for tests: two samples with a mass and a feature, and what varies them."""

import numpy as np
import uproot

from hone.analysis.sections import SETS, Sizes

__all__ = ["ALL", "FEATURES", "columns", "write", "write_analysis"]

FEATURES = ["mass", "log(pt)"]
ALL = Sizes.model_validate(dict.fromkeys(SETS, 10**9))
"""As many events as there are."""


def columns(size, seed, signal):
    """Events: ``mass`` from 0 to 200, peaking for the signal, ``pt``, ``w`` and numbers."""
    rng = np.random.default_rng(seed)
    mass = rng.normal(125, 10, size) if signal else rng.uniform(50, 200, size)
    return {
        "mass": mass,
        "pt": rng.exponential(60 if signal else 30, size),
        "w": rng.uniform(0.5, 1.5, size),
        "event": np.arange(size) + 1000 * seed,
    }


def write(path, events, tree="events", rntuple=False):
    """A ROOT file with one tree."""
    with uproot.recreate(path) as file:
        if rntuple:
            file.mkrntuple(tree, events)
        else:
            file.mktree(tree, {name: x.dtype for name, x in events.items()})
            file[tree].extend(events)


def write_analysis(folder, size=4000):
    """``signal.root``, two files of background, one with a varied scale; a config for them."""
    write(folder / "signal.root", columns(size, 1, True))
    background = columns(size, 2, False)
    first, second = (
        {n: x[part] for n, x in background.items()}
        for part in (slice(0, size // 3), slice(size // 3, None))
    )
    write(folder / "background_1.root", first, rntuple=True)
    write(folder / "background_2.root", second)
    for side, factor in (("up", 1.02), ("down", 0.98)):
        varied = {**background, "mass": background["mass"] * factor}
        write(folder / f"background_{side}.root", varied)
    write(folder / "data.root", {n: x[:300] for n, x in columns(size, 3, False).items()})
    return {
        "analysis": "ntuples",
        "seed": 1,
        "luminosity": 10.0,
        "samples": [
            {"name": "signal", "process": "signal", "files": "signal.root", "weight": "w",
             "yield": 30},
            {"name": "background", "process": "background", "files": "background_[12].root",
             "weight": "w", "cross_section": 0.1},
            {"name": "data", "process": "data", "files": ["data.root"]},
        ],
        "features": ["mass", "log(pt)"],
        "split": {"branch": "event", "training": 0.4, "validation": 0.3},
        "regions": [
            {"name": "signal_region", "selection": "(mass > 90) & (mass < 160)",
             "fit": "observable"},
            {"name": "control_region", "selection": "mass <= 90", "fit": "variable",
             "variable": "pt", "edges": [0, 20, 50, 200]},
            {"name": "high", "selection": "mass >= 160", "fit": "count"},
        ],
        "systematics": [
            {"name": "scale", "type": "histosys", "sample": "background",
             "up": {"files": "background_up.root"}, "down": {"files": "background_down.root"}},
            {"name": "trigger", "type": "histosys", "sample": ["signal", "background"],
             "up": {"weight": "w * (1 + 0.001 * pt)"}},
            {"name": "xsec", "type": "normsys", "sample": "background", "up": 1.1, "down": 0.9,
             "regions": ["signal_region"]},
            {"name": "lumi", "type": "lumi", "sample": ["signal"], "uncertainty": 0.02},
        ],
        "normfactors": [{"name": "mu_background", "sample": "background"}],
        "observables": [
            {"name": "neos", "kind": "network", "objective": "cls", "bins": 3, "edges": "learned",
             "hidden": [16], "steps": 40, "batch": 500, "validate_every": 20},
            {"name": "neos-edges", "kind": "rebinned", "source": "neos", "bins": 3},
        ],
    }  # fmt: skip
