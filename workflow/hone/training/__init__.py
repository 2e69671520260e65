"""The training loop: batches, validation, best weights, history."""

from hone.training.loop import Settings, Trained, train
from hone.training.sets import EventSets, hard_histograms, load_event_sets, soft_histograms

__all__ = ["EventSets", "Settings", "Trained", "hard_histograms", "load_event_sets", "soft_histograms", "train"]
