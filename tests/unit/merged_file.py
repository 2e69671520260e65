"""A file whose parts are samples, and what is known of these."""

from hone.analysis import checked_config
from hone.analysis.files import Files
from hone.events.sources import sources
from hone.events.survey import survey

__all__ = ["HEAVY", "LIGHT", "SETS_OF", "SIZE", "UP", "surveyed"]

SIZE = 3000
SETS_OF = {"training": 0.4, "validation": 0.2}
HEAVY = {"name": "heavy", "selection": "truth == 5"}
LIGHT = {"name": "light", "selection": "truth != 5"}
UP = {"name": "jes", "type": "histosys", "sample": "heavy", "up": {"files": "up.root"}}


def surveyed(*parts, split=None, systematics=()):
    """An analysis whose backgrounds are these parts of ``all.root``: sources and surveys."""
    config = checked_config(
        {
            "analysis": "a", "seed": 1, "features": ["mass"], "luminosity": 2.0,
            "split": SETS_OF | ({"branch": "event"} if split is None else split),
            "samples": [
                {"name": "s", "process": "signal", "files": "s.root", "yield": 1},
                *({"process": "background", "files": "all.root"} | part for part in parts),
            ],
            "systematics": list(systematics),
            "observables": [
                {"name": "o", "kind": "variable", "variable": "mass", "edges": [0, 125, 200]}
            ],
        }
    )  # fmt: skip
    files = Files(config).ntuples
    found = sources(config, {t.name: files[t.name] for t in config.templates_of("s")})
    return config, found, {s.name: survey(s, ["mass"], config.channels) for s in found}
