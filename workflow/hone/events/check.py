"""Checks of the inputs before anything is trained."""

import itertools
import math
import os
from collections.abc import Iterator, Mapping, Sequence, Set

import numpy as np

from hone.analysis.region_observables import Seen
from hone.analysis.regions import Region
from hone.analysis.samples import NtupleSample, Sample
from hone.analysis.shape_systematics import ShapeVariation
from hone.analysis.systematics import Systematic
from hone.analysis.variations import SIDES
from hone.errors import InputError
from hone.events.documents import Survey, SurveyedFile, Surveys
from hone.events.fingerprints import part_in_common
from hone.events.first_look import in_training, variations_of
from hone.events.membership import common_events
from hone.statmodel.templates import Histogram
from hone.statmodel.workspace import Process, rates_below_zero

__all__ = ["check_inputs"]

_FAR, _ERRORS, _NAMED = 10.0, 5.0, 3
"""Factor on a sample's yield that no variation has beyond so many statistical errors, and how many
that have it are named."""

_IF_MEANT = "; if they are meant to, name one of both in shares_events_with of the other"


def check_inputs(
    surveys: Surveys,
    samples: Sequence[Sample],
    systematics: Sequence[Systematic],
    regions: Sequence[Region],
    observables: Mapping[str, Seen],
    one_fit: bool = True,
) -> None:
    """Refuse inputs that no later step could use.

    Args:
        surveys: what :func:`hone.events.survey.survey` found, by source.
        samples: of the analysis.
        systematics: of the analysis.
        regions: of the analysis.
        observables: which events each is of.
        one_fit: whether all signals are in one fit; if not, two of them may share events.

    Raises:
        InputError: every problem, with sample, region and file.
    """
    kinds = {s.name: s.process for s in samples}
    nominal = {name: found for name, found in surveys.items() if name in kinds}
    misses = list(_regions(nominal, kinds, regions, observables))
    may_share = _may_share(samples, one_fit)
    problems = [
        *_shared_events(surveys, systematics, may_share),
        *_same_events(nominal, may_share),
        *_few_numbers(surveys),
        *_far_off(surveys),
        *_negative(surveys, samples, systematics, one_fit),
        *misses,
    ]
    for name, found in surveys.items():
        # With few numbers, what is missing in a part follows from that.
        is_divided = found["split"] and "few_numbers" not in found
        for events_set, entry in found["sets"].items():
            if is_divided and entry["events"] == 0:
                problems.append(
                    f"{name!r} has no event in the {events_set} set, or in one of the folds "
                    f"({_files(found)}): change split; if the files hold some of the numbers of "
                    "split.branch only, name another"
                )
        # Where no event passes a selection, the split's parts are not what is wrong.
        idle = {
            observable: of_it.regions
            for observable, of_it in observables.items()
            if of_it.batch and is_divided and not misses and not in_training(found, of_it)
        }
        if idle:
            problems.append(
                f"{name!r} has no training event in a region with the observable "
                f"({_in_words(idle)}; {_files(found)}): set a larger split.training"
            )
    if problems:
        raise InputError(
            "the inputs cannot be used:\n" + "\n".join(f"- {text}" for text in problems)
        )


def _files(found: Survey) -> str:
    return ", ".join(entry["path"] for entry in found["files"])


def _may_share(samples: Sequence[Sample], one_fit: bool) -> Set[frozenset[str]]:
    """Pairs of samples that may have events in common."""
    signals = [] if one_fit else [sample.name for sample in samples if sample.is_signal]
    found = set(map(frozenset, itertools.combinations(signals, 2)))
    for sample in samples:
        if isinstance(sample, NtupleSample):
            found |= {frozenset({sample.name, name}) for name in sample.shares_events_with or []}
    return found


def _same_events(nominal: Surveys, may_share: Set[frozenset[str]]) -> Iterator[str]:
    """Different files with the same events, which would count twice."""
    seen: dict[str, tuple[tuple[str, str], str, str]] = {}
    for name, found in nominal.items():
        for entry in found["files"]:
            path, digest = entry["path"], entry.get("digest")
            place = os.path.realpath(path), found["tree"]
            if not digest:
                continue
            before, first, where = seen.setdefault(digest, (place, path, name))
            if before != place and frozenset({name, where}) not in may_share:
                meant = _IF_MEANT if name != where else ""
                yield (
                    f"{first} (sample {where!r}) and {path} (sample {name!r}) have the same "
                    f"events; remove one{meant}"
                )
        for one, other in itertools.combinations(found["files"], 2):
            if one.get("digest") == other.get("digest"):
                continue
            part = part_in_common(one.get("fingerprints", ""), other.get("fingerprints", ""))
            if part:
                yield (
                    f"{one['path']} and {other['path']} of sample {name!r} have about {part:.1%} "
                    "of their events in common, which would count twice: leave them out of one"
                )


