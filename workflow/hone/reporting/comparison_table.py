"""The comparison of observables in Markdown, in LaTeX, and as a headline."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tabulate import SEPARATING_LINE, DataRow, Line, TableFormat, tabulate

from hone.reporting import markup

__all__ = ["headline", "latex", "markdown"]

Row = Mapping[str, Any]

_HEAD = ("Signal", "Observable", "Seeds", "CLs", "Limit", "p0", "sigma_mu", "Gain", "pyhf")
_LATEX_HEAD = (
    "Signal", "Observable", "Seeds", r"CL$_s$", r"Limit on $\mu$", r"$p_0$", r"$\sigma_\mu$",
    r"Gain [\%]", "pyhf",
)  # fmt: skip
_ROW = DataRow("", " & ", r" \\")
_BOOKTABS = TableFormat(
    *(Line(rf"\{rule}rule", "", "", "") for rule in ("top", "mid")), None,
    Line(r"\bottomrule", "", "", ""), _ROW, _ROW, padding=0, with_header_hide=None,
)  # fmt: skip
"""tabulate's own would escape the cells, which are LaTeX."""
_DIGITS = {"expected_cls": 3, "expected_limit": 4, "expected_p0": 3, "sigma_mu": 4}
_LEGEND = (
    "Medians over seeds on nominal Asimov data, with lowest and highest seed in brackets: expected "
    "CLs at mu = 1, expected limit on mu, expected p0 and uncertainty of mu."
)


class _Plain:
    """Cells in Markdown."""

    pm = "±"

    @staticmethod
    def text(name: str) -> str:
        return name

    @staticmethod
    def maths(text: str) -> str:
        return text

    @staticmethod
    def number(value: float, digits: int) -> str:
        return f"{value:#.{digits}g}" if digits > 1 else f"{value:.0e}"

    @classmethod
    def spread(cls, row: Row, name: str, digits: int) -> str:
        value, lowest = row.get(name), row.get(f"{name}_lowest")
        if value is None:
            return "none"
        text = cls.number(value, digits)
        if lowest is not None and row["seeds"] > 1:
            highest = cls.number(row[f"{name}_highest"], digits)
            text += f" [{cls.number(lowest, digits)}, {highest}]"
        return text

    @classmethod
    def gain(cls, row: Row) -> str:
        value, error = row.get("gain_expected_limit"), row.get("gain_expected_limit_error")
        if value is None:
            return "baseline" if row.get("baseline") == row["observable"] else ""
        if error is None:
            return f"{value:+.1f}"
        # The error to one digit, the value to the same place.
        places = max(0, -math.floor(math.log10(error))) if error > 0 else 1
        places = min(places, 2)
        return f"{value:+.{places}f} {cls.pm} {error:.{places}f}"


class _Tex(_Plain):
    """Cells in LaTeX."""

    pm = r"\pm"

    @staticmethod
    def text(name: str) -> str:
        return markup.latex(name)

    @staticmethod
    def maths(text: str) -> str:
        return f"${text}$"

    @staticmethod
    def number(value: float, digits: int) -> str:
        mantissa, _, exponent = _Plain.number(value, digits).partition("e")
        return rf"{mantissa} \times 10^{{{int(exponent)}}}" if exponent else mantissa

    @classmethod
    def spread(cls, row: Row, name: str, digits: int) -> str:
        text = super().spread(row, name, digits)
        return text if text == "none" else cls.maths(text)

    @classmethod
    def gain(cls, row: Row) -> str:
        text = super().gain(row)
        return cls.maths(text) if text[:1] in ("+", "-") else text


def markdown(rows: Sequence[Row], floors: Mapping[str, Row]) -> str:
    """The table in Markdown, with a legend.

    Args:
        rows: of :func:`hone.results.gains.compared`.
        floors: by signal.
    """
    cells = [_columns(rows, _cells(row, _Plain)) for row in _with(rows, floors)]
    table = tabulate(cells, _columns(rows, _HEAD), tablefmt="github", disable_numparse=True)
    return f"{table}\n\n{_legend(rows)}\n"


def latex(rows: Sequence[Row], floors: Mapping[str, Row]) -> str:
    """The table for LaTeX with booktabs, and its legend as a comment; arguments as above."""
    cells: list[list[str]] = []
    last = None
    for row in _with(rows, floors):
        if last not in (None, row["signal"]):
            cells.append([SEPARATING_LINE])
        last = row["signal"]
        cells.append(_columns(rows, _cells(row, _Tex)))
    table = tabulate(cells, _columns(rows, _LATEX_HEAD), tablefmt=_BOOKTABS, disable_numparse=True)
    columns = "".join(_columns(rows, "llrllllll"))
    return f"% {_legend(rows)}\n\\begin{{tabular}}{{{columns}}}\n{table}\n\\end{{tabular}}\n"


