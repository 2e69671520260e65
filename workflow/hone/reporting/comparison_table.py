"""The comparison of observables: text, Markdown, LaTeX, reStructuredText, headline, summary."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from statistics import median
from types import MappingProxyType
from typing import cast

from tabulate import SEPARATING_LINE, DataRow, Line, TableFormat, tabulate

from hone.reporting import markup
from hone.reporting.rounding import decimals, per_cent, with_error
from hone.results.documents import Floor, Row

__all__ = ["floors_of", "headline", "latex", "markdown", "rst", "summary", "text"]

_MERITS = {
    "CLs": ("expected_cls", 3), "Limit": ("expected_limit", 4), "p0": ("expected_p0", 3),
    "sigma_mu": ("sigma_mu", 4),
}  # fmt: skip
"""Columns with their significant digits."""
_SMALL = 1e-3
"""Numbers below have a power of ten in LaTeX."""
_LISTED = 6
"""Most workspaces with notes on pyhf that the headline names."""
_ROW = DataRow("", " & ", r" \\")
_BOOKTABS = TableFormat(
    *(Line(rf"\{rule}rule", "", "", "") for rule in ("top", "mid")), None,
    Line(r"\bottomrule", "", "", ""), _ROW, _ROW, padding=0, with_header_hide=None,
)  # fmt: skip
"""tabulate's own would escape the cells, which are LaTeX."""
_LEGEND = "expected CLs at {0} = 1, expected limit on {0}, expected p0 and uncertainty of {0}."
_LATEX_LEGEND = "expected CLs at {0} = 1 and expected limit on {0}."


def text(rows: Sequence[Row], floors: Mapping[str, Floor]) -> str:
    """The table for the screen.

    Args:
        rows: of :func:`hone.results.gains.compared`.
        floors: by signal.
    """
    return tabulate(_cells(rows, floors, ("Limit",)), "keys", disable_numparse=True)


def markdown(rows: Sequence[Row], floors: Mapping[str, Floor], poi: str = "mu") -> str:
    """The table in Markdown with a legend, where the signal strength is called ``poi``; other
    arguments as above."""
    table = tabulate(_cells(rows, floors), "keys", tablefmt="github", disable_numparse=True)
    return f"{table}\n\n{_legend(rows, poi)}\n"


def rst(rows: Sequence[Row], floors: Mapping[str, Floor]) -> str:
    """The table in reStructuredText, with fewer columns; arguments as above."""
    cells = _cells(rows, floors, ())
    return markup.list_table(
        [{k: v for k, v in c.items() if k not in ("Seeds", "pyhf agrees")} for c in cells]
    )


def latex(rows: Sequence[Row], floors: Mapping[str, Floor], poi: str = "mu") -> str:
    """The table for LaTeX with booktabs, as wide as a column of a journal, and its legend as a
    comment: CLs, limits and gains; arguments as above. All else is in the other formats."""
    signals = len({row["signal"] for row in rows}) > 1
    gains = any(row.get("baseline") for row in rows)
    heads = [
        "Observable",
        r"CL$_s$",
        f"Limit on ${markup.strength(poi)}$",
        *([r"Gain [\%]"] if gains else []),
    ]
    lines: list[list[str]] = []
    before = None
    for row in _with(rows, floors):
        if signals and row["signal"] != before:
            lines += [[SEPARATING_LINE]] if before else []
            lines.append([markup.latex(row["signal"]), *[""] * (len(heads) - 1)])
        before = row["signal"]
        cells = [_in_latex(row, name) for name in ("expected_cls", "expected_limit")]
        gain = _gain(row).replace("\N{PLUS-MINUS SIGN}", r"\pm")
        cells += [f"${gain}$" if gain[:1] in ("+", "-") else gain] if gains else []
        lines.append([markup.latex(row["observable"]), *cells])
    table = tabulate(lines, heads, tablefmt=_BOOKTABS, disable_numparse=True)
    columns = r"@{\hspace{2mm}}".join("l" * len(heads))
    begin = rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}"
    spread = ", with the distance to the highest and the lowest seed"
    legend = f"% {_on_asimov(rows, spread)}: {_LATEX_LEGEND.format(poi)}{_about_gains(rows)}"
    return "\n".join([legend, begin, table, r"\end{tabular}", ""])


