"""Events of samples and variations: generators, ROOT files, surveys."""

from hone.events.distributions import cell_probabilities, draw
from hone.events.generate import generate, pseudo_data
from hone.events.rootfiles import TREE, WEIGHT, write_events

__all__ = [
    "TREE",
    "WEIGHT",
    "cell_probabilities",
    "draw",
    "generate",
    "pseudo_data",
    "write_events",
]
