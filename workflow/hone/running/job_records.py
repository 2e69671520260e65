"""Records of jobs: what made the files of a results folder, or why not, kept in the folder."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from hone.running.files import read_json, write_json
from hone.running.provenance import digest

__all__ = [
    "JobDigests",
    "Provenance",
    "errors_since",
    "forget",
    "has_error",
    "job_digests",
    "write_error",
    "write_record",
]

_JOB = re.compile(r"^(?P<name>rule (?P<rule>\w+)( \((?P<job>[^)]*)\))?): ")
"""How the message of a job begins."""
_OF_SAMPLE = re.compile(
    r"^rule (?P<rule>\w+) \((?P<job>[^)]*)\): (?P<what>sample '(?P<sample>[^']*)': .*)", re.DOTALL
)
"""How it begins if something is wrong with the events of a sample."""
_NAMED = 3
"""Most jobs that are named beside the first that failed for the same reason."""


class JobDigests(TypedDict):
    """What determines the outputs of a job: digests of settings and code, and versions."""

    settings: str
    ntuples: NotRequired[str]
    """Of the user's own files, if the job reads them."""
    code: str
    versions: Mapping[str, str]


class Provenance(JobDigests):
    """How the outputs of a job were made: the same for the same inputs."""

    workflow: str
    rule: str
    wildcards: Mapping[str, str]
    command: str


def write_record(log: str | Path, outputs: Sequence[str], provenance: Mapping[str, Any]) -> None:
    """Write the record of a successful job beside its log."""
    write_json(_beside(log), {"outputs": list(map(str, outputs)), "provenance": provenance})


def write_error(log: str | Path, message: str, own: Mapping[str, Sequence[str]]) -> None:
    """Write why a job failed beside its log.

    Args:
        log: of the job.
        message: why.
        own: what tells jobs of one rule apart, its ``wildcards`` and ``inputs``.
    """
    write_json(_beside(log, ".error"), {"message": message, **own})


def errors_since(logs: str | Path, start: float) -> list[str]:
    """Why jobs failed, each reason once, with the jobs that failed alike, as of several samples.

    Args:
        logs: folder of the logs of an analysis.
        start: of the run, as ``time.time`` gives it.
    """
    found = sorted((p.stat().st_mtime, p) for p in Path(logs).rglob("*.error"))
    errors = [read_json(path) for written, path in found if written >= start]
    alike: list[tuple[set[str], list[str]]] = []
    # What lists several problems first: one of them may have ended another job, too. And samples
    # before their variations.
    for error in sorted(
        errors, key=lambda e: (-len(e["message"].splitlines()), ": variation '" in e["message"])
    ):
        reasons = _reasons(error)
        for known, messages in alike:
            if reasons <= known:
                messages.append(error["message"])
                break
        else:
            alike.append((reasons, [error["message"]]))
    return [_with_others(*dict.fromkeys(messages)) for _, messages in alike]


def _reasons(error: Mapping[str, Any]) -> set[str]:
    """The lines of a message, without what tells alike jobs apart: rule, sample, wildcards, inputs,
    trees and events; of problems in a list without what is in brackets, observables and files."""
    message, jobs = _JOB.sub("", error["message"]), error["wildcards"]
    places = "|".join(map(re.escape, sorted([*error["inputs"], *jobs], key=len, reverse=True)))
    own = re.compile(rf"(?<!\w)({places})(?!\w)|event \d+|tree '[^']*'" if places else r"^$")
    first, *others = re.sub(r"^(sample|variation) '[^']*': ", "", message).split("\n")
    return {own.sub("*", first), *(re.sub(r"\([^()]*\)", "", line) for line in others)}


def _with_others(first: str, *others: str) -> str:
    """A message, and which other jobs had one for the same reason."""
    of_rule = _JOB.match(first)
    jobs = [found for other in others if (found := _JOB.match(other))]
    told = _OF_SAMPLE.match(first)
    named = []
    if told and f"{told['job']}__".startswith(f"{told['sample']}__"):
        # It may be the job of a variation that has told it.
        first = f"rule {told['rule']} ({told['sample']}): {told['what']}"
        alike = [job for job in (told, *jobs) if job["rule"] == told["rule"]]
        own = [job for job in alike if f"{job['job']}__".startswith(f"{told['sample']}__")]
        named = ["in its variations"] if any(job["job"] != told["sample"] for job in own) else []
        jobs = [job for job in jobs if job not in own]
    named += [
        f"({job['job']})" if of_rule and of_rule["rule"] == job["rule"] else job["name"]
        for job in jobs[:_NAMED]
    ]
    if not named:
        return first
    more = f" and {len(jobs) - _NAMED} more" if len(jobs) > _NAMED else ""
    return f"{first}; likewise {', '.join(named)}{more}"


def has_error(log: str | Path, start: float) -> bool:
    """Whether the job of a log has said, since the start of the run, why it failed."""
    path = _beside(log, ".error")
    return path.exists() and path.stat().st_mtime >= start


def forget(log: str | Path) -> None:
    """Remove what is left of an earlier job when it starts again."""
    for suffix in (".json", ".error"):
        _beside(log, suffix).unlink(missing_ok=True)


def job_digests(params: Mapping[str, Any]) -> JobDigests:
    """Digests and versions that determine the outputs of a job, from the parameters of its rule."""
    others = ("made_by", "contents")
    made_by, contents = params["made_by"], params.get("contents")
    found = JobDigests(
        settings=digest({k: v for k, v in params.items() if k not in others}),
        code=made_by["code"],
        versions=made_by["versions"],
    )
    return {**found, "ntuples": digest(contents)} if contents else found


def _beside(log: str | Path, suffix: str = ".json") -> Path:
    return Path(log).with_suffix(suffix)
