"""The first look at all inputs: a table of yields, warnings, and errors that stop everything."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hone.errors import InputError
from hone.regions import Region

__all__ = ["check_inputs", "format_table", "yields_table"]

_FEW_EVENTS = 100
_LARGE_ERROR = 0.3
_HUGE_WEIGHT = 0.1
_MUCH_NEGATIVE = 0.2

Surveys = Mapping[str, Mapping[str, Any]]
Row = dict[str, Any]


def yields_table(surveys: Surveys) -> list[Row]:
    """One row for each region, sample and variation: raw events, yield, error, what is odd."""
    rows = []
    for name, found in surveys.items():
        sample = name.partition("__")[0]
        scale = surveys[sample]["factor"] / found["factor"] if found["same_generation"] else 1.0
        for region, templates in found["regions"].items():
            for template, unscaled in templates.items():
                sums = {**unscaled, **{k: scale * unscaled[k] for k in ("yield", "error")}}
                nominal = surveys[sample]["regions"][region][sample]["yield"]
                effect = sums["yield"] / nominal - 1 if template != sample and nominal > 0 else None
                rows.append(
                    {
                        "region": region,
                        "sample": sample,
                        "variation": template.partition("__")[2],
                        "events": sums["events"],
                        "yield": sums["yield"],
                        "error": sums["error"],
                        "effect": effect,
                        "warning": "; ".join(_warnings(sums)),
                    }
                )
    order = list(dict.fromkeys(row["region"] for row in rows))
    return sorted(rows, key=lambda row: (order.index(row["region"]), row["sample"]))


def _warnings(sums: Mapping[str, Any]) -> Iterator[str]:
    total = sums["yield"]
    if sums["events"] == 0:
        yield "no event"
        return
    if sums["events"] < _FEW_EVENTS:
        yield f"only {sums['events']} events"
    if total > 0 and sums["error"] > _LARGE_ERROR * total:
        yield f"MC error {sums['error'] / total:.0%}"
    if sums["largest"] > _HUGE_WEIGHT and sums["events"] >= _FEW_EVENTS:
        yield f"one event has {sums['largest']:.0%} of the yield"
    if sums["negative"] > _MUCH_NEGATIVE:
        yield f"{sums['negative']:.0%} of the yield is negative"
    empty = [str(k) for k, value in enumerate(sums.get("bins", [])) if value == 0]
    if empty:
        yield f"empty bins: {', '.join(empty)}"


def check_inputs(
    surveys: Surveys,
    samples: Sequence[Mapping[str, Any]],
    regions: Sequence[Region],
    batches: Mapping[str, Mapping[str, Any]],
) -> None:
    """Refuse what no later step could use.

    Args:
        surveys: what :func:`hone.inputs.survey.survey` found, by source.
        samples: of the config.
        regions: of the analysis.
        batches: by observable, ``batch`` (events of each template in one) and ``templates``.

    Raises:
        InputError: every problem, with sample, region and file.
    """
    kinds = {s["name"]: s["process"] for s in samples}
    nominal = {name: found for name, found in surveys.items() if name in kinds}
    problems = [*_same_events(nominal), *_regions(nominal, kinds, regions)]
    for name, found in surveys.items():
        for region, templates in found["regions"].items():
            for template, sums in templates.items():
                for k, value in enumerate(sums.get("bins", [sums["yield"]])):
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
    for observable, needed in batches.items():
        for name in sorted({t for t in needed["templates"] if surveys[t]["split"]}):
            there = surveys[name]["scored"]["training"]
            if there < needed["batch"]:
                problems.append(
                    f"{name!r} has {there} training events in a region with the observable "
                    f"({_files(surveys[name])}), the batch of {observable!r} is "
                    f"{needed['batch']}: set a smaller batch, or a larger split.training"
                )
    if problems:
        raise InputError(
            "the inputs cannot be used:\n" + "\n".join(f"- {text}" for text in problems)
        )


def _files(found: Mapping[str, Any]) -> str:
    return ", ".join(entry["path"] for entry in found["files"])


def _same_events(nominal: Surveys) -> Iterator[str]:
    """Files with the same content: nobody wants to count events twice."""
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


def format_table(rows: Sequence[Row]) -> str:
    """The table for the screen."""
    wide = max([len(f"{row['sample']} {row['variation']}") for row in rows], default=10) + 1
    lines = []
    for region in dict.fromkeys(row["region"] for row in rows):
        head = f"{region:<{wide}} {'raw events':>11} {'yield':>12} {'MC error':>10} {'effect':>8}"
        lines += ["", head, "-" * len(head)]
        for row in (r for r in rows if r["region"] == region):
            name = f"  {row['variation']}" if row["variation"] else row["sample"]
            effect = "" if row["effect"] is None else f"{row['effect']:+.1%}"
            warning = f"  ! {row['warning']}" if row["warning"] else ""
            lines.append(
                f"{name:<{wide}} {row['events']:>11} {row['yield']:>12.5g} {row['error']:>10.3g} "
                f"{effect:>8}{warning}"
            )
    return "\n".join(lines).lstrip("\n") + "\n"
