"""Generated events of an analysis, with seeds that depend on names only."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from hone.events.distributions import draw

__all__ = ["generate", "pseudo_data", "seed_of"]


def generate(
    config: Mapping[str, Any], template: str, events_set: str
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Events of one sample or variation for one of the three sets.

    Args:
        config: a checked config.
        template: ``<sample>`` or ``<sample>__<systematic>_up`` / ``..._down``.
        events_set: ``training``, ``validation`` or ``evaluation``.

    Returns:
        The variables, float64 (n,) each, and the events' weights (n,), which add up to the yield.
    """
    sample_name, _, variation = template.partition("__")
    sample = next(s for s in config["samples"] if s["name"] == sample_name)
    distribution = sample["distribution"]
    if variation:
        systematic_name, _, side = variation.rpartition("_")
        systematic = next(s for s in config["systematics"] if s["name"] == systematic_name)
        distribution = systematic[side]
    size = config["events"][events_set]
    rng = _generator(config["seed"], "events", events_set, template)
    weights = np.full(size, sample["yield"] / size)
    return draw(distribution, size, rng), weights


def pseudo_data(config: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The observation: a Poisson number of events of each sample, at the true signal strength."""
    observation = config["observation"]
    signals = [s["name"] for s in config["samples"] if s["process"] == "signal"]
    injected = observation.get("signal", signals[0])
    parts = []
    for sample in config["samples"]:
        expected = sample["yield"]
        if sample["process"] == "signal":
            expected *= observation["mu"] if sample["name"] == injected else 0
        rng = _generator(observation["seed"], "observation", sample["name"])
        parts.append(draw(sample["distribution"], int(rng.poisson(expected)), rng))
    # All variables that every sample has: regions may use more than the features.
    names = [name for name in parts[0] if all(name in part for part in parts)]
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def seed_of(seed: int, *labels: str) -> int:
    """A seed for each list of labels, independent of the rest of the analysis."""
    text = "/".join([str(seed), *labels])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16])


def _generator(seed: int, *labels: str) -> np.random.Generator:
    """Independent random numbers for different labels."""
    return np.random.default_rng(seed_of(seed, *labels))
