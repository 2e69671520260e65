"""What no setting can say on its own: objects of an analysis that do not fit together."""

import contextlib
import difflib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from hone.analysis.analysis import SETS, Analysis, Poi
from hone.analysis.distributions import WEIGHT, branches_of
from hone.analysis.expressions import Expression, meant
from hone.analysis.fields import filled_in, several
from hone.analysis.observables import Network, Rebinned, Softmax, Trained, VariableBins
from hone.analysis.own_objective import find_function
from hone.analysis.paths import is_remote, is_table, listed, matching
from hone.analysis.samples import (
    DimuonSample,
    FileSample,
    GeneratedSample,
    HistogramSample,
    NtupleSample,
    Sample,
)
from hone.analysis.systematics import (
    ALL,
    SAMPLE,
    SIDES,
    Lumi,
    Shapesys,
    ShapeVariation,
    Variation,
)
from hone.errors import InputError

__all__ = ["contradictions"]


def contradictions(analysis: Analysis) -> Iterator[str]:
    """Every contradiction, with the setting and what is allowed."""
    yield from _of_samples(analysis)
    yield from _of_histograms(analysis)
    yield from _of_observation(analysis)
    yield from _of_features(analysis)
    yield from _of_regions(analysis)
    yield from _of_strengths(analysis)
    yield from _of_systematics(analysis)
    yield from _of_normfactors(analysis)
    yield from _of_observables(analysis)
    yield from _of_studies(analysis)


def _of_samples(analysis: Analysis) -> Iterator[str]:
    for process in ("signal", "background"):
        if process not in {s.process for s in analysis.samples}:
            yield f"samples: there is no sample of process {process!r}"
    if len({isinstance(s, GeneratedSample) for s in analysis.simulated}) > 1:
        yield (
            "samples: some have files or histograms and some a distribution; an analysis has either"
        )
    for i, sample in enumerate(analysis.samples):
        if sample.name == ALL:
            yield f"samples[{i}].name: {ALL!r} stands for every sample; choose another"
    data = [s.name for s in analysis.samples if s.is_data]
    if len(data) > 1:
        yield f"samples: {', '.join(data)} are all of process data; list all files in one sample"
    for i, sample in enumerate(analysis.samples):
        if sample.own_files is not None:
            key = "histograms.files" if isinstance(sample, HistogramSample) else "files"
            yield from (f"samples[{i}].{key}: {p}" for p in _of_files(sample.own_files))
            if isinstance(sample, HistogramSample):
                for path in filter(is_table, matching(sample.own_files)):
                    yield f"samples[{i}].{key}: {path} has events, no histograms; give it as files"
        if (
            isinstance(sample, FileSample)
            and sample.tree != NtupleSample.model_fields["tree"].default
        ):
            yield from _with_trees(f"samples[{i}].tree", sample.files)
        if isinstance(sample, DimuonSample):
            known = {f"samples[{i}]": sample.branches}
            for key, text in (("selection", sample.selection), ("weight", sample.weight)):
                yield from _missing_branches(f"samples[{i}].{key}", text, known)
        if isinstance(sample, NtupleSample) and sample.cross_section and not analysis.luminosity:
            yield (
                f"samples[{i}].cross_section: needs the luminosity of the analysis (luminosity, "
                "in 1/fb)"
            )
    points = [
        tuple(sorted(s.parameters.items()))
        for s in analysis.samples
        if s.is_signal and not analysis.measure
    ]
    if len({tuple(name for name, _ in point) for point in points}) > 1:
        yield "samples: all signals must have the same parameters, or none"
    if any(points) and len(set(points)) < len(points):
        yield "samples: two signals have the same parameters"
    yield from _of_split(analysis)


def _of_histograms(analysis: Analysis) -> Iterator[str]:
    """Samples without events can be neither trained on nor drawn from."""
    places: dict[tuple[str, str], str] = {}
    for i, sample in enumerate(analysis.samples):
        if not isinstance(sample, HistogramSample):
            continue
        given = sample.histograms
        where = f"samples[{i}].histograms"
        for key in ("systematic", "side"):
            if f"{{{key}}}" in given.path:
                yield f"{where}.path: {{{key}}} has a name only in variations; remove it"
        if len(analysis.regions) > 1 and "{region}" not in given.path:
            yield f"{where}.path: needs {{region}}: each region has a histogram of its own"
        for file in matching(given.files):
            other = places.setdefault((file, filled_in(given.path, sample=sample.name)), where)
            if other != where:
                yield f"{where}.path: has the histograms of {other}, which would count twice"
    if not analysis.has_histograms:
        return
    if len(analysis.observables) > 1 or analysis.of_kind(VariableBins) != [
        o.name for o in analysis.observables
    ]:
        yield (
            "observables: histograms have no events to be trained on: leave out all observables, "
            "or keep one of kind variable"
        )
    if analysis.observation.pseudo_data:
        yield (
            "observation.pseudo_data: histograms have no events that can be drawn; remove it: the "
            "observation is then what is expected"
        )
    if all(isinstance(s, HistogramSample) for s in analysis.samples):
        for i, region in enumerate(analysis.regions):
            if region.selection is not None:
                yield (
                    f"regions[{i}].selection: all samples have histograms, which nothing can be "
                    "selected from; remove it"
                )


