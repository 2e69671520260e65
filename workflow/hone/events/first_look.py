"""Yields of all inputs in a table, with warnings."""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from tabulate import tabulate

from hone.analysis import Analysis
from hone.analysis.leading import parted
from hone.analysis.region_observables import Seen
from hone.analysis.systematics import Systematic
from hone.analysis.variations import SIDES
from hone.errors import InputError
from hone.events.documents import FarOut, RegionSums, Sentinel, Survey, Surveys
from hone.running.files import Row

__all__ = ["about_data", "format_table", "in_training", "notes", "variations_of", "yields_table"]

_FEW_EVENTS = 100
_LARGE_ERROR = 0.3
_HUGE_WEIGHT = 0.1
_MUCH_NEGATIVE = 0.2
_LOST = 0.1
"""Part of a yield that no variation loses with a part of the files but by these."""
_NAMED = 3
"""Values far out that are named one by one."""


def variations_of(systematics: Sequence[Systematic]) -> dict[str, str]:
    """``<systematic>_<side>`` of each varied template, by its name."""
    templates = (t for s in systematics for sample in s.samples for t in s.templates(sample))
    return {template.name: template.variation for template in templates}


def yields_table(surveys: Surveys, systematics: Sequence[Systematic]) -> list[Row]:
    """One row per region, sample and variation: raw events, yield, error, warnings (of a variation
    those that its sample has not).

    Args:
        surveys: by source, samples before their variations.
        systematics: of the analysis; those without events or weights of their own are factors.

    Raises:
        InputError: a yield with its sample's factor is more than a double holds.
    """
    rows, variations = [], variations_of(systematics)
    for found in surveys.values():
        sample = found["sample"]
        scale = surveys[sample]["factor"] if found["sample_factor"] else 1.0
        for region, templates in found["regions"].items():
            for template, unscaled in templates.items():
                sums: RegionSums = {
                    **unscaled,
                    "yield": scale * unscaled["yield"],
                    "error": scale * unscaled["error"],
                }
                if not (math.isfinite(sums["yield"]) and math.isfinite(sums["error"])):
                    raise InputError(
                        f"{template!r} in region {region!r}: a sum of weights of "
                        f"{unscaled['yield']:g}, times {scale:g}, is more than a double holds"
                    )
                of_sample = surveys[sample]["regions"][region][sample]
                nominal, known = of_sample["yield"], list(_warnings(of_sample))
                effect = sums["yield"] / nominal - 1 if template != sample and nominal else None
                warnings = [w for w in _warnings(sums) if template == sample or w not in known]
                bins = _bins(sums, of_sample, scale) if effect is not None else ""
                rows.append(
                    {
                        "region": region,
                        "sample": sample,
                        "variation": "" if template == sample else variations[template],
                        "events": sums["events"],
                        "yield": sums["yield"],
                        "error": sums["error"],
                        "effect": effect,
                        "bins": bins,
                        "warning": "; ".join(warnings),
                    }
                )
                if template == sample:
                    rows += [
                        {
                            **rows[-1],
                            "variation": f"{systematic.name}_{side}",
                            "yield": varied,
                            "error": sums["error"] * abs(varied / nominal) if nominal else 0.0,
                            "effect": varied / nominal - 1 if nominal else None,
                            "warning": "",
                        }
                        for systematic in systematics
                        if sample in systematic.samples
                        and systematic.acts_in(region)
                        and not systematic.templates(sample)
                        for side, varied in zip(
                            SIDES, systematic.shifted(nominal, None, None), strict=True
                        )
                    ]
    order = list(dict.fromkeys(row["region"] for row in rows))
    return sorted(rows, key=lambda row: (order.index(row["region"]), row["sample"]))


def _bins(varied: RegionSums, nominal: RegionSums, scale: float) -> str:
    """The smallest and the largest effect on a bin of a region whose bins are known."""
    before = np.array(nominal.get("bins", []))
    filled = before != 0
    effects = scale * np.array(varied.get("bins", []))[filled] / before[filled] - 1
    return f"{effects.min():+z.1%} to {effects.max():+z.1%}" if len(before) > 1 else ""


def _warnings(sums: RegionSums) -> Iterator[str]:
    total = abs(sums["yield"])
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
        yield f"{sums['negative']:.0%} of the sum of |weights| is negative"
    empty = [str(k) for k, value in enumerate(sums.get("bins", []), 1) if value == 0]
    if empty:
        yield f"empty bins: {', '.join(empty)}"


