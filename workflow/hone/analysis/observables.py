"""Settings of observables: what maps an event to a bin, and how it is trained."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, Self

from annotated_types import Ge, Gt, Le, Len, Lt
from pydantic import AfterValidator, Field, model_validator

from hone.analysis.fields import Edges, Name
from hone.analysis.objective_names import CLASSIFIERS, ObjectiveName
from hone.analysis.optimisation import Optimisation
from hone.analysis.own_code import OwnFunctionName
from hone.analysis.settings import (
    AsWhole,
    Family,
    NonNegative,
    Plain,
    Positive,
    Settings,
    Text,
    either,
    refuse_all,
    unique,
)

__all__ = [
    "ACTIVATIONS",
    "Cut",
    "Cuts",
    "GridCuts",
    "Network",
    "ObservableSettings",
    "Rebinned",
    "Safeguards",
    "Softmax",
    "Trained",
    "VariableBins",
]

ACTIVATIONS = ("relu", "elu", "selu", "gelu", "swish", "tanh", "softplus")
_LAYERS = ("hidden", "activation", "normalisation", "residual")
_MOST_COMBINATIONS = 1_000_000
Count = Annotated[int, Ge(1), AsWhole]


def _no_classifier(objective: str | None, what: str) -> Iterator[tuple[str, str]]:
    if objective in CLASSIFIERS:
        yield (
            "objective",
            f"{objective} trains a classifier, which an observable {what} is not; use an objective "
            "of the likelihood or of counts, such as cls or z_a",
        )


class Cut(Settings):
    """A one-sided cut on one of the features."""

    variable: str
    """Which of `features`."""
    side: Literal["above", "below"]
    """Which events pass; two cuts on one variable make a window."""
    start: float | None = None
    """Threshold before training, in the variable's unit; if not given, half a standard deviation
    from the mean, towards the side that is cut away."""
    slope: Positive = 5.0
    """Steepness of the sigmoid before training, per standard deviation of the variable."""


class ObservableSettings(Family):
    """What maps an event to a bin."""

    tag = "kind"
    learns: ClassVar[bool] = True
    """Whether training or validation events make it what it is."""
    name: Name
    """Name of the observable, as in file names."""
    kind: str
    features: Annotated[list[Text], Len(1), AfterValidator(unique)] | None = None
    """Which of the analysis' `features` this observable sees; all if not given. A rebinned one sees
    those of its source."""
    systematics: Annotated[list[str], AfterValidator(unique)] | None = None
    """The systematics that this observable is trained and fitted with, by name; all if not given.
    Observables with different ones answer different questions: each is compared with the floor of
    its own."""

    def setting(self, name: str) -> Any:
        """The value of a setting; an empty text if there is none of that name."""
        value = getattr(self, name) if name in type(self).model_fields else None
        return "" if value is None else value

    def _problems(self) -> Iterator[tuple[str, str]]:
        """Settings that contradict each other, and what is wrong."""
        yield from ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        refuse_all(self._problems())
        return self

    @property
    def is_trained(self) -> bool:
        """Whether gradients make this observable what it is."""
        return isinstance(self, Trained)

    @property
    def variables(self) -> dict[str, str]:
        """Features that it names, by the setting that does."""
        return {}


class _WithObjective(ObservableSettings):
    objective: ObjectiveName
    """What training minimises. Of the workspace's likelihood, on nominal Asimov data: `cls`
    (logarithm of the median expected CLs at mu = 1), `limit` (of the median expected upper limit),
    `p0` (of the expected discovery p-value), `sigma_mu` (of the POI's uncertainty at mu = 1, the
    loss of INFERNO), `generalised_variance` (of the determinant of the covariance, with `measure`
    that of the strengths), `trace` (of the sum of the strengths' variances). Of the counts: `z_a`
    (Asimov significance), `z_a_uncertain` (the same with the uncertainty of the background),
    `inverse_z_a`, `inverse_z_a_uncertain`. Of a classifier (network without cuts): `bce` (binary
    cross-entropy), `bce_augmented` (with the varied samples added to theirs). `module:function`: a
    function of one's own in `module.py` beside the config. What it imports from there is followed:
    after an edit of it, too, the observable is trained again."""

    @property
    def is_classifier(self) -> bool:
        """Whether it has a score that tells signal from background."""
        return False

    def _problems(self) -> Iterator[tuple[str, str]]:
        if not self.is_classifier:
            what = "with cuts" if isinstance(self, Network) else f"of kind {self.kind}"
            yield from _no_classifier(self.objective, what)
        yield from super()._problems()


class _WithCuts(ObservableSettings):
    cuts: Annotated[list[Cut], Len(1)] | None = None
    """Cuts that an event has to pass all of; thresholds and slopes are trained."""

    @property
    def variables(self) -> dict[str, str]:
        return {f"cuts[{i}].variable": cut.variable for i, cut in enumerate(self.cuts or [])}


class Safeguards(Settings):
    """Bins that an observable shall not have."""

    minimum_background: NonNegative = 0.0
    """(objectives of the likelihood or of counts) Expected background that every bin shall have, in
    events; what is missing is added to the objective as a penalty."""
    maximum_mc_error: NonNegative = 0.0
    """(objectives of the likelihood or of counts) Relative statistical error of the simulated
    background that no bin shall exceed, as a penalty; 0 for no limit."""


class Trained(Optimisation, Safeguards, _WithObjective):
    """An observable that gradients train."""

    steps: Count = 1500
    """Training steps."""
    batch: Count = 2000
    """Events per sample and variation in each training step, drawn anew and scaled to the yields
    (with negative weights on average); at most `events.training`. Of a sample with fewer training
    events each step has all of them."""
    accumulate: Count = 1
    """Pieces in which a batch passes the network, one after another; the gradient is that of the
    whole batch, the memory that of a piece. For yields that need more events than fit. The batch
    must be a multiple of it."""
    validate_every: Count = 100
    """Steps between two validations on hard histograms of the validation set; the best weights are
    kept."""
    patience: Annotated[int, Ge(0), AsWhole] = 0
    """Validations without improvement after which training ends; 0 for never."""
    max_skipped: Annotated[int, Ge(0), AsWhole] = 100
    """A step whose loss or gradient is not finite is skipped and counted; more than this many, or
    every step so far, end the training with an error that says why."""
    seeds: Annotated[int, Ge(1), Le(1000), AsWhole] = 3
    """Number of independent trainings, `seed1` to `seed<n>`. A rebinned observable has the seeds of
    its source; what is not trained has one."""
    together: bool = False
    """Train all seeds in one job, side by side in one program: for a GPU. Otherwise each is a job
    of its own: for a cluster, or the cores of a laptop."""

    def _problems(self) -> Iterator[tuple[str, str]]:
        if self.batch % self.accumulate:
            yield "accumulate", f"the batch of {self.batch} is not a multiple of {self.accumulate}"
        if self.validate_every > self.steps:
            yield "validate_every", f"must be at most steps ({self.steps})"
        if self.warmup >= self.steps:
            yield "warmup", f"must be less than steps ({self.steps})"
        yield from self.problems_of_optimiser()
        for key in ("minimum_background", "maximum_mc_error"):
            if self.objective in CLASSIFIERS and getattr(self, key):
                yield key, f"{self.objective} does not see the bins; use another objective"
        yield from super()._problems()


class _Soft(Trained):
    """A network in bins that are soft in training."""

    bins: Annotated[int, Ge(2), Le(100), AsWhole] = 5
    """Number of bins."""
    architecture: OwnFunctionName | None = None
    """`module:function`, a function of one's own in `module.py` beside the config, in place of
    `hidden` and what belongs to it. It gets the number of features, the number of outputs and a key
    of JAX, and returns an equinox module that maps the standardised features of one event (F,) to
    its outputs (outputs,): one for a network, one for each bin for a softmax. All of its floating
    point arrays are trained, in `precision`."""
    hidden: list[Count] = Field([64, 64])
    """Width of each hidden layer."""
    activation: Literal[ACTIVATIONS] = "relu"  # type: ignore[valid-type]
    """Function of each hidden layer."""
    normalisation: Literal["none", "layer"] = "none"
    """`layer` normalises the outputs of each hidden layer before the activation."""
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Fraction of the outputs of each hidden layer that a training step leaves out."""
    residual: bool = False
    """Adds the input of each hidden layer to its output, where both have the same width."""
    precision: Literal["float32", "float64"] = "float32"
    """Of the network; the likelihood is always float64."""
    start_from: str | None = None
    """A network or rebinned observable whose weights, seed by seed, this training starts from, e.g.
    a classifier trained with `bce`. It must have the same layers, features and precision; learned
    edges start from its edges. It is validated as step 0, so that what is kept is at least as good
    on the validation set."""
    frozen_layers: Annotated[int, Ge(0), AsWhole] = 0
    """(`start_from`) Hidden layers, from the first, that are not trained."""

    @property
    def layers(self) -> dict[str, object]:
        """What has to be the same for weights to be taken over."""
        own = {"architecture": self.architecture and self.architecture.function}
        return own | {name: getattr(self, name) for name in (*_LAYERS, "precision")}

    def _problems(self) -> Iterator[tuple[str, str]]:
        if self.architecture is not None:
            fields = type(self).model_fields
            for key in (*_LAYERS, "dropout", "frozen_layers"):
                if getattr(self, key) != fields[key].default:
                    yield key, "does not apply to an architecture of one's own; remove it"
        if self.frozen_layers and self.start_from is None:
            yield "frozen_layers", "needs start_from: fresh layers would stay random"
        if self.frozen_layers and self.together:
            yield (
                "frozen_layers",
                "needs together: false, for each seed has frozen layers of its own",
            )
        if self.frozen_layers > len(self.hidden):
            yield "frozen_layers", f"there are {len(self.hidden)} hidden layers"
        if self.residual and all(a != b for a, b in pairwise(self.hidden)):
            yield "residual", "no two neighbouring hidden layers have the same width"
        yield from super()._problems()


def _room(smoothing: str, numbers: list[float], key: str) -> Iterator[tuple[str, str]]:
    if smoothing == "learned" and (len(numbers) < 2 or numbers[0] <= numbers[-1]):
        yield key, "smoothing learned needs a start and, below it, a smallest value"


class Network(_Soft, _WithCuts):
    """A neural network with one output, in bins of it, after `cuts` if there are any."""

    kind: Literal["network"]
    edges: Annotated[
        Literal["learned", "equal"] | Annotated[list[float], Len(2)],
        either("`learned`, `equal` and a list of edges that rises from 0 to 1"),
    ] = "equal"
    """`equal` bins, edges `learned` together with the network (objectives of the likelihood or of
    counts only), or a rising list from 0 to 1."""
    smoothing: Literal["annealed", "fixed", "learned", "scott", "adaptive"] = "annealed"
    """What `bandwidth` or `temperature` does in training: `annealed` shrinks geometrically from the
    first number to the last, `fixed` is the last all the time, `learned` starts at the first,
    follows the gradient and stays above the last. (network) `scott` takes Scott's rule, sigma
    n^(-1/5) of each template in a batch, and `adaptive` that times (mean density / density at the
    event)^(1/2): no numbers needed."""
    bandwidth: Annotated[list[Annotated[float, Gt(0), Le(1)]], Len(1, 2)] = Field([0.09, 0.02])
    """Bandwidth of the kernel density in the soft histogram at the first and at the last training
    step, as a fraction of the observable's range. The last is that of the soft histograms in
    `histograms.root`."""

    @property
    def is_classifier(self) -> bool:
        return not self.cuts

    def _problems(self) -> Iterator[tuple[str, str]]:
        yield from _room(self.smoothing, self.bandwidth, "bandwidth")
        edges = self.edges
        if edges == "learned" and self.objective in CLASSIFIERS:
            yield "edges", f"{self.objective} does not depend on edges; use a rebinned observable"
        if isinstance(edges, list):
            if sorted(set(edges)) != edges:
                yield "edges", f"{edges} must rise"
            if (edges[0], edges[-1]) != (0, 1):
                yield "edges", f"{edges} are out of range: a network's edges go from 0 to 1"
            if len(edges) != self.bins + 1:
                yield "edges", f"{len(edges)} edges do not make {self.bins} bins (bins)"
        yield from super()._problems()


class Softmax(_Soft):
    """A network with an output for each bin; the largest has the event."""

    kind: Literal["softmax"]
    smoothing: Literal["annealed", "fixed", "learned"] = "annealed"
    temperature: Annotated[list[Annotated[float, Gt(0), Le(100)]], Len(1, 2)] = Field([1.0, 0.1])
    """Temperature of the softmax at the first and at the last step."""

    def _problems(self) -> Iterator[tuple[str, str]]:
        yield from _room(self.smoothing, self.temperature, "temperature")
        yield from super()._problems()


class Cuts(Trained, _WithCuts):
    """A count of the events that pass cuts, with thresholds found by gradients or on a grid."""

    kind: Literal["cuts"]
    search: Annotated[Literal["gradient"], either("gradient and grid")] = "gradient"
    """`grid` counts at every combination of `points` thresholds of each cut on the training events
    and takes the best: the reference for what gradients find."""
    cuts: Annotated[list[Cut], Len(1)]

    @classmethod
    def fits(cls, entry: Plain) -> bool:
        return super().fits(entry) and entry.get("search", "gradient") != "grid"


class GridCuts(_WithObjective, _WithCuts):
    """A count of the events that pass cuts, with the best thresholds of a grid."""

    kind: Literal["cuts"]
    search: Literal["grid"]
    """`grid` counts at every combination of `points` thresholds of each cut on the training events
    and takes the best: the reference for what gradients find."""
    points: Annotated[int, Ge(2), Le(1000), AsWhole] = 50
    """(`search: grid`) Thresholds that are tried for each cut, quantiles of the nominal events; at
    most a million combinations."""
    cuts: Annotated[list[Cut], Len(1)]

    @classmethod
    def fits(cls, entry: Plain) -> bool:
        return super().fits(entry) and entry.get("search") == "grid"

    def _problems(self) -> Iterator[tuple[str, str]]:
        combinations = self.points ** len(self.cuts)
        if combinations > _MOST_COMBINATIONS:
            yield "points", f"{combinations} combinations are more than a million; use fewer points"
        yield from super()._problems()


class VariableBins(ObservableSettings):
    """One of the features in given bins, nothing trained."""

    learns = False
    kind: Literal["variable"]
    variable: str
    """Which of `features`."""
    edges: Edges
    """A rising list in the variable's unit; the outermost bins take what lies beyond."""

    @property
    def variables(self) -> dict[str, str]:
        return {"variable": self.variable}


class Rebinned(Safeguards, ObservableSettings):
    """The weights of another network, seed by seed, with the best bin edges for its objective on
    the validation set."""

    kind: Literal["rebinned"]
    source: str
    """The observable of kind network whose weights are taken."""
    objective: ObjectiveName | None = None
    """What the edges minimise; `cls` if not given."""
    bins: Annotated[int, Ge(2), Le(100), AsWhole] = 5
    """Number of bins."""

    def _problems(self) -> Iterator[tuple[str, str]]:
        if self.features is not None:
            yield "features", "are those of its source; remove them"
        yield from _no_classifier(self.objective, "of kind rebinned")
        yield from super()._problems()
