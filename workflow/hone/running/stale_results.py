"""Results of another config, other code or other ntuples that Snakemake takes for up to date.

Snakemake relies on its records in ``.snakemake/metadata``, which may be missing or belong to other
files: results may have been copied, linked from another folder, or touched. The record of each job
(:mod:`hone.running.job_records`) is kept with the results.
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
    """A file that the present config, code and ntuples would make differently."""

    rule: str
    what: str
    """``settings``, ``ntuples``, ``code``, ``versions (...)`` or ``rule``."""
    path: str
    runs_again: bool
    """Whether Snakemake notices as well, and reruns the job."""


def differences(
    folder: str | Path,
    digests: Callable[[str, Mapping[str, str]], Mapping[str, Any] | None],
    runs_again: Callable[[str, Mapping[str, str], Sequence[str]], bool],
    makes: Callable[[str, str], bool],
) -> Iterator[Difference]:
    """Files that were not made with the present config, code and ntuples, by their records.

    Args:
        folder: of an analysis, ``results/<analysis>``.
        digests: of a job by rule and wildcards, as :func:`.job_records.job_digests` gives them, or
            None if there is no such job.
        runs_again: whether Snakemake itself reruns a job, from its rule, wildcards and existing
            outputs.
        makes: whether a rule still makes a file: False if another one does now.
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
        if not makes(rule, there[0]):
            # Of a job with an output that was never made Snakemake compares nothing.
            yield Difference(rule, "rule", there[0], False)
            continue
        different = [key for key in _OF_RESULTS if made.get(key) != now.get(key)]
        if different:
            again = runs_again(rule, wildcards, there)
            for key in different:
                what = _versions(made[key], now[key]) if key == "versions" else key
                yield Difference(rule, what, there[0], again)


def explain(folder: str | Path, found: Sequence[Difference], why: str, cure: str = "") -> str:
    """A message: what differs, and what to do.

    Args:
        folder: of the analysis.
        found: what differs.
        why: the results would be taken for up to date.
        cure: what to do, if not to remove files.
    """
    lines = []
    for (rule, what), several in groupby(sorted(found), key=lambda d: (d.rule, d.what)):
        paths = [difference.path for difference in several]
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        lines.append(f"- other {what} in {rule}: {paths[0]}{more}")
    cure = cure or (
        f"To remake these files, remove them, or all: rm -r {folder}\nTo keep them, use the "
        "config, commit, versions and ntuples that they were made with. Copied results need "
        "their .snakemake: cp -a results .snakemake <clone>/"
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
