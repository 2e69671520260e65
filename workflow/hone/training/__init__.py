"""Training of an observable by stochastic gradient descent on any objective."""

from hone.training.checkpoint import Checkpoint
from hone.training.loop import Trained, train
from hone.training.settings import Settings

__all__ = ["Checkpoint", "Settings", "Trained", "train"]
