"""What all observables have in common, and how those are trained that gradients train."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Self

from annotated_types import Ge, Le, Len
from pydantic import AfterValidator, ValidationError, model_validator

from hone.analysis.fields import Name
from hone.analysis.leading import leading
from hone.analysis.objective_names import CLASSIFIERS, ObjectiveName
from hone.analysis.optimisation import Optimisation
from hone.analysis.settings import (
    AsWhole,
    Family,
    NonNegative,
    Plain,
    Settings,
    Text,
    plain,
    problems,
    refuse_all,
    unique,
)
from hone.analysis.tuning import Tuning, shown

__all__ = ["Count", "ObservableSettings", "Safeguards", "Trained", "WithObjective", "no_classifier"]

Count = Annotated[int, Ge(1), AsWhole]
_VALIDATE_EVERY = 100


def no_classifier(objective: str | None, what: str) -> Iterator[tuple[str, str]]:
    """What is wrong if the objective is a classifier's, of an observable that is none."""
    if objective in CLASSIFIERS:
        yield (
            "objective",
            f"{objective} trains a classifier, which an observable {what} is not; use an objective "
            "of the likelihood or of counts, such as cls or z_a",
        )


class ObservableSettings(Family):
    """What maps an event to a bin."""

    tag = "kind"
    learns: ClassVar[bool] = True
    """Whether training or validation events make it what it is."""
    name: Name
    """Name of the observable, as in file names."""
    kind: str
    features: (
        Annotated[list[Text], Len(1), AfterValidator(leading), AfterValidator(unique)] | None
    ) = None
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
    def number_of_bins(self) -> int:
        """Bins of a classifier's score that it compares with; 0 where it has nothing to do with
        one."""
        return 0

    @property
    def axis(self) -> str:
        """What is binned, for axes."""
        return "observable"

    @property
    def variables(self) -> dict[str, str]:
        """Features that it names, by the setting that does."""
        return {}


class WithObjective(ObservableSettings):
    """An observable that an objective decides about."""

    objective: ObjectiveName
    """What training minimises. Of the workspace's likelihood, on nominal Asimov data: `cls`
    (logarithm of the median expected CLs at mu = 1), `limit` (of the median expected upper limit),
    `p0` (of the expected discovery p-value), `sigma_mu` (of the POI's uncertainty at mu = 1, the
    loss of INFERNO), `generalised_variance` (of the determinant of the covariance, with `measure`
    that of the strengths), `trace` (of the sum of the strengths' variances). Of the counts: `z_a`
    (Asimov significance), `z_a_uncertain` (the same with the uncertainty of the background),
    `inverse_z_a`, `inverse_z_a_uncertain`. Of a classifier (network without cuts): `bce` (binary
    cross-entropy), `bce_augmented` (with the varied samples added to theirs); of `categories`:
    `cross_entropy` (of its `classes`). `module:function`: a function of one's own in `module.py`
    beside the config. What it imports from there is followed: after an edit of it, too, the
    observable is trained again."""

    @property
    def classifiers(self) -> tuple[str, ...]:
        """Objectives of a classifier that it can be trained on."""
        return ()

    def _problems(self) -> Iterator[tuple[str, str]]:
        what = f"of kind {self.kind}"
        if self.objective in self.classifiers:
            yield from ()
        elif self.classifiers and self.objective in CLASSIFIERS:
            own = " or ".join(self.classifiers)
            yield "objective", f"{self.objective} is no objective {what}; use {own}"
        else:
            what = "with cuts" if self.kind == "network" else what
            yield from no_classifier(self.objective, what)
        yield from super()._problems()


class Safeguards(Settings):
    """Bins that an observable shall not have."""

    minimum_background: NonNegative = 0.0
    """(objectives of the likelihood or of counts) Expected background that every bin shall have, in
    events; what is missing is added to the objective as a penalty."""
    maximum_mc_error: NonNegative = 0.0
    """(objectives of the likelihood or of counts) Relative statistical error of the simulated
    background that no bin shall exceed, as a penalty; 0 for no limit."""


