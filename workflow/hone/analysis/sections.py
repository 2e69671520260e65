"""Sections of a config: the events, the observation, the statistical model, and so on."""

from typing import Annotated, Any, Literal, Self

from annotated_types import Ge, Gt, Le, Len, Lt
from pydantic import (
    AfterValidator,
    Field,
    TypeAdapter,
    WrapValidator,
    model_validator,
)

from hone.analysis.fields import Name
from hone.analysis.settings import (
    AsWhole,
    NonNegative,
    Positive,
    Settings,
    Text,
    refuse,
    unique,
)

__all__ = [
    "SETS", "Floor", "Limits", "Observation", "Pruning", "Poi", "Publication", "Sizes", "Split",
    "Study", "Workspace",
]  # fmt: skip

SETS = ("training", "validation", "evaluation")
"""Of events: to train on, to choose on, and for limits."""
_Fraction = Annotated[float, Ge(0), Lt(1)]
_Events = Annotated[int, Ge(1), AsWhole]


class Split(Settings):
    """How events of `files` are divided into three sets that have none in common, or into folds."""

    branch: str = ""
    """Branch with an integer that tells events apart, the same for an event in the nominal and in
    the varied files; the event's place in its file if empty. It must have so many different values
    that the smallest part is known to a tenth of itself: 400 for parts of 40, 20 and 40 %."""
    training: _Fraction | None = None
    """Part of the events to train on; 0.4 if not given, and 0 where nothing is trained."""
    validation: _Fraction | None = None
    """Part of the events to choose on; 0.2 if not given, and 0 where nothing is trained. What
    remains is for limits."""
    folds: Annotated[int, Ge(3), Le(50), AsWhole] | None = None
    """Instead of `training` and `validation`: cross-fitting in so many folds, so that all events
    are in the templates. Each seed has a network for each fold: that fold is scored by it, the one
    before is for its validation, and it is trained on all others. Observed events are scored by the
    network of their fold, too."""

    @property
    def ends(self) -> tuple[float, float, float, float]:
        """Where the sets begin and end among the numbers from 0 to 1, one for each event; with
        folds these are counted from the one after that of the network."""
        if self.folds:
            return 0.0, (self.folds - 2) / self.folds, (self.folds - 1) / self.folds, 1.0
        training = 0.4 if self.training is None else self.training
        validation = 0.2 if self.validation is None else self.validation
        return 0.0, training, training + validation, 1.0

    def range(self, events_set: str) -> tuple[float, float]:
        """Which of the numbers from 0 to 1, one for each event, belong to a set."""
        place = SETS.index(events_set)
        return self.ends[place], self.ends[place + 1]

    @property
    def sets(self) -> list[str]:
        """The sets that have a part of the events."""
        return [name for name in SETS if len(set(self.range(name))) > 1]

    def without_training(self) -> Self:
        """For observables that learn nothing: what is not given is for limits."""
        return self.model_copy(
            update={"training": self.training or 0.0, "validation": self.validation or 0.0}
        )

    @model_validator(mode="after")
    def _either(self) -> Self:
        for key in ("training", "validation"):
            if self.folds and getattr(self, key) is not None:
                raise refuse("there are folds as well; give one of both", key)
        return self


class Sizes(Settings):
    """Generated events per sample and variation in each of three independent sets."""

    training: _Events = 50_000
    """Events per sample to train on."""
    validation: _Events = 100_000
    """Events per sample to choose the best weights, edges and seed on."""
    evaluation: _Events = 200_000
    """Events per sample for the histograms from which limits are computed."""


class Observation(Settings):
    """What is observed."""

    unblind: bool = False
    """Whether the events of process `data` are counted and the observed limit computed. Before,
    they are never opened, and the observation is what is expected."""
    pseudo_data: bool = False
    """(files) Whether the observation is drawn from the evaluation events, each as often as a
    Poisson number of its weight; the same events for every observable."""
    mu: NonNegative = 0.0
    """True signal strength of the pseudo-data or Asimov data; of the POI with `measure`."""
    signal: str | None = None
    """The signal sample that is injected if `mu` is above 0; the first one if not given."""
    seed: Annotated[int, Ge(0), AsWhole] = 1
    """Seed of the pseudo-data, used for nothing else."""


class Pruning(Settings):
    """Below which relative effects the parts of a systematic are left out of the workspace."""

    norm: _Fraction = 0.0
    """Of the yield of a region."""
    shape: _Fraction = 0.0
    """Of a bin, with the yield of the region kept."""


