"""What the rules of the workflow need: inputs and parameters as functions of their wildcards.

Such a function takes an object that has the wildcards as attributes; of Snakemake nothing is used.
"""

import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from functools import cache, partial
from itertools import chain
from typing import Any

from hone.analysis import parts
from hone.analysis.files import Files
from hone.analysis.own_code import OwnFunction
from hone.analysis.paths import is_remote
from hone.analysis.region_observables import binned

__all__ = ["Needs", "any_of", "growing"]

Function = Callable[..., Any]
"""Of wildcards; a resource also of the number of the attempt."""
_OF_SEEDS = {
    "limits": "limits.json", "workspaces": "workspace.json", "histograms": "histograms.root",
    "systematics": "systematics.csv",
}  # fmt: skip


def any_of(names: Iterable[str], but: Container[str] = ()) -> str:
    """A regular expression for one of these names; it matches nothing if there are none."""
    return "|".join(re.escape(name) for name in names if name not in but) or "(?!)"


def growing(**amounts: int) -> dict[str, Function]:
    """Resources that grow with each retry of a job."""

    def of(amount: int) -> Function:
        return lambda wildcards, attempt: amount * attempt  # noqa: ARG005

    return {name: of(amount) for name, amount in amounts.items()}


def _fold(wildcards: Any) -> int:
    """The ``{fold}``; without folds 1."""
    return int(getattr(wildcards, "fold", 1))


