"""Yields of all inputs in a table, with warnings."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from tabulate import tabulate

from hone.errors import InputError
from hone.events.documents import RegionSums, Surveys

__all__ = ["format_table", "yields_table"]

_FEW_EVENTS = 100
_LARGE_ERROR = 0.3
_HUGE_WEIGHT = 0.1
_MUCH_NEGATIVE = 0.2

Row = dict[str, Any]


def yields_table(surveys: Surveys) -> list[Row]:
    """One row per region, sample and variation: raw events, yield, error, warnings.

    Raises:
        InputError: a yield with its sample's factor is more than a double holds.
    """
    rows = []
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
                nominal = surveys[sample]["regions"][region][sample]["yield"]
                effect = sums["yield"] / nominal - 1 if template != sample and nominal > 0 else None
                rows.append(
                    {
                        "region": region,
                        "sample": sample,
                        "variation": template.removeprefix(sample).removeprefix("__"),
                        "events": sums["events"],
                        "yield": sums["yield"],
                        "error": sums["error"],
                        "effect": effect,
                        "warning": "; ".join(_warnings(sums)),
                    }
                )
    order = list(dict.fromkeys(row["region"] for row in rows))
    return sorted(rows, key=lambda row: (order.index(row["region"]), row["sample"]))


def _warnings(sums: RegionSums) -> Iterator[str]:
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
    empty = [str(k) for k, value in enumerate(sums.get("bins", []), 1) if value == 0]
    if empty:
        yield f"empty bins: {', '.join(empty)}"


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
                "" if row["effect"] is None else f"{row['effect']:+.1%}",
                f"! {row['warning']}" if row["warning"] else "",
            ]
            for row in rows
            if row["region"] == region
        ]
        tables.append(
            tabulate(
                cells,
                [region, "raw events", "yield", "MC error", "effect", ""],
                disable_numparse=True,
                preserve_whitespace=True,
                colalign=("left", "right", "right", "right", "right", "left"),
            )
        )
    return "\n\n".join(tables) + "\n"