def _of_split(analysis: Analysis) -> Iterator[str]:
    split = analysis.split
    if split.ends[2] >= 1:
        yield "split: training and validation leave no events for evaluation; their sum must be < 1"
    if split.folds and analysis.tracking != "none":
        yield f"tracking: {analysis.tracking} knows one training a seed; remove it, or split.folds"
    if split.folds and not analysis.has_ntuples:
        yield "split.folds: generated events have a set for each purpose; remove it"
    for name in set(SETS) - set(split.sets):
        if analysis.has_ntuples and analysis.learning:
            yield f"split.{name}: 0 is of no use to {', '.join(analysis.learning)}, which learn"


def _of_files(patterns: str | list[str]) -> Iterator[str]:
    for pattern in several(patterns):
        if matching(pattern) == [] == listed(pattern):
            yield f"{pattern} lists no file"
    for pattern in listed(patterns):
        if is_remote(pattern) and set("*?[") & set(pattern):
            yield f"{pattern}: what is on a server has no patterns; list the files, or name a .txt"
        elif is_remote(pattern) and is_table(pattern):
            yield f"{pattern}: only ROOT files are read from servers; copy it"
        elif not matching(pattern):
            where = "" if Path(pattern).is_absolute() else f" in {Path.cwd()}"
            file, _, tree = pattern.rpartition(":")
            hint = f"; the tree of a file is named apart, tree: {tree}" if matching(file) else ""
            yield f"no file matches {pattern!r}{where}{hint}"
    for path in matching(patterns):
        if "{" in path or "}" in path:
            yield f"{path}: Snakemake takes braces for something else; rename the file"
    times = Counter(p for pattern in listed(patterns) for p in matching(pattern))
    for path, number in times.items():
        if number > 1:
            yield f"{path} is listed more than once: its events would count twice"


def _with_trees(setting: str, files: str | list[str]) -> Iterator[str]:
    """Files that a tree is named for and that have none: all their events would be read."""
    for path in filter(is_table, matching(files)):
        yield f"{setting}: {path} has no trees; remove it (what is varied is in files of its own)"


def _of_observation(analysis: Analysis) -> Iterator[str]:
    observation = analysis.observation
    if observation.unblind and not analysis.data:
        yield "observation.unblind: there is no sample of process data to be unblinded"
    if observation.pseudo_data:
        if not analysis.has_ntuples:
            yield "observation.pseudo_data: generated events always have pseudo-data; remove it"
        if observation.unblind:
            yield "observation.pseudo_data: unblind counts the data; set one of both"
    if analysis.measure and observation.signal is not None:
        yield f"observation.signal: mu is the strength {analysis.measured[0]!r}; remove it"
    elif observation.signal not in (None, *analysis.signals):
        yield (
            f"observation.signal: there is no signal {observation.signal!r}; "
            f"signals are {', '.join(analysis.signals)}"
        )


def _of_features(analysis: Analysis) -> Iterator[str]:
    known = _known_branches(analysis)
    if not analysis.features and analysis.observables:
        yield "features: [] must have at least this many entries: 1"
    for i, text in enumerate(analysis.features):
        try:
            yield from _missing_branches(f"features[{i}]", text, known)
        except InputError as error:
            yield f"features[{i}]: {error}"


def _known_branches(analysis: Analysis) -> dict[str, tuple[str, ...]]:
    """Branches of events that the workflow makes itself, by the setting that describes them."""
    found = {
        f"samples[{i}]": sample.branches
        for i, sample in enumerate(analysis.samples)
        if sample.branches is not None
    }
    for i, systematic in enumerate(analysis.systematics):
        if isinstance(systematic, ShapeVariation):
            for side in SIDES:
                density = systematic.side(side)
                if isinstance(density, list):
                    found[f"systematics[{i}].{side}"] = branches_of(density)
    return found