def notes(surveys: Surveys, observables: Mapping[str, Seen]) -> Iterator[str]:
    """What training makes of the inputs that nobody may have meant, each once.

    Args:
        surveys: what :func:`hone.events.survey.survey` found, by source.
        observables: which events each is of.
    """
    yield from _marks(surveys)
    yield from _far_out(surveys)
    repeated = {entry["path"]: entry for found in surveys.values() for entry in found["files"]}
    for path, entry in repeated.items():
        if part := entry.get("repeated"):
            yield (
                f"{path}: about {part:.2g} of its events repeat others, with the same features and "
                "weight, and count as often as they are there: was a file merged into it twice?"
            )
    idle = [name for name, found in surveys.items() if _varies_nothing(found, surveys)]
    if idle:
        yield (
            f"{', '.join(map(repr, idle))}: the files have the very same events as those of the "
            "sample, so that nothing varies: are these the right files, or the right tree?"
        )
    for name, found in surveys.items():
        nominal = surveys[found["sample"]]
        files, all_files = len(found["files"]), len(nominal["files"])
        before, after = (_in_all_regions(s, nominal) for s in (nominal, found))
        if files < all_files and after < (1 - _LOST) * before:
            yield (
                f"{name!r} has {files} of the {all_files} files of its sample, and {after:.4g} of "
                f"its yield of {before:.4g}: is a varied file missing?"
            )
    few: dict[str, int] = {}
    larger: dict[str, str] = {}
    for name, found in surveys.items():
        for observable, of_it in observables.items() if found["split"] else ():
            if of_it.batch and (events := in_training(found, of_it)) < of_it.batch:
                few[name] = min(events, few.get(name, events))
                larger[observable] = f"{observable!r}: {of_it.batch}"
    if few:
        error = min(few.values()) ** -0.5 if min(few.values()) else 1.0
        yield (
            "fewer training events than a batch has ("
            f"{', '.join(larger.values())}): "
            f"{', '.join(f'{name!r}: {n}' for name, n in few.items())}. Each batch has "
            "all of them, with the yield of the sample. Their statistical error (up to "
            f"{error:.0%} of a yield) is then in every step, and can be learned: more events help, "
            "or a larger split.training"
        )


def about_data(analysis: Analysis) -> str:
    """What this look leaves out, in a line; nothing without data."""
    if not analysis.data:
        return ""
    name = ", ".join(repr(sample.name) for sample in analysis.data)
    why = (
        "it is read for observed limits only"
        if analysis.observation.unblind
        else "the analysis is blind, until observation.unblind is true"
    )
    return f"\nNo event of {name} was looked at: {why}.\n"


def _marks(surveys: Surveys) -> Iterator[str]:
    """Marks for missing values, by feature."""
    marks: dict[tuple[str, str], list[tuple[str, Sentinel]]] = {}
    for found in surveys.values():
        for feature, sentinel in found["sentinels"].items():
            marks.setdefault(parted(feature), []).append((found["sample"], sentinel))
    for parts, entries in marks.items():
        samples = ", ".join(dict.fromkeys(repr(sample) for sample, _ in entries))
        part = max(sentinel["part"] for _, sentinel in entries)
        values = sorted({value for _, sentinel in entries for value in sentinel["values"]})
        inside, cure = _cure(parts, values, entries[0][1]["median"])
        feature = "".join(parts)
        if user := entries[0][1].get("user"):
            yield (
                f"{feature!r}, in {user}, is {' or '.join(f'{v:g}' for v in values)} in up to "
                f"{part:.1%} of the events ({samples}), far from all others: a mark for a missing "
                "value? It counts as a value there. Leave such events out, by the selection of a "
                f"sample or region, or say what is meant: {cure}"
            )
            continue
        yield (
            f"feature {feature!r} is {' or '.join(f'{v:g}' for v in values)} in up to {part:.1%} "
            f"of the events ({samples}), far from all others: a mark for a missing value? "
            "Scaling leaves it out in all samples, and networks see it at most one standard "
            "deviation beyond the others. Better say what is meant: "
            f"{cure}, with {inside} as a feature of its own"
        )


