"""Results that another config or other code made, where Snakemake does not know it.

Snakemake's records are in ``.snakemake/metadata``. Where results come without these, it takes any
file that exists for up to date; the records of jobs (:mod:`hone.records`) know better.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from hone.errors import InputError
from hone.files import read_json

__all__ = ["Difference", "differences", "explain"]


class Difference(NamedTuple):
    """A file that the present config and code would make otherwise."""

    rule: str
    what: str
    """``settings``, ``code`` or ``versions (...)``."""
    path: str


def differences(
    folder: str | Path,
    is_known: Callable[[str], bool],
    digests: Callable[[str, Mapping[str, str]], Mapping[str, Any] | None],
) -> Iterator[Difference]:
    """Files whose records say that the present config and code make something else.

    Args:
        folder: of an analysis, ``results/<analysis>``.
        is_known: whether Snakemake has a record of a file: then it finds changes by itself.
        digests: of a job by rule and wildcards, as :func:`hone.records.job_digests` gives them, or
            None if there is no such job.
    """
    for path in sorted(Path(folder, "logs").rglob("*.json")):
        try:
            record = read_json(path)
            outputs, made = record["outputs"], record["provenance"]
            rule, wildcards = made["rule"], made["wildcards"]
        except (InputError, KeyError, TypeError):
            continue
        unknown = [o for o in outputs if Path(o).exists() and not is_known(o)]
        now = digests(rule, wildcards) if unknown else None
        if now is None:
            continue
        if made["settings"] != now["settings"]:
            yield Difference(rule, "settings", unknown[0])
        if made["code"] != now["code"]:
            yield Difference(rule, "code", unknown[0])
        if made["versions"] != now["versions"]:
            before, after = made["versions"], now["versions"]
            changed = [
                f"{name} {before.get(name, 'none')}, here {after.get(name, 'none')}"
                for name in sorted({*before, *after})
                if before.get(name) != after.get(name)
            ]
            yield Difference(rule, f"versions ({'; '.join(changed)})", unknown[0])


def explain(folder: str | Path, found: Sequence[Difference]) -> str:
    """What differs, and what to do."""
    lines = []
    for (rule, what), several in groupby(sorted(found), key=lambda d: (d.rule, d.what)):
        paths = [difference.path for difference in several]
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        lines.append(f"- other {what} in {rule}: {paths[0]}{more}")
    return (
        f"{folder} was made with another config, code or versions, and Snakemake's records of it "
        "(.snakemake/metadata) are not here, so that it would be taken for up to date:\n"
        + "\n".join(lines)
        + f"\nTo have all made again: rm -r {folder}\nTo keep it as it is: copy "
        ".snakemake/metadata too, or take the config, commit and versions that it was made with."
    )