def _missing_branches(
    setting: str, expression: str | None, known: Mapping[str, tuple[str, ...]]
) -> Iterator[str]:
    """Branches in an expression that events do not have, each with the first of these events."""
    for branch in Expression(expression).branches if expression else ():
        where = next((where for where, there in known.items() if branch not in there), None)
        if where is not None:
            hint = meant(branch, known[where]) or f"they have {', '.join(known[where])}"
            yield f"{setting}: the events of {where} have no branch {branch!r}; {hint}"


def _of_regions(analysis: Analysis) -> Iterator[str]:
    if (
        analysis.regions
        and analysis.observables
        and not any(r.is_trained for r in analysis.regions)
    ):
        yield "regions: none has fit: observable; change one, or leave out all observables"
    known = _known_branches(analysis)
    for i, region in enumerate(analysis.regions):
        for key, text in (("selection", region.selection), ("variable", region.variable)):
            yield from _missing_branches(f"regions[{i}].{key}", text, known)


def _of_systematics(analysis: Analysis) -> Iterator[str]:
    samples = {s.name: s for s in analysis.simulated}
    regions = [r.name for r in analysis.regions]
    seen: dict[tuple[str, str, str], int] = {}
    for i, systematic in enumerate(analysis.systematics):
        where = f"systematics[{i}]"
        for region in systematic.regions or []:
            if region not in regions:
                yield (
                    f"{where}.regions: there is no region {region!r}; regions are "
                    f"{', '.join(regions) or '(none)'}"
                )
        for name in systematic.samples:
            if name not in samples:
                yield (
                    f"{where}.sample: there is no sample {name!r}; samples are {', '.join(samples)}"
                )
                continue
            for kind in systematic.pyhf_types:
                key = (systematic.name, kind, name)
                if seen.setdefault(key, i) != i:
                    yield (
                        f"{where}: the name {systematic.name!r} is used more than once for a "
                        f"{kind} of {name!r} (systematics[{seen[key]}])"
                    )
            if isinstance(systematic, ShapeVariation):
                yield from _of_variation(where, systematic, samples[name], analysis)
        if isinstance(systematic, ShapeVariation):
            yield from _of_replaced(where, systematic, analysis)
        if isinstance(systematic, Lumi):
            if systematic.name != "lumi":
                yield f"{where}.name: pyhf wants a lumi to be named 'lumi', not {systematic.name!r}"
        elif _is_taken(systematic.name, analysis):
            yield f"{where}.name: {systematic.name!r} is the name of another parameter"
        acting = systematic.regions or regions or [""]
        if isinstance(systematic, Shapesys) and max(len(systematic.samples), len(acting)) > 1:
            yield (
                f"{where}: a shapesys is of one sample in one region (sample, regions); "
                "use an entry with a name of its own for each"
            )
    if len({s.uncertainty for s in analysis.systematics if isinstance(s, Lumi)}) > 1:
        yield "systematics: entries of lumi have different uncertainties; there is one luminosity"
    parameters = [*(s.name for s in analysis.systematics), *(n.name for n in analysis.normfactors)]
    for i, systematic in enumerate(analysis.systematics):
        group = systematic.group
        members = [s.name for s in analysis.systematics if s.group == group]
        if group in [*parameters, *analysis.measured] and group not in members:
            yield (
                f"systematics[{i}].group: {group!r} is the name of a parameter that is not in the "
                "group; choose another"
            )
    for name, entries in itertools.groupby(
        sorted(analysis.systematics, key=lambda s: s.name), key=lambda s: s.name
    ):
        of_name = list(entries)
        if len({s.group for s in of_name}) > 1:
            yield (
                f"systematics: entries of {name!r} have different groups; they are one parameter, "
                "in one group (give all of them the same)"
            )
        kinds = {s.type: s for s in of_name}
        if len(kinds) > 1 and not all(s.can_be_pruned for s in kinds.values()):
            yield (
                f"systematics: {name!r} is of types {' and '.join(sorted(kinds))}; only a "
                "histosys, a normplusshape and a normsys can share a parameter"
            )


def _is_taken(name: str, analysis: Analysis) -> bool:
    return name in analysis.measured or _is_pyhfs(name)


def _is_pyhfs(name: str) -> bool:
    """Whether parameters of this name have a meaning of their own."""
    return name == "lumi" or name.startswith("staterror_")