def _one_or_two(value: Any, _: Any) -> Any:
    """Errors are those of a mapping where there is one, and of a number elsewhere."""
    kind = Pruning if isinstance(value, dict | Pruning) else _Fraction
    return TypeAdapter(kind).validate_python(value, strict=True)


Threshold = Annotated[Pruning | _Fraction, WrapValidator(_one_or_two)]


class Workspace(Settings):
    """How histograms become a statistical model."""

    histograms: Literal["hard", "soft"] = "hard"
    """Which evaluation histograms enter: `hard` counts events in bins, `soft` takes the kernel
    density of the training. The variance of a bin is the sum of w^2 of its events, or that of
    (w x share)^2; training expects the one that will be fitted. The observation is always
    counted."""
    staterror: bool = True
    """Whether the statistical error of the simulation is a staterror modifier."""
    pruning: Threshold = 0.0
    """A histosys, normplusshape or normsys is left out of the workspace for a sample in a region
    where it changes no bin by more than this, relative to the nominal yield. `{norm: 0.005, shape:
    0.01}` looks at both parts apart, as experiments do: the norm is left out where it changes the
    yield of the region by less than `norm`, and the shape where the variation, scaled to the
    nominal yield, changes no bin by more than `shape`. What remains of a histosys is a histosys, of
    a normplusshape one of its modifiers. `systematics.csv` beside the workspace lists all effects
    and what was left out (`pruned`: no, norm, shape, all). Training sees all of them."""


class Poi(Settings):
    """The parameter of interest: the signal strength, a factor on the yield of the signal."""

    name: Name = "mu"
    """Its name in workspaces, results and figures."""
    bounds: Annotated[list[float], Len(2, 2)] = Field(default=[0.0, 10.0])
    """Smallest and largest value in fits, scans and limits. The smallest is 0, as the test
    statistic of limits (q-tilde) wants; 1, where the signal has its yield, lies between them. A
    limit above the largest does not exist."""
    nominal: Positive = 1.0
    """Its value before a fit, `inits` in workspaces, as `Nominal` of cabinetry's NormFactor. What
    is expected is of a strength of 1 all the same."""

    @model_validator(mode="after")
    def _from_zero(self) -> Self:
        low, high = self.bounds
        if low != 0 or not high > 1:
            raise refuse(f"{self.bounds} must begin at 0, and end above 1", "bounds")
        if self.nominal > high:
            raise refuse(f"{self.nominal:g} is beyond the bounds {self.bounds}", "nominal")
        return self


class Limits(Settings):
    """What is computed from the workspace."""

    level: Annotated[float, Gt(0), Lt(1)] = 0.05
    """CLs at an upper limit; 0.05 is a limit at 95 % confidence level."""


class Floor(Settings):
    """What is computed of the best that an observable can do, where all densities are known."""

    in_bins: Annotated[list[Annotated[int, Ge(2), Le(100), AsWhole]], AfterValidator(unique)] = (
        Field(default=[])
    )
    """Numbers of bins, e.g. `[5]`, for which the best bins of the features are looked for: what an
    observable with so many bins may reach. Half a minute each for two features."""


_IN_TEV = (1.8, 1.96, 2.36, 2.76, 5.02, 5.36, 7.0, 8.0, 8.16, 13.0, 13.6, 14.0)
"""Energies of the Tevatron and the LHC."""


class Publication(Settings):
    """What HEPData's search finds the tables of a publication by."""

    reactions: list[Text] = Field(default=[])
    """As HEPData spells them, e.g. `P P --> ZPRIME X`."""
    energies: Annotated[list[Positive], AfterValidator(unique)] = Field(default=[])
    """Centre-of-mass energies in GeV, e.g. 13000."""
    phrases: list[Text] = Field(default=[])
    """E.g. `Exotics` or `Proton-Proton Scattering`."""

    @model_validator(mode="after")
    def _in_gev(self) -> Self:
        hadrons = any(text.startswith(("P P ", "P PBAR ", "PBAR P ")) for text in self.reactions)
        for energy in self.energies if hadrons else ():
            if energy in _IN_TEV:
                raise refuse(
                    f"{energy:g} is in GeV; {energy:g} TeV are {1000 * energy:g}", "energies"
                )
        return self


class Study(Settings):
    """A figure of the expected CLs against a setting that observables differ in."""

    name: Name
    """Name of the figure, `figures/<signal>/study_<name>`."""
    against: str
    """The horizontal axis: a setting of the observables that is a number, e.g. `batch`."""
    lines: Annotated[list[str], Len(1)]
    """Settings whose values make a line of their own, e.g. `kind` or `smoothing`."""
    observables: Annotated[list[str], Len(2), AfterValidator(unique)]
    """Names of the observables that are points of the figure."""
