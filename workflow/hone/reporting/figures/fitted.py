"""What figures of fits have in common: names of parameters, and the fit in their titles."""

import re
from collections.abc import Sequence

from matplotlib.axes import Axes

from hone.reporting.markup import strength
from hone.reporting.rounding import with_ends
from hone.results.fit_documents import Fit, FittedData

__all__ = ["head", "heading", "in_formula", "short_names"]

_STATERROR = re.compile(r"^staterror_(.*)\[(\d+)\]$")
_LONGEST = 26
"""Most characters of a parameter's name in a figure."""


def short_names(labels: Sequence[str]) -> list[str]:
    """Names of parameters as they are read: of a staterror the region and the bin, from 1."""
    named = [
        _STATERROR.sub(lambda of: f"MC, {of[1]} bin {int(of[2]) + 1}", label) for label in labels
    ]
    return [x if len(x) <= _LONGEST else f"{x[:15]}…{x[-10:]}" for x in named]


def heading(content: Fit, source: FittedData | None, observable: str) -> str:
    """The observable, and the fit that a figure is of."""
    mu = strength(content["poi"])
    if source is None:
        return f"{observable}: expected (blind)" if content["blind"] else observable
    if source["data"] == "expected":
        fit = content["fit"]
        if content["blind"]:
            why = "blind"
        elif fit is not None and fit["uncertainty"] is None:
            why = "the fit to the data has no uncertainties"
        else:
            why = rf"$\hat{{{mu}}}$ of the data is close to its bound"
        return f"{observable}: fit to expected data at ${mu} = {source['mu']:g}$\n({why})"
    allowed = f"\n(${mu}$ < 0 allowed)" if source["negative"] else ""
    return f"{observable}: unconditional fit{allowed}"


def in_formula(value: float, low: float | None, high: float | None) -> str:
    """A number with the distances to the ends of its interval, to be within a formula."""
    number, *ends = with_ends(value, low, high)
    places = {"+": "^{%s}", "-": "_{%s}", "±": " %s"}
    return number + "".join(places[end[0]] % end for end in ends).replace("±", r"\pm")


def head(axes: Axes, title: str) -> None:
    """The title of a panel, with room for indices below its last line."""
    pad = 11.0 if "_{" in title.splitlines()[-1] else None
    axes.set_title(title.strip(), loc="left", fontsize=13, pad=pad)
