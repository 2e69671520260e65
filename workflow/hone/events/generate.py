"""Generated events of an analysis, with seeds that depend on names only."""

import hashlib

import numpy as np

from hone.analysis import Analysis, Template
from hone.analysis.samples import GeneratedSample
from hone.analysis.shape_systematics import ShapeVariation
from hone.events.distributions import draw

__all__ = ["generate", "pseudo_data", "seed_of"]


def generate(
    analysis: Analysis, template: Template, events_set: str
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Events of one sample or variation for one of the three sets.

    Args:
        analysis: with the sample, and the systematic of a variation.
        template: what the events belong to.
        events_set: ``training``, ``validation`` or ``evaluation``.

    Returns:
        The variables, float64 (n,) each, and the events' weights (n,), which add up to the yield.
    """
    sample = analysis.sample(template.sample)
    assert isinstance(sample, GeneratedSample)
    distribution = sample.distribution
    for systematic in analysis.systematics:
        if template in systematic.templates(sample.name):
            assert isinstance(systematic, ShapeVariation)
            distribution = systematic.density(template.side)
    size: int = getattr(analysis.events, events_set)
    rng = _generator(analysis.seed, "events", events_set, template.name)
    weights = np.full(size, sample.yield_ / size)
    return draw(distribution, size, rng), weights


def pseudo_data(analysis: Analysis) -> dict[str, np.ndarray]:
    """The observation: a Poisson number of events of each sample, at the true signal strength."""
    observation, strengths = analysis.observation, analysis.true_strengths
    parts = []
    for sample in analysis.simulated:
        assert isinstance(sample, GeneratedSample)
        expected = sample.yield_ * strengths.get(sample.name, 1.0)
        rng = _generator(observation.seed, "observation", sample.name)
        parts.append(draw(sample.distribution, int(rng.poisson(expected)), rng))
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
