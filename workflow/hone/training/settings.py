"""Settings of a training."""

from dataclasses import dataclass, fields
from typing import Self

from hone.analysis import Analysis
from hone.analysis.observables import Trained

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """Settings of a training, named as in the config."""

    objective: str
    """Name of the objective: of events, of the likelihood, or ``module:function``."""
    steps: int
    batch: int
    """Events of each set in a step; all of a set that has fewer."""
    learning_rate: float
    validate_every: int
    staterror: bool
    evaluation_events: int
    """Events per sample in the evaluation set, for the statistical error of the model."""
    histograms: str = "hard"
    """Histograms of the evaluation events that will be fitted, ``hard`` or ``soft``."""
    optimiser: str = "adam"
    optimiser_arguments: tuple[tuple[str, float | bool], ...] = ()
    schedule: str = "cosine"
    warmup: int = 0
    gradient_clip: float = 1.0
    l1: float = 0.0
    l2: float = 0.0
    average: float = 0.0
    """Decay of the average of what is trained; 0 for none."""
    accumulate: int = 1
    """Number of pieces in which a batch passes the network, to save memory."""
    devices: int = 1
    """That each batch is spread over, of all processes together."""
    classes: tuple[tuple[str, ...], ...] = ()
    """Samples of each class of a cross-entropy; signal and background if there are none."""
    patience: int = 0
    """Validations without improvement after which training stops; 0 for never."""
    max_skipped: int = 100
    """Most steps that may be skipped because a loss or gradient is not finite."""
    minimum_background: float = 0.0
    """Expected background that each bin should have, in events."""
    maximum_mc_error: float = 0.0
    """Relative statistical error of the background that no bin should exceed; 0 for no limit."""

    @classmethod
    def of(cls, analysis: Analysis, observable: Trained) -> Self:
        """Those of an observable, with what the analysis says about the workspace."""
        names = [f.name for f in fields(cls) if f.name in type(observable).model_fields]
        given = {name: getattr(observable, name) for name in names}
        # Settings are hashed: programs are compiled for them.
        given["optimiser_arguments"] = tuple(observable.optimiser_arguments.items())
        given["classes"] = tuple(map(tuple, observable.setting("classes") or ()))
        return cls(
            **given,
            staterror=analysis.workspace.staterror,
            histograms=analysis.workspace.histograms,
            evaluation_events=analysis.events.evaluation,
        )
