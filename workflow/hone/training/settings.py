"""Settings of a training."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """Settings of a training, named as in the config."""

    objective: str
    """Name of the objective: of events, of the likelihood, or ``module:function``."""
    steps: int
    batch: int
    """Events of each set in a step."""
    learning_rate: float
    validate_every: int
    staterror: bool
    evaluation_events: int
    """Events per sample in the evaluation set, for the statistical error of the model."""
    histograms: str = "hard"
    """Histograms of the evaluation events that will be fitted, ``hard`` or ``soft``."""
    schedule: str = "cosine"
    gradient_clip: float = 1.0
    accumulate: int = 1
    """Number of pieces in which a batch passes the network, to save memory."""
    patience: int = 0
    """Validations without improvement after which training stops; 0 for never."""
    max_skipped: int = 100
    """Most steps that may be skipped because a loss or gradient is not finite."""
    minimum_background: float = 0.0
    """Expected background that each bin should have, in events."""
    maximum_mc_error: float = 0.0
    """Relative statistical error of the background that no bin should exceed; 0 for no limit."""

    @classmethod
    def of(cls, observable: Mapping[str, Any], **others: Any) -> "Settings":
        """From an entry of ``observables`` in a checked config."""
        names = {field.name for field in fields(cls)}
        return cls(**{k: v for k, v in observable.items() if k in names}, **others)