def _of_variation(
    where: str, systematic: ShapeVariation, sample: Sample, analysis: Analysis
) -> Iterator[str]:
    """Whether the sides of a systematic fit the sample."""
    for side in SIDES:
        given = systematic.side(side)
        here = f"{where}.{side}"
        if given is None:
            continue
        if not isinstance(given, Variation):
            if len(systematic.samples) > 1:
                yield f"{here}: a distribution belongs to one sample; use an entry for each"
            if isinstance(sample, NtupleSample):
                yield (
                    f"{here}: a distribution cannot vary the events of files; give files, a tree "
                    "or a weight"
                )
            continue
        if isinstance(sample, HistogramSample):
            for key in ("tree", "weight", "replace"):
                if getattr(given, key) is not None:
                    yield (
                        f"{here}.{key}: {sample.name!r} has histograms; give the path or the "
                        "files of varied ones"
                    )
            yield from _of_varied_path(here, given, sample, analysis)
        elif given.path is not None:
            yield f"{here}.path: is of histograms, which {sample.name!r} has none of; remove it"
        if given.muon_scale is not None or given.muon_resolution is not None:
            if not isinstance(sample, DimuonSample):
                yield f"{here}: only dimuons have muons to be varied"
        elif given.has_events:
            if not isinstance(sample, FileSample | HistogramSample):
                yield f"{here}: the events of {sample.name!r} are not in files"
            files = given.of(sample.name).files or []
            yield from (f"{here}.files: {problem}" for problem in _of_files(files))
            if given.tree is not None:
                yield from _with_trees(f"{here}.tree", files or sample.own_files or [])
        if len(systematic.samples) > 1:
            if any(SAMPLE not in file for file in several(given.files or [])):
                yield (
                    f"{here}.files: these belong to one sample; with {SAMPLE} in their names (the "
                    "sample's name) each has its own"
                )
            if given.sum_of_weights is not None:
                yield f"{here}.sum_of_weights: belongs to one sample; use an entry for each"
        if not given.has_events and sample.branches is not None:
            known = {repr(sample.name): (*sample.branches, WEIGHT)}
            yield from _missing_branches(f"{here}.weight", given.weight, known)
        for key in ("normalise", "sum_of_weights"):
            useful = isinstance(sample, NtupleSample) and sample.is_normalised
            if getattr(given, key) is not None and not useful:
                yield f"{here}.{key}: is of no use: the sample has no yield or cross_section"


def _of_varied_path(
    here: str, given: Variation, sample: HistogramSample, analysis: Analysis
) -> Iterator[str]:
    path, own = given.path or sample.histograms.path, sample.histograms.path
    if len(analysis.regions) > 1 and "{region}" not in path:
        yield f"{here}.path: needs {{region}}: each region has a histogram of its own"
    if given.files is None and filled_in(path, sample=sample.name) == filled_in(
        own, sample=sample.name
    ):
        yield f"{here}.path: these are the nominal histograms of {sample.name!r}"


def _of_replaced(where: str, systematic: ShapeVariation, analysis: Analysis) -> Iterator[str]:
    """Whether branches that are replaced occur anywhere."""
    samples = [s for s in analysis.simulated if s.name in systematic.samples]
    for side in SIDES:
        given = systematic.side(side)
        if not isinstance(given, Variation) or given.replace is None:
            continue
        ntuples = [s for s in samples if isinstance(s, NtupleSample)]
        texts = [text for s in ntuples for text in (given.weight or s.weight, s.selection)]
        texts += [text for r in analysis.regions for text in (r.selection, r.variable)]
        used = _branches([*analysis.features, *filter(None, texts)])
        for branch in given.replace:
            if branch not in used:
                close = difflib.get_close_matches(branch, used, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(used)}"
                yield (
                    f"{where}.{side}.replace: {branch!r} is in no feature, weight, selection or "
                    f"variable; {hint}"
                )


def _branches(expressions: Iterable[str]) -> list[str]:
    """Branches in expressions, except in those that are none (another message says so)."""
    found: dict[str, None] = {}
    for text in expressions:
        with contextlib.suppress(InputError):
            found |= dict.fromkeys(Expression(text).branches)
    return list(found)


def _of_strengths(analysis: Analysis) -> Iterator[str]:
    if _is_pyhfs(analysis.poi.name):
        yield f"poi.name: {analysis.poi.name!r} is the name of another parameter"
    if not analysis.measure:
        return
    if analysis.poi != Poi():
        yield "poi: the first entry of measure is the POI; give its name and bounds there"
    if not analysis.measure[0].begins_at_zero:
        yield (
            f"measure[0].bounds: {analysis.measure[0].bounds} are those of the POI, and must begin "
            "at 0, and end above 1"
        )
    signals = [s.name for s in analysis.samples if s.is_signal]
    where: dict[str, str] = {}
    for i, entry in enumerate(analysis.measure):
        if _is_pyhfs(entry.name):
            yield f"measure[{i}].name: {entry.name!r} is the name of another parameter"
        for name in entry.samples:
            if name not in signals:
                yield (
                    f"measure[{i}].sample: there is no signal {name!r}; signals are "
                    f"{', '.join(signals)}"
                )
            if name in where:
                yield f"measure[{i}].sample: {name!r} has a strength already, in {where[name]}"
            where.setdefault(name, f"measure[{i}]")
    for name in signals:
        if name not in where:
            yield f"measure: the signal {name!r} has no strength; add it to an entry"


