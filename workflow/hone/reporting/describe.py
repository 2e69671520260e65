"""The README of a results folder: the analysis, each figure, and how to remake it."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from hone.analysis import Analysis
from hone.analysis.settings import plain
from hone.running.job_records import JobDigests
from hone.running.provenance import digest

__all__ = ["describe", "kind_of", "true_of"]


_FIRST = ("limits", "limit_summary", "comparison")
"""Figures that show the result; the first of those that there are."""


def kind_of(figure: str | Path) -> str:
    """What a figure shows, from its name: ``templates``, ``limits``, ``study``."""
    last = Path(figure).stem
    return "study" if last.startswith("study_") else last


def true_of(analysis: Analysis, caption: str) -> str:
    """A caption without what an analysis does not have: sentences about the floor."""
    missing = r"lowest found in" if analysis.has_floor else r"\bfloor\b|lowest found in"
    if analysis.floor.in_bins or not re.search(missing, caption):
        return caption
    sentences = re.split(r"(?<=\.)\s+", caption)
    return " ".join(text for text in sentences if not re.search(missing, text))


def describe(
    analysis: Analysis,
    headline: str,
    table: str,
    figures: Iterable[str],
    captions: Mapping[str, str],
    made_by: JobDigests,
) -> str:
    """The text of ``README.md`` in Markdown: the result first, commands last.

    Args:
        analysis: the whole.
        headline: the result in sentences.
        table: of all observables, in Markdown.
        figures: paths of the pictures.
        captions: of the report, by kind of figure.
        made_by: digest of the code, and versions.
    """
    place = f"{analysis.folder}/config.yaml"
    shown = [Path(figure).relative_to(analysis.folder) for figure in figures]
    by_kind: dict[str, list[Path]] = {}
    for figure in shown:
        by_kind.setdefault(kind_of(figure), []).append(figure)
    first = next((by_kind[kind][0] for kind in _FIRST if kind in by_kind), None)
    lines = [
        f"# Analysis `{analysis.analysis}`",
        "",
        headline.strip(),
        "",
        *([f"![{_sentence(captions.get(kind_of(first), ''))}]({first})", ""] if first else []),
        table.strip(),
        "",
        "[`report.html`](report.html) shows everything, [`provenance.html`](provenance.html) what "
        "made it; every number of every seed is in [`comparison.csv`](comparison.csv).",
        "",
        *_contents(analysis),
        "",
        "## Figures",
    ]
    for kind, several in sorted(by_kind.items()):
        caption = _plain(true_of(analysis, captions.get(kind, "")))
        lines += ["", f"### {kind.replace('_', ' ')}", "", caption, ""]
        lines += [f"- [`{figure}`]({figure})" for figure in several]
    lines += [
        "",
        "## How it was made",
        "",
        "Made by the workflow hone, from events to limits.",
        "",
        "- config, with all defaults: [`config.yaml`](config.yaml), "
        f"{digest(plain(analysis))}; seed {analysis.seed}",
        "- versions: " + ", ".join(f"{k} {v}" for k, v in made_by["versions"].items()),
        "- JSON and ROOT files and models have a `provenance`: digests of settings and code,",
        "  versions, command; the JSON beside a log has that of every job",
        "",
        "Remake everything, or one file:",
        "",
        "```console",
        f"$ snakemake --cores 2 --forceall --configfile {place}",
        *(
            f"$ snakemake --cores 2 --force {analysis.folder}/{figure} --configfile {place}"
            for figure in shown
        ),
        "```",
    ]
    return "\n".join(lines) + "\n"


def _contents(analysis: Analysis) -> list[str]:
    samples = ", ".join(f"{s.name} ({s.process})" for s in analysis.samples)
    systematics = ", ".join(dict.fromkeys(s.name for s in analysis.systematics)) or "none"
    free = ", ".join(n.name for n in analysis.normfactors) or "none"
    regions = (
        ", ".join(
            f"{r.name} (in the bins of {r.observable})" if r.observable else r.name
            for r in analysis.regions
        )
        or "one with all events"
    )
    observables = ", ".join(
        f"{o.name} ({', '.join(filter(None, (o.kind, getattr(o, 'objective', None))))})"
        for o in analysis.observables
    )
    return [
        f"- samples: {samples}",
        f"- regions: {regions}",
        f"- systematics: {systematics}",
        f"- free normalisations: {free}",
        f"- observables: {observables}",
    ]


def _sentence(caption: str) -> str:
    """The first of a caption, as a text in the place of the figure."""
    return re.split(r"(?<=[.:;]) ", _plain(caption), maxsplit=1)[0].rstrip(".:;")


def _plain(caption: str) -> str:
    """A caption of the report without the name of the observable."""
    named = re.sub(r"\{\{ *snakemake\.wildcards\.(\w+) *\}\}", r"the \1", caption)
    return " ".join(named.split())
