"""The analysis that a config describes, as one object: what follows from its settings."""

from collections.abc import Sequence
from typing import Literal

from hone.analysis.config import Config
from hone.analysis.modifiers import SignalStrength, Strength
from hone.analysis.observables import BestEdges, ObservableSettings, Rebinned, Trained
from hone.analysis.regions import ONE_REGION, Region
from hone.analysis.samples import GeneratedSample, HistogramSample, Sample
from hone.analysis.settings import plain
from hone.analysis.shape_systematics import ShapeVariation
from hone.analysis.systematics import Systematic
from hone.analysis.templates import Template
from hone.analysis.variations import SIDES, Variation

__all__ = ["Analysis"]


class Analysis(Config):
    """The settings of a config and what follows: hypotheses, templates, what is blind."""

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
        return [SignalStrength.model_validate({**plain(self.poi), "sample": signal})]

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
