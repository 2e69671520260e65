"""Results that another config, other code or other ntuples made, where Snakemake does not see it.

Snakemake goes by its own records in ``.snakemake/metadata``. These may be missing, or belong to
other files: results were copied here, are shared with another folder by a link, or were touched.
The record of each job (:mod:`hone.running.job_records`) lies with the results and knows better.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from hone.errors import InputError
from hone.running.files import read_json

__all__ = ["Difference", "differences", "explain"]

_OF_RESULTS = ("settings", "ntuples", "code", "versions")


class Difference(NamedTuple):
    """A file that the present config, code and ntuples would make otherwise."""

    rule: str
    what: str
    """``settings``, ``ntuples``, ``code`` or ``versions (...)``."""
    path: str
    runs_again: bool
    """Whether Snakemake sees it too, and makes the file anew."""


def differences(
    folder: str | Path,
    digests: Callable[[str, Mapping[str, str]], Mapping[str, Any] | None],
    runs_again: Callable[[str, Mapping[str, str], Sequence[str]], bool],
) -> Iterator[Difference]:
    """Files whose records say that the present config, code and ntuples make something else.

    Args:
        folder: of an analysis, ``results/<analysis>``.
        digests: of a job by rule and wildcards, as :func:`.job_records.job_digests` gives them, or
            None if there is no such job.
        runs_again: whether Snakemake sees by itself, from rule, wildcards and those outputs of a
            job that exist, that they are to be made anew.
    """
    for path in sorted(Path(folder, "logs").rglob("*.json")):
        try:
            record = read_json(path)
            outputs, made = record["outputs"], record["provenance"]
            rule, wildcards = made["rule"], made["wildcards"]
        except (InputError, KeyError, TypeError):
            continue
        there = [output for output in outputs if os.path.exists(output)]
        now = digests(rule, wildcards) if there else None
        if now is None:
            continue
        different = [key for key in _OF_RESULTS if made.get(key) != now.get(key)]
        if different:
            again = runs_again(rule, wildcards, there)
            for key in different:
                what = _versions(made[key], now[key]) if key == "versions" else key
                yield Difference(rule, what, there[0], again)


def explain(folder: str | Path, found: Sequence[Difference], why: str, cure: str = "") -> str:
    """What differs, and what to do.

    Args:
        folder: of the analysis.
        found: what differs.
        why: it would be taken for up to date.
        cure: what to do, where it is not to remove files.
    """
    lines = []
    for (rule, what), several in groupby(sorted(found), key=lambda d: (d.rule, d.what)):
        paths = [difference.path for difference in several]
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        lines.append(f"- other {what} in {rule}: {paths[0]}{more}")
    cure = cure or (
        f"To have these files made again, remove them, or all: rm -r {folder}\nTo keep them, take "
        "the config, commit, versions and ntuples that they were made with. Results that are "
        "copied need their .snakemake: cp -a results .snakemake <clone>/"
    )
    return (
        f"{folder} was made with another config, other code, versions or ntuples, and would be "
        f"taken for up to date: {why}.\n" + "\n".join([*lines, cure, ""])
    )


def _versions(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    changed = [
        f"{name} {before.get(name, 'none')}, here {after.get(name, 'none')}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
    return f"versions ({'; '.join(changed)})"