def headline(rows: Sequence[Row], floors: Mapping[str, Row]) -> str:
    """The result of each signal in one or two sentences of plain text."""
    sentences = []
    for signal in dict.fromkeys(row["signal"] for row in rows):
        mine = [row for row in rows if row["signal"] == signal]
        with_limit = [row for row in mine if row["expected_limit"] is not None]
        if with_limit:
            text = _best_limit(signal, with_limit, floors.get(signal, {}))
        else:
            text = f"{signal}: no observable has an expected limit within the bounds of mu."
        sentences.append(text)
    return "\n\n".join([*sentences, _pyhf_agrees(rows)]) + "\n"


def _pyhf_agrees(rows: Sequence[Row]) -> str:
    """The check by pyhf of all workspaces in a sentence."""
    workspaces, agrees = (sum(row[key] for row in rows) for key in ("seeds", "pyhf_agrees"))
    known = [d for row in rows if (d := row["pyhf_max_difference"]) is not None]
    to = f" to {max(known):.0e}" if known else ""
    if agrees == workspaces:
        return f"pyhf finds the same CLs at every limit{to}."
    return (
        f"pyhf agrees{to} for {agrees} of {workspaces} workspaces; for {workspaces - agrees} its "
        "own fit failed, ended above hone's or at a negative rate, see pyhf_check.notes in "
        "limits.json."
    )


def _best_limit(signal: str, rows: Sequence[Row], floor: Row) -> str:
    best = min(rows, key=lambda row: row["expected_limit"])
    text = f"{signal}: the lowest expected limit on mu is {best['expected_limit']:#.4g}"
    text += f", of {best['observable']}"
    if best["seeds"] > 1:
        lowest, highest = best["expected_limit_lowest"], best["expected_limit_highest"]
        text += f" (median of {best['seeds']} seeds, {lowest:#.4g} to {highest:#.4g})"
    gain, error = best["gain_expected_limit"], best["gain_expected_limit_error"]
    if gain is not None:
        base = next(row for row in rows if row["observable"] == best["baseline"])
        known = f" ± {error:.1f}" if error is not None else ""
        of_what = "medians over seeds" if max(best["seeds"], base["seeds"]) > 1 else "limits"
        text += f"; that is {gain:.1f}{known} per cent below {best['baseline']} "
        text += f"({base['expected_limit']:#.4g}), by nominal {of_what}"
    elif best["observable"] == best["baseline"]:
        text += ", the baseline"
    # Observables with a subset of the systematics have floors of their own.
    own = floor.get("of_observables", {}).get(best["observable"], floor).get("expected_limit")
    return f"{text}." + (f" No observable can be below {own:#.4g}." if own is not None else "")


def _with(rows: Sequence[Row], floors: Mapping[str, Row]) -> list[Row]:
    """The rows, with the floor after those of each signal, if there is one."""
    found: list[Row] = []
    for signal in dict.fromkeys(row["signal"] for row in rows):
        found += [row for row in rows if row["signal"] == signal]
        floor = floors.get(signal, {})
        if any(floor.get(name) is not None for name in _DIGITS):
            found.append({**floor, "signal": signal, "observable": "(floor)"})
    return found


def _columns(rows: Sequence[Row], cells: Sequence[str]) -> list[str]:
    """The cells of a row, without the gain if there is no baseline."""
    known = any(row["baseline"] for row in rows)
    return [cell for name, cell in zip(_HEAD, cells, strict=True) if known or name != "Gain"]


def _cells(row: Row, style: type[_Plain]) -> list[str]:
    seeds = str(row["seeds"]) if "seeds" in row else ""
    figures = [style.spread(row, name, digits) for name, digits in _DIGITS.items()]
    verdict = _verdict(row, style) if seeds else ""
    names = [style.text(row["signal"]), style.text(row["observable"])]
    return [*names, seeds, *figures, style.gain(row), verdict]


def _verdict(row: Row, style: type[_Plain]) -> str:
    """Difference to pyhf's CLs, and the number of seeds with notes on fits of pyhf."""
    noted = row["seeds"] - row["pyhf_agrees"]
    largest = row["pyhf_max_difference"]
    text = "not compared" if largest is None else f"to {style.maths(style.number(largest, 1))}"
    return text + (f", notes on {noted} of {row['seeds']}" if noted else "")


def _legend(rows: Sequence[Row]) -> str:
    text = _LEGEND
    baseline = next((row["baseline"] for row in rows if row["baseline"]), None)
    if baseline:
        text += f" Gain: by how much the limit is below that of {baseline}, in per cent"
        sources = sorted({row["gain_error_from"] for row in rows if row["gain_error_from"]})
        if sources:
            text += f", +- the standard error from a bootstrap of {' or '.join(sources)}"
        text += "."
    return (
        f"{text} pyhf: the largest difference of its CLs (of ln CLs below 0.01), and for how many "
        "seeds limits.json notes fits of pyhf that failed or ended above hone's."
    )
