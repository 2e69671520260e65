"""Checks of the inputs before anything is trained."""

from collections.abc import Iterator, Mapping, Sequence

from hone.analysis.regions import Region
from hone.analysis.samples import Sample
from hone.errors import InputError
from hone.events.documents import Survey, Surveys

__all__ = ["check_inputs"]


def check_inputs(
    surveys: Surveys,
    samples: Sequence[Sample],
    regions: Sequence[Region],
    batches: Mapping[str, int],
) -> None:
    """Refuse inputs that no later step could use.

    Args:
        surveys: what :func:`hone.events.survey.survey` found, by source.
        samples: of the analysis.
        regions: of the analysis.
        batches: events of each sample and variation in a batch, by observable.

    Raises:
        InputError: every problem, with sample, region and file.
    """
    kinds = {s.name: s.process for s in samples}
    nominal = {name: found for name, found in surveys.items() if name in kinds}
    misses = list(_regions(nominal, kinds, regions))
    problems = [*_same_events(nominal), *misses]
    for name, found in surveys.items():
        for region, templates in found["regions"].items():
            for template, sums in templates.items():
                for k, value in enumerate(sums.get("bins", [sums["yield"]]), 1):
                    if value < 0:
                        where = f"bin {k} of region" if "bins" in sums else "region"
                        problems.append(
                            f"{template!r} has a negative yield ({value:.4g}) in {where} "
                            f"{region!r} ({_files(found)}): use wider bins or more events"
                        )
        for events_set, entry in found["sets"].items():
            if found["split"] and entry["events"] == 0:
                problems.append(
                    f"{name!r} has no event in the {events_set} set ({_files(found)}): change "
                    "split, or split.branch if its numbers are all alike"
                )
    for observable, batch in batches.items():
        for name, found in surveys.items():
            there = found["scored"]["training"]
            # Where no event passes a selection, the batch is not what is wrong.
            if found["split"] and there < batch and (there or not misses):
                problems.append(
                    f"{name!r} has {there} training events in a region with the observable "
                    f"({_files(found)}), the batch of {observable!r} is {batch}: set a smaller "
                    "batch, or a larger split.training"
                )
    if problems:
        raise InputError(
            "the inputs cannot be used:\n" + "\n".join(f"- {text}" for text in problems)
        )


def _files(found: Survey) -> str:
    return ", ".join(entry["path"] for entry in found["files"])


def _same_events(nominal: Surveys) -> Iterator[str]:
    """Files with the same events, which would count twice."""
    seen: dict[str, str] = {}
    for name, found in nominal.items():
        for entry in found["files"]:
            digest, where = entry["digest"], f"{entry['path']} (sample {name!r})"
            if digest and digest in seen:
                yield f"{seen[digest]} and {where} have the same events; remove one"
            seen.setdefault(digest, where)


def _regions(
    nominal: Surveys, kinds: Mapping[str, str], regions: Sequence[Region]
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
    for name, found in nominal.items():
        trained = [r for r in regions if r.is_trained]
        if not any(found["regions"][r.name][name]["events"] for r in trained):
            yield (
                f"sample {name!r} ({_files(found)}) has no event in a region with the observable "
                f"({', '.join(f'{r.name}: {r.selection!r}' for r in trained)}); change a selection "
                "or leave the sample out"
            )