class Trained(Optimisation, Safeguards, WithObjective):
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
    devices: Count = 1
    """Devices, GPUs as a rule, that the events of each batch are spread over; the batch must be a
    multiple of it. See [docs/gpu.md](../docs/gpu.md)."""
    validate_every: Count = _VALIDATE_EVERY
    """Steps between two validations on hard histograms of the validation set; the best weights are
    kept. If not given, 100, or a fifth of `steps` where these are 100 or fewer."""
    patience: Annotated[int, Ge(0), AsWhole] = 0
    """Validations without improvement after which training ends; 0 for never. There is one
    every `validate_every` steps: if that is not given, more often where `steps` are 100 or
    fewer."""
    max_skipped: Annotated[int, Ge(0), AsWhole] = 100
    """A step whose loss or gradient is not finite is skipped and counted; more than this many, or
    every step so far, end the training with an error that says why."""
    seeds: Annotated[int, Ge(1), Le(1000), AsWhole] = 3
    """Number of independent trainings, `seed1` to `seed<n>`. A rebinned observable has the seeds of
    its source; what is not trained has one."""
    together: bool = False
    """Train all seeds in one job, side by side in one program: for a GPU. Otherwise each is a job
    of its own: for a cluster, or the cores of a laptop."""
    streamed: bool = False
    """For more training events than memory: they are written once to a file without a name in the
    temporary folder, and each step reads its own. The batches and the result are the same; memory
    does not grow with `events.training` as it does otherwise. See
    [docs/ntuples.md](../docs/ntuples.md#more-events-than-memory)."""
    tune: Tuning | None = None
    """Settings to be searched. Each trial is a training with seed 1 and a job of its own; the best
    on the validation set is trained with all seeds. See [docs/tuning.md](../docs/tuning.md)."""

    @model_validator(mode="before")
    @classmethod
    def _several_validations(cls, given: Any) -> Any:
        """Of a short training, too: what is not given is not more than its steps."""
        steps = given.get("steps") if isinstance(given, dict) else None
        if not isinstance(steps, int | float) or not 0 < steps <= _VALIDATE_EVERY:
            return given
        return {"validate_every": max(1, int(steps) // 5), **given}

    def with_settings(self, chosen: Plain) -> Self:
        """The observable with some settings in the place of its own, and nothing to be searched.

        Raises:
            ValidationError: they do not go together.
        """
        own = {name: value for name, value in plain(self).items() if name != "tune"}
        return type(self).model_validate(own | chosen)

    def trial(self, number: int) -> Self:
        """The observable as a trial of :attr:`tune` trains it."""
        assert self.tune is not None
        shorter = {"steps": self.tune.steps} if self.tune.steps else {}
        return self.with_settings({**self.tune.combination(number), **shorter, "together": False})

    def _problems_of_trials(self, tune: Tuning) -> Iterator[tuple[str, str]]:
        found = list(tune.problems())
        yield from found
        for number in range(1, 0 if found else tune.size + 1):
            combination = tune.combination(number)
            try:
                self.with_settings(combination)
                self.trial(number)
            except ValidationError as error:
                known = set(combination) <= set(self.settings())
                wrong = "; ".join(problems(error, "the observable" if known else "grid"))
                trial = f"a trial with {shown(combination)} is not possible: " if known else ""
                yield "tune", trial + wrong
                return  # one is enough to see what is wrong

    def _problems(self) -> Iterator[tuple[str, str]]:
        if self.batch % self.accumulate:
            yield "accumulate", f"the batch of {self.batch} is not a multiple of {self.accumulate}"
        if self.batch % self.devices:
            yield "devices", f"the batch of {self.batch} is not a multiple of {self.devices}"
        if self.validate_every > self.steps:
            yield "validate_every", f"must be at most steps ({self.steps})"
        if self.warmup >= self.steps:
            yield "warmup", f"must be less than steps ({self.steps})"
        yield from self.problems_of_optimiser()
        for key in ("minimum_background", "maximum_mc_error"):
            if self.objective in CLASSIFIERS and getattr(self, key):
                yield key, f"{self.objective} does not see the bins; use another objective"
        if self.tune is not None:
            yield from self._problems_of_trials(self.tune)
        yield from super()._problems()
