"""The page as HTML, one file with all that it shows."""

from collections.abc import Mapping, Sequence
from importlib.resources import files

import jinja2

from hone.reporting.page.checks import checks
from hone.reporting.page.figures import TABS, Figure, Kind, figures
from hone.reporting.page.tables import tables
from hone.reporting.page.words import observation, result, summary
from hone.results.folder import Folder

__all__ = ["page"]

_LISTED = 3
"""Most signals with a result of their own at the top; of more, the range is there."""


def page(folder: Folder, captions: Mapping[str, str]) -> str:
    """The page, of whatever is in the folder.

    Args:
        folder: the results of an analysis.
        captions: of figures, by kind; in reStructuredText with the wildcards of Snakemake's report.
    """
    analysis, found, kinds = folder.analysis, checks(folder), figures(folder, captions)
    templates = jinja2.Environment(
        loader=jinja2.FunctionLoader(_text), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return templates.get_template("page.html").render(
        analysis=analysis,
        style=_text("page.css"),
        script=_text("page.js"),
        observation=observation(folder),
        results=[result(folder, signal) for signal in analysis.signals],
        summary=summary(folder) if len(analysis.signals) > _LISTED else "",
        checks=found,
        tabs=TABS,
        kinds=kinds,
        tables=tables(folder, found),
        first=_first(folder, kinds),
        chosen=_chosen(folder),
    )


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _chosen(folder: Folder) -> list[str]:
    """Observables that are side by side at first: the best, and what it is compared with."""
    best = folder.best(folder.analysis.signals[0])
    compared = [best["observable"], folder.analysis.baseline] if best else []
    return list(dict.fromkeys(filter(None, [*compared, *folder.files.observables])))[:2]


def _first(folder: Folder, kinds: Sequence[Kind]) -> list[tuple[Kind, Figure]]:
    """The figures beside the result: limits, and the bins of the best observable."""
    signal, observable = folder.analysis.signals[0], _chosen(folder)[0]
    found = []
    for wanted in (("limits", "limit_summary", "comparison"), ("templates", "prefit")):
        fitting = [
            (kind, figure)
            for name in wanted
            for kind in kinds
            if kind.kind == name
            for figure in kind.figures
            if figure.signal in ("", signal) and figure.observable in ("", observable)
        ]
        found += fitting[:1]
    return found
