"""What a checked config says about the analysis, for rules and scripts."""

from typing import Any

__all__ = ["is_trained", "seeds", "signals", "systematics_of", "templates"]


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

    A varied set is called ``<sample>__<systematic>_up`` or ``..._down``. With an observable, only
    the sets that it needs.
    """
    systematics = systematics_of(config, observable)
    names = []
    for sample in config["samples"]:
        if sample["process"] == "signal" and sample["name"] != signal:
            continue
        names.append(sample["name"])
        for systematic in systematics:
            if systematic["type"] != "normsys" and systematic["sample"] == sample["name"]:
                names += [
                    f"{sample['name']}__{systematic['name']}_{side}" for side in ("up", "down")
                ]
    return names


def seeds(config: dict[str, Any], observable: str) -> int:
    """Number of seeds: a rebinned observable has those of its source, what is not trained one."""
    chosen = next(o for o in config["observables"] if o["name"] == observable)
    return seeds(config, chosen["source"]) if "source" in chosen else int(chosen.get("seeds", 1))


def is_trained(observable: dict[str, Any]) -> bool:
    """Whether gradients make this observable what it is."""
    return "steps" in observable
