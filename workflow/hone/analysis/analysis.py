"""The analysis that a config describes, as one object."""

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
from hone.analysis.observables import BestEdges, ObservableSettings, Rebinned, Trained
from hone.analysis.regions import ONE_REGION, Region
from hone.analysis.samples import GeneratedSample, HistogramSample, Sample
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
from hone.analysis.shape_systematics import ShapeVariation
from hone.analysis.systematics import Systematic
from hone.analysis.templates import Template
from hone.analysis.variations import SIDES, Variation

__all__ = ["Analysis"]


class Analysis(Settings):
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
    far out that they alone would set it. `check_inputs` names both.
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
    def folder(self) -> str:
        """Where its results are."""
        return f"results/{self.analysis}"

    @property
    def measured(self) -> list[str]:
        """Names of the signal strengths of a hypothesis, the POI first."""
        return [strength.name for strength in self.measure] or [self.poi.name]

    @property
    def bounds_setting(self) -> str:
        """The setting that has the bounds of the POI."""
        return f"measure[{self.measured[0]!r}].bounds" if self.measure else "poi.bounds"

    @property
    def signals(self) -> list[str]:
        """Names of the signal hypotheses."""
        if self.measure:
            return self.measure[0].samples[:1]
        return [s.name for s in self.samples if s.is_signal]

    @property
    def simulated(self) -> list[Sample]:
        """All samples but data."""
        return [s for s in self.samples if not s.is_data]

    @property
    def data(self) -> list[Sample]:
        """The sample of observed events, if there is one."""
        return [s for s in self.samples if s.is_data]

    @property
    def has_ntuples(self) -> bool:
        """Whether samples are read from ntuples or histograms, not drawn from known densities."""
        return any(not isinstance(s, GeneratedSample) for s in self.simulated)

    @property
    def has_histograms(self) -> bool:
        """Whether there are samples without events, of which nothing but the bins is known."""
        return any(isinstance(s, HistogramSample) for s in self.samples)

    @property
    def is_blind(self) -> bool:
        """Whether the observation is what is expected: data are there, but not looked at."""
        observation = self.observation
        return self.has_ntuples and not (observation.unblind or observation.pseudo_data)

    @property
    def observed(self) -> Literal["data", "pseudo-data"] | None:
        """What the observation is; None in a blind analysis."""
        if self.is_blind:
            return None
        return "data" if self.observation.unblind else "pseudo-data"

    @property
    def label(self) -> str:
        """What figures call the observation."""
        return "pseudo-data" if self.observed == "pseudo-data" else "observed"

    @property
    def channels(self) -> tuple[Region, ...]:
        """The regions, sorted by name as pyhf sorts channels; one without a selection if none."""
        return tuple(sorted(self.regions, key=lambda region: region.name)) or (ONE_REGION,)

    @property
    def smoothed(self) -> list[tuple[str, str]]:
        """Samples and names of the systematics whose templates are smoothed."""
        return [
            (sample, s.name)
            for s in self.systematics
            if getattr(s, "smoothing", None)
            for sample in s.samples
        ]

    @property
    def baseline(self) -> str | None:
        """The observable that others are compared with: the first trained on cross-entropy."""
        names = (o.name for o in self.observables if getattr(o, "objective", None) == "bce")
        return next(names, None) if len(self.observables) > 1 else None

    @property
    def has_floor(self) -> bool:
        """Whether all densities are known, and with them what no observable can be below."""
        varied = (
            s.side(side) for s in self.systematics if isinstance(s, ShapeVariation)
            for side in SIDES
        )  # fmt: skip
        return (
            all(name.isidentifier() for name in self.features)
            and not self.has_ntuples
            and not self.regions
            and not self.normfactors
            and not any(isinstance(side, Variation) for side in varied)
        )

    @property
    def points(self) -> dict[str, dict[str, float]]:
        """Parameters of each signal hypothesis."""
        return {name: self.sample(name).parameters for name in self.signals}

    @property
    def _varied(self) -> list[str]:
        """Parameters that are not the same in all hypotheses."""
        points = list(self.points.values())
        return [p for p in points[0] if len({point[p] for point in points}) > 1]

    def _apart(self, parameters: list[str]) -> bool:
        """Whether these parameters alone tell all hypotheses apart."""
        points = {tuple(point[p] for p in parameters) for point in self.points.values()}
        return len(points) == len(self.signals)

    @property
    def parameter(self) -> str | None:
        """What limits are drawn against: the first that varies, if it alone tells signals apart."""
        found = self._varied[:1]
        return found[0] if found and self._apart(found) else None

    @property
    def plane(self) -> list[str] | None:
        """The first two that vary, if they tell signals apart: limits are drawn in their plane."""
        found = self._varied[:2]
        return found if len(found) > 1 and self._apart(found) else None

    @property
    def learning(self) -> list[str]:
        """Names of the observables that events make what they are."""
        return [o.name for o in self.observables if o.learns]

    @property
    def choosing_set(self) -> str:
        """The set that features are ranked on: validation, or evaluation where nothing learns."""
        return "validation" if self.learning or not self.has_ntuples else "evaluation"

    def folds(self, observable: str) -> range:
        """Numbers of the networks of each of its seeds: one for each fold, or only 1."""
        number = self.split.folds if self.observable(observable).learns else None
        return range(1, (number or 1) + 1)

    def sample(self, name: str) -> Sample:
        """The sample of a name."""
        return next(s for s in self.samples if s.name == name)

    def observable(self, name: str) -> ObservableSettings:
        """The settings of an observable."""
        return next(o for o in self.observables if o.name == name)

    def of_kind(self, kind: type[ObservableSettings]) -> list[str]:
        """Names of the observables of a kind."""
        return [o.name for o in self.observables if isinstance(o, kind)]

    def seeds(self, observable: str) -> range:
        """Numbers of its seeds: those of its source, or only 1 for what is not trained."""
        chosen = self.observable(observable)
        if isinstance(chosen, Rebinned):
            return self.seeds(chosen.source)
        return range(1, (chosen.seeds if isinstance(chosen, Trained) else 1) + 1)

    def features_of(self, observable: str) -> list[str]:
        """The features that an observable sees, in its order."""
        chosen = self.observable(observable)
        if isinstance(chosen, BestEdges):
            return self.features_of(chosen.source)
        return self.features if chosen.features is None else chosen.features

    def systematics_of(self, observable: str | None) -> list[Systematic]:
        """Those that an observable is trained and fitted with, in the config's order."""
        if observable is None:
            return self.systematics
        chosen = self.observable(observable)
        if isinstance(chosen, BestEdges) and chosen.systematics is None:
            return self.systematics_of(chosen.source)
        names = chosen.systematics
        return [s for s in self.systematics if names is None or s.name in names]

    def groups_of(self, observable: str) -> dict[str, list[str]]:
        """Names of an observable's systematics by ``group``, of those that have one."""
        found: dict[str, list[str]] = {}
        for systematic in self.systematics_of(observable):
            if systematic.group is not None:
                names = found.setdefault(systematic.group, [])
                names += [systematic.name] if systematic.name not in names else []
        return found

    def hypothesis(self, signal: str) -> list[Sample]:
        """The samples of a signal hypothesis: that signal, and all backgrounds.

        With strengths that are measured together, all samples, that of the POI first.
        """
        if self.measure:
            return sorted(self.simulated, key=lambda sample: sample.name != signal)
        return [s for s in self.simulated if not s.is_signal or s.name == signal]

    @property
    def true_strengths(self) -> dict[str, float]:
        """Factors on the yields of the signals in pseudo-data or Asimov data, by sample."""
        names, mu = [s.name for s in self.samples if s.is_signal], self.observation.mu
        if self.measure:
            return {name: mu if name in self.measure[0].samples else 1.0 for name in names}
        return {**dict.fromkeys(names, 0.0), self.observation.signal or self.signals[0]: mu}

    def strengths(self, signal: str) -> list[Strength]:
        """The strengths that a signal hypothesis measures; the first is the POI."""
        if self.measure:
            return self.measure
        entry = {"name": self.poi.name, "sample": signal, "bounds": self.poi.bounds}
        return [Strength.model_validate(entry)]

    def event_templates(
        self, samples: Sequence[Sample], observable: str | None = None
    ) -> list[Template]:
        """The sets of events of some samples: each sample, then its varied events.

        Where only weights are varied there are none.

        Args:
            samples: of the analysis.
            observable: whose systematics count; all if not given.
        """
        return [
            template
            for sample in samples
            for template in (
                Template(sample.name),
                *(
                    varied
                    for systematic in self.systematics_of(observable)
                    if sample.name in systematic.samples
                    for varied in systematic.event_templates(sample.name)
                ),
            )
        ]

    def templates_of(self, signal: str, observable: str | None = None) -> list[Template]:
        """The sets of events of one hypothesis (and of an observable)."""
        return self.event_templates(self.hypothesis(signal), observable)

    def templates_with_weights(self) -> list[Template]:
        """All sets of events, with variations that are other weights of a sample's events."""
        samples = self.simulated
        return self.event_templates(samples) + [t for s in samples for t in self.weights(s.name)]

    def template(self, name: str) -> Template:
        """The set of events of a name."""
        return next(t for t in self.event_templates(self.samples) if t.name == name)

    def weights(self, sample: str) -> dict[Template, str]:
        """Expressions of a sample's weights by template, where these are not its nominal ones."""
        return {
            template: weight
            for systematic in self.systematics
            if sample in systematic.samples
            for template, weight in systematic.weights(sample).items()
        }

    def variation(self, template: Template) -> Variation | None:
        """What a config says about varied ntuples; None of the sample itself or of a density."""
        for systematic in self.systematics:
            if (
                isinstance(systematic, ShapeVariation)
                and systematic.name == template.systematic
                and template.sample in systematic.samples
            ):
                side = systematic.side(template.side)
                return side.of(template.sample) if isinstance(side, Variation) else None
        return None