def _of_normfactors(analysis: Analysis) -> Iterator[str]:
    taken = {s.name for s in analysis.systematics}
    backgrounds = [s.name for s in analysis.simulated if not s.is_signal]
    for i, factor in enumerate(analysis.normfactors):
        if factor.name in taken or _is_taken(factor.name, analysis):
            yield f"normfactors[{i}].name: {factor.name!r} is the name of another parameter"
        for name in factor.samples:
            if name not in backgrounds:
                yield (
                    f"normfactors[{i}].sample: there is no background {name!r}; backgrounds are "
                    f"{', '.join(backgrounds)}"
                )


def _of_observables(analysis: Analysis) -> Iterator[str]:
    networks = analysis.of_kind(Network)
    systematics = list(dict.fromkeys(s.name for s in analysis.systematics))
    if not analysis.observables:
        yield (
            "observables: there is none; without any, at least one region needs fit: variable, and "
            "none fit: observable"
        )
    for i, observable in enumerate(analysis.observables):
        where = f"observables[{i}]"
        if isinstance(observable, Rebinned) and observable.source not in networks:
            yield (
                f"{where}.source: there is no network {observable.source!r}; "
                f"networks are {', '.join(networks) or '(none)'}"
            )
        if isinstance(observable, Network | Softmax) and observable.start_from is not None:
            yield from _of_start(analysis, where, observable)
        objective = getattr(observable, "objective", None) or ""
        if ":" in objective:
            problem = find_function(objective, analysis.modules or "")
            if problem:
                yield f"{where}.objective: {problem}"
        for name in observable.systematics or []:
            if name not in systematics:
                yield (
                    f"{where}.systematics: there is no systematic {name!r}; systematics are "
                    f"{', '.join(systematics) or '(none)'}"
                )
        chosen = observable.features or []
        named = {f"features[{k}]": name for k, name in enumerate(chosen)}
        for key, name in {**named, **observable.variables}.items():
            known = analysis.features if key in named or not chosen else chosen
            if name not in known:
                yield (
                    f"{where}.{key}: there is no feature {name!r}; features are {', '.join(known)}"
                )
        if isinstance(observable, Trained) and observable.batch > analysis.events.training:
            yield (
                f"{where}.batch: {observable.batch} events are more than the "
                f"{analysis.events.training} of events.training"
            )


def _of_start(analysis: Analysis, where: str, chosen: Network | Softmax) -> Iterator[str]:
    """What is wrong with the observable whose weights another one starts from."""
    key, name = f"{where}.start_from", chosen.start_from
    kind = Network if isinstance(chosen, Network) else Softmax
    allowed = analysis.of_kind(kind) + (analysis.of_kind(Rebinned) if kind is Network else [])
    # Each starts from one further up, so that none starts from itself in the end.
    above = analysis.observables[: analysis.observables.index(chosen)]
    allowed = [o.name for o in above if o.name in allowed]
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
    assert isinstance(source, Network | Softmax)
    for setting, value in chosen.layers.items():
        if value != source.layers[setting]:
            yield f"{key}: {name} has {setting} {source.layers[setting]}, not {value}"
    if bins != chosen.bins and (kind is Softmax or chosen.setting("edges") == "learned"):
        yield f"{key}: {name} has {bins} bins, not {chosen.bins}"
    if analysis.features_of(name) != analysis.features_of(chosen.name):
        yield f"{key}: {name} sees other features"
    if len(analysis.seeds(name)) < chosen.seeds:
        yield f"{key}: {name} has {len(analysis.seeds(name))} seeds, not {chosen.seeds}"


def _of_studies(analysis: Analysis) -> Iterator[str]:
    by_name = {o.name: o for o in analysis.observables}
    for i, study in enumerate(analysis.studies):
        for name in study.observables:
            if name not in by_name:
                yield (
                    f"studies[{i}].observables: there is no observable {name!r}; "
                    f"observables are {', '.join(by_name)}"
                )
            elif not isinstance(by_name[name].setting(study.against), int | float):
                yield (
                    f"studies[{i}].against: the observable {name!r} has no number {study.against!r}"
                )
