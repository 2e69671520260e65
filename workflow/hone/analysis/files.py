"""Which files a rule of the workflow reads, by the hypothesis and the observable at hand."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from hone.analysis.analysis import Analysis
from hone.analysis.observables import BestEdges, Ensemble, Trained, TwoDimensional
from hone.analysis.paths import is_remote, matching
from hone.analysis.region_observables import observables_in_regions
from hone.analysis.report_items import ITEMS
from hone.analysis.samples import GeneratedSample, HistogramSample, Sample
from hone.analysis.settings import Plain
from hone.analysis.templates import Template

__all__ = ["Files"]

_IN_TABLES = ("/limits.png", "/cls_scan.png", "/templates.png")


class Files:
    """Paths of an analysis, relative to the folder in which the workflow runs.

    Args:
        analysis: whose files.
        folder: with its results, if they are elsewhere.
    """

    def __init__(self, analysis: Analysis, folder: str | None = None) -> None:
        self.analysis = analysis
        self.folder = folder or analysis.folder

    @cached_property
    def ntuples(self) -> dict[str, list[str]]:
        """Files with ntuples or histograms, by name of the set of events; none where events are
        drawn from densities."""
        found = {}
        for sample in self.analysis.samples:
            if not isinstance(sample, GeneratedSample):
                for template in self.analysis.event_templates([sample]):
                    found[template.name] = self._ntuples_of(sample, template)
        return found

    def _ntuples_of(self, sample: Sample, template: Template) -> list[str]:
        variation = self.analysis.variation(template)
        if variation is not None and variation.files is not None:
            return matching(variation.files)
        if sample.own_files is not None:
            return matching(sample.own_files)
        return [f"{self.folder}/events/dimuons/{template.name}.root"]

    @cached_property
    def observed(self) -> list[str]:
        """Observed events; none while the analysis is blind, or if they are drawn from others."""
        if self.analysis.is_blind or self.analysis.observation.pseudo_data:
            return []
        if self.analysis.data:
            return self.ntuples[self.analysis.data[0].name]
        return [f"{self.folder}/events/observed/data.root"]

    @cached_property
    def own(self) -> list[str]:
        """The user's own files on this machine that may be read."""
        paths: set[str] = set()
        for sample in self.analysis.samples:
            if sample.own_files is not None and (self.observed or not sample.is_data):
                for template in self.analysis.event_templates([sample]):
                    paths.update(self.ntuples[template.name])
        return sorted(path for path in paths if not is_remote(path))

    @property
    def injected(self) -> str | None:
        """The signal in the observation of ntuples that are not data, if there is one."""
        observation = self.analysis.observation
        if self.analysis.measure:  # all signals are in the hypothesis
            return None
        if self.analysis.has_ntuples and not observation.unblind and observation.mu:
            return observation.signal or self.analysis.signals[0]
        return None

    def injected_in(self, signal: str) -> list[str]:
        """The injected signal where it is not the hypothesis itself."""
        return [self.injected] if self.injected not in (None, signal) else []

    def events_of(self, templates: Iterable[str], events_set: str) -> dict[str, list[str]]:
        """Files by name of the set of events."""
        return {
            name: self.ntuples.get(name, [f"{self.folder}/events/{events_set}/{name}.root"])
            for name in templates
        }

    def templates(self, signal: str, observable: str) -> list[str]:
        """Names of the sets of events that a hypothesis and an observable need."""
        return [t.name for t in self.analysis.templates_of(signal, observable)]

    def templates_that_fluctuate(self, signal: str, observable: str) -> list[str]:
        """Those of :meth:`templates` whose events are their own.

        Varied histograms are taken to be of the events of their sample.
        """
        return [
            t.name
            for t in self.analysis.templates_of(signal, observable)
            if t == t.nominal or not isinstance(self.analysis.sample(t.sample), HistogramSample)
        ]

    def scored(self, signal: str, observable: str) -> list[str]:
        """Names of the sets of events that an observable scores event by event: those of the
        hypothesis, and data once they may be looked at."""
        sets = [self.analysis.template(name) for name in self.templates(signal, observable)]
        names = [
            t.name for t in sets if not isinstance(self.analysis.sample(t.sample), HistogramSample)
        ]
        return names + [sample.name for sample in self.analysis.data if self.observed]

    def scores(self) -> list[str]:
        """The folder with the scores of every set of events, by all observables."""
        return [
            self.of_observable(f"scores/{name}", signal, observable)
            for signal in self.analysis.signals
            for observable in self.observables
            for name in self.scored(signal, observable)
        ]

    def surveys(self, templates: Iterable[str]) -> list[str]:
        """What is known about sets of events."""
        return [f"{self.folder}/inputs/{name}.json" for name in templates]

    def of_observable(self, name: str, signal: str, observable: str) -> str:
        """A file of an observable for a signal."""
        return f"{self.folder}/{signal}/{observable}/{name}"

    def of_seed(self, signal: str, observable: str, seed: int | str) -> str:
        """The folder of a seed."""
        return f"{self.folder}/{signal}/{observable}/seed{seed}"

    def of_seeds(
        self, name: str, signals: Sequence[str] = (), observables: Sequence[str] = ()
    ) -> list[str]:
        """A file of every seed, of all signals and observables where none are given."""
        return [
            f"{self.of_seed(signal, observable, seed)}/{name}"
            for signal in signals or self.analysis.signals
            for observable in observables or self.observables
            for seed in self.analysis.seeds(observable)
        ]

    @property
    def tuned(self) -> list[str]:
        """Names of the observables of which settings are searched."""
        return [o.name for o in self.analysis.observables if o.setting("tune")]

    @property
    def two_dimensional(self) -> list[str]:
        """Names of the observables in bins of two outputs."""
        return self.analysis.of_kind(TwoDimensional)

    def of_tuned(self, name: str) -> list[str]:
        """A file of every observable of which settings are searched, of every signal."""
        return self.of_observables(name, observables=self.tuned) if self.tuned else []

    def trials(self, observable: str) -> dict[int, Plain]:
        """The settings of each trial of an observable, by its number."""
        tune = self.analysis.observable(observable).setting("tune")
        numbers = tune.numbers(self.analysis.seed) if tune else []
        return {number: tune.combination(number) for number in numbers}

    def of_trials(self, name: str, signal: str, observable: str) -> list[str]:
        """A file of every trial of an observable, and of each of its folds."""
        return [
            path
            for number in self.trials(observable)
            for path in self.networks(name, signal, observable, 1, f"trials/trial{number}/")
        ]

    def networks(
        self, name: str, signal: str, observable: str, seed: int | str, within: str = ""
    ) -> list[str]:
        """A file of the network of each fold of a seed; without folds there is one.

        Args:
            name: of the file.
            signal: the hypothesis.
            observable: what was trained.
            seed: of the training.
            within: the folder of a trial, if it is of one.
        """
        folder = self.of_observable(f"{within}seed{seed}", signal, observable)
        folds = self.analysis.folds(observable)
        if len(folds) == 1:
            return [f"{folder}/{name}"]
        return [f"{folder}/fold{fold}/{name}" for fold in folds]

    def of_first_networks(self, name: str) -> list[str]:
        """A file of every seed of all signals and observables; with folds, of the first."""
        return [
            self.networks(name, signal, observable, seed)[0]
            for signal in self.analysis.signals
            for observable in self.observables
            for seed in self.analysis.seeds(observable)
        ]

    def of_observables(
        self, name: str, signals: Sequence[str] = (), observables: Sequence[str] = ()
    ) -> list[str]:
        """A file of every observable of every signal."""
        return [
            self.of_observable(name, signal, observable)
            for signal in signals or self.analysis.signals
            for observable in observables or self.observables
        ]

    def floors(self, *signals: str) -> list[str]:
        """What no observable can be below, for each signal; none if it is not known."""
        return [f"{self.folder}/{s}/floor.json" for s in signals if self.analysis.has_floor]

    def patchsets(self, name: str = "patchset.json") -> list[str]:
        """One for each observable, where there are several hypotheses."""
        several = len(self.analysis.signals) > 1
        return [f"{self.folder}/patchset/{o}/{name}" for o in self.observables if several]

    def source_models(self, signal: str, observable: str, seed: str, fold: int) -> list[str]:
        """The weights that a rebinned observable takes, or an ensemble: those of all seeds."""
        chosen = self.analysis.observable(observable)
        assert isinstance(chosen, BestEdges)
        of_source = self.analysis.seeds(chosen.source)
        seeds = of_source if isinstance(chosen, Ensemble) else [seed]
        networks = (self.networks("model.safetensors", signal, chosen.source, k) for k in seeds)
        return [of_folds[fold - 1] for of_folds in networks]

    def of_regions(self, signal: str, observable: str) -> list[str]:
        """What the regions of an observable's chain need of other observables: which seed of each
        is selected, and the networks of all of its seeds."""
        return [
            path
            for name in observables_in_regions(self.analysis, observable)
            for path in (
                self.of_observable("selected.json", signal, name),
                *(
                    network
                    for seed in self.analysis.seeds(name)
                    for network in self.networks("model.safetensors", signal, name, seed)
                ),
            )
        ]

    @property
    def observables(self) -> list[str]:
        """Names of all observables."""
        return [o.name for o in self.analysis.observables]

    @property
    def _has_scored_events(self) -> bool:
        """Whether events are scored: neither histograms nor counts alone."""
        scored = any(region.is_trained for region in self.analysis.channels)
        return scored and not self.analysis.has_histograms

    def drawn_by(self, *rules: str) -> list[str]:
        """Kinds of figures that rules draw, of those that the analysis has."""
        analysis = self.analysis
        wanted = {
            "gain": analysis.baseline, "limits": analysis.parameter, "exclusion": analysis.plane
        }  # fmt: skip
        return [k for k, item in ITEMS.items() if item.rule in rules and wanted.get(k, True)]

    def figures(self, extension: str) -> list[str]:
        """Every figure of the analysis."""
        analysis = self.analysis
        trained, rebinned = analysis.of_kind(Trained), analysis.of_kind(BestEdges)
        two_dimensional = [] if analysis.has_histograms else self.two_dimensional
        drawn = {
            "plot_histograms": self.observables,
            "plot_likelihood": self.observables,
            "plot_plane": self.observables if self._has_scored_events else [],
            "plot_training": trained + rebinned,
            "plot_trained": trained,
            "plot_tuned": self.tuned,
            "plot_outputs": two_dimensional,
        }
        names = [f"{o}/{k}" for rule, of in drawn.items() for o in of for k in self.drawn_by(rule)]
        names += self.drawn_by("plot_comparison")
        names += [f"study_{study.name}" for study in analysis.studies]
        found = [f"{signal}/{name}" for signal in analysis.signals for name in names]
        found += [f"{name}/{k}" for k in self.drawn_by("plot_limits") for name in self.observables]
        return [f"{self.folder}/figures/{name}.{extension}" for name in found]

    def figures_in_tables(self) -> list[str]:
        """The figures (PNG) of what HEPData has as a table."""
        return [path for path in self.figures("png") if path.endswith(_IN_TABLES)]

    def animations(self) -> list[str]:
        """The film of every training."""
        return [
            f"{self.folder}/figures/{signal}/{name}/training.gif"
            for signal in self.analysis.signals
            for name in self.analysis.of_kind(Trained)
        ]

    def of_all_seeds(self) -> list[str]:
        """The results of every seed, and of each of its folds."""
        names = ("histograms.root", "workspace.json", "systematics.csv", "limits.json")
        found = [path for name in names for path in self.of_seeds(name)]
        trained = self.analysis.of_kind(Trained)
        for observable in self.observables:
            made = ["model.safetensors", "history.csv"]
            made += ["snapshots.safetensors"] if observable in trained else []
            for signal in self.analysis.signals:
                for seed in self.analysis.seeds(observable):
                    for name in made:
                        found += self.networks(name, signal, observable, seed)
                found += self.of_trials("history.csv", signal, observable)
        return found

    def of_selected_seeds(self) -> list[str]:
        """The results of the selected seed of every observable, and which it is."""
        names = ["selected.json", "fit.json", "likelihood.json"]
        names += ["importance.json"] if self._has_scored_events else []
        trained = self.analysis.of_kind(Trained)
        checks = ("gradient.json", "overtraining.json") if trained else ()
        checked = [x for name in checks for x in self.of_observables(name, observables=trained)]
        searched = self.of_tuned("tuned.json") + self.of_tuned("trials.csv")
        return [path for name in names for path in self.of_observables(name)] + checked + searched

    def of_all(self) -> list[str]:
        """The results of all seeds and of the selected ones, and everything that is shown."""
        return self.of_all_seeds() + self.of_report() + self.figures("pdf")

    def missing(self) -> list[str]:
        """Those of :meth:`of_all` that are not there; none where there are no results yet.

        Snakemake does not miss a file once others are made of it.
        """
        there = Path(self.folder).exists()
        return [path for path in self.of_all() if there and not Path(path).exists()]

    def of_report(self) -> list[str]:
        """What the report is made of; the jobs that draw its pictures draw the PDF files too."""
        drawn = [path for path in self.shown() if not path.endswith(".pdf")]
        return self.of_selected_seeds() + self.floors(*self.analysis.signals) + drawn

    def shown(self) -> list[str]:
        """Everything that the report shows."""
        return [
            *(f"{self.folder}/{x}" for x in ("comparison.csv", "summary.txt", "inputs/yields.txt")),
            *self.figures("png"),
            *self.figures("pdf"),
            *self.animations(),
            *self.patchsets(),
            *self.of_observables("selected.json"),
        ]
