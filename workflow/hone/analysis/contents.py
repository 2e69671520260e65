"""What a checked config says about the analysis, for rules and scripts."""

import glob
import os
from typing import Any

from hone.analysis.samples import affected, has_events, has_own_normalisation, is_ntuple

__all__ = [
    "baseline",
    "event_files",
    "is_trained",
    "matching",
    "scaled_to_yield",
    "seeds",
    "signals",
    "systematics_of",
    "templates",
]


def baseline(config: dict[str, Any]) -> str | None:
    """The observable that others are compared with: the first trained on cross-entropy, if any."""
    names = (o["name"] for o in config["observables"] if o.get("objective") == "bce")
    return next(names, None)


def signals(config: dict[str, Any]) -> list[str]:
    """Names of the signal hypotheses."""
    return [s["name"] for s in config["samples"] if s["process"] == "signal"]


def systematics_of(config: dict[str, Any], observable: str | None) -> list[dict[str, Any]]:
    """The systematics that an observable is trained and fitted with, in the config's order."""
    by_name: dict[str | None, dict[str, Any]] = {o["name"]: o for o in config["observables"]}
    chosen = by_name.get(observable, {})
    if "source" in chosen and "systematics" not in chosen:
        return systematics_of(config, chosen["source"])
    names = chosen.get("systematics")
    return [s for s in config["systematics"] if names is None or s["name"] in names]


def templates(config: dict[str, Any], signal: str, observable: str | None = None) -> list[str]:
    """Names of the event sets of one hypothesis: each sample, then its varied distributions.

    A varied set is called ``<sample>__<systematic>_up`` or ``..._down``; where only weights are
    varied there is none. With an observable, only the sets that it needs.
    """
    systematics = systematics_of(config, observable)
    names = []
    for sample in config["samples"]:
        if sample["process"] == "data" or (
            sample["process"] == "signal" and sample["name"] != signal
        ):
            continue
        names.append(sample["name"])
        for systematic in systematics:
            if sample["name"] in affected(systematic):
                names += [
                    f"{sample['name']}__{systematic['name']}_{side}"
                    for side in ("up", "down")
                    if has_events(systematic, side)
                ]
    return names


def scaled_to_yield(config: dict[str, Any], signal: str, observable: str | None) -> list[str]:
    """Those of :func:`templates` whose events are scaled to the yield; others have its factor."""
    samples = {s["name"]: s for s in config["samples"]}
    sides = {
        f"{name}__{systematic['name']}_{side}": systematic[side]
        for systematic in config["systematics"]
        for name in affected(systematic)
        for side in ("up", "down")
        if has_events(systematic, side)
    }
    return [
        name
        for name in templates(config, signal, observable)
        if name in samples
        or not is_ntuple(samples[name.partition("__")[0]])
        or has_own_normalisation(sides[name])
    ]


def event_files(config: dict[str, Any]) -> dict[str, list[str]]:
    """Ntuples by name of the set of events; none where events are drawn from distributions."""
    found = {}

    def add(name: str, entry: dict[str, Any]) -> None:
        made = f"results/{config['analysis']}/events/dimuons/{name}.root"
        found[name] = matching(entry["files"]) if "files" in entry else [made]

    for sample in config["samples"]:
        if not is_ntuple(sample):
            continue
        add(sample["name"], sample)
        for systematic in config["systematics"]:
            for side in ("up", "down"):
                if sample["name"] in affected(systematic) and has_events(systematic, side):
                    add(
                        f"{sample['name']}__{systematic['name']}_{side}",
                        {**sample, **systematic[side]},
                    )
    return found


def matching(patterns: str | list[str]) -> list[str]:
    """Files that match a pattern, or several; a file may also be called as a pattern."""
    several = [patterns] if isinstance(patterns, str) else patterns
    found = (
        [pattern] if os.path.exists(pattern) else glob.glob(pattern, recursive=True)
        for pattern in several
    )
    return sorted({path for paths in found for path in paths})


def seeds(config: dict[str, Any], observable: str) -> int:
    """Number of seeds: a rebinned observable has those of its source, what is not trained one."""
    chosen = next(o for o in config["observables"] if o["name"] == observable)
    return seeds(config, chosen["source"]) if "source" in chosen else int(chosen.get("seeds", 1))


def is_trained(observable: dict[str, Any]) -> bool:
    """Whether gradients make this observable what it is."""
    return "steps" in observable