class Needs:
    """Functions of wildcards, made once for each rule.

    Those of ``{signal}`` and ``{observable}`` compute once for each pair: thousands of jobs share
    what does not depend on their seed.

    Args:
        files: of the analysis.
        contents: digests of the user's own files, by path. They are among the parameters.
        ancient: marks an input whose time does not count, Snakemake's ``ancient``.
    """

    def __init__(
        self, files: Files, contents: Mapping[str, str], ancient: Callable[[str], str] = str
    ) -> None:
        self.files, self.analysis = files, files.analysis
        self._contents, self._ancient = contents, ancient
        signals = self.analysis.signals
        self.templates = {t.name: t for s in signals for t in self.analysis.templates_of(s)}
        """The sets of events of all hypotheses, by name."""

    @property
    def weighted(self) -> list[str]:
        """Names of the sets of events that have varied weights."""
        nominal = [template for template in self.templates.values() if template == template.nominal]
        return [template.name for template in nominal if self.analysis.weights(template.sample)]

    def of_hypothesis(self, function: Callable[[str, str], Any]) -> Function:
        """A function of signal and observable."""
        known = cache(function)
        return lambda wildcards: known(wildcards.signal, wildcards.observable)

    def part(self, part: Callable[..., Any], *fields: str) -> Function:
        """A part of the analysis for ``{signal}`` and ``{observable}``.

        Args:
            part: of :mod:`hone.analysis.parts`.
            fields: that it keeps as well.
        """
        return self.of_hypothesis(lambda *pair: part(self.analysis, *pair, *fields))

    def title(self) -> Function:
        """What a figure is of: with several hypotheses, of one of them."""
        several = len(self.analysis.signals) > 1
        return self.of_hypothesis(
            lambda signal, observable: f"{observable}, {signal}" if several else observable
        )

    def binned(self) -> Function:
        """What is binned in each region, for axes."""
        return self.of_hypothesis(lambda _, observable: binned(self.analysis, observable))

    def groups(self) -> Function:
        """Names of parameters by group, of those that are in one."""
        return self.of_hypothesis(lambda _, observable: self.analysis.groups_of(observable))

    def selected(self, *names: str) -> dict[str, Function]:
        """Inputs: which seed is selected, and files of every seed, one of which it names.

        Of ``{signal}`` and ``{observable}``; without one of these wildcards of all that there are.

        Args:
            names: of the inputs: ``limits``, ``workspaces``, ``histograms``, ``systematics``.
        """

        def of(wildcards: Any) -> tuple[list[str], list[str]]:
            pair = (getattr(wildcards, key, None) for key in ("signal", "observable"))
            signal, observable = ([name] if name else [] for name in pair)
            return signal, observable

        def chosen(wildcards: Any) -> str | list[str]:
            found = self.files.of_observables("selected.json", *of(wildcards))
            return found[0] if all(of(wildcards)) else found

        def of_seeds(name: str) -> Function:
            return lambda wildcards: self.files.of_seeds(_OF_SEEDS[name], *of(wildcards))

        return {"selected": chosen, **{name: of_seeds(name) for name in names}}

    def networks(self, name: str) -> Function:
        """A file of every seed of ``{observable}``; with folds, of the first."""
        return self.of_hypothesis(lambda *pair: [found[0] for found in self._networks(name, *pair)])

    def all_networks(self, name: str) -> Function:
        """A file of every seed and fold of ``{observable}``."""
        networks = self._networks
        return self.of_hypothesis(lambda *pair: list(chain.from_iterable(networks(name, *pair))))

    def _networks(self, name: str, signal: str, observable: str) -> list[list[str]]:
        seeds, of_seed = self.analysis.seeds(observable), self.files.networks
        return [of_seed(name, signal, observable, seed) for seed in seeds]

    def models(self) -> Function:
        """The network of each fold of ``{seed}``."""
        return lambda wildcards: self.files.networks(
            "model.safetensors", wildcards.signal, wildcards.observable, wildcards.seed
        )

    def group(self, name: str) -> Function:
        """The group of jobs that make ``{observable}``; none if trainings, in no group, need it."""
        needed = [region.observable for region in self.analysis.regions]
        return lambda wildcards: None if wildcards.observable in needed else name

    def source_models(self) -> Function:
        """The weights that a rebinned ``{observable}`` takes, of the same ``{seed}`` and fold; an
        ensemble those of all seeds."""
        found = self.files.source_models
        return lambda wildcards: found(
            wildcards.signal, wildcards.observable, wildcards.seed, _fold(wildcards)
        )

    def start(self) -> Function:
        """The weights that the training of ``{observable}`` starts from: of ``{seed}``, or all."""

        def found(wildcards: Any) -> list[str]:
            name = wildcards.observable
            source = self.analysis.observable(name).setting("start_from")
            if not source:
                return []
            seeds = 1 if hasattr(wildcards, "trial") else getattr(wildcards, "seed", None)
            of_seed = self.files.networks
            return [
                of_seed("model.safetensors", wildcards.signal, source, seed)[_fold(wildcards) - 1]
                for seed in ([seeds] if seeds else self.analysis.seeds(name))
            ]

        return found

    def events(self, *sets: str) -> Function:
        """Inputs, to be unpacked: sets of events, and what is known of these and of regions."""

        def found(signal: str, observable: str) -> dict[str, list[str]]:
            names = self.files.templates(signal, observable)
            events = {s: self._inputs(self.files.events_of(names, s)) for s in sets}
            return {
                **events,
                "surveys": self.files.surveys(names),
                "regions": self.files.of_regions(signal, observable),
            }

        return self.of_hypothesis(found)

    def surveys(self) -> Function:
        """Inputs: what is known about the sets of events."""
        return self.of_hypothesis(lambda *pair: self.files.surveys(self.files.templates(*pair)))

    def reading(self, part: Callable[..., Any], *sets: str) -> dict[str, Function]:
        """Parameters of a rule that reads sets of events.

        Args:
            part: of :mod:`hone.analysis.parts`, what the rule needs to know of the analysis.
            sets: of events.
        """
        templates = self.files.templates
        return {
            "analysis": self.part(part),
            "files": self.of_hypothesis(
                lambda *pair: {s: self.files.events_of(templates(*pair), s) for s in sets}
            ),
            "contents": self.of_hypothesis(lambda *pair: self._digests(templates(*pair))),
        }

    def training(self, *sets: str) -> dict[str, Function]:
        """Parameters of a rule that makes an observable, or a trial, from sets of events."""
        part = cache(partial(parts.of_training, self.analysis))

        def analysis(wildcards: Any) -> Any:
            trial = int(getattr(wildcards, "trial", 0))
            return part(wildcards.signal, wildcards.observable, trial)

        return {
            **self.reading(parts.of_training, *sets),
            "analysis": analysis,
            "own_objective": lambda wildcards: self._own_objective(wildcards.observable),
            "fold": _fold,
        }

    def histogram_events(self) -> Function:
        """Inputs, to be unpacked: what the histograms of a hypothesis are filled with."""

        def found(signal: str, observable: str) -> dict[str, list[str]]:
            names = self.files.templates(signal, observable)
            injected = self.files.injected_in(signal)
            return {
                "evaluation": self._inputs(self.files.events_of(names, "evaluation")),
                "surveys": self.files.surveys([*names, *injected]),
                "regions": self.files.of_regions(signal, observable),
                "injected": self._inputs({name: self.files.ntuples[name] for name in injected}),
            }

        return self.of_hypothesis(found)

    def histograms(self) -> dict[str, Function | list[str]]:
        """Parameters of the rule that fills histograms: also of an injected signal, and of data."""

        def files(signal: str, observable: str) -> dict[str, dict[str, list[str]]]:
            names, others = self.files.templates(signal, observable), self.files.injected_in(signal)
            return {
                "evaluation": self.files.events_of(names, "evaluation"),
                "injected": {name: self.files.ntuples[name] for name in others},
            }

        def contents(signal: str, observable: str) -> dict[str, str]:
            names = [*self.files.templates(signal, observable), *self.files.injected_in(signal)]
            data = [sample.name for sample in self.analysis.data if self.files.observed]
            return self._digests(names + data)

        return {
            "analysis": self.part(parts.of_histograms),
            "injected": self.of_hypothesis(
                lambda signal, _: parts.of_injection(self.analysis, self.files.injected_in(signal))
            ),
            "files": self.of_hypothesis(files),
            "observed": self.files.observed,
            "contents": self.of_hypothesis(contents),
        }

    @property
    def scorable(self) -> list[str]:
        """Names of the sets of events that an observable may score, data too."""
        return [*self.templates, *(sample.name for sample in self.analysis.data)]

    def scored(self) -> dict[str, Function]:
        """Inputs of the rule that scores the events ``{template}``, which may be data."""

        def surveys(wildcards: Any) -> list[str]:
            if wildcards.template not in self.templates:
                return []  # data
            return self.files.surveys(
                {wildcards.template, self.templates[wildcards.template].sample}
            )

        return {
            "events": self.template_events(),
            "surveys": surveys,
            "models": self.all_networks("model.safetensors"),
            "regions": self.of_hypothesis(self.files.of_regions),
        }

    def scoring(self) -> dict[str, Function]:
        """Parameters of that rule."""
        return {
            "analysis": self.part(parts.of_scores),
            "files": self.template_files(),
            "contents": self.template_contents(),
        }

    def observed(self) -> list[str]:
        """Inputs: the observed events."""
        return self._marked(self.files.observed)

    def of_template(self, part: Callable[..., Any]) -> Function:
        """A part of the analysis for the set of events ``{template}``."""
        return lambda wildcards: part(self.analysis, self.templates[wildcards.template])

    def template_events(self) -> Function:
        """Inputs: the events ``{template}``; of generated ones those of the evaluation set."""
        found = self.files.events_of
        return lambda wildcards: self._inputs(found([wildcards.template], "evaluation"))

    def template_files(self) -> Function:
        """Files with the events ``{template}``, by its name."""
        found = self.files.events_of
        return lambda wildcards: found([wildcards.template], "evaluation")

    def sample_files(self) -> Function:
        """The same of the sample of ``{template}``; none that the workflow makes itself."""

        def found(wildcards: Any) -> dict[str, list[str]]:
            sample = self.analysis.sample(self.templates[wildcards.template].sample)
            names = [] if sample.own_files is None else [sample.name]
            return self.files.events_of(names, "evaluation")

        return found

    def template_contents(self) -> Function:
        """Digests of the user's own files with the events ``{template}``."""
        return lambda wildcards: self._digests([wildcards.template])

    def _inputs(self, files: Mapping[str, Sequence[str]]) -> list[str]:
        return self._marked(path for paths in files.values() for path in paths)

    def _marked(self, paths: Iterable[str]) -> list[str]:
        """Of the user's own files the contents count, not the times; of remote ones the names."""
        return [
            self._ancient(path) if path in self._contents else path
            for path in paths
            if not is_remote(path)
        ]

    def _digests(self, templates: Iterable[str]) -> dict[str, str]:
        """Digests of the user's own files; none of what is generated."""
        paths = [path for name in templates for path in self.files.ntuples.get(name, [])]
        return {path: self._contents[path] for path in paths if path in self._contents}

    def _own_objective(self, observable: str) -> dict[str, str]:
        """Folder and digest of the user's code that an observable's objective comes from."""
        objective = getattr(self.analysis.observable(observable), "objective", None) or ""
        if ":" not in objective:
            return {}
        assert self.analysis.modules is not None, "the folder of the config, if no other"
        own = OwnFunction(function=objective).beside(self.analysis.modules)
        return own.model_dump(include={"folder", "code"})
