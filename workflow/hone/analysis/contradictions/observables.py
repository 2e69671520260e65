"""Observables that do not fit the analysis or each other, and studies of them."""

from collections.abc import Iterator

from hone.analysis.analysis import Analysis
from hone.analysis.leading import as_written, leading
from hone.analysis.observables import (
    BestEdges,
    Categories,
    Ensemble,
    Network,
    ObservableSettings,
    OfNetwork,
    OfOutputs,
    Rebinned,
    Softmax,
    Trained,
)
from hone.analysis.own_code import find_function

__all__ = ["of_observables", "of_studies"]


def of_observables(analysis: Analysis) -> Iterator[str]:
    """Sources, objectives, features and systematics that an observable cannot have."""
    networks = analysis.of_kind(Network)
    systematics = list(dict.fromkeys(s.name for s in analysis.systematics))
    if not analysis.observables:
        yield (
            "observables: there is none; without any, there are regions of fit: variable or count, "
            "and none of fit: observable"
        )
    for i, observable in enumerate(analysis.observables):
        where = f"observables[{i}]"
        if isinstance(observable, BestEdges) and observable.source not in networks:
            yield (
                f"{where}.source: there is no network {observable.source!r}; "
                f"networks are {', '.join(networks) or '(none)'}"
            )
        elif isinstance(observable, BestEdges):
            yield from _of_source(where, observable, analysis.observable(observable.source))
        elif isinstance(observable, Categories) and observable.classes is not None:
            yield from _of_classes(analysis, where, observable.classes)
        objective = getattr(observable, "objective", None) or ""
        if ":" in objective:
            problem = find_function(objective, analysis.modules or "")
            if problem:
                yield f"{where}.objective: {problem}"
        if isinstance(observable, OfNetwork) and observable.architecture is not None:
            problem = find_function(observable.architecture.function, analysis.modules or "")
            if problem:
                yield f"{where}.architecture: {problem}"
        for name in observable.systematics or []:
            if name not in systematics:
                yield (
                    f"{where}.systematics: there is no systematic {name!r}; systematics are "
                    f"{', '.join(systematics) or '(none)'}"
                )
        for k, name in enumerate(as_written(observable.features or [])):
            if analysis.features and not set(leading([name])) <= set(analysis.features):
                known = ", ".join(as_written(analysis.features))
                yield f"{where}.features[{k}]: there is no feature {name!r}; features are {known}"
        for tried in _tried(observable):
            yield from _of_training(analysis, where, i, tried)


def _of_source(where: str, chosen: BestEdges, source: ObservableSettings) -> Iterator[str]:
    assert isinstance(source, Network)
    if source.failing == "bin":
        yield f"{where}.source: {source.name} has a bin of failing events, which has no best edges"
    if not isinstance(chosen, Ensemble):
        return
    if source.cuts or (source.tune and "cuts" in source.tune.grid):
        yield f"{where}.source: {source.name} has cuts, which differ from seed to seed"
    if source.seeds == 1:
        yield f"{where}.source: {source.name} has only one seed; use the kind rebinned"


def _of_classes(analysis: Analysis, where: str, classes: list[list[str]]) -> Iterator[str]:
    """What keeps them from being classes: each sample in one, none empty in a hypothesis."""
    several = [name for names in classes for name in names]
    known = [sample.name for sample in analysis.simulated]
    if unknown := [name for name in several if name not in known]:
        yield (
            f"{where}.classes: there is no simulated sample {unknown[0]!r}; samples are "
            f"{', '.join(known)}"
        )
        return
    for name in known:
        if several.count(name) != 1:
            yield f"{where}.classes: {name} must be in one of them, not in {several.count(name)}"
    for k, names in enumerate(classes):
        for signal in analysis.signals:
            if not {sample.name for sample in analysis.hypothesis(signal)} & set(names):
                yield f"{where}.classes[{k}]: it has no sample of the hypothesis {signal}"


def _tried(observable: ObservableSettings) -> list[ObservableSettings]:
    """An observable, and each of its trials if settings are to be searched."""
    if not isinstance(observable, Trained) or observable.tune is None:
        return [observable]
    return [observable, *map(observable.trial, range(1, observable.tune.size + 1))]


def _of_training(
    analysis: Analysis, where: str, place: int, chosen: ObservableSettings
) -> Iterator[str]:
    """What trials of one observable may have differently."""
    if isinstance(chosen, OfNetwork) and chosen.start_from is not None:
        yield from _of_start(analysis, where, analysis.observables[:place], chosen)
    for key, name in chosen.variables.items():
        known = chosen.features or analysis.features
        if known and name not in known:
            yield f"{where}.{key}: there is no feature {name!r}; features are {', '.join(known)}"
    if isinstance(chosen, Trained) and chosen.batch > analysis.events.training:
        yield (
            f"{where}.batch: {chosen.batch} events are more than the "
            f"{analysis.events.training} of events.training"
        )


def _of_start(
    analysis: Analysis, where: str, above: list[ObservableSettings], chosen: OfNetwork
) -> Iterator[str]:
    """What is wrong with the observable whose weights another one starts from."""
    key, name = f"{where}.start_from", chosen.start_from
    kind = type(chosen)
    # Each starts from one further up, so that none starts from itself in the end.
    allowed = [
        o.name
        for o in above
        if isinstance(o, kind) or (kind is Network and isinstance(o, Rebinned))
    ]
    if name not in allowed:
        yield (
            f"{key}: there is no {chosen.kind} {name!r} above it; there are "
            f"{', '.join(allowed) or '(none)'}"
        )
        return
    source = analysis.observable(name)
    bins = source.setting("bins")
    if isinstance(source, Rebinned):
        source = analysis.observable(source.source)
    assert isinstance(source, OfNetwork)
    for setting in source.tune.grid if source.tune else []:
        if setting in source.layers:
            yield f"{key}: {name} tunes its {setting}, which must be known beforehand"
    for setting, value in chosen.layers.items():
        if value != source.layers[setting]:
            yield f"{key}: {name} has {setting} {source.layers[setting]}, not {value}"
    own = chosen.setting("bins")
    if isinstance(chosen, Softmax) or chosen.setting("edges") == "learned":
        same = bins == own
    else:  # Weights depend on the number of outputs alone.
        same = not isinstance(chosen, OfOutputs) or len(bins) == len(own)
    if not same:
        yield f"{key}: {name} has {bins} bins, not {own}"
    if analysis.features_of(name) != analysis.features_of(chosen.name):
        yield f"{key}: {name} sees other features"
    if len(analysis.seeds(name)) < chosen.seeds:
        yield f"{key}: {name} has {len(analysis.seeds(name))} seeds, not {chosen.seeds}"


def of_studies(analysis: Analysis) -> Iterator[str]:
    """Observables or settings of studies that are not there."""
    by_name = {o.name: o for o in analysis.observables}
    for i, study in enumerate(analysis.studies):
        for name in study.observables:
            if name not in by_name:
                yield (
                    f"studies[{i}].observables: there is no observable {name!r}; "
                    f"observables are {', '.join(by_name)}"
                )
                continue
            tune = by_name[name].setting("tune")
            for key, settings in (("against", [study.against]), ("lines", study.lines)):
                tuned = [setting for setting in settings if tune and setting in tune.grid]
                if tuned:
                    yield f"studies[{i}].{key}: {name} tunes its {tuned[0]}, which has no one value"
            if not isinstance(by_name[name].setting(study.against), int | float):
                yield (
                    f"studies[{i}].against: the observable {name!r} has no number {study.against!r}"
                )
