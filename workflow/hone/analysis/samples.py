"""What samples and systematics of a checked config are."""

from collections.abc import Mapping
from typing import Any

__all__ = ["affected", "has_events", "has_own_normalisation", "is_ntuple", "varied_weights"]


def is_ntuple(sample: Mapping[str, Any]) -> bool:
    """Whether a sample's events are ntuples: the user's own files, or collisions made as such."""
    return "files" in sample or "dimuons" in sample


def affected(systematic: Mapping[str, Any]) -> list[str]:
    """Names of the samples that a systematic varies, or a normfactor scales."""
    found = systematic["sample"]
    return [found] if isinstance(found, str) else list(found)


def has_events(systematic: Mapping[str, Any], side: str) -> bool:
    """Whether a side (``up`` or ``down``) has events of its own, not only other weights."""
    if systematic["type"] not in ("histosys", "shapesys") or side not in systematic:
        return False
    variation = systematic[side]
    return not isinstance(variation, Mapping) or set(variation) != {"weight"}


def has_own_normalisation(variation: Any) -> bool:
    """Whether varied ntuples are scaled to the sample's yield, instead of having its factor.

    Args:
        variation: a side (``up`` or ``down``) of a systematic.
    """
    return isinstance(variation, Mapping) and (
        "sum_of_weights" in variation or variation.get("normalise") == "own"
    )


def varied_weights(config: Mapping[str, Any], sample: str) -> dict[str, str]:
    """Expressions of the weights by template, where a sample's events are weighted otherwise."""
    found = {}
    for systematic in config["systematics"]:
        if sample not in affected(systematic):
            continue
        for side in ("up", "down"):
            variation = systematic.get(side)
            if isinstance(variation, Mapping) and not has_events(systematic, side):
                found[f"{sample}__{systematic['name']}_{side}"] = variation["weight"]
    return found