def _shared_events(
    surveys: Surveys, systematics: Sequence[Systematic], may_share: Set[frozenset[str]]
) -> Iterator[str]:
    """Samples, and variations of samples by the same systematic, that take the same events from the
    same files, and may not."""
    users: dict[tuple[str, str, str], list[tuple[Survey, SurveyedFile]]] = {}
    variations = variations_of(systematics)
    for found in surveys.values():
        # "" of a sample: these come first, and what is wrong with them is said of them alone.
        variation = "" if found["source"] == found["sample"] else variations[found["source"]]
        for entry in found["files"]:
            key = variation, os.path.realpath(entry["path"]), found["tree"]
            users.setdefault(key, []).append((found, entry))
    named = set()
    for (variation, *_), entries in sorted(users.items(), key=lambda item: item[0][0]):
        for (one, first), (other, second) in itertools.combinations(entries, 2):
            samples = one["sample"], other["sample"]
            if frozenset(samples) in may_share or samples in named:
                continue
            texts = first.get("selected"), second.get("selected")
            common = common_events(*texts, min(first["events"], second["events"]))
            if one is other:
                paths = f"{first['path']} and {second['path']}"
                yield f"{paths} of {one['source']!r} are one file; remove one"
            elif len(common):
                named.add(samples)
                kind = "variations" if variation else "samples"
                cure = ", or give each its own file" if variation else ""
                cure += _IF_MEANT if samples[0] != samples[1] else ""
                more = f" and {len(common) - 1} others are" if len(common) > 1 else " is"
                yield (
                    f"event {common[0]} of {first['path']}{more} in both {kind} {one['source']!r} "
                    f"and {other['source']!r}, and would count twice: make the selections of their "
                    f"samples exclude each other{cure}"
                )


def _far_off(surveys: Surveys) -> Iterator[str]:
    """Variations with a yield that nobody means, beyond what their few events may do; once."""
    far = []
    for found in surveys.values():
        sample = surveys[found["sample"]]
        scale = sample["factor"] if found["sample_factor"] else 1.0
        for template in dict.fromkeys(name for rows in found["regions"].values() for name in rows):
            # Those of given histograms may be of some regions only.
            both = [
                (sample["regions"][region][sample["source"]], rows[template])
                for region, rows in found["regions"].items()
                if template in rows
            ]
            before = sum(nominal["yield"] for nominal, _ in both)
            after = scale * sum(varied["yield"] for _, varied in both)
            errors = [x for n, v in both for x in (n["error"], scale * v["error"])]
            if (
                before * after != 0
                and not 1 / _FAR <= after / before <= _FAR
                and abs(after - before) > _ERRORS * math.hypot(*errors)
            ):
                far.append(f"{template!r} ({after:.4g} instead of {before:.4g})")
    if far:
        others = f" and {len(far) - _NAMED} others" if len(far) > _NAMED else ""
        yield (
            f"variations with more than {_FAR:g} times the yield of their sample, or less than a "
            f"tenth: {', '.join(far[:_NAMED])}{others}. The weight of a variation stands in the "
            "place of the sample's: write its factor into it, as in weight * (1 + 0.1 * x) for "
            "generated events; varied files have the sample's factor from weights to yields"
        )


