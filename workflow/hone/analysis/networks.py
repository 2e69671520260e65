"""Settings of networks: one output in bins, after cuts or not, or an output for each bin."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Len, Lt
from pydantic import Field

from hone.analysis.objective_names import CLASSIFIERS
from hone.analysis.own_code import OwnFunctionName
from hone.analysis.settings import AsWhole, Positive, Settings, either
from hone.analysis.trained import Count, ObservableSettings, Trained

__all__ = [
    "ACTIVATIONS", "Bandwidth", "Cut", "Network", "OfNetwork", "Softmax", "Temperature", "WithCuts",
    "room",
]  # fmt: skip

ACTIVATIONS = ("relu", "elu", "selu", "gelu", "swish", "tanh", "softplus")
Bins = Annotated[int, Ge(2), Le(100), AsWhole]
Bandwidth = Annotated[list[Annotated[float, Gt(0), Le(1)]], Len(1, 2)]
Temperature = Annotated[list[Annotated[float, Gt(0), Le(100)]], Len(1, 2)]
_LAYERS = ("hidden", "activation", "normalisation", "residual")


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


class WithCuts(ObservableSettings):
    """An observable that may have cuts."""

    cuts: Annotated[list[Cut], Len(1)] | None = None
    """Cuts that an event has to pass all of; thresholds and slopes are trained."""

    @property
    def variables(self) -> dict[str, str]:
        return {f"cuts[{i}].variable": cut.variable for i, cut in enumerate(self.cuts or [])}


class OfNetwork(Trained):
    """A network in bins that are soft in training."""

    architecture: OwnFunctionName | None = None
    """`module:function`, a function of one's own in `module.py` beside the config, in place of
    `hidden` and what belongs to it. It gets the number of features, the number of outputs and a key
    of JAX, and returns an equinox module that maps the standardised features of one event (F,) to
    its outputs (outputs,): one for a network, one for each bin for a softmax, two for
    `two_dimensional`, one for each of the `categories`. If features are padded, it is called with a
    mask of what is there as well, (F,). All of its floating point arrays are trained, in
    `precision`."""
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
    precision: Literal["float32", "float64", "bfloat16"] = "float32"
    """Of the network; the likelihood is always float64. `bfloat16` is mixed precision, for GPUs: in
    training steps the hidden layers multiply in bfloat16. All else is float32: weights, the last
    layer, and every score outside of training steps."""
    start_from: str | None = None
    """An observable of the same kind (of a network also a rebinned one) whose weights, seed by
    seed, this training starts from, e.g. a classifier. It must have the same layers, features,
    precision and number of outputs; learned edges start from its edges, in as many bins. It is
    validated as step 0, so that what is kept is at least as good on the validation set."""
    frozen_layers: Annotated[int, Ge(0), AsWhole] = 0
    """(`start_from`) Hidden layers, from the first, that are not trained."""

    @property
    def dtype(self) -> str:
        """Of the weights, and of scores outside of training steps."""
        return "float32" if self.precision == "bfloat16" else self.precision

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
            if self.precision == "bfloat16":
                yield "precision", "an architecture of one's own casts what it multiplies itself"
        elif self.precision == "bfloat16" and not self.hidden:
            yield "precision", "bfloat16 is of the products in hidden layers, and hidden is []"
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


def room(smoothing: str, numbers: list[float], key: str) -> Iterator[tuple[str, str]]:
    """What is wrong with a start and an end between which something is learned."""
    if smoothing == "learned" and (len(numbers) < 2 or numbers[0] <= numbers[-1]):
        yield key, "smoothing learned needs a start and, below it, a smallest value"


class Network(OfNetwork, WithCuts):
    """A neural network with one output, in bins of it, after `cuts` if there are any."""

    kind: Literal["network"]
    bins: Bins = 5
    """Number of bins."""
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
    bandwidth: Bandwidth = Field([0.09, 0.02])
    """Bandwidth of the kernel density in the soft histogram at the first and at the last training
    step, as a fraction of the observable's range. The last is that of the soft histograms in
    `histograms.root`."""
    failing: Literal["lost", "bin"] = "lost"
    """(`cuts`) What becomes of events that fail a cut: they are `lost`, or in a `bin` of their own,
    from -1 to 0, beside those of the network's output: a region of cuts and a region with a network
    are trained together, in one likelihood."""

    @property
    def classifiers(self) -> tuple[str, ...]:
        return () if self.cuts else ("bce", "bce_augmented")

    @property
    def number_of_bins(self) -> int:
        return self.bins + (self.failing == "bin")

    def _problems(self) -> Iterator[tuple[str, str]]:
        yield from room(self.smoothing, self.bandwidth, "bandwidth")
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
        if self.failing == "bin" and not self.cuts:
            yield "failing", "needs cuts: without any, no event fails"
        yield from super()._problems()


class Softmax(OfNetwork):
    """A network with an output for each bin; the largest has the event."""

    kind: Literal["softmax"]
    bins: Bins = 5
    """Number of bins."""
    smoothing: Literal["annealed", "fixed", "learned"] = "annealed"
    temperature: Temperature = Field([1.0, 0.1])
    """Temperature of the softmax at the first and at the last step."""

    @property
    def number_of_bins(self) -> int:
        return self.bins

    def _problems(self) -> Iterator[tuple[str, str]]:
        yield from room(self.smoothing, self.temperature, "temperature")
        yield from super()._problems()