def headline(
    rows: Sequence[Row],
    floors: Mapping[str, Floor],
    poi: str = "mu",
    observed: Mapping[tuple[str, str], float | None] = MappingProxyType({}),
    label: str = "observed",
    remarks: Iterable[str] = (),
) -> str:
    """The result of each signal in a few sentences of plain text.

    Args:
        rows: of :func:`hone.results.gains.compared`.
        floors: by signal.
        poi: name of the signal strength.
        observed: limit of the selected seed by signal and observable; None if there is none.
        label: what the observation is, ``observed`` or ``pseudo-data``.
        remarks: on numbers of observables, without full stops.
    """
    sentences = []
    for signal in dict.fromkeys(row["signal"] for row in rows):
        mine = [row for row in rows if row["signal"] == signal]
        with_limit = [row for row in mine if row["expected_limit"] is not None]
        if with_limit:
            text = _best_limit(signal, with_limit, floors.get(signal, {}), poi)
            best = min(with_limit, key=lambda row: row["expected_limit"])
            limit = observed.get((signal, best["observable"]))
            if limit is not None:
                which = "The observed one" if label == "observed" else f"That of the {label}"
                seed = " (selected seed)" if best["seeds"] > 1 else ""
                text += f" {which} is {limit:#.4g}{seed}."
        else:
            text = f"{signal}: no observable has an expected limit within the bounds of {poi}."
        sentences.append(text)
    sentences += [f"{remark}." for remark in remarks]
    return "\n\n".join([*sentences, _pyhf_agrees(rows)]) + "\n"


def summary(
    analysis: str, rows: Sequence[Row], table: Sequence[Row], floors: Mapping[str, Floor]
) -> str:
    """The summary on screen.

    Args:
        analysis: its name.
        rows: of ``comparison.csv``.
        table: of :func:`hone.results.gains.compared`.
        floors: by signal.
    """
    lines = [
        f"Analysis {analysis}. {_on_asimov(table, ' [lowest, highest]')}",
        "",
        text(table, floors),
        "",
    ]
    if "without_staterror_expected_cls" in rows[0]:
        groups: dict[tuple[str, str], list[Row]] = {}
        for row in rows:
            groups.setdefault((row["signal"], row["observable"]), []).append(row)
        merits = [merit for merit, _ in _MERITS.values()]
        cells = [[*key, *(_bare(group, x) for x in merits)] for key, group in groups.items()]
        heads = ["Signal", "Observable", *_MERITS]
        lines += [
            "The same without staterror: the statistical error of the simulation is not in the "
            "model, as above,\nbut beside the number (± bootstrap of the evaluation events"
            + ("; medians over seeds)" if _has_seeds(table) else ")"),
            "",
            tabulate(cells, heads, disable_numparse=True),
            "",
        ]
    lines += [
        f"{signal}: exact-density classifier in {bins} equal bins, CLs {cls:.3g}\n"
        for signal, floor in floors.items()
        for bins, cls in floor.get("classifier_expected_cls", {}).items()
        if cls is not None
    ]
    return "\n".join(lines).rstrip() + "\n"


def _has_seeds(rows: Sequence[Row]) -> bool:
    """Whether an observable has more than one."""
    return any(row["seeds"] > 1 for row in rows)


def _on_asimov(rows: Sequence[Row], spread: str) -> str:
    """What the numbers are, with how their spread is shown if there is one."""
    if _has_seeds(rows):
        return f"Medians over seeds on nominal Asimov data{spread}"
    return "On nominal Asimov data"


