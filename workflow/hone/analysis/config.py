"""What a config file says: every setting of the workflow."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from annotated_types import Ge
from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    model_validator,
)

from hone.analysis.fields import Name
from hone.analysis.leading import leading
from hone.analysis.modifiers import Modifier, Normfactor, Strength
from hone.analysis.observables import ObservableSettings
from hone.analysis.regions import Region
from hone.analysis.samples import Sample
from hone.analysis.sections import (
    Floor,
    Limits,
    Observation,
    Poi,
    Publication,
    Sizes,
    Split,
    Study,
    Workspace,
)
from hone.analysis.settings import (
    AsWhole,
    Positive,
    Settings,
    Text,
    one_of,
    refuse,
    unique,
)
from hone.analysis.systematics import Systematic

__all__ = ["Config"]


class Config(Settings):
    """Every setting of the workflow, its default and its meaning.

    A config file describes one whole analysis; nothing is taken over from config/config.yaml when
    another file is given.
    """

    analysis: Name
    """Name of the analysis; results are written to `results/<analysis>/`."""
    seed: Annotated[int, Ge(0), AsWhole]
    """Seed from which every generated set of events derives its own, by sample, variation and
    set."""
    samples: list[Annotated[Sample, one_of(Sample)]]
    """The physics processes. Each sample of process `signal` is a signal hypothesis with a chain of
    its own, `results/<analysis>/<signal>/`; all backgrounds enter each chain."""
    luminosity: Positive | None = None
    """In 1/fb, for samples with a `cross_section`."""
    split: Split = Split()
    """How events of `files` are divided into three sets that have none in common, by a hash of each
    event's number. The weights of each set are scaled to the yield of all. Observables are trained
    on the first and chosen on the second; limits only ever see the third. With `folds`, limits see
    all events, each scored by a network that has not seen it."""
    regions: list[Region] = Field([])
    """Selections of events that are fitted together, each a channel of the workspace. Without any,
    all events are in one region with the observable. An event must not be in two."""
    systematics: list[Annotated[Systematic, one_of(Systematic)]] = Field([])
    """Uncertainties of the expectation. Entries of one name share one nuisance parameter."""
    normfactors: list[Normfactor] = Field([])
    """Free normalisations of backgrounds, without constraint: a control region measures them."""
    poi: Poi = Poi()
    """The parameter of interest: the signal strength. Expected CLs, p0 and sigma_mu are those of a
    strength of 1; limits, fits and scans stay within the bounds."""
    measure: list[Strength] = Field([])
    """Signals with strengths of their own in one fit, e.g. `[{name: mu_ggH, sample: ggH}, {name:
    mu_VBF, sample: [VBF, VH]}]`. All signals are then one hypothesis, called after the first sample
    of the first entry. That entry's strength is the POI, instead of `poi`: limits and tests are of
    it. The other strengths float freely; nominal data have them at 1."""
    features: Annotated[list[Text], AfterValidator(leading), AfterValidator(unique)] = Field([])
    """Variables of the events that the observables see, in this order: branches or expressions of
    them, e.g. `log(pt)` or `alt(jet_pt[0], 0)` ([docs/expressions.md](../docs/expressions.md)).
    `jet_pt[:5]` stands for five features, the leading jets', of one scale and padded where there
    are fewer; an own `architecture` sees which are there.
    Their scaling is fitted on training events. A mark for a missing value, such as -999, far
    from all other values of a sample, does not count in it, in any sample; nor do a few values so
    far out that they alone would set it. `check_inputs` names marks, and what lies beyond a gap
    that no heavy tail has.
    Better replace a mark, `where(pt > 0, pt, 30)`, and add `pt > 0`. An
    observable may see only some of them."""
    events: Sizes = Sizes()
    """Generated events per sample and variation in each of three independent sets. Observables are
    trained on the first and chosen on the second; limits only ever see the third. Of events of
    `files` at most so many are trained and validated on, and all evaluated."""
    observation: Observation = Observation()
    """What is observed. Of generated events: pseudo-data, one set of events per analysis, scored by
    every observable. From `files`: what is expected (Asimov data), until `pseudo_data` or `unblind`
    says otherwise."""
    observables: list[Annotated[ObservableSettings, one_of(ObservableSettings)]] = Field([])
    """What maps an event to a bin. Each is trained, histogrammed and fitted on its own, and all are
    compared in the end. Without any, the workspace is made of the regions as they are, `fit:
    variable` and `count`; it is called `regions`, and needs no features."""
    workspace: Workspace = Workspace()
    """How histograms become a statistical model. Training uses the same model."""
    limits: Limits = Limits()
    """What is computed from the workspace."""
    floor: Floor = Floor()
    """What is computed of the best that an observable can do, where all densities are known."""
    studies: list[Study] = Field([])
    """Figures of the expected CLs against a setting that observables differ in."""
    publication: Publication = Publication()
    """Of `snakemake publish`: keywords of the tables for HEPData."""
    modules: str | None = None
    """Folder of the Python files of own objectives and architectures; that of the config if not
    given."""
    tracking: Literal["none", "mlflow"] = "none"
    """`mlflow` also writes every training as a run, with parameters, metrics by step and artifacts,
    into a local store under `results/<analysis>/mlflow/` (needs the extra `mlflow`)."""

    @model_validator(mode="after")
    def _all_samples(self) -> Self:
        """Names in the place of ``sample: all``."""
        names = [s.name for s in self.simulated]
        backgrounds = [s.name for s in self.simulated if not s.is_signal]

        def named(key: str, modifiers: Sequence[Modifier], known: list[str]) -> list[Modifier]:
            found = []
            for i, modifier in enumerate(modifiers):
                try:
                    found.append(modifier.of_samples(known))
                except ValidationError as error:
                    (line,) = error.errors()
                    raise refuse(line["msg"], key, i, *line["loc"]) from None
            return found

        update = {
            "systematics": named("systematics", self.systematics, names),
            "normfactors": named("normfactors", self.normfactors, backgrounds),
        }
        return self.model_copy(update=update)

    @property
    def simulated(self) -> list[Sample]:
        """All samples but data."""
        return [s for s in self.samples if not s.is_data]
