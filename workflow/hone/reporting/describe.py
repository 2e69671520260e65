"""The README of a results folder: the analysis, each figure, and how to remake it."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hone.running.provenance import digest

__all__ = ["describe", "kind_of"]


def kind_of(figure: str | Path) -> str:
    """Kind of a figure, from the last part of its name: ``templates``, ``limits``, ``study``."""
    last = Path(figure).stem.rpartition("__")[2]
    return "study" if last.startswith("study_") else last


def describe(
    config: Mapping[str, Any],
    summary: str,
    figures: Iterable[str],
    captions: Mapping[str, str],
    made_by: Mapping[str, Any],
) -> str:
    """The text of ``README.md`` in Markdown.

    Args:
        config: of the analysis, with all defaults.
        summary: the table of all observables.
        figures: paths of the pictures.
        captions: of the report, by kind of figure.
        made_by: digest of the code, and versions.
    """
    name = config["analysis"]
    place = f"results/{name}/config.yaml"
    by_kind: dict[str, list[str]] = {}
    for figure in figures:
        by_kind.setdefault(kind_of(figure), []).append(figure)
    lines = [
        f"# Analysis `{name}`",
        "",
        "Made by the workflow hone, from events to limits. `report.html` shows everything.",
        "",
        *_contents(config),
        "",
        "```",
        summary.rstrip(),
        "```",
        "",
        "## How it was made",
        "",
        f"- config, with all defaults: `config.yaml`, {digest(config)}; seed {config['seed']}",
        "- versions: " + ", ".join(f"{k} {v}" for k, v in made_by["versions"].items()),
        "- JSON and ROOT files and models have a `provenance`: digests of settings and code,",
        "  versions, command; the JSON beside a log has that of every job",
        "",
        "Remake everything: `snakemake --cores 2 --forceall --configfile " + place + "`; one file:",
        "",
        "```console",
        f"$ snakemake --cores 2 --force <file> --configfile {place}",
        "```",
        "",
        "## Figures",
    ]
    for kind, several in sorted(by_kind.items()):
        lines += ["", f"### {kind.replace('_', ' ')}", "", _plain(captions.get(kind, "")), ""]
        lines += [
            f"- [`{Path(figure).name}`](figures/{Path(figure).name}): "
            f"`snakemake --cores 2 --force {figure} --configfile {place}`"
            for figure in several
        ]
    return "\n".join(lines) + "\n"


def _contents(config: Mapping[str, Any]) -> list[str]:
    samples = ", ".join(f"{s['name']} ({s['process']})" for s in config["samples"])
    systematics = ", ".join(dict.fromkeys(s["name"] for s in config["systematics"])) or "none"
    free = ", ".join(n["name"] for n in config["normfactors"]) or "none"
    regions = ", ".join(r["name"] for r in config["regions"]) or "one with all events"
    observables = ", ".join(
        f"{o['name']} ({o['kind']}" + (f", {o['objective']})" if "objective" in o else ")")
        for o in config["observables"]
    )
    return [
        f"- samples: {samples}",
        f"- regions: {regions}",
        f"- systematics: {systematics}",
        f"- free normalisations: {free}",
        f"- observables: {observables}",
    ]


def _plain(caption: str) -> str:
    """A caption of the report without the name of the observable."""
    named = re.sub(r"\{\{ *snakemake\.wildcards\.(\w+) *\}\}", r"the \1", caption)
    return " ".join(named.split())