def _pyhf_agrees(rows: Sequence[Row]) -> str:
    """The check by pyhf of all workspaces in a sentence."""
    workspaces, agrees = (sum(row[key] for row in rows) for key in ("seeds", "pyhf_agrees"))
    known = [d for row in rows if (d := row["pyhf_max_difference"]) is not None]
    to = f" to {max(known):.0e}" if known else ""
    if agrees == workspaces:
        return f"pyhf finds the same CLs at every limit{to}."
    others = [
        f"{row['signal']}/{row['observable']}"
        + (f" ({missing} of {row['seeds']} seeds)" if row["seeds"] > 1 else "")
        for row in rows
        if (missing := row["seeds"] - row["pyhf_agrees"])
    ]
    more = f" and {len(others) - _LISTED} more" if len(others) > _LISTED else ""
    return (
        f"pyhf agrees{to} for {agrees} of {workspaces} workspaces; in "
        f"{', '.join(others[:_LISTED])}{more} its own fit failed, ended above hone's or at a "
        "negative rate, see pyhf_check.notes in limits.json."
    )


def _best_limit(signal: str, rows: Sequence[Row], floor: Floor, poi: str) -> str:
    best = min(rows, key=lambda row: row["expected_limit"])
    which = "lowest expected" if len(rows) > 1 else "expected"
    text = f"{signal}: the {which} limit on {poi} is {best['expected_limit']:#.4g}"
    text += f", of {best['observable']}"
    if best["seeds"] > 1:
        lowest, highest = best["expected_limit_lowest"], best["expected_limit_highest"]
        text += f" (median of {best['seeds']} seeds, {lowest:#.4g} to {highest:#.4g})"
    by_name = {row["observable"]: row for row in rows}
    # The fair comparison first.
    below, told = [], {best["observable"]}
    for gain, name, is_what in (
        ("fair_gain", best.get("fair_baseline"), ", the classifier with its best edges"),
        ("gain_expected_limit", best["baseline"], ""),
    ):
        if name and best[gain] is not None:
            distance = per_cent(best[gain], best[f"{gain}_error"])
            of = f"({by_name[name]['expected_limit']:#.4g})"
            below.append(f"{distance} per cent below {name} {of}{is_what}")
            told.add(name)
    if below:
        several = max(by_name[name]["seeds"] for name in told) > 1
        of_what = "medians over seeds" if several else "limits"
        text += f"; that is {', and '.join(below)}, by nominal {of_what}"
    elif best["observable"] == best["baseline"]:
        text += ", the baseline"
    others = [row for row in rows if row is not best]
    second = min(others, key=lambda row: row["expected_limit"], default=None)
    if second is not None and second["observable"] not in told:
        less = 100 * (1 - best["expected_limit"] / second["expected_limit"])
        text += f", and about {less:.2g} per cent below the next, {second['observable']} "
        text += f"({second['expected_limit']:#.4g}; errors are of gains over a baseline only)"
    # Observables with a subset of the systematics have floors of their own.
    own = floor.get("of_observables", {}).get(best["observable"], floor).get("expected_limit")
    return f"{text}." + (f" No observable can be below {own:#.4g}." if own is not None else "")


def _cells(
    rows: Sequence[Row], floors: Mapping[str, Floor], spread: Collection[str] = tuple(_MERITS)
) -> list[dict[str, str]]:
    """Cells of each row by column; ``spread`` are those with the lowest and highest seed."""
    found = []
    for row in _with(rows, floors):
        cells = {"Signal": row["signal"], "Observable": row["observable"]}
        cells["Seeds"] = str(row.get("seeds", ""))
        cells |= {name: _merit(row, *_MERITS[name], name in spread) for name in _MERITS}
        if any(row.get("baseline") for row in rows):
            cells["Gain [%]"] = _gain(row)
        found.append(cells | {"pyhf agrees": _verdict(row)})
    return found


def _with(rows: Sequence[Row], floors: Mapping[str, Floor]) -> list[Row]:
    """The rows, with the floors after those of each signal, if there are any."""
    found: list[Row] = []
    for signal in dict.fromkeys(row["signal"] for row in rows):
        found += [row for row in rows if row["signal"] == signal]
        for name, values in floors_of(floors.get(signal, {})).items():
            if any(values.get(column) is not None for column, _ in _MERITS.values()):
                found.append({**values, "signal": signal, "observable": name})
    return found