def _far_out(surveys: Surveys) -> Iterator[str]:
    """Single events far out, by feature."""
    features: dict[tuple[str, str], dict[str, FarOut]] = {}
    for name, found in surveys.items():
        for feature, far in found["far_out"].items():
            features.setdefault(parted(feature), {})[name] = far
    for (whole, brackets), by_source in features.items():
        several = list(by_source.values())
        values = sorted({value for far in several for value in far["values"]})
        low, high = min(far["low"] for far in several), max(far["high"] for far in several)
        shown = [f"{v:g}" for v in values]
        if len(shown) > _NAMED:
            shown = [f"{shown[0]} ... {shown[-1]}"]
        text = whole if whole.isidentifier() else f"({whole})"
        median = several[0]["median"]
        # The median is an end itself of what is zero in most events.
        ends = (
            (">", low, low - median or low - high, values[0]),
            ("<", high, high - median or high - low, values[-1]),
        )
        tests = [
            f"{text} {sign} {_between(end, reach, far)}"
            for sign, end, reach, far in ends
            if (far - end) * reach > 0
        ]
        inside = tests[0] if len(tests) == 1 else " & ".join(f"({test})" for test in tests)
        events = ", ".join(f"{far['events']} of {name!r}" for name, far in by_source.items())
        yield (
            f"feature {whole + brackets!r} is {' or '.join(shown)} in single events ({events}), "
            f"where all others are from {low:.4g} to {high:.4g}: has it no value there? It is "
            "scaled without them. Better leave them out, by the selection of a sample or region, "
            f"or say what is meant: where({inside}, {text}, {median:.2g}){brackets}"
        )


def _between(end: float, reach: float, far: float) -> str:
    """A round number between an end of ordinary values and a value far beyond: about half a
    ``reach`` from the end, if the value is not nearer."""
    middle = min(end + reach, far, key=lambda x: abs(x - end))
    return next(
        text
        for digits in range(2, 18)
        if min(end, far) < float(text := f"{(middle + end) / 2:.{digits}g}") < max(end, far)
    )


def in_training(found: Survey, of_it: Seen) -> int:
    """Events in the training set that an observable sees, of those of a survey."""
    return sum(found["scored"]["training"][region] for region in of_it.regions)


def _in_all_regions(found: Survey, nominal: Survey) -> float:
    """The yield of a source, with the factor of its sample."""
    scale = nominal["factor"] if found["sample_factor"] else 1.0
    return scale * sum(rows[found["source"]]["yield"] for rows in found["regions"].values())


def _varies_nothing(found: Survey, surveys: Surveys) -> bool:
    """Whether a variation with events of its own has those of its sample, equally weighted."""
    nominal = surveys[found["sample"]]
    if found is nominal:
        return False
    events, others = ([e.get("digest") for e in s["files"]] for s in (found, nominal))
    of_region, of_sample = (
        [rows[s["source"]]["yield"] for rows in s["regions"].values()] for s in (found, nominal)
    )
    scale = nominal["factor"] if found["sample_factor"] else 1.0
    return any(events) and events == others and np.allclose(scale * np.array(of_region), of_sample)


def _cure(parts: tuple[str, str], values: Sequence[float], median: float) -> tuple[str, str]:
    """Expressions of whether a feature has a value, and of it with another in place of marks.

    Args:
        parts: of the feature, :func:`~hone.analysis.leading.parted`.
        values: the marks.
        median: of the other values.
    """
    whole, brackets = parts
    text = whole if whole.isidentifier() else f"({whole})"
    tests = [f"{text} != {f'{v:g}' if float(f'{v:g}') == v else repr(v)}" for v in values]
    inside = tests[0] if len(tests) == 1 else " & ".join(f"({test})" for test in tests)
    cure = f"where({inside}, {text}, {median:.2g}){brackets}"
    return f"({inside}){brackets}" if brackets else inside, cure


def format_table(rows: Sequence[Row]) -> str:
    """A table for each region, for the screen."""
    tables = []
    for region in dict.fromkeys(row["region"] for row in rows):
        cells = [
            [
                f"  {row['variation']}" if row["variation"] else row["sample"],
                row["events"],
                f"{row['yield']:.5g}",
                f"{row['error']:.3g}",
                "" if row["effect"] is None else f"{row['effect']:+z.1%}",
                row["bins"],
                f"! {row['warning']}" if row["warning"] else "",
            ]
            for row in rows
            if row["region"] == region
        ]
        tables.append(
            tabulate(
                cells,
                [region, "raw events", "yield", "MC error", "effect", "on bins", ""],
                disable_numparse=True,
                preserve_whitespace=True,
                colalign=("left", "right", "right", "right", "right", "right", "left"),
            )
        )
    return "\n\n".join(tables) + "\n"