def _negative(
    surveys: Surveys,
    samples: Sequence[Sample],
    systematics: Sequence[Systematic],
    one_fit: bool,
) -> Iterator[str]:
    """Regions and bins where the expectation is negative, nominal or with a systematic at one
    sigma; the yield of one sample may be.

    Where the bins are those of an observable, only their sum is known here: mirror images and what
    else is made bin by bin, and cut at zero, are left to the workspace.
    """
    processes = [
        Process(s.name, s.is_signal, None, tuple(m for m in systematics if s.name in m.samples))
        for s in samples
        if s.name in surveys
    ]
    signals = [process.name for process in processes if process.is_signal]
    texts: dict[str, None] = {}
    for own in [signals] if one_fit else [[name] for name in signals]:
        hypothesis = [p for p in processes if p.name in own or not p.is_signal]
        for region in surveys[hypothesis[0].name]["regions"] if hypothesis else ():
            histograms = _in_region(surveys, hypothesis, region)
            bins = len(histograms[hypothesis[0].name].values)
            of_first = surveys[hypothesis[0].name]["regions"][region][hypothesis[0].name]
            unknown = set() if "bins" in of_first else _made_in_bins(hypothesis, region)
            for found in rates_below_zero(hypothesis, histograms, {region: bins}):
                if found.side in unknown:
                    continue
                bin_ = f", bin {found.bin + 1}" if bins > 1 else ""
                files = ", ".join(_files(surveys[name]) for name in found.negative)
                texts[f"region {region!r}{bin_}: {found} ({files})"] = None
    yield from texts


def _made_in_bins(processes: Sequence[Process], region: str) -> set[str]:
    """Systematics and sides, ``jes_down``, that have no templates of their own in a region."""
    found = set()
    for modifier in (m for process in processes for m in process.modifiers):
        if isinstance(modifier, ShapeVariation) and modifier.acts_in(region):
            both = modifier.down is not None and getattr(modifier, "symmetrise", None)
            made = SIDES if both else SIDES[1:] if modifier.down is None else ()
            found |= {f"{modifier.name}_{side}" for side in made}
    return found


def _in_region(surveys: Surveys, processes: Sequence[Process], region: str) -> dict[str, Histogram]:
    """Yields by template in the bins of a region that are known, or in one (B,). A template that
    was not surveyed there is as its sample's."""
    found: dict[str, Histogram] = {}
    for process in processes:
        for template in process.templates():
            survey = surveys.get(template.name, surveys[process.name])
            row = survey["regions"].get(region, {}).get(template.name)
            if row is None:
                found[template.name] = found[process.name]
                continue
            scale = surveys[process.name]["factor"] if survey["sample_factor"] else 1.0
            yields = scale * np.array(row.get("bins", [row["yield"]]))
            found[template.name] = Histogram(yields, np.zeros(len(yields)))
    return found


def _few_numbers(surveys: Surveys) -> Iterator[str]:
    """What is wrong with ``split.branch``, once."""
    entries = [
        (found, found["few_numbers"]) for found in surveys.values() if "few_numbers" in found
    ]
    if entries:
        few = entries[0][1]
        where = "; ".join(
            f"{own['found']} of {found['source']!r} in {_files(found)}" for found, own in entries
        )
        yield (
            f"split.branch: {few['branch']!r} has too few different values ({where}): the sets "
            f"need {few['needed']}, or their parts are not those of split. Name a branch with the "
            "number of each event, or leave it out: then the place in the file counts"
        )


def _regions(
    nominal: Surveys,
    kinds: Mapping[str, str],
    regions: Sequence[Region],
    observables: Mapping[str, Seen],
) -> Iterator[str]:
    for region in regions:
        events = {name: found["regions"][region.name] for name, found in nominal.items()}
        entering = {name for name, sums in events.items() if sums[name]["events"] > 0}
        if not entering:
            yield (
                f"region {region.name!r}: no event of any sample passes its selection "
                f"{region.selection!r}"
            )
        elif not any(kinds[name] == "background" for name in entering):
            yield (
                f"region {region.name!r}: no background event passes its selection "
                f"{region.selection!r}; a region needs background"
            )
    selections = {region.name: region.selection for region in regions}
    # Only a training needs events of every sample in its own bins.
    anywhere = [region.name for region in regions]
    needed = {o: of_it.regions if of_it.batch else anywhere for o, of_it in observables.items()}
    for name, found in nominal.items():
        without = {
            observable: [f"{region} {selections[region]!r}" for region in names]
            for observable, names in needed.items()
            if not any(found["regions"][region][name]["events"] for region in names)
        }
        if without:
            of_any = any(observables[observable].batch for observable in without)
            kind = "a region with the observable" if of_any else "any region"
            yield (
                f"sample {name!r} ({_files(found)}) has no event in {kind} "
                f"({_in_words(without)}); change a selection or leave the sample out"
            )


def _in_words(regions: Mapping[str, Sequence[str]]) -> str:
    """Regions of observables."""
    return ", ".join(f"{name}: {' and '.join(several)}" for name, several in regions.items())
