"""What single rules need to know of an analysis: parts of it.

A part is an analysis in which all that does not matter has its default. Its plain form is among the
parameters of a rule: what is in it, and nothing else, makes the rule run again when it changes.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from hone.analysis.analysis import Analysis
from hone.analysis.observables import ObservableSettings, OfNetwork, Trained
from hone.analysis.region_observables import regions_of, regions_without_observables
from hone.analysis.samples import DimuonSample, HistogramSample, Sample
from hone.analysis.sections import Poi, Workspace
from hone.analysis.settings import Plain, plain
from hone.analysis.shape_systematics import Interpolated, ShapeVariation
from hone.analysis.systematics import Systematic
from hone.analysis.templates import Template
from hone.analysis.variations import SIDES

__all__ = [
    "of_binning",
    "of_collisions",
    "of_floor",
    "of_generation",
    "of_histograms",
    "of_injection",
    "of_model",
    "of_reading",
    "of_scores",
    "of_study",
    "of_survey",
    "of_training",
    "of_weights",
    "part",
]

_READING = ("split", "luminosity")


def part(analysis: Analysis, *fields: str, **others: Any) -> Plain:
    """An analysis with some of its fields only, as plain settings.

    Args:
        analysis: the whole.
        fields: those that are kept.
        others: fields with another content.
    """
    kept: Plain = {"seed": 0, "samples": [], "features": [], "observables": []}
    kept |= {"analysis": analysis.analysis, **{name: getattr(analysis, name) for name in fields}}
    assert {*fields, *others} <= set(Analysis.model_fields)
    # All of it has been checked.
    return plain(Analysis.model_construct(**kept | others))


def of_generation(analysis: Analysis, template: Template) -> Plain:
    """What a set of generated events depends on."""
    found = _samples_and_systematics([analysis.sample(template.sample)], _of(analysis, template))
    return part(analysis, "seed", "events", **found)


def of_collisions(analysis: Analysis, template: Template) -> Plain:
    """What a set of collisions depends on: the dimuons, and how the muons are varied."""
    sample = analysis.sample(template.sample)
    assert isinstance(sample, DimuonSample)
    kept = {key: getattr(sample, key) for key in ("name", "process", "dimuons")}
    bare = DimuonSample.model_validate(kept)
    # The other side is of another set: here both are the same.
    same = dict.fromkeys(SIDES, analysis.variation(template))
    varied = [s.model_copy(update=same) for s in _of(analysis, template)]
    found = _samples_and_systematics([bare], varied)
    return part(analysis, "seed", **found)


def of_survey(analysis: Analysis, template: Template) -> Plain:
    """How one set of events is read, with its nominal weight."""
    sample = analysis.sample(template.sample)
    found = _samples_and_systematics([sample], _of(analysis, template))
    if isinstance(sample, HistogramSample):
        found["observables"] = analysis.observables
    return part(
        analysis, "features", *_READING, regions=regions_without_observables(analysis), **found
    )


def of_weights(analysis: Analysis, template: Template) -> Plain:
    """How the events of a sample are read, with all their weights."""
    found = _samples_and_systematics([analysis.sample(template.sample)], _with_templates(analysis))
    return part(analysis, *_READING, regions=regions_without_observables(analysis), **found)


def of_reading(analysis: Analysis, signal: str, observable: str) -> Plain:
    """How the events of a hypothesis are read for an observable."""
    systematics = _with_templates(analysis, observable)
    found = _samples_and_systematics(analysis.hypothesis(signal), systematics)
    return part(analysis, *_READING, regions=regions_of(analysis, observable), **found)


def of_scores(analysis: Analysis, signal: str, observable: str) -> Plain:
    """As :func:`of_reading`, and how data are read."""
    systematics = _with_templates(analysis, observable)
    found = _samples_and_systematics(analysis.hypothesis(signal), systematics)
    found["samples"] += analysis.data
    return part(analysis, *_READING, regions=regions_of(analysis, observable), **found)


def of_injection(analysis: Analysis, signals: Sequence[str]) -> Plain:
    """How the events of injected signals are read."""
    found = _samples_and_systematics([analysis.sample(name) for name in signals], [])
    return part(analysis, *_READING, regions=regions_without_observables(analysis), **found)


def of_binning(analysis: Analysis, signal: str, observable: str) -> Plain:  # noqa: ARG001
    """What an observable depends on that sees no events."""
    return part(
        analysis,
        features=analysis.features_of(observable),
        observables=[analysis.observable(observable)],
    )


def of_study(analysis: Analysis, name: str) -> Plain:
    """A study, and its observables."""
    study = next(study for study in analysis.studies if study.name == name)
    observables = [analysis.observable(observable) for observable in study.observables]
    return part(analysis, observables=observables, studies=[study])


def of_floor(analysis: Analysis) -> Plain:
    """Parameters of the floor: densities, and what of them and of bins observables have.

    ``subsets`` are names of systematics, by observable that does not have all of them.
    """
    names = [o.name for o in analysis.observables]
    found = {name: analysis.systematics_of(name) for name in names}
    return {
        "analysis": part(
            analysis,
            "samples",
            "features",
            "limits",
            "measure",
            "floor",
            systematics=[s.model_copy(update={"group": None}) for s in analysis.systematics],
        ),
        "bins": sorted({o.number_of_bins for o in analysis.observables} - {0}),
        "subsets": {
            name: [s.name for s in kept]
            for name, kept in found.items()
            if kept != analysis.systematics
        },
    }


def of_histograms(analysis: Analysis, signal: str, observable: str) -> Plain:
    """What histograms depend on beside the observable: how events are read, the observation."""
    systematics = _with_templates(analysis, observable)
    found = _samples_and_systematics(analysis.hypothesis(signal), systematics)
    found["samples"] += analysis.data
    injected = analysis.observation.signal or analysis.signals[0]
    observation = analysis.observation.model_copy(update={"signal": injected})
    return part(
        analysis, *_READING, "measure", **found,
        regions=regions_of(analysis, observable), observation=observation,
    )  # fmt: skip


def of_model(analysis: Analysis, signal: str, observable: str, *fields: str) -> Plain:
    """What makes histograms the statistical model of a hypothesis, smoothing and pruning too.

    Args:
        analysis: the whole.
        signal: the hypothesis.
        observable: whose systematics count.
        fields: of the analysis, that matter as well.
    """
    return part(
        analysis, *_READING, "poi", "measure", "normfactors", "workspace", *fields,
        regions=regions_of(analysis, observable),
        **_samples_and_systematics(
            analysis.hypothesis(signal), analysis.systematics_of(observable), smoothing=True
        ),
    )  # fmt: skip


def of_training(analysis: Analysis, signal: str, observable: str, trial: int = 0) -> Plain:
    """What an observable depends on; smoothing and pruning come after it.

    Args:
        analysis: the whole.
        signal: the hypothesis.
        observable: what is trained.
        trial: of its settings that are searched; 0 for the observable itself, for which those are
            chosen once all trials have ended. It keeps its ``tune``: without a search it would be
            another one.

    Raises:
        LookupError: there is no such trial.
    """
    chosen = analysis.observable(observable)
    if trial:
        if not isinstance(chosen, Trained) or chosen.tune is None:
            raise LookupError(f"{observable} has no trials")
        chosen = chosen.trial(trial)
    # hone's objectives do not depend on the bounds of the POI: wider ones train nothing again.
    own = ":" in (getattr(chosen, "objective", None) or "")
    return part(
        analysis, *_READING, "measure", "normfactors", "events", "limits",
        workspace=Workspace(
            staterror=analysis.workspace.staterror,
            # Only a training looks at what it will be fitted with.
            histograms=analysis.workspace.histograms if chosen.is_trained else "hard",
        ),
        features=analysis.features_of(observable),
        regions=regions_of(analysis, observable),
        observables=[_with_code(_of_one_seed(chosen), analysis.modules)],
        poi=analysis.poi if own else Poi(),
        **_samples_and_systematics(
            analysis.hypothesis(signal), analysis.systematics_of(observable)
        ),
    )  # fmt: skip


def _of_one_seed(observable: ObservableSettings) -> ObservableSettings:
    """Settings of a training, which knows of no other seed unless they share a program."""
    if not isinstance(observable, Trained) or observable.together:
        return observable
    return observable.model_copy(update={"seeds": Trained.model_fields["seeds"].default})


def _with_code(observable: ObservableSettings, folder: str | None) -> ObservableSettings:
    """With the digest of the code of its own architecture, if it has one."""
    if not isinstance(observable, OfNetwork) or observable.architecture is None:
        return observable
    assert folder is not None, "the folder of the config, if no other"
    return observable.model_copy(update={"architecture": observable.architecture.beside(folder)})


def _of(analysis: Analysis, template: Template) -> list[Systematic]:
    return [s for s in analysis.systematics if template in s.templates(template.sample)]


def _with_templates(analysis: Analysis, observable: str | None = None) -> list[Systematic]:
    found = analysis.systematics_of(observable)
    return [s for s in found if isinstance(s, ShapeVariation)]


def _samples_and_systematics(
    samples: Sequence[Sample], systematics: Iterable[Systematic], smoothing: bool = False
) -> Plain:
    """Fields of :func:`part`: the samples and what modifies them, without labels and groups."""
    names = {sample.name for sample in samples}
    kept = []
    for systematic in systematics:
        own = [name for name in systematic.samples if name in names]
        update: Plain = {"sample": own, "group": None}
        if isinstance(systematic, Interpolated) and not smoothing:
            update["smoothing"] = None
        if own:
            kept.append(systematic.model_copy(update=update))
    return {
        "samples": [s.model_copy(update={"parameters": {}}) for s in samples],
        "systematics": kept,
    }
