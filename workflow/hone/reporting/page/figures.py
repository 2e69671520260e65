"""The figures of an analysis, by tab and kind, with captions, alternative texts and links."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from types import SimpleNamespace
from typing import NamedTuple

import jinja2

from hone.analysis.report_items import ITEMS
from hone.reporting.describe import kind_of, true_of
from hone.reporting.page.pictures import Embedded, animated, embedded
from hone.results.folder import Folder

__all__ = ["TABS", "Figure", "Kind", "figures"]

TABS = ("Result", "Observable", "Fit", "Training", "Inputs", "Checks", "Files")
_OF_CATEGORY = {
    "Results": "Result", "Limits": "Result", "Observables": "Observable", "Fits": "Fit",
    "Likelihood": "Fit", "Training": "Training", "Inputs": "Inputs",
}  # fmt: skip
_OF_KIND = {"gradient": "Checks", "toys": "Checks"}
"""Figures that are checks, whatever their category."""
_FIRST = ("limit_summary", "limits", "exclusion", "comparison", "gain")
"""Kinds that come first in their tab, in this order."""
_DATA = {
    "training": "{seed}/history.csv", "edges": "{seed}/history.csv",
    "trials": "{place}/trials.csv",
    "systematics": "{seed}/systematics.csv", "templates": "{seed}/histograms.root",
    "soft_hard": "{seed}/histograms.root", "cls_scan": "{seed}/limits.json",
    "importance": "{place}/importance.json", "gradient": "{place}/gradient.json",
    "profile": "{place}/likelihood.json", "contour": "{place}/likelihood.json",
    "toys": "{place}/likelihood.json", "gain": "table.csv",
    **dict.fromkeys(
        ("prefit", "postfit", "pulls", "correlation", "impacts", "breakdown"), "{place}/fit.json"
    ),
    **dict.fromkeys(
        ("comparison", "study", "limit_summary", "limits", "exclusion"), "comparison.csv"
    ),
}  # fmt: skip
"""Files with the numbers that a figure shows."""
_EMBEDDED = 200
"""Most figures within the page; of more, those outside the first tab stay beside it."""


class Figure(NamedTuple):
    """A picture on the page."""

    signal: str
    """Empty if it is of all."""
    observable: str
    name: str
    """What it is of, in a word or two."""
    alternative: str
    """Text in its place."""
    picture: Embedded
    film: Embedded | None
    links: list[tuple[str, str]]
    """Texts and addresses of its other formats and of its numbers."""


class Kind(NamedTuple):
    """The figures of a kind, side by side."""

    tab: str
    kind: str
    label: str
    caption: str
    figures: list[Figure]


def figures(folder: Folder, captions: Mapping[str, str]) -> list[Kind]:
    """The figures that exist, with those that are made first of each tab at its top.

    Args:
        folder: the results.
        captions: reStructuredText by kind, templates of Snakemake's report.
    """
    paths = [folder.within(path) for path in folder.files.figures("png")]
    paths += [folder.within(path) for path in folder.files.animations()]
    paths = [path for path in paths if folder.has(path)]
    groups: dict[tuple[str, str], list[str]] = {}
    for path in paths:
        kind = "animation" if path.endswith(".gif") else kind_of(path)
        # Each study has settings of its own.
        groups.setdefault((kind, PurePath(path).stem if kind == "study" else kind), []).append(path)
    order = list(dict.fromkeys((*_FIRST, *ITEMS)))
    found = []
    for (kind, name), several in sorted(groups.items(), key=lambda item: order.index(item[0][0])):
        tab = _OF_KIND.get(kind, _OF_CATEGORY[ITEMS[kind].category])
        within = len(paths) <= _EMBEDDED or tab == TABS[0]
        caption = _caption(true_of(folder.analysis, captions.get(kind, "")))
        label = ITEMS[kind].label.format(study=name.removeprefix("study_").replace("_", " "))
        label = label[:1].upper() + label[1:]
        drawn = [_figure(folder, path, kind, label, caption, within) for path in several]
        found.append(Kind(tab, kind, label, caption, drawn))
    return found


def _figure(folder: Folder, path: str, kind: str, label: str, caption: str, within: bool) -> Figure:
    signal, observable = _place(path)
    name = " / ".join(
        filter(None, (signal if len(folder.analysis.signals) > 1 else "", observable))
    )
    of = f" of {name}" if name else ""
    # The first sentence says what is drawn.
    first = re.split(r"(?<=[.:;]) ", caption, maxsplit=1)[0].rstrip(".:;")
    alternative = f"{label}{of}." + (f" {first}." if first else "")
    picture = embedded(folder.path / path) if within else _beside(folder, path)
    film = None
    if kind == "animation":
        film = animated(folder.path / path) if within else _beside(folder, path)
    return Figure(
        signal, observable, name or label, alternative, picture, film,
        list(_links(folder, path, kind, signal, observable)),
    )  # fmt: skip


def _place(path: str) -> tuple[str, str]:
    """Signal and observable of ``figures/[<signal>/][<observable>/]<name>``; empty if of all."""
    parts = PurePath(path).parts[1:-1]
    if len(parts) == 2:
        return parts[0], parts[1]
    if parts and PurePath(path).stem in ("limits", "exclusion"):
        return "", parts[0]
    return (parts[0] if parts else ""), ""


def _links(
    folder: Folder, path: str, kind: str, signal: str, observable: str
) -> Iterator[tuple[str, str]]:
    yield PurePath(path).suffix[1:].upper(), path
    pdf = str(PurePath(path).with_suffix(".pdf"))
    if kind != "animation" and folder.has(pdf):
        yield "PDF", pdf
    seed = folder.published(signal, observable).place if signal and observable else ""
    data = _DATA.get(kind, "").format(seed=seed, place=f"{signal}/{observable}")
    if data and folder.has(data):
        yield PurePath(data).suffix[1:].upper(), data


def _caption(text: str) -> str:
    """A caption in plain words, of no signal or observable."""
    names = {key: f"this {key}" for key in ("signal", "observable", "study")}
    wildcards = SimpleNamespace(**names)
    shown = jinja2.Template(text).render(snakemake=SimpleNamespace(wildcards=wildcards))
    return " ".join(shown.replace("``", "").split())


def _beside(folder: Folder, path: str) -> Embedded:
    from PIL import Image

    with Image.open(folder.path / path) as picture:
        return Embedded(path, *picture.size)
