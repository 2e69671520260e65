"""Systematics that do not fit their samples, regions or each other."""

import contextlib
import itertools
from collections.abc import Iterable, Iterator

from hone.analysis.analysis import Analysis
from hone.analysis.contradictions.branches import missing_branches
from hone.analysis.contradictions.files import of_files, with_trees
from hone.analysis.contradictions.parameters import is_taken
from hone.analysis.distributions import WEIGHT
from hone.analysis.expressions import Expression
from hone.analysis.fields import filled_in, several
from hone.analysis.samples import (
    DimuonSample,
    FileSample,
    HistogramSample,
    NtupleSample,
    Sample,
)
from hone.analysis.shape_systematics import Shapesys, ShapeVariation
from hone.analysis.systematics import Lumi, Normsys
from hone.analysis.variations import SAMPLE, SIDES, Variation
from hone.errors import InputError, did_you_mean

__all__ = ["of_systematics"]


def of_systematics(analysis: Analysis) -> Iterator[str]:
    """Regions, samples, names, groups and types of systematics."""
    samples = {s.name: s for s in analysis.simulated}
    regions = [r.name for r in analysis.regions]
    seen: dict[tuple[str, str, str, str], int] = {}
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
                what = (
                    f"{name!r} are observed events, which nothing varies"
                    if name in (s.name for s in analysis.data)
                    else f"there is no sample {name!r}"
                )
                yield f"{where}.sample: {what}; samples are {', '.join(samples)}"
                continue
            for kind in systematic.pyhf_types:
                # Factors may differ from region to region; templates have one name in all.
                of_regions = systematic.regions if isinstance(systematic, Normsys) else None
                acting = of_regions or regions or [""]
                keys = [(systematic.name, kind, name, region) for region in acting]
                others = {seen.setdefault(key, i) for key in keys} - {i}
                if others:
                    yield (
                        f"{where}: the name {systematic.name!r} is used more than once for a "
                        f"{kind} of {name!r} (systematics[{min(others)}])"
                    )
            if isinstance(systematic, ShapeVariation):
                yield from _of_variation(where, systematic, samples[name], analysis)
        if isinstance(systematic, ShapeVariation):
            yield from _of_replaced(where, systematic, analysis)
        if isinstance(systematic, Lumi):
            if systematic.name != "lumi":
                yield f"{where}.name: pyhf wants a lumi to be named 'lumi', not {systematic.name!r}"
        elif is_taken(systematic.name, analysis):
            cure = "; choose another, or type: lumi" if systematic.name == "lumi" else ""
            yield f"{where}.name: {systematic.name!r} is the name of another parameter{cure}"
        acting = systematic.regions or regions or [""]
        if isinstance(systematic, Shapesys) and max(len(systematic.samples), len(acting)) > 1:
            yield (
                f"{where}: a shapesys is of one sample in one region (sample, regions); "
                "use an entry with a name of its own for each"
            )
    if len({s.uncertainty for s in analysis.systematics if isinstance(s, Lumi)}) > 1:
        yield (
            "systematics: entries of lumi have different uncertainties; there is one luminosity: "
            "what else changes yields is a normsys"
        )
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
            yield from (f"{here}.files: {problem}" for problem in of_files(files))
            if given.tree is not None:
                yield from with_trees(f"{here}.tree", files or sample.own_files or [])
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
            yield from missing_branches(f"{here}.weight", given.weight, known)
            sliced = isinstance(sample, DimuonSample) and sample.dimuons.slices
            if sliced and given.weight and WEIGHT not in Expression(given.weight).branches:
                yield f"{here}.weight: takes the place of the events' {WEIGHT}; multiply it"
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
                hint = did_you_mean(branch, used) or f"there are {', '.join(used)}"
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