def floors_of(floor: Floor) -> dict[str, Floor]:
    """By what they are called: the floor, those of observables with a subset of the systematics,
    and for each the lowest that was found in few bins."""
    own = {f" of {name}": x for name, x in floor.get("of_observables", {}).items()}
    found: dict[str, Floor] = {}
    for name, values in {"": floor, **own}.items():
        found[f"(floor{name})"] = values
        for bins, lowest in values.get("in_bins", {}).items():
            found[f"(lowest found in {bins} bins{name})"] = cast("Floor", lowest)
    return found


def _merit(row: Row, name: str, digits: int, spread: bool) -> str:
    value, lowest = row.get(name), row.get(f"{name}_lowest")
    if value is None:
        return "none"
    if not spread or lowest is None or row["seeds"] == 1:
        return f"{value:#.{digits}g}"
    return f"{value:#.{digits}g} [{lowest:#.{digits}g}, {row[f'{name}_highest']:#.{digits}g}]"


def _gain(row: Row) -> str:
    value, error = row.get("gain_expected_limit"), row.get("gain_expected_limit_error")
    if value is None:
        return "baseline" if row.get("baseline") == row["observable"] else ""
    return per_cent(value, error, "+")


def _verdict(row: Row) -> str:
    """Difference to pyhf's CLs, and for how many seeds a fit of pyhf went wrong."""
    if "pyhf_agrees" not in row:
        return ""
    noted, largest = row["seeds"] - row["pyhf_agrees"], row["pyhf_max_difference"]
    text = "not compared" if largest is None else f"to {largest:.0e}"
    return text + (f", its fit fails in {noted} of {row['seeds']}" if noted else "")


def _in_latex(row: Row, name: str) -> str:
    """A number with the distances to the highest and the lowest seed, the larger rounded as an
    error; with three digits if there is one seed."""
    value = row.get(name)
    if value is None:
        return "none"
    low, high = (row.get(f"{name}_{end}") or value for end in ("lowest", "highest"))
    power = math.floor(math.log10(value)) if 0 < value < _SMALL else 0
    middle, below, above = (x / 10.0**power for x in (value, value - low, high - value))
    scale = rf" \times 10^{{{power}}}" if power else ""
    if max(below, above) == 0:
        places = max(2 - math.floor(math.log10(middle)), 0) if middle else 0
        return f"${middle:.{places}f}{scale}$"
    places = decimals(max(below, above))
    text = f"{middle:.{places}f}^{{+{above:.{places}f}}}_{{-{below:.{places}f}}}"
    return f"$({text}){scale}$" if scale else f"${text}$"


def _legend(rows: Sequence[Row], poi: str) -> str:
    return (
        f"{_on_asimov(rows, ', with lowest and highest seed in brackets')}: {_LEGEND.format(poi)}"
        f"{_about_gains(rows)} pyhf: the largest difference of its CLs (of ln CLs below "
        "0.01), and in how many seeds a fit of pyhf fails or ends above hone's (pyhf_check.notes "
        "in limits.json)."
    )


def _about_gains(rows: Sequence[Row]) -> str:
    baseline = next((row["baseline"] for row in rows if row["baseline"]), None)
    if not baseline:
        return ""
    text = f" Gain: by how much the limit is below that of {baseline}, in per cent"
    sources = sorted({row["gain_error_from"] for row in rows if row["gain_error_from"]})
    if sources:
        text += f", +- the standard error from a bootstrap of {' or '.join(sources)}"
    return f"{text}."


def _bare(rows: Sequence[Row], merit: str) -> str:
    """Median over seeds without staterror, with the median of the bootstrap errors."""
    column = f"without_staterror_{merit}"
    values = [row[column] for row in rows if row[column] is not None]
    errors = [row[f"{column}_error"] for row in rows if row[f"{column}_error"] is not None]
    if not values:
        return "none"
    return with_error(median(values), median(errors) if errors else None)
