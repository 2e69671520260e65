"""Samples and their variations as arrays: generators, and ROOT files in and out."""

from hone.events.distributions import cell_probabilities, draw
from hone.events.generate import generate, pseudo_data
from hone.events.rootfiles import TREE, WEIGHT, read_events, write_events

__all__ = [
    "TREE",
    "WEIGHT",
    "cell_probabilities",
    "draw",
    "generate",
    "pseudo_data",
    "read_events",
    "write_events",
]
